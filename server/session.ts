// The server's side of one connection, as a value: (state, event) → [state, effects].
//
// No sockets, no clock, no store: what is to be done comes out as effects and connection.ts does it. So every
// order of events can be played through in a test with literal messages.

import type { ErrorCode } from '../sdk/core/errors.js';
import type { ReplicaId } from '../sdk/core/replica.js';
import * as closeCodes from '../sdk/wire/close-codes.js';
import { closeCodeOf } from '../sdk/wire/closing.js';
import { protocolVersion, type Lsn, type Message } from '../sdk/wire/message.js';
import type { Limits } from './limits.js';

export interface SessionState {
  /** proving: hello came, and whether its token is good is being looked at. */
  readonly phase: 'greeting' | 'proving' | 'open' | 'closed';
  /** When its token ends; Infinity without accounts. */
  readonly expiresMs: number;
  /** It was asked for another token. */
  readonly isAskedToRenew: boolean;
  /** It sent one, which is being looked at. */
  readonly isRenewing: boolean;
  /** The replica of the client's hello. */
  readonly replica: ReplicaId | null;
  readonly openedMs: number;
  readonly heardMs: number;
  readonly pingedMs: number;
  /** Somebody has seen it: it is asked more often whether it is still there. */
  readonly hasShown: boolean;
  /** It did not answer that, and is shown no more. */
  readonly isSilent: boolean;
  readonly documents: ReadonlySet<string>;
  /** Frames were dropped; everything subscribed must be asked for again once the socket drains. */
  readonly isLagging: boolean;
  readonly unackedBytes: number;
  /** Resyncs in a row, per document, because a push missed a dependency. */
  readonly missing: ReadonlyMap<string, number>;
  /** Told to resync for that, and not back yet: what else of the same flight is early says nothing new. */
  readonly resyncing: ReadonlySet<string>;
  /**
   * Refused for now, and not back yet. What is pushed behind that is not taken: an ack covers all before it, and what
   * was refused may have been logged as a void whose reject was never sent.
   */
  readonly refused: ReadonlySet<string>;
}

export type SessionEvent =
  | { type: 'message'; message: Message; nowMs: number }
  | { type: 'malformed'; code: ErrorCode; reason: string }
  /** Time has passed. */
  | { type: 'tick'; nowMs: number }
  | { type: 'lagging' }
  /** `bufferedBytes` are left in the socket. */
  | { type: 'drain'; bufferedBytes: number }
  /** A push has been answered in full. */
  | { type: 'settled'; bytes: number }
  /** Something of the client's was committed. */
  | { type: 'progress'; document: string }
  | { type: 'missing-dependency'; document: string }
  /** `isAnswer`: it answers a subscribe, each of which gets exactly one answer. */
  | { type: 'unavailable'; document: string; code: ErrorCode; reason: string; isAnswer: boolean }
  /** The token of hello, or a later one, is good. */
  | { type: 'admitted'; expiresMs: number }
  /** It is not, or no longer; or there are too many of this user. */
  | { type: 'turned-away'; code: ErrorCode; reason: string }
  /** A document may be followed no longer. */
  | { type: 'forbidden'; document: string }
  | { type: 'stopping'; retryAfterMs: number }
  | { type: 'closed' };

export type SessionEffect =
  | { type: 'send'; message: Message }
  | { type: 'close'; code: number; reason: string }
  /** Answer with `subscribed`, catch up, join the live frames. Ends an earlier join of the document. */
  | { type: 'join'; document: string; lsn: Lsn; epoch: string }
  /** Look whether the token is good: `admitted` or `turned-away` is the answer. */
  | { type: 'authenticate'; token: string | undefined }
  | { type: 'leave'; document: string }
  /** Stop sending what the document's log holds; the subscription stands. */
  | { type: 'halt'; document: string }
  | { type: 'push'; document: string; batches: Uint8Array }
  | { type: 'presence'; document: string; replica: ReplicaId; state: Uint8Array }
  /** What it has shown is taken back, or shown again. */
  | { type: 'silent'; isSilent: boolean };

export interface SessionSettings {
  epoch: string;
  limits: Limits;
  /** Nobody comes in without a token. */
  hasAccounts: boolean;
}

