// What an app wants to know of its client at any time: the line, the un-acked, the storage, the last trouble.

import type { HeadwaterError } from '../core/errors.js';
import { Listeners } from './observable.js';

export interface Status {
  connection: 'offline' | 'connecting' | 'catching-up' | 'live';
  /** Own ops the server has not acked. */
  pending: number;
  /** Writes the server refused that wait in `client.rejected`. */
  rejected: number;
  storage: 'ok' | 'degraded';
  /** Whether the browser has promised not to clear it; undefined until it was asked, which the first own write does. */
  persisted: boolean | undefined;
  error?: HeadwaterError;
  progress?: { bytes: number; total: number };
}

export class StatusBoard {
  readonly #listeners = new Listeners<[Status]>();
  #status: Status | null = null;
  #isReporting = false;
  readonly #read: () => Status;

  constructor(read: () => Status) {
    this.#read = read;
  }

  /** Frozen; the same object until something changes. */
  get(): Status { return (this.#status ??= Object.freeze(this.#read())); }

  /** Called when it has changed; many changes in one turn are one call. @returns stops it */
  subscribe(listener: (status: Status) => void): () => void { return this.#listeners.add(listener); }

  changed(): void {
    this.#status = null;
    if (this.#isReporting || this.#listeners.count === 0) return;
    this.#isReporting = true;
    queueMicrotask(() => {
      this.#isReporting = false;
      this.#listeners.emit(this.get());
    });
  }

  close(): void { this.#listeners.clear(); }
}
