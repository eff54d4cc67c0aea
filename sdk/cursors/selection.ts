// Selections as positions that move with the text: what a presence carries, so that everybody can draw it where it is now.
//
// An index means something in one state of the text only, and nobody else is in that state. A position is a character and a
// side of it (`text.cursor`), in base64 here, since a presence is JSON. A caret stays with the character it was typed
// after; a range holds on to the characters inside it, so what others type at its ends stays outside.

import type { Text } from '../index.js';

/** In UTF-16 units. The head is where the caret is; a head before the anchor is a selection made backwards. */
export interface Selection { readonly anchor: number; readonly head: number }

/** A selection in one text of a document, as JSON. */
export interface EncodedSelection {
  /** The text's path in the document. */
  readonly path: readonly string[];
  /** A position in base64, at most 20 letters. */
  readonly head: string;
  /** Absent when it is where the head is. */
  readonly anchor?: string;
}

/** @throws HeadwaterError `index_out_of_range` outside the text */
export function encodeSelection(text: Text, { anchor, head }: Selection): EncodedSelection {
  const path = [...text.path];
  if (anchor === head) return { path, head: encode(text, head, 'before') };
  const isForward = anchor < head;
  return { path, anchor: encode(text, anchor, isForward ? 'after' : 'before'), head: encode(text, head, isForward ? 'before' : 'after') };
}

/**
 * Where a selection is now. It is what somebody else sent, so it may be anything.
 *
 * @returns null when it is none, when it is in another text, and as long as a character it leans on has not arrived:
 * a presence is faster than the edit it followed, which is stored first
 */
export function resolveSelection(text: Text, encoded: unknown): Selection | null {
  if (!isSelectionIn(text, encoded)) return null;
  const { head, anchor = head } = encoded;
  const [from, to] = [resolve(text, anchor), resolve(text, head)];
  return from === null || to === null ? null : { anchor: from, head: to };
}

/** Whether a selection says that it is in this text; what else it says may still be nonsense. */
export function isSelectionIn(text: Text, encoded: unknown): encoded is EncodedSelection {
  const { path } = Object(encoded) as { path?: unknown };
  return Array.isArray(path) && path.length === text.path.length && path.every((key, i) => key === text.path[i]);
}

function encode(text: Text, index: number, side: 'before' | 'after'): string {
  return btoa(String.fromCharCode(...text.cursor(index, side)));
}

function resolve(text: Text, position: unknown): number | null {
  if (typeof position !== 'string' || position.length > 24) return null;
  try {
    const bytes = Uint8Array.from(atob(position), (letter) => letter.charCodeAt(0));
    return bytes.length > 1 && !isHere(text, bytes) ? null : text.resolve(bytes);
  } catch {
    return null;
  }
}

/** A character that is not here is at the start when looked at from one side and at the end from the other. */
function isHere(text: Text, bytes: Uint8Array): boolean {
  const [before, after] = [0, 1].map((side) => text.resolve(Uint8Array.of(side, ...bytes.subarray(1))));
  return before >= after;
}
