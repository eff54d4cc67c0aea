// Receiving: an update from anywhere, applied in two phases per block.
//
// Phase one (read-batch.ts) reads a whole block, resolves every reference and checks every rule, writing only to scratch. Phase
// two (apply-batch.ts) cannot fail. So a bad block changes nothing, and the blocks before it stand.

import { BlockKind, Status } from "../abi";
import { HAS_TEXT } from "../parts";
import { Reader, Writer, readByte, readFixed64, readU32, readerOver, remaining, writeBytes } from "../memory/bytes";
import { Document } from "../document";
import { elemsSkip, replicaAt } from "../replica";
import { applyBatch } from "./apply-batch";
import { briefEnd, expandBrief, fullEnd, strangerName } from "./brief";
import { adoptAuthor, author, authorSeq, blockUnits, known, lacksHistory, openBlock, seqFrom } from "./decoded";
import { FORMAT_VERSION } from "./grammar";
import { BRIEF, KEYSTROKE, applyKeystroke, keystrokeAuthor, keystrokeEnd } from "./keystroke";
import { missingReplica, missingSeq, readBatch } from "./read-batch";
import { writeEntry } from "./export";
import { logAdd, seal } from "./seal";
import { receiveSnapshot } from "./snapshot-read";
import { writeSnapshot } from "./snapshot-write";
import { forgetReady, keepStranger, keepWaiting, takeReady, waitingEnd, waitingFree, waitingStart, wake } from "./waiting";

// What the last call met, for the border to report.
export let appliedBlocks: u32 = 0;
export let duplicateBlocks: u32 = 0;
export let waitingBlocks: u32 = 0;
/** The replica and seq the last waiting block waits for. */
export let neededReplica: u64 = 0;
export let neededSeq: u32 = 0;

/** Ops stamped later than this are refused with ClockDrift. */
let stampLimit: u64 = 0;
let mayWait: bool = true;

// Where in the log the news of the last call begin, and whether a snapshot brought some that are not in the log.
let newsFrom: u32 = 0;
let hasSnapshotNews: bool = false;

/** Applies an update: any concatenation of blocks. Blocks before a bad one stand. */
export function receive(doc: Document, start: usize, bytes: usize, wait: bool, stampMax: u64): Status {
  appliedBlocks = 0;
  duplicateBlocks = 0;
  waitingBlocks = 0;
  forgetReady();
  stampLimit = stampMax;
  mayWait = wait;
  seal(doc);
  newsFrom = doc.logIndex.count;
  hasSnapshotNews = false;
  let at = start;
  const end = start + bytes;
  let next = at < end ? blockEnd(at, end) : end;
  if (!areFramed(next, end)) return Status.InvalidUpdate;
  while (at < end) {
    const status = receiveBlock(doc, at, next);
    if (status == Status.Ok) appliedBlocks++;
    else if (status == Status.Duplicate) duplicateBlocks++;
    else if (status == Status.Waiting && wait) waitingBlocks++;
    else return status;
    receiveReady(doc);
    at = next;
    if (at < end) next = blockEnd(at, end);
  }
  return Status.Ok;
}

/** Writes the blocks that the last call was new in, and those it set free; all there is when a snapshot was among them. */
export function writeNews(doc: Document, writer: Writer, isBrief: bool): void {
  if (hasSnapshotNews) return writeSnapshot(doc, writer, false);
  for (let i = newsFrom; i < doc.logIndex.count; i++) writeEntry(doc, writer, i, isBrief);
}

/** Blocks that waited for what has just been applied; one that proves bad now is dropped, as if it had never come. */
export function receiveReady(doc: Document): void {
  const mightWait = mayWait;
  // Whatever the caller wants for its own blocks, these were promised to wait.
  mayWait = true;
  let block = takeReady(doc);
  while (block != 0) {
    if (receiveBlock(doc, waitingStart(block), waitingEnd(block)) == Status.Ok) appliedBlocks++;
    waitingFree(doc, block);
    block = takeReady(doc);
  }
  mayWait = mightWait;
}

/** Where the block at `at` ends, 0 when its head is bad or it does not fit. */
export function blockEnd(at: usize, end: usize): usize {
  return load<u8>(at) < BRIEF ? fullBlockEnd(at, end) : briefEnd(at, end);
}

