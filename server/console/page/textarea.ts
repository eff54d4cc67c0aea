// A textarea bound to a shared text. Input becomes one splice; remote edits come in around the selection.
//
// The selection is remembered as two CRDT cursors, taken while the old value is still shown, so it stays
// beside the same characters whatever a peer does. While an input method composes, the value is not
// touched: rewriting it would abort the composition. Remote edits wait, and the composed text is put
// where its place has moved to.

import type { Text, Write } from '../../../sdk/index.js';
import { indexAfter, spliceBetween } from './splice.js';
import type { Delta, Splice } from './splice.js';

export interface TextareaEvents {
  write(write: Write, splice: Splice): void;
  /** The selection moved, or the text did under it. */
  selection(anchor: number, head: number): void;
  refused(error: unknown): void;
}

export class TextareaBinding {
  #shown = '';
  #composing = false;
  #writing = false;
  #missed: Delta[] = [];
  #start: Uint8Array | undefined;
  #end: Uint8Array | undefined;
  readonly #stop = new AbortController();
  readonly #unsubscribe: () => void;

  constructor(readonly area: HTMLTextAreaElement, readonly text: Text, readonly events: TextareaEvents) {
    this.#show();
    this.#unsubscribe = text.subscribe(({ delta }) => this.#edited(delta));
    const { signal } = this.#stop;
    area.addEventListener('input', () => this.#commit(), { signal });
    area.addEventListener('compositionstart', () => { this.#composing = true; }, { signal });
    area.addEventListener('compositionend', () => { this.#composing = false; this.#commit(); }, { signal });
    document.addEventListener('selectionchange', () => this.#remember(), { signal });
  }

  close(): void {
    this.#stop.abort();
    this.#unsubscribe();
  }

  #edited(delta: Delta): void {
    if (this.#composing) this.#missed.push(delta);
    else if (!this.#writing) this.#redraw();
  }

  #commit(): void {
    if (this.#composing) return;
    const splice = spliceBetween(this.#shown, this.area.value, this.area.selectionEnd);
    const missed = this.#missed.splice(0);
    this.#shown = this.area.value;
    this.#writing = true;
    try {
      if (splice) this.#write(splice, missed);
    } catch (error) {
      this.events.refused(error);
    } finally {
      this.#writing = false;
    }
    if (visible(this.text) !== this.#shown) this.#redraw();
    else this.#remember();
  }

  #write({ index, deleted, inserted }: Splice, missed: Delta[]): void {
    const from = missed.reduce((at, delta) => indexAfter(delta, at), index);
    const to = missed.reduce((at, delta) => indexAfter(delta, at), index + deleted);
    const write = this.text.splice(from, to - from, inserted);
    if (missed.length > 0) this.#point(from + inserted.length);
    this.events.write(write, { index: from, deleted: to - from, inserted });
  }

  #redraw(): void {
    const { scrollTop, selectionDirection } = this.area;
    this.#show();
    const [start, end] = [this.#index(this.#start), this.#index(this.#end)];
    this.area.setSelectionRange(Math.min(start, end), end, selectionDirection);
    this.area.scrollTop = scrollTop;
    this.#remember();
  }

  #show(): void {
    this.#shown = visible(this.text);
    this.area.value = this.#shown;
  }

  #index(cursor: Uint8Array | undefined): number {
    return cursor ? this.text.resolve(cursor) : this.#shown.length;
  }

  #remember(): void {
    // During a composition the shown text is not the document's, so its indexes mean nothing to the document.
    if (this.#composing || this.area.value !== this.#shown) return;
    const { selectionStart, selectionEnd, selectionDirection } = this.area;
    this.#point(selectionEnd, selectionStart);
    const backward = selectionDirection === 'backward';
    this.events.selection(backward ? selectionEnd : selectionStart, backward ? selectionStart : selectionEnd);
  }

  /** A range holds on to the characters inside it; a caret to the one on its left. */
  #point(end: number, start = end): void {
    this.#end = this.text.cursor(end, 'before');
    this.#start = this.text.cursor(start, start === end ? 'before' : 'after');
  }
}

/** A textarea turns CR into LF, and CR LF into one: a stand-in of the same length keeps indexes equal. */
function visible(text: Text): string {
  return text.toString().replaceAll('\r', '␍');
}
