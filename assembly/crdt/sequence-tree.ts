// The B+tree under a sequence: leaves of spans, nodes of widths, and the cursor.
//
// A span is a run typed forwards by someone: versions lv, lv + 1 … where each element's left origin is the one before
// it and all share one right origin. So a span stores four numbers however long it is. A negative length is a tombstone
// of that many elements. Widths in the nodes count visible elements only.
//
// leaf  0 count │ 4 parent │ 8 next │ 16 sequence │ 32 lv[32] │ 160 length[32] │ 288 left[32] │ 416 right[32]
// node  0 count │ 4 parent │ 8 isAboveLeaves │ 16 child[16] │ 80 width[16]
//
// The cursor remembers the leaf of the last edit, where it starts, and the width it owes its ancestors: typing
// touches one leaf and nothing above it. `doc.leaves` names the leaf of every element, so an op that
// names its neighbours finds them without a search.

import { Document, containerAt } from "../document";
import { NIL } from "../replica";

export const LEAF_ENTRIES: u32 = 32;
const NODE_ENTRIES: u32 = 16;
const LEAF_BYTES: usize = 544;
const NODE_BYTES: usize = 144;
export const UNKNOWN: u32 = 0xffffffff;

@unmanaged
export class Sequence {
  root: usize;
  isRootLeaf: bool;
  first: usize;
  last: usize;
  container: u32;
  /** Visible elements. */
  length: u32;
  spans: u32;
  cursor: usize;
  cursorStart: u32;
  cursorWidth: u32;
  /** Width the cursor's leaf has gained and its ancestors have not been told of. */
  owed: i32;
  /** One more than the element behind which the next insertion goes; 0 leaves it to its index. */
  anchor: u32;
}

// @ts-ignore: decorator
@inline function countOf(at: usize): u32 { return load<u32>(at); }
// @ts-ignore: decorator
@inline function parentOf(at: usize): usize { return load<usize>(at, 4); }
// @ts-ignore: decorator
@inline export function leafNext(leaf: usize): usize { return load<usize>(leaf, 8); }
// @ts-ignore: decorator
@inline export function leafSequence(leaf: usize): Sequence { return changetype<Sequence>(load<usize>(leaf, 16)); }
// @ts-ignore: decorator
@inline export function leafCount(leaf: usize): u32 { return load<u32>(leaf); }
// @ts-ignore: decorator
@inline export function entryAt(leaf: usize, i: u32): usize { return leaf + ((<usize>i) << 2); }
// @ts-ignore: decorator
@inline export function spanLv(leaf: usize, i: u32): u32 { return load<u32>(entryAt(leaf, i), 32); }
// @ts-ignore: decorator
@inline export function spanLength(leaf: usize, i: u32): i32 { return load<i32>(entryAt(leaf, i), 160); }
// @ts-ignore: decorator
@inline export function spanLeft(leaf: usize, i: u32): u32 { return load<u32>(entryAt(leaf, i), 288); }
// @ts-ignore: decorator
@inline export function spanRight(leaf: usize, i: u32): u32 { return load<u32>(entryAt(leaf, i), 416); }
// @ts-ignore: decorator
@inline export function setLv(leaf: usize, i: u32, value: u32): void { store<u32>(entryAt(leaf, i), value, 32); }
// @ts-ignore: decorator
@inline export function setLength(leaf: usize, i: u32, value: i32): void { store<i32>(entryAt(leaf, i), value, 160); }
// @ts-ignore: decorator
@inline export function setLeft(leaf: usize, i: u32, value: u32): void { store<u32>(entryAt(leaf, i), value, 288); }
// @ts-ignore: decorator
@inline export function setRight(leaf: usize, i: u32, value: u32): void { store<u32>(entryAt(leaf, i), value, 416); }
// @ts-ignore: decorator
@inline export function sizeOf(length: i32): u32 { return <u32>(length < 0 ? -length : length); }
// @ts-ignore: decorator
@inline function childAt(node: usize, i: u32): usize { return load<usize>(entryAt(node, i), 16); }
// @ts-ignore: decorator
@inline function widthAt(node: usize, i: u32): u32 { return load<u32>(entryAt(node, i), 80); }
// @ts-ignore: decorator
@inline export function leafOf(doc: Document, lv: u32): usize { return load<usize>(doc.leaves + ((<usize>lv) << 2)); }
// @ts-ignore: decorator
@inline export function setLeafOf(doc: Document, lv: u32, leaf: usize): void { store<usize>(doc.leaves + ((<usize>lv) << 2), leaf); }

