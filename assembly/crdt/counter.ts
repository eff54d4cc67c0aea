// Counter: one sum per replica (a PN-counter whose two halves are kept as their difference).
//
// Ops arrive exactly once and in order per replica, so a sum is enough; sums and steps are safe integers
// (at most 2^53 − 1 either way), checked where they enter.

import { EventKind } from "../abi";
import { Document, TAG_COUNTER, containerAt, eventAdd, touch } from "../document";
import { NONE, mapGet, mapSet } from "../memory/hashmap";
import { tableAdd } from "../memory/table";

export const SAFE_MAX: i64 = 9007199254740991;

@unmanaged
export class CounterCell {
  sum: i64;
  replica: u32;
  /** Next cell of the container, NIL at the end. */
  next: u32;
}

// @ts-ignore: decorator
@inline export function cellAt(doc: Document, index: u32): CounterCell {
  return changetype<CounterCell>(doc.counters.start + <usize>index * offsetof<CounterCell>());
}

export function isSafe(value: i64): bool { return value >= -SAFE_MAX && value <= SAFE_MAX; }

/** A replica's sum so far. */
export function counterSum(doc: Document, container: u32, replica: u32): i64 {
  const index = cellFind(doc, container, replica);
  return index == NONE ? 0 : cellAt(doc, index).sum;
}

/** Adds a step; the caller has checked that the replica's sum stays safe. */
export function counterAdd(doc: Document, container: u32, replica: u32, step: i64): void {
  let index = cellFind(doc, container, replica);
  if (index == NONE) index = cellCreate(doc, container, replica);
  cellAt(doc, index).sum += step;
  containerAt(doc, container).total += step;
  touch(doc, container);
  eventAdd(doc, EventKind.Counter, container, 0, 0, 0);
}

function cellFind(doc: Document, container: u32, replica: u32): u32 {
  return mapGet(doc.index, TAG_COUNTER | (<u64>container << 32) | <u64>replica);
}

function cellCreate(doc: Document, container: u32, replica: u32): u32 {
  const index = doc.counters.count;
  const cell = changetype<CounterCell>(tableAdd(doc.arena, doc.counters, offsetof<CounterCell>()));
  const record = containerAt(doc, container);
  cell.sum = 0;
  cell.replica = replica;
  cell.next = <u32>record.state;
  record.state = <usize>index;
  record.count++;
  mapSet(doc.arena, doc.index, TAG_COUNTER | (<u64>container << 32) | <u64>replica, index);
  return index;
}
