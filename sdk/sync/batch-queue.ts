// A document's own un-acked batches, in the order they were made on this device.
//
//   log    │ … dropped … │ in flight │ to be sent │ … of a later state …
//                        first       next         end
//
// One queue for all replicas of the device, not one each: a batch may build on an un-acked batch of
// another replica (a tab on what a dead tab left), and the order in which the device stored them is one
// the server can apply. Within it each replica's batches are in seq order.
//
// Immutable for its holder, cheap all the same: states share one growing array and each sees its own
// stretch, so adding, sending and dropping cost what they touch. Adding to a state that is not the newest
// (a simulator going back) copies.

import type { ReplicaId } from '../core/replica.js';

export interface OwnBatch {
  readonly replica: ReplicaId;
  readonly seqFrom: number;
  readonly seqTo: number;
  readonly bytes: Uint8Array;
}

export interface BatchQueue {
  readonly log: OwnBatch[];
  readonly first: number;
  readonly next: number;
  readonly end: number;
  /** Bytes of first..next. */
  readonly inFlightBytes: number;
  /** The highest seq queued, per replica. */
  readonly tails: ReadonlyMap<ReplicaId, number>;
  /** What the server has committed, of the replicas queued here. */
  readonly acked: ReadonlyMap<ReplicaId, number>;
}

type Version = ReadonlyMap<ReplicaId, number>;

export const emptyQueue: BatchQueue = { log: [], first: 0, next: 0, end: 0, inFlightBytes: 0, tails: new Map(), acked: new Map() };

const droppedMax = 64;

/**
 * Adds batches that follow what is queued. Those that are queued already stay where they are: another tab may offer what it
 * knows of, in an order of its own. Those before something queued go to the front. O(batches), or O(queue) for these two.
 *
 * @param areLatest  one that is queued unsent with other bytes has been stamped again, and takes its own place
 */
export function append(queue: BatchQueue, batches: readonly OwnBatch[], areLatest = false): BatchQueue {
  const tails = new Map(queue.tails);
  for (const batch of batches) {
    if (batch.seqFrom <= (tails.get(batch.replica) ?? 0)) return sortIn(areLatest ? replaceUnsent(queue, batches) : queue, batches);
    tails.set(batch.replica, batch.seqTo);
  }
  const isNewest = queue.log.length === queue.end && queue.log !== emptyQueue.log;
  const log = isNewest ? queue.log : queue.log.slice(0, queue.end);
  for (const batch of batches) log.push(batch);
  return { ...queue, log, end: log.length, tails };
}

function sortIn(queue: BatchQueue, batches: readonly OwnBatch[]): BatchQueue {
  const queued = new Set(queue.log.slice(queue.first, queue.end).map(nameOf));
  const fresh = batches.filter((batch) => !queued.has(nameOf(batch)) && queued.add(nameOf(batch)));
  const isEarly = (batch: OwnBatch) => batch.seqFrom <= (queue.tails.get(batch.replica) ?? 0);
  const early = fresh.filter(isEarly);
  return append(early.length > 0 ? merge(queue, early) : queue, inOrder(fresh.filter((batch) => !isEarly(batch))));
}

function replaceUnsent(queue: BatchQueue, batches: readonly OwnBatch[]): BatchQueue {
  const offered = new Map(batches.map((batch) => [nameOf(batch), batch]));
  const log = queue.log.slice(0, queue.end);
  for (let i = queue.next; i < queue.end; i++) log[i] = offered.get(nameOf(log[i])) ?? log[i];
  return { ...queue, log };
}

/** Everything is to be sent again: what was acked has left the queue, and what was not may have been refused unheard. */
export function rewind(queue: BatchQueue): BatchQueue {
  return queue.next === queue.first ? queue : { ...queue, next: queue.first, inFlightBytes: 0 };
}

/** The next batches to send, `bytesMax` at most unless the first alone is more; taken as sent. */
export function take(queue: BatchQueue, bytesMax: number): { batches: OwnBatch[]; bytes: number; queue: BatchQueue } {
  let bytes = 0;
  let next = queue.next;
  while (next < queue.end) {
    const size = queue.log[next].bytes.length;
    if (next > queue.next && bytes + size > bytesMax) break;
    bytes += size;
    next++;
  }
  const batches = queue.log.slice(queue.next, next);
  return { batches, bytes, queue: { ...queue, next, inFlightBytes: queue.inFlightBytes + bytes } };
}