// Where the last search ended: a leaf, an entry in it, an offset in the entry.
export let foundLeaf: usize = 0;
export let foundEntry: u32 = 0;
export let foundOffset: u32 = 0;

export function sequenceCreate(doc: Document, container: u32): Sequence {
  const at = doc.bump(offsetof<Sequence>());
  memory.fill(at, 0, offsetof<Sequence>());
  const sequence = changetype<Sequence>(at);
  sequence.container = container;
  containerAt(doc, container).state = at;
  const leaf = leafCreate(doc, sequence);
  sequence.root = leaf;
  sequence.isRootLeaf = true;
  sequence.first = leaf;
  sequence.last = leaf;
  return sequence;
}

function leafCreate(doc: Document, sequence: Sequence): usize {
  const leaf = doc.bump(LEAF_BYTES);
  memory.fill(leaf, 0, 32);
  store<usize>(leaf, changetype<usize>(sequence), 16);
  return leaf;
}

// ---- finding --------------------------------------------------------------------------------------

/** Finds the visible element number `index`, which the caller has checked to exist. */
export function findVisible(sequence: Sequence, index: u32): void {
  const start = sequence.cursorStart;
  if (sequence.cursor != 0 && start != UNKNOWN && index >= start && index - start < sequence.cursorWidth) {
    return findInLeaf(sequence.cursor, index - start);
  }
  settle(sequence);
  let at = sequence.root;
  let rest = index;
  if (!sequence.isRootLeaf) {
    let isLeaf = false;
    while (!isLeaf) {
      isLeaf = load<u32>(at, 8) != 0;
      let i: u32 = 0;
      while (rest >= widthAt(at, i)) { rest -= widthAt(at, i); i++; }
      sequence.cursorWidth = widthAt(at, i);
      at = childAt(at, i);
    }
  } else {
    sequence.cursorWidth = sequence.length;
  }
  sequence.cursor = at;
  sequence.cursorStart = index - rest;
  findInLeaf(at, rest);
}

export function findInLeaf(leaf: usize, rest: u32): void {
  let i: u32 = 0;
  while (true) {
    const length = spanLength(leaf, i);
    if (length > 0) {
      if (rest < <u32>length) break;
      rest -= <u32>length;
    }
    i++;
  }
  foundLeaf = leaf;
  foundEntry = i;
  foundOffset = rest;
}

/** Finds an element by its version. */
export function findVersion(doc: Document, lv: u32): void {
  const leaf = leafOf(doc, lv);
  const count = leafCount(leaf);
  let i: u32 = 0;
  // Who asks for an element mostly asks for it, or for a neighbour of its span, again.
  if (leaf == foundLeaf && foundEntry < count) {
    const offset = lv - spanLv(leaf, foundEntry);
    if (offset < sizeOf(spanLength(leaf, foundEntry))) {
      foundOffset = offset;
      return;
    }
  }
  while (i < count) {
    const offset = lv - spanLv(leaf, i);
    if (offset < sizeOf(spanLength(leaf, i))) {
      foundOffset = offset;
      break;
    }
    i++;
  }
  foundLeaf = leaf;
  foundEntry = i;
}

/** First version after the span that was found. */
export function spanEndFound(): u32 {
  return spanLv(foundLeaf, foundEntry) + sizeOf(spanLength(foundLeaf, foundEntry));
}

