// The ABI: everything JavaScript may call, as noun_verb. Only sdk/core calls it.
//
// Numbers cross as arguments and results. Bytes cross through the mailbox: written to the inbox before a call, read
// from the outbox after it. 64-bit ids cross as two halves. A document is named by its address.
// Check at this door, trust inside.

import { Kind, Limit, Mail, Status } from "./abi";
import { blocksUsed, limitBlocks } from "./memory/blocks";
import { inboxStart, mailCell, outboxWriter, reserveInbox, sendView, sendWriter, setMail } from "./memory/mailbox";
import { NONE, seedHashes } from "./memory/hashmap";
import { scratchFree } from "./memory/scratch";
import { writeBytes, writeFixed32, writeFixed64, writeRoom, writeU32 } from "./memory/bytes";
import { Document, containerAt, containerOpen, documentCreate, documentFinish, documentFree, documentLose, keyAt, keyOpen, receiving } from "./document";
import { NIL, authorOf, elemOf, replicaAt, replicaFind, replicaOpen, rowEnd, rowOf, versionOf } from "./replica";
import { stampAfterMs, stampLimit, tick } from "./time/hlc";
import { writeVector } from "./time/version-vector";
import { anchorBehind, readUnits } from "./crdt/sequence";
import { findVersion, foundEntry, foundLeaf, foundOffset, indexOf, leafOf, leafSequence, spanLength } from "./crdt/sequence-tree";
import { elementAt as textElementAt, isExhausted, sequenceOf, textDelete, textInsert, textInsertUnit } from "./crdt/text";
import { itemAt, itemOf, listDelete, listInsert, listMove, readItems, readValues } from "./crdt/list";
import { Entry, entryAt, entryFind, mapWrite } from "./crdt/map";
import { SAFE_MAX, counterAdd, counterSum, isSafe } from "./crdt/counter";
import { Dot, elementAt, elementFind, setAdd, setRemoveDot } from "./crdt/set";
import { openCounterAdd, openDot, openMapWrite, openSetAdd, openSetRemove } from "./codec/open";
import { seal } from "./codec/seal";
import { appliedBlocks, blockEnd, duplicateBlocks, neededReplica, neededSeq, receive, receiveReady, waitingBlocks, writeNews } from "./codec/receive";
import { clearReplaced, isReplaced } from "./codec/snapshot-read";
import { writeSnapshot } from "./codec/snapshot-write";
import { exportSince, takeOwn, tellOwn, trimLog } from "./codec/export";
import { digest } from "./codec/digest";
import { restoreLog, writeDormant } from "./codec/dormant";
import { checksum } from "./codec/checksum";
import { blockAuthor, blockKind, blockNext, blockSeqFrom, blockUnits, inspectBlock, writeVoid } from "./codec/inspect";
import { isKey, isValue } from "./codec/values";

// @ts-ignore: decorator
@inline function joined(high: u32, low: u32): u64 { return (<u64>high << 32) | <u64>low; }

// ---- memory and mailbox ---------------------------------------------------------------------------

export function inbox_reserve(bytes: u32): usize { return reserveInbox(bytes); }
export function mail_at(): usize { return mailCell; }
/** Random bits, once, before the first document: writers who do not know them cannot choose keys that collide. */
export function hash_seed(high: u32, low: u32): void { seedHashes(joined(high, low)); }
export function memory_used(): usize { return blocksUsed(); }
export function memory_limit(bytes: usize): void { limitBlocks(bytes); }

// ---- document -------------------------------------------------------------------------------------

export function document_create(high: u32, low: u32): Document {
  const doc = documentCreate(joined(high, low));
  documentFinish();
  return doc;
}

export function document_free(doc: Document): void { documentFree(doc); }

/** Memory ran out in a call on `doc`, which may be left by halves: frees it and what the call had begun; 0 when it was on none. */
export function document_lose(doc: usize): void {
  documentLose(doc);
  scratchFree();
}

