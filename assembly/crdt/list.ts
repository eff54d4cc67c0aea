// List: a sequence of positions, and the items that stand at them.
//
// Inserting a value makes an item and its first position, which names the item for ever. A move makes one more position
// for it, with a stamp. Of all positions of an item the one with the highest (stamp, replica, elem) shows; the others are
// tombstones like any other. A position that has lost never shows again, so moves that meet double nothing.
// Deleting beats moving: it names the item, frees its value, and whatever moves arrive find nothing to move.
// Idea: Kleppmann, "Moving Elements in List CRDTs", 2020.

import { EventKind, Limit, OpKind, Status } from "../abi";
import { cellAlloc, cellFree } from "../memory/arena";
import { Writer, writeByte, writeBytes } from "../memory/bytes";
import { NONE, mapDelete, mapGet, mapSet } from "../memory/hashmap";
import { Document, TAG_ITEM, eventAdd, touch, versionsReserve } from "../document";
import { authorOf, replicaAt } from "../replica";
import { tick, wins, witness } from "../time/hlc";
import { INSERT_VALUES, openAt, openDelete } from "../codec/open";
import { COUNT_BAD, countValues, valueEnd } from "../codec/values";
import { deleteVersions, integrate, seekInsertion } from "./sequence";
import { Sequence, findVersion, findVisible, foundEntry, foundLeaf, foundOffset, indexOf, spanLv } from "./sequence-tree";
import { tombstone } from "./spans";
import { insertElements, isExhausted, sequenceOf } from "./text";

/** What a list has where a text has its units: does a position make an item, or move one? Kept for tombstones too. */
export const MAKES: u32 = 0;
export const MOVES: u32 = 1;

@unmanaged
export class Item {
  /** Stamp of the move that brought it where it stands, 0 before the first. */
  stamp: u64;
  /** Its first position, which names it, and the one where it shows. */
  first: u32;
  place: u32;
  valueBytes: u32;
}

// @ts-ignore: decorator
@inline export function itemAt(item: u32): Item { return changetype<Item>(<usize>item); }
// @ts-ignore: decorator
@inline export function itemValue(item: u32): usize { return <usize>item + offsetof<Item>(); }

/** The item that a version names or shows; NONE when it is deleted, or has moved on. */
// @ts-ignore: decorator
@inline export function itemOf(doc: Document, lv: u32): u32 { return mapGet(doc.index, TAG_ITEM | <u64>lv); }

// @ts-ignore: decorator
@inline function setMoves(doc: Document, lv: u32, moves: u32): void { store<u16>(doc.units + ((<usize>lv) << 1), moves); }

// ---- items ----------------------------------------------------------------------------------------

export function itemCreate(doc: Document, first: u32, place: u32, stamp: u64, value: usize, bytes: u32): void {
  const cell = <u32>cellAlloc(doc.arena, offsetof<Item>() + <usize>bytes);
  const item = itemAt(cell);
  item.stamp = stamp;
  item.first = first;
  item.place = place;
  item.valueBytes = bytes;
  memory.copy(itemValue(cell), value, bytes);
  mapSet(doc.arena, doc.index, TAG_ITEM | <u64>first, cell);
  if (place != first) mapSet(doc.arena, doc.index, TAG_ITEM | <u64>place, cell);
}

/** Items of `count` new positions; their values, known to be good, lie one after another. */
function itemsCreate(doc: Document, lv: u32, count: u32, at: usize): void {
  for (const end = lv + count; lv < end; lv++) {
    const next = valueEnd(at, usize.MAX_VALUE);
    itemCreate(doc, lv, lv, 0, at, <u32>(next - at));
    at = next;
  }
}

function itemFree(doc: Document, cell: u32): void {
  const item = itemAt(cell);
  mapDelete(doc.index, TAG_ITEM | <u64>item.first);
  mapDelete(doc.index, TAG_ITEM | <u64>item.place);
  cellFree(doc.arena, cell, offsetof<Item>() + <usize>item.valueBytes);
}

/** The item shows at another position from now on. */
function itemPut(doc: Document, cell: u32, place: u32, stamp: u64): void {
  const item = itemAt(cell);
  if (item.place != item.first) mapDelete(doc.index, TAG_ITEM | <u64>item.place);
  item.place = place;
  item.stamp = stamp;
  mapSet(doc.arena, doc.index, TAG_ITEM | <u64>place, cell);
}

// ---- local edits ----------------------------------------------------------------------------------

/** Inserts the values that lie one after another at `from`. */
export function listInsert(doc: Document, container: u32, index: u32, from: usize, bytes: u32): Status {
  const sequence = sequenceOf(doc, container);
  if (index > sequence.length) return Status.IndexOutOfRange;
  const count = countValues(from, bytes);
  if (count == COUNT_BAD) return bytes > <u32>Limit.ValueBytes ? Status.TooLarge : Status.InvalidUpdate;
  if (count == 0) return Status.Ok;
  if (isExhausted(doc, count) || count > <u32>Limit.Versions - doc.versions) return Status.Exhausted;
  versionsReserve(doc, doc.versions + count);
  for (let i: u32 = 0; i < count; i++) setMoves(doc, doc.versions + i, MAKES);
  seekInsertion(doc, sequence, index);
  const lv = insertElements(doc, INSERT_VALUES, container, sequence, index, count);
  writeBytes(doc.openValues, from, bytes);
  itemsCreate(doc, lv, count, from);
  return Status.Ok;
}

