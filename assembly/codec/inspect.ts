// Looking into a block without a document: who wrote it, which seqs it takes, how many elements it inserts.
// A server needs no more to file a batch, or to write the void that takes a refused one's place.

import { BlockKind, OpKind } from "../abi";
import { Reader, Writer, readByte, readFixed64, readSpan, readU32, readU64, readerOver, remaining, writeByte, writeBytes, writeFixed64, writeU32 } from "../memory/bytes";
import { scratchWriter } from "../memory/scratch";
import { BEFORE_NEWEST_BYTE, NEWEST, NONE_SIDE, OTHER, OWN, batchHead } from "./grammar";
import { fullBlockEnd } from "./receive";
import { BAD_UTF8, utf8ToUnits } from "./utf8";
import { countValues } from "./values";

export let blockKind: u32 = 0;
export let blockAuthor: u64 = 0;
export let blockSeqFrom: u32 = 0;
export let blockUnits: u32 = 0;
/** First byte after the block. */
export let blockNext: usize = 0;

/** Reads a block's head into the variables above; false when it is malformed. */
export function inspectBlock(at: usize, end: usize): bool {
  const next = fullBlockEnd(at, end);
  if (next == 0) return false;
  const reader = readerOver(0, at, next);
  blockNext = next;
  blockKind = readByte(reader) & 15;
  readU32(reader);
  blockAuthor = 0;
  blockSeqFrom = 0;
  blockUnits = 0;
  if (blockKind == <u32>BlockKind.Snapshot) return remaining(reader) > 4;
  blockAuthor = readFixed64(reader);
  blockSeqFrom = readU32(reader);
  blockUnits = readU32(reader);
  const last = <u64>blockSeqFrom + <u64>blockUnits;
  return !reader.bad && blockAuthor != 0 && blockSeqFrom != 0 && blockUnits != 0 && last < 0xfffffff0;
}

/** Writes the void for a batch: the same seqs, the same elements, no effect. False when the batch is malformed. */
export function writeVoid(at: usize, end: usize, out: Writer): bool {
  if (!inspectBlock(at, end) || blockKind != <u32>BlockKind.Batch) return false;
  const elems = countElements(readerOver(0, at, blockNext));
  if (elems < 0) return false;
  const body = scratchWriter(0);
  writeFixed64(body, blockAuthor);
  writeU32(body, blockSeqFrom);
  writeU32(body, blockUnits);
  writeU32(body, <u32>elems);
  writeByte(out, batchHead(BlockKind.Void));
  writeU32(out, <u32>body.length);
  writeBytes(out, body.start, body.length);
  return true;
}

/** Elements a batch inserts, -1 when it is malformed. */
function countElements(reader: Reader): i64 {
  readByte(reader);
  readU32(reader);
  readFixed64(reader);
  readU32(reader);
  readU32(reader);
  skipTables(reader);
  let elems: i64 = 0;
  let units: i64 = 0;
  while (!reader.bad && reader.at < reader.end) {
    const inserted = skipOp(reader);
    elems += inserted;
    units += lastUnits;
  }
  return reader.bad || units != <i64>blockUnits ? -1 : elems;
}

function skipTables(reader: Reader): void {
  const flags = readByte(reader);
  if ((flags & 1) != 0) {
    const count = readU32(reader);
    if (<u64>count * 8 > <u64>remaining(reader)) { reader.bad = true; return; }
    readSpan(reader, count * 8);
  }
  if ((flags & 2) != 0) skipPairs(reader);
  if ((flags & 4) != 0) readFixed64(reader);
  if ((flags & 8) == 0) return;
  let count = readU32(reader);
  while (count-- > 0 && !reader.bad) {
    readU32(reader);
    readByte(reader);
    readSpan(reader, readU32(reader));
  }
}

function skipPairs(reader: Reader): void {
  let count = readU32(reader);
  while (count-- > 0 && !reader.bad) {
    readU32(reader);
    readU32(reader);
  }
}

/** Seqs the op that was just skipped takes. */
let lastUnits: u32 = 0;

/** Steps over an op; returns the elements it inserts. */
function skipOp(reader: Reader): u32 {
  const tag = readByte(reader);
  lastUnits = 1;
  switch (tag & 7) {
    case <u32>OpKind.Insert:
    case <u32>OpKind.Move: return skipInsert(reader, tag, (tag >>> 3) & 3, (tag >>> 5) & 3);
    case <u32>OpKind.Delete: {
      skipSide(reader, (tag >>> 3) & 3);
      lastUnits = readU32(reader);
      return 0;
    }
    case <u32>OpKind.MapSet:
    case <u32>OpKind.MapDelete: {
      readU32(reader);
      readSpan(reader, readU32(reader));
      readU64(reader);
      if ((tag & 7) == <u32>OpKind.MapSet) readSpan(reader, readU32(reader));
      return 0;
    }
    case <u32>OpKind.CounterAdd: {
      readU32(reader);
      readU64(reader);
      return 0;
    }
    case <u32>OpKind.SetAdd:
    case <u32>OpKind.SetRemove: {
      readU32(reader);
      readSpan(reader, readU32(reader));
      if ((tag & 7) == <u32>OpKind.SetRemove) skipPairs(reader);
      return 0;
    }
    default: {
      reader.bad = true;
      return 0;
    }
  }
}

function skipInsert(reader: Reader, tag: u32, left: u32, right: u32): u32 {
  if (left == NONE_SIDE && right == NONE_SIDE) readU32(reader);
  skipSide(reader, left);
  if (left != NEWEST) skipSide(reader, right);
  if ((tag & 7) == <u32>OpKind.Move) {
    skipSide(reader, tag > 127 ? OTHER : OWN);
    readU64(reader);
    return 1;
  }
  const bytes = tag == BEFORE_NEWEST_BYTE ? 1 : readU32(reader);
  const at = readSpan(reader, bytes);
  if (reader.bad) return 0;
  const units = tag > 127 ? countValues(at, bytes) : utf8ToUnits(at, bytes, 0);
  if (units == BAD_UTF8) {
    reader.bad = true;
    return 0;
  }
  lastUnits = units;
  return units;
}

function skipSide(reader: Reader, side: u32): void {
  if (side == OWN) readU32(reader);
  else if (side == OTHER) skipPair(reader);
  else if (side != NONE_SIDE && side != NEWEST) reader.bad = true;
}

function skipPair(reader: Reader): void {
  readU32(reader);
  readU32(reader);
}