type Step = [SessionState, SessionEffect[]];
type MessageOf<Type extends Message['type']> = Extract<Message, { type: Type }>;

/** Said of a document that is not there for this user, and of one that is not there. */
export const notAllowed = 'this document is not yours to use';

/** 1012: service restart, by RFC 6455's registry. */
const closeRestart = 1012;

export function newSession(nowMs: number): SessionState {
  return {
    phase: 'greeting', expiresMs: Infinity, isAskedToRenew: false, isRenewing: false, replica: null, openedMs: nowMs, heardMs: nowMs, pingedMs: nowMs, hasShown: false, isSilent: false,
    documents: new Set(), isLagging: false, unackedBytes: 0, missing: new Map(), resyncing: new Set(), refused: new Set(),
  };
}

export function step(state: SessionState, event: SessionEvent, settings: SessionSettings): Step {
  if (state.phase === 'closed') return [state, []];
  switch (event.type) {
    case 'message': return hear(state, event.message, event.nowMs, settings);
    case 'malformed': return refuse(state, event.code, event.reason);
    case 'tick': return tick(state, event.nowMs, settings.limits);
    case 'lagging': return lag(state);
    case 'drain': return drain(state, event.bufferedBytes, settings.limits);
    case 'settled': return [{ ...state, unackedBytes: state.unackedBytes - event.bytes }, []];
    case 'progress': return progress(state, event.document);
    case 'missing-dependency': return missDependency(state, event.document, settings.limits);
    case 'unavailable': return fail(state, event);
    case 'admitted': return admit(state, event.expiresMs, settings);
    case 'turned-away': return refuse(state, event.code, event.reason);
    case 'forbidden': return forbid(state, event.document);
    case 'stopping': return stop(state, event.retryAfterMs);
    case 'closed': return leaveAll(state);
  }
}

// ── messages ──────────────────────────────────────────────────────────────────────────────────────

/** Any frame is a sign of life. */
function hear(state: SessionState, message: Message, nowMs: number, settings: SessionSettings): Step {
  const [next, effects] = receive({ ...state, heardMs: nowMs, isSilent: false }, message, settings);
  return [next, state.isSilent ? [{ type: 'silent', isSilent: false }, ...effects] : effects];
}

function receive(state: SessionState, message: Message, settings: SessionSettings): Step {
  if (state.phase === 'greeting') {
    return message.type === 'hello'
      ? greet(state, message, settings) : refuse(state, 'protocol_error', `${message.type} before hello`);
  }
  if (state.phase === 'proving') return refuse(state, 'protocol_error', `${message.type} before welcome`);
  switch (message.type) {
    case 'subscribe': return subscribe(state, message, settings.limits);
    case 'unsubscribe': return unsubscribe(state, message.document);
    case 'push': return push(state, message, settings.limits);
    case 'presence': return presence(state, message, settings.limits);
    case 'ping': return [state, [{ type: 'send', message: { type: 'pong', nonce: message.nonce } }]];
    case 'pong': return [state, []];
    case 'token': return renew(state, message.token, settings);
    case 'goodbye': return end(state, closeCodes.normal, 'goodbye');
    default: return refuse(state, 'protocol_error', `${message.type} is not for a server, or not now`);
  }
}

function greet(state: SessionState, hello: MessageOf<'hello'>, settings: SessionSettings): Step {
  if (hello.protocol !== protocolVersion) {
    return refuse(state, 'version_unsupported', `this server speaks protocol ${protocolVersion}, not ${hello.protocol}`);
  }
  const greeted: SessionState = { ...state, replica: hello.replica };
  if (!settings.hasAccounts) return welcome(greeted, settings);
  return [{ ...greeted, phase: 'proving' }, [{ type: 'authenticate', token: hello.token }]];
}

function admit(state: SessionState, expiresMs: number, settings: SessionSettings): Step {
  const admitted = { ...state, expiresMs, isAskedToRenew: false, isRenewing: false };
  return state.phase === 'proving' ? welcome(admitted, settings) : [admitted, []];
}

