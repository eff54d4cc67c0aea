// A server's handle on its log: commits take simulated time, fail, succeed unheard, or are the last thing the server does.

import { HeadwaterError } from '../../core/errors.js';
import type { MemoryLog } from '../../../server/testing/memory-log.js';
import type { Level } from '../../../server/access/level.js';
import type { Append, Appended, Dismissal, Store } from '../../../server/store/store.js';
import type { DiskFates } from './device-storage.js';
import { never, Spindle } from './spindle.js';
import type { Process } from './timeline.js';

export class ServerStore implements Store {
  readonly kind = 'simulated';
  readonly isShared = false;
  readonly data = null;
  readonly epoch: string;
  readonly secret = 'simulated';
  readonly #spindle: Spindle;

  constructor(readonly log: MemoryLog, process: Process, private readonly fates: DiskFates) {
    this.epoch = log.epoch;
    this.#spindle = new Spindle(process, () => fates.latencyMs());
  }

  append(entries: readonly Append[]): Promise<Appended[]> { return this.#call('append', () => this.log.append(entries), true); }
  heads(documents: readonly string[]) { return this.#call('heads', () => this.log.heads(documents)); }
  head(document: string) { return this.#call('head', () => this.log.head(document)); }
  readAll(position: number, rowsMax: number) { return this.#call('readAll', () => this.log.readAll(position, rowsMax)); }
  readSince(document: string, lsn: number, bytesMax: number, through?: number) {
    return this.#call('readSince', () => this.log.readSince(document, lsn, bytesMax, through));
  }
  bytesSince(document: string, lsn: number) { return this.#call('bytesSince', () => this.log.bytesSince(document, lsn)); }
  findRange(document: string, replica: string, seqFrom: number, seqTo: number) {
    return this.#call('findRange', () => this.log.findRange(document, replica, seqFrom, seqTo));
  }
  readSnapshot(document: string) { return this.#call('readSnapshot', () => this.log.readSnapshot(document)); }
  writeSnapshot(document: string, lsn: number, bytes: Uint8Array) {
    const own = bytes.slice();
    return this.#call('writeSnapshot', () => this.log.writeSnapshot(document, lsn, own), true);
  }
  listDocuments(after: string, limit: number) { return this.#call('listDocuments', () => this.log.listDocuments(after, limit)); }
  async readHistory() { return []; }
  async lsnAt() { return 0; }
  /** A simulated log is kept whole. */
  async compact() { return 0; }
  async findCompactable() { return []; }
  corruptRecords() { return this.#call('corruptRecords', () => []); }
  readAcl(document: string) { return this.#call('readAcl', () => this.log.readAcl(document)); }
  writeAcl(document: string, user: string, level: Level | null) {
    return this.#call('writeAcl', () => this.log.writeAcl(document, user, level), true);
  }
  dismiss(user: string, dismissal: Dismissal) { return this.#call('dismiss', () => this.log.dismiss(user, dismissal), true); }
  dismissalOf(user: string) { return this.#call('dismissalOf', () => this.log.dismissalOf(user)); }
  accessVersion() { return this.#call('accessVersion', () => this.log.accessVersion()); }
  async close() {}

  #call<T>(name: string, work: () => T, isWrite = false): Promise<T> {
    return this.#spindle.run(`store ${name}`, async () => {
      const fate = this.fates.fateOf(isWrite);
      if (fate === 'quota' || fate === 'io-error') throw failed();
      if (fate === 'crash-before') return this.#die<T>();
      const result = work();
      if (fate === 'lost-answer') throw failed();
      return fate === 'crash-after' ? this.#die<T>() : result;
    });
  }

  #die<T>(): Promise<T> {
    this.fates.crash();
    return never<T>();
  }
}

function failed(): HeadwaterError {
  return new HeadwaterError('storage_failed', 'the simulated store refuses');
}