/** Left origin of the element that was found. */
export function leftFound(): u32 {
  return foundOffset == 0 ? spanLeft(foundLeaf, foundEntry) : spanLv(foundLeaf, foundEntry) + foundOffset - 1;
}

/** Visible elements before `entry` in its leaf. */
export function visibleBefore(leaf: usize, entry: u32): u32 {
  let total: u32 = 0;
  for (let i: u32 = 0; i < entry; i++) total += <u32>max<i32>(spanLength(leaf, i), 0);
  return total;
}

/** Visible elements before a leaf. O(log n). */
export function leafStart(sequence: Sequence, leaf: usize): u32 {
  if (leaf == sequence.cursor && sequence.cursorStart != UNKNOWN) return sequence.cursorStart;
  settle(sequence);
  let total: u32 = 0;
  let at = leaf;
  let node = parentOf(at);
  while (node != 0) {
    const place = placeIn(node, at);
    for (let i: u32 = 0; i < place; i++) total += widthAt(node, i);
    at = node;
    node = parentOf(node);
  }
  return total;
}

/** Visible index of an element, or where it would stand were it not deleted. O(log n). */
export function indexOf(doc: Document, lv: u32): u32 {
  findVersion(doc, lv);
  const leaf = foundLeaf;
  const entry = foundEntry;
  const offset = spanLength(leaf, entry) > 0 ? foundOffset : 0;
  return leafStart(leafSequence(leaf), leaf) + visibleBefore(leaf, entry) + offset;
}

/** Does element a stand before element b in the full sequence? NIL stands before everything. O(log n). */
export function comesBefore(doc: Document, a: u32, b: u32): bool {
  if (a == b || b == NIL) return false;
  if (a == NIL) return true;
  findVersion(doc, a);
  const leafA = foundLeaf;
  const entryA = foundEntry;
  const offsetA = foundOffset;
  findVersion(doc, b);
  if (leafA != foundLeaf) return leafComesBefore(leafA, foundLeaf);
  return entryA != foundEntry ? entryA < foundEntry : offsetA < foundOffset;
}

/** Leaves of one tree all lie at one depth, so both climb in step until they meet. */
function leafComesBefore(a: usize, b: usize): bool {
  while (parentOf(a) != parentOf(b)) {
    a = parentOf(a);
    b = parentOf(b);
  }
  const node = parentOf(a);
  return placeIn(node, a) < placeIn(node, b);
}

function placeIn(node: usize, child: usize): u32 {
  let i: u32 = 0;
  while (childAt(node, i) != child) i++;
  return i;
}

/** The element right after (leaf, entry, offset) in the full sequence, NIL at the end. */
export function successor(leaf: usize, entry: u32, offset: u32): u32 {
  if (offset + 1 < sizeOf(spanLength(leaf, entry))) return spanLv(leaf, entry) + offset + 1;
  if (entry + 1 < leafCount(leaf)) return spanLv(leaf, entry + 1);
  const next = leafNext(leaf);
  return next == 0 ? NIL : spanLv(next, 0);
}

// ---- the tree -------------------------------------------------------------------------------------

/** Puts the cursor on a leaf. `start` may be UNKNOWN; the width is then counted. */
export function moveCursor(sequence: Sequence, leaf: usize, start: u32): void {
  if (sequence.cursor == leaf) {
    if (start != UNKNOWN) sequence.cursorStart = start;
    return;
  }
  settle(sequence);
  sequence.cursor = leaf;
  sequence.cursorStart = start;
  sequence.cursorWidth = visibleBefore(leaf, leafCount(leaf));
}

/** Pays the ancestors of the cursor's leaf the width they are owed, and lifts the cursor. */
export function settle(sequence: Sequence): void {
  const owed = sequence.owed;
  const leaf = sequence.cursor;
  sequence.cursor = 0;
  sequence.owed = 0;
  if (owed != 0) addWidth(leaf, owed);
}

