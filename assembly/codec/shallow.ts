// Snapshots without history: what shows, for replicas that start from it. Deleted elements go, all but the first of each run.
//
// Whoever has seen a run deleted inserts before it, never inside: between the visible element before it and its first. So that
// first one, the run's holder, is the only one of them that later ops name, as a right origin; and between two
// neighbours of the base (visible elements and holders) there is nothing but what came after it, whose origins are all here.
// An insertion whose origins are not such neighbours was made on history that is not here, and is refused: `isPlaceable`.

import { Kind } from "../abi";
import { Document, containerAt } from "../document";
import { Writer, writeByte, writeBytes, writeRoom, writeU32, writeU64 } from "../memory/bytes";
import { scratchWriter } from "../memory/scratch";
import { tableAdd } from "../memory/table";
import { NIL, VOID_ROW, replicaAt, rowElems, rowEnd, versionOf, versionRow } from "../replica";
import { Sequence, findVersion, foundEntry, foundLeaf, foundOffset, leafCount, leafNext, sizeOf, spanEndFound, spanLength, spanLv, spanRight, successor } from "../crdt/sequence-tree";
import { BAD } from "./grammar";

// Per version its number in the snapshot; before it has one, what it is.
let numbers: usize = 0;
const VISIBLE: u32 = 0;
const HOLDER: u32 = 1;
/** Not in the snapshot. */
export const DROPPED: u32 = 0xffffffff;

// @ts-ignore: decorator
@inline export function numberKept(lv: u32): u32 { return load<u32>(numbers + ((<usize>lv) << 2)); }
// @ts-ignore: decorator
@inline function setNumber(lv: u32, value: u32): void { store<u32>(numbers + ((<usize>lv) << 2), value); }

let kept: u32 = 0;
let holders: Writer = changetype<Writer>(0);
let holderCount: u32 = 0;
let lastHolder: u32 = 0;
let rowCount: u32 = 0;

/** Writes rows and base of what is kept, and numbers it. */
export function writeKept(doc: Document, body: Writer): void {
  choose(doc);
  const rows = scratchWriter(1);
  holders = scratchWriter(2);
  kept = 0;
  holderCount = 0;
  lastHolder = 0;
  startRows();
  for (let i: u32 = 0; i < doc.rows.count; i++) writeKeptRow(doc, i, rows);
  writeU32(body, rowCount);
  writeBytes(body, rows.start, rows.length);
  writeBase(doc, body, kept, true);
}

function choose(doc: Document): void {
  const bytes = (<usize>doc.versions) << 2;
  numbers = writeRoom(scratchWriter(4), bytes);
  memory.fill(numbers, 0xff, bytes);
  for (let i: u32 = 0; i < doc.containers.count; i++) {
    const container = containerAt(doc, i);
    const isText = container.kind == <u32>Kind.Text;
    if ((isText || container.kind == <u32>Kind.List) && container.state != 0) chooseIn(changetype<Sequence>(container.state), isText);
  }
}

/** A list keeps all its positions: moves name them. */
function chooseIn(sequence: Sequence, isText: bool): void {
  let isRun = false;
  for (let leaf = sequence.first; leaf != 0; leaf = leafNext(leaf)) {
    for (let i: u32 = 0; i < leafCount(leaf); i++) {
      const length = spanLength(leaf, i);
      const lv = spanLv(leaf, i);
      const whole = isText ? max<i32>(length, 0) : sizeOf(length);
      for (let k: u32 = 0; k < <u32>whole; k++) setNumber(lv + k, VISIBLE);
      if (isText && length < 0 && !isRun) setNumber(lv, HOLDER);
      isRun = length < 0;
    }
  }
}

/** A row as rows of what is kept and, like voids, of what is not. */
function writeKeptRow(doc: Document, index: u32, rows: Writer): void {
  const row = versionRow(doc, index);
  const head = <u64>replicaAt(doc, row.replica & ~VOID_ROW).local << 1;
  if ((row.replica & VOID_ROW) != 0) return writeRow(rows, head | 1, rowElems(doc, index));
  const end = rowEnd(doc, index);
  let from = row.lv0;
  while (from < end) {
    const isKept = numberKept(from) != DROPPED;
    let lv = from;
    while (lv < end && (numberKept(lv) != DROPPED) == isKept) {
      if (isKept) number(lv);
      lv++;
    }
    writeRow(rows, head | (isKept ? 0 : 1), lv - from);
    from = lv;
  }
}

// Heads of the last row and of the one before it.
let lastHead: u64 = 0;
let otherHead: u64 = 0;

export function startRows(): void {
  rowCount = 0;
  lastHead = 0;
  otherHead = 0;
}

