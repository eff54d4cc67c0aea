// Who is here: a name per window, kept only while the window is open, and where each is in the text.
//
// What a window says of itself is its name and its selection; its colour is given to it, by the replica the server saw, so
// that no two of a small group have the same. headwater/editors draws the carets.

import { colorOf, colorsOf, fieldsOf, nameOf, type CursorFields, type Selection } from '../../../sdk/cursors/index.js';
import { CursorView, TextareaGeometry } from '../../../sdk/editors/index.js';
import type { Client, Text } from '../../../sdk/index.js';
import { byId, make, settled } from './dom.js';

/** This window's own name, kept for the next visit. */
export class Self {
  readonly #input = byId<HTMLInputElement>('name');

  constructor(readonly replica: string, changed: () => void) {
    this.#input.value = localStorage.getItem('headwater.name') ?? nameOf(replica);
    this.#input.oninput = () => {
      localStorage.setItem('headwater.name', this.#input.value);
      changed();
    };
  }

  get name(): string { return this.#input.value.trim() || nameOf(this.replica); }
}

export class People {
  readonly #presence;
  readonly #view: CursorView;
  readonly #unsubscribe: () => void;
  #isClosed = false;

  constructor(client: Client, document: string, readonly self: Self, text: Text, area: HTMLTextAreaElement) {
    this.#presence = client.presence<CursorFields>(document);
    this.#view = new CursorView({ presence: this.#presence, text, container: area.parentElement!, geometry: new TextareaGeometry(area) });
    this.#unsubscribe = this.#presence.subscribe(settled(() => this.#show(), 16));
    this.announce();
    this.#show();
  }

  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
    this.#view.close();
    this.#presence.clear();
  }

  select(selection: Selection): void { this.#view.select(selection); }

  announce(): void { this.#presence.update({ name: this.self.name }); }

  #show(): void {
    if (this.#isClosed) return;
    const colors = colorsOf(this.#presence.everyone.map(({ replica }) => replica));
    const rows = this.#presence.others.map(({ replica, value }) => {
      const { name = nameOf(replica), color = colors.get(replica)!, selection } = fieldsOf(value);
      return row(name, color, Boolean(selection));
    });
    byId('colour').style.setProperty('--who', colors.get(this.self.replica) ?? colorOf(this.self.replica));
    byId('people').replaceChildren(...(rows.length > 0 ? rows : [make('li', { className: 'muted small' }, 'Nobody else yet.')]));
  }
}

function row(name: string, color: string, isInText: boolean): HTMLElement {
  const swatch = make('span', { className: 'swatch' });
  swatch.style.setProperty('--who', color);
  return make('li', { 'data-person': name }, swatch, make('span', {}, name), make('span', { className: 'muted small' }, isInText ? 'in the text' : 'reading'));
}
