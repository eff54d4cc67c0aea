// Text: a sequence of UTF-16 units, as editors count them.
//
// A surrogate pair is never taken apart: an index inside one is refused, and what a peer sends is checked for
// the same. Every edit is one op in the open batch, which grows in place while the user keeps typing.

import { EventKind, Limit, OpKind, Status } from "../abi";
import { Document, containerAt, eventAdd, isHigh, isLow, touch, versionsReserve } from "../document";
import { openDelete, openInsert } from "../codec/open";
import { NIL, replicaAt, versionsAdd } from "../replica";
import { deleteAt, deleteVersions, deletedLv, insertHere, integrate, isInsidePair, originLeft, originRight, seekInsertion } from "./sequence";
import { Sequence, findVisible, foundEntry, foundLeaf, foundOffset, indexOf, sequenceCreate, spanLv } from "./sequence-tree";

/** The sequence of a text container, made on first use. */
// @ts-ignore: decorator
@inline export function sequenceOf(doc: Document, container: u32): Sequence {
  const state = containerAt(doc, container).state;
  return state == 0 ? sequenceCreate(doc, container) : changetype<Sequence>(state);
}

/** Inserts one unit, which is not a surrogate. The path of every keystroke. */
export function textInsertUnit(doc: Document, container: u32, index: u32, unit: u32): Status {
  const sequence = sequenceOf(doc, container);
  if (index > sequence.length) return Status.IndexOutOfRange;
  if (!seekInsertion(doc, sequence, index)) return Status.InsideSurrogatePair;
  if (isExhausted(doc, 1) || doc.versions >= <u32>Limit.Versions) return Status.Exhausted;
  versionsReserve(doc, doc.versions + 1);
  store<u16>(doc.units + ((<usize>doc.versions) << 1), <u16>unit);
  insertElements(doc, OpKind.Insert, container, sequence, index, 1);
  return Status.Ok;
}

/** Inserts `count` units that lie at `from`. Lone surrogates become U+FFFD. */
export function textInsert(doc: Document, container: u32, index: u32, from: usize, count: u32): Status {
  const sequence = sequenceOf(doc, container);
  if (index > sequence.length) return Status.IndexOutOfRange;
  if (!seekInsertion(doc, sequence, index)) return Status.InsideSurrogatePair;
  if (count == 0) return Status.Ok;
  if (isExhausted(doc, count) || count > <u32>Limit.Versions - doc.versions) return Status.Exhausted;
  versionsReserve(doc, doc.versions + count);
  const target = doc.units + ((<usize>doc.versions) << 1);
  memory.copy(target, from, <usize>count << 1);
  mendSurrogates(target, count);
  insertElements(doc, OpKind.Insert, container, sequence, index, count);
  return Status.Ok;
}

/** Would `count` more ops run past the last seq? */
export function isExhausted(doc: Document, count: u32): bool {
  return <u64>replicaAt(doc, doc.self).seq + <u64>count >= 0xfffffff0;
}

/**
 * New elements of this replica, in the sequence and in the open batch as an op of `kind` that names `subject`; returns the first. The
 * caller has sought the place, and nothing has moved since.
 */
export function insertElements(doc: Document, kind: u32, subject: u32, sequence: Sequence, index: u32, count: u32): u32 {
  const lv = versionsAdd(doc, doc.self, count);
  insertHere(doc, sequence, index, lv, count);
  touch(doc, sequence.container);
  openInsert(doc, kind, subject, lv, count, originLeft, originRight);
  return lv;
}

/** Replaces every surrogate that has no partner. */
function mendSurrogates(at: usize, count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const unit = <u32>load<u16>(at + ((<usize>i) << 1));
    if ((unit & 0xf800) != 0xd800) continue;
    if (isHigh(unit) && i + 1 < count && isLow(load<u16>(at + ((<usize>i) << 1), 2))) i++;
    else store<u16>(at + ((<usize>i) << 1), 0xfffd);
  }
}

export function textDelete(doc: Document, container: u32, index: u32, count: u32): Status {
  const sequence = sequenceOf(doc, container);
  if (index > sequence.length || count > sequence.length - index) return Status.IndexOutOfRange;
  if (isInsidePair(doc, sequence, index) || isInsidePair(doc, sequence, index + count)) return Status.InsideSurrogatePair;
  if (count == 0) return Status.Ok;
  if (isExhausted(doc, count)) return Status.Exhausted;
  let rest = count;
  while (rest > 0) {
    const taken = deleteAt(doc, sequence, index, rest);
    openDelete(doc, container, deletedLv, taken);
    rest -= taken;
  }
  touch(doc, container);
  return Status.Ok;
}

/** Another replica's insertion of elements lv … lv + count; units and rows are in place. */
export function textIntegrate(doc: Document, container: u32, lv: u32, count: u32, left: u32, right: u32, replica: u32): void {
  const sequence = sequenceOf(doc, container);
  integrate(doc, sequence, lv, count, left, right, replica);
  touch(doc, container);
  if (doc.isObserved) eventAdd(doc, EventKind.TextInsert, container, indexOf(doc, lv), lv, count);
}

/** Another replica's deletion of elements lv … lv + count. */
export function textRemove(doc: Document, container: u32, lv: u32, count: u32): void {
  deleteVersions(doc, lv, count);
  touch(doc, container);
}

/** The element at visible `index`, or NIL at the end. */
export function elementAt(doc: Document, container: u32, index: u32): u32 {
  const sequence = sequenceOf(doc, container);
  if (index >= sequence.length) return NIL;
  findVisible(sequence, index);
  return spanLv(foundLeaf, foundEntry) + foundOffset;
}