/** Rows come in turns (two authors, or kept and dropped), so a head is told only when it is not that of the last row but one. */
export function writeRow(rows: Writer, head: u64, count: u32): void {
  writeU64(rows, (<u64>count << 1) | (head == otherHead ? 0 : 1));
  if (head != otherHead) writeU64(rows, head);
  otherHead = lastHead;
  lastHead = head;
  rowCount++;
}

function number(lv: u32): void {
  if (numberKept(lv) == HOLDER) {
    writeU32(holders, kept - lastHolder);
    lastHolder = kept;
    holderCount++;
  }
  setNumber(lv, kept++);
}

/** The base: how many versions, which of them are holders, and of whom the newest element goes on as its author knew it. */
export function writeBase(doc: Document, body: Writer, base: u32, isNew: bool): void {
  writeU32(body, base);
  if (base == 0) return;
  if (!isNew) listHolders(doc);
  writeU32(body, holderCount);
  writeBytes(body, holders.start, holders.length);
  for (let i: u32 = 0; i < doc.replicas.count; i++) {
    const record = replicaAt(doc, i);
    if (record.seq != 0) writeByte(body, (isNew ? goesOn(doc, i) : record.goesOn) ? 1 : 0);
  }
}

function listHolders(doc: Document): void {
  holders = scratchWriter(2);
  holderCount = doc.holders.count;
  let last: u32 = 0;
  for (let i: u32 = 0; i < holderCount; i++) {
    const lv = holderAt(doc, i);
    writeU32(holders, lv - last);
    last = lv;
  }
}

// @ts-ignore: decorator
@inline function holderAt(doc: Document, i: u32): u32 { return load<u32>(doc.holders.start + ((<usize>i) << 2)); }

/** Is the right origin of a replica's newest element what follows it now? Then an op that says no more than "after it" is understood. */
function goesOn(doc: Document, replica: u32): bool {
  const elems = replicaAt(doc, replica).elems;
  const lv = elems == 0 ? NIL : versionOf(doc, replica, elems - 1);
  if (lv == NIL) return false;
  const right = rightOrigin(doc, replica, lv);
  findVersion(doc, lv);
  return spanLength(foundLeaf, foundEntry) > 0 && right == successor(foundLeaf, foundEntry, foundOffset);
}

// ---- in a document that was started so ------------------------------------------------------------

/** What the newest element of `replica` has as right origin; BAD when that is not known any more. */
export function rightOrigin(doc: Document, replica: u32, lv: u32): u32 {
  findVersion(doc, lv);
  if (lv >= doc.base) return spanRight(foundLeaf, foundEntry);
  if (!replicaAt(doc, replica).goesOn) return BAD;
  let at = lv;
  do {
    findVersion(doc, at);
    at = successor(foundLeaf, foundEntry, foundOffset);
  } while (at != NIL && at >= doc.base);
  return at;
}

/** Is it certain that nothing was dropped between two elements? NIL is the start or the end of the container. */
export function isPlaceable(doc: Document, container: u32, left: u32, right: u32): bool {
  let at: u32 = NIL;
  if (left != NIL) {
    if (isHolder(doc, left)) return false;
    findVersion(doc, left);
    at = successor(foundLeaf, foundEntry, foundOffset);
  } else if (container < doc.containers.count && containerAt(doc, container).state != 0) {
    const first = changetype<Sequence>(containerAt(doc, container).state).first;
    if (leafCount(first) != 0) at = spanLv(first, 0);
  }
  while (at != right) {
    if (at == NIL || at < doc.base) return false;
    findVersion(doc, at);
    if (right > at && right < spanEndFound()) return true;
    at = successor(foundLeaf, foundEntry, sizeOf(spanLength(foundLeaf, foundEntry)) - 1);
  }
  return true;
}

function isHolder(doc: Document, lv: u32): bool {
  let low: u32 = 0;
  let high: u32 = doc.holders.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holderAt(doc, middle) < lv) low = middle + 1; else high = middle;
  }
  return low < doc.holders.count && holderAt(doc, low) == lv;
}

/** An empty document takes another's base over, after its elements. */
export function copyBase(doc: Document, other: Document, replicas: usize): void {
  doc.base = other.base;
  for (let i: u32 = 0; i < other.holders.count; i++) store<u32>(tableAdd(doc.arena, doc.holders, 4), holderAt(other, i));
  for (let i: u32 = 0; i < other.replicas.count; i++) {
    replicaAt(doc, load<u32>(replicas + ((<usize>i) << 2))).goesOn = replicaAt(other, i).goesOn;
  }
}