export function listDelete(doc: Document, container: u32, index: u32, count: u32): Status {
  const sequence = sequenceOf(doc, container);
  if (index > sequence.length || count > sequence.length - index) return Status.IndexOutOfRange;
  if (isExhausted(doc, count)) return Status.Exhausted;
  for (; count > 0; count--) {
    const item = itemHere(doc, sequence, index);
    openDelete(doc, container, itemAt(item).first, 1);
    listRemove(doc, container, itemAt(item).first, 1);
  }
  return Status.Ok;
}

/** Moves the item at `from`, so that it then stands at `to`. */
export function listMove(doc: Document, container: u32, from: u32, to: u32, nowMs: f64): Status {
  const sequence = sequenceOf(doc, container);
  if (from >= sequence.length || to >= sequence.length) return Status.IndexOutOfRange;
  if (from == to) return Status.Ok;
  if (isExhausted(doc, 1) || doc.versions >= <u32>Limit.Versions) return Status.Exhausted;
  const item = itemHere(doc, sequence, from);
  versionsReserve(doc, doc.versions + 1);
  setMoves(doc, doc.versions, MOVES);
  if (to > from) to++;
  seekInsertion(doc, sequence, to);
  const lv = insertElements(doc, OpKind.Move, itemAt(item).first, sequence, to, 1);
  const stamp = tick(doc, nowMs);
  openAt(doc, doc.open.count - 1).stamp = stamp;
  deleteVersions(doc, itemAt(item).place, 1);
  itemPut(doc, item, lv, stamp);
  return Status.Ok;
}

function itemHere(doc: Document, sequence: Sequence, index: u32): u32 {
  findVisible(sequence, index);
  return itemOf(doc, spanLv(foundLeaf, foundEntry) + foundOffset);
}

// ---- ops of others --------------------------------------------------------------------------------

/** Another replica's insertion of positions lv … lv + count, whose values lie at `from`; rows and units are in place. */
export function listIntegrate(doc: Document, container: u32, lv: u32, count: u32, left: u32, right: u32, replica: u32, from: usize): void {
  integrate(doc, sequenceOf(doc, container), lv, count, left, right, replica);
  itemsCreate(doc, lv, count, from);
  touch(doc, container);
  if (doc.isObserved) eventAdd(doc, EventKind.ListInsert, container, indexOf(doc, lv), lv, count);
}

/** Another replica's move of an item to a new position `lv`, which stays hidden if the item is NONE or a later move has won. */
export function listPlace(doc: Document, container: u32, lv: u32, left: u32, right: u32, replica: u32, item: u32, stamp: u64): void {
  const isShown = item != NONE && !wins(itemAt(item).stamp, replicaAt(doc, authorOf(doc, itemAt(item).place)).id, stamp, replicaAt(doc, replica).id);
  const sequence = sequenceOf(doc, container);
  if (isShown) deleteVersions(doc, itemAt(item).place, 1);
  integrate(doc, sequence, lv, 1, left, right, replica);
  if (isShown) {
    itemPut(doc, item, lv, stamp);
    if (doc.isObserved) eventAdd(doc, EventKind.ListInsert, container, indexOf(doc, lv), itemAt(item).first, 1);
  } else {
    findVersion(doc, lv);
    tombstone(doc, sequence, foundLeaf, foundEntry, foundOffset, 1);
  }
  witness(doc, stamp);
  touch(doc, container);
}

/** Deletes items lv … lv + count, wherever they stand. */
export function listRemove(doc: Document, container: u32, lv: u32, count: u32): void {
  for (const end = lv + count; lv < end; lv++) {
    const item = itemOf(doc, lv);
    if (item == NONE) continue;
    deleteVersions(doc, itemAt(item).place, 1);
    itemFree(doc, item);
  }
  touch(doc, container);
}

// ---- reading --------------------------------------------------------------------------------------

/** Writes the values of visible items from … to, one after another. */
export function readValues(doc: Document, sequence: Sequence, from: u32, to: u32, out: Writer): void {
  for (; from < to; from++) {
    const item = itemHere(doc, sequence, from);
    writeBytes(out, itemValue(item), itemAt(item).valueBytes);
  }
}

/** The values of items lv … lv + count, as an event names them; null for one that a later op has deleted. */
export function readItems(doc: Document, lv: u32, count: u32, out: Writer): void {
  for (const end = lv + count; lv < end; lv++) {
    const item = itemOf(doc, lv);
    if (item != NONE) writeBytes(out, itemValue(item), itemAt(item).valueBytes);
    else writeByte(out, 0);
  }
}
