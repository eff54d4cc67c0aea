// The fields of a document as one frozen object: the same until a field changes, with the same values where none did.

import { rootContainer, type LiteEngineDocument } from '../core/lite-document.js';
import type { JsonValue } from '../core/values.js';

export class FieldCache<T extends object> {
  #generation = -1;
  #changes = -1;
  #fields: Readonly<Partial<T>> = Object.freeze({});
  #values: Map<string, { changes: number; value: JsonValue | undefined }> | null = null;
  /** The document sleeps, and this is what it is. */
  isGood = false;

  /** What was read last. */
  get last(): Readonly<Partial<T>> { return this.#fields; }

  /** @param generation  grows when the engine's counts of changes start anew */
  read(engine: LiteEngineDocument, generation: number): Readonly<Partial<T>> {
    const changes = engine.changes(rootContainer);
    if (generation !== this.#generation) this.#values = null;
    else if (changes === this.#changes) return this.#fields;
    this.#generation = generation;
    this.#changes = changes;
    const fields: Record<string, unknown> = {};
    for (const key of engine.mapKeys(rootContainer)) fields[key] = this.#readValue(engine, key);
    // A container that came under the root has changed it, but no field.
    if (!isSame(fields, this.#fields)) this.#fields = Object.freeze(fields) as Readonly<Partial<T>>;
    return this.#fields;
  }

  /** The document is about to sleep. */
  settle(engine: LiteEngineDocument, generation: number): void {
    this.isGood = generation === this.#generation && engine.changes(rootContainer) === this.#changes;
    this.#values = null;
  }

  #readValue(engine: LiteEngineDocument, key: string): JsonValue | undefined {
    const values = (this.#values ??= new Map());
    const changes = engine.mapChanges(rootContainer, key);
    const known = values.get(key);
    if (known?.changes === changes) return known.value;
    const value = sameOf(this.#fields[key as keyof T] as JsonValue | undefined, engine.mapGet(rootContainer, key));
    values.set(key, { changes, value });
    return value;
  }
}

/** `before` where it is equal to `value`: after a sleep, everything is read anew. */
export function sameOf<V>(before: V, value: V): V {
  return typeof value === 'object' && typeof before === 'object' && JSON.stringify(before) === JSON.stringify(value) ? before : value;
}

function isSame(a: object, b: object): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && a[key as never] === b[key as never]);
}
