// The client's session: one connection, many documents, as a pure state machine.
//
//   step(state, event) → [state, effects]
//
//   offline ──connect──▶ connecting ──linkOpened──▶ greeting ──welcome──▶ open
//      ▲                    │  ▲                       │                   │
//      └──── fatal error ───┤  └── retry timer ── waiting ◀── link lost ───┘
//
// No sockets, timers, clocks, randomness or storage: connection.ts runs the effects and turns what happens
// into events. So the weather belongs to the tests, and a model checker can walk the same code.
// The connection's life is here; a document's is in incoming.ts, outgoing.ts and presence.ts.

import * as closeCodes from '../wire/close-codes.js';
import { errorOfClose, isFatal } from '../wire/closing.js';
import { protocolVersion, type Message } from '../wire/message.js';
import { rewind, type OwnBatch } from './batch-queue.js';
import {
  leaveCatchUp, receiveChanges, receiveRefusal, receiveResync, receiveSnapshot, receiveSubscribed, subscribe, subscribeWaiting,
} from './incoming.js';
import { queueBatches, receiveAck, receiveReject, startSending } from './outgoing.js';
import { expirePresence, flushPresence, pingMs, receivePresence, setOwnPresence } from './presence.js';
import {
  newDocument, statusOf,
  type Cursor, type Effect, type SessionError, type SessionEvent, type SessionState, type SessionStatus, type TimerName,
} from './session-state.js';
import { Turn } from './turn.js';

export { initialSession, type Effect, type SessionEvent, type SessionState } from './session-state.js';

/** From dialling to welcome. */
const connectMs = 10_000;
/** A link that was asked after a hint from the device answers within this, or is dead. */
const probeMs = 5_000;
const pingsMissedMax = 2;

export function step(state: SessionState, event: SessionEvent): [SessionState, readonly Effect[]] {
  const turn = new Turn(state);
  handle(turn, event);
  rest(turn);
  const before = statusOf(state);
  const status = statusOf(turn.state);
  if (!isSameStatus(before, status)) turn.emit({ type: 'status', status });
  return [turn.state, turn.effects];
}

/** Whether everything the server had at subscribe time is here, and what follows comes as it is committed. */
export function isLive(state: SessionState, document: string): boolean {
  return state.documents.get(document)?.phase === 'live';
}

function handle(turn: Turn, event: SessionEvent): void {
  switch (event.type) {
    case 'connect': return connect(turn);
    case 'disconnect': return stop(turn, null);
    case 'online': return turn.state.phase === 'waiting' && !turn.state.held ? dial(turn) : probe(turn);
    case 'offline': return probe(turn);
    case 'linkOpened': return greet(turn, event.token);
    case 'renewed': return renewed(turn, event.token);
    case 'linkClosed': return linkClosed(turn, event.code, event.reason);
    case 'message': return receive(turn, event.message);
    case 'malformed': return nonsense(turn, event.reason);
    case 'timer': return timerFired(turn, event.timer);
    case 'open': return openDocument(turn, event.document, event.cursor, event.unacked);
    case 'push': return queueBatches(turn, event.document, event.batches, true);
    case 'close': return closeDocument(turn, event.document);
    case 'presence': return setOwnPresence(turn, event.document, event.replica, event.state);
    case 'hostFailed': return drop(turn, closeCodes.normal, event.error);
  }
}

// ── the connection ──────────────────────────────────────────────────────────────────────────────

function connect(turn: Turn): void {
  const { phase } = turn.state;
  if (phase !== 'offline' && phase !== 'waiting') return;
  turn.set({ attempt: 0, error: null });
  dial(turn);
}

function dial(turn: Turn): void {
  turn.set({ phase: 'connecting', held: false });
  turn.emit({ type: 'cancel', timer: 'retry' }, { type: 'timer', timer: 'connect', ms: connectMs }, { type: 'dial' });
}

function greet(turn: Turn, token: string | undefined): void {
  if (turn.state.phase !== 'connecting') return;
  turn.set({ phase: 'greeting' });
  const hello = { type: 'hello' as const, protocol: protocolVersion, replica: turn.state.replica };
  turn.emit({ type: 'send', message: token === undefined ? hello : { ...hello, token } });
}

function welcome(turn: Turn, message: Extract<Message, { type: 'welcome' }>): void {
  if (message.protocol !== protocolVersion) {
    return stop(turn, { code: 'version_unsupported', message: `the server speaks protocol ${message.protocol}, this client ${protocolVersion}: update the older one` });
  }
  const { epoch, frameBytesMax, pingIntervalMs } = message;
  turn.set({ phase: 'open', epoch, frameBytesMax, pingIntervalMs, pingsMissed: 0, error: null });
  turn.emit({ type: 'cancel', timer: 'connect' }, { type: 'timer', timer: 'ping', ms: pingIntervalMs });
  for (const id of turn.state.documents.keys()) subscribe(turn, id);
}

