// Merging a snapshot's document into another: the union of two states, as if the missing ops had come one by one.
//
// Elements are taken in the order they arrived at the snapshot's maker, so what they hang on is always here
// first. Version vectors tell "never seen" from "seen and gone", which is all a set or a counter needs.

import { Kind } from "../abi";
import { HAS_TEXT } from "../parts";
import { Document, ROOT, containerAt, containerOpen, keyAt, keyOpen, touch, unitAt, versionsReserve } from "../document";
import { NONE } from "../memory/hashmap";
import { scratchArena, scratchTable } from "../memory/scratch";
import { Table, tableAdd } from "../memory/table";
import { NIL, VOID_ROW, authorOf, elemOf, elemsSkip, replicaAt, replicaFind, replicaOpen, rowElems, versionOf, versionRow, versionsAdd } from "../replica";
import { Sequence, findVersion, foundEntry, foundLeaf, leafCount, leafNext, leafSequence, leftFound, sizeOf, spanEndFound, spanLength, spanLv, spanRight } from "../crdt/sequence-tree";
import { textIntegrate, textRemove } from "../crdt/text";
import { copyBase } from "./shallow";
import { entryAt, mapWrite } from "../crdt/map";
import { cellAt, counterAdd, counterSum } from "../crdt/counter";
import { MAKES, itemAt, itemOf, itemValue, listIntegrate, listPlace, listRemove } from "../crdt/list";
import { Dot, elementAt, elementFind, setAdd, setRemoveDot } from "../crdt/set";
import { witness } from "../time/hlc";

// Numbers of `other`, translated to `doc`.
let replicas: Table = changetype<Table>(0);
let containers: Table = changetype<Table>(0);

// @ts-ignore: decorator
@inline function replicaHere(index: u32): u32 { return load<u32>(replicas.start + ((<usize>index) << 2)); }
// @ts-ignore: decorator
@inline function containerHere(index: u32): u32 { return load<u32>(containers.start + ((<usize>index) << 2)); }

/** The caller has made sure of `agrees` (agreement.ts). */
export function mergeDocument(doc: Document, other: Document): void {
  mapNumbers(doc, other);
  witness(doc, other.stamp);
  for (let i: u32 = 0; i < other.containers.count; i++) mergeContainer(doc, other, i);
  mergeElements(doc, other);
  if (HAS_TEXT) mergeTombstones(doc, other);
  if (HAS_TEXT && other.base != 0) copyBase(doc, other, replicas.start);
  for (let i: u32 = 0; i < other.replicas.count; i++) {
    const here = replicaAt(doc, replicaHere(i));
    const seq = replicaAt(other, i).seq;
    if (seq <= here.seq) continue;
    here.seq = seq;
    here.base = seq;
  }
}

function mapNumbers(doc: Document, other: Document): void {
  replicas = scratchTable(3, 4);
  containers = scratchTable(5, 4);
  for (let i: u32 = 0; i < other.replicas.count; i++) {
    store<u32>(tableAdd(scratchArena(), replicas, 4), replicaOpen(doc, replicaAt(other, i).id));
  }
  for (let i: u32 = 0; i < other.containers.count; i++) {
    store<u32>(tableAdd(scratchArena(), containers, 4), i == ROOT ? ROOT : openHere(doc, other, i));
  }
}

function openHere(doc: Document, other: Document, index: u32): u32 {
  const container = containerAt(other, index);
  const key = keyAt(other, container.key);
  const here = containerOpen(doc, containerHere(container.parent), keyOpen(doc, key.at, key.bytes), container.kind);
  if (!containerAt(doc, here).isTouched) touch(doc, here);
  return here;
}

function mergeContainer(doc: Document, other: Document, index: u32): void {
  const from = containerAt(other, index);
  const here = containerHere(index);
  switch (from.kind) {
    case <u32>Kind.Map: return mergeMap(doc, other, <u32>from.state, here);
    case <u32>Kind.Counter: return mergeCounter(doc, other, <u32>from.state, here);
    case <u32>Kind.Set: {
      addMembers(doc, other, <u32>from.state, here);
      return dropMembers(doc, other, index, here);
    }
    default: return;
  }
}

function mergeMap(doc: Document, other: Document, index: u32, here: u32): void {
  while (index != NIL) {
    const entry = entryAt(other, index);
    const key = keyAt(other, entry.key);
    mapWrite(doc, here, keyOpen(doc, key.at, key.bytes), entry.stamp, replicaHere(entry.replica), entry.value, entry.valueBytes);
    index = entry.next;
  }
}

/** A replica's sum belongs to its seq: the one that has seen more of the replica has the later sum. */
function mergeCounter(doc: Document, other: Document, index: u32, here: u32): void {
  while (index != NIL) {
    const cell = cellAt(other, index);
    const replica = replicaHere(cell.replica);
    if (replicaAt(other, cell.replica).seq > replicaAt(doc, replica).seq) {
      counterAdd(doc, here, replica, cell.sum - counterSum(doc, here, replica));
    }
    index = cell.next;
  }
}

/** Adds the dots that are news here; the others were seen, and are either still in or removed for good. */
function addMembers(doc: Document, other: Document, index: u32, here: u32): void {
  while (index != NIL) {
    const element = elementAt(other, index);
    for (let at = element.dots; at != 0; at = changetype<Dot>(at).next) {
      const dot = changetype<Dot>(at);
      const replica = replicaHere(dot.replica);
      if (dot.seq > replicaAt(doc, replica).seq) setAdd(doc, here, element.value, element.valueBytes, replica, dot.seq);
    }
    index = element.next;
  }
}

