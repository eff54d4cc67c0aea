// Who is here: a name, a colour and a caret per window, kept only while the window is open.
//
// A caret travels as a CRDT cursor, not as an index: by the time it arrives the text has moved on.

import type { Client, Text } from '../../../sdk/index.js';
import type { Caret } from './carets.js';
import { byId, make, settled } from './dom.js';

export interface Person {
  name: string;
  colour: string;
  /** A cursor in base64; absent until the window has been typed or clicked in. */
  caret?: string;
}

const names = ['Otter', 'Heron', 'Kingfisher', 'Beaver', 'Salmon', 'Dipper', 'Newt', 'Willow', 'Reed', 'Trout', 'Swan', 'Mink'];
const colours = ['#c2410c', '#b91c5c', '#7c3aed', '#2563eb', '#0f766e', '#4d7c0f', '#a16207', '#9333ea'];

/** This window's own name and colour. The name is kept for the next visit; the colour tells two windows of one person apart. */
export class Self {
  readonly colour: string;
  readonly #input = byId<HTMLInputElement>('name');

  constructor(replica: string, changed: () => void) {
    const pick = parseInt(replica.slice(-6), 16);
    this.colour = colours[pick % colours.length];
    this.#input.value = localStorage.getItem('headwater.name') ?? names[pick % names.length];
    byId('colour').style.setProperty('--who', this.colour);
    this.#input.oninput = () => {
      localStorage.setItem('headwater.name', this.#input.value);
      changed();
    };
  }

  get name(): string {
    return this.#input.value.trim() || 'Somebody';
  }
}

export class People {
  readonly #presence;
  readonly #unsubscribe: () => void;
  #caret: string | undefined;
  #isClosed = false;
  /** When each replica's caret was last seen to move. */
  readonly #moved = new Map<string, { caret: string; atMs: number }>();

  constructor(client: Client, document: string, readonly self: Self, readonly text: Text, readonly draw: (carets: Caret[]) => void) {
    this.#presence = client.presence<Person>(document);
    this.#unsubscribe = this.#presence.subscribe(this.show);
    this.announce();
    this.show();
  }

  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
    this.#presence.clear();
  }

  point(index: number): void {
    this.#caret = toBase64(this.text.cursor(index, 'before'));
    this.announce();
  }

  announce(): void {
    const { name, colour } = this.self;
    this.#presence.set(this.#caret === undefined ? { name, colour } : { name, colour, caret: this.#caret });
  }

  /** Carets stand in the text, so this is also for whoever changed it. */
  readonly show = settled(() => this.#draw(), 16);

  #draw(): void {
    if (this.#isClosed) return;
    const others = [...this.#presence.others].map(({ replica, value }) => ({ replica, ...readPerson(value) }));
    byId('people').replaceChildren(...(others.length > 0 ? others.map(row) : [make('li', { className: 'muted small' }, 'Nobody else yet.')]));
    this.draw(others.flatMap((person) => this.#caretOf(person)));
  }

  #caretOf({ replica, name, colour, caret }: Person & { replica: string }): Caret[] {
    if (caret === undefined) return [];
    if (this.#moved.get(replica)?.caret !== caret) this.#moved.set(replica, { caret, atMs: Date.now() });
    const ageMs = Date.now() - this.#moved.get(replica)!.atMs;
    try {
      return [{ name, colour, ageMs, index: this.text.resolve(fromBase64(caret)) }];
    } catch {
      // The caret may point at a character that is still on its way here.
      return [];
    }
  }
}

/** Presence is what another window says of itself: its shape is checked before it is shown. */
function readPerson(value: unknown): Person {
  const { name, colour, caret } = Object(value) as Partial<Record<keyof Person, unknown>>;
  return {
    name: typeof name === 'string' && name !== '' ? name.slice(0, 24) : 'Somebody',
    colour: typeof colour === 'string' && /^#[0-9a-f]{6}$/i.test(colour) ? colour : '#64748b',
    ...(typeof caret === 'string' ? { caret } : {}),
  };
}

function row({ name, colour, caret }: Person): HTMLElement {
  const swatch = make('span', { className: 'swatch' });
  swatch.style.setProperty('--who', colour);
  return make('li', { 'data-person': name }, swatch, make('span', {}, name), make('span', { className: 'muted small' }, caret ? 'in the text' : 'reading'));
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