/** Whether there is something to send. */
export function hasUnsent(queue: BatchQueue): boolean {
  return queue.next < queue.end;
}

/** Notes what the server has committed and drops it from the front. O(dropped). */
export function settle(queue: BatchQueue, version: Version): BatchQueue {
  const acked = new Map(queue.acked);
  for (const [replica, seq] of version) {
    if (queue.tails.has(replica) && seq > (acked.get(replica) ?? 0)) acked.set(replica, seq);
  }
  // Acks come in the order of the queue but for interleaved replicas; those wait, settled, for the front.
  return dropFront({ ...queue, acked }, (batch) => batch.seqTo <= (acked.get(batch.replica) ?? 0));
}

/** Takes out what the server refused. O(dropped) at the front, where a refused batch normally is; else O(queue). */
export function remove(queue: BatchQueue, replica: ReplicaId, seqFrom: number, seqTo: number): BatchQueue {
  const isRefused = (batch: OwnBatch) => batch.replica === replica && batch.seqFrom >= seqFrom && batch.seqTo <= seqTo;
  if (queue.first === queue.end) return queue;
  if (isRefused(queue.log[queue.first])) return dropFront(queue, isRefused);
  const sent = queue.log.slice(queue.first, queue.next).filter((batch) => !isRefused(batch));
  const unsent = queue.log.slice(queue.next, queue.end).filter((batch) => !isRefused(batch));
  if (sent.length + unsent.length === queue.end - queue.first) return queue;
  return { ...queue, log: [...sent, ...unsent], first: 0, next: sent.length, end: sent.length + unsent.length, inFlightBytes: sizeOf(sent) };
}

/** The same queue with another batch next to be sent. */
export function replaceNext(queue: BatchQueue, batch: OwnBatch): BatchQueue {
  const log = queue.log.slice(0, queue.end);
  log[queue.next] = batch;
  return { ...queue, log };
}

function dropFront(queue: BatchQueue, isGone: (batch: OwnBatch) => boolean): BatchQueue {
  let { first, inFlightBytes } = queue;
  for (; first < queue.end && isGone(queue.log[first]); first++) {
    if (first < queue.next) inFlightBytes -= queue.log[first].bytes.length;
  }
  if (first === queue.first) return queue;
  if (first === queue.end) return emptyQueue;
  const next = Math.max(first, queue.next);
  if (first <= droppedMax || first * 2 < queue.log.length) return { ...queue, first, next, inFlightBytes };
  return { ...queue, log: queue.log.slice(first, queue.end), first: 0, next: next - first, end: queue.end - first, inFlightBytes };
}

/** For batches offered again, after the server lost what it had: they go first, all unsent. */
function merge(queue: BatchQueue, batches: readonly OwnBatch[]): BatchQueue {
  return queueOf(inOrder([...batches, ...queue.log.slice(queue.first, queue.end)]));
}

/** Each replica keeps the places it holds in the list and fills them in the order of its seqs. */
function inOrder(batches: readonly OwnBatch[]): OwnBatch[] {
  const sorted = new Map<ReplicaId, OwnBatch[]>();
  for (const batch of batches) {
    const own = sorted.get(batch.replica);
    if (own) own.push(batch);
    else sorted.set(batch.replica, [batch]);
  }
  for (const own of sorted.values()) own.sort((a, b) => b.seqFrom - a.seqFrom);
  return batches.map((batch) => sorted.get(batch.replica)!.pop()!);
}

function nameOf({ replica, seqFrom }: OwnBatch): string { return `${replica} ${seqFrom}`; }

function queueOf(log: OwnBatch[]): BatchQueue {
  if (log.length === 0) return emptyQueue;
  const tails = new Map(log.map((batch) => [batch.replica, batch.seqTo]));
  return { log, first: 0, next: 0, end: log.length, inFlightBytes: 0, tails, acked: new Map() };
}

function sizeOf(batches: readonly OwnBatch[]): number {
  return batches.reduce((bytes, batch) => bytes + batch.bytes.length, 0);
}
