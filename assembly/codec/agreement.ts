// Before a snapshot's document is merged: do both know alike what both know?
//
// Among honest replicas they do. A hostile snapshot may put an element we know into another text, void what we have,
// or delete half of a surrogate pair; merged, that would break the tree. So the shared part is compared first, without
// changing anything: O(elements of the snapshot).

import { Kind } from "../abi";
import { HAS_TEXT } from "../parts";
import { Document, ROOT, containerAt, containerFind, isHigh, isLow, keyAt, keyFind, unitAt } from "../document";
import { NONE } from "../memory/hashmap";
import { scratchArena, scratchTable } from "../memory/scratch";
import { Table, tableAdd } from "../memory/table";
import { NIL, VOID_ROW, authorOf, elemOf, replicaAt, replicaFind, replicaRowEnd, rowElems, versionOf, versionRow } from "../replica";
import { findVersion, foundEntry, foundLeaf, leafOf, leafSequence, leftFound, spanEndFound, spanLength, spanRight } from "../crdt/sequence-tree";

// Numbers of `other`, translated to `doc`; NONE is not here.
let containers: Table = changetype<Table>(0);

export function agrees(doc: Document, other: Document): bool {
  findContainers(doc, other);
  for (let i: u32 = 0; i < other.replicas.count; i++) if (!agreesOnCounts(doc, other, i)) return false;
  for (let i: u32 = 0; i < other.rows.count; i++) if (!agreesOnRow(doc, other, i)) return false;
  return true;
}

function findContainers(doc: Document, other: Document): void {
  containers = scratchTable(5, 4);
  for (let i: u32 = 0; i < other.containers.count; i++) {
    store<u32>(tableAdd(scratchArena(), containers, 4), i == ROOT ? ROOT : findHere(doc, other, i));
  }
}

function findHere(doc: Document, other: Document, index: u32): u32 {
  const container = containerAt(other, index);
  const parent = load<u32>(containers.start + ((<usize>container.parent) << 2));
  const name = keyAt(other, container.key);
  const key = keyFind(doc, name.at, name.bytes);
  return parent == NONE || key == NONE ? NONE : containerFind(doc, parent, key, container.kind);
}

/** Whoever has seen more of a replica has counted no fewer of its elements. */
function agreesOnCounts(doc: Document, other: Document, index: u32): bool {
  const there = replicaAt(other, index);
  const found = replicaFind(doc, there.id);
  if (found == NONE) return true;
  const here = replicaAt(doc, found);
  if (there.seq == here.seq) return there.elems == here.elems;
  return there.seq > here.seq ? there.elems >= here.elems : there.elems <= here.elems;
}

function agreesOnRow(doc: Document, other: Document, index: u32): bool {
  const row = versionRow(other, index);
  const replica = row.replica & ~VOID_ROW;
  const elem = row.elem0;
  const count = rowElems(other, index);
  const here = replicaFind(doc, replicaAt(other, replica).id);
  const elems: u32 = here == NONE ? 0 : replicaAt(doc, here).elems;
  const shared = elems > elem ? min<u32>(count, elems - elem) : 0;
  if (replica != row.replica) return areVoid(doc, here, elem, shared);
  if (HAS_TEXT) return agreesOnElements(doc, other, here, elem, row.lv0, shared) && areGoodOrigins(doc, other, row.lv0 + shared, row.lv0 + count);
  return true;
}

/** A row at a time: a void of four billion elements is a few bytes. */
function areVoid(doc: Document, replica: u32, elem: u32, count: u32): bool {
  for (let at = elem; at - elem < count; at = replicaRowEnd(doc, replica)) {
    if (versionOf(doc, replica, at) != NIL) return false;
  }
  return true;
}

/** Elements both know, from `elem` of a replica here and from `lv` there. */
function agreesOnElements(doc: Document, other: Document, replica: u32, elem: u32, lv: u32, count: u32): bool {
  let wasDeleted = false;
  for (let i: u32 = 0; i < count; i++) {
    const here = versionOf(doc, replica, elem + i);
    if (here == NIL || containerOf(doc, here) != load<u32>(containers.start + ((<usize>containerOf(other, lv + i)) << 2))) return false;
    const isDeleted = isTombstone(other, lv + i);
    const unit = unitAt(doc, here);
    // A list's units are for ever; a text's go with the element.
    const isCompared = isList(doc, here) || (!isDeleted && !isTombstone(doc, here));
    if (isCompared && unit != unitAt(other, lv + i)) return false;
    if (isLow(unit) && (i == 0 || isDeleted != wasDeleted)) return false;
    if (isHigh(unit) && i + 1 == count) return false;
    wasDeleted = isDeleted;
  }
  return true;
}

function containerOf(doc: Document, lv: u32): u32 { return leafSequence(leafOf(doc, lv)).container; }

function isList(doc: Document, lv: u32): bool { return containerAt(doc, containerOf(doc, lv)).kind == <u32>Kind.List; }

function isTombstone(doc: Document, lv: u32): bool {
  findVersion(doc, lv);
  return spanLength(foundLeaf, foundEntry) < 0;
}

/** New elements may not come between the halves of a pair that is here. */
function areGoodOrigins(doc: Document, other: Document, from: u32, to: u32): bool {
  for (let lv = from; lv < to; lv = spanEndFound()) {
    findVersion(other, lv);
    const left = leftFound();
    const right = spanRight(foundLeaf, foundEntry);
    if (isHigh(unitHere(doc, other, left)) || isLow(unitHere(doc, other, right))) return false;
    findVersion(other, lv);
  }
  return true;
}

/** The unit, in `doc`, of an element of `other`; 0 when it is not here. */
function unitHere(doc: Document, other: Document, lv: u32): u32 {
  if (lv == NIL) return 0;
  const replica = replicaFind(doc, replicaAt(other, authorOf(other, lv)).id);
  const here = replica == NONE ? NIL : versionOf(doc, replica, elemOf(other, lv));
  return here == NIL ? 0 : unitAt(doc, here);
}
