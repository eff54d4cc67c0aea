// Runs the session: its effects go to the ports and the host, what happens there comes back as events.
//
// One event is taken at a time, to its end. Whatever a host or a link calls from within waits in the
// inbox, so no step ever sees the middle of another. A host that throws while taking in the log makes
// the step not have happened: the state before it stays, and the connection is dropped.

import { asHeadwaterError, HeadwaterError } from '../core/errors.js';
import { isReplicaId, type ReplicaId } from '../core/replica.js';
import { stampOf, stampToMs, type ClockSample } from '../core/clock.js';
import { decodeFrame, encodeFrame } from '../wire/frame.js';
import * as limits from '../wire/limits.js';
import { checkDocumentId, checkPresence } from '../wire/limits.js';
import type { Message } from '../wire/message.js';
import { fullJitterMs } from './backoff.js';
import type { OwnBatch } from './batch-queue.js';
import type { ConnectionPorts } from './ports.js';
import type { Cursor, Effect, Rejection, SessionError, User, SessionEvent, SessionState, SessionStatus, TimerName } from './session-state.js';
import { initialSession, isLive, step } from './session.js';
import type { Link } from './transport.js';

export type { OwnBatch } from './batch-queue.js';
export { systemPorts, type ConnectionPorts } from './ports.js';

/** Whose documents these are. Called from within one event at a time; may call the connection back. */
export interface SyncHost {
  /**
   * Apply and store `blocks`, then stand at `cursor`. A throw drops the connection and the position stays.
   * Without any bytes it means: the server does not know your position, forget it and keep everything else.
   */
  receive(document: string, blocks: Uint8Array, cursor: Cursor): void;
  /**
   * The server answered a subscribe; this is its whole version vector. Batches above it that the connection does not
   * hold (acked once, lost by the server) are to be pushed again. It is no ack: a void counts as committed too.
   */
  subscribed(document: string, version: ReadonlyMap<ReplicaId, number>): void;
  /** The server has committed own batches up to these seqs, but for those it rejected. */
  acked(document: string, version: ReadonlyMap<ReplicaId, number>): void;
  rejected(document: string, batch: Rejection): void;
  /** `null` is "gone". */
  presence(document: string, replica: ReplicaId, state: Uint8Array | null, user?: User): void;
  status(status: ConnectionStatus): void;
  /** What the server's clock showed. While the answer to a welcome's is awaited nothing is sent. It never fails. */
  measured?(sample: ClockSample, isWelcome: boolean): Promise<void> | void;
}

export interface ConnectionStatus {
  connection: SessionStatus['connection'];
  error?: HeadwaterError;
  progress?: { bytes: number; total: number };
}

/** A JSON Web Token, or what fetches one; a fetch that fails is tried again with backoff. */
export type Token = string | (() => string | undefined | Promise<string | undefined>);

export interface ConnectionOptions {
  replica: ReplicaId;
  /** A function is asked again for every attempt, and when the server wants a new one. */
  token?: Token;
}

/** Takes what comes of a link, unless there is another by now. */
type IfCurrent = (event: () => SessionEvent | null) => void;

export class Connection {
  #state: SessionState;
  #link: Link | null = null;
  /** Events of an earlier link carry an earlier number and are dropped. */
  #linkNumber = 0;
  readonly #inbox: SessionEvent[] = [];
  #isRunning = false;
  #isDisposed = false;
  readonly #timers = new Map<TimerName, unknown>();
  readonly #pushes = new Map<string, OwnBatch[]>();
  readonly #unwatch: (() => void) | undefined;
  /** By our ticks: when the last hello or ping was sent, which asks for the server's time. */
  #askedTicks = 0;
  #nonce = -1;
  readonly #ports: ConnectionPorts;
  readonly #host: SyncHost;
  readonly #options: ConnectionOptions;

  constructor(ports: ConnectionPorts, host: SyncHost, options: ConnectionOptions) {
    this.#ports = ports;
    this.#host = host;
    this.#options = options;
    if (!isReplicaId(options.replica)) throw new HeadwaterError('invalid_argument', 'a connection needs a replica id', { replica: options.replica });
    this.#state = initialSession(options.replica);
    this.#unwatch = ports.watchNetwork?.((isOnline) => this.#dispatch({ type: isOnline ? 'online' : 'offline' }));
  }

