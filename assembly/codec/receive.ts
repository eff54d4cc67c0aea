// Receiving: an update from anywhere, applied in two phases per block.
//
// Phase one reads a whole block, resolves every reference and checks every rule, writing only to scratch (and to the
// unit table past its end). Phase two cannot fail. So a bad block changes nothing, and the blocks before it stand.

import { BlockKind, Kind, Limit, OpKind, Status } from "../abi";
import { Reader, readByte, readFixed64, readSpan, readU32, readU64, readerOver, remaining, unzigzag, writeBytes } from "../memory/bytes";
import { scratchArena, scratchTable } from "../memory/scratch";
import { Table, tableAdd } from "../memory/table";
import { NONE } from "../memory/hashmap";
import { Document, ROOT, containerAt, containerFind, containerOpen, isHigh, isLow, keyFind, keyOpen, unitAt, versionsReserve } from "../document";
import { NIL, elemsSkip, replicaAt, replicaFind, replicaOpen, rowEnd, rowOf, versionOf, versionsAdd } from "../replica";
import { findVersion, foundEntry, foundLeaf, leafOf, leafSequence, spanEndFound, spanRight } from "../crdt/sequence";
import { textIntegrate, textRemove } from "../crdt/text";
import { STAMP_MAX } from "../time/hlc";
import { mapWrite } from "../crdt/map";
import { SAFE_MAX, counterAdd } from "../crdt/counter";
import { elementFind, setAdd, setRemoveDot } from "../crdt/set";
import { FORMAT_VERSION, NEWEST, NONE_SIDE, OWN } from "./grammar";
import { logAdd, seal } from "./seal";
import { isKey, isValue } from "./values";
import { BAD_UTF8, utf8ToUnits } from "./utf8";
import { forgetReady, keepWaiting, takeReady, waitingEnd, waitingFree, waitingStart, wake } from "./waiting";
import { receiveSnapshot } from "./snapshot-read";

/** An op, read and resolved. */
@unmanaged
class DecodedOp {
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
}

@unmanaged class DecodedContainer { resolved: u32; parent: u32; kind: u32; at: usize; bytes: u32; depth: u32; }

const NEW_CONTAINER: u32 = 0x80000000;
const BACKWARD_BIT: u32 = 32;

// What the last call met, for the border to report.
export let appliedBlocks: u32 = 0;
export let duplicateBlocks: u32 = 0;
export let waitingBlocks: u32 = 0;
/** The replica and seq the last waiting block waits for. */
export let neededReplica: u64 = 0;
export let neededSeq: u32 = 0;

/** Ops stamped later than this are refused with ClockDrift. */
let stampLimit: u64 = 0;
let mayWait: bool = true;

/** Applies an update: any concatenation of blocks. Blocks before a bad one stand. */
export function receive(doc: Document, start: usize, bytes: usize, wait: bool, stampMax: u64): Status {
  appliedBlocks = 0;
  duplicateBlocks = 0;
  waitingBlocks = 0;
  forgetReady();
  if (!areFramed(start, start + bytes)) return Status.InvalidUpdate;
  stampLimit = stampMax;
  mayWait = wait;
  seal(doc);
  let at = start;
  const end = start + bytes;
  while (at < end) {
    const next = blockEnd(at, end);
    const status = receiveBlock(doc, at, next);
    if (status == Status.Ok) appliedBlocks++;
    else if (status == Status.Duplicate) duplicateBlocks++;
    else if (status == Status.Waiting && wait) waitingBlocks++;
    else return status;
    receiveReady(doc);
    at = next;
  }
  return Status.Ok;
}

/** Blocks that waited for what has just been applied; one that proves bad now is dropped, as if it had never come. */
function receiveReady(doc: Document): void {
  const mightWait = mayWait;
  // Whatever the caller wants for its own blocks, these were promised to wait.
  mayWait = true;
  let block = takeReady(doc);
  while (block != 0) {
    if (receiveBlock(doc, waitingStart(block), waitingEnd(block)) == Status.Ok) appliedBlocks++;
    waitingFree(doc, block);
    block = takeReady(doc);
  }
  mayWait = mightWait;
}

