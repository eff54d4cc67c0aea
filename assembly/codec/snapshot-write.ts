// Writing a snapshot: the whole state as one block. FORMAT.md has the grammar, snapshot-read.ts the way back.
//
// Spans go out in document order as columns. Origins cost almost nothing: the left origin is nearly always the end
// of the nearest earlier-arrived span before, the right origin the start of the nearest one after; only spans
// for which that is wrong are listed. Tombstones keep their ids and origins, and lose their text.

import { BlockKind, Kind } from "../abi";
import { HAS_TEXT } from "../parts";
import { Writer, writeByte, writeBytes, writeFixed64, writeRoom, writeU32, writeU64, zigzag } from "../memory/bytes";
import { scratchArena, scratchTable, scratchWriter } from "../memory/scratch";
import { Table, tableAdd } from "../memory/table";
import { Container, Document, ROOT, containerAt, isHigh, keyAt, unitAt } from "../document";
import { NIL, VOID_ROW, replicaAt, rowElems, versionRow } from "../replica";
import { readUnits } from "../crdt/sequence";
import { Sequence, leafCount, leafNext, sizeOf, spanLeft, spanLength, spanLv, spanRight } from "../crdt/sequence-tree";
import { entryAt } from "../crdt/map";
import { cellAt } from "../crdt/counter";
import { Dot, elementAt } from "../crdt/set";
import { checksum } from "./checksum";
import { PACKED_LZ, PACKED_NOT, batchHead, versionsAllowed } from "./grammar";
import { DROPPED, numberKept, startRows, writeBase, writeKept, writeRow } from "./shallow";
import { predictOrigins, spanRecord } from "./prediction";
import { writeItems } from "./list-state";
import { lzPack } from "./lz";
import { writeUtf8 } from "./utf8";

/** Shorter texts gain nothing. */
const PACK_BYTES_MIN: usize = 64;

/** Without history: see shallow.ts. */
export let isShallow: bool = false;

/** Appends the block. The caller has sealed the open batch. */
export function writeSnapshot(doc: Document, out: Writer, withoutHistory: bool): void {
  isShallow = withoutHistory;
  const body = scratchWriter(0);
  writeFixed64(body, doc.stamp);
  writeReplicas(doc, body);
  if (HAS_TEXT && isShallow) writeKept(doc, body);
  else writeRows(doc, body);
  const count = writeContainers(doc, body);
  for (let i: u32 = 0; i < count; i++) writeState(doc, containerNumbered(i), body);
  while (versionsAllowed(body.length) < doc.versions) writeFixed64(body, 0);
  writeByte(out, batchHead(BlockKind.Snapshot));
  writeU32(out, <u32>body.length + 4);
  store<u32>(writeRoom(out, 4), checksum(body.start, body.length));
  out.length += 4;
  writeBytes(out, body.start, body.length);
}

/** Those that have written. Whoever only reads leaves no trace, or each loading and saving would add one. */
function writeReplicas(doc: Document, body: Writer): void {
  const list = scratchWriter(1);
  let count: u32 = 0;
  for (let i: u32 = 0; i < doc.replicas.count; i++) {
    const record = replicaAt(doc, i);
    if (record.seq == 0) continue;
    record.local = count++;
    writeFixed64(list, record.id);
    writeU32(list, record.seq);
    writeU32(list, record.elems);
  }
  writeU32(body, count);
  writeBytes(body, list.start, list.length);
}

// @ts-ignore: decorator
@inline function numberOf(doc: Document, replica: u32): u32 { return replicaAt(doc, replica).local; }

/** The order in which elements arrived here, as runs of one replica: it names versions and says who is older. */
function writeRows(doc: Document, body: Writer): void {
  writeU32(body, doc.rows.count);
  startRows();
  for (let i: u32 = 0; i < doc.rows.count; i++) {
    const row = versionRow(doc, i);
    const isVoid = (row.replica & VOID_ROW) != 0;
    const head = (<u64>numberOf(doc, row.replica & ~VOID_ROW) << 1) | (isVoid ? 1 : 0);
    writeRow(body, head, rowElems(doc, i));
  }
  if (HAS_TEXT) writeBase(doc, body, doc.base, false);
  else writeU32(body, 0);
}

// Containers in the snapshot's order; the root map is number 0.
let numbered: Table = changetype<Table>(0);

function containerNumbered(number: u32): u32 {
  return load<u32>(numbered.start + ((<usize>number) << 2));
}

