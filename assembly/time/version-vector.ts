// Version vectors as bytes: count, then (replica id, seq) pairs in ascending id, so equal vectors are equal bytes.
// One vector serves as clock, gap detector, sync request and read-your-writes token.

import { Reader, Writer, readFixed64, readU32, remaining, writeFixed64, writeU32 } from "../memory/bytes";
import { scratchArena, scratchTable } from "../memory/scratch";
import { tableAdd } from "../memory/table";
import { Document } from "../document";
import { replicaAt, replicaFind } from "../replica";
import { NONE } from "../memory/hashmap";

export function writeVector(doc: Document, writer: Writer): void {
  const order = scratchTable(4, 4);
  for (let i: u32 = 0; i < doc.replicas.count; i++) {
    if (replicaAt(doc, i).seq != 0) store<u32>(tableAdd(scratchArena(), order, 4), i);
  }
  sortById(doc, order.start, order.count);
  writeU32(writer, order.count);
  for (let i: u32 = 0; i < order.count; i++) {
    const record = replicaAt(doc, load<u32>(order.start + ((<usize>i) << 2)));
    writeFixed64(writer, record.id);
    writeU32(writer, record.seq);
  }
}

/** Heap sort: no recursion, no extra memory, n log n on any input. */
function sortById(doc: Document, at: usize, count: u32): void {
  for (let i: i32 = <i32>(count >>> 1) - 1; i >= 0; i--) siftDown(doc, at, <u32>i, count);
  for (let end: u32 = count; end > 1; end--) {
    const last = at + ((<usize>(end - 1)) << 2);
    const first = load<u32>(at);
    store<u32>(at, load<u32>(last));
    store<u32>(last, first);
    siftDown(doc, at, 0, end - 1);
  }
}

function siftDown(doc: Document, at: usize, root: u32, count: u32): void {
  while (true) {
    let child = root * 2 + 1;
    if (child >= count) return;
    if (child + 1 < count && idAt(doc, at, child) < idAt(doc, at, child + 1)) child++;
    if (idAt(doc, at, root) >= idAt(doc, at, child)) return;
    const a = at + ((<usize>root) << 2);
    const b = at + ((<usize>child) << 2);
    const kept = load<u32>(a);
    store<u32>(a, load<u32>(b));
    store<u32>(b, kept);
    root = child;
  }
}

// @ts-ignore: decorator
@inline function idAt(doc: Document, at: usize, i: u32): u64 {
  return replicaAt(doc, load<u32>(at + ((<usize>i) << 2))).id;
}

/** Reads a peer's vector into `since[replica index]` (u32 each, one per replica known here); strangers are skipped. False when malformed. */
export function readVector(doc: Document, reader: Reader, since: usize): bool {
  let count = readU32(reader);
  if (reader.bad || <u64>count * 9 > <u64>remaining(reader)) return false;
  while (count-- > 0) {
    const id = readFixed64(reader);
    const seq = readU32(reader);
    if (id == 0) return false;
    const index = replicaFind(doc, id);
    if (index != NONE) store<u32>(since + ((<usize>index) << 2), seq);
  }
  return !reader.bad && reader.at == reader.end;
}