/** Where the block at `at` ends, 0 when its head is bad or it does not fit. */
export function blockEnd(at: usize, end: usize): usize {
  const reader = readerOver(0, at, end);
  const head = readByte(reader);
  const bytes = readU32(reader);
  if (reader.bad || head >>> 4 != FORMAT_VERSION || (head & 15) > <u32>BlockKind.Snapshot) return 0;
  return remaining(reader) < <usize>bytes ? 0 : reader.at + <usize>bytes;
}

/** Refuses bytes whose block lengths do not add up before anything is applied. */
function areFramed(at: usize, end: usize): bool {
  while (at != 0 && at < end) at = blockEnd(at, end);
  return at == end;
}

/** Ok, Duplicate, Waiting, or why the block is refused. Used again for blocks that waited. */
export function receiveBlock(doc: Document, start: usize, end: usize): Status {
  const reader = readerOver(0, start, end);
  const kind = readByte(reader) & 15;
  readU32(reader);
  if (kind == <u32>BlockKind.Snapshot) return receiveSnapshot(doc, reader, stampLimit);
  return receiveOps(doc, reader, start, kind == <u32>BlockKind.Void);
}

// The block being read.
let author: u32 = NONE;
let authorId: u64 = 0;
let seqFrom: u32 = 0;
let blockUnits: u32 = 0;
/** Units at the front that are known already. */
let known: u32 = 0;
/** The author's elem count as the reader walks through the ops. */
let elemNext: u32 = 0;
let ops: Table = changetype<Table>(0);
let inserts: Table = changetype<Table>(0);
let replicas: Table = changetype<Table>(0);
let containers: Table = changetype<Table>(0);

function receiveOps(doc: Document, reader: Reader, start: usize, isVoid: bool): Status {
  authorId = readFixed64(reader);
  seqFrom = readU32(reader);
  blockUnits = readU32(reader);
  if (reader.bad || authorId == 0 || seqFrom == 0 || blockUnits == 0) return Status.InvalidUpdate;
  if (<u64>seqFrom + <u64>blockUnits >= 0xfffffff0) return Status.InvalidUpdate;
  author = replicaFind(doc, authorId);
  const seen: u32 = author == NONE ? 0 : replicaAt(doc, author).seq;
  if (seqFrom + blockUnits - 1 <= seen) return Status.Duplicate;
  if (seqFrom > seen + 1) return mustWait(doc, start, reader.end, authorId, seqFrom - 1);
  known = seen + 1 - seqFrom;
  if (isVoid) return receiveVoid(doc, reader, start);
  const status = readBatch(doc, reader, start);
  if (status != Status.Ok) return status;
  applyBatch(doc);
  finishBlock(doc, start, reader.end);
  return Status.Ok;
}

function mustWait(doc: Document, start: usize, end: usize, id: u64, seq: u32): Status {
  neededReplica = id;
  neededSeq = seq;
  if (!mayWait) return Status.Waiting;
  return keepWaiting(doc, start, end, id, seq);
}

function receiveVoid(doc: Document, reader: Reader, start: usize): Status {
  const elems = readU32(reader);
  if (reader.bad || reader.at != reader.end || known != 0 || elems > blockUnits) return Status.InvalidUpdate;
  const index = replicaOpen(doc, authorId);
  elemsSkip(doc, index, elems);
  author = index;
  finishBlock(doc, start, reader.end);
  return Status.Ok;
}

function finishBlock(doc: Document, start: usize, end: usize): void {
  const record = replicaAt(doc, author);
  const from = seqFrom;
  const to = seqFrom + blockUnits - 1;
  record.seq = to;
  const offset = doc.log.length;
  writeBytes(doc.log, start, end - start);
  logAdd(doc, offset, author, from, to, false);
  wake(doc, author);
}

// ---- phase one ------------------------------------------------------------------------------------

