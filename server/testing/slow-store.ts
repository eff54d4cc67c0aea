// The real SQL in memory, without its thread, and with the weather in the test's hands: commits that wait, commits
// that fail, and commits that succeed and are reported as failed.

import { HeadwaterError } from '../../sdk/core/errors.js';
import { SqliteLog } from '../store/sqlite-log.js';
import type { Level } from '../access/level.js';
import type { Append, Appended, Dismissal, Store } from '../store/store.js';

export class SlowStore implements Store {
  readonly epoch: string;
  readonly secret = 'secret';
  readonly kind = 'test';
  /** Set by tests in which others write to the log. */
  isShared = false;
  readonly data = null;
  /** What the next appends do; each takes one. Empty: they just work. */
  readonly weather: ('fail' | 'fail-after-commit')[] = [];
  /** Groups committed, as document and bytes. */
  readonly groups: Append[][] = [];
  onCommit: () => void = () => undefined;
  private gate: Promise<void> = Promise.resolve();
  private openGate: () => void = () => undefined;

  static async open(): Promise<SlowStore> {
    return new SlowStore(await SqliteLog.open(':memory:'));
  }

  private constructor(readonly log: SqliteLog) {
    this.epoch = log.epoch;
  }

  /** Appends wait from now on. @returns lets them go on */
  hold(): () => void {
    this.gate = new Promise((resolve) => (this.openGate = resolve));
    return () => this.openGate();
  }

  async append(entries: readonly Append[]): Promise<Appended[]> {
    await this.gate;
    const weather = this.weather.shift();
    if (weather === 'fail') throw new HeadwaterError('storage_failed', 'the disk is full');
    const answers = this.log.append(entries);
    this.groups.push([...entries]);
    this.onCommit();
    if (weather === 'fail-after-commit') throw new HeadwaterError('storage_failed', 'the connection was cut');
    return answers;
  }

  async heads(documents: readonly string[]) { return this.log.heads(documents); }
  async head(document: string) { return this.log.head(document); }
  async readAll(position: number, rowsMax: number) { return this.log.readAll(position, rowsMax); }
  async readSince(document: string, lsn: number, bytesMax: number, through?: number) {
    return this.log.readSince(document, lsn, bytesMax, through);
  }
  async bytesSince(document: string, lsn: number) { return this.log.bytesSince(document, lsn); }
  async findRange(document: string, replica: string, seqFrom: number, seqTo: number) {
    return this.log.findRange(document, replica, seqFrom, seqTo);
  }
  async readSnapshot(document: string) { return this.log.readSnapshot(document); }
  async writeSnapshot(document: string, lsn: number, bytes: Uint8Array) { this.log.writeSnapshot(document, lsn, bytes); }
  async listDocuments(after: string, limit: number) { return this.log.listDocuments(after, limit); }
  async readHistory(document: string, lsn: number, limit: number) { return this.log.readHistory(document, lsn, limit); }
  async lsnAt(document: string, timeMs: number) { return this.log.lsnAt(document, timeMs); }
  async compact(document: string, beforeMs: number, rowsMax: number) { return this.log.compact(document, beforeMs, rowsMax); }
  async findCompactable(beforeMs: number, limit: number) { return this.log.findCompactable(beforeMs, limit); }
  async corruptRecords() { return this.log.corruptRecords(); }
  async readAcl(document: string) { return this.log.readAcl(document); }
  async writeAcl(document: string, user: string, level: Level | null) { this.log.writeAcl(document, user, level); }
  async dismiss(user: string, dismissal: Dismissal) { this.log.dismiss(user, dismissal); }
  async dismissalOf(user: string) { return this.log.dismissalOf(user); }
  async accessVersion() { return this.log.accessVersion(); }
  async close() { this.log.close(); }
}
