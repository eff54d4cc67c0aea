// Handles on one database: opened when first used, dropped when they fail, opened again.
//
// One handle per durability, as a handle's durability is fixed when it is made. Nothing outside holds a handle
// for longer than one transaction, so dropping them is always safe.

import { TimeoutError, withRetry, withTimeout } from './retry.js';

export type Durability = 'strict' | 'relaxed';

export interface Handle {
  close(): void;
}

export interface ConnectionOptions {
  /** Waits before a rerun on a new connection; their number bounds the reruns. */
  backoffMs?: readonly number[];
  /** An open that takes longer (a stuck tab can block one for ever) fails, and so does any in as long after it. */
  openTimeoutMs?: number;
}

export class Connections<H extends Handle> {
  readonly #open = new Map<Durability, Promise<H>>();
  readonly #backoffMs: readonly number[];
  readonly #openTimeoutMs: number;
  #stuckUntilMs = 0;
  readonly #connect: (durability: Durability) => Promise<H>;

  constructor(connect: (durability: Durability) => Promise<H>, options: ConnectionOptions) {
    this.#connect = connect;
    this.#backoffMs = options.backoffMs ?? [10, 50, 250, 1000];
    this.#openTimeoutMs = options.openTimeoutMs ?? 5000;
  }

  /** Runs `work` on a handle; on another one, from its start, if that handle turns out to be dead. */
  use<T>(durability: Durability, work: (handle: H) => PromiseLike<T>): Promise<T> {
    return withRetry(async () => work(await this.#handle(durability)), () => this.drop(), this.#backoffMs);
  }

  /** Transactions in flight still complete: a database closes a connection after them. */
  drop(): void {
    for (const opening of this.#open.values()) opening.then((handle) => handle.close(), () => undefined);
    this.#open.clear();
  }

  async #handle(durability: Durability): Promise<H> {
    // Otherwise ten documents opened behind a stuck tab would wait ten times as long.
    if (performance.now() < this.#stuckUntilMs) throw new TimeoutError(this.#openTimeoutMs);
    let opening = this.#open.get(durability);
    if (!opening) this.#open.set(durability, (opening = this.#connect(durability)));
    try {
      return await withTimeout(opening, this.#openTimeoutMs);
    } catch (error) {
      if (error instanceof TimeoutError) this.#stuckUntilMs = performance.now() + this.#openTimeoutMs;
      this.drop();
      throw error;
    }
  }
}