/** The first millisecond that is later than every stamp seen or made here. */
export function document_stamp_after(doc: Document): f64 { return stampAfterMs(doc); }

export function document_memory(doc: Document): usize { return doc.arena.bytes; }
export function document_observe(doc: Document, isObserved: bool): void { doc.isObserved = isObserved; }

/** From now on own ops are written under another id. */
export function document_author(doc: Document, high: u32, low: u32): void {
  seal(doc);
  doc.self = replicaOpen(doc, joined(high, low));
  doc.hasUndeclared = true;
  receiveReady(doc);
}

/**
 * Applies the inbox's first `bytes` bytes. What came of it lies in the mail cell.
 *
 * @param stampMaxMs  stamps later than that are refused, see `stampLimit`; 0 is no limit
 */
export function document_receive(doc: Document, bytes: u32, mayWait: bool, stampMaxMs: f64): Status {
  clearReplaced();
  doc.events.count = 0;
  const limit = stampMaxMs > 0 ? stampLimit(doc, stampMaxMs) : u64.MAX_VALUE;
  receiving(true);
  const status = receive(doc, inboxStart(), bytes, mayWait, limit);
  receiving(false);
  setMail(Mail.Applied, appliedBlocks);
  setMail(Mail.Duplicates, duplicateBlocks);
  setMail(Mail.Waiting, waitingBlocks);
  setMail(Mail.IsReplaced, u32(isReplaced));
  return status;
}

/** The blocks that the last document_receive was new in, and those that it set free, in the outbox. */
export function document_news(doc: Document, isBrief: bool): void {
  writeNews(doc, outboxWriter(), isBrief);
  sendWriter();
}

/** The op that a refused or waiting block needs first, in the outbox: seq, 0, replica low, high (u32s). */
export function receive_needed(): void {
  store<u32>(neededCell, neededSeq);
  store<u64>(neededCell, neededReplica, 8);
  sendView(neededCell, 16);
}

const neededCell: usize = memory.data(16, 8);

/** Own batches since the last take, in the outbox. */
export function document_take(doc: Document): void {
  takeOwn(doc, outboxWriter());
  sendWriter();
}

/** Own batches since the last call of this, brief, in the outbox. */
export function document_tell(doc: Document): void {
  tellOwn(doc, outboxWriter());
  sendWriter();
}

/** What a peer at the version vector in the inbox lacks; 0 bytes is a peer that has nothing. False: a malformed vector. */
export function document_export(doc: Document, bytes: u32): bool {
  const isGood = exportSince(doc, inboxStart(), bytes, outboxWriter());
  sendWriter();
  return isGood;
}

/** The whole state in the outbox; `isShallow`: without what was deleted, for replicas that start from it. */
export function document_snapshot(doc: Document, isShallow: bool): void {
  seal(doc);
  writeSnapshot(doc, outboxWriter(), isShallow);
  sendWriter();
}

/** What makes the same document again, in the outbox: see codec/dormant.ts. */
export function document_sleep(doc: Document): void {
  writeDormant(doc, outboxWriter());
  sendWriter();
}

/** The inbox's first `bytes` bytes, which `document_sleep` gave and which have just been applied, make its log. */
export function document_relog(doc: Document, bytes: u32): void { restoreLog(doc, inboxStart(), inboxStart() + bytes); }

export function document_trim(doc: Document): void { trimLog(doc); }
export function document_log_bytes(doc: Document): u32 { return <u32>doc.log.length; }

export function document_version(doc: Document): void {
  writeVector(doc, outboxWriter());
  sendWriter();
}

/** The digest, as 8 bytes in the outbox. */
export function document_digest(doc: Document): void {
  writeFixed64(outboxWriter(), digest(doc));
  sendWriter();
}

