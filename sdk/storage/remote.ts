// A storage on the other side of a message port: in a worker, where a browser lets SQLite at its files.
//
// Both ends keep the order of calls, so what a storage promises about order holds across.

import { HeadwaterError, type ErrorCode } from '../core/errors.js';
import type { Append, QuarantinedRecord, Storage, StoredDocument } from './storage.js';

type Method = Exclude<keyof Storage, 'kind'>;

interface Call { id: number; method: Method; args: unknown[] }

type Reply =
  | { id: number; result: unknown }
  | { id: number; error: { code: ErrorCode; message: string; details?: Record<string, unknown> } };

/** A worker as seen from the page, or its own scope as seen from the worker. */
export interface Port {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'error', listener: (event: { message?: string }) => void): void;
}

/** Answers the calls of a RemoteStorage with those of `storage`. */
export function serveStorage(storage: Storage, port: Port): void {
  port.addEventListener('message', async ({ data }) => {
    const { id, method, args } = data as Call;
    if (!method) return;
    try {
      port.postMessage({ id, result: await (storage[method] as (...args: unknown[]) => Promise<unknown>)(...args) });
    } catch (error) {
      const { code, message, details } = error instanceof HeadwaterError ? error : new HeadwaterError('storage_failed', String(error), { reason: 'other' });
      port.postMessage({ id, error: { code, message, details } });
    }
  });
}

interface Waiting {
  call: Call;
  tries: number;
  resolve(result: never): void;
  reject(error: HeadwaterError): void;
}

type Worker = Port & { terminate(): void };

/**
 * A worker whose database fails is thrown away with everything it holds, and the calls it has not answered go to the next
 * one, in their order. One that was done and not answered is done twice, which the engine sees through when it reads.
 */
export class RemoteStorage implements Storage {
  /** Unanswered calls, oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #isResting = false;
  #next = 1;
  #closing: Promise<void> | null = null;

  /** @param connect  called at the first call, and whenever another worker is needed */
  constructor(readonly kind: Storage['kind'], private readonly connect: () => Worker, private readonly backoffMs: readonly number[] = [10, 50, 250, 1000, 2000, 4000]) {}

  documents(): Promise<string[]> { return this.#call('documents'); }
  load(document: string): Promise<StoredDocument> { return this.#call('load', document); }
  append(writes: Append[], options?: { strict?: boolean }): Promise<number[]> { return this.#call('append', writes, options); }
  compact(document: string, snapshot: Uint8Array, through: number, keep?: readonly number[]): Promise<void> { return this.#call('compact', document, snapshot, through, keep); }
  remove(document: string): Promise<void> { return this.#call('remove', document); }
  readMeta(key: string): Promise<Uint8Array | undefined> { return this.#call('readMeta', key); }
  writeMeta(key: string, value: Uint8Array | null): Promise<void> { return this.#call('writeMeta', key, value); }
  metaKeys(prefix: string): Promise<string[]> { return this.#call('metaKeys', prefix); }
  quarantine(): Promise<QuarantinedRecord[]> { return this.#call('quarantine'); }

  /** Waits for what was asked before. */
  close(): Promise<void> { return (this.#closing ??= this.#close()); }

  async #close(): Promise<void> {
    if (this.#worker || this.#waiting.size > 0) await this.#send('close', []).catch(() => {});
    this.#worker?.terminate();
  }

  async #call<T>(method: Method, ...args: unknown[]): Promise<T> {
    if (this.#closing) throw new HeadwaterError('closed', 'this storage was closed; open it again');
    // A copy now: the caller may change its bytes, or the engine move them.
    return this.#send(method, structuredClone(args));
  }

  #send<T>(method: Method, args: unknown[]): Promise<T> {
    const call = { id: this.#next++, method, args };
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(call.id, { call, tries: 0, resolve, reject });
      if (!this.#isResting) (this.#worker ??= this.#connected()).postMessage(call);
    });
  }

  #connected(): Worker {
    const worker = this.connect();
    worker.addEventListener('message', ({ data }) => { if (worker === this.#worker) this.#answer(data as Reply); });
    worker.addEventListener('error', ({ message = 'its worker did not start' }) => {
      const [oldest] = this.#waiting.values();
      if (worker === this.#worker) this.#failed(oldest, new HeadwaterError('storage_failed', `the local database is away: ${message}`, { reason: 'connection' }));
    });
    return worker;
  }

  #answer(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id)!;
    if ('error' in reply) return this.#failed(waiting, new HeadwaterError(reply.error.code, reply.error.message, reply.error.details));
    this.#waiting.delete(reply.id);
    waiting.resolve(reply.result as never);
  }

  #failed(waiting: Waiting | undefined, error: HeadwaterError): void {
    const isPassing = error.details?.reason === 'connection' || error.details?.reason === 'timeout';
    const isOver = waiting !== undefined && (!isPassing || waiting.tries >= this.backoffMs.length);
    if (isOver) {
      this.#waiting.delete(waiting.call.id);
      waiting.reject(error);
    }
    if (isPassing) this.#renew(isOver || !waiting ? 0 : this.backoffMs[waiting.tries++]);
  }

  #renew(restMs: number): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#isResting = true;
    setTimeout(() => {
      this.#isResting = false;
      for (const { call } of this.#waiting.values()) (this.#worker ??= this.#connected()).postMessage(call);
    }, restMs);
  }
}