/** One at a time: each costs the checking of a signature. */
function renew(state: SessionState, token: string, { hasAccounts }: SessionSettings): Step {
  if (!hasAccounts) return [state, []];
  if (state.isRenewing) return refuse(state, 'protocol_error', 'a token while another is being looked at');
  return [{ ...state, isRenewing: true }, [{ type: 'authenticate', token }]];
}

function welcome(state: SessionState, { epoch, limits }: SessionSettings): Step {
  const message: Message = {
    type: 'welcome', protocol: protocolVersion, epoch,
    pingIntervalMs: limits.pingIntervalMs, frameBytesMax: limits.frameBytesMax,
  };
  return [{ ...state, phase: 'open' }, [{ type: 'send', message }]];
}

function subscribe(state: SessionState, { document, lsn, epoch }: MessageOf<'subscribe'>, limits: Limits): Step {
  const isNew = !state.documents.has(document);
  if (isNew && state.documents.size + less(state.refused, document).size >= limits.documentsPerSocketMax) {
    return [state, [error('too_large', `at most ${limits.documentsPerSocketMax} documents per connection`, document)]];
  }
  const documents = isNew ? new Set(state.documents).add(document) : state.documents;
  return [{ ...state, documents, resyncing: less(state.resyncing, document), refused: less(state.refused, document) }, [{ type: 'join', document, lsn, epoch }]];
}

function unsubscribe(state: SessionState, document: string): Step {
  if (!state.documents.has(document)) return [{ ...state, refused: less(state.refused, document) }, []];
  return [without(state, document), [{ type: 'leave', document }]];
}

/** A peer that ignores acks is closed rather than answered: it may come back and go on from what was committed. */
function push(state: SessionState, { document, batches }: MessageOf<'push'>, limits: Limits): Step {
  if (state.refused.has(document)) return [state, []];
  const unackedBytes = state.unackedBytes + batches.length;
  if (unackedBytes > limits.unackedBytesMax) {
    return refuse(state, 'rate_limited', `more than ${limits.unackedBytesMax} bytes pushed and not acked`);
  }
  return [{ ...state, unackedBytes }, [{ type: 'push', document, batches }]];
}

/** Presence for a document just left is late, not wrong. */
function presence(state: SessionState, message: MessageOf<'presence'>, limits: Limits): Step {
  if (!state.documents.has(message.document)) return [state, []];
  if (message.state.length > limits.presenceBytesMax) {
    return [state, [error('too_large', `presence has at most ${limits.presenceBytesMax} bytes`)]];
  }
  const { document, replica, state: value } = message;
  return [{ ...state, hasShown: true }, [{ type: 'presence', document, replica, state: value }]];
}

// ── everything else ───────────────────────────────────────────────────────────────────────────────

function tick(state: SessionState, nowMs: number, limits: Limits): Step {
  if (state.phase !== 'open') {
    return nowMs - state.openedMs < limits.helloTimeoutMs ? [state, []] : end(state, closeCodes.helloTimeout, 'no hello');
  }
  if (nowMs - state.heardMs >= limits.silenceMsMax) return end(state, closeCodes.pingTimeout, 'silent for too long');
  // A token that is let in within the tolerance is not sent away within it.
  const graceMs = Math.max(limits.tokenGraceMs, limits.clockToleranceMs);
  if (nowMs >= state.expiresMs + graceMs) return refuse(state, 'not_authorized', 'the token has expired');
  if (!state.isAskedToRenew && nowMs >= state.expiresMs - limits.tokenRenewMs) return askToRenew(state, nowMs);
  return lookAlive(state, nowMs, limits);
}

/** In time for the client to fetch another; the rest of the tick is done by the next one. */
function askToRenew(state: SessionState, nowMs: number): Step {
  const expiresInMs = Math.max(0, Math.floor(state.expiresMs - nowMs));
  return [{ ...state, isAskedToRenew: true }, [send({ type: 'renew', expiresInMs })]];
}

function lookAlive(state: SessionState, nowMs: number, limits: Limits): Step {
  const isSilent = state.hasShown && nowMs - state.heardMs >= limits.presenceSilenceMsMax;
  const effects: SessionEffect[] = isSilent && !state.isSilent ? [{ type: 'silent', isSilent }] : [];
  const pingMs = state.hasShown ? Math.min(limits.presencePingMs, limits.pingIntervalMs) : limits.pingIntervalMs;
  if (nowMs - Math.max(state.pingedMs, state.heardMs) < pingMs) return [{ ...state, isSilent }, effects];
  return [{ ...state, isSilent, pingedMs: nowMs }, [...effects, { type: 'send', message: { type: 'ping', nonce: nowMs % 0x1_0000_0000 } }]];
}