export function document_seq(doc: Document, high: u32, low: u32): u32 {
  const index = replicaFind(doc, joined(high, low));
  return index == NONE ? 0 : replicaAt(doc, index).seq;
}

/** Highest seq of the replica own ops are written under. */
export function document_own_seq(doc: Document): u32 { return replicaAt(doc, doc.self).seq; }

/** Blocks that wait for ops not here, and their bytes. */
export function document_waiting(doc: Document): u32 { return doc.waitingCount; }

/** What others' ops changed, as Event records in the outbox. A view: the next call may move it. */
export function document_events(doc: Document): void {
  sendView(doc.events.start, <usize>doc.events.count * 20);
}

// ---- keys and containers --------------------------------------------------------------------------

/** The number of the key in the inbox, -1 when it may not be one. */
export function key_open(doc: Document, bytes: u32): i32 {
  return isKey(inboxStart(), bytes) ? <i32>keyOpen(doc, inboxStart(), bytes) : -1;
}

export function key_read(doc: Document, key: u32): void {
  sendView(keyAt(doc, key).at, keyAt(doc, key).bytes);
}

/** The container of a kind under a key of a map; -1 when the path is too deep. Opening writes no op. */
export function container_open(doc: Document, parent: u32, key: u32, kind: u32): i32 {
  if (containerAt(doc, parent).kind != <u32>Kind.Map || containerAt(doc, parent).depth >= <u32>Limit.ContainerDepth) return -1;
  return <i32>containerOpen(doc, parent, key, kind);
}

export function container_count(doc: Document): u32 { return doc.containers.count; }
export function container_parent(doc: Document, container: u32): i32 { return <i32>containerAt(doc, container).parent; }
export function container_key(doc: Document, container: u32): u32 { return containerAt(doc, container).key; }
export function container_kind(doc: Document, container: u32): u32 { return containerAt(doc, container).kind; }
export function container_exists(doc: Document, container: u32): bool { return containerAt(doc, container).isTouched; }
export function container_changes(doc: Document, container: u32): u32 { return containerAt(doc, container).changes; }

// ---- map ------------------------------------------------------------------------------------------

/** Sets a key to the value in the inbox. */
export function map_set(doc: Document, container: u32, key: u32, bytes: u32, nowMs: f64): Status {
  if (!isValue(inboxStart(), bytes)) return bytes > <u32>Limit.ValueBytes ? Status.TooLarge : Status.InvalidUpdate;
  if (isExhausted(doc, 1)) return Status.Exhausted;
  const stamp = tick(doc, nowMs);
  mapWrite(doc, container, key, stamp, doc.self, inboxStart(), bytes);
  openMapWrite(doc, container, key, stamp, inboxStart(), bytes);
  return Status.Ok;
}

/**
 * Deletes a key; Duplicate when it has no value. One that never had a value but names containers can be deleted
 * too (`isHolder`): the tombstone then says that an empty one of them is not there.
 */
export function map_delete(doc: Document, container: u32, key: u32, nowMs: f64, isHolder: bool): Status {
  const index = entryFind(doc, container, key);
  if (index == NONE ? !isHolder : entryAt(doc, index).valueBytes == 0) return Status.Duplicate;
  if (isExhausted(doc, 1)) return Status.Exhausted;
  const stamp = tick(doc, nowMs);
  mapWrite(doc, container, key, stamp, doc.self, 0, 0);
  openMapWrite(doc, container, key, stamp, 0, 0);
  return Status.Ok;
}

/** The value of a key in the outbox; false when there is none. */
export function map_get(doc: Document, container: u32, key: u32): bool {
  const index = entryFind(doc, container, key);
  if (index == NONE || entryAt(doc, index).valueBytes == 0) return false;
  sendView(entryAt(doc, index).value, entryAt(doc, index).valueBytes);
  return true;
}

/** How often a key has changed: its cached value is good while this stands still. */
export function map_changes(doc: Document, container: u32, key: u32): u32 {
  const index = entryFind(doc, container, key);
  return index == NONE ? 0 : entryAt(doc, index).changes;
}

