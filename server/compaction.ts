// Lets go of logs, a little at a time: what is older than the retention window and what a snapshot stands for.
//
// Any node may do it, and two at once do no harm. Who comes back from before the window starts from a snapshot, keeps what it
// has written, and is told by the version vector what of that is here already.

import type { Lsn } from '../sdk/wire/message.js';
import type { Limits } from './limits.js';
import type { Log } from './log.js';
import type { Store } from './store/store.js';

/** Log entries of one transaction, so that writers never wait long. */
const rowsMax = 10_000;
const documentsMax = 100;

export class Compaction {
  private checkedMs = -Infinity;
  private isRunning = false;

  /** @param compacted  hears of every document whose log now begins later */
  constructor(
    private readonly store: Store,
    private readonly limits: Pick<Limits, 'retentionMs' | 'compactionCheckMs'>,
    private readonly log: Log,
    private readonly compacted: (document: string, floor: Lsn) => void,
  ) {}

  /** To be called every second or so. */
  tick(nowMs: number): void {
    const { retentionMs, compactionCheckMs } = this.limits;
    if (retentionMs === 0 || this.isRunning || nowMs - this.checkedMs < compactionCheckMs) return;
    this.checkedMs = nowMs;
    this.isRunning = true;
    void this.compactAll(nowMs - retentionMs).then(
      (count) => count > 0 && this.log.info({ documents: count }, 'logs were compacted'),
      (cause: Error) => this.log.warn({ reason: cause.message }, 'logs were not compacted'),
    ).finally(() => (this.isRunning = false));
  }

  /** Everything of before `beforeMs`. @returns the documents of which something went */
  async compactAll(beforeMs: number, progress?: (documents: number) => void): Promise<number> {
    let count = 0;
    for (;;) {
      const documents = await this.store.findCompactable(beforeMs, documentsMax);
      if (documents.length === 0) return count;
      for (const document of documents) this.compacted(document, await this.compactOne(document, beforeMs));
      count += documents.length;
      progress?.(count);
    }
  }

  async compactOne(document: string, beforeMs: number): Promise<Lsn> {
    let floor: Lsn = -1;
    for (;;) {
      const next = await this.store.compact(document, beforeMs, rowsMax);
      if (next === floor) return floor;
      floor = next;
    }
  }
}
