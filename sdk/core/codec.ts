// Bytes that mean something without a document: blocks, version vectors, checksums.

import { BlockKind } from '../../assembly/abi.js';
import { HeadwaterError } from './errors.js';
import { outboxCopy, outboxWords, putBytes } from './memory.js';
import { isReplicaId, replicaFromWords, replicaToWords, type ReplicaId } from './replica.js';
import * as engine from './wasm.js';

export interface BatchInfo {
  kind: 'batch' | 'void' | 'snapshot';
  /** '' for a snapshot. */
  replica: ReplicaId;
  seqFrom: number;
  seqTo: number;
  /** Where the block lies in the update. */
  offset: number;
  length: number;
}

const kinds = { [BlockKind.Batch]: 'batch', [BlockKind.Void]: 'void', [BlockKind.Snapshot]: 'snapshot' } as const;

/**
 * Lists the blocks of an update by their heads; their contents are checked where they are applied.
 *
 * @throws HeadwaterError `invalid_update` when they do not add up to the whole
 */
export function readBlocks(update: Uint8Array): BatchInfo[] {
  const blocks: BatchInfo[] = [];
  putBytes(update);
  let offset = 0;
  while (offset < update.length) {
    if (!engine.block_inspect(offset, update.length)) throw malformed();
    const block = readHead(offset);
    blocks.push(block);
    offset += block.length;
  }
  return blocks;
}

/**
 * How many bytes of whole blocks an update begins with: at most `bytesMax`, or all of its first block.
 *
 * @throws HeadwaterError `invalid_update` when it does not begin with a whole block
 */
export function wholeBlocks(update: Uint8Array, bytesMax: number): number {
  for (let held = bytesMax; ; held *= 4) {
    const part = update.subarray(0, held);
    putBytes(part);
    const end = engine.blocks_whole(part.length);
    if (end > 0 || part.length === 0) return end;
    if (part.length === update.length) throw malformed();
  }
}

function readHead(offset: number): BatchInfo {
  const head = outboxWords();
  const kind = kinds[head[0] as BlockKind];
  const isOps = kind !== 'snapshot';
  return {
    kind,
    replica: isOps ? replicaFromWords(head[5], head[4]) : '',
    seqFrom: head[2],
    seqTo: isOps ? head[2] + head[3] - 1 : 0,
    offset,
    length: head[1] - offset,
  };
}

/** The void that takes a refused batch's place in its author's sequence. @throws HeadwaterError `invalid_update` */
export function voidOf(batch: Uint8Array): Uint8Array {
  putBytes(batch);
  engine.workOn(null);
  if (!engine.block_void(batch.length)) throw malformed();
  return outboxCopy();
}

/** The wall time of a batch's first stamp, in ms since 1970; null when no op of it has one. */
export function firstStampMs(batch: Uint8Array): number | null {
  const at = firstStampAt(batch);
  return at === null ? null : Math.floor(Number(viewOf(batch).getBigUint64(at, true) >> 16n));
}

/** The same batch, its first stamp the first of a ms and its others as far after it as they were. A copy. */
export function withFirstStamp(batch: Uint8Array, ms: number): Uint8Array {
  const copy = batch.slice();
  viewOf(copy).setBigUint64(firstStampAt(batch)!, BigInt(ms) << 16n, true);
  return copy;
}

/** assembly/codec/FORMAT.md, "Batch". */
function firstStampAt(batch: Uint8Array): number | null {
  const after = (at: number, varints = 1): number => {
    for (; varints > 0; varints--) at = readVarint(batch, at)!.end;
    return at;
  };
  let at = after(after(1) + 8, 2);
  const flags = batch[at++];
  if (!(flags & 4)) return null;
  if (flags & 1) {
    const { number, end } = readVarint(batch, at)!;
    at = end + 8 * number;
  }
  if (flags & 2) {
    const { number, end } = readVarint(batch, at)!;
    at = after(end, 2 * number);
  }
  return at;
}

function viewOf(bytes: Uint8Array): DataView { return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength); }

function malformed(): HeadwaterError {
  return new HeadwaterError('invalid_update', 'these bytes are not a Headwater update; pass on exactly what export, snapshot or an update listener gave');
}

/** @throws HeadwaterError `invalid_update` */
export function decodeVersion(bytes: Uint8Array): Map<ReplicaId, number> {
  const vector = new Map<ReplicaId, number>();
  if (bytes.length === 0) return vector;
  const count = readVarint(bytes, 0);
  let at = count?.end;
  for (let left = count?.number ?? 0; left > 0 && at; left--) {
    const name = readName(bytes, at);
    if (name) vector.set(name.replica, name.number);
    at = name?.end;
  }
  if (at !== bytes.length) throw malformed();
  return vector;
}

export function encodeVersion(vector: ReadonlyMap<ReplicaId, number>): Uint8Array {
  const entries = [...vector].filter(([replica, seq]) => isReplicaId(replica) && seq > 0).sort(([a], [b]) => (a < b ? -1 : 1));
  const out: number[] = [];
  writeVarint(out, entries.length);
  for (const [replica, seq] of entries) writeName(out, replica, seq);
  return Uint8Array.from(out);
}

/** A replica and one of its numbers, as version vectors and cursors hold them: 8 bytes, little-endian │ varint. */
export function writeName(out: number[], replica: ReplicaId, number: number): void {
  const [high, low] = replicaToWords(replica);
  for (const word of [low, high]) out.push(word & 255, (word >>> 8) & 255, (word >>> 16) & 255, word >>> 24);
  writeVarint(out, number);
}

/** @returns undefined when it is not whole */
export function readName(bytes: Uint8Array, at: number): { replica: ReplicaId; number: number; end: number } | undefined {
  const varint = readVarint(bytes, at + 8);
  if (!varint) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  return { replica: replicaFromWords(view.getUint32(4, true), view.getUint32(0, true)), ...varint };
}

function writeVarint(out: number[], value: number): void {
  for (; value >= 128; value = Math.floor(value / 128)) out.push((value % 128) | 128);
  out.push(value);
}

function readVarint(bytes: Uint8Array, at: number): { number: number; end: number } | undefined {
  let number = 0;
  for (let scale = 1; at < bytes.length && scale <= 2 ** 28; scale *= 128) {
    const byte = bytes[at++];
    number += (byte & 127) * scale;
    if (byte < 128) return { number, end: at };
  }
  return undefined;
}

/** Are these bytes exactly one well-formed value, safe to decode? */
export function isEncodedValue(bytes: Uint8Array): boolean {
  putBytes(bytes);
  return Boolean(engine.value_check(bytes.length));
}

/** CRC-32C. */
export function checksum(bytes: Uint8Array): number {
  putBytes(bytes);
  return engine.bytes_checksum(bytes.length) >>> 0;
}
