// A document: its arena and everything in it. This file is the record and the small things all parts share:
// keys, containers, units of text, events. What the parts do with them is in crdt/ and codec/.

import { Arena, arenaAdopt, arenaBump, arenaFree, arenaRegrow, arenaRelease } from "./memory/arena";
import { blockAlloc, blockCapacity, setBlockNext, setBlockPrev } from "./memory/blocks";
import { Kind } from "./abi";
import { HashMap, NONE, hashSeed, mapGet, mapSet } from "./memory/hashmap";
import { Table, tableAdd } from "./memory/table";
import { Writer } from "./memory/bytes";
import { NIL, replicaAt, replicaOpen } from "./replica";

// What the top four bits of a key in `index` say it names.
export const TAG_CONTAINER: u64 = 1 << 60;
export const TAG_ENTRY: u64 = 2 << 60;
export const TAG_COUNTER: u64 = 3 << 60;
export const TAG_ELEMENT: u64 = 4 << 60;
export const TAG_KEY: u64 = 5 << 60;
export const TAG_BRIEF: u64 = 6 << 60;
export const TAG_STRANGER: u64 = 7 << 60;
export const TAG_ITEM: u64 = 8 << 60;

@unmanaged
export class Document {
  arena: Arena;

  /** Pointers to Replica records, and their index by id. */
  replicas: Table;
  replicaIndex: HashMap;
  /** The replica found last. */
  replicaHint: u32;
  /** The replica own ops are written under. */
  self: u32;

  /** Number of elements; the next lv. */
  versions: u32;
  rows: Table;
  rowHint: u32;
  /** Versions below this came in a snapshot without history (codec/shallow.ts); 0 when everything is known. */
  base: u32;
  /** Those of them that stand for a run of dropped elements: versions, ascending. */
  holders: Table;
  /** Per lv: the leaf that holds it (u32), and its UTF-16 unit (u16). */
  leaves: usize;
  units: usize;
  versionRoom: u32;

  index: HashMap;
  keys: Table;
  containers: Table;
  entries: Table;
  counters: Table;
  elements: Table;
  freeElement: u32;
  freeDot: usize;

  /** Highest stamp seen or made. */
  stamp: u64;

  /** Others' ops have come that no own batch has declared to have seen. */
  hasUndeclared: bool;

  /** Own ops not yet sealed into a batch (codec/batch.ts): records, and the bytes of their values. */
  open: Table;
  openValues: Writer;
  openFrom: u32;

  /** Sealed and received batches in the order they were applied, and where each lies. */
  log: Writer;
  logIndex: Table;
  /** Log entries before this one have been taken for storing, or told to listeners. */
  taken: u32;
  told: u32;

  waitingCount: u32;
  waitingBytes: usize;

  isObserved: bool;
  events: Table;

  /** The encoder that last numbered the replicas. */
  marks: u32;

  // @ts-ignore: decorator
  @inline bump(bytes: usize): usize { return arenaBump(this.arena, bytes); }
}

@unmanaged
export class Container {
  kind: u32;
  parent: u32;
  key: u32;
  depth: u32;
  /** Grows with every visible or invisible change; JS caches compare it. */
  changes: u32;
  /** An op has named it or something in it: it exists. */
  isTouched: bool;
  /** First of a chain the kind defines: map entries, counter cells, set elements; a Sequence record for text and list. */
  state: usize;
  count: u32;
  total: i64;
  /** The number an encoder in progress gave it; valid while `mark` is that encoder's. */
  mark: u32;
  local: u32;
}

@unmanaged
export class Key { at: usize; bytes: u32; next: u32; }

@unmanaged
export class Event { kind: u32; container: u32; a: u32; b: u32; c: u32; }

export const ROOT: u32 = 0;

/** The document that is being made or loaded, 0 when none is. Whoever would free it may not come to it: see documentLose. */
let unfinished: usize = 0;

export function documentCreate(id: u64): Document {
  const bytes = offsetof<Document>() + offsetof<Arena>();
  const block = blockAlloc(bytes);
  setBlockPrev(block, 0);
  setBlockNext(block, 0);
  memory.fill(block, 0, bytes);
  unfinished = block;
  const doc = changetype<Document>(block);
  doc.arena = changetype<Arena>(block + offsetof<Document>());
  doc.arena.blocks = block;
  doc.arena.bytes = blockCapacity(block) + 16;
  prepareTables(doc);
  doc.self = replicaOpen(doc, id);
  containerAdd(doc, NIL, NIL, Kind.Map);
  containerAt(doc, ROOT).isTouched = true;
  return doc;
}

