// The cursors of everybody in one text, from the presence to the screen, and this replica's own the other way.

import type { Presence, Text } from '../index.js';
import { CursorBoard, encodeSelection, type CursorFields, type Selection } from '../cursors/index.js';
import { RemoteCursors, type CursorGeometry, type RemoteCursorsOptions } from './remote-cursors.js';

export interface CursorViewOptions extends RemoteCursorsOptions {
  presence: Presence<any>;
  text: Text;
  /** Holds the editor; the cursors are drawn over it, in an element of their own. */
  container: HTMLElement;
  geometry: CursorGeometry;
}

export class CursorView {
  readonly #presence: Presence<CursorFields>;
  readonly #text: Text;
  readonly #board: CursorBoard;
  readonly #drawn: RemoteCursors;
  readonly #stop: (() => void)[];

  constructor({ presence, text, container, geometry, ...options }: CursorViewOptions) {
    this.#presence = presence;
    this.#text = text;
    this.#board = new CursorBoard(text);
    this.#drawn = new RemoteCursors(container, geometry, options);
    this.#stop = [presence.subscribe(() => this.refresh()), text.subscribe(() => this.refresh())];
    this.refresh();
  }

  /** This replica's own selection, in the others' sight; null when it is in no text. */
  select(selection: Selection | null): void {
    this.#presence.update({ selection: selection && encodeSelection(this.#text, selection) });
  }

  /** Draws anew in the next frame; call it when the editor shows its text in another way. */
  refresh(): void { this.#drawn.show(() => this.#board.read(this.#presence.everyone, this.#presence.replica)); }

  /** Takes away all that was drawn. What this replica shows of itself stays. */
  close(): void {
    for (const stop of this.#stop) stop();
    this.#drawn.close();
  }
}
