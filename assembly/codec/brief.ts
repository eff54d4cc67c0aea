// Brief blocks: a batch as listeners get it, with replicas named by 32 bits of a hash instead of by their 64-bit ids.
//
// A keystroke is one op, and the head of its batch weighs five times as much. Whoever knows its author needs only enough
// of the id to tell which one is meant: so a listener's update drops half of each id, and the commonest one, a character
// typed after the last, is told by its first byte. Log, wire and disk hold full blocks only: a reader puts the full block
// together behind the end of its log, and goes on from there.
//
// A batch that names replicas of which two known here share a brief name is sent in full. A reader who knows two that the
// writer did not both know refuses it: among 1,000 authors of a document that is one chance in 8,000.

import { BlockKind, Status } from "../abi";
import { Document } from "../document";
import { Reader, Writer, readByte, readFixed32, readFixed64, readSpan, readU32, readerOver, remaining, writeByte, writeBytes, writeFixed32, writeFixed64, writeU32 } from "../memory/bytes";
import { AMBIGUOUS, replicaAt, replicaFind, replicaNamed } from "../replica";
import { batchHead } from "./grammar";
import { BRIEF, KEYSTROKE, KEYSTROKE_LAST, KEYSTROKE_OP, writeKeystroke } from "./keystroke";

// Heads: up to 0x9f the batch's flags and ONE_UNIT; from there on they are keystrokes.
const ONE_UNIT: u32 = 0x10;

/** Replicas a brief batch may name beside its author; each may have to be waited for. */
const NAMES_MAX: u32 = 16;

// ---- writing --------------------------------------------------------------------------------------

/** Writes a batch of the log, by the replica `author`, briefly where that can be read. */
export function writeBrief(doc: Document, writer: Writer, at: usize, bytes: usize, author: u32): void {
  const start = writer.length;
  if (writeBriefly(doc, writer, readerOver(0, at, at + bytes), author)) return;
  writer.length = start;
  writeBytes(writer, at, bytes);
}

/** False when the author may be new to the reader, or a replica has no brief name of its own. */
function writeBriefly(doc: Document, writer: Writer, reader: Reader, author: u32): bool {
  readByte(reader);
  const bodyBytes = readU32(reader);
  const name = replicaAt(doc, author).brief;
  reader.at += 8;
  const seqAt = reader.at;
  if (readU32(reader) == 1 || name == 0) return false;
  let numberBytes = reader.at - seqAt;
  const units = readU32(reader);
  if (units != 1) numberBytes = reader.at - seqAt;
  const flags = readByte(reader);
  const isTyped = units == 1 && flags == 0 && isKeystroke(reader);
  const names: u32 = (flags & 1) != 0 ? readU32(reader) : 0;
  if (isTyped) {
    writeByte(writer, BRIEF | load<u8>(reader.at, 2));
    reader.at = reader.end;
  } else {
    writeByte(writer, BRIEF | flags | (units == 1 ? ONE_UNIT : 0));
    writeU32(writer, bodyBytes - 5 - names * 4 - (units == 1 ? 1 : 0));
  }
  writeFixed32(writer, name);
  writeBytes(writer, seqAt, numberBytes);
  if (names != 0 && !writeNames(doc, writer, reader, names)) return false;
  writeBytes(writer, reader.at, remaining(reader));
  return true;
}

function writeNames(doc: Document, writer: Writer, reader: Reader, count: u32): bool {
  if (count > NAMES_MAX) return false;
  writeU32(writer, count);
  while (count-- > 0) {
    const name = replicaAt(doc, replicaFind(doc, readFixed64(reader))).brief;
    if (name == 0) return false;
    writeFixed32(writer, name);
  }
  return true;
}

/** Is all that follows the insertion of one printable ASCII character after the author's newest? */
function isKeystroke(reader: Reader): bool {
  if (remaining(reader) != 3 || load<u16>(reader.at) != KEYSTROKE_OP) return false;
  const head = BRIEF | load<u8>(reader.at, 2);
  return head >= KEYSTROKE && head <= KEYSTROKE_LAST;
}

// ---- reading --------------------------------------------------------------------------------------

/** Where the brief block at `at` ends, 0 when it does not fit. */
export function briefEnd(at: usize, end: usize): usize {
  const reader = readerOver(0, at, end);
  const head = readByte(reader);
  readSpan(reader, head < KEYSTROKE ? readU32(reader) : 4);
  if (head >= KEYSTROKE) readU32(reader);
  return reader.bad || head > KEYSTROKE_LAST ? 0 : reader.at;
}

/** After Waiting: the brief name that no replica here has. */
export let strangerName: u32 = 0;
/** After Ok: where the full block ends. It begins at the end of the log. */
export let fullEnd: usize = 0;

/**
 * Puts the full form of a brief block, which `briefEnd` has measured, behind the end of the log. It is part of the log
 * only when it has been applied.
 */
export function expandBrief(doc: Document, at: usize, end: usize): Status {
  const reader = readerOver(0, at, end);
  const head = readByte(reader);
  if (head < KEYSTROKE) readU32(reader);
  const bodyBytes = <u32>remaining(reader);
  const author = readReplica(doc, reader);
  if (author >= AMBIGUOUS) return statusOf(author);
  if (head >= KEYSTROKE) {
    fullEnd = writeKeystroke(doc, replicaAt(doc, author).id, readU32(reader), head & 0x7f);
    return Status.Ok;
  }
  const length = doc.log.length;
  const status = expandBatch(doc, reader, head, bodyBytes, author);
  fullEnd = doc.log.start + doc.log.length;
  doc.log.length = length;
  return status;
}

function expandBatch(doc: Document, reader: Reader, head: u32, bodyBytes: u32, author: u32): Status {
  const log = doc.log;
  const isOne = (head & ONE_UNIT) != 0;
  const numbersAt = reader.at;
  readU32(reader);
  if (!isOne) readU32(reader);
  const numberBytes = reader.at - numbersAt;
  let names: u32 = (head & 1) != 0 ? readU32(reader) : 0;
  if (reader.bad || names > NAMES_MAX) return Status.InvalidUpdate;
  writeByte(log, batchHead(BlockKind.Batch));
  writeU32(log, bodyBytes + 5 + names * 4 + (isOne ? 1 : 0));
  writeFixed64(log, replicaAt(doc, author).id);
  writeBytes(log, numbersAt, numberBytes);
  if (isOne) writeByte(log, 1);
  writeByte(log, head & 15);
  if ((head & 1) != 0) writeU32(log, names);
  while (names-- > 0) {
    const replica = readReplica(doc, reader);
    if (statusOf(replica) != Status.Ok) return statusOf(replica);
    writeFixed64(log, replicaAt(doc, replica).id);
  }
  writeBytes(log, reader.at, remaining(reader));
  return Status.Ok;
}

/** The replica a brief name stands for; AMBIGUOUS, or NONE when it is a stranger's. */
function readReplica(doc: Document, reader: Reader): u32 {
  const name = readFixed32(reader);
  if (reader.bad || name == 0) return AMBIGUOUS;
  strangerName = name;
  return replicaNamed(doc, name);
}

function statusOf(replica: u32): Status {
  if (replica < AMBIGUOUS) return Status.Ok;
  return replica == AMBIGUOUS ? Status.InvalidUpdate : Status.Waiting;
}
