// What a document knows of the server's log: how far it has been taken in, and what the server has committed.

import { decodeVersion, encodeVersion } from '../core/codec.js';
import type { ReplicaId } from '../core/replica.js';
import type { Cursor } from '../storage/storage.js';
import type { OwnBatch } from '../sync/connection.js';
import { EngineDocument } from '../core/document.js';
import type { Block } from './blocks.js';

export class LogPosition {
  /** Per replica, the last seq the server is known to have committed, as an op or as a void. */
  readonly committed = new Map<ReplicaId, number>();
  #at: { epoch: string; lsn: number } | null = null;
  /** What the server had when it answered the last subscribe; null once all of it is here. */
  #promised: ReadonlyMap<ReplicaId, number> | null = null;
  /** Replicas that somebody else writes under too: what the server has of them says nothing about our ops. */
  readonly #conflicted = new Set<ReplicaId>();

  /**
   * As it is stored; null before the first contact.
   *
   * @param open  batches that were refused, of which that is not stored yet: the next session is to hear of them again
   */
  cursor(open: readonly OwnBatch[] = []): Cursor | null {
    if (!this.#at) return null;
    const committed = open.length === 0 ? this.committed : new Map(this.committed);
    for (const { replica, seqFrom } of open) committed.set(replica, Math.min(seqFrom - 1, committed.get(replica) ?? 0));
    return { ...this.#at, acked: encodeVersion(committed) };
  }

  /** Nothing is known of any log. */
  get isBlank(): boolean { return this.#at === null && this.committed.size === 0 && this.#conflicted.size === 0 && !this.isPromised; }

  /** Nothing of the log is taken for granted: it is read from its beginning. */
  forget(): void { this.#at = this.#at && { ...this.#at, lsn: 0 }; }

  load(cursor: Cursor): void {
    this.#at ??= { epoch: cursor.epoch, lsn: cursor.lsn };
    for (const [replica, seq] of decodeVersion(cursor.acked)) this.commit(replica, seq);
  }

  move(cursor: { epoch: string; lsn: number }): void { this.#at = { epoch: cursor.epoch, lsn: cursor.lsn }; }

  seqOf(replica: ReplicaId): number { return this.committed.get(replica) ?? 0; }

  commit(replica: ReplicaId, seq: number): void {
    if (seq > this.seqOf(replica) && !this.#conflicted.has(replica)) this.committed.set(replica, seq);
  }

  conflict(replica: ReplicaId, isConflicted: boolean): void {
    if (isConflicted) this.#conflicted.add(replica);
    else this.#conflicted.delete(replica);
  }

  /** Whether a server with this version lacks what it once had: it was put back to an earlier day. */
  isLostBy(version: ReadonlyMap<ReplicaId, number>): boolean {
    return [...this.committed].some(([replica, seq]) => seq > (version.get(replica) ?? 0));
  }

  lower(version: ReadonlyMap<ReplicaId, number>): void {
    for (const [replica, seq] of this.committed) this.committed.set(replica, Math.min(seq, version.get(replica) ?? 0));
  }

  promise(version: ReadonlyMap<ReplicaId, number>): void { this.#promised = version; }

  /** Whether these blocks, and the snapshots among them, are all that was promised. O(blocks) */
  isWithin(blocks: readonly Block[]): boolean {
    const engine = new EngineDocument('f'.repeat(16));
    try {
      for (const { bytes } of blocks) engine.apply(bytes);
      return [...this.#promised ?? []].every(([replica, seq]) => engine.seqOf(replica) >= seq);
    } finally {
      engine.free();
    }
  }

  get isPromised(): boolean { return this.#promised !== null; }

  /** Called when the log has been taken in up to its head. @returns false when something promised is not here */
  settle(knownSeq: (replica: ReplicaId) => number): boolean {
    const promised = this.#promised ?? [];
    this.#promised = null;
    return [...promised].every(([replica, seq]) => knownSeq(replica) >= seq);
  }
}