  connect(): void {
    this.#dispatch({ type: 'connect' });
  }

  disconnect(): void {
    this.#dispatch({ type: 'disconnect' });
  }

  /**
   * Opened again, as for another tab, its log comes from the lower of the positions.
   *
   * @param unacked  own durable batches the server may not have, in the order they were stored
   */
  open(document: string, cursor: Cursor | null, unacked: readonly OwnBatch[]): void {
    checkDocumentId(document);
    this.#dispatch({ type: 'open', document, cursor, unacked });
  }

  /** Newly durable own batches, in the order they were stored. Joined with what else comes in this microtask. */
  push(document: string, batches: readonly OwnBatch[]): void {
    const waiting = this.#pushes.get(document);
    if (waiting) waiting.push(...batches);
    else this.#pushes.set(document, [...batches]);
    if (this.#pushes.size === 1 && !waiting) queueMicrotask(() => this.#flushPushes());
  }

  close(document: string): void {
    this.#pushes.delete(document);
    this.#dispatch({ type: 'close', document });
  }

  /** @param replica  whose presence it is: this connection's, or that of another tab it speaks for */
  setPresence(document: string, state: Uint8Array | null, replica: ReplicaId = this.#options.replica): void {
    if (state) checkPresence(document, state);
    this.#dispatch({ type: 'presence', document, replica, state });
  }

  /** Gives the link up for another: time went on without us, or was set, so who knows what has become of it. */
  redial(): void {
    if (!this.#link) return;
    this.#dispatch({ type: 'hostFailed', error: { code: 'unavailable', message: 'the device slept, or its clock was set' } });
  }

  isLive(document: string): boolean {
    return isLive(this.#state, document);
  }

  /** How far the log has been handed on; within `receive`, before it. */
  lsnOf(document: string): number { return this.#state.documents.get(document)?.lsn ?? 0; }

  dispose(): void {
    this.#dispatch({ type: 'disconnect' });
    this.#isDisposed = true;
    this.#unwatch?.();
    for (const timer of this.#timers.values()) this.#ports.clearTimer(timer);
    this.#timers.clear();
  }

  #flushPushes(): void {
    const pushes = [...this.#pushes];
    this.#pushes.clear();
    for (const [document, batches] of pushes) this.#dispatch({ type: 'push', document, batches });
  }

  #dispatch(event: SessionEvent): void {
    if (this.#isDisposed) return;
    this.#inbox.push(event);
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#inbox.shift(); next; next = this.#inbox.shift()) this.#take(next);
    } finally {
      this.#isRunning = false;
    }
  }

  #take(event: SessionEvent): void {
    const [state, effects] = step(this.#state, event);
    try {
      for (const effect of effects) {
        if (effect.type === 'receive') this.#host.receive(effect.document, effect.blocks, effect.cursor);
      }
    } catch (error) {
      this.#inbox.unshift({ type: 'hostFailed', error: failureOf(error) });
      return;
    }
    this.#state = state;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case 'dial': return this.#dial();
      case 'hangUp': return this.#hangUp(effect.code, effect.reason);
      case 'send': return this.#send(effect.message);
      case 'timer': return this.#setTimer(effect.timer, effect.ms);
      case 'backoff': return this.#setTimer(effect.timer, effect.atLeastMs + fullJitterMs(effect.attempt, this.#ports.random()));
      case 'cancel': return this.#cancelTimer(effect.timer);
      case 'subscribed': return tell(() => this.#host.subscribed(effect.document, effect.version));
      case 'acked': return tell(() => this.#host.acked(effect.document, effect.version));
      case 'rejected': return tell(() => this.#host.rejected(effect.document, effect.batch));
      case 'presence': return tell(() => this.#host.presence(effect.document, effect.replica, effect.state, effect.user));
      case 'renew': return this.#renew();
      case 'status': return tell(() => this.#host.status(statusFor(effect.status)));
      case 'receive': return;
    }
  }

  #dial(): void {
    const number = ++this.#linkNumber;
    const ifCurrent: IfCurrent = (event) => {
      const dispatched = number === this.#linkNumber && event();
      if (dispatched) this.#dispatch(dispatched);
    };
    const dial = (token: string | undefined) => {
      if (number !== this.#linkNumber) return;
      try {
        this.#link = this.#ports.transport.connect({
          open: () => ifCurrent(() => ({ type: 'linkOpened', token })),
          frame: (bytes) => ifCurrent(() => this.#read(bytes, ifCurrent)),
          close: (code, reason) => ifCurrent(() => ({ type: 'linkClosed', code, reason })),
        });
      } catch (error) {
        ifCurrent(() => ({ type: 'linkClosed', code: 1006, reason: String(error) }));
      }
    };
    // The token comes first: a server waits only so long for who has connected.
    this.#withToken(dial, (error) => ifCurrent(() => ({ type: 'hostFailed', error: { code: 'unavailable', message: `there is no token: ${error}` } })));
  }

  /** One that cannot be had now is not sent; the server will close, and the next attempt asks again. */
  #renew(): void {
    const number = this.#linkNumber;
    if (typeof this.#options.token !== 'function') return;
    this.#withToken((token) => { if (token !== undefined && number === this.#linkNumber) this.#dispatch({ type: 'renewed', token }); }, () => {});
  }

  /** At once when the app has it, later when it promises it. */
  #withToken(take: (token: string | undefined) => void, fail: (error: unknown) => void): void {
    const { token } = this.#options;
    try {
      const given = typeof token === 'function' ? token() : token;
      if (typeof given === 'object' && given) given.then(take, fail);
      else take(given ?? undefined);
    } catch (error) {
      fail(error);
    }
  }

  #hangUp(code: number, reason: string): void {
    this.#linkNumber++;
    this.#link?.close(code, reason);
    this.#link = null;
  }

  #send(message: Message): void {
    if (message.type === 'hello' || message.type === 'ping') {
      this.#askedTicks = this.#ports.ticks();
      this.#nonce = message.type === 'ping' ? message.nonce : -1;
    }
    this.#link?.send(encodeFrame(message, stampOf(this.#ports.now())));
  }

  #read(bytes: Uint8Array, ifCurrent: IfCurrent): SessionEvent | null {
    try {
      const { message, stamp } = decodeFrame(bytes, Math.max(this.#state.frameBytesMax, limits.frameBytesMax));
      const waiting = this.#measure(message, stamp);
      if (!waiting) return { type: 'message', message };
      void waiting.then(() => ifCurrent(() => ({ type: 'message', message })));
      return null;
    } catch (error) {
      return { type: 'malformed', reason: failureOf(error).message };
    }
  }

  /** A welcome and a pong answer what we know the time of. @returns what to wait for */
  #measure(message: Message, stamp: bigint): Promise<void> | void {
    const isWelcome = message.type === 'welcome';
    if (!isWelcome && !(message.type === 'pong' && message.nonce === this.#nonce)) return;
    const sample = { serverMs: stampToMs(stamp), askedTicks: this.#askedTicks, gotTicks: this.#ports.ticks() };
    const waiting = this.#host.measured?.(sample, isWelcome);
    if (isWelcome) return waiting;
  }

  #setTimer(name: TimerName, ms: number): void {
    this.#cancelTimer(name);
    this.#timers.set(name, this.#ports.setTimer(() => {
      this.#timers.delete(name);
      this.#dispatch({ type: 'timer', timer: name });
    }, ms));
  }

  #cancelTimer(name: TimerName): void {
    if (!this.#timers.has(name)) return;
    this.#ports.clearTimer(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

/** A listener's fault is reported as one, and does not stop the connection. */
function tell(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}

export function statusFor({ connection, error, progress }: SessionStatus): ConnectionStatus {
  const status: ConnectionStatus = { connection };
  if (error) status.error = new HeadwaterError(error.code, error.message, error.document === undefined ? {} : { document: error.document });
  if (progress) status.progress = progress;
  return status;
}

function failureOf(error: unknown): SessionError {
  const { code, message } = asHeadwaterError(error);
  return { code, message };
}