/** The server asked for another token, and the app has one. */
function renewed(turn: Turn, token: string): void {
  if (turn.state.phase === 'open') turn.emit({ type: 'send', message: { type: 'token', token } });
}

function linkClosed(turn: Turn, closeCode: number, reason: string): void {
  if (!hasLink(turn)) return;
  const code = errorOfClose(closeCode);
  const error = { code, message: `the connection was closed (${closeCode}${reason ? `: ${reason}` : ''})` };
  if (isFinal(turn, code)) return stop(turn, error, false);
  // The reason the server gave in words before it closed says more than the close itself.
  const said = turn.state.error;
  lose(turn, said && said.document === undefined ? said : error, 0);
}

/** Closes the link for a fault and tries again later. */
function drop(turn: Turn, closeCode: number, error: SessionError, retryAfterMs = 0): void {
  turn.emit({ type: 'hangUp', code: closeCode, reason: error.code });
  lose(turn, error, retryAfterMs);
}

function nonsense(turn: Turn, reason: string): void {
  if (hasLink(turn)) drop(turn, closeCodes.protocolError, { code: 'protocol_error', message: reason });
}

function lose(turn: Turn, error: SessionError, retryAfterMs: number): void {
  forgetLink(turn);
  const { attempt } = turn.state;
  turn.set({ phase: 'waiting', attempt: attempt + 1, held: retryAfterMs > 0, error });
  turn.emit({ type: 'backoff', timer: 'retry', attempt, atLeastMs: retryAfterMs });
}

/** Ends the attempts until the app connects again. */
function stop(turn: Turn, error: SessionError | null, isLinkOpen = hasLink(turn)): void {
  if (isLinkOpen) turn.emit({ type: 'hangUp', code: closeCodes.normal, reason: error?.code ?? 'disconnected' });
  forgetLink(turn);
  turn.emit({ type: 'cancel', timer: 'retry' });
  turn.set({ phase: 'offline', attempt: 0, held: false, error });
}

function hasLink(turn: Turn): boolean {
  return turn.state.phase !== 'offline' && turn.state.phase !== 'waiting';
}

/** What was said on this link no longer counts; what was known of each document does. */
function forgetLink(turn: Turn): void {
  const timers: TimerName[] = ['connect', 'ping', 'presence', 'resubscribe'];
  turn.emit(...timers.map((timer) => ({ type: 'cancel' as const, timer })));
  for (const [id, { queue }] of turn.state.documents) {
    turn.setDocument(id, { phase: 'idle', snapshot: null, bytesLeft: 0, restarts: 0, queue: rewind(queue) });
    expirePresence(turn, id);
  }
  turn.set({
    unanswered: new Map(), sending: [], catchUp: { bytes: 0, total: 0 }, presenceDirty: [],
    isPresenceTimerSet: false, isResubscribeTimerSet: false, pingsMissed: 0,
  });
}

// ── liveness ────────────────────────────────────────────────────────────────────────────────────

function timerFired(turn: Turn, timer: TimerName): void {
  const { phase } = turn.state;
  switch (timer) {
    case 'retry': return phase === 'waiting' ? dial(turn) : undefined;
    case 'connect': return phase === 'connecting' || phase === 'greeting' ? isSilent(turn, 'the server did not answer') : undefined;
    case 'ping': return phase === 'open' ? ping(turn) : undefined;
    case 'presence': return phase === 'open' ? flushPresence(turn) : undefined;
    case 'resubscribe': return phase === 'open' ? subscribeWaiting(turn) : undefined;
  }
}

function ping(turn: Turn): void {
  const { pingsMissed } = turn.state;
  if (pingsMissed >= pingsMissedMax) isSilent(turn, 'the server no longer answers');
  else sendPing(turn, pingsMissed + 1, pingMs(turn));
}

/** Asks at once whether the link still works: a socket outlives its network without knowing. This ping is the last one. */
function probe(turn: Turn): void {
  const { phase, pingsMissed } = turn.state;
  if (phase === 'open' && pingsMissed < pingsMissedMax) sendPing(turn, pingsMissedMax, probeMs);
}

function sendPing(turn: Turn, pingsMissed: number, ms: number): void {
  const nonce = (turn.state.nonce + 1) >>> 0;
  turn.set({ nonce, pingsMissed });
  turn.emit({ type: 'send', message: { type: 'ping', nonce } }, { type: 'timer', timer: 'ping', ms });
}

function isSilent(turn: Turn, message: string): void {
  drop(turn, closeCodes.pingTimeout, { code: 'unavailable', message });
}

/** Any frame is a sign of life. */
function noteLife(turn: Turn): void {
  if (turn.state.pingsMissed > 0) turn.set({ pingsMissed: 0 });
}

// ── messages ────────────────────────────────────────────────────────────────────────────────────

function receive(turn: Turn, message: Message): void {
  const { phase } = turn.state;
  if (phase !== 'greeting' && phase !== 'open') return;
  noteLife(turn);
  if (receiveAlways(turn, message)) return;
  const isSense = phase === 'open' ? receiveOpen(turn, message) : receiveGreeting(turn, message);
  if (!isSense) nonsense(turn, `${message.type} makes no sense now`);
}

