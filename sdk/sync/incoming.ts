// The server's log on its way to this device: subscribe, its answer, snapshots and changes.
//
// The one rule: `lsn` only moves over entries that were handed to the host, in order. A piece that would
// leave a gap is dropped and the document subscribes again from where it stands; a piece that repeats is
// fine, applying is idempotent. A document that had to start again without any progress waits longer
// each time, so that a server that is wrong is not also flooded.

import type { ReplicaId } from '../core/replica.js';
import { decodeVersion } from '../core/codec.js';
import * as limits from '../wire/limits.js';
import type { Message } from '../wire/message.js';
import { rewind } from './batch-queue.js';
import { startSending, wholeOf } from './outgoing.js';
import { resendPresence } from './presence.js';
import { isSubscribed, type DocumentState, type PartialSnapshot } from './session-state.js';
import type { Turn } from './turn.js';

type MessageOf<T> = Extract<Message, { type: T }>;

export function subscribe(turn: Turn, id: string): void {
  leaveCatchUp(turn, id);
  const { lsn, epoch } = turn.document(id)!;
  turn.setDocument(id, { phase: 'subscribing', asked: lsn, snapshot: null });
  const unanswered = new Map(turn.state.unanswered).set(id, (turn.state.unanswered.get(id) ?? 0) + 1);
  turn.set({ unanswered });
  turn.emit({ type: 'send', message: { type: 'subscribe', document: id, lsn, epoch: epoch || turn.state.epoch } });
}

// Each of these says whether the message makes sense now.

export function receiveSubscribed(turn: Turn, message: MessageOf<'subscribed'>): boolean {
  const id = message.document;
  if (!turn.state.unanswered.has(id)) return false;
  if (answer(turn, id) > 0) return true;
  const document = turn.document(id);
  if (!document) return true;
  const isKnown = document.epoch === turn.state.epoch;
  if (message.from !== 0 && (message.from !== document.asked || !isKnown)) return false;
  const version = versionOf(message.version);
  if (!version) return false;
  startCatchUp(turn, id, message, version);
  return true;
}

export function receiveChanges(turn: Turn, message: MessageOf<'changes'>): boolean {
  const { document: id, first, last, batches } = message;
  const document = turn.document(id);
  if (!document) return true;
  const isAwaiting = document.phase === 'subscribing' && document.epoch === turn.state.epoch;
  if (!isSubscribed(document) && !isAwaiting) return isStale(turn, id, document);
  if (last <= document.lsn) return true;
  if (first <= document.lsn + 1) advance(turn, id, batches, last);
  // A gap while the answer is awaited belongs to an earlier subscription.
  else if (!isAwaiting) startAgain(turn, id);
  return true;
}

export function receiveSnapshot(turn: Turn, message: MessageOf<'snapshot'>): boolean {
  const id = message.document;
  const document = turn.document(id);
  if (!document) return true;
  // What an earlier subscription still brought can have overtaken the snapshot.
  if (isSubscribed(document) && message.lsn <= document.lsn) return true;
  if (document.phase !== 'catching-up') return isStale(turn, id, document);
  const snapshot = addPiece(document.snapshot, message);
  if (!snapshot) return false;
  if (snapshot.length < snapshot.total) {
    turn.setDocument(id, { snapshot });
    countBytes(turn, id, message.bytes.length);
  } else {
    turn.setDocument(id, { snapshot: null });
    advance(turn, id, wholeOf(snapshot.pieces), snapshot.lsn, message.bytes.length);
  }
  return true;
}

/** The server dropped something of this document, what it sent us or what we pushed; or would not refuse it any more. */
export function receiveResync(turn: Turn, id: string): boolean {
  const document = turn.document(id);
  if (document?.phase === 'refused' && turn.state.error?.document === id) turn.set({ error: null });
  if (document && (isSubscribed(document) || document.phase === 'refused')) startAgain(turn, id);
  return true;
}

/** The server refuses the document; `isFinal` says whether asking again on this link is of use. */
export function receiveRefusal(turn: Turn, id: string, isFinal: boolean): void {
  if (turn.state.unanswered.has(id) && answer(turn, id) > 0) return;
  if (!turn.document(id)) return;
  if (isFinal) {
    leaveCatchUp(turn, id);
    turn.setDocument(id, { phase: 'refused', snapshot: null });
  } else {
    waitToSubscribe(turn, id);
  }
}

/** The resubscribe timer fired. */
export function subscribeWaiting(turn: Turn): void {
  turn.set({ isResubscribeTimerSet: false });
  for (const [id, { phase }] of turn.state.documents) {
    if (phase === 'waiting') subscribe(turn, id);
  }
}

