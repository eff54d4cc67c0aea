// Commit when idle: whatever arrives while a commit is in flight is the next group, for all documents together.
//
// One fsync then carries many edits, and no timer decides how long an edit waits. When a group fails, each of its
// rooms drops what it has queued behind it, because that was built on what has just been lost.

import { HeadwaterError } from '../sdk/core/errors.js';
import type { Limits } from './limits.js';
import type { Append, Appended, Store } from './store/store.js';

/** Where the answers go: a room. Called once per group it has entries in. */
export interface CommitSink<Entry extends QueuedEntry = QueuedEntry> {
  committed(entries: Entry[], answers: Appended[]): void;
  commitFailed(error: HeadwaterError): void;
}

export interface QueuedEntry {
  append: Append;
}

interface Queued {
  sink: CommitSink<never>;
  entry: QueuedEntry;
}

export class GroupCommit {
  private queue: Queued[] = [];
  private isCommitting = false;
  private idle: (() => void)[] = [];

  constructor(
    private readonly store: Pick<Store, 'append'>,
    private readonly limits: Pick<Limits, 'groupRowsMax' | 'groupBytesMax'>,
  ) {}

  add<Entry extends QueuedEntry>(sink: CommitSink<Entry>, entry: Entry): void {
    this.queue.push({ sink: sink as CommitSink<never>, entry });
    if (this.isCommitting) return;
    this.isCommitting = true;
    // Everything that came in with this turn of the event loop belongs to the first group already.
    setImmediate(() => void this.run());
  }

  /** Forgets what `sink` has queued. What is in flight is not stopped by it. */
  drop(sink: CommitSink<never>): void {
    this.queue = this.queue.filter((queued) => queued.sink !== sink);
  }

  /** Resolves when nothing is queued or in flight. */
  flushed(): Promise<void> {
    return this.isCommitting ? new Promise((resolve) => this.idle.push(resolve)) : Promise.resolve();
  }

  private async run(): Promise<void> {
    while (this.queue.length > 0) await this.commit(this.nextGroup());
    this.isCommitting = false;
    for (const resolve of this.idle.splice(0)) resolve();
  }

  private nextGroup(): Queued[] {
    let bytes = 0;
    let count = 0;
    while (count < this.queue.length && count < this.limits.groupRowsMax) {
      bytes += this.queue[count].entry.append.bytes.length;
      if (count > 0 && bytes > this.limits.groupBytesMax) break;
      count += 1;
    }
    return this.queue.splice(0, count);
  }

  private async commit(group: Queued[]): Promise<void> {
    let answers: Appended[];
    try {
      answers = await this.store.append(group.map(({ entry }) => entry.append));
    } catch (cause) {
      return this.fail(group, cause);
    }
    for (const [sink, indexes] of bySink(group)) {
      try {
        sink.committed(indexes.map((i) => group[i].entry) as never[], indexes.map((i) => answers[i]));
      } catch (cause) {
        // One room's fault must not keep the others' answers from them.
        this.fail(indexes.map((i) => group[i]), cause);
      }
    }
  }

  private fail(group: Queued[], cause: unknown): void {
    const error = cause instanceof HeadwaterError
      ? cause : new HeadwaterError('storage_failed', (cause as Error).message);
    for (const sink of bySink(group).keys()) sink.commitFailed(error);
  }
}

function bySink(group: Queued[]): Map<CommitSink<never>, number[]> {
  const indexes = new Map<CommitSink<never>, number[]>();
  group.forEach(({ sink }, i) => {
    const list = indexes.get(sink);
    if (list === undefined) indexes.set(sink, [i]);
    else list.push(i);
  });
  return indexes;
}
