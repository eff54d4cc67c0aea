// A batch as it is being read: its tables, its ops so far, and what its references mean in this document.
//
// Everything lies in scratch until the whole batch has proved good (read-batch.ts); then apply-batch.ts takes it from here.
// Elements a batch inserts have their versions beforehand: they are the next ones, in order.

import { Kind, Limit, OpKind } from "../abi";
import { Reader, readU32 } from "../memory/bytes";
import { NONE } from "../memory/hashmap";
import { scratchArena, scratchTable } from "../memory/scratch";
import { Table, tableAdd } from "../memory/table";
import { Document, ROOT, containerAt, containerFind, containerOpen, keyFind, keyOpen } from "../document";
import { NIL, replicaAt, replicaFind, replicaOpen, rowEnd, rowOf, versionOf } from "../replica";
import { findVersion, leafOf, leafSequence, leftFound, spanEndFound } from "../crdt/sequence-tree";
import { rightOrigin } from "./shallow";
import { BAD, NONE_SIDE, OWN } from "./grammar";

/** An op, read and resolved. */
@unmanaged
export class DecodedOp {
  stamp: u64;
  kind: u32;
  /** A container index, or NEW_CONTAINER | its number in the batch. */
  container: u32;
  units: u32;
  a: u32;
  b: u32;
  c: u32;
  at: usize;
  bytes: u32;
  /** Insert: the nearest elements to either side that were here before the block. */
  leftEdge: u32;
  rightEdge: u32;
}

@unmanaged export class DecodedContainer { resolved: u32; parent: u32; kind: u32; at: usize; bytes: u32; depth: u32; }

const NEW_CONTAINER: u32 = 0x80000000;

// The block being read: its author (NONE when new here), and how many of its units, from the front, are known already.
export let author: u32 = NONE;
export let authorId: u64 = 0;
export let seqFrom: u32 = 0;
export let blockUnits: u32 = 0;
export let known: u32 = 0;

/** The author's elem count as the reader walks through the ops. */
export let elemNext: u32 = 0;

let ops: Table = changetype<Table>(0);
let inserts: Table = changetype<Table>(0);
let replicas: Table = changetype<Table>(0);
let containers: Table = changetype<Table>(0);

/** Begins a block; nothing of the one before is kept. */
export function openBlock(doc: Document, id: u64, from: u32, units: u32): void {
  author = replicaFind(doc, id);
  authorId = id;
  lacksHistory = false;
  seqFrom = from;
  blockUnits = units;
  known = authorSeq(doc) + 1 - from;
  elemNext = authorElems(doc);
  ops = scratchTable(0, offsetof<DecodedOp>());
  inserts = scratchTable(1, 4);
  replicas = scratchTable(2, 16);
  containers = scratchTable(3, offsetof<DecodedContainer>());
}

export function authorSeq(doc: Document): u32 {
  return author == NONE ? 0 : replicaAt(doc, author).seq;
}

function authorElems(doc: Document): u32 {
  return author == NONE ? 0 : replicaAt(doc, author).elems;
}

/** The author's index, made when this is its first block here. */
export function adoptAuthor(doc: Document): u32 {
  if (author == NONE) author = replicaOpen(doc, authorId);
  return author;
}

// ---- replicas -------------------------------------------------------------------------------------

// Entries of 16 bytes: the id, then the replica's index here or NONE.

export function addReplica(doc: Document, id: u64): void {
  const at = tableAdd(scratchArena(), replicas, 16);
  store<u64>(at, id);
  store<u32>(at, replicaFind(doc, id), 8);
}

/** Whether the batch may use this number: 0 is its author. */
export function isReplicaRef(ref: u32): bool { return ref <= replicas.count; }

export function replicaIdOf(ref: u32): u64 {
  return ref == 0 ? authorId : load<u64>(replicas.start + ((<usize>ref - 1) << 4));
}

/** The replica's index here, NONE for a stranger. */
export function replicaOf(ref: u32): u32 {
  return ref == 0 ? author : load<u32>(replicas.start + ((<usize>ref - 1) << 4), 8);
}

// ---- containers -----------------------------------------------------------------------------------

/** Whether the batch may use this number: 0 is the root map. */
export function isContainerRef(ref: u32): bool { return ref <= containers.count; }

/** Adds a line of the batch's container table; false when it cannot be one. */
export function addContainer(doc: Document, parentRef: u32, kind: u32, at: usize, bytes: u32): bool {
  const parent = resolveContainer(parentRef);
  if (kindOf(doc, parent) != <u32>Kind.Map) return false;
  const depth: u32 = parentRef == 0 ? 1 : decodedContainer(parentRef).depth + 1;
  if (depth > <u32>Limit.ContainerDepth) return false;
  const record = changetype<DecodedContainer>(tableAdd(scratchArena(), containers, offsetof<DecodedContainer>()));
  record.parent = parentRef;
  record.kind = kind;
  record.at = at;
  record.bytes = bytes;
  record.depth = depth;
  record.resolved = NEW_CONTAINER | containers.count;
  if ((parent & NEW_CONTAINER) != 0) return true;
  const key = keyFind(doc, at, bytes);
  const found = key == NONE ? NONE : containerFind(doc, parent, key, kind);
  if (found != NONE) record.resolved = found;
  return true;
}

function decodedContainer(ref: u32): DecodedContainer {
  return changetype<DecodedContainer>(containers.start + <usize>(ref - 1) * offsetof<DecodedContainer>());
}

export function resolveContainer(ref: u32): u32 {
  return ref == 0 ? ROOT : decodedContainer(ref).resolved;
}

export function kindOf(doc: Document, container: u32): u32 {
  return (container & NEW_CONTAINER) != 0 ? decodedContainer(container & ~NEW_CONTAINER).kind : containerAt(doc, container).kind;
}

