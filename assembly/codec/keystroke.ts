// A keystroke: the commonest block there is, told and applied without the detours of a batch.
//
// It inserts one ASCII character after its author's newest element, the right origin being that element's. So all that can
// be wrong is seen at a glance, and whatever is not plain goes the long way, which knows what to say about it.

import { BlockKind, Kind, Limit, OpKind } from "../abi";
import { Document, containerAt, isHigh, isLow, unitAt, versionsReserve } from "../document";
import { Writer, putU32, readU32, readerOver, writeRoom } from "../memory/bytes";
import { AMBIGUOUS, NIL, Replica, replicaAt, replicaNamed, versionOf, versionRow, versionsAdd } from "../replica";
import { findVersion, foundEntry, foundLeaf, foundOffset, leafSequence, spanRight } from "../crdt/sequence-tree";
import { textIntegrate } from "../crdt/text";
import { NEWEST, batchHead } from "./grammar";
import { OpenOp, openAt } from "./open";
import { logAdd } from "./seal";

// byte 0       1      5
//      │ head │ name │ seq … │        head: 0x80 + the character's code
export const BRIEF: u32 = 0x80;
export const KEYSTROKE: u32 = 0xa0;
export const KEYSTROKE_LAST: u32 = 0xfe;

/** The op of a keystroke: its tag, and the length of its text. */
export const KEYSTROKE_OP: u32 = OpKind.Insert | (NEWEST << 3) | 0x100;

// ---- telling --------------------------------------------------------------------------------------

/**
 * Seals an open batch that is one keystroke and nothing else, and writes its brief form; false when it is not, or when
 * anything older is still to be told: then nothing has happened.
 */
export function tellKeystroke(doc: Document, writer: Writer): bool {
  if (doc.open.count != 1 || doc.hasUndeclared || doc.told != doc.logIndex.count || doc.openFrom == 1) return false;
  const op = openAt(doc, 0);
  const self = replicaAt(doc, doc.self);
  if (op.kind != <u32>OpKind.Insert || op.units != 1 || self.brief == 0 || !isNewest(doc, op)) return false;
  const head = BRIEF + unitAt(doc, op.a);
  if (head < KEYSTROKE || head > KEYSTROKE_LAST) return false;
  const offset = doc.log.length;
  doc.log.length = writeKeystroke(doc, self.id, doc.openFrom, head & 0x7f) - doc.log.start;
  logAdd(doc, offset, doc.self, doc.openFrom, doc.openFrom, true);
  doc.told++;
  doc.open.count = 0;
  const at = writeRoom(writer, 16);
  store<u8>(at, head);
  store<u32>(at, self.brief, 1);
  writer.length = putU32(at + 5, doc.openFrom) - at;
  return true;
}

/** Does the insertion of one element go on after this replica's newest, with the same right origin? What lies in one span does. */
function isNewest(doc: Document, op: OpenOp): bool {
  if (op.b != op.a - 1 || op.a + 1 != doc.versions || replicaAt(doc, doc.self).elems < 2) return false;
  findVersion(doc, op.a);
  const row = versionRow(doc, doc.rows.count - 1);
  return foundOffset != 0 && row.replica == doc.self && row.lv0 < op.a;
}

// ---- receiving ------------------------------------------------------------------------------------

// After true: who typed it, and where its full form, which begins at the end of the log, ends.
export let keystrokeAuthor: u32 = 0;
export let keystrokeEnd: usize = 0;

/** Applies the keystroke from `at` to `end`; false when it is not the author's next op, or not plain: nothing has changed then. */
export function applyKeystroke(doc: Document, at: usize, end: usize): bool {
  const author = replicaNamed(doc, load<u32>(at, 1));
  if (author >= AMBIGUOUS) return false;
  const record = replicaAt(doc, author);
  const seq = record.seq + 1;
  if (readU32(readerOver(0, at + 5, end)) != seq || !insertNewest(doc, author, record, load<u8>(at) & 0x7f)) return false;
  keystrokeAuthor = author;
  keystrokeEnd = writeKeystroke(doc, record.id, seq, load<u8>(at) & 0x7f);
  return true;
}

function insertNewest(doc: Document, author: u32, record: Replica, character: u32): bool {
  const lv = doc.versions;
  if (record.elems == 0 || lv >= <u32>Limit.Versions) return false;
  const left = versionOf(doc, author, record.elems - 1);
  if (left == NIL || left < doc.base || isHigh(unitAt(doc, left))) return false;
  findVersion(doc, left);
  const right = spanRight(foundLeaf, foundEntry);
  const container = leafSequence(foundLeaf).container;
  if (containerAt(doc, container).kind != <u32>Kind.Text || (right != NIL && isLow(unitAt(doc, right)))) return false;
  versionsReserve(doc, lv + 1);
  store<u16>(doc.units + ((<usize>lv) << 1), <u16>character);
  versionsAdd(doc, author, 1);
  textIntegrate(doc, container, lv, 1, left, right, author);
  return true;
}

/** Puts the full block behind the end of the log, and returns where it ends. */
export function writeKeystroke(doc: Document, id: u64, seq: u32, character: u32): usize {
  const at = writeRoom(doc.log, 24);
  store<u8>(at, batchHead(BlockKind.Batch));
  store<u64>(at, id, 2);
  const next = putU32(at + 10, seq);
  // One unit, no flags, the op; then its text.
  store<u32>(next, 1 | (KEYSTROKE_OP << 16));
  store<u8>(next, character, 4);
  store<u8>(at, <u8>(next + 3 - at), 1);
  return next + 5;
}
