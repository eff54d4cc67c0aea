// A storage that fails when a test says so, around any other.
//
// Every call is one step, counted from 1. A plan answers each step with a fault or with nothing; `failFrom` and
// `failAt` make the usual plans. What fails has not happened, except after `lostAnswer`, where it has.

import { HeadwaterError } from '../core/errors.js';
import type { Append, QuarantinedRecord, Storage, StoredDocument } from '../storage/storage.js';

export type StorageFault =
  | 'quota'        // refused, as when the disk is full
  | 'failure'      // refused, as when the connection is gone
  | 'lostAnswer'   // done, but reported as failed
  | 'hang';        // neither answered nor done, as in a process that died

export type StoragePlan = (step: number, call: keyof Storage) => StorageFault | null;

/** Exactly the n-th call fails. */
export function failAt(step: number, fault: StorageFault = 'failure'): StoragePlan {
  return (current) => (current === step ? fault : null);
}

/** The n-th call and all later ones fail. */
export function failFrom(step: number, fault: StorageFault = 'failure'): StoragePlan {
  return (current) => (current >= step ? fault : null);
}

/** Only writes fail; what is stored can still be read, as on a full disk. */
export function failWrites(plan: StoragePlan): StoragePlan {
  const writes: (keyof Storage)[] = ['append', 'compact', 'remove', 'writeMeta'];
  let step = 0;
  return (_, call) => (writes.includes(call) ? plan(++step, call) : null);
}

export class FaultyStorage implements Storage {
  /** Calls seen so far, by name, in order. */
  readonly calls: (keyof Storage)[] = [];
  /** Every call waits this long first; a function may draw it. */
  delayMs: number | (() => number) = 0;
  private plan: StoragePlan = () => null;
  private steps = 0;

  constructor(readonly inner: Storage) {}

  get kind() {
    return this.inner.kind;
  }

  setPlan(plan: StoragePlan): void {
    this.plan = plan;
    this.steps = 0;
  }

  heal(): void {
    this.setPlan(() => null);
  }

  documents(): Promise<string[]> {
    return this.step('documents', () => this.inner.documents());
  }

  load(document: string): Promise<StoredDocument> {
    return this.step('load', () => this.inner.load(document));
  }

  append(writes: Append[], options?: { strict?: boolean }): Promise<number[]> {
    return this.step('append', () => this.inner.append(writes, options));
  }

  compact(document: string, snapshot: Uint8Array, through: number, keep?: readonly number[]): Promise<void> {
    return this.step('compact', () => this.inner.compact(document, snapshot, through, keep));
  }

  remove(document: string): Promise<void> {
    return this.step('remove', () => this.inner.remove(document));
  }

  readMeta(key: string): Promise<Uint8Array | undefined> {
    return this.step('readMeta', () => this.inner.readMeta(key));
  }

  writeMeta(key: string, value: Uint8Array | null): Promise<void> {
    return this.step('writeMeta', () => this.inner.writeMeta(key, value));
  }

  metaKeys(prefix: string): Promise<string[]> {
    return this.step('metaKeys', () => this.inner.metaKeys(prefix));
  }

  quarantine(): Promise<QuarantinedRecord[]> {
    return this.step('quarantine', () => this.inner.quarantine());
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  private async step<T>(call: keyof Storage, work: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    const fault = this.plan(++this.steps, call);
    const delayMs = typeof this.delayMs === 'function' ? this.delayMs() : this.delayMs;
    // Without a delay there must be no wait: the inner storage has to see calls in the order they were made.
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (fault === 'hang') return new Promise(() => {});
    if (fault === 'lostAnswer') await work();
    if (fault) throw storageFailed(fault);
    return work();
  }
}

function storageFailed(fault: StorageFault): HeadwaterError {
  const reason = fault === 'quota' ? 'quota' : 'connection';
  return new HeadwaterError('storage_failed', 'injected by the test', { reason });
}
