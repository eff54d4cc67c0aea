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

/**
 * The latest stamp to be accepted where `ms` is as late as a clock may say: that, or a millisecond (65,536 steps) beyond what
 * this document holds already, since who has seen that must write above it. So stamps that are here, from whichever clock,
 * lock nobody out; and who wants to drive them on gains a millisecond with each update, no more than time itself does.
 */
export function stampLimit(doc: Document, ms: f64): u64 {
  const limit = stampOfMs(ms) | 0xffff;
  const above = doc.stamp + 0x10000;
  return above > limit ? above : limit;
}

/** The first millisecond later than every stamp seen or made. */
export function stampAfterMs(doc: Document): f64 { return <f64>(doc.stamp >>> 16) + 1; }

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
