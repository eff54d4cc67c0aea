// Batches stored on this device that the server has not answered, in the order they were stored.
//
// That order is one the server can apply, whatever replicas they are of. The server answers in it too, so what is
// acked stands at the front; a batch of another replica that is acked out of turn waits there, settled.

import type { ReplicaId } from '../core/replica.js';
import { isOverlapping, isSameBytes, nameOf, opsOf, type Block } from './blocks.js';

export class Unacked {
  #blocks = new Map<string, Block>();
  readonly #acked = new Map<ReplicaId, number>();
  /** The last seq that was ever here, of each replica. */
  readonly #lasts = new Map<ReplicaId, number>();

  get isEmpty(): boolean { return this.#blocks.size === 0; }

  /** @returns the ops that were not here yet. O(blocks) */
  add(blocks: readonly Block[]): number {
    let ops = 0;
    for (const block of blocks) {
      const name = nameOf(block.replica, block.seqFrom);
      if (this.#blocks.has(name)) continue;
      this.#blocks.set(name, block);
      this.#lasts.set(block.replica, Math.max(block.seqTo, this.#lasts.get(block.replica) ?? 0));
      ops += opsOf(block);
    }
    return ops;
  }

  /** Puts blocks before all others: what the server had acked once and has lost. O(all) */
  addBefore(blocks: readonly Block[]): number {
    const later = this.list();
    this.#blocks = new Map();
    for (const { replica, seqFrom } of blocks) this.#acked.set(replica, Math.min(this.#acked.get(replica) ?? 0, seqFrom - 1));
    const ops = this.add(blocks);
    this.add(later);
    return ops;
  }

  find(replica: ReplicaId, seqFrom: number): Block | undefined { return this.#blocks.get(nameOf(replica, seqFrom)); }

  /** One with some of the seqs of `block`. O(1) for the log of others and for what comes back as it was sent, else O(all) */
  findWithin(block: Block): Block | undefined {
    if (block.seqFrom > (this.#lasts.get(block.replica) ?? 0)) return undefined;
    return this.find(block.replica, block.seqFrom) ?? this.list().find((each) => isOverlapping(each, block));
  }

  /** Puts another of its name in a block's place. @returns whether there was one, with other bytes */
  replace(block: Block): boolean {
    const known = this.find(block.replica, block.seqFrom);
    if (!known || isSameBytes(known.bytes, block.bytes)) return false;
    this.#blocks.set(nameOf(block.replica, block.seqFrom), block);
    return true;
  }

  /** @returns the block, which is here no longer */
  take(replica: ReplicaId, seqFrom: number): Block | undefined {
    const block = this.find(replica, seqFrom);
    this.#blocks.delete(nameOf(replica, seqFrom));
    return block;
  }

  /** Takes out what is acked. @returns how many ops that were. O(taken out) */
  settle(version: ReadonlyMap<ReplicaId, number>): number {
    for (const [replica, seq] of version) this.#acked.set(replica, Math.max(seq, this.#acked.get(replica) ?? 0));
    let ops = 0;
    for (const [name, block] of this.#blocks) {
      if (block.seqTo > (this.#acked.get(block.replica) ?? 0)) break;
      this.#blocks.delete(name);
      ops += opsOf(block);
    }
    return ops;
  }

  list(): Block[] { return [...this.#blocks.values()]; }

  /** The last seq of each replica here. O(all) */
  ends(): Map<ReplicaId, number> { return new Map(this.list().map(({ replica, seqTo }) => [replica, seqTo])); }
}
