// A session's handle on its device's disk: calls take simulated time, are refused as a disk refuses, and now and then
// are the last thing the process does.

import { HeadwaterError } from '../../core/errors.js';
import type { Append, QuarantinedRecord, Storage, StoredDocument } from '../../storage/storage.js';
import { never, Spindle } from './spindle.js';
import type { Process } from './timeline.js';

/** What becomes of a call. `lost-answer` is done and reported as failed; a crash takes the process before or after. */
export type CallFate = 'done' | 'quota' | 'io-error' | 'lost-answer' | 'crash-before' | 'crash-after';

export interface DiskFates {
  fateOf(isWrite: boolean): CallFate;
  latencyMs(): number;
  crash(): void;
}

export class DeviceStorage implements Storage {
  readonly #spindle: Spindle;

  constructor(private readonly inner: Storage, process: Process, private readonly fates: DiskFates) {
    this.#spindle = new Spindle(process, () => fates.latencyMs());
  }

  get kind() { return this.inner.kind; }

  documents(): Promise<string[]> { return this.#call('documents', () => this.inner.documents()); }
  load(document: string): Promise<StoredDocument> { return this.#call('load', () => this.inner.load(document)); }
  readMeta(key: string): Promise<Uint8Array | undefined> { return this.#call('readMeta', () => this.inner.readMeta(key)); }
  metaKeys(prefix: string): Promise<string[]> { return this.#call('metaKeys', () => this.inner.metaKeys(prefix)); }
  quarantine(): Promise<QuarantinedRecord[]> { return this.#call('quarantine', () => this.inner.quarantine()); }

  append(writes: Append[], options?: { strict?: boolean }): Promise<number[]> { return this.#call('append', () => this.inner.append(writes, options), true); }
  compact(document: string, snapshot: Uint8Array, through: number, keep?: readonly number[]): Promise<void> {
    return this.#call('compact', () => this.inner.compact(document, snapshot, through, keep), true);
  }
  remove(document: string): Promise<void> { return this.#call('remove', () => this.inner.remove(document), true); }
  writeMeta(key: string, value: Uint8Array | null): Promise<void> { return this.#call('writeMeta', () => this.inner.writeMeta(key, value), true); }

  close(): Promise<void> { return this.inner.close(); }

  #call<T>(name: keyof Storage, work: () => Promise<T>, isWrite = false): Promise<T> {
    return this.#spindle.run(`disk ${name}`, async () => {
      const fate = this.fates.fateOf(isWrite);
      if (fate === 'quota' || fate === 'io-error') throw refused(fate);
      if (fate === 'crash-before') return this.#die<T>();
      const result = await work();
      if (fate === 'lost-answer') throw refused('io-error');
      return fate === 'crash-after' ? this.#die<T>() : result;
    });
  }

  #die<T>(): Promise<T> {
    this.fates.crash();
    return never<T>();
  }
}

function refused(reason: 'quota' | 'io-error'): HeadwaterError {
  return new HeadwaterError('storage_failed', 'the simulated disk refuses', { reason: reason === 'quota' ? 'quota' : 'connection' });
}