function addWidth(at: usize, change: i32): void {
  let node = parentOf(at);
  while (node != 0) {
    const i = placeIn(node, at);
    store<u32>(entryAt(node, i), widthAt(node, i) + <u32>change, 80);
    at = node;
    node = parentOf(node);
  }
}

/** Takes width off a child that hands it to a new sibling: above their parent nothing changes. */
function passWidth(child: usize, width: u32): void {
  const node = parentOf(child);
  if (node == 0) return;
  const i = placeIn(node, child);
  store<u32>(entryAt(node, i), widthAt(node, i) - width, 80);
}

/** Where `entry` lies after `splitLeaf`. */
export let splitEntry: u32 = 0;

/** Moves the upper half of a full leaf to a new one; returns the leaf that now holds `entry`, its place in `splitEntry`. */
export function splitLeaf(doc: Document, sequence: Sequence, leaf: usize, entry: u32): usize {
  settle(sequence);
  roomAbove(doc, sequence, leaf, true);
  const count = leafCount(leaf);
  // At the end of the text the old leaf stays nearly full: appending would otherwise leave half-empty leaves behind.
  const keep = leafNext(leaf) == 0 && entry + 1 == count ? count - 2 : count >>> 1;
  const fresh = leafCreate(doc, sequence);
  moveEntries(doc, leaf, fresh, keep);
  linkAfter(sequence, leaf, fresh);
  const moved = visibleBefore(fresh, leafCount(fresh));
  passWidth(leaf, moved);
  insertChild(leaf, fresh, moved);
  const isMoved = entry >= keep;
  splitEntry = isMoved ? entry - keep : entry;
  return isMoved ? fresh : leaf;
}

function moveEntries(doc: Document, from: usize, to: usize, keep: u32): void {
  const count = leafCount(from);
  const bytes = (<usize>(count - keep)) << 2;
  const at = entryAt(from, keep);
  memory.copy(to + 32, at + 32, bytes);
  memory.copy(to + 160, at + 160, bytes);
  memory.copy(to + 288, at + 288, bytes);
  memory.copy(to + 416, at + 416, bytes);
  store<u32>(from, keep);
  store<u32>(to, count - keep);
  for (let i: u32 = 0; i < count - keep; i++) pointToLeaf(doc, to, i);
}

function pointToLeaf(doc: Document, leaf: usize, entry: u32): void {
  let at = doc.leaves + ((<usize>spanLv(leaf, entry)) << 2);
  const end = at + ((<usize>sizeOf(spanLength(leaf, entry))) << 2);
  const pair = <u64>leaf | (<u64>leaf << 32);
  for (; at + 8 <= end; at += 8) store<u64>(at, pair);
  if (at < end) store<u32>(at, leaf);
}

function linkAfter(sequence: Sequence, leaf: usize, fresh: usize): void {
  const next = leafNext(leaf);
  store<usize>(leaf, fresh, 8);
  store<usize>(fresh, next, 8);
  if (next == 0) sequence.last = fresh;
}

/** The parent of `child`, with room for one more. Splits go from here upwards before any width moves, so sums always agree. */
function roomAbove(doc: Document, sequence: Sequence, child: usize, areLeaves: bool): void {
  const node = parentOf(child);
  if (node == 0) growRoot(doc, sequence, child, areLeaves);
  else if (countOf(node) == NODE_ENTRIES) splitNode(doc, sequence, node, child);
}

/** Adds `fresh`, of `width`, right after its left neighbour `child`, whose parent has room. */
function insertChild(child: usize, fresh: usize, width: u32): void {
  const node = parentOf(child);
  const place = placeIn(node, child) + 1;
  const at = entryAt(node, place);
  const bytes = (<usize>(countOf(node) - place)) << 2;
  memory.copy(at + 20, at + 16, bytes);
  memory.copy(at + 84, at + 80, bytes);
  store<usize>(at, fresh, 16);
  store<u32>(at, width, 80);
  store<u32>(node, countOf(node) + 1);
  store<usize>(fresh, node, 4);
}

