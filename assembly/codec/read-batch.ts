// Phase one: reads a whole batch, resolves every reference and checks every rule.
//
// Nothing of the document changes, but for units written past the end of the unit table. A batch of which the front is
// known already (a retry with more in it) is read from there on: an op that straddles the border is cut.

import { Kind, Limit, OpKind, Status } from "../abi";
import { HAS_TEXT } from "../parts";
import { Reader, readByte, readFixed64, readSpan, readU32, readU64, readerOver, remaining, unzigzag } from "../memory/bytes";
import { NONE } from "../memory/hashmap";
import { Document, isHigh, isLow, unitAt, versionsReserve } from "../document";
import { NIL, replicaAt } from "../replica";
import { SAFE_MAX } from "../crdt/counter";
import { STAMP_MAX } from "../time/hlc";
import { addContainer, addInsert, addOp, addReplica, author, authorId, blockUnits, containerOf, elementRef, elemNext, isContainerRef, isOneRun, isReplicaRef, kindOf, known, lackHistory, leftEdge, leftOf, newVersion, ownVersion, replicaIdOf, replicaOf, resolveContainer, rightEdge, rightOf, seqFrom, versionHere, versionsInRow } from "./decoded";
import { isPlaceable } from "./shallow";
import { BAD, BEFORE_NEWEST_BYTE, NEWEST, NONE_SIDE, OTHER, OWN } from "./grammar";
import { areItems, keepMove, keepValues } from "./list-ops";
import { BAD_UTF8, utf8ToUnits } from "./utf8";
import { countValues, isKey, isValue } from "./values";

const BACKWARD_BIT: u32 = 32;
/** Both sides of an insertion's tag. */
const SIDES: u32 = 120;

/** After Waiting: what of the frontier is not here. */
export let missingReplica: u64 = 0;
export let missingSeq: u32 = 0;

/** Ops stamped later than this are refused with ClockDrift. */
let stampLimit: u64 = 0;

/** Reads the body of a batch behind its units. Ok: decoded.ts holds it all. */
export function readBatch(doc: Document, reader: Reader, stampMax: u64): Status {
  stampLimit = stampMax;
  const flags = readByte(reader);
  if (reader.bad || flags > 15) return Status.InvalidUpdate;
  if ((flags & 1) != 0 && !readReplicas(doc, reader)) return Status.InvalidUpdate;
  if ((flags & 2) != 0) {
    const status = readFrontier(doc, reader);
    if (status != Status.Ok) return status;
  }
  let stamp: u64 = 0;
  if ((flags & 4) != 0) stamp = readFixed64(reader);
  if ((flags & 8) != 0 && !readContainers(doc, reader)) return Status.InvalidUpdate;
  return readOps(doc, reader, stamp);
}

/** Replicas the batch names beside its author. */
function readReplicas(doc: Document, reader: Reader): bool {
  let count = readU32(reader);
  if (reader.bad || <u64>count * 8 > <u64>remaining(reader)) return false;
  while (count-- > 0) {
    const id = readFixed64(reader);
    if (id == 0 || id == authorId) return false;
    addReplica(doc, id);
  }
  return true;
}

/** What the author had seen: all of it must be here. */
function readFrontier(doc: Document, reader: Reader): Status {
  let count = readU32(reader);
  while (count-- > 0) {
    const ref = readU32(reader);
    const seq = readU32(reader);
    if (reader.bad || ref == 0 || !isReplicaRef(ref)) return Status.InvalidUpdate;
    const index = replicaOf(ref);
    const seen: u32 = index == NONE ? 0 : replicaAt(doc, index).seq;
    if (seen < seq) {
      missingReplica = replicaIdOf(ref);
      missingSeq = seq;
      return Status.Waiting;
    }
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
    if (reader.bad || !isContainerRef(parent) || kind > <u32>Kind.Set || !isKey(at, bytes)) return false;
    if (!addContainer(doc, parent, kind, at, bytes)) return false;
  }
  return true;
}

/** Units of the ops read so far. */
let unitsRead: u32 = 0;
let stampAt: u64 = 0;

function readOps(doc: Document, reader: Reader, stampBase: u64): Status {
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
    case <u32>OpKind.Insert:
    case <u32>OpKind.Move: return HAS_TEXT ? readInsert(doc, reader, tag) : Status.NotSupported;
    case <u32>OpKind.Delete: return HAS_TEXT ? readDelete(doc, reader, tag) : Status.NotSupported;
    case <u32>OpKind.MapSet:
    case <u32>OpKind.MapDelete: return tag > 7 ? Status.InvalidUpdate : readMapOp(doc, reader, tag);
    case <u32>OpKind.CounterAdd: return tag > 7 ? Status.InvalidUpdate : readCounterOp(doc, reader);
    case <u32>OpKind.SetAdd:
    case <u32>OpKind.SetRemove: return tag > 7 ? Status.InvalidUpdate : readSetOp(doc, reader, tag);
    default: return Status.InvalidUpdate;
  }
}