function readBatch(doc: Document, reader: Reader, start: usize): Status {
  const flags = readByte(reader);
  if (reader.bad || flags > 15) return Status.InvalidUpdate;
  ops = scratchTable(0, offsetof<DecodedOp>());
  inserts = scratchTable(1, 4);
  replicas = scratchTable(2, 16);
  containers = scratchTable(3, offsetof<DecodedContainer>());
  if ((flags & 1) != 0 && !readReplicas(doc, reader)) return Status.InvalidUpdate;
  if ((flags & 2) != 0) {
    const status = readFrontier(doc, reader, start);
    if (status != Status.Ok) return status;
  }
  let stamp: u64 = 0;
  if ((flags & 4) != 0) stamp = readFixed64(reader);
  if ((flags & 8) != 0 && !readContainers(doc, reader)) return Status.InvalidUpdate;
  return readOps(doc, reader, stamp);
}

/** Replicas the batch names beside its author: their index here, NONE for strangers. */
function readReplicas(doc: Document, reader: Reader): bool {
  let count = readU32(reader);
  if (reader.bad || <u64>count * 8 > <u64>remaining(reader)) return false;
  while (count-- > 0) {
    const id = readFixed64(reader);
    if (id == 0 || id == authorId) return false;
    const at = tableAdd(scratchArena(), replicas, 16);
    store<u64>(at, id);
    store<u32>(at, replicaFind(doc, id), 8);
  }
  return true;
}

function readFrontier(doc: Document, reader: Reader, start: usize): Status {
  let count = readU32(reader);
  while (count-- > 0) {
    const ref = readU32(reader);
    const seq = readU32(reader);
    if (reader.bad || ref == 0 || ref > replicas.count) return Status.InvalidUpdate;
    const at = replicas.start + ((<usize>ref - 1) << 4);
    const index = load<u32>(at, 8);
    const seen: u32 = index == NONE ? 0 : replicaAt(doc, index).seq;
    if (seen < seq) return mustWait(doc, start, reader.end, load<u64>(at), seq);
  }
  return reader.bad ? Status.InvalidUpdate : Status.Ok;
}

function readContainers(doc: Document, reader: Reader): bool {
  let count = readU32(reader);
  if (reader.bad || <usize>count > remaining(reader)) return false;
  while (count-- > 0) {
    const parent = readU32(reader);
    const kind = readByte(reader);
    const bytes = readU32(reader);
    const at = readSpan(reader, bytes);
    if (reader.bad || parent > containers.count || kind > <u32>Kind.Set || !isKey(at, bytes)) return false;
    if (!addContainer(doc, parent, kind, at, bytes)) return false;
  }
  return true;
}

