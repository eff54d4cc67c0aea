// Taking and exporting: own new ops for whoever sends them, and everything a peer lacks.

import { Writer, readerOver, writeBytes, writeRoom } from "../memory/bytes";
import { scratchWriter } from "../memory/scratch";
import { Document } from "../document";
import { replicaAt } from "../replica";
import { readVector } from "../time/version-vector";
import { writeBrief } from "./brief";
import { tellKeystroke } from "./keystroke";
import { logEntryAt, seal } from "./seal";
import { writeSnapshot } from "./snapshot-write";

/** Writes the own batches sealed since the last take. */
export function takeOwn(doc: Document, writer: Writer): void {
  writeOwn(doc, writer, doc.taken, false);
  doc.taken = doc.logIndex.count;
}

/** Writes the own batches sealed since the last call, in brief form where that can be read. */
export function tellOwn(doc: Document, writer: Writer): void {
  if (tellKeystroke(doc, writer)) return;
  writeOwn(doc, writer, doc.told, true);
  doc.told = doc.logIndex.count;
}

function writeOwn(doc: Document, writer: Writer, from: u32, isBrief: bool): void {
  seal(doc);
  for (let i = from; i < doc.logIndex.count; i++) {
    if (logEntryAt(doc, i).isOwn) writeEntry(doc, writer, i, isBrief);
  }
}

/** Writes what a peer at `vector` lacks: batches in the order they were applied here, or a snapshot when batches are gone. False when the vector is malformed. */
export function exportSince(doc: Document, at: usize, bytes: usize, writer: Writer): bool {
  seal(doc);
  const since = scratchWriter(5);
  const sinceBytes = (<usize>doc.replicas.count) << 2;
  const table = writeRoom(since, sinceBytes);
  memory.fill(table, 0, sinceBytes);
  if (bytes != 0 && !readVector(doc, readerOver(0, at, at + bytes), table)) return false;
  if (lacksBase(doc, table)) writeSnapshot(doc, writer, false);
  else writeLogSince(doc, table, writer);
  return true;
}

/** Does the peer lack ops that are only state here? */
function lacksBase(doc: Document, since: usize): bool {
  for (let i: u32 = 0; i < doc.replicas.count; i++) {
    if (load<u32>(since + ((<usize>i) << 2)) < replicaAt(doc, i).base) return true;
  }
  return false;
}

/** Writes a block of the log. */
export function writeEntry(doc: Document, writer: Writer, index: u32, isBrief: bool): void {
  const entry = logEntryAt(doc, index);
  const at = doc.log.start + entry.offset;
  if (isBrief) writeBrief(doc, writer, at, entry.bytes, entry.replica);
  else writeBytes(writer, at, entry.bytes);
}

function writeLogSince(doc: Document, since: usize, writer: Writer): void {
  for (let i = logFrom(doc, since); i < doc.logIndex.count; i++) {
    const entry = logEntryAt(doc, i);
    if (entry.seqTo > load<u32>(since + ((<usize>entry.replica) << 2))) writeEntry(doc, writer, i, false);
  }
}

/** Where in the log the first batch lies that the peer lacks. Looked for from the end: most peers lack little. */
function logFrom(doc: Document, since: usize): u32 {
  let lacking: u32 = 0;
  for (let i: u32 = 0; i < doc.replicas.count; i++) {
    if (replicaAt(doc, i).seq > load<u32>(since + ((<usize>i) << 2))) lacking++;
  }
  doc.marks++;
  let index = doc.logIndex.count;
  while (lacking != 0 && index != 0) {
    const entry = logEntryAt(doc, --index);
    const record = replicaAt(doc, entry.replica);
    const known = load<u32>(since + ((<usize>entry.replica) << 2));
    // Batches may overlap: only the last that reaches down to what is known counts.
    if (record.mark == doc.marks || entry.seqFrom > known + 1 || entry.seqTo <= known) continue;
    record.mark = doc.marks;
    lacking--;
  }
  return index;
}

/** Forgets batches: from now on they are known as state only. What has not been taken stays. */
export function trimLog(doc: Document): void {
  seal(doc);
  for (let i = doc.taken; i < doc.logIndex.count; i++) if (logEntryAt(doc, i).isOwn) return;
  for (let i: u32 = 0; i < doc.replicas.count; i++) replicaAt(doc, i).base = replicaAt(doc, i).seq;
  doc.log.length = 0;
  doc.logIndex.count = 0;
  doc.taken = 0;
  doc.told = 0;
}
