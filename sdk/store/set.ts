// A set of JSON values. Members are equal when their JSON is, whatever the order of their keys. A concurrent add wins
// over a removal.

import { Kind } from '../core/lite-document.js';
import type { JsonValue } from '../core/values.js';
import { SimpleHandle, type Holder } from './container.js';
import type { Write } from './write.js';

export class DocumentSet<V = JsonValue> extends SimpleHandle {
  constructor(holder: Holder, path: readonly string[]) { super(holder, path, Kind.Set); }

  get size(): number { return this.engine.setSize(this.number); }

  has(value: V): boolean { return this.engine.setHas(this.number, value); }

  /** @throws HeadwaterError `invalid_argument` unless it is a JSON value */
  add(value: V): Write {
    const isNew = this.holder.history !== null && !this.engine.setHas(this.number, value);
    this.engine.setAdd(this.number, value);
    if (isNew) this.holder.history!.note({ path: this.path, kind: 'member', value: value as JsonValue, isIn: true });
    return this.wrote();
  }

  /** Removes a member, as this replica sees it; nothing happens when it is not one. */
  delete(value: V): Write {
    const isGone = this.engine.setDelete(this.number, value);
    if (isGone) this.holder.history?.note({ path: this.path, kind: 'member', value: value as JsonValue, isIn: false });
    return this.wrote(isGone);
  }

  clear(): Write {
    this.holder.history?.setCleared(this.path, this.number);
    return this.wrote(this.engine.setClear(this.number));
  }

  /** The members, in the same order on every replica. O(n log n). */
  values(): V[] { return this.engine.setValues(this.number) as V[]; }

  [Symbol.iterator](): Iterator<V> { return this.values()[Symbol.iterator](); }

  toJSON(): V[] { return this.values(); }
}
