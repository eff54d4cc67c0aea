// A storage that goes on working when the device's own fails, and says so.
//
// When a write fails for good (the disk is full, the database stays away), it and all later writes are held in
// memory in their order, callers are answered, and the status turns `degraded`. From then on it tries again, less
// and less often, until everything held is stored. Nothing held is ever dropped; what a closing tab still holds is
// lost to this device, which is why `degraded` must reach the user, and why a write that `append` has answered is
// durable only when `durable()` says so.

import { asHeadwaterError, HeadwaterError } from '../core/errors.js';
import { emptyDocument, HeldWrites, isAppend, type HeldWrite, type Replacement } from './held.js';
import { Lane } from './lane.js';
import { checkDocument, copyAppends, copyBytes } from './sealed.js';
import type { Append, QuarantinedRecord, Storage, StoredDocument } from './storage.js';

export interface StorageStatus {
  storage: 'ok' | 'degraded';
  /** Why, while degraded. */
  error?: HeadwaterError;
  /** Documents whose stored part could not be read: load them again once the storage is ok. */
  unread: string[];
}

export interface ResilientOptions {
  onStatus?(status: StorageStatus): void;
  /** Waits between attempts to store what is held; the last one repeats. */
  retryMs?: readonly number[];
  /** @returns a function that cancels */
  schedule?(run: () => void, delayMs: number): () => void;
}

export class ResilientStorage implements Storage {
  readonly #held = new HeldWrites();
  readonly #lane = new Lane<never, never>(async () => []);
  readonly #answers = new Map<HeldWrite, Answer>();
  readonly #waiting = new Map<HeldWrite, Answer[]>();
  readonly #unread = new Set<string>();
  #error: HeadwaterError | null = null;
  #cancelRetry: (() => void) | null = null;
  #retries = 0;
  #lastWrite: HeldWrite | null = null;
  #closing: Promise<void> | null = null;
  #closed = false;
  readonly #inner: Storage;
  readonly #options: ResilientOptions;

  constructor(inner: Storage, options: ResilientOptions = {}) {
    this.#inner = inner;
    this.#options = options;
  }

  get kind() {
    return this.#inner.kind;
  }

  get status(): StorageStatus {
    return this.#error ? { storage: 'degraded', error: this.#error, unread: [...this.#unread] } : { storage: 'ok', unread: [...this.#unread] };
  }

  /** Resolves when every write made before this call is on the device. @throws HeadwaterError when closed before that */
  async durable(): Promise<void> {
    const last = this.#lastWrite;
    if (!last) return;
    if (this.#closed) throw this.#lostWrites();
    await new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(last, [...(this.#waiting.get(last) ?? []), { resolve, reject }]);
    });
  }

  /** Tries at once to store what is held, as after the user has freed space. */
  retry(): Promise<void> {
    return this.#lane.run(() => this.#recover());
  }

  async append(writes: Append[], options: { strict?: boolean } = {}): Promise<number[]> {
    const own = copyAppends(writes);
    return this.#write({ kind: 'append', writes: own, strict: options.strict === true, positions: this.#held.newPositions(own) });
  }

  async remove(document: string): Promise<void> {
    await this.#write({ kind: 'remove', document: checkDocument(document) });
  }

  async writeMeta(key: string, value: Uint8Array | null): Promise<void> {
    await this.#write({ kind: 'meta', key, value: value && copyBytes(value) });
  }

  async load(document: string): Promise<StoredDocument> {
    checkDocument(document);
    return this.#read(async () => {
      this.#unread.add(document);
      const stored = await this.#attempt(() => this.#inner.load(document));
      if (stored) this.#unread.delete(document);
      return this.#seen(stored ?? emptyDocument(), (found) => this.#held.applyToDocument(document, found));
    });
  }

