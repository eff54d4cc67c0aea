// The inbox of refused writes: what the server would not have, kept on this device until the app writes it again or lets it go.
//
// An entry is a value of the device's meta, stored in the very append that stores the void in the batch's place, and removed
// in the very append that stores what `retry` wrote: whenever a process dies, the write is in the document or in the inbox.
//
//   rejected/<replica>/<first seq>/<document>  →  u32 JSON bytes, little-endian · JSON, UTF-8 · the batch as it was written
//
// Tabs tell each other which keys have changed.

import { joinBytes } from '../core/bytes.js';
import { HeadwaterError, type ErrorCode } from '../core/errors.js';
import { isReplicaId, type ReplicaId } from '../core/replica.js';
import type { MetaWrite, Storage } from '../storage/storage.js';
import { isDocumentId } from '../wire/limits.js';
import { renameIn, type Change, type Rename } from './changes.js';
import { Listeners } from './observable.js';
import type { Write } from './write.js';

/** A write the server refused. */
export interface Refused {
  readonly document: string;
  readonly replica: ReplicaId;
  readonly seqFrom: number;
  readonly seqTo: number;
  readonly code: ErrorCode;
  /** What to do next. */
  readonly message: string;
  readonly error: HeadwaterError;
  /** When this device heard of it, in ms since 1970. */
  readonly when: number;
  /** What it had changed, by path: what stood there before, and what it wanted. */
  readonly changes: readonly Change[];
  /** The refused batch as it was written. */
  readonly bytes: Uint8Array;
  /** Makes the same change as a new write. It leaves the inbox when that is durable, and comes back should it be refused too. */
  retry(): Write;
  /** Lets it go for good. */
  discard(): Promise<void>;
}

/** Refused writes, oldest first: an array that can be listened to. */
export interface RejectedList extends ReadonlyArray<Refused> {
  /** Frozen; the same array until it changes. */
  get(): readonly Refused[];
  /** Called when it has changed, in whichever tab of this device. @returns stops it */
  subscribe(listener: (refused: readonly Refused[]) => void): () => void;
  /** Writes all of them again, in their order. */
  retry(): Write[];
  /** Lets all of them go. */
  discard(): Promise<void>;
}

/** What was refused, as the store tells it. */
export type Refusal = Omit<Refused, 'error' | 'when' | 'retry' | 'discard'>;

/** As it is kept. `place` orders them: clocks jump. */
interface Facts extends Refusal { readonly when: number; readonly place: number }

export interface RejectedHost {
  readonly storage: Pick<Storage, 'metaKeys' | 'readMeta' | 'writeMeta'>;
  /** Writes an entry's changes again. `notes` go to the storage with what that writes. */
  writeAgain(refused: Refused, notes: (renames: readonly Rename[]) => MetaWrite[]): Write;
  changed(): void;
  failed(error: HeadwaterError): void;
  /** Tells the other tabs. */
  post(keys: readonly string[]): void;
}

const prefix = 'rejected/';
/** When there is more, the oldest go, and the status says so. The newest stays, however large it is. */
export const rejectedMax = { count: 1000, bytes: 16 * 2 ** 20 };

interface Entry extends Facts {}
class Entry implements Refused {
  readonly error: HeadwaterError;
  #write: Write | null = null;
  readonly #inbox: Inbox;

  constructor(inbox: Inbox, facts: Facts, readonly size: number) {
    Object.assign(this, facts);
    const { code, message, document, replica, seqFrom, seqTo } = facts;
    this.#inbox = inbox;
    this.error = new HeadwaterError(code, message, { document, replica, seqFrom, seqTo });
  }

  get key(): string { return keyOf(this); }