/** Drops the dots the other side has seen and no longer holds. */
function dropMembers(doc: Document, other: Document, from: u32, here: u32): void {
  let index = <u32>containerAt(doc, here).state;
  while (index != NIL) {
    const next = elementAt(doc, index).next;
    const twin = elementFind(other, from, elementAt(doc, index).value, elementAt(doc, index).valueBytes);
    let at = elementAt(doc, index).dots;
    while (at != 0) {
      const dot = changetype<Dot>(at);
      at = dot.next;
      const there = replicaFind(other, replicaAt(doc, dot.replica).id);
      if (there == NONE || dot.seq > replicaAt(other, there).seq || holdsDot(other, twin, there, dot.seq)) continue;
      setRemoveDot(doc, here, index, dot.replica, dot.seq);
    }
    index = next;
  }
}

function holdsDot(other: Document, element: u32, replica: u32, seq: u32): bool {
  if (element == NONE) return false;
  for (let at = elementAt(other, element).dots; at != 0; at = changetype<Dot>(at).next) {
    if (changetype<Dot>(at).replica == replica && changetype<Dot>(at).seq >= seq) return true;
  }
  return false;
}

// ---- text -----------------------------------------------------------------------------------------

/** Adds the elements that are missing here, in the order they arrived there. Voided ones count like others. */
function mergeElements(doc: Document, other: Document): void {
  for (let i: u32 = 0; i < other.rows.count; i++) {
    const row = versionRow(other, i);
    const replica = replicaHere(row.replica & ~VOID_ROW);
    const count = rowElems(other, i);
    const known = replicaAt(doc, replica).elems - row.elem0;
    if (known >= count) continue;
    if ((row.replica & VOID_ROW) != 0) elemsSkip(doc, replica, count - known);
    else if (HAS_TEXT) {
      const end = row.lv0 + count;
      for (let lv = row.lv0 + known; lv < end;) lv = mergeRun(doc, other, lv, end, replica);
    }
  }
}

/** Inserts what of one span lies in one row, from `lv` on; returns where it ended. */
function mergeRun(doc: Document, other: Document, lv: u32, rowEndLv: u32, replica: u32): u32 {
  findVersion(other, lv);
  const leaf = foundLeaf;
  const entry = foundEntry;
  const left = leftFound();
  const right = spanRight(leaf, entry);
  const end = min<u32>(spanEndFound(), rowEndLv);
  const count = end - lv;
  const container = containerHere(leafSequence(leaf).container);
  const leftHere = translate(doc, other, left);
  const rightHere = translate(doc, other, right);
  versionsReserve(doc, doc.versions + count);
  memory.copy(doc.units + ((<usize>doc.versions) << 1), other.units + ((<usize>lv) << 1), (<usize>count) << 1);
  const here = versionsAdd(doc, replica, count);
  if (containerAt(doc, container).kind == <u32>Kind.List) mergePositions(doc, other, container, lv, here, count, leftHere, rightHere, replica);
  else textIntegrate(doc, container, here, count, leftHere, rightHere, replica);
  return end;
}

/** Of a list's new positions, those show here that show there and have not lost to what only we knew. */
function mergePositions(doc: Document, other: Document, container: u32, lv: u32, here: u32, count: u32, left: u32, right: u32, replica: u32): void {
  for (const end = lv + count; lv < end; lv++) {
    const item = itemOf(other, lv);
    if (item != NONE && unitAt(other, lv) == MAKES) listIntegrate(doc, container, here, 1, left, right, replica, itemValue(item));
    else if (item != NONE) listPlace(doc, container, here, left, right, replica, itemOf(doc, translate(doc, other, itemAt(item).first)), itemAt(item).stamp);
    else listPlace(doc, container, here, left, right, replica, NONE, 0);
    left = here++;
  }
}

function translate(doc: Document, other: Document, lv: u32): u32 {
  return lv == NIL ? NIL : versionOf(doc, replicaHere(authorOf(other, lv)), elemOf(other, lv));
}

function mergeTombstones(doc: Document, other: Document): void {
  for (let i: u32 = 0; i < other.containers.count; i++) {
    const container = containerAt(other, i);
    const isList = container.kind == <u32>Kind.List;
    if ((!isList && container.kind != <u32>Kind.Text) || container.state == 0) continue;
    const sequence = changetype<Sequence>(container.state);
    for (let leaf = sequence.first; leaf != 0; leaf = leafNext(leaf)) {
      for (let k: u32 = 0; k < leafCount(leaf); k++) {
        if (spanLength(leaf, k) < 0) removeRun(doc, other, containerHere(i), isList, spanLv(leaf, k), sizeOf(spanLength(leaf, k)));
      }
    }
  }
}

/** Contiguous versions there may lie apart here: one deletion per run that is contiguous in both. In a list what is hidden may only have moved. */
function removeRun(doc: Document, other: Document, container: u32, isList: bool, lv: u32, count: u32): void {
  const end = lv + count;
  while (lv < end) {
    const first = translate(doc, other, lv);
    let size: u32 = 1;
    while (!isList && lv + size < end && translate(doc, other, lv + size) == first + size) size++;
    if (!isList) textRemove(doc, container, first, size);
    else if (itemOf(other, lv) == NONE) listRemove(doc, container, first, size);
    lv += size;
  }
}
