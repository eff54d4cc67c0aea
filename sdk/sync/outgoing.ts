// Own batches on their way to the server.
//
// They are pushed as soon as the server has answered the document's subscribe, while its catch-up may
// still be coming down: a batch builds on log entries, which the server has by definition, and on own
// batches, which stand before it in the queue. Waiting would only delay them.
//
// What is un-acked is sent again after each reconnect, also what the version vector of that answer covers: the server
// answers a repeat as it answered the first time, and only that answer tells an ack from a reject that was lost.
//
// Many batches travel in few frames; what is on its way unanswered is bounded, over all documents, which
// take turns frame by frame. A refused batch is reported and the rest goes on.

import { joinBytes } from '../core/bytes.js';
import { voidOf } from '../core/codec.js';
import * as limits from '../wire/limits.js';
import { append, hasUnsent, remove, replaceNext, settle, take, type OwnBatch } from './batch-queue.js';
import { isSubscribed, type DocumentState, type Rejection } from './session-state.js';
import type { Turn } from './turn.js';

/** One push frame carries this much unless a single batch is larger: pings and other documents get between. */
export const pushBytesMax = 256 * 1024;
/** Enough to keep a fast line busy over a long round trip; bounds what a server holds per client. */
export const inFlightBytesMax = 1024 * 1024;

type AckEntries = readonly { replica: string; seq: number }[];

/** Durable batches to be sent. What the server is known to have is reported again, not sent. @param areLatest  see `append` */
export function queueBatches(turn: Turn, id: string, batches: readonly OwnBatch[], areLatest = false): void {
  const document = turn.document(id);
  if (!document || batches.length === 0) return;
  const { acked } = document.queue;
  const repeated = batches.filter((batch) => batch.seqTo <= (acked.get(batch.replica) ?? 0));
  if (repeated.length > 0) turn.acked(id, new Map(repeated.map(({ replica }) => [replica, acked.get(replica)!])));
  const fresh = repeated.length > 0 ? batches.filter((batch) => !repeated.includes(batch)) : batches;
  turn.setQueue(id, append(document.queue, fresh, areLatest));
  startSending(turn, id);
}

export function receiveAck(turn: Turn, id: string, entries: AckEntries): void {
  const document = turn.document(id);
  if (!document) return;
  const version = new Map(entries.map(({ replica, seq }) => [replica, seq]));
  turn.setDocument(id, { queue: settle(document.queue, version), restarts: 0 });
  turn.acked(id, version);
  pump(turn);
}

export function receiveReject(turn: Turn, id: string, batch: Rejection): void {
  const document = turn.document(id);
  if (!document) return;
  turn.setDocument(id, { queue: remove(document.queue, batch.replica, batch.seqFrom, batch.seqTo), restarts: 0 });
  turn.emit({ type: 'rejected', document: id, batch });
  pump(turn);
}

/** Puts the document in line if it has something to send, and sends what may go. */
export function startSending(turn: Turn, id: string): void {
  if (canSend(turn.document(id)) && !turn.state.sending.includes(id)) turn.set({ sending: [...turn.state.sending, id] });
  pump(turn);
}

function pump(turn: Turn): void {
  while (turn.state.sending.length > 0) {
    const [id, ...rest] = turn.state.sending;
    const document = turn.document(id);
    if (!canSend(document)) {
      turn.set({ sending: rest });
    } else if (isOversized(turn, document)) {
      refuseOversized(turn, id, document);
    } else if (!sendFrame(turn, id, document)) {
      return;
    } else {
      turn.set({ sending: [...rest, id] });
    }
  }
}

/** One push frame of this document; false when it would not fit in flight. */
function sendFrame(turn: Turn, id: string, document: DocumentState): boolean {
  const { batches, bytes, queue } = take(document.queue, Math.min(pushBytesMax, roomOf(turn)));
  if (turn.state.inFlightBytes > 0 && turn.state.inFlightBytes + bytes > inFlightBytesMax) return false;
  turn.setQueue(id, queue);
  turn.emit({ type: 'send', message: { type: 'push', document: id, batches: wholeOf(batches.map((batch) => batch.bytes)) } });
  return true;
}

/**
 * A batch that no frame can carry is refused here, as the server would: a void takes its place, so that
 * what follows it can still be pushed.
 */
function refuseOversized(turn: Turn, id: string, document: DocumentState): void {
  const batch = document.queue.log[document.queue.next];
  const message = `the batch has ${batch.bytes.length} bytes; this server takes ${roomOf(turn)}`;
  const { replica, seqFrom, seqTo } = batch;
  turn.emit({ type: 'rejected', document: id, batch: { replica, seqFrom, seqTo, code: 'too_large', message } });
  turn.setQueue(id, replaceNext(document.queue, { ...batch, bytes: voidOf(batch.bytes) }));
}

function isOversized(turn: Turn, document: DocumentState): boolean {
  return document.queue.log[document.queue.next].bytes.length > roomOf(turn);
}

function roomOf(turn: Turn): number {
  return turn.state.frameBytesMax - limits.frameOverheadBytes;
}

function canSend(document: DocumentState | undefined): document is DocumentState {
  return document !== undefined && isSubscribed(document) && hasUnsent(document.queue);
}

/** One piece goes as it is. */
export function wholeOf(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? pieces[0] : joinBytes(pieces);
}
