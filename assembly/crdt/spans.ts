// Spans inside leaves: putting one in, cutting one in two, and turning visible ones into tombstones.
//
// Neighbours that one run could describe become one: typing extends the span before it, deleting forwards or backwards
// grows one tombstone. That is what keeps a document of 260,000 edits at 12,000 spans.

import { Document } from "../document";
import { LEAF_ENTRIES, Sequence, UNKNOWN, entryAt, leafCount, moveCursor, setLeafOf, setLeft, setLength, setLv, setRight, sizeOf, spanLeft, spanLength, spanLv, spanRight, splitEntry, splitLeaf } from "./sequence-tree";

export function insertFront(doc: Document, sequence: Sequence, lv: u32, count: u32, left: u32, right: u32): void {
  let leaf = sequence.first;
  if (leafCount(leaf) == LEAF_ENTRIES) leaf = splitLeaf(doc, sequence, leaf, 0);
  moveCursor(sequence, leaf, 0);
  openEntry(leaf, 0);
  fillEntry(doc, sequence, leaf, 0, lv, count, left, right);
}

/** Inserts right after an element, into its span where it continues it, else as a span of its own. */
export function insertAfter(doc: Document, sequence: Sequence, leaf: usize, entry: u32, offset: u32, lv: u32, count: u32, left: u32, right: u32): void {
  const length = spanLength(leaf, entry);
  const size = sizeOf(length);
  if (offset + 1 == size) {
    if (length > 0 && lv == left + 1 && spanRight(leaf, entry) == right) {
      if (leaf != sequence.cursor) moveCursor(sequence, leaf, UNKNOWN);
      setLength(leaf, entry, length + <i32>count);
      return bookElements(doc, sequence, leaf, lv, count);
    }
    if (leafCount(leaf) == LEAF_ENTRIES) {
      leaf = splitLeaf(doc, sequence, leaf, entry);
      entry = splitEntry;
    }
    if (leaf != sequence.cursor) moveCursor(sequence, leaf, UNKNOWN);
    openEntry(leaf, entry + 1);
    return fillEntry(doc, sequence, leaf, entry + 1, lv, count, left, right);
  }
  if (leafCount(leaf) > LEAF_ENTRIES - 2) {
    leaf = splitLeaf(doc, sequence, leaf, entry);
    entry = splitEntry;
  }
  if (leaf != sequence.cursor) moveCursor(sequence, leaf, UNKNOWN);
  cutSpan(sequence, leaf, entry, offset + 1);
  openEntry(leaf, entry + 1);
  fillEntry(doc, sequence, leaf, entry + 1, lv, count, left, right);
}

/** Splits the span at `entry` in two, the second starting at `offset`. The leaf has room. */
function cutSpan(sequence: Sequence, leaf: usize, entry: u32, offset: u32): void {
  openEntry(leaf, entry + 1);
  const lv = spanLv(leaf, entry);
  const length = spanLength(leaf, entry);
  const sign: i32 = length < 0 ? -1 : 1;
  setLv(leaf, entry + 1, lv + offset);
  setLength(leaf, entry + 1, length - sign * <i32>offset);
  setLeft(leaf, entry + 1, lv + offset - 1);
  setRight(leaf, entry + 1, spanRight(leaf, entry));
  setLength(leaf, entry, sign * <i32>offset);
  sequence.spans++;
}

/** Shifts entries from `entry` on by one; what stays at `entry` is to be overwritten. */
function openEntry(leaf: usize, entry: u32): void {
  const count = leafCount(leaf);
  const bytes = (<usize>(count - entry)) << 2;
  if (bytes != 0) {
    const at = entryAt(leaf, entry);
    memory.copy(at + 36, at + 32, bytes);
    memory.copy(at + 164, at + 160, bytes);
    memory.copy(at + 292, at + 288, bytes);
    memory.copy(at + 420, at + 416, bytes);
  }
  store<u32>(leaf, count + 1);
}

function closeEntry(sequence: Sequence, leaf: usize, entry: u32): void {
  const count = leafCount(leaf) - 1;
  const bytes = (<usize>(count - entry)) << 2;
  if (bytes != 0) {
    const at = entryAt(leaf, entry);
    memory.copy(at + 32, at + 36, bytes);
    memory.copy(at + 160, at + 164, bytes);
    memory.copy(at + 288, at + 292, bytes);
    memory.copy(at + 416, at + 420, bytes);
  }
  store<u32>(leaf, count);
  sequence.spans--;
}

