// Blocks that arrived before what they build on: kept as bytes, per replica they wait for, by the seq they need.
//
// A hostile peer could fill memory with them, so their number and bytes are bounded; past that the update is refused
// as too large and its sender may offer it again later. Nothing already waiting is pushed out.
//
// Each replica's blocks are a pairing heap (Fredman, Sedgewick, Sleator & Tarjan, 1986): in whatever order they come, n of
// them cost n log n.

import { Limit, Status } from "../abi";
import { arenaBlock, arenaUnblock } from "../memory/arena";
import { Document, TAG_STRANGER } from "../document";
import { NONE, mapDelete, mapGet, mapSet } from "../memory/hashmap";
import { replicaAt, replicaOpen } from "../replica";

@unmanaged
export class WaitingBlock {
  next: usize;
  seq: u32;
  bytes: usize;
  /** First of the blocks under this one in the heap, chained by `next`; none needs a lower seq than it. */
  child: usize;
}

const HEADER: usize = 16;

// Blocks whose wait is over, oldest first. Emptied before the call that filled it returns.
let ready: usize = 0;
let readyLast: usize = 0;

/** A call that ran out of memory half-way may have left some; they are its document's, not the next one's. */
export function forgetReady(): void { ready = 0; }

export function waitingStart(block: usize): usize { return block + HEADER; }
export function waitingEnd(block: usize): usize { return block + HEADER + changetype<WaitingBlock>(block).bytes; }

/** Keeps a copy of a block until `id` has reached `seq`. */
export function keepWaiting(doc: Document, start: usize, end: usize, id: u64, seq: u32): Status {
  const block = keep(doc, start, end - start, seq);
  if (block == 0) return Status.TooLarge;
  const record = replicaAt(doc, replicaOpen(doc, id));
  record.waiting = joined(record.waiting, block);
  return Status.Waiting;
}

/** A copy of the block, 0 when no more of them may wait. */
function keep(doc: Document, start: usize, bytes: usize, seq: u32): usize {
  if (doc.waitingCount >= <u32>Limit.WaitingBlocks || doc.waitingBytes + bytes > <usize>Limit.WaitingBytes) return 0;
  const block = arenaBlock(doc.arena, bytes + HEADER);
  changetype<WaitingBlock>(block).next = 0;
  changetype<WaitingBlock>(block).seq = seq;
  changetype<WaitingBlock>(block).bytes = bytes;
  changetype<WaitingBlock>(block).child = 0;
  memory.copy(block + HEADER, start, bytes);
  doc.waitingCount++;
  doc.waitingBytes += bytes;
  return block;
}

/** Keeps a copy of a brief block until a replica of that name is known. */
export function keepStranger(doc: Document, start: usize, end: usize, name: u32): Status {
  const block = keep(doc, start, end - start, 0);
  if (block == 0) return Status.TooLarge;
  const others = mapGet(doc.index, TAG_STRANGER | <u64>name);
  if (others != NONE) changetype<WaitingBlock>(block).next = <usize>others;
  mapSet(doc.arena, doc.index, TAG_STRANGER | <u64>name, <u32>block);
  return Status.Waiting;
}

/** Moves the blocks that name a replica now known to the ready queue. */
export function wakeStrangers(doc: Document, name: u32): void {
  const first = mapGet(doc.index, TAG_STRANGER | <u64>name);
  if (first == NONE) return;
  mapDelete(doc.index, TAG_STRANGER | <u64>name);
  let block = <usize>first;
  while (block != 0) {
    const next = changetype<WaitingBlock>(block).next;
    makeReady(block);
    block = next;
  }
}

function makeReady(block: usize): void {
  changetype<WaitingBlock>(block).next = 0;
  if (ready == 0) ready = block; else changetype<WaitingBlock>(readyLast).next = block;
  readyLast = block;
}

/** Two heaps as one: the top that needs more goes under the other. Either may be 0. */
function joined(a: usize, b: usize): usize {
  if (a == 0) return b;
  if (b == 0) return a;
  const isFirst = changetype<WaitingBlock>(a).seq <= changetype<WaitingBlock>(b).seq;
  const top = changetype<WaitingBlock>(isFirst ? a : b);
  const under = isFirst ? b : a;
  changetype<WaitingBlock>(under).next = top.child;
  top.child = under;
  return changetype<usize>(top);
}

/** What is left of a heap without its top, whose first child is given: joined in pairs, and those from the last on. */
function joinedAll(child: usize): usize {
  let pairs: usize = 0;
  while (child != 0) {
    const second = changetype<WaitingBlock>(child).next;
    const rest = second == 0 ? second : changetype<WaitingBlock>(second).next;
    const pair = joined(child, second);
    changetype<WaitingBlock>(pair).next = pairs;
    pairs = pair;
    child = rest;
  }
  let heap: usize = 0;
  while (pairs != 0) {
    const rest = changetype<WaitingBlock>(pairs).next;
    heap = joined(heap, pairs);
    pairs = rest;
  }
  return heap;
}

/** Moves the blocks a replica's progress sets free to the ready queue. */
export function wake(doc: Document, replica: u32): void {
  const record = replicaAt(doc, replica);
  while (record.waiting != 0 && changetype<WaitingBlock>(record.waiting).seq <= record.seq) {
    const block = record.waiting;
    record.waiting = joinedAll(changetype<WaitingBlock>(block).child);
    makeReady(block);
  }
}

/** The next block that need not wait any more, 0 when there is none. The caller frees it. */
export function takeReady(doc: Document): usize {
  const block = ready;
  if (block == 0) return 0;
  ready = changetype<WaitingBlock>(block).next;
  doc.waitingCount--;
  doc.waitingBytes -= changetype<WaitingBlock>(block).bytes;
  return block;
}

export function waitingFree(doc: Document, block: usize): void {
  arenaUnblock(doc.arena, block);
}
