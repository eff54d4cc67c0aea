// When a room writes a snapshot.

import type { Limits } from './limits.js';

export class SnapshotPlan {
  private entries = 0;
  private bytes = 0;
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
    if (this.isWriting) return false;
    return this.bytes >= Math.max(this.limits.snapshotBytesMin, this.snapshotBytes)
      || this.entries >= Math.max(this.limits.snapshotEntriesMin, this.snapshotBytes / 64);
  }

  /**
   * Runs `write`, which tells how many bytes it wrote, or null when the state it had taken turned out to be none of the
   * log: then one is due again at once. A failure costs nothing but a later try: the log has everything.
   */
  async write(write: () => Promise<number | null>): Promise<void> {
    const { entries, bytes } = this;
    this.isWriting = true;
    this.entries = 0;
    this.bytes = 0;
    try {
      const written = await write();
      if (written === null) this.noteGrowth(entries, bytes);
      else this.snapshotBytes = written;
    } finally {
      this.isWriting = false;
    }
  }
}