/** Makes the containers the batch names first; from then on `containerHere` knows their numbers. */
export function openContainers(doc: Document): void {
  for (let ref: u32 = 1; ref <= containers.count; ref++) {
    const record = decodedContainer(ref);
    if ((record.resolved & NEW_CONTAINER) == 0) continue;
    record.resolved = containerOpen(doc, resolveContainer(record.parent), keyOpen(doc, record.at, record.bytes), record.kind);
  }
}

/** The container's number in the document. */
export function containerHere(container: u32): u32 {
  return (container & NEW_CONTAINER) != 0 ? resolveContainer(container & ~NEW_CONTAINER) : container;
}

// ---- ops ------------------------------------------------------------------------------------------

export function opCount(): u32 { return ops.count; }

// @ts-ignore: decorator
@inline export function opAt(index: u32): DecodedOp {
  return changetype<DecodedOp>(ops.start + <usize>index * offsetof<DecodedOp>());
}

/** Keeps an op for phase two. */
export function addOp(kind: u32, container: u32, units: u32): DecodedOp {
  const op = changetype<DecodedOp>(tableAdd(scratchArena(), ops, offsetof<DecodedOp>()));
  op.kind = kind;
  op.container = container;
  op.units = units;
  return op;
}

/** Keeps an insertion of `count` elements from version `lv` on; from now on the batch may refer to them. */
export function addInsert(doc: Document, container: u32, lv: u32, count: u32, left: u32, right: u32): DecodedOp {
  const op = addOp(OpKind.Insert, container, count);
  op.a = lv;
  op.b = left;
  op.c = right;
  op.leftEdge = leftEdge(doc, left);
  op.rightEdge = rightEdge(doc, right);
  store<u32>(tableAdd(scratchArena(), inserts, 4), ops.count - 1);
  elemNext += count;
  return op;
}

// ---- elements -------------------------------------------------------------------------------------

/** The version the next new element of this block will have. */
export function newVersion(doc: Document): u32 {
  return doc.versions + (elemNext - authorElems(doc));
}

/** Reads an origin: its version, NIL for none, BAD when it is not here. Own elements count back from `elemStart`. */
export function elementRef(doc: Document, reader: Reader, side: u32, elemStart: u32): u32 {
  if (side == NONE_SIDE) return NIL;
  if (side == OWN) {
    const back = readU32(reader);
    return back == 0 || back > elemStart ? BAD : ownVersion(doc, elemStart - back);
  }
  const ref = readU32(reader);
  const elem = readU32(reader);
  if (ref == 0 || !isReplicaRef(ref) || replicaOf(ref) == NONE) return BAD;
  return versionHere(doc, replicaOf(ref), elem);
}

/** The block names an element that a snapshot without history left out, or puts one where it may have. */
export let lacksHistory: bool = false;

export function lackHistory(): void { lacksHistory = true; }

/** An element's version, BAD when it is not here. */
export function versionHere(doc: Document, replica: u32, elem: u32): u32 {
  const lv = versionOf(doc, replica, elem);
  if (lv != NIL) return lv;
  if (doc.base != 0) lackHistory();
  return BAD;
}

/** An element of the author, from before this block or from earlier in it. */
export function ownVersion(doc: Document, elem: u32): u32 {
  const elems = authorElems(doc);
  if (elem >= elems) return doc.versions + (elem - elems);
  return versionHere(doc, author, elem);
}

/** The op of this block that inserts a version at or past the document's end. */
function insertOf(lv: u32): DecodedOp {
  let low: u32 = 0;
  let high: u32 = inserts.count;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (insertAt(middle).a <= lv) low = middle; else high = middle;
  }
  return insertAt(low);
}

function insertAt(index: u32): DecodedOp {
  return opAt(load<u32>(inserts.start + ((<usize>index) << 2)));
}

export function containerOf(doc: Document, lv: u32): u32 {
  return lv >= doc.versions ? insertOf(lv).container : leafSequence(leafOf(doc, lv)).container;
}

/** What an element has as left origin; BAD when that is not known any more. */
export function leftOf(doc: Document, lv: u32): u32 {
  if (lv >= doc.versions) return insertOf(lv).a == lv ? insertOf(lv).b : lv - 1;
  if (lv < doc.base) {
    lackHistory();
    return BAD;
  }
  findVersion(doc, lv);
  return leftFound();
}

export function rightOf(doc: Document, lv: u32): u32 {
  if (lv >= doc.versions) return insertOf(lv).c;
  const right = rightOrigin(doc, author, lv);
  if (right == BAD) lackHistory();
  return right;
}

/** Elements of this batch stand between what they hang on: the nearest to either side that is in the document. */
export function leftEdge(doc: Document, lv: u32): u32 { return lv == NIL || lv < doc.versions ? lv : insertOf(lv).leftEdge; }
export function rightEdge(doc: Document, lv: u32): u32 { return lv == NIL || lv < doc.versions ? lv : insertOf(lv).rightEdge; }

export function versionsInRow(doc: Document, lv: u32): u32 {
  return lv >= doc.versions ? 0xffffffff - lv : rowEnd(doc, rowOf(doc, lv)) - lv;
}

export function isOneRun(doc: Document, lv: u32, count: u32, container: u32): bool {
  const end = lv + count;
  while (lv < end) {
    if (containerOf(doc, lv) != container) return false;
    lv = runEnd(doc, lv);
  }
  return true;
}

/** First version after the span or insertion that holds `lv`. */
function runEnd(doc: Document, lv: u32): u32 {
  if (lv >= doc.versions) return insertOf(lv).a + insertOf(lv).units;
  findVersion(doc, lv);
  return spanEndFound();
}
