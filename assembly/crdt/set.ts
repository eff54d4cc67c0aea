// Set: observed-remove, add wins.
//
// Each member carries the dots (replica, seq) of the adds that keep it in; an add replaces its own replica's earlier
// dot, a remove names the dots it saw. A concurrent add has a dot the remove does not name, so it stays.
// No tombstones: ops arrive once and in causal order, and the version vector says which dots are gone for good.
// Source: Bieniusa et al., "An Optimized Conflict-free Replicated Set", 2012.

import { EventKind } from "../abi";
import { cellAlloc, cellFree } from "../memory/arena";
import { Document, TAG_ELEMENT, containerAt, eventAdd, hashBytes, touch } from "../document";
import { NONE, mapDelete, mapGet, mapSet } from "../memory/hashmap";
import { NIL } from "../replica";
import { tableAdd } from "../memory/table";

@unmanaged
export class Element {
  value: usize;
  valueBytes: u32;
  hash: u32;
  /** First of the dots; an element without dots is removed at once. */
  dots: usize;
  /** Next element of equal hash; also links the free list. */
  nextAlike: u32;
  /** Neighbours in the container's chain. */
  previous: u32;
  next: u32;
}

@unmanaged
export class Dot { replica: u32; seq: u32; next: usize; }

// @ts-ignore: decorator
@inline export function elementAt(doc: Document, index: u32): Element {
  return changetype<Element>(doc.elements.start + <usize>index * offsetof<Element>());
}

// @ts-ignore: decorator
@inline function elementName(container: u32, hash: u32): u64 {
  return TAG_ELEMENT | (<u64>container << 32) | <u64>hash;
}

/** The member with this value, NONE when it is not in. */
export function elementFind(doc: Document, container: u32, value: usize, bytes: u32): u32 {
  let index = mapGet(doc.index, elementName(container, hashBytes(value, bytes)));
  while (index != NONE && !hasValue(doc, index, value, bytes)) index = elementAt(doc, index).nextAlike;
  return index;
}

function hasValue(doc: Document, index: u32, value: usize, bytes: u32): bool {
  const element = elementAt(doc, index);
  return element.valueBytes == bytes && memory.compare(element.value, value, bytes) == 0;
}

export function setAdd(doc: Document, container: u32, value: usize, bytes: u32, replica: u32, seq: u32): void {
  let index = elementFind(doc, container, value, bytes);
  if (index == NONE) index = elementCreate(doc, container, value, bytes);
  dropDotsUpTo(doc, index, replica, seq);
  addDot(doc, index, replica, seq);
  touch(doc, container);
  eventAdd(doc, EventKind.Set, container, 0, 0, 0);
}

/** Takes one dot off a member; without dots it leaves the set. */
export function setRemoveDot(doc: Document, container: u32, index: u32, replica: u32, seq: u32): void {
  dropDotsUpTo(doc, index, replica, seq);
  if (elementAt(doc, index).dots == 0) elementRemove(doc, container, index);
  touch(doc, container);
  eventAdd(doc, EventKind.Set, container, 0, 0, 0);
}

export function addDot(doc: Document, index: u32, replica: u32, seq: u32): void {
  let at = doc.freeDot;
  if (at != 0) doc.freeDot = changetype<Dot>(at).next;
  else at = doc.bump(offsetof<Dot>());
  const dot = changetype<Dot>(at);
  dot.replica = replica;
  dot.seq = seq;
  dot.next = elementAt(doc, index).dots;
  elementAt(doc, index).dots = at;
}

/** A replica's adds of one value come in order, so an earlier dot of it means nothing beside a later one. */
function dropDotsUpTo(doc: Document, index: u32, replica: u32, seq: u32): void {
  let link = changetype<usize>(elementAt(doc, index)) + offsetof<Element>("dots");
  while (load<usize>(link) != 0) {
    const at = load<usize>(link);
    const dot = changetype<Dot>(at);
    if (dot.replica == replica && dot.seq <= seq) {
      store<usize>(link, dot.next);
      dot.next = doc.freeDot;
      doc.freeDot = at;
    } else {
      link = at + offsetof<Dot>("next");
    }
  }
}

export function elementCreate(doc: Document, container: u32, value: usize, bytes: u32): u32 {
  let index = doc.freeElement;
  if (index != NIL) doc.freeElement = elementAt(doc, index).nextAlike;
  else {
    index = doc.elements.count;
    tableAdd(doc.arena, doc.elements, offsetof<Element>());
  }
  const element = elementAt(doc, index);
  element.value = cellAlloc(doc.arena, max<u32>(bytes, 1));
  element.valueBytes = bytes;
  memory.copy(element.value, value, bytes);
  element.hash = hashBytes(value, bytes);
  element.dots = 0;
  linkElement(doc, container, index);
  return index;
}

function linkElement(doc: Document, container: u32, index: u32): void {
  const element = elementAt(doc, index);
  const record = containerAt(doc, container);
  const first = <u32>record.state;
  element.previous = NIL;
  element.next = first;
  if (first != NIL) elementAt(doc, first).previous = index;
  record.state = <usize>index;
  record.count++;
  const name = elementName(container, element.hash);
  element.nextAlike = mapGet(doc.index, name);
  mapSet(doc.arena, doc.index, name, index);
}

export function elementRemove(doc: Document, container: u32, index: u32): void {
  const element = elementAt(doc, index);
  const record = containerAt(doc, container);
  if (element.previous != NIL) elementAt(doc, element.previous).next = element.next;
  else record.state = <usize>element.next;
  if (element.next != NIL) elementAt(doc, element.next).previous = element.previous;
  record.count--;
  unlinkAlike(doc, container, index);
  cellFree(doc.arena, element.value, max<u32>(element.valueBytes, 1));
  element.nextAlike = doc.freeElement;
  doc.freeElement = index;
}

function unlinkAlike(doc: Document, container: u32, index: u32): void {
  const element = elementAt(doc, index);
  const name = elementName(container, element.hash);
  let at = mapGet(doc.index, name);
  if (at == index) {
    if (element.nextAlike == NONE) mapDelete(doc.index, name);
    else mapSet(doc.arena, doc.index, name, element.nextAlike);
    return;
  }
  while (elementAt(doc, at).nextAlike != index) at = elementAt(doc, at).nextAlike;
  elementAt(doc, at).nextAlike = element.nextAlike;
}
