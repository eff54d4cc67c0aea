// Who wrote what: a document's replicas, and the two names of an element.
//
// Outside, an element (a character, a list item) is (replica, elem), elem counting that replica's inserted
// elements from 0. Inside, it is its local version `lv`: dense, in order of arrival, so one small integer
// indexes every table. Rows translate: runs where both count up together. One author alone is one row.
//
// elem is not seq: deletes and map writes take a seq but no elem. A replica's ops are applied in seq order,
// so every receiver counts the same elems, and nothing on the wire has to say them.

import { Document, TAG_BRIEF, newTable } from "./document";
import { wakeStrangers } from "./codec/waiting";
import { NONE, mapGet, mapSet } from "./memory/hashmap";
import { Table, tableAdd } from "./memory/table";

export const NIL: u32 = 0xffffffff;

/** Set in a VersionRow's replica when the row stands for voided elements, which have no versions. */
export const VOID_ROW: u32 = 0x80000000;

@unmanaged
export class Replica {
  id: u64;
  /** Highest contiguous seq applied. */
  seq: u32;
  /** Elements inserted so far. */
  elems: u32;
  /** Ops at or below this seq are known only as state, not as batches (they came in a snapshot). */
  base: u32;
  /** What the last sealed own batch declared to have seen of this replica. */
  declared: u32;
  /** Rows of this replica by elem: ReplicaRow records. */
  rows: Table;
  rowHint: u32;
  /** Its newest element is of the base, and its right origin what followed it there (codec/shallow.ts). */
  goesOn: bool;
  /** Blocks waiting for ops of this replica, a heap by the seq they need; see waiting.ts. */
  waiting: usize;
  /** What brief blocks call it; 0 when another replica here would be called the same. */
  brief: u32;
  /** A number the encoder in progress gave it; valid while `mark` is that encoder's. */
  mark: u32;
  local: u32;
}

/** Elements elem0, elem0 + 1 … of one replica are lv0, lv0 + 1 …, up to the next row. */
@unmanaged export class ReplicaRow { elem0: u32; lv0: u32; }

/** Versions lv0, lv0 + 1 … are elements elem0, elem0 + 1 … of `replica`, up to the next row. */
@unmanaged export class VersionRow { lv0: u32; replica: u32; elem0: u32; }

// @ts-ignore: decorator
@inline export function replicaAt(doc: Document, index: u32): Replica {
  return changetype<Replica>(load<usize>(doc.replicas.start + ((<usize>index) << 2)));
}

/** The index of a replica, or NONE. */
export function replicaFind(doc: Document, id: u64): u32 {
  const hint = doc.replicaHint;
  if (replicaAt(doc, hint).id == id) return hint;
  const index = mapGet(doc.replicaIndex, id);
  if (index != NONE) doc.replicaHint = index;
  return index;
}

/** The index of a replica, which is added when new. Id 0 is not a replica; callers have refused it. */
export function replicaOpen(doc: Document, id: u64): u32 {
  const index = doc.replicas.count;
  if (index != 0) {
    const known = replicaFind(doc, id);
    if (known != NONE) return known;
  }
  const bytes = offsetof<Replica>();
  const at = doc.bump(bytes);
  memory.fill(at, 0, bytes);
  changetype<Replica>(at).id = id;
  changetype<Replica>(at).rows = newTable(doc);
  store<usize>(tableAdd(doc.arena, doc.replicas, 4), at);
  mapSet(doc.arena, doc.replicaIndex, id, index);
  nameBriefly(doc, briefName(id), index);
  return index;
}

/** The brief name of two replicas or more. */
export const AMBIGUOUS: u32 = 0xfffffffe;

/** 32 bits of a replica's id, well mixed: what brief blocks call it. 0 is no name. */
export function briefName(id: u64): u32 { return <u32>((id * 0x9e3779b97f4a7c15) >> 32); }

/** The replica a brief name stands for: AMBIGUOUS for several, NONE for none. */
export function replicaNamed(doc: Document, name: u32): u32 {
  const hint = doc.replicaHint;
  if (replicaAt(doc, hint).brief == name && name != 0) return hint;
  const index = mapGet(doc.index, TAG_BRIEF | <u64>name);
  if (index < AMBIGUOUS) doc.replicaHint = index;
  return index;
}

function nameBriefly(doc: Document, name: u32, index: u32): void {
  const other = replicaNamed(doc, name);
  if (other == NONE) replicaAt(doc, index).brief = name;
  else if (other != AMBIGUOUS) replicaAt(doc, other).brief = 0;
  mapSet(doc.arena, doc.index, TAG_BRIEF | <u64>name, other == NONE ? index : AMBIGUOUS);
  wakeStrangers(doc, name);
}

