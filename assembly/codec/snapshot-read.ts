// Reading a snapshot: into a fresh document, checked throughout; then either that document takes the old one's place
// (it was empty) or its state is merged in (merge.ts). A bad snapshot costs only the fresh document.

import { Kind, Limit, Status } from "../abi";
import { HAS_TEXT } from "../parts";
import { Reader, copyBytes, readByte, readFixed64, readSpan, readU32, readU64, readerOver, remaining, unzigzag, writeRoom } from "../memory/bytes";
import { scratchArena, scratchTable, scratchWriter } from "../memory/scratch";
import { Table, tableAdd } from "../memory/table";
import { NONE } from "../memory/hashmap";
import { Document, ROOT, containerAt, containerFind, containerOpen, documentBecome, documentCreate, documentFree, isEmpty, isHigh, isLow, isPristine, keyOpen, touch, unitAt, versionsReserve } from "../document";
import { NIL, elemsSkip, replicaAt, replicaFind, replicaOpen, versionsAdd } from "../replica";
import { Sequence, appendSpan, findVersion, finishLoad, foundEntry, foundLeaf, leafOf, leafSequence, sizeOf, spanEndFound, spanLength } from "../crdt/sequence-tree";
import { sequenceOf } from "../crdt/text";
import { entryFind, mapWrite } from "../crdt/map";
import { counterAdd } from "../crdt/counter";
import { addDot, elementCreate, elementFind } from "../crdt/set";
import { checksum } from "./checksum";
import { agrees } from "./agreement";
import { mergeDocument } from "./merge";
import { SpanRecord, predictOrigins, spanRecord } from "./prediction";
import { isKey, isValue } from "./values";
import { PACKED_LZ, PACKED_NOT, versionsAllowed } from "./grammar";
import { readItems } from "./list-state";
import { lzUnpack } from "./lz";
import { utf8ToUnits } from "./utf8";
import { STAMP_MAX } from "../time/hlc";
import { wake } from "./waiting";

/** A snapshot took the whole document's place: container and key numbers are new ones. */
export let isReplaced: bool = false;

export function clearReplaced(): void { isReplaced = false; }

export function receiveSnapshot(doc: Document, reader: Reader, stampMax: u64): Status {
  const sum = readSpan(reader, 4);
  if (reader.bad || load<u32>(sum) != checksum(reader.at, remaining(reader))) return Status.InvalidUpdate;
  const fresh = documentCreate(replicaAt(doc, doc.self).id);
  let status = judge(doc, fresh, readState(fresh, reader), stampMax);
  // What is left of the history of one can not be compared with the other's.
  if (status == Status.Ok && (doc.base | fresh.base) != 0 && !isEmpty(doc)) status = Status.HistoryCompacted;
  if (status == Status.Ok && isPristine(doc) && !doc.isObserved) {
    replaceBy(doc, fresh);
    return Status.Ok;
  }
  if (status == Status.Ok && !agrees(doc, fresh)) status = Status.InvalidUpdate;
  if (status == Status.Ok) mergeDocument(doc, fresh);
  documentFree(fresh);
  if (status == Status.Ok) for (let i: u32 = 0; i < doc.replicas.count; i++) wake(doc, i);
  return status;
}

function judge(doc: Document, fresh: Document, isGood: bool, stampMax: u64): Status {
  if (hasText) return Status.NotSupported;
  if (!isGood) return Status.InvalidUpdate;
  if (fresh.stamp > stampMax) return Status.ClockDrift;
  return hasNews(doc, fresh) ? Status.Ok : Status.Duplicate;
}

function hasNews(doc: Document, fresh: Document): bool {
  for (let i: u32 = 0; i < fresh.replicas.count; i++) {
    const record = replicaAt(fresh, i);
    const known = replicaFind(doc, record.id);
    if (record.seq > (known == NONE ? 0 : replicaAt(doc, known).seq)) return true;
  }
  return false;
}

/** The handle that JS holds must go on naming this document, so the loaded record moves into its place. */
function replaceBy(doc: Document, fresh: Document): void {
  for (let i: u32 = 0; i < fresh.replicas.count; i++) replicaAt(fresh, i).base = replicaAt(fresh, i).seq;
  documentBecome(doc, fresh);
  isReplaced = true;
}

// ---- state ----------------------------------------------------------------------------------------

