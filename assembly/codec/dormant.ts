// Sleep: a document as few bytes, from which the same document is made again.
//
// Where all of it is in the log, and short, those bytes are the log: applying it is as quick as anything. Otherwise they are
// the state and, behind it, the log: the state is read, and what is in it already goes back to the log unread. So
// whoever asks for batches after that gets the same ones.

import { BlockKind } from "../abi";
import { Writer, writeBytes } from "../memory/bytes";
import { Document } from "../document";
import { NONE } from "../memory/hashmap";
import { replicaAt, replicaFind } from "../replica";
import { blockAuthor, blockKind, blockNext, blockSeqFrom, blockUnits, inspectBlock } from "./inspect";
import { logAdd, logEntryAt, seal } from "./seal";
import { writeSnapshot } from "./snapshot-write";

/** Batches that are applied one by one rather than read as state. */
const REPLAYED_MAX: u32 = 16;
const REPLAYED_BYTES_MAX: usize = 2048;

export function writeDormant(doc: Document, writer: Writer): void {
  seal(doc);
  if (!isAllInLog(doc) || doc.logIndex.count > REPLAYED_MAX || doc.log.length > REPLAYED_BYTES_MAX) writeSnapshot(doc, writer, false);
  writeBytes(writer, doc.log.start, doc.log.length);
}

function isAllInLog(doc: Document): bool {
  for (let i: u32 = 0; i < doc.replicas.count; i++) if (replicaAt(doc, i).base != 0) return false;
  return true;
}

/** The bytes have just been applied, and began with a snapshot: the blocks behind it make the log. */
export function restoreLog(doc: Document, at: usize, end: usize): void {
  while (at < end && inspectBlock(at, end)) {
    const replica = blockKind == <u32>BlockKind.Snapshot ? NONE : replicaFind(doc, blockAuthor);
    if (replica != NONE) {
      const offset = doc.log.length;
      writeBytes(doc.log, at, blockNext - at);
      logAdd(doc, offset, replica, blockSeqFrom, blockSeqFrom + blockUnits - 1, false);
    }
    at = blockNext;
  }
  // From the newest on, and as far back as one follows on another: a snapshot may have come between.
  for (let i = doc.logIndex.count; i > 0; i--) {
    const entry = logEntryAt(doc, i - 1);
    const record = replicaAt(doc, entry.replica);
    if (entry.seqTo >= record.base) record.base = min<u32>(record.base, entry.seqFrom - 1);
  }
  doc.taken = doc.logIndex.count;
  doc.told = doc.logIndex.count;
}
