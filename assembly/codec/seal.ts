// Sealing: the open batch becomes bytes in the log. FORMAT.md has the grammar; read-batch.ts reads it back.
//
// Batches stay small (SEAL_BYTES), so that a pasted book travels and stores like anything else: an insertion
// is cut between any two elements, since each takes a seq of its own.

import { BlockKind, OpKind } from "../abi";
import { HAS_TEXT } from "../parts";
import { Writer, putU32, writeByte, writeBytes, writeFixed64, writeRoom, writeU32, writeU64, zigzag } from "../memory/bytes";
import { scratchWriter } from "../memory/scratch";
import { tableAdd } from "../memory/table";
import { Document, ROOT, containerAt, isHigh, keyAt, unitAt } from "../document";
import { NIL, Replica, authorOf, elemOf, replicaAt, rowEnd, rowOf, versionRow } from "../replica";
import { findVersion, foundEntry, foundLeaf, leftFound, spanRight } from "../crdt/sequence-tree";
import { BACKWARD, INSERT_VALUES, OpenOp, openAt } from "./open";
import { BEFORE_NEWEST, BEFORE_NEWEST_BYTE, LIST_BIT, NEWEST, NONE_SIDE, OTHER, OTHER_BIT, OWN, batchHead } from "./grammar";
import { unitsToUtf8 } from "./utf8";
import { valueEnd } from "./values";

const SEAL_BYTES: usize = 65536;
const INSERT_UNITS: u32 = 16384;
/** Longer insertions need longer heads. */
const PLAIN_UNITS: u32 = 32;

@unmanaged
export class LogEntry {
  offset: usize;
  bytes: u32;
  replica: u32;
  seqFrom: u32;
  seqTo: u32;
  /** Written here in this session: to be taken. */
  isOwn: bool;
}

// @ts-ignore: decorator
@inline export function logEntryAt(doc: Document, index: u32): LogEntry {
  return changetype<LogEntry>(doc.logIndex.start + <usize>index * offsetof<LogEntry>());
}

// The batch being written: its ops, the replicas and containers they name, in order of first mention.
let ops: Writer = changetype<Writer>(0);
let replicaTable: Writer = changetype<Writer>(0);
let containerTable: Writer = changetype<Writer>(0);
let replicaCount: u32 = 0;
let containerCount: u32 = 0;
let stampBase: u64 = 0;
let stampLast: u64 = 0;
let hasStamps: bool = false;
let elemNext: u32 = 0;
/** The first elem that is of this batch. */
let elemFrom: u32 = 0;
let units: u32 = 0;

/** Turns the open batch into one or more sealed ones at the end of the log. Cheap when there is nothing open. */
export function seal(doc: Document): void {
  const count = doc.open.count;
  if (count == 0) return;
  const self = replicaAt(doc, doc.self);
  elemNext = self.elems - insertedUnits(doc);
  if (count == 1 && !doc.hasUndeclared && openAt(doc, 0).units <= PLAIN_UNITS && doc.openValues.length <= SEAL_BYTES) sealPlain(doc, self, openAt(doc, 0));
  else sealAll(doc, self, count);
  doc.open.count = 0;
  doc.openValues.length = 0;
}

/**
 * One op on top of what its author had seen before, as a keystroke is, mostly needs no tables: then it is written where it
 * stays, in the log.
 */
function sealPlain(doc: Document, self: Replica, op: OpenOp): void {
  const log = doc.log;
  const offset = log.length;
  begin(doc);
  ops = log;
  let at = writeRoom(log, 32);
  store<u8>(at, batchHead(BlockKind.Batch));
  store<u64>(at, self.id, 2);
  at = putU32(putU32(at + 10, doc.openFrom), op.units);
  store<u8>(at, 0);
  const opsAt = at + 1 - log.start;
  log.length = opsAt;
  let done: u32 = 0;
  while (done < op.units) done += writeOp(doc, op, done);
  const bodyBytes = log.length - offset - 2;
  if (bodyBytes < 128 && !(replicaCount != 0 || containerCount != 0 || hasStamps)) {
    store<u8>(log.start + offset, <u8>bodyBytes, 1);
    return logAdd(doc, offset, doc.self, doc.openFrom, doc.openFrom + op.units - 1, true);
  }
  ops = scratchWriter(0);
  writeBytes(ops, log.start + opsAt, log.length - opsAt);
  log.length = offset;
  finish(doc, self, doc.openFrom);
}