function fillEntry(doc: Document, sequence: Sequence, leaf: usize, entry: u32, lv: u32, count: u32, left: u32, right: u32): void {
  setLv(leaf, entry, lv);
  setLength(leaf, entry, <i32>count);
  setLeft(leaf, entry, left);
  setRight(leaf, entry, right);
  sequence.spans++;
  bookElements(doc, sequence, leaf, lv, count);
}

/** Enters new elements into the tables; the cursor is on their leaf. */
// @ts-ignore: decorator
@inline function bookElements(doc: Document, sequence: Sequence, leaf: usize, lv: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) setLeafOf(doc, lv + i, leaf);
  sequence.length += count;
  sequence.cursorWidth += count;
  sequence.owed += <i32>count;
}

// ---- tombstones -----------------------------------------------------------------------------------

/** Deletes `taken` elements of a visible span from `offset`, merging with tombstones on either side where they continue each other. */
export function tombstone(doc: Document, sequence: Sequence, leaf: usize, entry: u32, offset: u32, taken: u32): void {
  const size = <u32>spanLength(leaf, entry);
  const isPart = offset > 0 && offset + taken < size;
  if (leafCount(leaf) > LEAF_ENTRIES - (isPart ? 2 : 1)) {
    leaf = splitLeaf(doc, sequence, leaf, entry);
    entry = splitEntry;
  }
  if (leaf != sequence.cursor) moveCursor(sequence, leaf, UNKNOWN);
  sequence.length -= taken;
  sequence.cursorWidth -= taken;
  sequence.owed -= <i32>taken;
  if (offset == 0 && taken < size && continuesBefore(leaf, entry)) return giveToPrevious(leaf, entry, taken);
  if (offset > 0 && offset + taken == size && continuesAfter(leaf, entry)) return giveToNext(leaf, entry, taken);
  if (offset + taken < size) cutSpan(sequence, leaf, entry, offset + taken);
  if (offset > 0) {
    cutSpan(sequence, leaf, entry, offset);
    entry++;
  }
  setLength(leaf, entry, -<i32>taken);
  mergeTombstones(sequence, leaf, entry);
}

/** Is the entry before a tombstone that this span continues? */
function continuesBefore(leaf: usize, entry: u32): bool {
  return entry > 0 && isContinuation(leaf, entry - 1, entry);
}

function continuesAfter(leaf: usize, entry: u32): bool {
  return entry + 1 < leafCount(leaf) && spanLength(leaf, entry + 1) < 0 && areContiguous(leaf, entry, entry + 1);
}

function isContinuation(leaf: usize, first: u32, second: u32): bool {
  return spanLength(leaf, first) < 0 && areContiguous(leaf, first, second);
}

/** The second span's elements follow on the first's, so that one run could describe both. */
function areContiguous(leaf: usize, first: u32, second: u32): bool {
  const end = spanLv(leaf, first) + sizeOf(spanLength(leaf, first));
  return spanLv(leaf, second) == end && spanLeft(leaf, second) == end - 1 && spanRight(leaf, second) == spanRight(leaf, first);
}

function giveToPrevious(leaf: usize, entry: u32, taken: u32): void {
  setLength(leaf, entry - 1, spanLength(leaf, entry - 1) - <i32>taken);
  const lv = spanLv(leaf, entry) + taken;
  setLv(leaf, entry, lv);
  setLeft(leaf, entry, lv - 1);
  setLength(leaf, entry, spanLength(leaf, entry) - <i32>taken);
}

function giveToNext(leaf: usize, entry: u32, taken: u32): void {
  setLength(leaf, entry, spanLength(leaf, entry) - <i32>taken);
  const lv = spanLv(leaf, entry + 1) - taken;
  setLv(leaf, entry + 1, lv);
  setLeft(leaf, entry + 1, lv - 1);
  setLength(leaf, entry + 1, spanLength(leaf, entry + 1) - <i32>taken);
}

function mergeTombstones(sequence: Sequence, leaf: usize, entry: u32): void {
  if (continuesAfter(leaf, entry)) {
    setLength(leaf, entry, spanLength(leaf, entry) + spanLength(leaf, entry + 1));
    closeEntry(sequence, leaf, entry + 1);
  }
  if (continuesBefore(leaf, entry)) {
    setLength(leaf, entry - 1, spanLength(leaf, entry - 1) + spanLength(leaf, entry));
    closeEntry(sequence, leaf, entry);
  }
}
