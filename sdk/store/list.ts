// A list of JSON values, in an order everybody agrees on. Moving keeps an item one: of concurrent moves the last wins, and
// deleting wins over moving.

import { Kind, type EngineEvent } from '../core/document.js';
import type { JsonValue } from '../core/values.js';
import { Handle, checkIndex, type Holder } from './container.js';
import { composeSplices, spliceBetweenValues, type Delta, type Splice } from './delta.js';
import type { Write } from './write.js';

export class List<V = JsonValue> extends Handle<[{ delta: Delta<readonly V[]>; local: boolean }]> {
  #splices: Splice<readonly V[]>[] = [];
  /** The values before a rebuild, to tell listeners what it changed. */
  #remembered: readonly V[] = [];
  #cached: readonly V[] = [];
  #cachedAt = '';

  constructor(holder: Holder, path: readonly string[]) { super(holder, path, Kind.List); }

  get length(): number { return this.engine.listLength(this.number); }

  /** The value at `index`, frozen; undefined past the end. */
  get(index: number): V | undefined {
    checkIndex(index, 'index');
    return index < this.length ? this.engine.listRead(this.number, index, index + 1)[0] as V : undefined;
  }

  /** All values, frozen; the same array until it changes. O(length) after a change. */
  toArray(): readonly V[] {
    const version = `${this.holder.generation}/${this.engine.changes(this.number)}`;
    if (this.#cachedAt !== version) {
      this.#cached = Object.freeze(this.engine.listRead(this.number, 0, this.length)) as readonly V[];
      this.#cachedAt = version;
    }
    return this.#cached;
  }

  [Symbol.iterator](): Iterator<V> { return this.toArray()[Symbol.iterator](); }

  toJSON(): readonly V[] { return this.toArray(); }

  /**
   * @throws HeadwaterError `index_out_of_range` past the end, `invalid_argument` for anything but a whole number and JSON
   * values, `too_large` for a value over 256 KiB; nothing changes then
   */
  insert(index: number, ...values: V[]): Write {
    checkIndex(index, 'index');
    return this.holder.edit(() => {
      this.engine.listInsert(this.number, index, values);
      this.holder.history?.itemsIn(this.path, this.number, index, values.length);
      if (this.isWatched && values.length > 0) this.#note({ index, deleted: 0, inserted: this.#read(index, values.length) });
    });
  }

  delete(index: number, count = 1): Write {
    checkIndex(index, 'index');
    checkIndex(count, 'count');
    return this.holder.edit(() => {
      const removal = this.holder.history?.itemsOut(this.path, this.number, index, count);
      this.engine.listDelete(this.number, index, count);
      if (removal) this.holder.history!.note(removal);
      if (count > 0) this.#note({ index, deleted: count, inserted: [] });
    });
  }

  /** Moves the item at `from`; after it the item stands at `to`. Listeners see it deleted and inserted. */
  move(from: number, to: number): Write {
    checkIndex(from, 'from');
    checkIndex(to, 'to');
    return this.holder.edit(() => {
      const move = from !== to && this.holder.history?.move(this.path, this.number, from);
      this.engine.listMove(this.number, from, to, Date.now());
      if (move) this.holder.history!.note(move);
      if (from === to || !this.isWatched) return;
      this.#note({ index: from, deleted: 1, inserted: [] });
      this.#note({ index: to, deleted: 0, inserted: this.#read(to, 1) });
    });
  }

  /** Called at the end of every transaction that changed the list, with one delta for all of it. @returns stops it */
  subscribe(listener: (event: { delta: Delta<readonly V[]>; local: boolean }) => void): () => void {
    return this.listen(listener);
  }

  received(event: EngineEvent): void {
    if (event.kind === 'items') this.#note({ index: event.index, deleted: 0, inserted: event.values as V[] });
    else if (event.kind === 'delete') this.#note({ index: event.index, deleted: event.count, inserted: [] });
  }

  remember(): void { this.#remembered = this.isWatched ? this.toArray() : []; }

  rebuilt(): void {
    if (!this.isWatched) return;
    this.#splices = [];
    const splice = spliceBetweenValues(this.#remembered, this.toArray());
    if (splice) this.#note(splice);
  }

  flush(isLocal: boolean): (() => void) | null {
    const delta = composeSplices(this.#splices);
    this.#splices = [];
    return delta.length > 0 ? () => this.listeners.emit({ delta, local: isLocal }) : null;
  }

  /** As the engine has them: the values handed in may change later. */
  #read(index: number, count: number): V[] { return this.engine.listRead(this.number, index, index + count) as V[]; }

  #note(splice: Splice<readonly V[]>): void {
    if (!this.isWatched) return;
    this.#splices.push(splice);
    this.holder.touched(this);
  }
}
