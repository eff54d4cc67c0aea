// The sequence: a text's elements in FugueMax order.
//
// A local edit goes where it was asked. An op of another replica names the neighbours its author saw; where others have
// written between those two, the scan finds the place on which every replica agrees. What holds the elements is
// sequence-tree.ts, what changes them inside a leaf is spans.ts.
//
// Order: Weidner & Kleppmann, "The Art of the Fugue" (FugueMax), in the list form known as YjsMod.

import { EventKind } from "../abi";
import { Document, eventAdd, isHigh, unitAt } from "../document";
import { copyBytes } from "../memory/bytes";
import { NIL, authorOf, replicaAt } from "../replica";
import { insertAfter, insertFront, tombstone } from "./spans";
import { Sequence, comesBefore, findVersion, findVisible, foundEntry, foundLeaf, foundOffset, leafCount, leafNext, leafSequence, leafStart, sizeOf, spanLeft, spanLength, spanLv, spanRight, successor, visibleBefore } from "./sequence-tree";

// ---- local edits ----------------------------------------------------------------------------------

// The origins of the insertion that `insertHere` just made: the open batch records them.
export let originLeft: u32 = 0;
export let originRight: u32 = 0;

/** Goes to where an insertion at visible `index` belongs; false when that lies inside a surrogate pair. `insertHere` follows. */
export function seekInsertion(doc: Document, sequence: Sequence, index: u32): bool {
  if (index == 0) return true;
  findVisible(sequence, index - 1);
  return !isHigh(unitAt(doc, spanLv(foundLeaf, foundEntry) + foundOffset));
}

/**
 * Puts elements lv … lv + count at visible `index`, which was just sought, as this replica's user asked.
 * The left origin is the visible element before; the right origin what follows it in the full sequence.
 */
export function insertHere(doc: Document, sequence: Sequence, index: u32, lv: u32, count: u32): void {
  if (sequence.anchor != 0) findAnchor(doc, sequence);
  else if (index == 0) return insertFirst(doc, sequence, lv, count);
  const leaf = foundLeaf;
  const entry = foundEntry;
  const left = spanLv(leaf, entry) + foundOffset;
  const right = successor(leaf, entry, foundOffset);
  originLeft = left;
  originRight = right;
  insertAfter(doc, sequence, leaf, entry, foundOffset, lv, count, left, right);
}

// ---- behind an element, whether it shows or not ---------------------------------------------------

/** The next insertion goes behind the last of `count` versions from `lv` on that follow each other; returns how many do. */
export function anchorBehind(doc: Document, sequence: Sequence, lv: u32, count: u32): u32 {
  const length = runLength(doc, lv, count);
  const isInPair = length != 0 && isHigh(unitAt(doc, lv + length - 1));
  sequence.anchor = length == 0 || isInPair ? 0 : lv + length;
  return isInPair ? 0 : length;
}

function runLength(doc: Document, lv: u32, count: u32): u32 {
  let length: u32 = 0;
  while (length < count) {
    findVersion(doc, lv + length);
    const size = sizeOf(spanLength(foundLeaf, foundEntry));
    length += size - foundOffset;
    if (successor(foundLeaf, foundEntry, size - 1) != lv + length) break;
  }
  return min(length, count);
}

function findAnchor(doc: Document, sequence: Sequence): void {
  findVersion(doc, sequence.anchor - 1);
  sequence.anchor = 0;
}

function insertFirst(doc: Document, sequence: Sequence, lv: u32, count: u32): void {
  const leaf = sequence.first;
  originLeft = NIL;
  originRight = leafCount(leaf) == 0 ? NIL : spanLv(leaf, 0);
  insertFront(doc, sequence, lv, count, NIL, originRight);
}

/** Deletes up to `count` visible elements from `index`, as far as one span goes; returns how many. The first is in `deletedLv`. */
export function deleteAt(doc: Document, sequence: Sequence, index: u32, count: u32): u32 {
  findVisible(sequence, index);
  const leaf = foundLeaf;
  const entry = foundEntry;
  const offset = foundOffset;
  const taken = min<u32>(count, <u32>spanLength(leaf, entry) - offset);
  deletedLv = spanLv(leaf, entry) + offset;
  tombstone(doc, sequence, leaf, entry, offset, taken);
  return taken;
}

/** First element that the last `deleteAt` covered. */
export let deletedLv: u32 = 0;


// ---- ops of others --------------------------------------------------------------------------------