let containers: Table = changetype<Table>(0);
let elemsClaimed: Table = changetype<Table>(0);
/** Versions that the texts read so far list. As many as there are and each of them somewhere is each of them once. */
let versionsListed: u32 = 0;
/** Elements the snapshot may bring, by its bytes. */
let versionsMax: u32 = 0;
/** A lite engine has met a text, and read no further. */
let hasText: bool = false;

function readState(doc: Document, reader: Reader): bool {
  versionsListed = 0;
  hasText = false;
  versionsMax = versionsAllowed(remaining(reader));
  doc.stamp = readFixed64(reader);
  if (doc.stamp > STAMP_MAX) return false;
  if (!readReplicas(doc, reader) || !readRows(doc, reader) || !readBase(doc, reader) || !readContainers(doc, reader)) return false;
  for (let i: u32 = 0; i < containers.count; i++) {
    if (!readContainerState(doc, load<u32>(containers.start + ((<usize>i) << 2)), reader)) return false;
  }
  while (reader.at < reader.end) if (readByte(reader) != 0) return false;
  return HAS_TEXT ? isCovered(doc) : true;
}

/** Replica numbers of the snapshot, translated: the fresh document already has its own replica as number 0. */
let replicaMap: Table = changetype<Table>(0);

function readReplicas(doc: Document, reader: Reader): bool {
  const count = readU32(reader);
  if (reader.bad || <u64>count * 10 > <u64>remaining(reader)) return false;
  replicaMap = scratchTable(3, 4);
  elemsClaimed = scratchTable(4, 4);
  for (let i: u32 = 0; i < count; i++) {
    const id = readFixed64(reader);
    const seq = readU32(reader);
    const elems = readU32(reader);
    if (reader.bad || id == 0 || elems > seq || seq >= 0xfffffff0) return false;
    const index = replicaOpen(doc, id);
    if (replicaAt(doc, index).seq != 0) return false;
    replicaAt(doc, index).seq = seq;
    store<u32>(tableAdd(scratchArena(), replicaMap, 4), index);
    store<u32>(tableAdd(scratchArena(), elemsClaimed, 4), elems);
  }
  return true;
}

// @ts-ignore: decorator
@inline function mapped(number: u32): u32 { return load<u32>(replicaMap.start + ((<usize>number) << 2)); }

function readRows(doc: Document, reader: Reader): bool {
  let count = readU32(reader);
  if (reader.bad || <usize>count > remaining(reader)) return false;
  let head: u64 = 0;
  let other: u64 = 0;
  while (count-- > 0) {
    const size2 = readU64(reader);
    const size = <u32>(size2 >> 1);
    const before = head;
    head = (size2 & 1) != 0 ? readU64(reader) : other;
    other = before;
    const number = head >> 1;
    if (reader.bad || size2 >> 33 != 0 || number >= <u64>replicaMap.count) return false;
    const index = mapped(<u32>number);
    if (<u64>replicaAt(doc, index).elems + <u64>size > <u64>load<u32>(elemsClaimed.start + ((<usize>number) << 2))) return false;
    if ((head & 1) != 0) elemsSkip(doc, index, size);
    else if (size != 0) {
      if (!HAS_TEXT) return meetText();
      if (size > versionsMax - doc.versions) return false;
      versionsAdd(doc, index, size);
    }
  }
  for (let i: u32 = 0; i < replicaMap.count; i++) {
    if (replicaAt(doc, mapped(i)).elems != load<u32>(elemsClaimed.start + ((<usize>i) << 2))) return false;
  }
  return HAS_TEXT ? reserveLoaded(doc) : true;
}

/** Versions without history, their holders, and a bit for each replica; shallow.ts says what they are for. */
function readBase(doc: Document, reader: Reader): bool {
  doc.base = readU32(reader);
  if (doc.base == 0) return true;
  if (!HAS_TEXT) return meetText();
  let count = readU32(reader);
  if (doc.base > doc.versions || <usize>count > remaining(reader)) return false;
  let lv: u64 = 0;
  while (count-- > 0) {
    lv += <u64>readU32(reader);
    if (lv >= <u64>doc.base) return false;
    store<u32>(tableAdd(doc.arena, doc.holders, 4), <u32>lv);
  }
  for (let i: u32 = 0; i < replicaMap.count; i++) {
    const bit = readByte(reader);
    if (bit > 1) return false;
    replicaAt(doc, mapped(i)).goesOn = bit != 0;
  }
  return true;
}

