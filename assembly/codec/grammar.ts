// The constants of the update format that writer and reader share. FORMAT.md explains them.

import { Limit } from "../abi";

/** High half of a block's first byte: the format's version. */
export const FORMAT_VERSION: u32 = 1;

// How an insertion names an origin, and a deletion its target.
export const NONE_SIDE: u32 = 0;
/** An element of the batch's author, counted back from its newest. */
export const OWN: u32 = 1;
/** An element of another replica. */
export const OTHER: u32 = 2;
/** Left origin only: the author's newest element; the right origin is that element's. */
export const NEWEST: u32 = 3;
/** Both sides of a tag: left NEWEST, right OWN. The other way round: in front of the newest element, with its left origin. */
export const BEFORE_NEWEST: u32 = (NEWEST << 3) | (OWN << 5);
/** The same for a text of one byte, which is told without a length. */
export const BEFORE_NEWEST_BYTE: u32 = (NEWEST << 3) | (OTHER << 5);

// The top bit of a tag: an insertion holds values, not text; a move is of an item of another replica.
export const LIST_BIT: u32 = 128;
export const OTHER_BIT: u32 = 128;

/** A reference to an element that is not here. */
export const BAD: u32 = 0xfffffffe;

// How a snapshot packs text and values.
export const PACKED_NOT: u32 = 0;
export const PACKED_LZ: u32 = 1;

/** Elements a snapshot of this many bytes, behind its checksum, may bring: a few bytes cannot make anybody pay for millions. */
export function versionsAllowed(bytes: usize): u32 {
  const allowed = <u64>Limit.SnapshotVersions + <u64>bytes * <u64>Limit.SnapshotVersionsPerByte;
  return <u32>min<u64>(allowed, Limit.Versions);
}

// @ts-ignore: decorator
@inline export function batchHead(kind: u32): u32 { return (FORMAT_VERSION << 4) | kind; }