function sealAll(doc: Document, self: Replica, count: u32): void {
  let seqFrom = doc.openFrom;
  let index: u32 = 0;
  let done: u32 = 0;
  while (index < count) {
    begin(doc);
    while (index < count && ops.length < SEAL_BYTES) {
      const op = openAt(doc, index);
      done += writeOp(doc, op, done);
      if (done == op.units) {
        index++;
        done = 0;
      }
    }
    finish(doc, self, seqFrom);
    seqFrom += units;
  }
}

function insertedUnits(doc: Document): u32 {
  let total: u32 = 0;
  for (let i: u32 = 0; i < doc.open.count; i++) {
    const op = openAt(doc, i);
    if (op.kind == <u32>OpKind.Insert || op.kind >= <u32>OpKind.Move) total += op.units;
  }
  return total;
}

function begin(doc: Document): void {
  doc.marks++;
  ops = scratchWriter(0);
  replicaTable = scratchWriter(1);
  containerTable = scratchWriter(2);
  replicaCount = 0;
  containerCount = 0;
  hasStamps = false;
  units = 0;
  elemFrom = elemNext;
}

/** Writes an op, or as much of it as one batch should hold, from its unit `done` on; returns the units written. */
function writeOp(doc: Document, op: OpenOp, done: u32): u32 {
  let taken: u32 = 1;
  switch (op.kind) {
    case <u32>OpKind.Insert: if (HAS_TEXT) taken = writeInsert(doc, op, done); break;
    case <u32>OpKind.Delete: if (HAS_TEXT) taken = writeDelete(doc, op, done); break;
    case INSERT_VALUES: if (HAS_TEXT) taken = writeValues(doc, op, done); break;
    case <u32>OpKind.Move: if (HAS_TEXT) writeMove(doc, op); break;
    case <u32>OpKind.MapSet:
    case <u32>OpKind.MapDelete: writeMapOp(doc, op); break;
    case <u32>OpKind.CounterAdd: writeCounterOp(doc, op); break;
    default: writeSetOp(doc, op);
  }
  units += taken;
  return taken;
}

function writeInsert(doc: Document, op: OpenOp, done: u32): u32 {
  const lv = op.a + done;
  let taken = min<u32>(op.units - done, INSERT_UNITS);
  if (done + taken < op.units && isHigh(unitAt(doc, lv + taken - 1))) taken--;
  const tagAt = ops.length;
  writePlace(doc, op, done, OpKind.Insert);
  unitsToUtf8(ops, doc.units + ((<usize>lv) << 1), taken);
  if (ops.length == tagAt + 3) dropLength(ops.start + tagAt);
  elemNext += taken;
  return taken;
}

/** The op that `ops` ends with has a tag, a length of 1 and a byte; text typed backwards goes without the length. */
function dropLength(at: usize): void {
  if (load<u8>(at) != <u8>BEFORE_NEWEST) return;
  store<u8>(at, <u8>BEFORE_NEWEST_BYTE);
  store<u8>(at, load<u8>(at, 2), 1);
  ops.length--;
}

/** The tag of an insertion, from its element `done` on, or of a move; and its origins. */
function writePlace(doc: Document, op: OpenOp, done: u32, tag: u32): void {
  const left = done == 0 ? op.b : op.a + done - 1;
  if (continuesNewest(doc, left, op.c)) return writeByte(ops, tag | (NEWEST << 3));
  if (precedesNewest(doc, left, op.c)) return writeByte(ops, tag | BEFORE_NEWEST);
  const leftSide = sideOf(doc, left);
  const rightSide = sideOf(doc, op.c);
  writeByte(ops, tag | (leftSide << 3) | (rightSide << 5));
  if (left == NIL && op.c == NIL) writeU32(ops, containerRef(doc, op.container));
  writeElement(doc, left, leftSide);
  writeElement(doc, op.c, rightSide);
}