/** Counts `units` as read; returns how many of them, from the front, were known before. */
function countKnown(units: u32): u32 {
  const before = unitsRead;
  unitsRead += units;
  return before >= known ? 0 : min<u32>(units, known - before);
}

function readInsert(doc: Document, reader: Reader, tag: u32): Status {
  const leftSide = (tag >>> 3) & 3;
  const rightSide = (tag >>> 5) & 3;
  if (rightSide == NEWEST || ((tag & SIDES) == BEFORE_NEWEST_BYTE && tag != BEFORE_NEWEST_BYTE)) return Status.InvalidUpdate;
  let container: u32 = NONE;
  if (leftSide == NONE_SIDE && rightSide == NONE_SIDE) {
    const ref = readU32(reader);
    if (reader.bad || !isContainerRef(ref)) return Status.InvalidUpdate;
    container = resolveContainer(ref);
  }
  const leftAt = reader.at;
  skipElement(reader, leftSide);
  const rightAt = reader.at;
  if (leftSide != NEWEST) skipElement(reader, rightSide);
  let at = reader.at;
  let bytes: u32 = 0;
  let total: u32 = 1;
  if ((tag & 7) == <u32>OpKind.Move) {
    skipElement(reader, tag > 127 ? OTHER : OWN);
    const status = readStamp(reader);
    if (status != Status.Ok) return status;
  } else {
    bytes = tag == BEFORE_NEWEST_BYTE ? 1 : readU32(reader);
    at = readSpan(reader, bytes);
    if (reader.bad || bytes == 0) return Status.InvalidUpdate;
    total = tag > 127 ? countValues(at, bytes) : utf8ToUnits(at, bytes, 0);
    if (total == BAD_UTF8) return Status.InvalidUpdate;
  }
  const cut = countKnown(total);
  if (cut == total) return Status.Ok;
  return resolveInsert(doc, reader, tag, container, leftSide, leftAt, rightSide, rightAt, at, bytes, total, cut);
}

function skipElement(reader: Reader, side: u32): void {
  if (side == NONE_SIDE || side == NEWEST) return;
  readU32(reader);
  if (side != OWN) readU32(reader);
}

function resolveInsert(doc: Document, reader: Reader, tag: u32, container: u32, leftSide: u32, leftAt: usize, rightSide: u32, rightAt: usize, at: usize, bytes: u32, total: u32, cut: u32): Status {
  // Only an op that is not the one we know the front of has more known elements than its author has here.
  if (cut > elemNext) return Status.InvalidUpdate;
  // Elements of the front part exist already: own references count from where the op began.
  const elemStart = elemNext - cut;
  let left: u32 = NIL;
  let right: u32 = NIL;
  if (leftSide == NEWEST) {
    const newest = elemStart == 0 ? BAD : ownVersion(doc, elemStart - 1);
    if (newest == BAD) return Status.InvalidUpdate;
    if (rightSide != NONE_SIDE) {
      left = leftOf(doc, newest);
      right = newest;
    } else {
      left = newest;
      // Which element was the newest in the middle of a batch, the base does not say.
      right = cut != 0 && newest < doc.base ? BAD : rightOf(doc, newest);
    }
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
  if (kindOf(doc, container) != <u32>((tag & ~SIDES) == 0 ? Kind.Text : Kind.List)) return Status.InvalidUpdate;
  if (cut != 0) {
    left = ownVersion(doc, elemNext - 1);
    if (left == BAD || containerOf(doc, left) != container) return Status.InvalidUpdate;
  }
  if (left != NIL && left == right) return Status.InvalidUpdate;
  if (doc.base != 0 && !isPlaceable(doc, container, leftEdge(doc, left), rightEdge(doc, right))) {
    lackHistory();
    return Status.InvalidUpdate;
  }
  if (total > <u32>Limit.Versions - min<u32>(newVersion(doc), Limit.Versions)) return Status.TooLarge;
  versionsReserve(doc, newVersion(doc) + total);
  if ((tag & 7) == <u32>OpKind.Move) return keepMove(doc, readerOver(2, at, reader.end), tag, container, left, right, stampAt);
  if (tag > 127) return keepValues(doc, container, left, right, at, total, cut);
  return keepInsert(doc, container, left, right, at, bytes, total, cut);
}

function keepInsert(doc: Document, container: u32, left: u32, right: u32, at: usize, bytes: u32, total: u32, cut: u32): Status {
  const count = total - cut;
  const lv = newVersion(doc);
  const target = doc.units + ((<usize>lv) << 1);
  utf8ToUnits(at, bytes, target);
  if (cut != 0) {
    if (isHigh(load<u16>(target + (<usize>(cut - 1) << 1)))) return Status.InvalidUpdate;
    memory.copy(target, target + ((<usize>cut) << 1), (<usize>count) << 1);
  }
  // Nothing comes between the halves of a pair: neither after its first nor, by way of the right origin, before its second.
  if ((left != NIL && isHigh(unitAt(doc, left))) || (right != NIL && isLow(unitAt(doc, right)))) return Status.InvalidUpdate;
  addInsert(doc, container, lv, count, left, right);
  return Status.Ok;
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
  if (ref == 0 || !isReplicaRef(ref)) return false;
  targetReplica = replicaOf(ref);
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
    if (kindOf(doc, container) == <u32>Kind.List && !areItems(doc, lv, taken)) return Status.InvalidUpdate;
    if (rest == count && isLow(unitAt(doc, lv))) return Status.InvalidUpdate;
    if (rest == taken && isHigh(unitAt(doc, lv + taken - 1))) return Status.InvalidUpdate;
    addOp(OpKind.Delete, container, taken).a = lv;
    elem += taken;
    rest -= taken;
  }
  return Status.Ok;
}

