// What the handles of all containers share: a path in a document, resolved to the engine's number when needed.
//
// A handle outlives what is under it: a snapshot that takes an empty document's place, or a rebuild after a rejected
// write, gives containers new numbers. So the number is looked up again whenever the generation has moved on.

import type { Clock } from '../core/clock.js';
import { HeadwaterError } from '../core/errors.js';
import type { EngineEvent, Kind, LiteEngineDocument } from '../core/lite-document.js';
import type { History } from './history.js';
import { Listeners } from './observable.js';
import type { Write } from './write.js';

/** What a handle needs of its document. */
export interface Holder {
  readonly engine: LiteEngineDocument;
  /** Grows whenever container numbers are void. */
  readonly generation: number;
  /** What writes are stamped by. */
  readonly clock: Clock;
  /** Hears of own edits while somebody may want to undo them. */
  readonly history: History | null;
  /** Runs edits as one transaction, or inside the current one. */
  edit(change: () => void): Write;
  /** An edit has been made in the engine: it is a transaction of its own, unless it is inside one. */
  wrote(): Write;
  /** Calls `flush` once when the current transaction ends. */
  touched(handle: Observed): void;
  /** Tells the handles that are listened to of changes they did not make themselves. */
  distribute(events: readonly EngineEvent[]): void;
  /** A handle has got its first listener, or lost its last. */
  watch(handle: Observed, isWatched: boolean): void;
}

/** A handle as its document sees it. */
export interface Observed {
  /** The engine's number of its container. */
  readonly number: number;
  /** Something of it was changed, by a peer or through another handle. */
  received(event: EngineEvent): void;
  /** The document is about to be rebuilt under it, and then was. */
  remember(): void;
  rebuilt(): void;
  /** The transaction is over. @returns the call of its listeners, null when there is nothing to tell */
  flush(isLocal: boolean): (() => void) | null;
}

export abstract class Handle<E extends unknown[], D extends LiteEngineDocument = LiteEngineDocument> implements Observed {
  protected readonly listeners = new Listeners<E>();
  #number = -1;
  #generation = -1;

  constructor(protected readonly holder: Holder, readonly path: readonly string[], readonly kind: Kind) {}

  get number(): number {
    if (this.#generation !== this.holder.generation) {
      this.#number = this.holder.engine.container(this.path, this.kind);
      this.#generation = this.holder.generation;
    }
    return this.#number;
  }

  abstract received(event: EngineEvent): void;
  abstract remember(): void;
  abstract rebuilt(): void;
  abstract flush(isLocal: boolean): (() => void) | null;

  protected get engine(): D { return this.holder.engine as D; }
  protected get isWatched(): boolean { return this.listeners.count > 0; }

  protected listen(listener: (...args: E) => void): () => void {
    const stop = this.listeners.add(listener);
    if (this.listeners.count === 1) this.holder.watch(this, true);
    return () => {
      const before = this.listeners.count;
      stop();
      if (before === 1 && this.listeners.count === 0) this.holder.watch(this, false);
    };
  }
}

/** A handle whose listeners only learn that something changed. */
export abstract class SimpleHandle extends Handle<[{ local: boolean }]> {
  /** Called at the end of every transaction that changed it. @returns stops it */
  subscribe(listener: (event: { local: boolean }) => void): () => void { return this.listen(listener); }

  received(): void { this.holder.touched(this); }
  remember(): void {}
  rebuilt(): void { this.holder.touched(this); }
  flush(isLocal: boolean): () => void { return () => this.listeners.emit({ local: isLocal }); }

  /** An edit has been made. @param isSeen  whether a reader sees another value now */
  protected wrote(isSeen = true): Write {
    if (isSeen && this.isWatched) this.holder.touched(this);
    return this.holder.wrote();
  }
}

/** @throws HeadwaterError `invalid_argument` unless it is a whole number, `index_out_of_range` when negative */
export function checkIndex(value: number, name: string): void {
  if (value >>> 0 === value) return;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new HeadwaterError('invalid_argument', `${name} must be a whole number, not ${String(value)}`, { [name]: value });
  }
  if (value < 0) throw new HeadwaterError('index_out_of_range', `${name} must not be negative`, { [name]: value });
}