/** The keys that have a value, as u32 numbers in the outbox, in no order. */
export function map_keys(doc: Document, container: u32): void {
  const writer = outboxWriter();
  let index = <u32>containerAt(doc, container).state;
  while (index != NIL) {
    const entry = entryAt(doc, index);
    if (entry.valueBytes != 0) writeBytes(writer, changetype<usize>(entry) + offsetof<Entry>("key"), 4);
    index = entry.next;
  }
  sendWriter();
}

// ---- counter --------------------------------------------------------------------------------------

/** Adds a safe integer. Overflow when the value or this replica's sum would leave the safe range. */
export function counter_add(doc: Document, container: u32, step: f64): Status {
  const sum = counterSum(doc, container, doc.self) + <i64>step;
  const total = containerAt(doc, container).total + <i64>step;
  if (!isSafe(<i64>step) || !isSafe(sum) || !isSafe(total)) return Status.Overflow;
  if (isExhausted(doc, 1)) return Status.Exhausted;
  counterAdd(doc, container, doc.self, <i64>step);
  openCounterAdd(doc, container, <i64>step);
  return Status.Ok;
}

/** The value; concurrent steps that together leave the safe range show as its end. */
export function counter_value(doc: Document, container: u32): f64 {
  const total = containerAt(doc, container).total;
  return <f64>max<i64>(-SAFE_MAX, min<i64>(SAFE_MAX, total));
}

// ---- set ------------------------------------------------------------------------------------------

/** Adds the value in the inbox. An add of a present member counts: it survives removals that have not seen it. */
export function set_add(doc: Document, container: u32, bytes: u32): Status {
  if (!isValue(inboxStart(), bytes)) return bytes > <u32>Limit.ValueBytes ? Status.TooLarge : Status.InvalidUpdate;
  if (isExhausted(doc, 1)) return Status.Exhausted;
  setAdd(doc, container, inboxStart(), bytes, doc.self, replicaAt(doc, doc.self).seq + 1);
  openSetAdd(doc, container, inboxStart(), bytes);
  return Status.Ok;
}

/** Removes the value in the inbox; Duplicate when it is not in. */
export function set_delete(doc: Document, container: u32, bytes: u32): Status {
  const index = elementFind(doc, container, inboxStart(), bytes);
  if (index == NONE) return Status.Duplicate;
  if (isExhausted(doc, 1)) return Status.Exhausted;
  removeMember(doc, container, index);
  return Status.Ok;
}

/** Removes every member; one op each. Duplicate when there is none. */
export function set_clear(doc: Document, container: u32): Status {
  const record = containerAt(doc, container);
  if (record.count == 0) return Status.Duplicate;
  if (isExhausted(doc, record.count)) return Status.Exhausted;
  while (record.count != 0) removeMember(doc, container, <u32>record.state);
  return Status.Ok;
}

function removeMember(doc: Document, container: u32, index: u32): void {
  const element = elementAt(doc, index);
  openSetRemove(doc, container, element.value, element.valueBytes);
  let at = element.dots;
  while (at != 0) {
    const dot = changetype<Dot>(at);
    at = dot.next;
    const replica = dot.replica;
    const seq = dot.seq;
    openDot(doc, replica, seq);
    setRemoveDot(doc, container, index, replica, seq);
  }
}

export function set_has(doc: Document, container: u32, bytes: u32): bool {
  return elementFind(doc, container, inboxStart(), bytes) != NONE;
}

export function set_size(doc: Document, container: u32): u32 { return containerAt(doc, container).count; }

