// Everything a user has, as one file: `backup` and `restore`, of `headwater/backup`.
//
//   "headwater backup 1\n"
//   per document:  u32 id bytes · u32 update bytes · u32 CRC-32C of id and update · id, UTF-8 · update, as document.export()
//   per refused write, in the place of a document: no id, and the entry of the inbox as rejected.ts stores it
//   at the end:    u32 0xffffffff · u32 documents · u32 CRC-32C of that number
//
// All numbers little-endian. One document is in memory at a time; the file is a Blob, which a browser keeps on its disk when
// it is large. What is in it are ops under the ids of those who made them: importing them anywhere, any number of times,
// merges, and nobody takes over an id. Un-acked ops are in it and are sent by whoever restores it.

import { HeadwaterError } from '../core/errors.js';
import { checksum } from '../storage/checksum.js';
import type { Client } from './client.js';
import { decode } from './rejected.js';

const magic = 'headwater backup 1\n';
const end = 0xffffffff;
const headBytes = 12;

export interface BackupOptions {
  /** Called after each document. @param total  documents of a backup, bytes of a restore */
  onProgress?(done: number, total: number): void;
}

/** All documents of this client, those whose storage fails included as far as memory holds them. */
export async function backup(client: Client, { onProgress }: BackupOptions = {}): Promise<Blob> {
  const ids = await client.documents();
  const parts: BlobPart[] = [magic];
  for (const [i, id] of ids.entries()) {
    const update = await client.visit(id, async (document) => document.export());
    // A Blob of each part lets go of the bytes.
    parts.push(new Blob(entryOf(id, update) as BlobPart[]));
    onProgress?.(i + 1, ids.length);
  }
  const refused = client.inbox.encoded();
  for (const entry of refused) parts.push(new Blob(entryOf('', entry) as BlobPart[]));
  const count = numbers(ids.length + refused.length);
  return new Blob([...parts, numbers(end) as BlobPart, count as BlobPart, numbers(checksum(count)) as BlobPart]);
}

/**
 * Merges a backup into what this client has. Resolves when that is stored; sending goes on.
 *
 * @returns the ids in it
 * @throws HeadwaterError `invalid_update` for a file that is none, was cut short or has changed: nothing has been imported then
 */
export async function restore(client: Client, file: Blob | Uint8Array, { onProgress }: BackupOptions = {}): Promise<string[]> {
  const blob = file instanceof Uint8Array ? new Blob([file as BlobPart]) : file;
  const ids: string[] = [];
  for await (const { id, update } of entriesOf(blob)) {
    if (id !== '') ids.push(id);
    else if (!decode(update)) throw bad('it holds a refused write that is none');
  }
  for await (const { id, update, at } of entriesOf(blob)) {
    if (id === '') await client.inbox.restore(update);
    else await client.visit(id, async (document) => document.import(update));
    onProgress?.(at, blob.size);
  }
  await client.flushed();
  await client.resume();
  return ids;
}

function entryOf(id: string, update: Uint8Array): Uint8Array[] {
  const name = new TextEncoder().encode(id);
  return [numbers(name.length, update.length, checksumOf(name, update)), name, update];
}

async function* entriesOf(blob: Blob): AsyncGenerator<{ id: string; update: Uint8Array; at: number }> {
  if (new TextDecoder().decode(await read(blob, 0, magic.length)) !== magic) throw bad('it does not start as one');
  let at = magic.length;
  for (let count = 0; ; count++) {
    const head = await read(blob, at, headBytes);
    const [nameBytes, updateBytes, sum] = littleEndian(head);
    at += headBytes;
    if (nameBytes === end) return checkEnd(blob, at, count, updateBytes, sum);
    const name = await read(blob, at, nameBytes);
    const update = await read(blob, at + nameBytes, updateBytes);
    if (checksumOf(name, update) !== sum) throw bad(`document ${count + 1} has changed`);
    at += nameBytes + updateBytes;
    yield { id: new TextDecoder().decode(name), update, at };
  }
}

function checkEnd(blob: Blob, at: number, count: number, counted: number, sum: number): void {
  if (counted !== count || sum !== checksum(numbers(count)) || at !== blob.size) throw bad('its end is not where it should be');
}

/** Never reads more than there is: a length that lies is a file cut short. */
async function read(blob: Blob, at: number, count: number): Promise<Uint8Array> {
  if (at + count > blob.size) throw bad('it was cut short');
  return new Uint8Array(await blob.slice(at, at + count).arrayBuffer());
}

function numbers(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => view.setUint32(4 * i, value, true));
  return new Uint8Array(view.buffer);
}

function littleEndian(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function checksumOf(name: Uint8Array, update: Uint8Array): number {
  const joined = new Uint8Array(name.length + update.length);
  joined.set(name);
  joined.set(update, name.length);
  return checksum(joined);
}

function bad(why: string): HeadwaterError {
  return new HeadwaterError('invalid_update', `this is no backup, or not a whole one: ${why}`);
}
