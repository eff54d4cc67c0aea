// Predicting origins from what a snapshot lists anyway: document order and order of arrival.
//
// A run was put between two elements that were here before it. Whatever stands between them and the run now came
// later. So the left origin is the end of the nearest span before that arrived earlier, and the right origin
// the start of the nearest such span after: two passes with a stack of ever-later spans, O(n).

import { writeRoom } from "../memory/bytes";
import { scratchWriter } from "../memory/scratch";
import { Table } from "../memory/table";
import { NIL } from "../replica";
import { sizeOf } from "../crdt/sequence-tree";

@unmanaged
export class SpanRecord {
  lv: u32;
  length: i32;
  left: u32;
  right: u32;
  predictedLeft: u32;
  predictedRight: u32;
}

// @ts-ignore: decorator
@inline export function spanRecord(at: usize): SpanRecord { return changetype<SpanRecord>(at); }

// @ts-ignore: decorator
@inline function spanOf(spans: Table, i: u32): SpanRecord { return changetype<SpanRecord>(spans.start + <usize>i * 24); }

export function predictOrigins(spans: Table): void {
  const bottom = writeRoom(scratchWriter(6), (<usize>spans.count + 1) << 3);
  // Lies under all and is older than all, since what is compared is the version plus one.
  store<u32>(bottom, 0);
  store<u32>(bottom, NIL, 4);
  let top = bottom;
  for (let i: u32 = 0; i < spans.count; i++) {
    const span = spanOf(spans, i);
    top = olderThan(top, span.lv);
    span.predictedLeft = load<u32>(top, 4);
    top = push(top, span.lv, span.lv + sizeOf(span.length) - 1);
  }
  top = bottom;
  for (let i = spans.count; i > 0; i--) {
    const span = spanOf(spans, i - 1);
    top = olderThan(top, span.lv);
    span.predictedRight = load<u32>(top, 4);
    top = push(top, span.lv, span.lv);
  }
}

/** The stack: the version plus one, and what is predicted from it. */
// @ts-ignore: decorator
@inline function push(top: usize, lv: u32, origin: u32): usize {
  store<u32>(top, lv + 1, 8);
  store<u32>(top, origin, 12);
  return top + 8;
}

/** Drops spans younger than `lv`. */
// @ts-ignore: decorator
@inline function olderThan(top: usize, lv: u32): usize {
  while (load<u32>(top) > lv) top -= 8;
  return top;
}
