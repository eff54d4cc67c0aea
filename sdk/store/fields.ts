// The fields of a document as one frozen object: the same until a field changes, with the same values where none did.

import { rootContainer, type LiteEngineDocument } from '../core/lite-document.js';
import type { JsonValue } from '../core/values.js';

export class FieldCache<T extends object> {
  #generation = -1;
  #changes = -1;
  #fields: Readonly<Partial<T>> = Object.freeze({});
  readonly #values = new Map<string, { changes: number; value: JsonValue | undefined }>();

  /** @param generation  grows when the engine's counts of changes start anew */
  read(engine: LiteEngineDocument, generation: number): Readonly<Partial<T>> {
    const changes = engine.changes(rootContainer);
    if (generation !== this.#generation) this.#values.clear();
    else if (changes === this.#changes) return this.#fields;
    this.#generation = generation;
    this.#changes = changes;
    const fields: Record<string, unknown> = {};
    for (const key of engine.mapKeys(rootContainer)) fields[key] = this.#readValue(engine, key);
    // A container that came under the root has changed it, but no field.
    if (!isSame(fields, this.#fields)) this.#fields = Object.freeze(fields) as Readonly<Partial<T>>;
    return this.#fields;
  }

  #readValue(engine: LiteEngineDocument, key: string): JsonValue | undefined {
    const changes = engine.mapChanges(rootContainer, key);
    const known = this.#values.get(key);
    if (known?.changes === changes) return known.value;
    const value = engine.mapGet(rootContainer, key);
    this.#values.set(key, { changes, value });
    return value;
  }
}

function isSame(a: object, b: object): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key as never] === b[key as never]);
}