function lag(state: SessionState): Step {
  return [{ ...state, isLagging: true }, [...state.documents].map((document) => ({ type: 'halt', document }))];
}

/** Only once half the budget is free again: a resync that is itself dropped would help nobody. */
function drain(state: SessionState, bufferedBytes: number, limits: Limits): Step {
  if (!state.isLagging || bufferedBytes > limits.backpressureBytesMax / 2) return [state, []];
  const resyncs = [...state.documents].map((document) => send({ type: 'resync', document }));
  return [{ ...state, isLagging: false }, resyncs];
}

function progress(state: SessionState, document: string): Step {
  if (!state.missing.has(document)) return [state, []];
  const missing = new Map(state.missing);
  missing.delete(document);
  return [{ ...state, missing }, []];
}

/** The peer starts again from what it holds. One that keeps pushing without the dependency is told that it must not. */
function missDependency(state: SessionState, document: string, limits: Limits): Step {
  if (state.resyncing.has(document)) return [state, []];
  const count = (state.missing.get(document) ?? 0) + 1;
  const missing = new Map(state.missing).set(document, count);
  const resyncing = new Set(state.resyncing).add(document);
  const answer = count > limits.missingInARowMax
    ? error('missing_dependency', 'a batch builds on ops that never came', document)
    : send({ type: 'resync', document });
  return [{ ...state, missing, resyncing }, [answer]];
}

/** The document is refused for now; the client subscribes again later, and everything it holds comes with that. */
function fail(state: SessionState, { document, code, reason, isAnswer }: SessionEvent & { type: 'unavailable' }): Step {
  if (state.documents.has(document)) {
    const refused = new Set(state.refused).add(document);
    return [{ ...without(state, document), refused }, [{ type: 'leave', document }, error(code, reason, document)]];
  }
  // Said already, for an earlier push of the same flight.
  return [state, isAnswer ? [error(code, reason, document)] : []];
}

/** Whether it exists or not, the answer is this. */
function forbid(state: SessionState, document: string): Step {
  if (!state.documents.has(document)) return [state, []];
  const refused = new Set(state.refused).add(document);
  return [{ ...without(state, document), refused }, [{ type: 'leave', document }, error('not_authorized', notAllowed, document)]];
}

function stop(state: SessionState, retryAfterMs: number): Step {
  const goodbye = send({ type: 'goodbye', code: 'unavailable', message: 'the server is stopping', retryAfterMs });
  const [closed, effects] = end(state, closeRestart, 'the server is stopping');
  return [closed, [goodbye, ...effects]];
}

/** What the peer did is against the protocol: say so, and hang up. Others do not notice. */
function refuse(state: SessionState, code: ErrorCode, reason: string): Step {
  const [closed, effects] = end(state, closeCodeOf(code), reason);
  return [closed, [error(code, reason), ...effects]];
}

function end(state: SessionState, code: number, reason: string): Step {
  const [closed, effects] = leaveAll(state);
  return [closed, [...effects, { type: 'close', code, reason }]];
}

function leaveAll(state: SessionState): Step {
  const effects: SessionEffect[] = [...state.documents].map((document) => ({ type: 'leave', document }));
  return [{ ...state, phase: 'closed', documents: new Set() }, effects];
}

function without(state: SessionState, document: string): SessionState {
  const missing = new Map(state.missing);
  missing.delete(document);
  return { ...state, documents: less(state.documents, document), resyncing: less(state.resyncing, document), missing };
}

function less(set: ReadonlySet<string>, value: string): ReadonlySet<string> {
  if (!set.has(value)) return set;
  const smaller = new Set(set);
  smaller.delete(value);
  return smaller;
}

function send(message: Message): SessionEffect {
  return { type: 'send', message };
}

function error(code: ErrorCode, message: string, document?: string): SessionEffect {
  return send({ type: 'error', code, message, ...(document !== undefined && { document }) });
}