/** Gives the next `count` elements of a replica their local versions; returns the first. */
export function versionsAdd(doc: Document, replica: u32, count: u32): u32 {
  const record = replicaAt(doc, replica);
  const lv0 = doc.versions;
  const rows = doc.rows;
  const isSameRun = rows.count > 0 && lastVersionRow(doc).replica == replica;
  if (!isSameRun) {
    const row = changetype<VersionRow>(tableAdd(doc.arena, rows, offsetof<VersionRow>()));
    row.lv0 = lv0;
    row.replica = replica;
    row.elem0 = record.elems;
    const own = changetype<ReplicaRow>(tableAdd(doc.arena, record.rows, offsetof<ReplicaRow>()));
    own.elem0 = record.elems;
    own.lv0 = lv0;
  }
  record.elems += count;
  doc.versions += count;
  return lv0;
}

/** After a void, elems jump: the next element must open a row of its own. */
export function elemsSkip(doc: Document, replica: u32, count: u32): void {
  if (count == 0) return;
  const record = replicaAt(doc, replica);
  const row = changetype<ReplicaRow>(tableAdd(doc.arena, record.rows, offsetof<ReplicaRow>()));
  row.elem0 = record.elems;
  row.lv0 = NIL;
  const stop = changetype<VersionRow>(tableAdd(doc.arena, doc.rows, offsetof<VersionRow>()));
  stop.lv0 = doc.versions;
  stop.replica = replica | VOID_ROW;
  stop.elem0 = record.elems;
  record.elems += count;
}

// @ts-ignore: decorator
@inline function lastVersionRow(doc: Document): VersionRow {
  return changetype<VersionRow>(doc.rows.start + <usize>(doc.rows.count - 1) * offsetof<VersionRow>());
}

// @ts-ignore: decorator
@inline export function versionRow(doc: Document, index: u32): VersionRow {
  return changetype<VersionRow>(doc.rows.start + <usize>index * offsetof<VersionRow>());
}

// @ts-ignore: decorator
@inline export function replicaRow(record: Replica, index: u32): ReplicaRow {
  return changetype<ReplicaRow>(record.rows.start + ((<usize>index) << 3));
}

/** The row that holds `lv`; its index stays in doc.rowHint. O(log rows), O(1) when near the last one asked for. */
export function rowOf(doc: Document, lv: u32): u32 {
  const count = doc.rows.count;
  let index = doc.rowHint;
  if (index < count && versionRow(doc, index).lv0 <= lv && lv < rowEnd(doc, index)) return index;
  let low: u32 = 0;
  let high: u32 = count;
  while (high - low > 1) {
    index = (low + high) >>> 1;
    if (versionRow(doc, index).lv0 <= lv) low = index; else high = index;
  }
  doc.rowHint = low;
  return low;
}

/** First lv after a row. */
// @ts-ignore: decorator
@inline export function rowEnd(doc: Document, index: u32): u32 {
  return index + 1 < doc.rows.count ? versionRow(doc, index + 1).lv0 : doc.versions;
}

/** Elements in a row, voided ones too: a void has a row of its replica to itself. */
export function rowElems(doc: Document, index: u32): u32 {
  const row = versionRow(doc, index);
  const replica = row.replica & ~VOID_ROW;
  if (replica == row.replica) return rowEnd(doc, index) - row.lv0;
  versionOf(doc, replica, row.elem0);
  return replicaRowEnd(doc, replica) - row.elem0;
}

/** The replica index that wrote an element. */
export function authorOf(doc: Document, lv: u32): u32 {
  return versionRow(doc, rowOf(doc, lv)).replica;
}

export function elemOf(doc: Document, lv: u32): u32 {
  const row = versionRow(doc, rowOf(doc, lv));
  return row.elem0 + (lv - row.lv0);
}

/** The local version of an element, NIL when it is not here (never inserted, or voided). */
export function versionOf(doc: Document, replica: u32, elem: u32): u32 {
  const record = replicaAt(doc, replica);
  if (elem >= record.elems) return NIL;
  const count = record.rows.count;
  let low = record.rowHint;
  if (!(low < count && replicaRow(record, low).elem0 <= elem && (low + 1 == count || elem < replicaRow(record, low + 1).elem0))) {
    low = 0;
    let high: u32 = count;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (replicaRow(record, middle).elem0 <= elem) low = middle; else high = middle;
    }
    record.rowHint = low;
  }
  const row = replicaRow(record, low);
  return row.lv0 == NIL ? NIL : row.lv0 + (elem - row.elem0);
}

/** First elem after the row that \`versionOf\` last found one of this replica in. */
export function replicaRowEnd(doc: Document, replica: u32): u32 {
  const record = replicaAt(doc, replica);
  const next = record.rowHint + 1;
  return next < record.rows.count ? replicaRow(record, next).elem0 : record.elems;
}