  /**
   * Puts other records in the place of some that are held. A write that was refused may have succeeded, so which to replace
   * cannot be told from memory: `rewrite` gets what the device has of the document, and the same with what is held. It
   * must not wait, and what it gives takes effect with it.
   *
   * @returns whether the device could be read; if not, `rewrite` was not called
   */
  rewriteHeld(document: string, rewrite: (device: StoredDocument, held: StoredDocument) => Replacement | null): Promise<boolean> {
    return this.#read(async () => {
      const device = await this.#attempt(() => this.#inner.load(document));
      const replacement = device && rewrite(device, this.#seen(device, (found) => this.#held.applyToDocument(document, found)));
      if (replacement) this.#held.replace(document, replacement);
      return device !== null;
    });
  }

  documents(): Promise<string[]> {
    return this.#read(async () => {
      const documents = (await this.#attempt(() => this.#inner.documents())) ?? [];
      return this.#seen(documents, (found) => this.#held.applyToDocuments(found));
    });
  }

  readMeta(key: string): Promise<Uint8Array | undefined> {
    return this.#read(async () => {
      const value = await this.#attempt(() => this.#inner.readMeta(key));
      return this.#seen(value ?? undefined, (found) => this.#held.applyToMeta(key, found));
    });
  }

  metaKeys(prefix: string): Promise<string[]> {
    return this.#read(async () => {
      const keys = (await this.#attempt(() => this.#inner.metaKeys(prefix))) ?? [];
      return this.#seen(keys, (found) => this.#held.applyToMetaKeys(prefix, found));
    });
  }

  quarantine(): Promise<QuarantinedRecord[]> {
    return this.#read(async () => (await this.#attempt(() => this.#inner.quarantine())) ?? []);
  }

  /**
   * @throws HeadwaterError `storage_failed` while degraded, and for a document that could not be read: its
   * snapshot lacks what is stored, and would take its place
   */
  async compact(document: string, snapshot: Uint8Array, through: number, keep: readonly number[] = []): Promise<void> {
    const own = copyBytes(snapshot);
    return this.#read(async () => {
      if (this.#error || this.#unread.has(document)) throw notNow(document);
      const real = (position: number) => this.#held.realPosition(position);
      await this.#inner.compact(document, own, real(through), keep.map(real));
    });
  }

  /** Tries one last time to store what is held. */
  close(): Promise<void> {
    this.#closing ??= this.#lane.run(async () => {
      this.#cancelRetry?.();
      if (this.#held.count > 0) await this.#flush().catch(() => undefined);
      this.#closed = true;
      this.#rejectAll(this.#lostWrites());
      await this.#inner.close();
    });
    return this.#closing;
  }

  #write(write: HeldWrite): Promise<number[]> {
    this.#assertOpen();
    this.#held.add(write);
    this.#lastWrite = write;
    if (this.#error) return Promise.resolve(provisionalAnswer(write));
    const answer = new Promise<number[]>((resolve, reject) => this.#answers.set(write, { resolve, reject }));
    void this.#lane.run(() => (this.#error ? Promise.resolve() : this.#flush().catch((error) => this.#degrade(error))));
    return answer;
  }

  async #read<T>(work: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    return this.#lane.run(work);
  }

  /** While all is well, what is held was asked for after this read, and a read does not see the future. */
  #seen<T>(stored: T, apply: (stored: T) => T): T {
    return this.#error ? apply(stored) : stored;
  }

  /** @returns null, and degraded, when the device cannot be read */
  async #attempt<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      this.#degrade(error);
      return null;
    }
  }

  /** Stores what is held, oldest first, until nothing is left. @throws what the storage threw; the rest stays held */
  async #flush(): Promise<void> {
    while (this.#held.count > 0) {
      const head = this.#held.head();
      const positions = await this.#store(head);
      this.#held.written(head, positions, this.#error !== null);
      let taken = 0;
      for (const write of head) {
        const count = isAppend(write) ? write.positions.length : 0;
        this.#settle(write, positions.slice(taken, (taken += count)));
      }
    }
  }

  async #store(head: readonly HeldWrite[]): Promise<number[]> {
    const [first] = head;
    if (first.kind === 'remove') await this.#inner.remove(first.document);
    if (first.kind === 'meta') await this.#inner.writeMeta(first.key, first.value);
    if (first.kind !== 'append') return [];
    const appends = head.filter(isAppend);
    return this.#inner.append(appends.flatMap((write) => write.writes), { strict: appends.some((write) => write.strict) });
  }

  #settle(write: HeldWrite, positions: number[]): void {
    this.#answers.get(write)?.resolve(positions);
    this.#answers.delete(write);
    this.#waiting.get(write)?.forEach(({ resolve }) => resolve(positions));
    this.#waiting.delete(write);
    if (this.#lastWrite === write) this.#lastWrite = null;
  }

  #degrade(cause: unknown): void {
    const error = asHeadwaterError(cause, 'storage_failed');
    if (error.code === 'closed') return this.#rejectAll(error);
    const news = !this.#error;
    this.#error = error;
    for (const [write, { resolve }] of this.#answers) resolve(provisionalAnswer(write));
    this.#answers.clear();
    if (news) this.#options.onStatus?.(this.status);
    this.#retryLater();
  }

  #retryLater(): void {
    // One that is planned stays as planned: reads that fail meanwhile must not push it away for ever.
    if (this.#closing || this.#cancelRetry) return;
    const { retryMs = [1000, 2000, 5000, 15_000, 30_000], schedule = scheduleTimeout } = this.#options;
    const run = () => {
      this.#cancelRetry = null;
      void this.retry();
    };
    this.#cancelRetry = schedule(run, retryMs[Math.min(this.#retries++, retryMs.length - 1)]);
  }

  async #recover(): Promise<void> {
    if (!this.#error || this.#closing) return;
    try {
      await this.#flush();
      // With nothing held it was a read that failed, so a read must show that the device answers again.
      await this.#inner.documents();
      // What arrived during that read was held too.
      await this.#flush();
      this.#recovered();
    } catch (error) {
      this.#degrade(error);
    }
  }

  #recovered(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    this.#error = null;
    this.#retries = 0;
    this.#options.onStatus?.(this.status);
  }

  #rejectAll(error: HeadwaterError): void {
    const left = [...this.#answers.values(), ...[...this.#waiting.values()].flat()];
    this.#answers.clear();
    this.#waiting.clear();
    for (const { reject } of left) reject(error);
  }

  #lostWrites(): HeadwaterError {
    const { count } = this.#held;
    return new HeadwaterError('storage_failed', `closed with ${count} writes only in memory`, { reason: 'closed', writes: count });
  }

  #assertOpen(): void {
    if (this.#closing) throw new HeadwaterError('closed', 'this storage was closed; open it again');
  }
}

interface Answer {
  resolve(positions: number[]): void;
  reject(error: HeadwaterError): void;
}

function provisionalAnswer(write: HeldWrite): number[] {
  return isAppend(write) ? write.positions : [];
}

function notNow(document: string): HeadwaterError {
  return new HeadwaterError('storage_failed', 'not compacted while the storage is degraded; try again later', { document, reason: 'degraded' });
}

function scheduleTimeout(run: () => void, delayMs: number): () => void {
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
}