  retry(): Write {
    if (this.#write) return this.#write;
    const write = (this.#write = this.#inbox.writeAgain(this));
    write.durable.then(() => this.#inbox.drop([this.key]), () => { this.#write = null; });
    return write;
  }

  discard(): Promise<void> { return this.#inbox.discardAll([this]); }
}

export class Inbox extends Array<Entry> implements RejectedList {
  /** What `map` and `filter` give is an array like any other. */
  static override get [Symbol.species]() { return Array; }
  readonly #listeners = new Listeners<[readonly Refused[]]>();
  readonly #host: RejectedHost;
  #shown: readonly Refused[] | null = null;

  constructor(host: RejectedHost) {
    super();
    this.#host = host;
  }

  get(): readonly Refused[] { return (this.#shown ??= Object.freeze([...this])); }

  subscribe(listener: (refused: readonly Refused[]) => void): () => void { return this.#listeners.add(listener); }

  retry(): Write[] { return [...this].map((entry) => entry.retry()); }

  discard(): Promise<void> { return this.discardAll([...this]); }

  // ---- coming and going ---------------------------------------------------------------------------

  /** @returns what is to be stored with the void in its place */
  take(refusal: Refusal): MetaWrite[] {
    const facts = { ...refusal, when: Date.now(), place: (this.at(-1)?.place ?? 0) + 1 };
    const bytes = encode(facts);
    this.#put(new Entry(this, facts, bytes.length));
    return [[keyOf(facts), bytes], ...this.#overflow().map((key): MetaWrite => [key, null])];
  }

  /** The oldest that there is no room for. @returns their keys */
  #overflow(): string[] {
    let [count, bytes] = [this.length, this.reduce((sum, { size }) => sum + size, 0)];
    const keys: string[] = [];
    for (const { key, size } of this.slice(0, -1)) {
      if (count <= rejectedMax.count && bytes <= rejectedMax.bytes) break;
      keys.push(key);
      count--;
      bytes -= size;
    }
    if (keys.length === 0) return keys;
    this.#host.failed(new HeadwaterError('too_large', `${keys.length} of the oldest refused writes were dropped: there was no room for more; retry or discard those in client.rejected`, { dropped: keys.length, ...rejectedMax }));
    this.drop(keys);
    return keys;
  }

  #put(...entries: Entry[]): void {
    const keys = new Set(entries.map(({ key }) => key));
    const all = [...this.filter(({ key }) => !keys.has(key)), ...entries];
    this.#set(all.sort((a, b) => a.place - b.place || (a.key < b.key ? -1 : 1)));
  }

  drop(keys: readonly string[]): void {
    if (this.some(({ key }) => keys.includes(key))) this.#set(this.filter(({ key }) => !keys.includes(key)));
  }

  #set(entries: readonly Entry[]): void {
    this.splice(0, Infinity, ...entries);
    this.#shown = null;
    this.#host.changed();
    this.#listeners.emit(this.get());
  }

  async discardAll(entries: readonly Entry[]): Promise<void> {
    const keys = entries.map(({ key }) => key);
    this.drop(keys);
    await Promise.all(keys.map((key) => this.#host.storage.writeMeta(key, null)));
    this.#host.post(keys);
  }

  /** A document is removed from this device. */
  discardOf(document: string): Promise<void> { return this.discardAll(this.filter((entry) => entry.document === document)); }

  // ---- writing again ------------------------------------------------------------------------------

  writeAgain(entry: Entry): Write {
    if (!this.includes(entry)) throw new HeadwaterError('invalid_argument', 'this write is not in client.rejected any more');
    if (entry.changes.length === 0) throw new HeadwaterError('invalid_update', 'what this write had changed could not be read; `bytes` has it as it was written', { document: entry.document });
    return this.#host.writeAgain(entry, (renames) => [[entry.key, null], ...this.#rename(entry, renames)]);
  }

  /** Those that were written on `entry` find its elements by their new names. */
  #rename({ key, document }: Entry, renames: readonly Rename[]): MetaWrite[] {
    const others = this.filter((entry) => entry.document === document && entry.key !== key);
    return others.filter(({ changes }) => renameIn(changes, renames)).map((entry) => [entry.key, encode(entry)]);
  }

  // ---- with the storage, and other tabs -----------------------------------------------------------

  async load(): Promise<void> { await this.heard(await this.#host.storage.metaKeys(prefix)); }

  /** These have changed in the storage. */
  async heard(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const value = await this.#host.storage.readMeta(key);
      const facts = value && decode(value);
      if (facts && keyOf(facts) === key) this.#put(new Entry(this, facts, value.length));
      else this.drop([key]);
    }
  }

  /** One of a backup, which is checked already. */
  async restore(value: Uint8Array): Promise<void> {
    const key = keyOf(decode(value)!);
    await this.#host.storage.writeMeta(key, value);
    await this.heard([key]);
    this.#host.post([key]);
  }

  /** As they are stored, for a backup. */
  encoded(): Uint8Array[] { return this.map(encode) as Uint8Array[]; }
}

function keyOf({ replica, seqFrom, document }: Facts): string { return `${prefix}${replica}/${seqFrom}/${document}`; }

function encode({ document, replica, seqFrom, seqTo, code, message, when, place, changes, bytes }: Facts): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify({ document, replica, seqFrom, seqTo, code, message, when, place, changes }));
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, json.length, true);
  return joinBytes([head, json, bytes]);
}

/** Null for bytes that are none. */
export function decode(value: Uint8Array): Facts | null {
  try {
    const end = 4 + new DataView(value.buffer, value.byteOffset, value.length).getUint32(0, true);
    const facts = JSON.parse(new TextDecoder().decode(value.subarray(4, end))) as Facts;
    const { document, replica, seqFrom, seqTo, code, message, when, place, changes } = facts;
    const isFit = isDocumentId(document) && isReplicaId(replica) && [seqFrom, seqTo, when, place].every(Number.isSafeInteger)
      && typeof code === 'string' && typeof message === 'string' && Array.isArray(changes) && end <= value.length;
    return isFit ? { ...facts, bytes: value.slice(end) } : null;
  } catch {
    return null;
  }
}
