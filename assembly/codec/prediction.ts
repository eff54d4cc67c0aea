// Predicting origins from what a snapshot lists anyway: document order and order of arrival.
//
// A run was put between two elements that were here before it. Whatever stands between them and the run now came
// later. So the left origin is the end of the nearest span before that arrived earlier, and the right origin
// the start of the nearest such span after: two passes with a stack of ever-later spans, O(n).

import { scratchArena, scratchTable } from "../memory/scratch";
import { Table, tableAdd } from "../memory/table";
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
  const stack = scratchTable(2, 4);
  for (let i: u32 = 0; i < spans.count; i++) {
    const span = spanOf(spans, i);
    const older = olderOf(spans, stack, span.lv);
    span.predictedLeft = older == NIL ? NIL : spanOf(spans, older).lv + sizeOf(spanOf(spans, older).length) - 1;
    store<u32>(tableAdd(scratchArena(), stack, 4), i);
  }
  stack.count = 0;
  for (let i: i32 = <i32>spans.count - 1; i >= 0; i--) {
    const span = spanOf(spans, <u32>i);
    const older = olderOf(spans, stack, span.lv);
    span.predictedRight = older == NIL ? NIL : spanOf(spans, older).lv;
    store<u32>(tableAdd(scratchArena(), stack, 4), <u32>i);
  }
}

/** Drops spans younger than `lv` from the stack and returns the one on top, NIL when none is left. */
function olderOf(spans: Table, stack: Table, lv: u32): u32 {
  while (stack.count > 0) {
    const top = load<u32>(stack.start + ((<usize>stack.count - 1) << 2));
    if (spanOf(spans, top).lv < lv) return top;
    stack.count--;
  }
  return NIL;
}