/** As many of the next values as a batch should hold. */
function writeValues(doc: Document, op: OpenOp, done: u32): u32 {
  writePlace(doc, op, done, LIST_BIT);
  const start = doc.openValues.start + <usize>op.stamp;
  let at = start;
  let taken: u32 = 0;
  while (done + taken < op.units && at - start < SEAL_BYTES) {
    at = valueEnd(at, usize.MAX_VALUE);
    taken++;
  }
  writeU32(ops, <u32>(at - start));
  writeBytes(ops, start, at - start);
  op.stamp += <u64>(at - start);
  elemNext += taken;
  return taken;
}

/** A list that has an item to move has a position beside the new one: the container need not be named. */
function writeMove(doc: Document, op: OpenOp): void {
  const side = sideOf(doc, op.container);
  writePlace(doc, op, 0, OpKind.Move | (side == OTHER ? OTHER_BIT : 0));
  writeElement(doc, op.container, side);
  writeStamp(op.stamp);
  elemNext++;
}

/** Does an insertion simply go on after our newest element, with the same right origin? */
function continuesNewest(doc: Document, left: u32, right: u32): bool {
  if (left == NIL || left < doc.base || elemNext == 0 || authorOf(doc, left) != doc.self || elemOf(doc, left) != elemNext - 1) return false;
  findVersion(doc, left);
  return spanRight(foundLeaf, foundEntry) == right;
}

/**
 * Does an insertion go in front of our newest element, with the same left origin, as text typed backwards does? Only where
 * that element is of the same batch: of one in its base a reader without history knows no left origin.
 */
function precedesNewest(doc: Document, left: u32, right: u32): bool {
  if (elemNext == elemFrom || right == NIL || authorOf(doc, right) != doc.self || elemOf(doc, right) != elemNext - 1) return false;
  findVersion(doc, right);
  return leftFound() == left;
}

function sideOf(doc: Document, lv: u32): u32 {
  if (lv == NIL) return NONE_SIDE;
  return authorOf(doc, lv) == doc.self ? OWN : OTHER;
}

/** Own elements count back from the newest; others are named by replica and elem. */
function writeElement(doc: Document, lv: u32, side: u32): void {
  if (side == NONE_SIDE) return;
  if (side == OWN) return writeU32(ops, elemNext - elemOf(doc, lv));
  writeU32(ops, replicaRef(doc, authorOf(doc, lv)));
  writeU32(ops, elemOf(doc, lv));
}

function writeDelete(doc: Document, op: OpenOp, done: u32): u32 {
  const isBackward = op.b == BACKWARD;
  const lv = isBackward ? op.a - done : op.a + done;
  const row = rowOf(doc, lv);
  const inRow = isBackward ? lv - versionRow(doc, row).lv0 + 1 : rowEnd(doc, row) - lv;
  const taken = min<u32>(op.units - done, inRow);
  const side = sideOf(doc, lv);
  writeByte(ops, OpKind.Delete | (side << 3) | (isBackward ? 32 : 0));
  writeElement(doc, lv, side);
  writeU32(ops, taken);
  return taken;
}

function writeMapOp(doc: Document, op: OpenOp): void {
  writeByte(ops, op.kind);
  writeU32(ops, containerRef(doc, op.container));
  const key = keyAt(doc, op.a);
  writeU32(ops, key.bytes);
  writeBytes(ops, key.at, key.bytes);
  writeStamp(op.stamp);
  if (op.kind == <u32>OpKind.MapSet) writeValue(doc, op);
}

function writeStamp(stamp: u64): void {
  if (!hasStamps) {
    hasStamps = true;
    stampBase = stamp;
    stampLast = stamp;
  }
  writeU64(ops, zigzag(<i64>(stamp - stampLast)));
  stampLast = stamp;
}

function writeValue(doc: Document, op: OpenOp): void {
  writeU32(ops, op.c);
  writeBytes(ops, doc.openValues.start + <usize>op.b, op.c);
}

function writeCounterOp(doc: Document, op: OpenOp): void {
  writeByte(ops, OpKind.CounterAdd);
  writeU32(ops, containerRef(doc, op.container));
  writeU64(ops, zigzag(<i64>op.stamp));
}

