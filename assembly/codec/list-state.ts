// The part of a snapshot that only lists have: values in document order, which positions are moves, and whose item shows
// at those of them that are visible.

import { Reader, Writer, readU32, readU64, remaining, unzigzag, writeBytes, writeU32, writeU64, zigzag } from "../memory/bytes";
import { NONE } from "../memory/hashmap";
import { scratchWriter } from "../memory/scratch";
import { Table } from "../memory/table";
import { Document, unitAt } from "../document";
import { MAKES, MOVES, itemAt, itemCreate, itemOf, readValues } from "../crdt/list";
import { Sequence, findVersion, foundEntry, foundLeaf, sizeOf, spanLength } from "../crdt/sequence-tree";
import { spanRecord } from "./prediction";
import { isInside, packedAt, packedBytes, readPacked } from "./snapshot-read";
import { isShallow, numberOfVersion, writePacked } from "./snapshot-write";
import { valueEnd } from "./values";

/** What is unpacked is at most this many times the bytes at hand, as a power of two: there are no units to count on. */
const PACKED_RATIO: usize = 6;

export function writeItems(doc: Document, sequence: Sequence, spans: Table, body: Writer): void {
  const values = scratchWriter(2);
  readValues(doc, sequence, 0, sequence.length, values);
  writePacked(values, body, values.length >>> PACKED_RATIO);
  const moves = scratchWriter(1);
  const shown = scratchWriter(2);
  let count: u32 = 0;
  let next: u32 = 0;
  for (let i: u32 = 0; i < spans.count; i++) {
    const span = spanRecord(spans.start + <usize>i * 24);
    const from = isShallow ? span.left : span.lv;
    const end = from + sizeOf(span.length);
    for (let lv = from; lv < end; lv++) {
      if (unitAt(doc, lv) == MAKES) continue;
      const number = numberOfVersion(lv);
      writeU64(moves, zigzag(<i64>number - <i64>next));
      next = number + 1;
      count++;
      if (span.length < 0) continue;
      const item = itemAt(itemOf(doc, lv));
      writeU32(shown, number - numberOfVersion(item.first));
      writeU64(shown, doc.stamp - item.stamp);
    }
  }
  writeU32(body, count);
  writeBytes(body, moves.start, moves.length);
  writeBytes(body, shown.start, shown.length);
}

/** Every value goes to its item, and every item shows once. */
export function readItems(doc: Document, sequence: Sequence, spans: Table, reader: Reader): bool {
  if (!readPacked(reader, <u64>remaining(reader) << PACKED_RATIO)) return false;
  let at = packedAt;
  const end = at + <usize>packedBytes;
  if (!readMoves(doc, sequence, reader)) return false;
  for (let i: u32 = 0; i < spans.count; i++) {
    const span = spanRecord(spans.start + <usize>i * 24);
    for (let k: i32 = 0; k < span.length; k++) {
      const lv = span.lv + <u32>k;
      const next = valueEnd(at, end);
      if (next == 0 || !readItem(doc, sequence, lv, at, <u32>(next - at), reader)) return false;
      at = next;
    }
  }
  return at == end;
}

function readMoves(doc: Document, sequence: Sequence, reader: Reader): bool {
  let count = readU32(reader);
  let next: i64 = 0;
  while (count-- > 0) {
    const lv = next + unzigzag(readU64(reader));
    if (reader.bad || lv < 0 || lv >= <i64>doc.versions || !isInside(doc, sequence, <u32>lv)) return false;
    store<u16>(doc.units + (<usize>lv << 1), MOVES);
    next = lv + 1;
  }
  return !reader.bad;
}

function readItem(doc: Document, sequence: Sequence, lv: u32, value: usize, bytes: u32, reader: Reader): bool {
  let first = lv;
  let age = doc.stamp;
  if (unitAt(doc, lv) == MOVES) {
    first = lv - readU32(reader);
    age = readU64(reader);
    if (reader.bad || first >= lv || age >= doc.stamp || !isHidden(doc, sequence, first)) return false;
  }
  itemCreate(doc, first, lv, doc.stamp - age, value, bytes);
  return true;
}

/** Does this position make an item, which shows nowhere yet? */
function isHidden(doc: Document, sequence: Sequence, lv: u32): bool {
  if (!isInside(doc, sequence, lv) || unitAt(doc, lv) != MAKES || itemOf(doc, lv) != NONE) return false;
  findVersion(doc, lv);
  return spanLength(foundLeaf, foundEntry) < 0;
}