/** The members, oldest here first: byte length as varint, value. */
export function set_values(doc: Document, container: u32): void {
  const writer = outboxWriter();
  let index = <u32>containerAt(doc, container).state;
  while (index != NIL && elementAt(doc, index).next != NIL) index = elementAt(doc, index).next;
  while (index != NIL) {
    const element = elementAt(doc, index);
    writeU32(writer, element.valueBytes);
    writeBytes(writer, element.value, element.valueBytes);
    index = element.previous;
  }
  sendWriter();
}

// ---- text -----------------------------------------------------------------------------------------

export function text_length(doc: Document, container: u32): u32 { return sequenceOf(doc, container).length; }
export function text_spans(doc: Document, container: u32): u32 { return sequenceOf(doc, container).spans; }

export function text_insert_unit(doc: Document, container: u32, index: u32, unit: u32): Status {
  return textInsertUnit(doc, container, index, unit);
}

/** Inserts `count` UTF-16 units from the inbox. */
export function text_insert(doc: Document, container: u32, index: u32, count: u32): Status {
  return textInsert(doc, container, index, inboxStart(), count);
}

export function text_delete(doc: Document, container: u32, index: u32, count: u32): Status {
  return textDelete(doc, container, index, count);
}

/** Units from … to, as UTF-16 in the outbox; the caller has checked the range. */
export function text_read(doc: Document, container: u32, from: u32, to: u32): void {
  const writer = outboxWriter();
  const bytes = <usize>(to - from) << 1;
  readUnits(doc, sequenceOf(doc, container), from, to, writeRoom(writer, bytes));
  writer.length = bytes;
  sendWriter();
}

/** Units of elements lv … lv + count, as an event names them. A view. */
export function text_units(doc: Document, lv: u32, count: u32): void {
  sendView(doc.units + ((<usize>lv) << 1), (<usize>count) << 1);
}

/** The element at visible `index`: replica id and elem (12 bytes) in the outbox; false at the end of the text. */
export function text_element(doc: Document, container: u32, index: u32): bool {
  const lv = textElementAt(doc, container, index);
  if (lv == NIL) return false;
  const writer = outboxWriter();
  writeFixed64(writer, replicaAt(doc, authorOf(doc, lv)).id);
  store<u32>(elemCell, elemOf(doc, lv));
  writeBytes(writer, elemCell, 4);
  sendWriter();
  return true;
}

/** Runs of elements at visible indexes from … to: replica id, elem, count (16 bytes each) in the outbox. Items are called by what made them. */
export function text_elements(doc: Document, container: u32, from: u32, to: u32, areItems: bool): void {
  const writer = outboxWriter();
  while (from < to) {
    let lv = textElementAt(doc, container, from);
    let count: u32 = 1;
    if (areItems) lv = itemAt(itemOf(doc, lv)).first;
    else count = min<u32>(min<u32>(<u32>spanLength(foundLeaf, foundEntry) - foundOffset, rowEnd(doc, rowOf(doc, lv)) - lv), to - from);
    writeFixed64(writer, replicaAt(doc, authorOf(doc, lv)).id);
    writeFixed32(writer, elemOf(doc, lv));
    writeFixed32(writer, count);
    from += count;
  }
  sendWriter();
}

const elemCell: usize = memory.data(4, 4);

/**
 * The next insertion into this text or list goes right behind elements elem … elem + count, as far as those follow each
 * other, wherever its index points; returns how many do. 0: they are not here, and it goes by its index again.
 */
export function text_anchor(doc: Document, container: u32, high: u32, low: u32, elem: u32, count: u32): u32 {
  const lv = versionHere(doc, container, high, low, elem);
  let here: u32 = 0;
  while (lv != NIL && here < count && versionOf(doc, replicaFind(doc, joined(high, low)), elem + here) == lv + here) here++;
  return anchorBehind(doc, sequenceOf(doc, container), lv, here);
}

/** The element's version, NIL when it is not in this container. */
function versionHere(doc: Document, container: u32, high: u32, low: u32, elem: u32): u32 {
  const replica = replicaFind(doc, joined(high, low));
  if (replica == NONE) return NIL;
  const lv = versionOf(doc, replica, elem);
  return lv == NIL || leafSequence(leafOf(doc, lv)).container != container ? NIL : lv;
}

