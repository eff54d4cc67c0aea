// A map: the last write of each key wins. The root of a document is one; others hang at paths.

import { Kind } from '../core/document.js';
import { containerToJSON } from '../core/json.js';
import type { JsonValue } from '../core/values.js';
import { clearContainers } from './clear.js';
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
    this.engine.mapSet(this.number, key, value, Date.now());
    return this.wrote();
  }

  /** Deletes the value of a key and empties the containers there, as this replica sees them. */
  delete(key: string): Write {
    return this.holder.edit(() => {
      this.wrote(this.engine.mapDelete(this.number, key, Date.now()));
      this.holder.distribute(clearContainers(this.engine, this.number, key, Date.now()));
    });
  }

  toJSON(): { [key: string]: JsonValue } { return containerToJSON(this.engine, this.number) as { [key: string]: JsonValue }; }
}
