// The session's values: its state, the events that move it, and the effects it asks for.
//
// All of them are plain values without functions, clocks or handles, so a simulator can keep, compare and
// replay them. A state is never changed once returned; parts an event does not touch are shared.

import type { ErrorCode } from '../core/errors.js';
import type { ReplicaId } from '../core/replica.js';
import * as limits from '../wire/limits.js';
import type { Lsn, Message } from '../wire/message.js';
import { Documents } from './documents.js';
import { emptyQueue, type BatchQueue, type OwnBatch } from './batch-queue.js';

/**
 * offline      not wanted by the app, or stopped by a fatal error
 * waiting      lost; the retry timer runs
 * connecting   the link is being opened
 * greeting     hello is sent, welcome awaited
 * open         welcome came: documents are catching up or live
 */
export type SessionPhase = 'offline' | 'waiting' | 'connecting' | 'greeting' | 'open';

/**
 * idle          no link
 * subscribing   subscribe is sent, its answer awaited
 * catching-up   log entries up to `head` are coming
 * live          everything up to `head` is here; entries follow as they are committed
 * waiting       subscribed again without progress, or refused for now; the resubscribe timer runs
 * refused       the server will not serve it on this connection
 */
export type DocumentPhase = 'idle' | 'subscribing' | 'catching-up' | 'live' | 'waiting' | 'refused';

export interface SessionState {
  readonly replica: ReplicaId;
  readonly phase: SessionPhase;
  /** Connections that failed or broke since everything was last live; the exponent of the backoff. */
  readonly attempt: number;
  /** The server said when to come back: no hint from the device shortens the wait. */
  readonly held: boolean;
  readonly epoch: string;
  readonly frameBytesMax: number;
  readonly pingIntervalMs: number;
  readonly nonce: number;
  /** Pings since the last frame that came. */
  readonly pingsMissed: number;
  readonly documents: Documents;
  /** Subscribes of each document that wait for their answer: only the last one's answer counts. */
  readonly unanswered: ReadonlyMap<string, number>;
  /** Documents with batches to push, the next one first. */
  readonly sending: readonly string[];
  readonly inFlightBytes: number;
  /** How many documents are not live and not refused. */
  readonly behind: number;
  readonly catchUp: Progress;
  /** Documents with an own presence to send. */
  readonly presenceDirty: readonly string[];
  readonly isPresenceTimerSet: boolean;
  readonly isResubscribeTimerSet: boolean;
  readonly error: SessionError | null;
}

export interface DocumentState {
  readonly phase: DocumentPhase;
  /** The log that `lsn` is a position of; '' when none was known. */
  readonly epoch: string;
  readonly lsn: Lsn;
  /** The position of the last subscribe. */
  readonly asked: Lsn;
  readonly head: Lsn;
  readonly snapshot: PartialSnapshot | null;
  readonly bytesLeft: number;
  /** Subscribes since the last progress on this link. */
  readonly restarts: number;
  readonly queue: BatchQueue;
  readonly presence: PresenceState;
}

export interface PartialSnapshot {
  readonly lsn: Lsn;
  readonly total: number;
  readonly length: number;
  readonly pieces: readonly Uint8Array[];
}

export interface PresenceState {
  /** This device's replicas; an empty value is a leave that is still to be sent. */
  readonly own: ReadonlyMap<ReplicaId, OwnPresence>;
  readonly others: ReadonlySet<ReplicaId>;
}

export interface OwnPresence {
  readonly state: Uint8Array;
  readonly isDirty: boolean;
}

const emptyPresence: PresenceState = { own: new Map(), others: new Set() };

export interface Progress {
  readonly bytes: number;
  readonly total: number;
}

export interface Cursor {
  readonly epoch: string;
  readonly lsn: Lsn;
}

export interface SessionError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly document?: string;
}

export interface SessionStatus {
  readonly connection: 'offline' | 'connecting' | 'catching-up' | 'live';
  readonly error: SessionError | null;
  readonly progress: Progress | null;
}

/** A timer set again replaces the earlier one of its name. */
export type TimerName = 'connect' | 'retry' | 'ping' | 'presence' | 'resubscribe';