/** Rows were added without their tables; make those, with "no leaf yet" for every version. */
function reserveLoaded(doc: Document): bool {
  const versions = doc.versions;
  if (versions == 0) return true;
  doc.versions = 0;
  versionsReserve(doc, versions);
  doc.versions = versions;
  memory.fill(doc.leaves, 0, (<usize>versions) << 2);
  memory.fill(doc.units, 0, (<usize>versions) << 1);
  return true;
}

function readContainers(doc: Document, reader: Reader): bool {
  let count = readU32(reader);
  if (reader.bad || <usize>count > remaining(reader)) return false;
  containers = scratchTable(5, 4);
  store<u32>(tableAdd(scratchArena(), containers, 4), ROOT);
  while (count-- > 0) {
    const parent = readU32(reader);
    const kind = readByte(reader);
    const bytes = readU32(reader);
    const at = readSpan(reader, bytes);
    if (reader.bad || parent >= containers.count || kind > <u32>Kind.Set || !isKey(at, bytes)) return false;
    const holder = load<u32>(containers.start + ((<usize>parent) << 2));
    if (containerAt(doc, holder).kind != <u32>Kind.Map || containerAt(doc, holder).depth >= <u32>Limit.ContainerDepth) return false;
    const key = keyOpen(doc, at, bytes);
    if (containerFind(doc, holder, key, kind) != NONE) return false;
    const index = containerOpen(doc, holder, key, kind);
    touch(doc, index);
    store<u32>(tableAdd(scratchArena(), containers, 4), index);
  }
  return true;
}

function readContainerState(doc: Document, index: u32, reader: Reader): bool {
  switch (containerAt(doc, index).kind) {
    case <u32>Kind.Map: return readMap(doc, index, reader);
    case <u32>Kind.Text:
    case <u32>Kind.List: return HAS_TEXT ? readSequence(doc, index, reader) : meetText();
    case <u32>Kind.Counter: return readCounter(doc, index, reader);
    case <u32>Kind.Set: return readSet(doc, index, reader);
    default: return true;
  }
}

function readMap(doc: Document, container: u32, reader: Reader): bool {
  let count = readU32(reader);
  if (reader.bad || <usize>count > remaining(reader)) return false;
  const newest = doc.stamp;
  while (count-- > 0) {
    const keyBytes = readU32(reader);
    const keyAt = readSpan(reader, keyBytes);
    const age = readU64(reader);
    const number = readU32(reader);
    const valueBytes = readU32(reader);
    const valueAt = readSpan(reader, valueBytes);
    if (reader.bad || !isKey(keyAt, keyBytes) || age >= newest || number >= replicaMap.count) return false;
    if (valueBytes != 0 && !isValue(valueAt, valueBytes)) return false;
    const key = keyOpen(doc, keyAt, keyBytes);
    if (entryFind(doc, container, key) != NONE) return false;
    mapWrite(doc, container, key, newest - age, mapped(number), valueAt, valueBytes);
  }
  return true;
}

/** Any number of safe steps may have been added up; far from where an i64 would wrap. */
const SUM_MAX: i64 = 1 << 62;

function readCounter(doc: Document, container: u32, reader: Reader): bool {
  let count = readU32(reader);
  if (reader.bad || <usize>count > remaining(reader)) return false;
  while (count-- > 0) {
    const number = readU32(reader);
    const sum = unzigzag(readU64(reader));
    if (reader.bad || number >= replicaMap.count || sum > SUM_MAX || sum < -SUM_MAX) return false;
    counterAdd(doc, container, mapped(number), sum);
  }
  return true;
}

function readSet(doc: Document, container: u32, reader: Reader): bool {
  let count = readU32(reader);
  if (reader.bad || <usize>count > remaining(reader)) return false;
  while (count-- > 0) {
    const bytes = readU32(reader);
    const at = readSpan(reader, bytes);
    let dots = readU32(reader);
    if (reader.bad || dots == 0 || <usize>dots > remaining(reader) || !isValue(at, bytes)) return false;
    if (elementFind(doc, container, at, bytes) != NONE) return false;
    const element = elementCreate(doc, container, at, bytes);
    doc.marks++;
    while (dots-- > 0) {
      const number = readU32(reader);
      const seq = readU32(reader);
      if (reader.bad || number >= replicaMap.count || seq == 0 || seq > replicaAt(doc, mapped(number)).seq) return false;
      // One dot of a replica at most: removing it removes its earlier ones, and nothing would be left to walk on from.
      if (replicaAt(doc, mapped(number)).mark == doc.marks) return false;
      replicaAt(doc, mapped(number)).mark = doc.marks;
      addDot(doc, element, mapped(number), seq);
    }
  }
  return true;
}