/** Takes what may come at any time; false when `message` is another. */
function receiveAlways(turn: Turn, message: Message): boolean {
  switch (message.type) {
    case 'ping': turn.emit({ type: 'send', message: { type: 'pong', nonce: message.nonce } }); return true;
    case 'error': receiveError(turn, message); return true;
    case 'goodbye': receiveGoodbye(turn, message); return true;
    default: return false;
  }
}

function receiveGreeting(turn: Turn, message: Message): boolean {
  if (message.type !== 'welcome') return false;
  welcome(turn, message);
  return true;
}

function receiveOpen(turn: Turn, message: Message): boolean {
  switch (message.type) {
    case 'subscribed': return receiveSubscribed(turn, message);
    case 'changes': return receiveChanges(turn, message);
    case 'snapshot': return receiveSnapshot(turn, message);
    case 'resync': return receiveResync(turn, message.document);
    case 'ack': receiveAck(turn, message.document, message.entries); return true;
    case 'reject': receiveReject(turn, message.document, rejectionOf(message)); return true;
    case 'presence': receivePresence(turn, message); return true;
    case 'renew': turn.emit({ type: 'renew' }); return true;
    case 'pong': return true;
    default: return false;
  }
}

function receiveError(turn: Turn, { code, message, document }: Extract<Message, { type: 'error' }>): void {
  if (document !== undefined) {
    turn.set({ error: { code, message, document } });
    receiveRefusal(turn, document, !isPassing(code));
  } else if (code === 'replica_conflict') {
    // An earlier link still shows the presence of a tab we speak for. When that link ends we are told; see presence.ts.
  } else if (isFinal(turn, code)) {
    stop(turn, { code, message });
  } else if (isFatal(code)) {
    drop(turn, closeCodes.normal, { code, message });
  } else {
    turn.set({ error: { code, message } });
  }
}

function receiveGoodbye(turn: Turn, { code, message, retryAfterMs }: Extract<Message, { type: 'goodbye' }>): void {
  if (isFinal(turn, code)) stop(turn, { code, message });
  else drop(turn, closeCodes.normal, { code, message }, retryAfterMs);
}

/** Whom the server let in it may let in again, with another token; whom it did not, only the app can help. */
function isFinal(turn: Turn, code: SessionError['code']): boolean {
  return isFatal(code) && !(code === 'not_authorized' && turn.state.phase === 'open');
}

/** Whether the same request may succeed a little later. */
function isPassing(code: SessionError['code']): boolean {
  return code === 'unavailable' || code === 'rate_limited' || code === 'internal' || code === 'storage_failed';
}

function rejectionOf({ replica, seqFrom, seqTo, code, message }: Extract<Message, { type: 'reject' }>) {
  return { replica, seqFrom, seqTo, code, message };
}

// ── documents ───────────────────────────────────────────────────────────────────────────────────

function openDocument(turn: Turn, id: string, cursor: Cursor | null, unacked: readonly OwnBatch[]): void {
  if (turn.document(id)) return openAgain(turn, id, cursor, unacked);
  turn.addDocument(id, newDocument(cursor));
  queueBatches(turn, id, unacked);
  if (turn.state.phase === 'open') subscribe(turn, id);
}

/** Another tab opens it too: the log is taken from the lower of the two positions. */
function openAgain(turn: Turn, id: string, cursor: Cursor | null, unacked: readonly OwnBatch[]): void {
  const { epoch, lsn } = turn.document(id)!;
  turn.setDocument(id, { lsn: cursor?.epoch === epoch ? Math.min(cursor.lsn, lsn) : 0 });
  if (turn.state.phase === 'open') subscribe(turn, id);
  queueBatches(turn, id, unacked);
}

function closeDocument(turn: Turn, id: string): void {
  if (!turn.document(id)) return;
  leaveCatchUp(turn, id);
  turn.removeDocument(id);
  if (turn.state.error?.document === id) turn.set({ error: null });
  if (turn.state.phase !== 'open') return;
  turn.emit({ type: 'send', message: { type: 'unsubscribe', document: id } });
  // What it had in flight makes room for the others.
  const [next] = turn.state.sending;
  if (next !== undefined) startSending(turn, next);
}

/** Everything is live: the next failure starts from the shortest wait, the next catch-up from zero. */
function rest(turn: Turn): void {
  const { phase, behind, attempt, catchUp } = turn.state;
  if (phase !== 'open' || behind > 0) return;
  if (attempt > 0) turn.set({ attempt: 0 });
  if (catchUp.total > 0 || catchUp.bytes > 0) turn.set({ catchUp: { bytes: 0, total: 0 } });
}

function isSameStatus(a: SessionStatus, b: SessionStatus): boolean {
  return a.connection === b.connection && a.error === b.error
    && a.progress?.bytes === b.progress?.bytes && a.progress?.total === b.progress?.total;
}