export type SessionEvent =
  | { type: 'connect' }
  | { type: 'disconnect' }
  /** Hints from the device; true or not, they only make the session look sooner. */
  | { type: 'online' }
  | { type: 'offline' }
  | { type: 'linkOpened'; token?: string }
  /** The app's answer to a `renew` effect. */
  | { type: 'renewed'; token: string }
  /** The other side or the network closed the link; after a `close` effect no event of that link may follow. */
  | { type: 'linkClosed'; code: number; reason: string }
  | { type: 'message'; message: Message }
  /** A frame that could not be decoded. */
  | { type: 'malformed'; reason: string }
  | { type: 'timer'; timer: TimerName }
  | { type: 'open'; document: string; cursor: Cursor | null; unacked: readonly OwnBatch[] }
  | { type: 'push'; document: string; batches: readonly OwnBatch[] }
  | { type: 'close'; document: string }
  | { type: 'presence'; document: string; replica: ReplicaId; state: Uint8Array | null }
  /** The host could not take in what it was given. The state is the one before that. */
  | { type: 'hostFailed'; error: SessionError };

export type Effect =
  | { type: 'dial' }
  | { type: 'hangUp'; code: number; reason: string }
  | { type: 'send'; message: Message }
  | { type: 'timer'; timer: TimerName; ms: number }
  /** A timer of random length: full jitter over 2^attempt seconds, and at least `atLeastMs`. */
  | { type: 'backoff'; timer: TimerName; attempt: number; atLeastMs: number }
  | { type: 'cancel'; timer: TimerName }
  | { type: 'receive'; document: string; blocks: Uint8Array; cursor: Cursor }
  /** The server's whole version vector. What it covers may stand there as a void: only an ack says it does not. */
  | { type: 'subscribed'; document: string; version: ReadonlyMap<ReplicaId, number> }
  | { type: 'acked'; document: string; version: ReadonlyMap<ReplicaId, number> }
  | { type: 'rejected'; document: string; batch: Rejection }
  /** `user`: whose it is, by what the server knows; not set where there are no accounts. */
  | { type: 'presence'; document: string; replica: ReplicaId; state: Uint8Array | null; user?: User }
  /** Ask the app for another token. */
  | { type: 'renew' }
  | { type: 'status'; status: SessionStatus };

/** Somebody with an account, as the server knows it. */
export interface User {
  readonly id: string;
  readonly name?: string;
}

export interface Rejection {
  readonly replica: ReplicaId;
  readonly seqFrom: number;
  readonly seqTo: number;
  readonly code: ErrorCode;
  readonly message: string;
}

export function initialSession(replica: ReplicaId): SessionState {
  return {
    replica, phase: 'offline', attempt: 0, held: false, epoch: '',
    frameBytesMax: limits.frameBytesMax, pingIntervalMs: 30_000, nonce: 0, pingsMissed: 0,
    documents: Documents.none, unanswered: new Map(), sending: [], inFlightBytes: 0,
    behind: 0, catchUp: { bytes: 0, total: 0 },
    presenceDirty: [], isPresenceTimerSet: false, isResubscribeTimerSet: false, error: null,
  };
}

export function newDocument(cursor: Cursor | null): DocumentState {
  return {
    phase: 'idle', epoch: cursor?.epoch ?? '', lsn: cursor?.lsn ?? 0, asked: 0, head: 0,
    snapshot: null, bytesLeft: 0, restarts: 0, queue: emptyQueue, presence: emptyPresence,
  };
}

/** Whether the server answered this document's subscribe: batches and presences may be sent. */
export function isSubscribed(document: DocumentState): boolean {
  return document.phase === 'catching-up' || document.phase === 'live';
}

export function isBehind(document: DocumentState): boolean {
  return document.phase === 'subscribing' || document.phase === 'catching-up' || document.phase === 'waiting';
}

export function statusOf(state: SessionState): SessionStatus {
  const { phase, behind, catchUp, error } = state;
  const isDialing = phase === 'connecting' || phase === 'greeting';
  const connection = phase === 'open' ? (behind > 0 ? 'catching-up' : 'live') : isDialing ? 'connecting' : 'offline';
  return { connection, error, progress: connection === 'catching-up' && catchUp.total > 0 ? catchUp : null };
}