/** Tables and maps inside the record are references in AssemblyScript, so each gets its few bytes once. */
function prepareTables(doc: Document): void {
  doc.replicas = newTable(doc);
  doc.replicaIndex = newHashMap(doc);
  doc.rows = newTable(doc);
  doc.holders = newTable(doc);
  doc.index = newHashMap(doc);
  doc.keys = newTable(doc);
  doc.containers = newTable(doc);
  doc.entries = newTable(doc);
  doc.counters = newTable(doc);
  doc.elements = newTable(doc);
  doc.freeElement = NIL;
  doc.open = newTable(doc);
  doc.openValues = newWriter(doc);
  doc.log = newWriter(doc);
  doc.logIndex = newTable(doc);
  doc.events = newTable(doc);
}

export function newTable(doc: Document): Table {
  return changetype<Table>(zeroed(doc, offsetof<Table>()));
}

function newHashMap(doc: Document): HashMap {
  return changetype<HashMap>(zeroed(doc, offsetof<HashMap>()));
}

function newWriter(doc: Document): Writer {
  const writer = changetype<Writer>(zeroed(doc, offsetof<Writer>()));
  writer.arena = doc.arena;
  return writer;
}

export function zeroed(doc: Document, bytes: usize): usize {
  const at = doc.bump(bytes);
  memory.fill(at, 0, bytes);
  return at;
}

export function documentFree(doc: Document): void {
  documentFinish();
  arenaFree(doc.arena.blocks);
}

/** The document last made has an owner now. */
export function documentFinish(): void { unfinished = 0; }

/** Memory ran out while a call worked on `doc` (0 is none): frees it, and what the call had begun. */
export function documentLose(doc: usize): void {
  isReceiving = false;
  const begun = unfinished;
  if (begun != 0) documentFree(changetype<Document>(begun));
  if (doc != 0) documentFree(changetype<Document>(doc));
}

/**
 * Makes `doc` the document that `other` was; `other` is gone. The record's own block lives on in the new arena, since
 * the handle is its address; everything else the old arena had is freed.
 */
export function documentBecome(doc: Document, other: Document): void {
  documentFinish();
  const block = changetype<usize>(doc);
  const old = doc.arena;
  arenaRelease(old, block);
  arenaFree(old.blocks);
  memory.copy(block, changetype<usize>(other), offsetof<Document>());
  arenaAdopt(doc.arena, block);
}

/** Nothing has ever been written or received: a snapshot may take this document's place whole. */
export function isPristine(doc: Document): bool { return doc.waitingCount == 0 && isEmpty(doc); }

/** The same, but blocks may be waiting in it. */
export function isEmpty(doc: Document): bool {
  for (let i: u32 = 0; i < doc.replicas.count; i++) if (replicaAt(doc, i).seq != 0) return false;
  return true;
}

// ---- keys -----------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline export function keyAt(doc: Document, key: u32): Key {
  return changetype<Key>(doc.keys.start + <usize>key * offsetof<Key>());
}

/** The number of a key, NONE when it was never seen. */
export function keyFind(doc: Document, at: usize, bytes: u32): u32 {
  let key = mapGet(doc.index, TAG_KEY | <u64>hashBytes(at, bytes));
  while (key != NONE && !keyEquals(doc, key, at, bytes)) key = keyAt(doc, key).next;
  return key;
}

export function keyOpen(doc: Document, at: usize, bytes: u32): u32 {
  const known = keyFind(doc, at, bytes);
  if (known != NONE) return known;
  const copy = doc.bump((<usize>bytes + 3) & ~3);
  memory.copy(copy, at, bytes);
  const number = doc.keys.count;
  const record = changetype<Key>(tableAdd(doc.arena, doc.keys, offsetof<Key>()));
  const name = TAG_KEY | <u64>hashBytes(copy, bytes);
  record.at = copy;
  record.bytes = bytes;
  record.next = mapGet(doc.index, name);
  mapSet(doc.arena, doc.index, name, number);
  return number;
}

function keyEquals(doc: Document, key: u32, at: usize, bytes: u32): bool {
  const record = keyAt(doc, key);
  return record.bytes == bytes && memory.compare(record.at, at, bytes) == 0;
}

