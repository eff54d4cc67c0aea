// A collaborative text. Positions are UTF-16 units, as in every editor and in JavaScript's strings.

import { HeadwaterError } from '../core/errors.js';
import { Kind } from '../core/document.js';
import { checkIndex, type Holder } from './container.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import { spliceBetween, type Splice } from './delta.js';
import { SequenceHandle } from './sequence-handle.js';
import type { Write } from './write.js';

/** Which neighbour a cursor stays with when text comes in at its place. */
export type Side = 'before' | 'after';

export class Text extends SequenceHandle<string> {
  constructor(holder: Holder, path: readonly string[]) { super(holder, path, Kind.Text); }

  get length(): number { return this.engine.textLength(this.number); }

  /** The whole text; the same string until it changes. O(length) after a change. */
  override toString(): string { return this.contents; }

  toJSON(): string { return this.toString(); }

  /**
   * @throws HeadwaterError `index_out_of_range` outside the text or inside a surrogate pair, `invalid_argument` for anything
   * but a whole number and a string; nothing changes then
   */
  insert(index: number, text: string): Write {
    checkIndex(index, 'index');
    checkText(text);
    this.engine.textInsert(this.number, index, text);
    this.holder.history?.inserted(this.path, this.number, index, text.length);
    // As the engine stores it: a listener's copy must not drift from the text.
    if (this.isWatched) this.note(index, 0, text.toWellFormed());
    return this.holder.wrote();
  }

  delete(index: number, count: number): Write {
    checkIndex(index, 'index');
    checkIndex(count, 'count');
    const deletion = this.holder.history?.deletion(this.path, this.number, index, count);
    this.engine.textDelete(this.number, index, count);
    if (deletion) this.holder.history!.note(deletion);
    this.note(index, count);
    return this.holder.wrote();
  }

  /** Deletes `count` units at `index` and inserts `text` there, as one write. */
  splice(index: number, count: number, text: string): Write {
    checkText(text);
    return this.holder.edit(() => {
      this.delete(index, count);
      if (text !== '') this.insert(index, text);
    });
  }

  /** Makes the text `next` by the one splice between their common ends. */
  update(next: string): Write {
    checkText(next);
    const splice = spliceBetween(this.toString(), next.toWellFormed());
    return splice ? this.splice(splice.index, splice.deleted, splice.inserted) : this.holder.edit(() => {});
  }

  /** Units from `a` to `b`, clamped like String.slice but without negative counting. */
  slice(a: number, b: number = this.length): string {
    checkIndex(a, 'a');
    checkIndex(b, 'b');
    const end = Math.min(b, this.length);
    return a >= end ? '' : this.read(a, end);
  }

  /**
   * A position that moves with the text, as a few bytes that any replica can resolve. `before` stays with the character
   * before it, `after` with the one after it.
   */
  cursor(index: number, side: Side = 'after'): Uint8Array {
    checkIndex(index, 'index');
    if (side !== 'before' && side !== 'after') throw new HeadwaterError('invalid_argument', `side is "before" or "after", not ${String(side)}`, { side });
    if (index > this.length) throw new HeadwaterError('index_out_of_range', `index ${index} is past the end of the text (${this.length})`, { index });
    const anchor = side === 'before' ? (index === 0 ? null : this.engine.textElement(this.number, index - 1)) : this.engine.textElement(this.number, index);
    return encodeCursor(side, anchor);
  }

  /**
   * Where a cursor is now. A cursor whose character has not arrived here yet is at the end it leans to.
   *
   * @throws HeadwaterError `invalid_argument` for bytes that are not a cursor
   */
  resolve(cursor: Uint8Array): number {
    const { side, anchor } = decodeCursor(cursor);
    if (!anchor) return side === 'before' ? 0 : this.length;
    const index = this.engine.textResolve(this.number, anchor, side === 'before');
    return index >= 0 ? index : side === 'before' ? 0 : this.length;
  }

  protected read(from: number, to: number): string { return this.engine.textRead(this.number, from, to); }

  protected difference(from: string, to: string): Splice | null { return spliceBetween(from, to); }
}

function checkText(text: string): void {
  if (typeof text !== 'string') throw new HeadwaterError('invalid_argument', `text must be a string, not ${typeof text}`);
}
