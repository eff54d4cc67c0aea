// Other people's carets and selections, drawn over any editor that can say where its characters are.
//
// A frame first writes what has no place yet, then reads every rectangle, then writes every place: the browser lays the
// page out once, for a hundred cursors as for one. Places are in the coordinates of the text, so scrolling moves one element,
// at once; a caret that its owner or the text moves glides there. All of it is in a shadow root: the page's styles
// do not reach it but through `::part(caret)`, `::part(flag)` and `::part(selection)`, and it goes with its host.

import type { RemoteCursor } from '../cursors/index.js';
import { sheet } from './remote-cursors-sheet.js';

/** An editor, as far as drawing over it goes. Rectangles are in client coordinates, as `getClientRects` gives them. */
export interface CursorGeometry {
  /** What scrolls the text; nothing is drawn outside its box. */
  readonly scroller: HTMLElement;
  /** Called before the questions of a frame; the last moment to change the page. */
  prepare?(): void;
  /** Where the caret before the character at `index` stands; its width does not count. Null when it has no place. */
  caret(index: number): DOMRectReadOnly | null;
  /** The boxes of a range, at least those that can be seen. */
  boxes(from: number, to: number): Iterable<DOMRectReadOnly>;
  close?(): void;
}

export interface RemoteCursorsOptions {
  /** A name shows when its caret moves, and then gives the line above back. */
  flagMs?: number;
  /** A caret that has not moved for so long is faint. */
  idleMs?: number;
}

interface Drawn {
  caret: HTMLElement;
  flag: HTMLElement;
  boxes: HTMLElement[];
  mark: unknown;
  movedMs: number;
  /** Where it is can be seen: from there it may glide. */
  isPlaced: boolean;
}

interface Place { cursor: RemoteCursor; drawn: Drawn; caret: DOMRectReadOnly | null; boxes: DOMRectReadOnly[]; flagWidth: number }
interface View { left: number; top: number; width: number; height: number; scrollLeft: number; scrollTop: number }

/** Of an empty line in a selection, which has a height alone. */
const boxWidthMin = 4;

