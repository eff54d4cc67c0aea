// A map: the last write of each key wins. The root of a document is one; others hang at paths.

import { Kind } from '../core/lite-document.js';
import { containerToJSON } from '../core/json.js';
import type { JsonValue } from '../core/values.js';
import { clearContainers } from '../core/clear.js';
import { SimpleHandle, type Holder } from './container.js';
import type { Write } from './write.js';

export class DocumentMap extends SimpleHandle {
  constructor(holder: Holder, path: readonly string[]) { super(holder, path, Kind.Map); }

  get(key: string): JsonValue | undefined { return this.engine.mapGet(this.number, key); }

  has(key: string): boolean { return this.get(key) !== undefined; }

  /** Keys that have a value, sorted. Containers under this map are in toJSON, not here. */
  keys(): string[] { return this.engine.mapKeys(this.number); }

  /** @throws HeadwaterError `invalid_argument` unless key and value are fit */
  set(key: string, value: unknown): Write {
    const before = this.holder.history && this.get(key);
    this.engine.mapSet(this.number, key, value, this.holder.clock.now());
    this.holder.history?.valueSet(this.path, key, before, value);
    return this.wrote();
  }

  /** Deletes the value of a key and empties the containers there, as this replica sees them. */
  delete(key: string): Write {
    return this.holder.edit(() => {
      this.unset(key);
      this.holder.distribute(clearContainers(this.engine, this.number, key, this.holder.clock.now(), this.holder.history));
    });
  }

  /** Deletes the value of a key; containers there stay as they are. */
  unset(key: string): Write {
    const before = this.holder.history && this.get(key);
    const isDeleted = this.engine.mapDelete(this.number, key, this.holder.clock.now());
    this.holder.history?.valueSet(this.path, key, before, undefined);
    return this.wrote(isDeleted);
  }

  toJSON(): { [key: string]: JsonValue } { return containerToJSON(this.engine, this.number) as { [key: string]: JsonValue }; }
}