/** Lists every container that exists, parents first (they were always made first); returns their number with the root. */
function writeContainers(doc: Document, body: Writer): u32 {
  numbered = scratchTable(0, 4);
  const list = scratchWriter(1);
  doc.marks++;
  for (let i: u32 = 0; i < doc.containers.count; i++) {
    const container = containerAt(doc, i);
    if (!container.isTouched) continue;
    container.mark = doc.marks;
    container.local = numbered.count;
    store<u32>(tableAdd(scratchArena(), numbered, 4), i);
    if (i != ROOT) writeContainer(doc, container, list);
  }
  writeU32(body, numbered.count - 1);
  writeBytes(body, list.start, list.length);
  return numbered.count;
}

function writeContainer(doc: Document, container: Container, list: Writer): void {
  const key = keyAt(doc, container.key);
  writeU32(list, containerAt(doc, container.parent).local);
  writeByte(list, container.kind);
  writeU32(list, key.bytes);
  writeBytes(list, key.at, key.bytes);
}

function writeState(doc: Document, index: u32, body: Writer): void {
  const container = containerAt(doc, index);
  switch (container.kind) {
    case <u32>Kind.Map: return writeMap(doc, container, body);
    case <u32>Kind.Text:
    case <u32>Kind.List: if (HAS_TEXT) writeSequence(doc, container, body); return;
    case <u32>Kind.Counter: return writeCounter(doc, container, body);
    case <u32>Kind.Set: return writeSet(doc, container, body);
    default: return;
  }
}

function writeMap(doc: Document, container: Container, body: Writer): void {
  writeU32(body, container.count);
  let index = <u32>container.state;
  while (index != NIL) {
    const entry = entryAt(doc, index);
    const key = keyAt(doc, entry.key);
    writeU32(body, key.bytes);
    writeBytes(body, key.at, key.bytes);
    writeU64(body, doc.stamp - entry.stamp);
    writeU32(body, numberOf(doc, entry.replica));
    writeU32(body, entry.valueBytes);
    writeBytes(body, entry.value, entry.valueBytes);
    index = entry.next;
  }
}

function writeCounter(doc: Document, container: Container, body: Writer): void {
  writeU32(body, container.count);
  let index = <u32>container.state;
  while (index != NIL) {
    const cell = cellAt(doc, index);
    writeU32(body, numberOf(doc, cell.replica));
    writeU64(body, zigzag(cell.sum));
    index = cell.next;
  }
}

/** Oldest member first, so that reading them back in order keeps the order of listing. */
function writeSet(doc: Document, container: Container, body: Writer): void {
  writeU32(body, container.count);
  let index = <u32>container.state;
  while (index != NIL && elementAt(doc, index).next != NIL) index = elementAt(doc, index).next;
  while (index != NIL) {
    const element = elementAt(doc, index);
    writeU32(body, element.valueBytes);
    writeBytes(body, element.value, element.valueBytes);
    writeDots(doc, element.dots, body);
    index = element.previous;
  }
}

function writeDots(doc: Document, first: usize, body: Writer): void {
  let count: u32 = 0;
  for (let at = first; at != 0; at = changetype<Dot>(at).next) count++;
  writeU32(body, count);
  for (let at = first; at != 0; at = changetype<Dot>(at).next) {
    writeU32(body, numberOf(doc, changetype<Dot>(at).replica));
    writeU32(body, changetype<Dot>(at).seq);
  }
}

function writeSequence(doc: Document, container: Container, body: Writer): void {
  if (container.state == 0) {
    writeU32(body, 0);
    return;
  }
  const sequence = changetype<Sequence>(container.state);
  const isText = container.kind == <u32>Kind.Text;
  const spans = listSpans(sequence, isText);
  writeU32(body, spans.count);
  writeSpanColumns(spans, body);
  writeExceptions(spans, body);
  if (!isText) return writeItems(doc, sequence, spans, body);
  writeVisible(doc, sequence, body);
  writeDeletedPairs(doc, spans, body);
}

function listSpans(sequence: Sequence, isText: bool): Table {
  const spans = scratchTable(1, 24);
  for (let leaf = sequence.first; leaf != 0; leaf = leafNext(leaf)) {
    for (let i: u32 = 0; i < leafCount(leaf); i++) {
      if (isShallow) {
        listKept(spans, leaf, i, isText);
        continue;
      }
      const span = spanRecord(tableAdd(scratchArena(), spans, 24));
      span.lv = spanLv(leaf, i);
      span.length = spanLength(leaf, i);
      span.left = spanLeft(leaf, i);
      span.right = spanRight(leaf, i);
    }
  }
  predictOrigins(spans);
  return spans;
}

