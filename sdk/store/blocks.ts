// Blocks: what updates consist of, cut apart. A batch, or the void that takes a refused batch's place, with its bytes.

import { readBlocks, voidOf } from '../core/codec.js';
import type { ReplicaId } from '../core/replica.js';
import type { OwnBatch } from '../sync/connection.js';

export interface Block extends OwnBatch {
  readonly kind: 'batch' | 'void' | 'snapshot';
}

/** The blocks of an update. Copies. @throws HeadwaterError `invalid_update` */
export function splitUpdate(update: Uint8Array): Block[] {
  return readBlocks(update).map(({ kind, replica, seqFrom, seqTo, offset, length }) => (
    { kind, replica, seqFrom, seqTo, bytes: update.slice(offset, offset + length) }
  ));
}

export function voidFor(batch: OwnBatch): Block {
  return { kind: 'void', replica: batch.replica, seqFrom: batch.seqFrom, seqTo: batch.seqTo, bytes: voidOf(batch.bytes) };
}

/** Equal for a batch and its void. */
export function nameOf(replica: ReplicaId, seqFrom: number): string { return `${replica}/${seqFrom}`; }

export function opsOf({ seqFrom, seqTo }: { seqFrom: number; seqTo: number }): number { return seqTo - seqFrom + 1; }

export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

type Seqs = Pick<OwnBatch, 'replica' | 'seqFrom' | 'seqTo'>;

/** Whether some seqs are of both. */
export function isOverlapping(a: Seqs, b: Seqs): boolean {
  return a.replica === b.replica && a.seqFrom <= b.seqTo && b.seqFrom <= a.seqTo;
}