function targetVersion(doc: Document, elem: u32): u32 {
  if (targetReplica == author) return elem >= elemNext ? BAD : ownVersion(doc, elem);
  return versionHere(doc, targetReplica, elem);
}

function readMapOp(doc: Document, reader: Reader, kind: u32): Status {
  const ref = readU32(reader);
  const keyBytes = readU32(reader);
  const keyAt = readSpan(reader, keyBytes);
  const stamped = readStamp(reader);
  let valueBytes: u32 = 0;
  let valueAt: usize = 0;
  if (kind == <u32>OpKind.MapSet) {
    valueBytes = readU32(reader);
    valueAt = readSpan(reader, valueBytes);
  }
  if (reader.bad || !isContainerRef(ref) || !isKey(keyAt, keyBytes)) return Status.InvalidUpdate;
  if (kind == <u32>OpKind.MapSet && !isValue(valueAt, valueBytes)) return Status.InvalidUpdate;
  const container = resolveContainer(ref);
  if (kindOf(doc, container) != <u32>Kind.Map) return Status.InvalidUpdate;
  if (stamped != Status.Ok) return stamped;
  if (countKnown(1) == 1) return Status.Ok;
  const op = addOp(kind, container, 1);
  op.stamp = stampAt;
  op.a = keyBytes;
  op.b = valueBytes;
  op.at = keyAt;
  op.bytes = <u32>(valueAt - keyAt);
  return Status.Ok;
}

function readStamp(reader: Reader): Status {
  stampAt += <u64>unzigzag(readU64(reader));
  if (reader.bad || stampAt == 0 || stampAt > STAMP_MAX) return Status.InvalidUpdate;
  return stampAt > stampLimit ? Status.ClockDrift : Status.Ok;
}

function readCounterOp(doc: Document, reader: Reader): Status {
  const ref = readU32(reader);
  const step = unzigzag(readU64(reader));
  if (reader.bad || !isContainerRef(ref) || step > SAFE_MAX || step < -SAFE_MAX) return Status.InvalidUpdate;
  const container = resolveContainer(ref);
  if (kindOf(doc, container) != <u32>Kind.Counter) return Status.InvalidUpdate;
  if (countKnown(1) == 1) return Status.Ok;
  addOp(OpKind.CounterAdd, container, 1).stamp = <u64>step;
  return Status.Ok;
}

function readSetOp(doc: Document, reader: Reader, kind: u32): Status {
  const ref = readU32(reader);
  const valueBytes = readU32(reader);
  const valueAt = readSpan(reader, valueBytes);
  if (reader.bad || !isContainerRef(ref) || !isValue(valueAt, valueBytes)) return Status.InvalidUpdate;
  const container = resolveContainer(ref);
  if (kindOf(doc, container) != <u32>Kind.Set) return Status.InvalidUpdate;
  let dots: u32 = 0;
  const dotsAt = reader.at;
  if (kind == <u32>OpKind.SetRemove) {
    dots = readU32(reader);
    if (reader.bad || !areDots(doc, reader, dots)) return Status.InvalidUpdate;
  }
  if (countKnown(1) == 1) return Status.Ok;
  const op = addOp(kind, container, 1);
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
    if (reader.bad || !isReplicaRef(ref) || seq > seqSeen(doc, ref)) return false;
  }
  return true;
}

/** Highest seq a dot of this replica of the batch's table may have; 0 when it is a stranger, and no dot has that. */
function seqSeen(doc: Document, ref: u32): u32 {
  if (ref == 0) return seqFrom + unitsRead - 1;
  const index = replicaOf(ref);
  return index == NONE ? 0 : replicaAt(doc, index).seq;
}
