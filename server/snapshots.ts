// When a room writes a snapshot, and of what.
//
// The engine's state runs ahead of the log by what is being committed, and a snapshot must never hold an op that
// the log does not. So one that is taken with commits in flight is held back until the last of them is in.

import type { Limits } from './limits.js';

export class SnapshotPlan<Mark extends object> {
  private entries = 0;
  private bytes = 0;
  private held: { bytes: Uint8Array; mark: Mark } | null = null;
  private isWriting = false;

  constructor(
    private readonly limits: Pick<Limits, 'snapshotEntriesMin' | 'snapshotBytesMin'>,
    private snapshotBytes: number,
  ) {}

  noteGrowth(entries: number, bytes: number): void {
    this.entries += entries;
    this.bytes += bytes;
  }

  /**
   * A big snapshot is due more rarely, so that what is written stays in proportion to what was changed:
   * after as many bytes of log as it has itself, or one entry per 64 of its bytes.
   */
  isDue(): boolean {
    if (this.isWriting || this.held !== null) return false;
    return this.bytes >= Math.max(this.limits.snapshotBytesMin, this.snapshotBytes)
      || this.entries >= Math.max(this.limits.snapshotEntriesMin, this.snapshotBytes / 64);
  }

  hold(bytes: Uint8Array, mark: Mark): void {
    this.held = { bytes, mark };
  }

  /** Others wrote in between: the held state is not the log's state at any LSN. */
  discard(): void {
    this.held = null;
  }

  /** The held bytes, once the entry they wait for is committed. */
  release(committed: readonly Mark[]): { bytes: Uint8Array; mark: Mark } | null {
    const { held } = this;
    if (held === null || !committed.includes(held.mark)) return null;
    this.held = null;
    return held;
  }

  /** Runs `write`. A failure costs nothing but a later try: the log has everything. */
  async write(bytes: Uint8Array, write: () => Promise<void>): Promise<void> {
    this.isWriting = true;
    this.entries = 0;
    this.bytes = 0;
    try {
      await write();
      this.snapshotBytes = bytes.length;
    } finally {
      this.isWriting = false;
    }
  }
}