/** Puts another replica's elements where FugueMax says. Origins are local versions, NIL at the ends. O(log n) without concurrent neighbours. */
export function integrate(doc: Document, sequence: Sequence, lv: u32, count: u32, left: u32, right: u32, replica: u32): void {
  let next: u32;
  if (left == NIL) {
    next = leafCount(sequence.first) == 0 ? NIL : spanLv(sequence.first, 0);
    if (next == right) return insertFront(doc, sequence, lv, count, left, right);
  } else {
    findVersion(doc, left);
    next = successor(foundLeaf, foundEntry, foundOffset);
    if (next == right) return insertAfter(doc, sequence, foundLeaf, foundEntry, foundOffset, lv, count, left, right);
  }
  // Only a hostile author names a right origin left of the left one; everyone reads it as "none".
  if (right != NIL && left != NIL && !comesBefore(doc, left, right)) right = NIL;
  const after = scan(doc, sequence, next, left, right, replica);
  if (after == NIL) return insertFront(doc, sequence, lv, count, left, right);
  findVersion(doc, after);
  insertAfter(doc, sequence, foundLeaf, foundEntry, foundOffset, lv, count, left, right);
}

/**
 * The YjsMod scan, a span at a time: returns the element to insert after. Elements of a span after its first hang
 * on the one before them, which lies right of `left`, so a span is passed or not as one.
 */
function scan(doc: Document, sequence: Sequence, from: u32, left: u32, right: u32, replica: u32): u32 {
  const id = replicaAt(doc, replica).id;
  let target = left;
  let isScanning = false;
  let at = from;
  while (at != NIL && at != right) {
    findVersion(doc, at);
    const leaf = foundLeaf;
    const entry = foundEntry;
    const otherLeft = foundOffset == 0 ? spanLeft(leaf, entry) : at - 1;
    const isBehind = otherLeft != left && comesBefore(doc, otherLeft, left);
    if (isBehind) break;
    if (otherLeft == left) {
      const otherRight = spanRight(leaf, entry);
      if (otherRight == right) {
        if (id < replicaAt(doc, authorOf(doc, at)).id) break;
        isScanning = false;
      } else {
        isScanning = otherRight != NIL && (right == NIL || comesBefore(doc, otherRight, right));
      }
    }
    // `right` may lie inside this span: then the scan ends there.
    const start = spanLv(leaf, entry);
    const size = sizeOf(spanLength(leaf, entry));
    const isRightInside = right != NIL && right > at && right < start + size;
    const lastOfSpan = isRightInside ? right - 1 : start + size - 1;
    if (!isScanning) target = lastOfSpan;
    at = isRightInside ? right : successor(leaf, entry, size - 1);
  }
  return target;
}

/** Marks elements lv … lv + count of one author as deleted, wherever they lie now. Known tombstones stay. */
export function deleteVersions(doc: Document, lv: u32, count: u32): void {
  while (count > 0) {
    findVersion(doc, lv);
    const leaf = foundLeaf;
    const length = spanLength(leaf, foundEntry);
    const taken = min<u32>(count, sizeOf(length) - foundOffset);
    if (length > 0) deleteFound(doc, leaf, taken);
    lv += taken;
    count -= taken;
  }
}

function deleteFound(doc: Document, leaf: usize, taken: u32): void {
  const sequence = leafSequence(leaf);
  const entry = foundEntry;
  const offset = foundOffset;
  if (doc.isObserved) {
    const position = leafStart(sequence, leaf) + visibleBefore(leaf, entry) + offset;
    eventAdd(doc, EventKind.TextDelete, sequence.container, position, taken, 0);
  }
  tombstone(doc, sequence, leaf, entry, offset, taken);
}

// ---- reading --------------------------------------------------------------------------------------

/** Copies visible units from … to into memory at `target`. O(log n + units). */
export function readUnits(doc: Document, sequence: Sequence, from: u32, to: u32, target: usize): void {
  if (from >= to) return;
  findVisible(sequence, from);
  let leaf = foundLeaf;
  let entry = foundEntry;
  let offset = foundOffset;
  let rest = to - from;
  while (rest > 0) {
    if (entry >= leafCount(leaf)) {
      leaf = leafNext(leaf);
      entry = 0;
      continue;
    }
    const length = spanLength(leaf, entry);
    if (length > 0) {
      const taken = min<u32>(rest, <u32>length - offset);
      copyBytes(target, doc.units + (<usize>(spanLv(leaf, entry) + offset) << 1), <usize>taken << 1);
      target += <usize>taken << 1;
      rest -= taken;
    }
    offset = 0;
    entry++;
  }
}

/** Does visible `index` lie between the halves of a surrogate pair? */
export function isInsidePair(doc: Document, sequence: Sequence, index: u32): bool {
  return index < sequence.length && !seekInsertion(doc, sequence, index);
}
