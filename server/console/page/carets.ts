// Other people's carets over the textarea: the same text, transparent, laid out by the same rules in an
// element above it, with a coloured mark wherever somebody's caret is.

import { make } from './dom.js';

export interface Caret {
  index: number;
  name: string;
  colour: string;
  /** Time since it last moved. */
  ageMs: number;
}

// Laying out a long text once more per edit costs more than a caret is worth; the list of people stays.
const textLengthMax = 50_000;

export class Carets {
  readonly #layer = make('div', { className: 'layer' });
  readonly #stop = new AbortController();

  constructor(readonly area: HTMLTextAreaElement, readonly overlay: HTMLElement) {
    overlay.replaceChildren(this.#layer);
    const { signal } = this.#stop;
    area.addEventListener('scroll', () => this.#follow(), { signal });
    window.addEventListener('resize', () => this.#follow(), { signal });
  }

  close(): void {
    this.#stop.abort();
    this.overlay.replaceChildren();
  }

  draw(carets: Caret[]): void {
    const text = this.area.value;
    this.#layer.replaceChildren();
    if (text.length > textLengthMax) return;
    let from = 0;
    for (const caret of [...carets].sort((a, b) => a.index - b.index)) {
      this.#layer.append(text.slice(from, caret.index), mark(caret));
      from = caret.index;
    }
    if (carets.length > 0) this.#layer.append(text.slice(from));
    this.#follow();
  }

  /** The scrollbar takes width from the text, and only the area knows how much. */
  #follow(): void {
    this.#layer.style.width = `${this.area.clientWidth}px`;
    this.#layer.style.transform = `translateY(${-this.area.scrollTop}px)`;
  }
}

function mark({ name, colour, ageMs }: Caret): HTMLElement {
  const element = make('span', { className: 'caret' }, make('span', { className: 'flag' }, name));
  element.style.setProperty('--who', colour);
  element.style.setProperty('--age', `${ageMs}ms`);
  return element;
}