export class RemoteCursors {
  readonly #host = document.createElement('div');
  readonly #view = make('view');
  readonly #content = make('content');
  readonly #drawn = new Map<string, Drawn>();
  readonly #stop = new AbortController();
  readonly #observer = new ResizeObserver(() => this.#request(true));
  readonly #madeRelative: boolean;
  #read: () => readonly RemoteCursor[] = () => [];
  #frame = 0;
  #isStill = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly container: HTMLElement, readonly geometry: CursorGeometry, readonly options: RemoteCursorsOptions = {}) {
    this.#madeRelative = getComputedStyle(container).position === 'static';
    if (this.#madeRelative) container.style.position = 'relative';
    this.#host.ariaHidden = 'true';
    const root = this.#host.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet()];
    this.#view.append(this.#content);
    root.append(this.#view);
    container.append(this.#host);
    this.#observer.observe(geometry.scroller);
    geometry.scroller.addEventListener('scroll', () => this.#scrolled(), { signal: this.#stop.signal, passive: true });
    document.fonts.addEventListener('loadingdone', () => this.#request(true), { signal: this.#stop.signal });
  }

  /** Draws these in the next frame. A function is asked then, once, however often this was called. */
  show(cursors: readonly RemoteCursor[] | (() => readonly RemoteCursor[])): void {
    this.#read = typeof cursors === 'function' ? cursors : () => cursors;
    this.#request(false);
  }

  close(): void {
    this.#stop.abort();
    this.#observer.disconnect();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#host.remove();
    if (this.#madeRelative) this.container.style.position = '';
    this.geometry.close?.();
  }

  /** @param isStill  what moves has not been moved by anybody, and does not glide */
  #request(isStill: boolean): void {
    if (this.#stop.signal.aborted) return;
    this.#isStill ||= isStill;
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** The text is where it is already; boxes that have come into sight are drawn in this same frame. */
  #scrolled(): void {
    this.#scrollTo(this.geometry.scroller.scrollLeft, this.geometry.scroller.scrollTop);
    this.#request(true);
  }

  #scrollTo(left: number, top: number): void {
    this.#content.style.transform = `translate(${-left}px,${-top}px)`;
  }

  #draw(): void {
    const isSmooth = !this.#isStill;
    this.#frame = 0;
    this.#isStill = false;
    const cursors = this.#read();
    this.#keep(cursors);
    this.geometry.prepare?.();
    const view = viewOf(this.geometry.scroller, this.#host);
    const places = cursors.map((cursor) => this.#placeOf(cursor, view));
    this.#view.style.cssText = `left:${view.left - view.originLeft}px;top:${view.top - view.originTop}px;width:${view.width}px;height:${view.height}px`;
    this.#scrollTo(view.scrollLeft, view.scrollTop);
    for (const place of places) write(place, view, isSmooth);
    this.#fade();
  }

  /** Makes what is new, takes away what is gone. Nothing is read here. */
  #keep(cursors: readonly RemoteCursor[]): void {
    const ids = new Set(cursors.map(({ id }) => id));
    for (const [id, drawn] of this.#drawn) {
      if (ids.has(id)) continue;
      for (const element of [drawn.caret, ...drawn.boxes]) element.remove();
      this.#drawn.delete(id);
    }
    for (const cursor of cursors) this.#mark(this.#drawn.get(cursor.id) ?? this.#add(cursor.id), cursor);
  }

  #add(id: string): Drawn {
    const flag = make('flag');
    const caret = make('caret', flag);
    caret.dataset.id = id;
    this.#content.append(caret);
    const drawn: Drawn = { caret, flag, boxes: [], mark: undefined, movedMs: -Infinity, isPlaced: false };
    this.#drawn.set(id, drawn);
    return drawn;
  }

  #mark(drawn: Drawn, { name, color, mark }: RemoteCursor): void {
    if (drawn.flag.textContent !== name) drawn.flag.textContent = name;
    drawn.caret.style.setProperty('--color', color);
    if (drawn.mark === mark) return;
    drawn.mark = mark;
    drawn.movedMs = performance.now();
  }

  #placeOf(cursor: RemoteCursor, view: View): Place {
    const drawn = this.#drawn.get(cursor.id)!;
    const caret = this.geometry.caret(cursor.head);
    const [from, to] = [Math.min(cursor.anchor, cursor.head), Math.max(cursor.anchor, cursor.head)];
    const boxes = from === to ? [] : [...this.geometry.boxes(from, to)].filter((box) => isSeen(box, view));
    return { cursor, drawn, caret: caret && isSeen(caret, view) ? caret : null, boxes, flagWidth: drawn.flag.offsetWidth };
  }

  /** Names go and carets fade in their time: one timer, for whoever is next. */
  #fade(): void {
    const { flagMs = 2_500, idleMs = 60_000 } = this.options;
    const nowMs = performance.now();
    let nextMs = Infinity;
    for (const { caret, movedMs } of this.#drawn.values()) {
      for (const [name, ms] of [['quiet', flagMs], ['idle', idleMs]] as const) {
        const leftMs = movedMs + ms - nowMs;
        caret.classList.toggle(name, leftMs <= 0);
        if (leftMs > 0) nextMs = Math.min(nextMs, leftMs);
      }
    }
    clearTimeout(this.#timer);
    if (nextMs < Infinity) this.#timer = setTimeout(() => this.#fade(), nextMs);
  }
}

function viewOf(scroller: HTMLElement, host: HTMLElement): View & { originLeft: number; originTop: number } {
  const [box, origin] = [scroller.getBoundingClientRect(), host.getBoundingClientRect()];
  return {
    left: box.left + scroller.clientLeft, top: box.top + scroller.clientTop, width: scroller.clientWidth, height: scroller.clientHeight,
    scrollLeft: scroller.scrollLeft, scrollTop: scroller.scrollTop, originLeft: origin.left, originTop: origin.top,
  };
}

function isSeen({ left, right, top, bottom }: DOMRectReadOnly, view: View): boolean {
  return bottom >= view.top && top <= view.top + view.height && right >= view.left && left <= view.left + view.width;
}

function write({ cursor, drawn, caret, boxes, flagWidth }: Place, view: View, isSmooth: boolean): void {
  drawn.caret.hidden = !caret;
  drawn.caret.classList.toggle('smooth', isSmooth && drawn.isPlaced);
  drawn.isPlaced = caret !== null;
  if (caret) {
    // A name is above its caret and to its right, unless it would be cut off there.
    drawn.caret.classList.toggle('below', caret.top - view.top < caret.height);
    drawn.caret.classList.toggle('leftward', caret.left - view.left + flagWidth > view.width);
    drawn.caret.style.height = `${caret.height}px`;
    drawn.caret.style.transform = moved(caret, view);
  }
  while (drawn.boxes.length > boxes.length) drawn.boxes.pop()!.remove();
  while (drawn.boxes.length < boxes.length) drawn.boxes.push(drawn.caret.parentElement!.insertBefore(make('selection'), drawn.caret));
  boxes.forEach((box, i) => {
    drawn.boxes[i].style.cssText = `--color:${cursor.color};width:${Math.max(box.width, boxWidthMin)}px;height:${box.height}px;transform:${moved(box, view)}`;
  });
}

/** To its place in the text, whatever is scrolled. */
function moved({ left, top }: DOMRectReadOnly, view: View): string {
  return `translate(${left - view.left + view.scrollLeft}px,${top - view.top + view.scrollTop}px)`;
}

function make(name: string, ...children: Node[]): HTMLElement {
  const element = document.createElement('div');
  element.className = name;
  element.setAttribute('part', name);
  element.append(...children);
  return element;
}