function addContainer(doc: Document, parentRef: u32, kind: u32, at: usize, bytes: u32): bool {
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

function resolveContainer(ref: u32): u32 {
  return ref == 0 ? ROOT : decodedContainer(ref).resolved;
}

function kindOf(doc: Document, container: u32): u32 {
  return (container & NEW_CONTAINER) != 0 ? decodedContainer(container & ~NEW_CONTAINER).kind : containerAt(doc, container).kind;
}

/** Units of the ops read so far. */
let unitsRead: u32 = 0;
let stampAt: u64 = 0;

function readOps(doc: Document, reader: Reader, stampBase: u64): Status {
  elemNext = author == NONE ? 0 : replicaAt(doc, author).elems;
  unitsRead = 0;
  stampAt = stampBase;
  while (reader.at < reader.end) {
    const status = readOp(doc, reader);
    if (status != Status.Ok) return status;
    if (reader.bad || unitsRead > blockUnits) return Status.InvalidUpdate;
  }
  return unitsRead == blockUnits ? Status.Ok : Status.InvalidUpdate;
}

function readOp(doc: Document, reader: Reader): Status {
  const tag = readByte(reader);
  switch (tag & 7) {
    case <u32>OpKind.Insert: return readInsert(doc, reader, tag);
    case <u32>OpKind.Delete: return readDelete(doc, reader, tag);
    case <u32>OpKind.MapSet:
    case <u32>OpKind.MapDelete: return tag > 7 ? Status.InvalidUpdate : readMapOp(doc, reader, tag);
    case <u32>OpKind.CounterAdd: return tag > 7 ? Status.InvalidUpdate : readCounterOp(doc, reader);
    case <u32>OpKind.SetAdd:
    case <u32>OpKind.SetRemove: return tag > 7 ? Status.InvalidUpdate : readSetOp(doc, reader, tag);
    default: return Status.InvalidUpdate;
  }
}

/** Keeps an op for phase two. */
function addOp(doc: Document, kind: u32, container: u32, units: u32): DecodedOp {
  const op = changetype<DecodedOp>(tableAdd(scratchArena(), ops, offsetof<DecodedOp>()));
  op.kind = kind;
  op.container = container;
  op.units = units;
  return op;
}

/** Counts `units` as read; returns how many of them, from the front, were known before. */
function countKnown(units: u32): u32 {
  const before = unitsRead;
  unitsRead += units;
  return before >= known ? 0 : min<u32>(units, known - before);
}

let sideContainer: u32 = 0;

function readInsert(doc: Document, reader: Reader, tag: u32): Status {
  const leftSide = (tag >>> 3) & 3;
  const rightSide = (tag >>> 5) & 3;
  if (tag > 127 || rightSide == NEWEST || (leftSide == NEWEST && rightSide != NONE_SIDE)) return Status.InvalidUpdate;
  let container: u32 = NONE;
  if (leftSide == NONE_SIDE && rightSide == NONE_SIDE) {
    const ref = readU32(reader);
    if (reader.bad || ref > containers.count) return Status.InvalidUpdate;
    container = resolveContainer(ref);
  }
  const leftAt = reader.at;
  skipElement(reader, leftSide);
  const rightAt = reader.at;
  skipElement(reader, rightSide);
  const bytes = readU32(reader);
  const at = readSpan(reader, bytes);
  if (reader.bad || bytes == 0) return Status.InvalidUpdate;
  const total = utf8ToUnits(at, bytes, 0);
  if (total == BAD_UTF8) return Status.InvalidUpdate;
  const cut = countKnown(total);
  if (cut == total) return Status.Ok;
  return resolveInsert(doc, reader, container, leftSide, leftAt, rightSide, rightAt, at, bytes, total, cut);
}

function skipElement(reader: Reader, side: u32): void {
  if (side == NONE_SIDE || side == NEWEST) return;
  readU32(reader);
  if (side != OWN) readU32(reader);
}

function resolveInsert(doc: Document, reader: Reader, container: u32, leftSide: u32, leftAt: usize, rightSide: u32, rightAt: usize, at: usize, bytes: u32, total: u32, cut: u32): Status {
  // Only an op that is not the one we know the front of has more known elements than its author has here.
  if (cut > elemNext) return Status.InvalidUpdate;
  // Elements of the front part exist already: own references count from where the op began.
  const elemStart = elemNext - cut;
  let left: u32 = NIL;
  let right: u32 = NIL;
  if (leftSide == NEWEST) {
    left = elemStart == 0 ? BAD : ownVersion(doc, elemStart - 1);
    if (left == BAD) return Status.InvalidUpdate;
    right = rightOf(doc, left);
  } else {
    left = elementRef(doc, readerOver(2, leftAt, reader.end), leftSide, elemStart);
    right = elementRef(doc, readerOver(2, rightAt, reader.end), rightSide, elemStart);
  }
  if (left == BAD || right == BAD) return Status.InvalidUpdate;
  if (left != NIL) container = containerOf(doc, left);
  if (right != NIL) {
    const holder = containerOf(doc, right);
    if (container == NONE) container = holder;
    if (holder != container) return Status.InvalidUpdate;
  }
  if (kindOf(doc, container) != <u32>Kind.Text) return Status.InvalidUpdate;
  if (cut != 0) {
    left = ownVersion(doc, elemNext - 1);
    if (left == BAD || containerOf(doc, left) != container) return Status.InvalidUpdate;
  }
  if (left != NIL && left == right) return Status.InvalidUpdate;
  return keepInsert(doc, container, left, right, at, bytes, total, cut);
}

function keepInsert(doc: Document, container: u32, left: u32, right: u32, at: usize, bytes: u32, total: u32, cut: u32): Status {
  const count = total - cut;
  const lv = newVersion(doc);
  if (total > <u32>Limit.Versions - min<u32>(lv, Limit.Versions)) return Status.TooLarge;
  versionsReserve(doc, lv + total);
  const target = doc.units + ((<usize>lv) << 1);
  utf8ToUnits(at, bytes, target);
  if (cut != 0) {
    if (isHigh(load<u16>(target + (<usize>(cut - 1) << 1)))) return Status.InvalidUpdate;
    memory.copy(target, target + ((<usize>cut) << 1), (<usize>count) << 1);
  }
  // Nothing comes between the halves of a pair: neither after its first nor, by way of the right origin, before its second.
  if ((left != NIL && isHigh(unitAt(doc, left))) || (right != NIL && isLow(unitAt(doc, right)))) return Status.InvalidUpdate;
  const op = addOp(doc, OpKind.Insert, container, count);
  op.a = lv;
  op.b = left;
  op.c = right;
  store<u32>(tableAdd(scratchArena(), inserts, 4), ops.count - 1);
  elemNext += count;
  return Status.Ok;
}

/** The version the next new element of this block will have. */
function newVersion(doc: Document): u32 {
  return doc.versions + (elemNext - authorElems(doc));
}

function authorElems(doc: Document): u32 {
  return author == NONE ? 0 : replicaAt(doc, author).elems;
}

const BAD: u32 = 0xfffffffe;

function elementRef(doc: Document, reader: Reader, side: u32, elemStart: u32): u32 {
  if (side == NONE_SIDE) return NIL;
  if (side == OWN) {
    const back = readU32(reader);
    return back == 0 || back > elemStart ? BAD : ownVersion(doc, elemStart - back);
  }
  const ref = readU32(reader);
  const elem = readU32(reader);
  if (ref == 0 || ref > replicas.count) return BAD;
  const index = load<u32>(replicas.start + ((<usize>ref - 1) << 4), 8);
  if (index == NONE) return BAD;
  const lv = versionOf(doc, index, elem);
  return lv == NIL ? BAD : lv;
}

/** An element of the author, from before this block or from earlier in it. */
function ownVersion(doc: Document, elem: u32): u32 {
  const elems = authorElems(doc);
  if (elem >= elems) return doc.versions + (elem - elems);
  const lv = versionOf(doc, author, elem);
  return lv == NIL ? BAD : lv;
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

// @ts-ignore: decorator
@inline function opAt(index: u32): DecodedOp {
  return changetype<DecodedOp>(ops.start + <usize>index * offsetof<DecodedOp>());
}

function containerOf(doc: Document, lv: u32): u32 {
  return lv >= doc.versions ? insertOf(lv).container : leafSequence(leafOf(doc, lv)).container;
}

function rightOf(doc: Document, lv: u32): u32 {
  if (lv >= doc.versions) return insertOf(lv).c;
  findVersion(doc, lv);
  return spanRight(foundLeaf, foundEntry);
}

function readDelete(doc: Document, reader: Reader, tag: u32): Status {
  const side = (tag >>> 3) & 3;
  const isBackward = (tag & BACKWARD_BIT) != 0;
  if (tag > 63 || side == NONE_SIDE || side == NEWEST) return Status.InvalidUpdate;
  const targetAt = reader.at;
  skipElement(reader, side);
  const total = readU32(reader);
  if (reader.bad || total == 0 || total > blockUnits - unitsRead) return Status.InvalidUpdate;
  const cut = countKnown(total);
  if (cut == total) return Status.Ok;
  if (!readTarget(readerOver(2, targetAt, reader.end), side)) return Status.InvalidUpdate;
  if (isBackward && targetElem + 1 < total) return Status.InvalidUpdate;
  const first = isBackward ? targetElem - total + 1 : targetElem + cut;
  return keepDeletes(doc, first, total - cut);
}

let targetReplica: u32 = 0;
let targetElem: u32 = 0;

/** Reads the element a deletion starts at, as (replica, elem): its run may lie in other rows here than at its author. */
function readTarget(reader: Reader, side: u32): bool {
  if (side == OWN) {
    const back = readU32(reader);
    targetReplica = author;
    targetElem = elemNext - back;
    return back != 0 && back <= elemNext;
  }
  const ref = readU32(reader);
  targetElem = readU32(reader);
  if (ref == 0 || ref > replicas.count) return false;
  targetReplica = load<u32>(replicas.start + ((<usize>ref - 1) << 4), 8);
  return targetReplica != NONE;
}

/** Keeps one op per run of versions that elements first … first + count of the target's author have here. */
function keepDeletes(doc: Document, first: u32, count: u32): Status {
  let elem = first;
  let rest = count;
  let container: u32 = NONE;
  while (rest > 0) {
    const lv = targetVersion(doc, elem);
    if (lv == BAD) return Status.InvalidUpdate;
    const taken = min<u32>(rest, versionsInRow(doc, lv));
    if (lv >= doc.versions && <u64>lv + <u64>taken > <u64>newVersion(doc)) return Status.InvalidUpdate;
    if (container == NONE) container = containerOf(doc, lv);
    if (!isOneRun(doc, lv, taken, container)) return Status.InvalidUpdate;
    if (rest == count && isLow(unitAt(doc, lv))) return Status.InvalidUpdate;
    if (rest == taken && isHigh(unitAt(doc, lv + taken - 1))) return Status.InvalidUpdate;
    addOp(doc, OpKind.Delete, container, taken).a = lv;
    elem += taken;
    rest -= taken;
  }
  return Status.Ok;
}

function targetVersion(doc: Document, elem: u32): u32 {
  if (targetReplica == author) return elem >= elemNext ? BAD : ownVersion(doc, elem);
  const lv = versionOf(doc, targetReplica, elem);
  return lv == NIL ? BAD : lv;
}

function versionsInRow(doc: Document, lv: u32): u32 {
  return lv >= doc.versions ? 0xffffffff - lv : rowEnd(doc, rowOf(doc, lv)) - lv;
}

function isOneRun(doc: Document, lv: u32, count: u32, container: u32): bool {
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

function readMapOp(doc: Document, reader: Reader, kind: u32): Status {
  const ref = readU32(reader);
  const keyBytes = readU32(reader);
  const keyAt = readSpan(reader, keyBytes);
  stampAt += <u64>unzigzag(readU64(reader));
  let valueBytes: u32 = 0;
  let valueAt: usize = 0;
  if (kind == <u32>OpKind.MapSet) {
    valueBytes = readU32(reader);
    valueAt = readSpan(reader, valueBytes);
  }
  if (reader.bad || ref > containers.count || !isKey(keyAt, keyBytes)) return Status.InvalidUpdate;
  if (kind == <u32>OpKind.MapSet && !isValue(valueAt, valueBytes)) return Status.InvalidUpdate;
  const container = resolveContainer(ref);
  if (kindOf(doc, container) != <u32>Kind.Map || stampAt == 0 || stampAt > STAMP_MAX) return Status.InvalidUpdate;
  if (stampAt > stampLimit) return Status.ClockDrift;
  if (countKnown(1) == 1) return Status.Ok;
  const op = addOp(doc, kind, container, 1);
  op.stamp = stampAt;
  op.a = keyBytes;
  op.b = valueBytes;
  op.at = keyAt;
  op.bytes = <u32>(valueAt - keyAt);
  return Status.Ok;
}

function readCounterOp(doc: Document, reader: Reader): Status {
  const ref = readU32(reader);
  const step = unzigzag(readU64(reader));
  if (reader.bad || ref > containers.count || step > SAFE_MAX || step < -SAFE_MAX) return Status.InvalidUpdate;
  const container = resolveContainer(ref);
  if (kindOf(doc, container) != <u32>Kind.Counter) return Status.InvalidUpdate;
  if (countKnown(1) == 1) return Status.Ok;
  addOp(doc, OpKind.CounterAdd, container, 1).stamp = <u64>step;
  return Status.Ok;
}

function readSetOp(doc: Document, reader: Reader, kind: u32): Status {
  const ref = readU32(reader);
  const valueBytes = readU32(reader);
  const valueAt = readSpan(reader, valueBytes);
  if (reader.bad || ref > containers.count || !isValue(valueAt, valueBytes)) return Status.InvalidUpdate;
  const container = resolveContainer(ref);
  if (kindOf(doc, container) != <u32>Kind.Set) return Status.InvalidUpdate;
  let dots: u32 = 0;
  const dotsAt = reader.at;
  if (kind == <u32>OpKind.SetRemove) {
    dots = readU32(reader);
    if (reader.bad || !areDots(doc, reader, dots)) return Status.InvalidUpdate;
  }
  if (countKnown(1) == 1) return Status.Ok;
  const op = addOp(doc, kind, container, 1);
  op.at = valueAt;
  op.bytes = valueBytes;
  op.a = dots;
  op.b = <u32>(reader.end - dotsAt);
  return Status.Ok;
}

/** A removal names only adds that are here: one that is yet to come would be removed here and kept elsewhere. */
function areDots(doc: Document, reader: Reader, count: u32): bool {
  if (<u64>count * 2 > <u64>remaining(reader)) return false;
  while (count-- > 0) {
    const ref = readU32(reader);
    const seq = readU32(reader);
    if (reader.bad || ref > replicas.count || seq > seqSeen(doc, ref)) return false;
  }
  return true;
}

/** Highest seq a dot of this replica of the batch's table may have; 0 when it is a stranger, and no dot has that. */
function seqSeen(doc: Document, ref: u32): u32 {
  if (ref == 0) return seqFrom + unitsRead - 1;
  const index = load<u32>(replicas.start + ((<usize>ref - 1) << 4), 8);
  return index == NONE ? 0 : replicaAt(doc, index).seq;
}

// ---- phase two ------------------------------------------------------------------------------------

function applyBatch(doc: Document): void {
  author = replicaOpen(doc, authorId);
  for (let ref: u32 = 1; ref <= containers.count; ref++) {
    const record = decodedContainer(ref);
    if ((record.resolved & NEW_CONTAINER) == 0) continue;
    record.resolved = containerOpen(doc, resolveContainer(record.parent), keyOpen(doc, record.at, record.bytes), record.kind);
  }
  let seq = seqFrom + known;
  for (let i: u32 = 0; i < ops.count; i++) {
    const op = opAt(i);
    applyOp(doc, op, seq);
    seq += op.units;
  }
}

function applyOp(doc: Document, op: DecodedOp, seq: u32): void {
  let container = op.container;
  if ((container & NEW_CONTAINER) != 0) container = resolveContainer(container & ~NEW_CONTAINER);
  switch (op.kind) {
    case <u32>OpKind.Insert: {
      versionsAdd(doc, author, op.units);
      textIntegrate(doc, container, op.a, op.units, op.b, op.c, author);
      break;
    }
    case <u32>OpKind.Delete: textRemove(doc, container, op.a, op.units); break;
    case <u32>OpKind.MapSet:
    case <u32>OpKind.MapDelete: {
      mapWrite(doc, container, keyOpen(doc, op.at, op.a), op.stamp, author, op.at + <usize>op.bytes, op.b);
      break;
    }
    case <u32>OpKind.CounterAdd: counterAdd(doc, container, author, <i64>op.stamp); break;
    case <u32>OpKind.SetAdd: setAdd(doc, container, op.at, op.bytes, author, seq); break;
    default: applySetRemove(doc, op, container);
  }
}

function applySetRemove(doc: Document, op: DecodedOp, container: u32): void {
  const dotsAt = op.at + <usize>op.bytes;
  const reader = readerOver(3, dotsAt, dotsAt + <usize>op.b);
  let dots = readU32(reader);
  while (dots-- > 0) {
    const ref = readU32(reader);
    const seq = readU32(reader);
    const replica = ref == 0 ? author : load<u32>(replicas.start + ((<usize>ref - 1) << 4), 8);
    const index = elementFind(doc, container, op.at, op.bytes);
    if (index != NONE) setRemoveDot(doc, container, index, replica, seq);
  }
}