/** Where the item that an element made stands now, -1 when it is deleted or not here. O(log n). */
export function list_find(doc: Document, container: u32, high: u32, low: u32, elem: u32): i32 {
  const lv = versionHere(doc, container, high, low, elem);
  const item = lv == NIL ? NONE : itemOf(doc, lv);
  return item == NONE ? -1 : <i32>indexOf(doc, itemAt(item).place);
}

/** Visible index of an element, shifted past it when `isAfter` and it is visible; -1 when it is not here. O(log n). */
export function text_resolve(doc: Document, container: u32, high: u32, low: u32, elem: u32, isAfter: bool): i32 {
  const lv = versionHere(doc, container, high, low, elem);
  if (lv == NIL) return -1;
  const index = indexOf(doc, lv);
  findVersion(doc, lv);
  return <i32>index + (isAfter && spanLength(foundLeaf, foundEntry) > 0 ? 1 : 0);
}

// ---- list -----------------------------------------------------------------------------------------

// The length of a list is text_length: what both count is visible elements.

/** Inserts the values that lie one after another in the inbox. */
export function list_insert(doc: Document, container: u32, index: u32, bytes: u32): Status {
  return listInsert(doc, container, index, inboxStart(), bytes);
}

export function list_delete(doc: Document, container: u32, index: u32, count: u32): Status {
  return listDelete(doc, container, index, count);
}

/** Moves the item at `from`, so that it then stands at `to`. */
export function list_move(doc: Document, container: u32, from: u32, to: u32, nowMs: f64): Status {
  return listMove(doc, container, from, to, nowMs);
}

/** The values of items from … to, one after another in the outbox; the caller has checked the range. */
export function list_read(doc: Document, container: u32, from: u32, to: u32): void {
  readValues(doc, sequenceOf(doc, container), from, to, outboxWriter());
  sendWriter();
}

/** The values of items lv … lv + count, as an event names them. */
export function list_items(doc: Document, lv: u32, count: u32): void {
  readItems(doc, lv, count, outboxWriter());
  sendWriter();
}

// ---- bytes without a document ---------------------------------------------------------------------

export function bytes_checksum(bytes: u32): u32 { return checksum(inboxStart(), bytes); }

/** Are the first `bytes` bytes of the inbox exactly one well-formed value? */
export function value_check(bytes: u32): bool { return isValue(inboxStart(), bytes); }

/** Head of the block at `at` in an inbox of `bytes`: kind, offset after it, seqFrom, units (u32s), author (8 bytes) in the outbox. */
export function block_inspect(at: u32, bytes: u32): bool {
  const start = inboxStart();
  if (!inspectBlock(start + <usize>at, start + <usize>bytes)) return false;
  store<u32>(blockCell, blockKind);
  store<u32>(blockCell, <u32>(blockNext - start), 4);
  store<u32>(blockCell, blockSeqFrom, 8);
  store<u32>(blockCell, blockUnits, 12);
  store<u64>(blockCell, blockAuthor, 16);
  sendView(blockCell, 24);
  return true;
}

const blockCell: usize = memory.data(24, 8);

/** How many of the inbox's first `bytes` bytes are whole blocks. */
export function blocks_whole(bytes: u32): u32 {
  const end = inboxStart() + <usize>bytes;
  let at = inboxStart();
  while (at < end) {
    const next = blockEnd(at, end);
    if (next == 0) break;
    at = next;
  }
  return <u32>(at - inboxStart());
}

/** The void for the batch in the inbox; false when it is malformed. */
export function block_void(bytes: u32): bool {
  const isGood = writeVoid(inboxStart(), inboxStart() + <usize>bytes, outboxWriter());
  sendWriter();
  return isGood;
}