function meetText(): bool {
  hasText = true;
  return false;
}

// ---- text -----------------------------------------------------------------------------------------

function readSequence(doc: Document, container: u32, reader: Reader): bool {
  const count = readU32(reader);
  if (reader.bad || <u64>count * 2 > <u64>remaining(reader)) return false;
  if (count == 0) return true;
  const spans = scratchTable(1, 24);
  if (!readSpanColumns(doc, spans, count, reader)) return false;
  predictOrigins(spans);
  for (let i: u32 = 0; i < count; i++) {
    const span = spanAt(spans, i);
    span.left = span.predictedLeft;
    span.right = span.predictedRight;
  }
  if (!readExceptions(spans, reader)) return false;
  const sequence = sequenceOf(doc, container);
  if (!placeSpans(doc, sequence, spans)) return false;
  if (containerAt(doc, container).kind == <u32>Kind.List) return readItems(doc, sequence, spans, reader);
  return readVisible(doc, sequence, spans, reader)
    && readDeletedPairs(doc, sequence, reader) && areOriginsWhole(doc, spans);
}

// @ts-ignore: decorator
@inline function spanAt(spans: Table, i: u32): SpanRecord { return spanRecord(spans.start + <usize>i * 24); }

function readSpanColumns(doc: Document, spans: Table, count: u32, reader: Reader): bool {
  const versionBytes = readU32(reader);
  const versionsAt = readSpan(reader, versionBytes);
  const lengthBytes = readU32(reader);
  const lengthsAt = readSpan(reader, lengthBytes);
  if (reader.bad) return false;
  const versions = readerOver(1, versionsAt, versionsAt + <usize>versionBytes);
  const lengths = readerOver(2, lengthsAt, lengthsAt + <usize>lengthBytes);
  let expected: i64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const lv = expected + unzigzag(readU64(versions));
    const length = readU64(lengths);
    const size = <i64>(length >> 1);
    if (versions.bad || lengths.bad || size == 0 || lv < 0 || lv > <i64>doc.versions || size > <i64>doc.versions - lv) return false;
    if (size > <i64>(doc.versions - versionsListed)) return false;
    versionsListed += <u32>size;
    const span = spanRecord(tableAdd(scratchArena(), spans, 24));
    span.lv = <u32>lv;
    span.length = (length & 1) != 0 ? -<i32>size : <i32>size;
    expected = lv + size;
  }
  return versions.at == versions.end && lengths.at == lengths.end;
}

function readExceptions(spans: Table, reader: Reader): bool {
  let count = readU32(reader);
  const bytes = readU32(reader);
  const at = readSpan(reader, bytes);
  if (reader.bad || count > spans.count) return false;
  const column = readerOver(1, at, at + <usize>bytes);
  let index: u64 = 0;
  while (count-- > 0) {
    index += <u64>readU32(column);
    const left = readU32(column);
    const right = readU32(column);
    if (column.bad || index >= <u64>spans.count) return false;
    spanAt(spans, <u32>index).left = left - 1;
    spanAt(spans, <u32>index).right = right - 1;
  }
  return column.at == column.end;
}

/** Builds the leaves. Origins are older than what hangs on them. */
function placeSpans(doc: Document, sequence: Sequence, spans: Table): bool {
  for (let i: u32 = 0; i < spans.count; i++) {
    const span = spanAt(spans, i);
    if (span.left != NIL && span.left >= span.lv) return false;
    if (span.right != NIL && span.right >= span.lv) return false;
    appendSpan(doc, sequence, span.lv, span.length, span.left, span.right);
  }
  finishLoad(doc, sequence);
  return areOriginsInside(doc, sequence, spans);
}

// Predicted origins are ends of spans of the same text, and older: only exceptions can be wrong.

