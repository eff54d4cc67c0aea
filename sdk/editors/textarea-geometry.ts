// Where the characters of a textarea are: the browser does not tell, so the same text is laid out by the same rules in an
// element nobody sees, and that is asked.

import type { CursorGeometry } from './remote-cursors.js';

/** Whatever moves a letter. */
const styles = [
  'direction', 'font-family', 'font-size', 'font-style', 'font-weight', 'font-stretch', 'font-variant', 'font-kerning', 'font-feature-settings',
  'letter-spacing', 'line-height', 'overflow-wrap', 'padding-bottom', 'padding-left', 'padding-right', 'padding-top', 'tab-size', 'text-align',
  'text-indent', 'text-transform', 'unicode-bidi', 'white-space', 'word-break', 'word-spacing', 'writing-mode',
] as const;

/** Gives the last line a character to stand on. */
const end = '\u200b';

export class TextareaGeometry implements CursorGeometry {
  readonly #mirror = document.createElement('div');
  readonly #text = document.createTextNode(end);
  #layout = '';
  /** From the mirror to the textarea, as of this frame. */
  #offset = { x: 0, y: 0 };

  /** @param lengthMax  a longer text shows no cursors: laying it out once more at each edit costs more than they are worth */
  constructor(readonly scroller: HTMLTextAreaElement, readonly lengthMax = 50_000) {
    this.#mirror.ariaHidden = 'true';
    this.#mirror.append(this.#text);
  }

  prepare(): void {
    const { scroller } = this;
    if (!this.#mirror.isConnected) scroller.parentElement?.append(this.#mirror);
    const computed = getComputedStyle(scroller);
    const layout = `${styles.map((name) => `${name}:${computed.getPropertyValue(name)}`).join(';')};width:${scroller.clientWidth}px;`;
    // Of no height and clipped, so that it never makes a page longer.
    if (layout !== this.#layout) this.#mirror.style.cssText = `${(this.#layout = layout)}position:fixed;left:0;top:0;max-height:0;border:0;margin:0;box-sizing:border-box;overflow:hidden;visibility:hidden;pointer-events:none`;
    const shown = scroller.value.length > this.lengthMax ? end : scroller.value + end;
    if (this.#text.data !== shown) this.#text.data = shown;
    this.#measure();
  }

  caret(index: number): DOMRect | null {
    if (index >= this.#text.length) return null;
    const range = document.createRange();
    range.setStart(this.#text, index);
    range.collapse(true);
    // At a soft break there are two places, and the line that follows is where one types. In an empty line there is none.
    let rect = [...range.getClientRects()].at(-1);
    if (!rect) {
      range.setEnd(this.#text, index + 1);
      rect = range.getClientRects()[0];
    }
    return rect ? this.#inPlace(rect) : null;
  }

  boxes(from: number, to: number): DOMRect[] {
    if (to >= this.#text.length) return [];
    const range = document.createRange();
    range.setStart(this.#text, from);
    range.setEnd(this.#text, to);
    return [...range.getClientRects()].map((rect) => this.#inPlace(rect));
  }

  close(): void { this.#mirror.remove(); }

  #measure(): void {
    const [mirror, area] = [this.#mirror.getBoundingClientRect(), this.scroller.getBoundingClientRect()];
    const { clientLeft, clientTop, scrollLeft, scrollTop } = this.scroller;
    this.#offset = { x: area.left + clientLeft - scrollLeft - mirror.left, y: area.top + clientTop - scrollTop - mirror.top };
  }

  #inPlace({ left, top, width, height }: DOMRect): DOMRect {
    return new DOMRect(left + this.#offset.x, top + this.#offset.y, width, height);
  }
}