export function fullBlockEnd(at: usize, end: usize): usize {
  const reader = readerOver(0, at, end);
  const head = readByte(reader);
  const bytes = readU32(reader);
  if (reader.bad || head >>> 4 != FORMAT_VERSION || (head & 15) > <u32>BlockKind.Snapshot) return 0;
  return remaining(reader) < <usize>bytes ? 0 : reader.at + <usize>bytes;
}

/** Refuses bytes whose block lengths do not add up before anything is applied. */
function areFramed(at: usize, end: usize): bool {
  while (at != 0 && at < end) at = blockEnd(at, end);
  return at == end;
}

/** Ok, Duplicate, Waiting, or why the block is refused. Used again for blocks that waited. */
export function receiveBlock(doc: Document, start: usize, end: usize): Status {
  return load<u8>(start) < BRIEF ? receiveFull(doc, start, end) : receiveBrief(doc, start, end);
}

function receiveBrief(doc: Document, start: usize, end: usize): Status {
  if (HAS_TEXT ? load<u8>(start) >= KEYSTROKE && applyKeystroke(doc, start, end) : false) {
    const seq = replicaAt(doc, keystrokeAuthor).seq + 1;
    finishBlock(doc, keystrokeAuthor, seq, seq, doc.log.start + doc.log.length, keystrokeEnd);
    return Status.Ok;
  }
  const status = expandBrief(doc, start, end);
  if (status == Status.Ok) return receiveFull(doc, doc.log.start + doc.log.length, fullEnd);
  if (status != Status.Waiting) return status;
  neededReplica = strangerName;
  neededSeq = 1;
  return mayWait ? keepStranger(doc, start, end, strangerName) : Status.Waiting;
}

function receiveFull(doc: Document, start: usize, end: usize): Status {
  const reader = readerOver(0, start, end);
  const kind = readByte(reader) & 15;
  readU32(reader);
  if (kind == <u32>BlockKind.Snapshot) {
    const status = receiveSnapshot(doc, reader, stampLimit);
    if (status == Status.Ok) {
      hasSnapshotNews = true;
      doc.hasUndeclared = true;
    }
    return status;
  }
  return receiveOps(doc, reader, start, kind == <u32>BlockKind.Void);
}

function receiveOps(doc: Document, reader: Reader, start: usize, isVoid: bool): Status {
  const id = readFixed64(reader);
  const from = readU32(reader);
  const units = readU32(reader);
  if (reader.bad || id == 0 || from == 0 || units == 0) return Status.InvalidUpdate;
  if (<u64>from + <u64>units >= 0xfffffff0) return Status.InvalidUpdate;
  openBlock(doc, id, from, units);
  const seen = authorSeq(doc);
  if (from + units - 1 <= seen) return Status.Duplicate;
  if (from > seen + 1) return mustWait(doc, start, reader.end, id, from - 1);
  if (isVoid) return receiveVoid(doc, reader, start);
  const status = readBatch(doc, reader, stampLimit);
  if (status == Status.Waiting) return mustWait(doc, start, reader.end, missingReplica, missingSeq);
  if (status == Status.InvalidUpdate && lacksHistory) return Status.HistoryCompacted;
  if (status != Status.Ok) return status;
  applyBatch(doc);
  finishBlock(doc, author, seqFrom, seqFrom + blockUnits - 1, start, reader.end);
  return Status.Ok;
}

function mustWait(doc: Document, start: usize, end: usize, id: u64, seq: u32): Status {
  neededReplica = id;
  neededSeq = seq;
  if (!mayWait) return Status.Waiting;
  return keepWaiting(doc, start, end, id, seq);
}

function receiveVoid(doc: Document, reader: Reader, start: usize): Status {
  const elems = readU32(reader);
  if (reader.bad || reader.at != reader.end || known != 0 || elems > blockUnits) return Status.InvalidUpdate;
  elemsSkip(doc, adoptAuthor(doc), elems);
  finishBlock(doc, author, seqFrom, seqFrom + blockUnits - 1, start, reader.end);
  return Status.Ok;
}

function finishBlock(doc: Document, author: u32, from: u32, to: u32, start: usize, end: usize): void {
  replicaAt(doc, author).seq = to;
  doc.hasUndeclared = true;
  const offset = doc.log.length;
  // A brief block's full form lies where it belongs.
  if (start == doc.log.start + offset) doc.log.length += end - start;
  else writeBytes(doc.log, start, end - start);
  logAdd(doc, offset, author, from, to, false);
  wake(doc, author);
}