/** Takes the rest of the document's catch-up out of the total: it is over, or starts anew. */
export function leaveCatchUp(turn: Turn, id: string): void {
  const { bytesLeft } = turn.document(id)!;
  if (bytesLeft === 0) return;
  const { bytes, total } = turn.state.catchUp;
  turn.set({ catchUp: { bytes, total: total - bytesLeft } });
  turn.setDocument(id, { bytesLeft: 0 });
}

function startCatchUp(turn: Turn, id: string, message: MessageOf<'subscribed'>, version: Map<ReplicaId, number>): void {
  const { asked, lsn, queue } = turn.document(id)!;
  const { epoch, catchUp } = turn.state;
  const isLost = message.from === 0 && asked > 0;
  const start = isLost ? 0 : lsn;
  const bytesLeft = start >= message.head ? 0 : message.bytesTotal;
  // The host forgets its old position now: later it could look like one in the new log.
  if (isLost) turn.emit({ type: 'receive', document: id, blocks: new Uint8Array(0), cursor: { epoch, lsn: 0 } });
  turn.set({ catchUp: { bytes: catchUp.bytes, total: catchUp.total + bytesLeft } });
  turn.setDocument(id, {
    phase: start >= message.head ? 'live' : 'catching-up',
    epoch, lsn: start, head: message.head, bytesLeft, queue: rewind(queue),
  });
  turn.emit({ type: 'subscribed', document: id, version });
  startSending(turn, id);
  resendPresence(turn, id);
}

function advance(turn: Turn, id: string, blocks: Uint8Array, lsn: number, bytes: number = blocks.length): void {
  const { epoch } = turn.state;
  turn.emit({ type: 'receive', document: id, blocks, cursor: { epoch, lsn } });
  countBytes(turn, id, bytes);
  const document = turn.setDocument(id, { lsn, restarts: 0 });
  if (document.phase !== 'catching-up' || lsn < document.head) return;
  countBytes(turn, id, document.bytesLeft);
  turn.setDocument(id, { phase: 'live' });
}

function countBytes(turn: Turn, id: string, bytes: number): void {
  const { bytesLeft } = turn.document(id)!;
  const counted = Math.min(bytes, bytesLeft);
  if (counted === 0) return;
  turn.set({ catchUp: { bytes: turn.state.catchUp.bytes + counted, total: turn.state.catchUp.total } });
  turn.setDocument(id, { bytesLeft: bytesLeft - counted });
}

function startAgain(turn: Turn, id: string): void {
  const { restarts } = turn.document(id)!;
  if (restarts > 0) return waitToSubscribe(turn, id);
  subscribe(turn, id);
  turn.setDocument(id, { restarts: 1 });
}

function waitToSubscribe(turn: Turn, id: string): void {
  leaveCatchUp(turn, id);
  const { restarts } = turn.document(id)!;
  turn.setDocument(id, { phase: 'waiting', snapshot: null, restarts: restarts + 1 });
  if (turn.state.isResubscribeTimerSet) return;
  turn.set({ isResubscribeTimerSet: true });
  turn.emit({ type: 'backoff', timer: 'resubscribe', attempt: restarts, atLeastMs: 0 });
}

/** Counts one answer; how many are still to come. */
function answer(turn: Turn, id: string): number {
  const left = turn.state.unanswered.get(id)! - 1;
  const unanswered = new Map(turn.state.unanswered);
  if (left > 0) unanswered.set(id, left);
  else unanswered.delete(id);
  turn.set({ unanswered });
  return left;
}

/** Whether data may still come of a subscription that this document has since given up. */
function isStale(turn: Turn, id: string, document: DocumentState): boolean {
  return document.phase === 'waiting' || document.phase === 'refused' || turn.state.unanswered.has(id);
}

function addPiece(snapshot: PartialSnapshot | null, piece: MessageOf<'snapshot'>): PartialSnapshot | null {
  if (piece.total > limits.snapshotBytesMax) return null;
  const { lsn, total, offset, bytes } = piece;
  if (offset === 0) return { lsn, total, length: bytes.length, pieces: [bytes] };
  if (!snapshot || snapshot.lsn !== lsn || snapshot.total !== total || snapshot.length !== offset) return null;
  return { lsn, total, length: offset + bytes.length, pieces: [...snapshot.pieces, bytes] };
}

function versionOf(bytes: Uint8Array): Map<ReplicaId, number> | null {
  try {
    return decodeVersion(bytes);
  } catch {
    return null;
  }
}
