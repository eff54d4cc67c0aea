// Stamps: a hybrid logical clock in 64 bits, 48 of milliseconds and 16 of counter.
//
// Time comes in as an argument; the engine has no clock. A stamp decides who wins an LWW conflict, with the
// replica id as tie-break, and nothing else: it is never a cursor. The counter spills into the milliseconds,
// so 65,536 writes in one millisecond borrow from the next and stay in order.
// Source: Kulkarni et al., "Logical Physical Clocks", 2014.

import { Document } from "../document";

/** Later stamps are refused, so that counting on from the highest one seen never overflows. Year 6429. */
export const STAMP_MAX: u64 = 0x7fffffffffffffff;

const MS_MAX: f64 = 140737488355327;

// @ts-ignore: decorator
@inline export function stampOfMs(ms: f64): u64 {
  if (!(ms > 0)) return 0;
  return (ms >= MS_MAX ? <u64>MS_MAX : <u64>ms) << 16;
}

/** The stamp of a write made now: later than everything this document has seen. */
export function tick(doc: Document, nowMs: f64): u64 {
  const now = stampOfMs(nowMs);
  doc.stamp = now > doc.stamp ? now : doc.stamp + 1;
  return doc.stamp;
}

/** Takes note of a stamp that came from elsewhere. */
// @ts-ignore: decorator
@inline export function witness(doc: Document, stamp: u64): void {
  if (stamp > doc.stamp) doc.stamp = stamp;
}

/** LWW: does (stamp, replica id) beat what is there? */
// @ts-ignore: decorator
@inline export function wins(stamp: u64, id: u64, otherStamp: u64, otherId: u64): bool {
  return stamp > otherStamp || (stamp == otherStamp && id > otherId);
}