function growRoot(doc: Document, sequence: Sequence, child: usize, areLeaves: bool): void {
  const root = nodeCreate(doc, areLeaves);
  store<u32>(root, 1);
  store<usize>(root, child, 16);
  store<u32>(root, areLeaves ? visibleBefore(child, leafCount(child)) : nodeWidth(child), 80);
  store<usize>(child, root, 4);
  sequence.root = root;
  sequence.isRootLeaf = false;
}

function nodeCreate(doc: Document, isAboveLeaves: bool): usize {
  const node = doc.bump(NODE_BYTES);
  memory.fill(node, 0, 16);
  store<u32>(node, isAboveLeaves ? 1 : 0, 8);
  return node;
}

/** Splits a full node. At the right edge the old one stays nearly full, as in splitLeaf. */
function splitNode(doc: Document, sequence: Sequence, node: usize, child: usize): void {
  roomAbove(doc, sequence, node, false);
  const isLast = placeIn(node, child) + 1 == NODE_ENTRIES;
  const keep: u32 = isLast ? NODE_ENTRIES - 2 : NODE_ENTRIES >>> 1;
  const fresh = nodeCreate(doc, load<u32>(node, 8) != 0);
  const bytes = (<usize>(NODE_ENTRIES - keep)) << 2;
  memory.copy(fresh + 16, entryAt(node, keep) + 16, bytes);
  memory.copy(fresh + 80, entryAt(node, keep) + 80, bytes);
  store<u32>(node, keep);
  store<u32>(fresh, NODE_ENTRIES - keep);
  for (let i: u32 = 0; i < NODE_ENTRIES - keep; i++) store<usize>(childAt(fresh, i), fresh, 4);
  const width = nodeWidth(fresh);
  passWidth(node, width);
  insertChild(node, fresh, width);
}

function nodeWidth(node: usize): u32 {
  let total: u32 = 0;
  for (let i: u32 = 0; i < countOf(node); i++) total += widthAt(node, i);
  return total;
}

// ---- bulk load ------------------------------------------------------------------------------------

/** Adds a span at the end, as a snapshot lists them. `finishLoad` must follow before anything else happens. */
export function appendSpan(doc: Document, sequence: Sequence, lv: u32, length: i32, left: u32, right: u32): void {
  let leaf = sequence.last;
  let count = leafCount(leaf);
  // Three quarters full, so that the first edits after a load do not split every leaf.
  if (count == 24) {
    const fresh = leafCreate(doc, sequence);
    linkAfter(sequence, leaf, fresh);
    leaf = fresh;
    count = 0;
  }
  setLv(leaf, count, lv);
  setLength(leaf, count, length);
  setLeft(leaf, count, left);
  setRight(leaf, count, right);
  store<u32>(leaf, count + 1);
  sequence.spans++;
  if (length > 0) sequence.length += <u32>length;
  pointToLeaf(doc, leaf, count);
}

/** Builds the nodes over the leaves that `appendSpan` filled. O(leaves). */
export function finishLoad(doc: Document, sequence: Sequence): void {
  let leaf = leafNext(sequence.first);
  let previous = sequence.first;
  while (leaf != 0) {
    roomAbove(doc, sequence, previous, true);
    insertChild(previous, leaf, visibleBefore(leaf, leafCount(leaf)));
    addWidthAbove(leaf);
    previous = leaf;
    leaf = leafNext(leaf);
  }
}

/** insertChild leaves ancestors above the parent without the new width, since a split moves width it does not add. */
function addWidthAbove(leaf: usize): void {
  const node = parentOf(leaf);
  if (parentOf(node) != 0) addWidth(node, <i32>visibleBefore(leaf, leafCount(leaf)));
}
