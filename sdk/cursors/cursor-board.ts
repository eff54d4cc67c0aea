// Everybody's selections in one text, as they are to be drawn now.
//
// A presence comes before the edit it follows, which is stored first: then its position leans on a character that is not
// here. Until that has arrived, the peer's last position that could be resolved stands for it, and moves with the text.

import type { Peer, Text } from '../index.js';
import { colorsOf, nameOf } from './colors.js';
import { isSelectionIn, resolveSelection, type EncodedSelection, type Selection } from './selection.js';

/** What a presence value carries to be shown in texts; next to it an app may have fields of its own. */
export interface CursorFields {
  name?: string;
  /** #rrggbb; without one, `colorsOf` chooses. */
  color?: string;
  selection?: EncodedSelection | null;
}

export interface RemoteCursor extends Selection {
  readonly id: string;
  readonly name: string;
  readonly color: string;
  /** Another object whenever the peer has moved it; the same while only the text moves under it. */
  readonly mark: unknown;
}

const nameLengthMax = 40;

export class CursorBoard {
  /** The last selection of each peer that could be resolved. */
  readonly #known = new Map<string, EncodedSelection>();

  constructor(readonly text: Text) {}

  /**
   * @param group  everyone, so that all choose the same colours
   * @param self  this replica, which is not among the cursors
   */
  read(group: readonly Peer<unknown>[], self: string): RemoteCursor[] {
    const colors = colorsOf(group.map(({ replica }) => replica));
    for (const id of this.#known.keys()) if (!colors.has(id)) this.#known.delete(id);
    return group.filter(({ replica }) => replica !== self).flatMap(({ replica, value }) => {
      const { name, color, selection } = fieldsOf(value);
      const found = this.#find(replica, selection);
      return found ? [{ ...found, id: replica, name: name ?? nameOf(replica), color: color ?? colors.get(replica)!, mark: selection }] : [];
    });
  }

  #find(id: string, encoded: unknown): Selection | null {
    if (!isSelectionIn(this.text, encoded)) {
      this.#known.delete(id);
      return null;
    }
    const found = resolveSelection(this.text, encoded);
    if (found) this.#known.set(id, encoded);
    return found ?? resolveSelection(this.text, this.#known.get(id));
  }
}

/** The name and colour a peer has chosen. It may have said anything: what cannot be shown is left out. */
export function fieldsOf(value: unknown): { name?: string; color?: string; selection?: unknown } {
  const { name, color, selection } = Object(value) as Record<keyof CursorFields, unknown>;
  return {
    ...(typeof name === 'string' && name.trim() !== '' && { name: [...name.trim()].slice(0, nameLengthMax).join('') }),
    ...(typeof color === 'string' && /^#[0-9a-f]{6}$/i.test(color) && { color }),
    ...(selection !== undefined && { selection }),
  };
}
