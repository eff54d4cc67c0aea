// What the handles of texts and lists share: contents that are read again only when they have changed, and what changed,
// told as one delta for each transaction.

import type { EngineDocument, EngineEvent } from '../core/document.js';
import { Handle } from './container.js';
import { sameOf } from './fields.js';
import { composeSplices, type Delta, type Run, type Splice } from './delta.js';

export abstract class SequenceHandle<R extends Run> extends Handle<[{ delta: Delta<R>; local: boolean }], EngineDocument> {
  #splices: Splice<R>[] = [];
  /** The contents before a rebuild, to tell listeners what it changed. */
  #remembered = '' as R;
  #cached = '' as R;
  #cachedAt = '';

  abstract get length(): number;

  /** Units or items from … to, as the engine has them. */
  protected abstract read(from: number, to: number): R;

  protected abstract difference(from: R, to: R): Splice<R> | null;

  /** All of it, frozen; the same until it changes. O(length) after a change. */
  protected get contents(): R {
    const version = `${this.holder.generation}/${this.engine.changes(this.number)}`;
    if (this.#cachedAt !== version) {
      this.#cached = sameOf(this.#cached, Object.freeze(this.read(0, this.length)));
      this.#cachedAt = version;
    }
    return this.#cached;
  }

  /** Called at the end of every transaction that changed it, with one delta for all of it. @returns stops it */
  subscribe(listener: (event: { delta: Delta<R>; local: boolean }) => void): () => void {
    return this.listen(listener);
  }

  received(event: EngineEvent): void {
    if (event.kind === 'insert') this.note(event.index, 0, event.text as R);
    else if (event.kind === 'items') this.note(event.index, 0, event.values as unknown as R);
    else if (event.kind === 'delete') this.note(event.index, event.count);
  }

  remember(): void { if (this.isWatched) this.#remembered = this.contents; }

  rebuilt(): void {
    const splice = this.isWatched && this.difference(this.#remembered, this.contents);
    if (splice) this.note(splice.index, splice.deleted, splice.inserted);
  }

  flush(isLocal: boolean): (() => void) | null {
    const delta = composeSplices(this.#splices);
    this.#splices = [];
    return delta.length > 0 ? () => this.listeners.emit({ delta, local: isLocal }) : null;
  }

  /** For listeners, if there are any. */
  protected note(index: number, deleted: number, inserted = '' as R): void {
    if (!this.isWatched) return;
    this.#splices.push({ index, deleted, inserted });
    this.holder.touched(this);
  }
}
