// A list of JSON values, in an order everybody agrees on. Moving keeps an item one: of concurrent moves the last wins, and
// deleting wins over moving.

import { Kind } from '../core/document.js';
import type { JsonValue } from '../core/values.js';
import { checkIndex, type Holder } from './container.js';
import { spliceBetweenValues, type Splice } from './delta.js';
import { SequenceHandle } from './sequence-handle.js';
import type { Write } from './write.js';

export class List<V = JsonValue> extends SequenceHandle<readonly V[]> {
  constructor(holder: Holder, path: readonly string[]) { super(holder, path, Kind.List); }

  get length(): number { return this.engine.listLength(this.number); }

  /** The value at `index`, frozen; undefined past the end. */
  get(index: number): V | undefined {
    checkIndex(index, 'index');
    return index < this.length ? this.read(index, index + 1)[0] : undefined;
  }

  /** All values, frozen; the same array until it changes. O(length) after a change. */
  toArray(): readonly V[] { return this.contents; }

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
      if (this.isWatched && values.length > 0) this.note(index, 0, this.read(index, index + values.length));
    });
  }

  delete(index: number, count = 1): Write {
    checkIndex(index, 'index');
    checkIndex(count, 'count');
    return this.holder.edit(() => {
      const removal = this.holder.history?.itemsOut(this.path, this.number, index, count);
      this.engine.listDelete(this.number, index, count);
      if (removal) this.holder.history!.note(removal);
      if (count > 0) this.note(index, count);
    });
  }

  /** Moves the item at `from`; after it the item stands at `to`. Listeners see it deleted and inserted. */
  move(from: number, to: number): Write {
    checkIndex(from, 'from');
    checkIndex(to, 'to');
    return this.holder.edit(() => {
      const move = from !== to && this.holder.history?.move(this.path, this.number, from);
      this.engine.listMove(this.number, from, to, this.holder.clock.now());
      if (move) this.holder.history!.note(move);
      if (from === to || !this.isWatched) return;
      this.note(from, 1);
      this.note(to, 0, this.read(to, to + 1));
    });
  }

  protected read(from: number, to: number): readonly V[] { return this.engine.listRead(this.number, from, to) as V[]; }

  protected difference(from: readonly V[], to: readonly V[]): Splice<readonly V[]> | null { return spliceBetweenValues(from, to); }
}