function writeSetOp(doc: Document, op: OpenOp): void {
  writeByte(ops, op.kind);
  writeU32(ops, containerRef(doc, op.container));
  writeValue(doc, op);
  if (op.kind != <u32>OpKind.SetRemove) return;
  writeU32(ops, op.a);
  let dot = doc.openValues.start + <usize>op.b + <usize>op.c;
  for (let i: u32 = 0; i < op.a; i++, dot += 8) {
    writeU32(ops, replicaRef(doc, load<u32>(dot)));
    writeU32(ops, load<u32>(dot, 4));
  }
}

/** The batch's number for a replica: 0 is its author. */
function replicaRef(doc: Document, index: u32): u32 {
  if (index == doc.self) return 0;
  const record = replicaAt(doc, index);
  if (record.mark != doc.marks) {
    record.mark = doc.marks;
    record.local = ++replicaCount;
    writeFixed64(replicaTable, record.id);
  }
  return record.local;
}

/** The batch's number for a container: 0 is the root map; parents come before what they hold. */
function containerRef(doc: Document, index: u32): u32 {
  if (index == ROOT) return 0;
  const record = containerAt(doc, index);
  if (record.mark != doc.marks) {
    const parent = containerRef(doc, record.parent);
    record.mark = doc.marks;
    record.local = ++containerCount;
    writeU32(containerTable, parent);
    writeByte(containerTable, record.kind);
    writeU32(containerTable, keyAt(doc, record.key).bytes);
    writeBytes(containerTable, keyAt(doc, record.key).at, keyAt(doc, record.key).bytes);
  }
  return record.local;
}

function finish(doc: Document, self: Replica, seqFrom: u32): void {
  const frontier = scratchWriter(3);
  const frontierCount = writeFrontier(doc, frontier);
  const body = scratchWriter(4);
  writeFixed64(body, self.id);
  writeU32(body, seqFrom);
  writeU32(body, units);
  writeByte(body, (replicaCount != 0 ? 1 : 0) | (frontierCount != 0 ? 2 : 0) | (hasStamps ? 4 : 0) | (containerCount != 0 ? 8 : 0));
  if (replicaCount != 0) writeCounted(body, replicaCount, replicaTable);
  if (frontierCount != 0) writeCounted(body, frontierCount, frontier);
  if (hasStamps) writeFixed64(body, stampBase);
  if (containerCount != 0) writeCounted(body, containerCount, containerTable);
  writeBytes(body, ops.start, ops.length);
  const offset = doc.log.length;
  writeByte(doc.log, batchHead(BlockKind.Batch));
  writeU32(doc.log, <u32>body.length);
  writeBytes(doc.log, body.start, body.length);
  logAdd(doc, offset, doc.self, seqFrom, seqFrom + units - 1, true);
}

function writeCounted(body: Writer, count: u32, table: Writer): void {
  writeU32(body, count);
  writeBytes(body, table.start, table.length);
}

/** What this replica has seen of others since its last batch: with that batch, the frontier this one was made on. */
function writeFrontier(doc: Document, frontier: Writer): u32 {
  let count: u32 = 0;
  if (!doc.hasUndeclared) return count;
  doc.hasUndeclared = false;
  for (let i: u32 = 0; i < doc.replicas.count; i++) {
    const record = replicaAt(doc, i);
    if (i == doc.self || record.seq <= record.declared) continue;
    writeU32(frontier, replicaRef(doc, i));
    writeU32(frontier, record.seq);
    record.declared = record.seq;
    count++;
  }
  return count;
}

/** Enters the block that the log now ends with. */
export function logAdd(doc: Document, offset: usize, replica: u32, seqFrom: u32, seqTo: u32, isOwn: bool): void {
  const entry = changetype<LogEntry>(tableAdd(doc.arena, doc.logIndex, offsetof<LogEntry>()));
  entry.offset = offset;
  entry.bytes = <u32>(doc.log.length - offset);
  entry.replica = replica;
  entry.seqFrom = seqFrom;
  entry.seqTo = seqTo;
  entry.isOwn = isOwn;
}
