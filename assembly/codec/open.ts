// The open batch: own ops since the last seal, as records, not bytes.
//
// Turning an op into bytes costs more than the op, so it happens once per flush. Until then typing grows the last
// record in place: a thousand keystrokes in a row are one record, and one op on the wire.

import { OpKind } from "../abi";
import { Document } from "../document";
import { replicaAt } from "../replica";
import { tableAdd } from "../memory/table";
import { writeBytes, writeRoom } from "../memory/bytes";

@unmanaged
export class OpenOp {
  /** Map writes and moves: the stamp. Counter: the step. INSERT_VALUES: where those not yet sealed lie in openValues. */
  stamp: u64;
  kind: u32;
  /** Move: the item's first version. */
  container: u32;
  /** Seqs it takes. */
  units: u32;
  /** Insert, Move: first lv. Delete: first lv deleted. Map: key. SetRemove: number of dots. */
  a: u32;
  /** Insert, Move: left origin. Delete: a Direction. Values: offset in openValues. */
  b: u32;
  /** Insert, Move: right origin. Values: bytes. */
  c: u32;
}

export const FORWARD: u32 = 1;
export const BACKWARD: u32 = 2;

// @ts-ignore: decorator
@inline export function openAt(doc: Document, index: u32): OpenOp {
  return changetype<OpenOp>(doc.open.start + <usize>index * offsetof<OpenOp>());
}

/** Adds a record of `units` seqs to the open batch. */
function openAdd(doc: Document, kind: u32, container: u32, units: u32): OpenOp {
  const self = replicaAt(doc, doc.self);
  if (doc.open.count == 0) doc.openFrom = self.seq + 1;
  const op = changetype<OpenOp>(tableAdd(doc.arena, doc.open, offsetof<OpenOp>()));
  op.kind = kind;
  op.container = container;
  op.units = units;
  op.stamp = <u64>doc.openValues.length;
  self.seq += units;
  return op;
}

/** The kind of an insertion into a list, in the open batch only. */
export const INSERT_VALUES: u32 = 8;

/** An insertion or a move. No move goes on from another: its left origin is never where its item stands. */
export function openInsert(doc: Document, kind: u32, container: u32, lv: u32, count: u32, left: u32, right: u32): void {
  if (doc.open.count > 0) {
    const last = openAt(doc, doc.open.count - 1);
    if (last.kind == kind && last.a + last.units == lv && left == lv - 1 && last.c == right && last.container == container) {
      last.units += count;
      replicaAt(doc, doc.self).seq += count;
      return;
    }
  }
  const op = openAdd(doc, kind, container, count);
  op.a = lv;
  op.b = left;
  op.c = right;
}

export function openDelete(doc: Document, container: u32, lv: u32, count: u32): void {
  if (doc.open.count > 0 && growDelete(doc, openAt(doc, doc.open.count - 1), container, lv, count)) return;
  const op = openAdd(doc, OpKind.Delete, container, count);
  op.a = lv;
  op.b = count == 1 ? 0 : FORWARD;
}

/** Holding delete or backspace grows one record; a single deletion can still become either. */
function growDelete(doc: Document, last: OpenOp, container: u32, lv: u32, count: u32): bool {
  if (last.kind != <u32>OpKind.Delete || last.container != container) return false;
  if (last.b != BACKWARD && lv == last.a + last.units) last.b = FORWARD;
  else if (last.b != FORWARD && count == 1 && lv + last.units == last.a) last.b = BACKWARD;
  else return false;
  last.units += count;
  replicaAt(doc, doc.self).seq += count;
  return true;
}

export function openMapWrite(doc: Document, container: u32, key: u32, stamp: u64, value: usize, valueBytes: u32): void {
  const op = openAdd(doc, valueBytes == 0 ? OpKind.MapDelete : OpKind.MapSet, container, 1);
  op.stamp = stamp;
  op.a = key;
  op.b = <u32>doc.openValues.length;
  op.c = valueBytes;
  writeBytes(doc.openValues, value, valueBytes);
}

export function openCounterAdd(doc: Document, container: u32, step: i64): void {
  openAdd(doc, OpKind.CounterAdd, container, 1).stamp = <u64>step;
}

export function openSetAdd(doc: Document, container: u32, value: usize, valueBytes: u32): void {
  const op = openAdd(doc, OpKind.SetAdd, container, 1);
  op.b = <u32>doc.openValues.length;
  op.c = valueBytes;
  writeBytes(doc.openValues, value, valueBytes);
}

/** A removal; its dots follow with `openDot`. */
export function openSetRemove(doc: Document, container: u32, value: usize, valueBytes: u32): void {
  const op = openAdd(doc, OpKind.SetRemove, container, 1);
  op.a = 0;
  op.b = <u32>doc.openValues.length;
  op.c = valueBytes;
  writeBytes(doc.openValues, value, valueBytes);
}

export function openDot(doc: Document, replica: u32, seq: u32): void {
  openAt(doc, doc.open.count - 1).a++;
  const at = writeRoom(doc.openValues, 8);
  store<u32>(at, replica);
  store<u32>(at, seq, 4);
  doc.openValues.length += 8;
}
