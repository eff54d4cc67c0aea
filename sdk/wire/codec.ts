// What the wire needs of the engine's codec: the frame header and version vectors.
//
// Temporary: written out here until sdk/core/codec.ts exports these same names; then this file goes.

import { HeadwaterError } from '../core/errors.js';
import { replicaFromWords, replicaToWords, type ReplicaId } from '../core/replica.js';

export const frameHeaderBytes = 13;

export function writeFrameHeader(target: Uint8Array, type: number, stamp: bigint, length: number): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setUint8(0, type);
  view.setBigUint64(1, stamp, true);
  view.setUint32(9, length, true);
}

export function readFrameHeader(bytes: Uint8Array): { type: number; stamp: bigint; length: number } | null {
  if (bytes.byteLength < frameHeaderBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { type: view.getUint8(0), stamp: view.getBigUint64(1, true), length: view.getUint32(9, true) };
}

export function encodeVersion(vector: ReadonlyMap<ReplicaId, number>): Uint8Array {
  const bytes = new Uint8Array(vector.size * 12);
  const view = new DataView(bytes.buffer);
  [...vector].forEach(([replica, seq], i) => {
    const [high, low] = replicaToWords(replica);
    view.setUint32(12 * i, high, true);
    view.setUint32(12 * i + 4, low, true);
    view.setUint32(12 * i + 8, seq, true);
  });
  return bytes;
}

export function decodeVersion(bytes: Uint8Array): Map<ReplicaId, number> {
  if (bytes.byteLength % 12 !== 0) throw new HeadwaterError('invalid_update', 'not a version vector');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const vector = new Map<ReplicaId, number>();
  for (let at = 0; at < bytes.byteLength; at += 12) {
    vector.set(replicaFromWords(view.getUint32(at, true), view.getUint32(at + 4, true)), view.getUint32(at + 8, true));
  }
  return vector;
}

export function voidOf(_batch: Uint8Array): Uint8Array {
  throw new HeadwaterError('internal', 'the engine is not here yet');
}

export function stampOf(nowMs: number): bigint {
  return BigInt(Math.floor(nowMs)) << 16n;
}

export function stampToMs(stamp: bigint): number {
  return Number(stamp >> 16n);
}