/** FNV-1a from the instance's secret on, with a final mix. */
export function hashBytes(at: usize, bytes: u32): u32 {
  let hash = <u32>hashSeed ^ 0x811c9dc5;
  for (let i: u32 = 0; i < bytes; i++) hash = (hash ^ load<u8>(at + <usize>i)) * 0x01000193;
  hash ^= hash >>> 15;
  return hash * 0x2c1b3c6d;
}

// ---- containers -----------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline export function containerAt(doc: Document, index: u32): Container {
  return changetype<Container>(load<usize>(doc.containers.start + ((<usize>index) << 2)));
}

/** The container of a kind under a key of a map, NONE when nobody has named it yet. */
export function containerFind(doc: Document, parent: u32, key: u32, kind: u32): u32 {
  return mapGet(doc.index, containerName(parent, key, kind));
}

/** The same, made when new. Its identity is path and kind, so two replicas that make it at once share it. */
export function containerOpen(doc: Document, parent: u32, key: u32, kind: u32): u32 {
  const known = containerFind(doc, parent, key, kind);
  if (known != NONE) return known;
  const index = containerAdd(doc, parent, key, kind);
  mapSet(doc.arena, doc.index, containerName(parent, key, kind), index);
  return index;
}

// @ts-ignore: decorator
@inline function containerName(parent: u32, key: u32, kind: u32): u64 {
  return TAG_CONTAINER | (<u64>parent << 32) | (<u64>key << 3) | <u64>kind;
}

function containerAdd(doc: Document, parent: u32, key: u32, kind: u32): u32 {
  const index = doc.containers.count;
  const at = zeroed(doc, offsetof<Container>());
  const container = changetype<Container>(at);
  container.kind = kind;
  container.parent = parent;
  container.key = key;
  container.depth = parent == NIL ? 0 : containerAt(doc, parent).depth + 1;
  container.state = kind == <u32>Kind.Text || kind == <u32>Kind.List ? 0 : NIL;
  store<usize>(tableAdd(doc.arena, doc.containers, 4), at);
  return index;
}

/** Marks a container and those above it as existing, and as changed. */
// @ts-ignore: decorator
@inline export function touch(doc: Document, index: u32): void {
  const container = containerAt(doc, index);
  container.changes++;
  if (!container.isTouched) begin(doc, container);
}

/** What exists under a container makes it exist. */
function begin(doc: Document, container: Container): void {
  container.isTouched = true;
  if (container.parent == NIL) return;
  const holder = containerAt(doc, container.parent);
  holder.changes++;
  if (!holder.isTouched) begin(doc, holder);
}

// ---- text units -----------------------------------------------------------------------------------

/** Makes the per-lv tables reach `count` versions. Everything is kept: a batch being read has units past the last version. */
// @ts-ignore: decorator
@inline export function versionsReserve(doc: Document, count: u32): void {
  if (count > doc.versionRoom) growVersions(doc, count);
}

function growVersions(doc: Document, count: u32): void {
  let room = max<u32>(max<u32>(count, doc.versionRoom * 2), 24);
  doc.leaves = arenaRegrow(doc.arena, doc.leaves, <usize>doc.versionRoom << 2, <usize>(room + 4) << 2);
  // Four short of what fits, so that the units, header included, need a block of just half the size.
  room = <u32>(blockCapacity(doc.leaves) >>> 2) - 4;
  doc.units = arenaRegrow(doc.arena, doc.units, <usize>doc.versionRoom << 1, <usize>room << 1);
  doc.versionRoom = room;
}

// @ts-ignore: decorator
@inline export function unitAt(doc: Document, lv: u32): u32 { return load<u16>(doc.units + ((<usize>lv) << 1)); }
// @ts-ignore: decorator
@inline export function isHigh(unit: u32): bool { return (unit & 0xfc00) == 0xd800; }
// @ts-ignore: decorator
@inline export function isLow(unit: u32): bool { return (unit & 0xfc00) == 0xdc00; }

// ---- events ---------------------------------------------------------------------------------------

/** While an update is being received: what a user does here he knows, and nobody would empty the table. */
let isReceiving: bool = false;

export function receiving(isNow: bool): void { isReceiving = isNow; }

export function eventAdd(doc: Document, kind: u32, container: u32, a: u32, b: u32, c: u32): void {
  if (!doc.isObserved || !isReceiving) return;
  const event = changetype<Event>(tableAdd(doc.arena, doc.events, offsetof<Event>()));
  event.kind = kind;
  event.container = container;
  event.a = a;
  event.b = b;
  event.c = c;
}