function areOriginsInside(doc: Document, sequence: Sequence, spans: Table): bool {
  for (let i: u32 = 0; i < spans.count; i++) {
    const span = spanAt(spans, i);
    if (span.left != span.predictedLeft && !isInside(doc, sequence, span.left)) return false;
    if (span.right != span.predictedRight && !isInside(doc, sequence, span.right)) return false;
  }
  return true;
}

export function isInside(doc: Document, sequence: Sequence, lv: u32): bool {
  return lv == NIL || (leafOf(doc, lv) != 0 && leafSequence(leafOf(doc, lv)) == sequence);
}

// What `readPacked` found.
export let packedAt: usize = 0;
export let packedBytes: u32 = 0;

/** Finds or unpacks text or values, which are at most `bytesMax`. */
export function readPacked(reader: Reader, bytesMax: u64): bool {
  const packing = readByte(reader);
  const unpacked: u32 = packing == PACKED_LZ ? readU32(reader) : 0;
  const bytes = readU32(reader);
  const at = readSpan(reader, bytes);
  if (reader.bad || packing > PACKED_LZ || <u64>unpacked > bytesMax) return false;
  packedAt = at;
  packedBytes = bytes;
  if (packing == PACKED_NOT) return true;
  packedAt = writeRoom(scratchWriter(5), <usize>unpacked + 8);
  packedBytes = unpacked;
  return lzUnpack(readerOver(1, at, at + <usize>bytes), packedAt, unpacked);
}

function readVisible(doc: Document, sequence: Sequence, spans: Table, reader: Reader): bool {
  // A unit takes at most three bytes.
  const bytesMax = <u64>sequence.length * 3;
  if (!readPacked(reader, bytesMax)) return false;
  const at = packedAt;
  const bytes = packedBytes;
  if (<u64>bytes > bytesMax) return false;
  const room = writeRoom(scratchWriter(6), (<usize>bytes << 1) + 2);
  if (utf8ToUnits(at, bytes, room) != sequence.length) return false;
  let from = room;
  for (let i: u32 = 0; i < spans.count; i++) {
    const span = spanAt(spans, i);
    if (span.length < 0) continue;
    const unitBytes = (<usize>span.length) << 1;
    if (isLow(load<u16>(from)) || isHigh(load<u16>(from + unitBytes - 2))) return false;
    copyBytes(doc.units + ((<usize>span.lv) << 1), from, unitBytes);
    from += unitBytes;
  }
  return true;
}

/** Tombstones lose their text, but which of them are the halves of a pair decides what ops are valid. */
function readDeletedPairs(doc: Document, sequence: Sequence, reader: Reader): bool {
  let count = readU32(reader);
  if (reader.bad || <usize>count > remaining(reader)) return false;
  let next: i64 = 0;
  while (count-- > 0) {
    const lv = next + unzigzag(readU64(reader));
    if (reader.bad || lv < 0 || lv >= <i64>doc.versions - 1 || !isDeletedPair(doc, sequence, <u32>lv)) return false;
    store<u16>(doc.units + (<usize>lv << 1), 0xd800);
    store<u16>(doc.units + (<usize>lv << 1), 0xdc00, 2);
    next = lv + 2;
  }
  return true;
}

function isDeletedPair(doc: Document, sequence: Sequence, lv: u32): bool {
  if (!isInside(doc, sequence, lv) || !isInside(doc, sequence, lv + 1)) return false;
  findVersion(doc, lv);
  return spanLength(foundLeaf, foundEntry) < 0 && spanEndFound() > lv + 1;
}

/** Nothing hangs between the halves of a pair. Ends of spans lie in none. */
function areOriginsWhole(doc: Document, spans: Table): bool {
  for (let i: u32 = 0; i < spans.count; i++) {
    const span = spanAt(spans, i);
    if (span.left != span.predictedLeft && span.left != NIL && isHigh(unitAt(doc, span.left))) return false;
    if (span.right != span.predictedRight && span.right != NIL && isLow(unitAt(doc, span.right))) return false;
  }
  return true;
}

/** Every version lies in some text. */
function isCovered(doc: Document): bool {
  let at = doc.leaves;
  const end = at + ((<usize>doc.versions) << 2);
  for (; at + 8 <= end; at += 8) if (load<u32>(at) == 0 || load<u32>(at, 4) == 0) return false;
  return at == end || load<u32>(at) != 0;
}