/** What is kept, as spans under their new numbers. Origins are what the reader predicts, so `left` may say which versions they are here. */
function listKept(spans: Table, leaf: usize, entry: u32, isText: bool): void {
  const lv = spanLv(leaf, entry);
  const number = numberKept(lv);
  if (number == DROPPED) return;
  const length = spanLength(leaf, entry);
  if (spans.count != 0 && length > 0 && isText) {
    const last = spanRecord(spans.start + <usize>(spans.count - 1) * 24);
    if (last.length > 0 && last.lv + <u32>last.length == number) {
      last.length += length;
      return;
    }
  }
  const span = spanRecord(tableAdd(scratchArena(), spans, 24));
  span.lv = number;
  span.length = isText ? max<i32>(length, -1) : length;
  span.left = lv;
}

/** A version's number in the snapshot being written. */
export function numberOfVersion(lv: u32): u32 { return isShallow ? numberKept(lv) : lv; }

function writeSpanColumns(spans: Table, body: Writer): void {
  const versions = scratchWriter(1);
  const lengths = scratchWriter(2);
  let expected: u32 = 0;
  for (let i: u32 = 0; i < spans.count; i++) {
    const span = spanRecord(spans.start + <usize>i * 24);
    const size = sizeOf(span.length);
    writeU64(versions, zigzag(<i64>span.lv - <i64>expected));
    writeU64(lengths, (<u64>size << 1) | (span.length < 0 ? 1 : 0));
    expected = span.lv + size;
  }
  writeColumn(body, versions);
  writeColumn(body, lengths);
}

function writeColumn(body: Writer, column: Writer): void {
  writeU32(body, <u32>column.length);
  writeBytes(body, column.start, column.length);
}

/** Spans whose origins are not the predicted ones: distance from the last such span, left + 1, right + 1 (0 is none). */
function writeExceptions(spans: Table, body: Writer): void {
  const column = scratchWriter(1);
  let count: u32 = 0;
  let last: u32 = 0;
  for (let i: u32 = 0; i < spans.count; i++) {
    const span = spanRecord(spans.start + <usize>i * 24);
    if (isShallow || span.left == span.predictedLeft && span.right == span.predictedRight) continue;
    writeU32(column, i - last);
    writeU32(column, span.left + 1);
    writeU32(column, span.right + 1);
    last = i;
    count++;
  }
  writeU32(body, count);
  writeColumn(body, column);
}

/** Visible text as UTF-8. */
function writeVisible(doc: Document, sequence: Sequence, body: Writer): void {
  const room = writeRoom(scratchWriter(1), (<usize>sequence.length << 1) + 2);
  readUnits(doc, sequence, 0, sequence.length, room);
  const text = scratchWriter(2);
  writeUtf8(text, room, sequence.length);
  writePacked(text, body, 0);
}

/** Packed where that is shorter, and no shorter than the reader allows: `bytesMin`. */
export function writePacked(text: Writer, body: Writer, bytesMin: usize): void {
  const packed = scratchWriter(3);
  if (text.length >= PACK_BYTES_MIN) lzPack(text.start, <u32>text.length, packed);
  const isPacked = packed.length > bytesMin && packed.length + 5 < text.length;
  writeByte(body, isPacked ? PACKED_LZ : PACKED_NOT);
  if (isPacked) writeU32(body, <u32>text.length);
  writeColumn(body, isPacked ? packed : text);
}

/** Where surrogate pairs lie among the tombstones, in document order, each as its distance from the end of the one before. */
function writeDeletedPairs(doc: Document, spans: Table, body: Writer): void {
  const column = scratchWriter(1);
  let count: u32 = 0;
  let next: u32 = 0;
  for (let i: u32 = 0; i < spans.count && !isShallow; i++) {
    const span = spanRecord(spans.start + <usize>i * 24);
    const end = span.lv + sizeOf(span.length);
    for (let lv = span.lv; span.length < 0 && lv + 1 < end; lv++) {
      if (!isHigh(unitAt(doc, lv))) continue;
      writeU64(column, zigzag(<i64>lv - <i64>next));
      next = lv + 2;
      count++;
    }
  }
  writeU32(body, count);
  writeBytes(body, column.start, column.length);
}
