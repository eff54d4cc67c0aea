// One socket and its session: frames in, effects out. The rules are in session.ts; here is only their I/O.

import { asHeadwaterError, HeadwaterError, type ErrorCode } from '../sdk/core/errors.js';
import type { ReplicaId } from '../sdk/core/replica.js';
import { decodeFrame } from '../sdk/wire/frame.js';
import type { Lsn, Message } from '../sdk/wire/message.js';
import type { Access } from './access/access.js';
import type { Identity } from './access/identity.js';
import { allows, type Level } from './access/level.js';
import { Permits } from './access/permits.js';
import * as closeCodes from '../sdk/wire/close-codes.js';
import { CatchUp, noWait, unreadableLsn } from './catch-up.js';
import type { Budget } from './flow.js';
import type { Log } from './log.js';
import type { Author, Rejection } from './push.js';
import { presenceMessage, type Room } from './room.js';
import type { Rooms } from './rooms.js';
import { newSession, notAllowed, step, type SessionEffect, type SessionEvent, type SessionSettings, type SessionState } from './session.js';
import type { Store, StoredSnapshot } from './store/store.js';
import type { Socket, SocketEvents, Visit } from './transport/transport.js';
import { Turnstile } from './turnstile.js';

export interface ConnectionContext extends SessionSettings {
  rooms: Rooms;
  store: Store;
  log: Log;
  /** Bytes of pushes that are not answered yet, of all connections. */
  uncommitted: Budget;
  now(): number;
  encode(message: Message): Uint8Array;
  /** Null: no accounts, everybody may do everything. */
  access: Access | null;
  /** @returns false when there are too many connections of that user */
  entered(user: string): boolean;
  left(user: string): void;
  closed(connection: Connection): void;
}

interface Joined {
  room: Room | null;
  catchUp: CatchUp | null;
  /** Counts joins, so that an answer that took its time can tell it is no longer the latest. */
  turn: number;
}

export class Connection implements SocketEvents, Author {
  private state: SessionState;
  private readonly joined = new Map<string, Joined>();
  /** Subscribes are answered in the order they came, one answer each. */
  private answers: Promise<void> = Promise.resolve();
  private drained: (() => void)[] = [];
  private turn = 0;

  private identity: Identity | null = null;
  /** The token of the handshake, until hello comes. */
  private token: string | undefined;
  private readonly permits: Permits | null;
  private readonly turnstile: Turnstile;

  constructor(readonly socket: Socket, private readonly visit: Visit, private readonly context: ConnectionContext) {
    const { access, limits, now } = context;
    this.state = newSession(now());
    this.token = visit.token;
    this.permits = access && new Permits((document) => access.levelOf(this.identity!, document));
    this.turnstile = new Turnstile(limits, now, (frame) => this.read(frame), () => this.flooded());
  }

  get user(): string | null {
    return this.identity?.user ?? null;
  }

  // ── from the socket ───────────────────────────────────────────────────────────────────────────

  frame(bytes: Uint8Array): void {
    if (this.state.phase !== 'closed') this.turnstile.push(bytes);
  }

  private read(bytes: Uint8Array): void {
    const { helloBytesMax } = this.context.limits;
    if (this.state.phase !== 'open' && bytes.length > helloBytesMax) {
      return this.handle({ type: 'malformed', code: 'too_large', reason: `a frame before welcome has at most ${helloBytesMax} bytes` });
    }
    let message: Message;
    try {
      ({ message } = decodeFrame(bytes, this.context.limits.frameBytesMax));
    } catch (cause) {
      return this.handle({ type: 'malformed', code: codeOf(cause, 'protocol_error'), reason: (cause as Error).message });
    }
    this.handle({ type: 'message', message, nowMs: this.context.now() });
  }

  lagging(): void {
    this.handle({ type: 'lagging' });
  }

  drain(): void {
    const { bufferedBytes } = this.socket;
    this.handle({ type: 'drain', bufferedBytes });
    if (bufferedBytes > this.context.limits.chunkBytesMax) return;
    for (const resolve of this.drained.splice(0)) resolve();
  }

  private flooded(): void {
    this.handle({ type: 'malformed', code: 'rate_limited', reason: 'more than is taken of one connection; wait for answers' });
  }

  close(): void {
    this.handle({ type: 'closed' });
    this.turnstile.close();
    if (this.identity !== null) this.context.left(this.identity.user);
    for (const resolve of this.drained.splice(0)) resolve();
    this.context.closed(this);
  }

  tick(): void {
    this.handle({ type: 'tick', nowMs: this.context.now() });
  }

  stop(retryAfterMs: number): void {
    this.handle({ type: 'stopping', retryAfterMs });
  }

  // ── from the rooms it pushes to ───────────────────────────────────────────────────────────────

  acked(document: string, entries: { replica: ReplicaId; seq: number }[]): void {
    if (this.state.phase !== 'closed') this.socket.sendBehind(this.context.encode({ type: 'ack', document, entries }));
    this.handle({ type: 'progress', document });
  }

  rejected(document: string, rejection: Rejection): void {
    this.send({ type: 'reject', document, ...rejection });
  }

  failed(document: string, code: 'missing_dependency' | 'unavailable' | 'protocol_error', reason: string): void {
    if (code === 'missing_dependency') this.handle({ type: 'missing-dependency', document });
    else if (code === 'unavailable') this.handle({ type: 'unavailable', document, code, reason, isAnswer: false });
    else this.handle({ type: 'malformed', code, reason });
  }

  // ── effects ───────────────────────────────────────────────────────────────────────────────────

  private handle(event: SessionEvent): void {
    const [state, effects] = step(this.state, event, this.context);
    this.state = state;
    if (state.phase === 'closed') this.turnstile.close();
    for (const effect of effects) this.perform(effect);
  }

  private perform(effect: SessionEffect): void {
    switch (effect.type) {
      case 'send': return this.transmit(effect.message);
      case 'close': return this.socket.close(effect.code, effect.reason);
      case 'join': return this.join(effect.document, effect.lsn, effect.epoch);
      case 'authenticate': return void this.authenticate(effect.token);
      case 'leave': return this.leave(effect.document);
      case 'halt': return this.halt(effect.document);
      case 'push': return this.push(effect.document, effect.batches);
      case 'presence': return this.setPresence(effect);
      case 'silent': return this.joined.forEach(({ room }) => room?.setSilent(this, effect.isSilent));
    }
  }

  private send(message: Message): void {
    if (this.state.phase !== 'closed') this.transmit(message);
  }

  /**
   * Past the session's end too, for its last words. What is dropped here comes again with the resync that follows it:
   * entries, acks and rejects with the log, `subscribed` with the subscribe. An error does not.
   */
  private transmit(message: Message): void {
    const result = this.socket.send(this.context.encode(message));
    if (result === 'dropped' && message.type === 'error') this.socket.close(closeCodes.rateLimited, 'it reads too slowly to be told of an error');
  }

  // ── who it is, and what it may do ─────────────────────────────────────────────────────────────

  private async authenticate(token: string | undefined): Promise<void> {
    const offered = token ?? this.token ?? null;
    this.token = undefined;
    try {
      this.admit(await this.context.access!.authenticate(offered, this.visit.address));
    } catch (cause) {
      const { code, message } = asHeadwaterError(cause);
      this.handle({ type: 'turned-away', code: code === 'unavailable' ? code : 'not_authorized', reason: message });
    }
  }

  /** A connection is one user's from its beginning to its end: presence and limits go by that. */
  private admit(identity: Identity): void {
    if (this.state.phase === 'closed') return;
    const before = this.identity;
    if (before !== null && before.user !== identity.user) throw notGood('it is another user’s');
    if (before === null && !this.context.entered(identity.user)) {
      return this.handle({ type: 'turned-away', code: 'rate_limited', reason: 'too many connections of this user' });
    }
    this.identity = identity;
    this.handle({ type: 'admitted', expiresMs: identity.expiresMs });
    if (before !== null) void this.checkAgain();
  }

  /** Something was decided anew: of this user, or of what it follows. */
  async checkAgain(): Promise<void> {
    // At once: what is pushed from now on is looked at anew.
    this.permits?.forget();
    if (this.identity === null || this.state.phase !== 'open') return;
    const { tokensBeforeMs, socketsBeforeMs } = await this.context.access!.dismissalOf(this.identity.user);
    if (this.identity.issuedMs < tokensBeforeMs) {
      return this.handle({ type: 'turned-away', code: 'not_authorized', reason: 'the token was revoked' });
    }
    if (this.state.openedMs <= socketsBeforeMs) {
      return this.handle({ type: 'turned-away', code: 'unavailable', reason: 'an admin has ended this connection' });
    }
    await this.checkDocuments();
  }

  /** What may be followed no longer ends; what was refused and may be followed now is offered. */
  async checkDocuments(): Promise<void> {
    this.permits?.forget();
    for (const document of [...this.state.documents, ...this.state.refused]) {
      const level = await this.permits?.of(document).catch(() => null);
      if (level === undefined || level === null) continue;
      if (!allows(level, 'read')) this.handle({ type: 'forbidden', document });
      else if (this.state.refused.has(document)) this.send({ type: 'resync', document });
    }
  }

  private async demand(document: string, needed: Level): Promise<void> {
    if (this.permits === null) return;
    if (!allows(await this.permits.of(document), needed)) throw new HeadwaterError('not_authorized', notAllowed);
  }

  private push(document: string, batches: Uint8Array): void {
    if (!this.context.uncommitted.take(batches.length)) {
      this.handle({ type: 'settled', bytes: batches.length });
      return this.refuseDocument(document, new HeadwaterError('rate_limited', 'the server has as many writes waiting as it keeps; try again'));
    }
    const level = this.permits === null ? 'admin' : this.permits.get(document);
    if (level !== undefined) return this.pushWith(level, document, batches);
    void this.permits!.of(document).then(
      (asked) => this.pushWith(asked, document, batches),
      (cause) => this.refusePush(document, batches, cause),
    );
  }

  private pushWith(level: Level, document: string, batches: Uint8Array): void {
    if (allows(level, 'read')) this.take(document, batches, allows(level, 'write'));
    else this.refusePush(document, batches, new HeadwaterError('not_authorized', notAllowed));
  }

  private refusePush(document: string, batches: Uint8Array, cause: unknown): void {
    this.settle(batches.length);
    this.refuseDocument(document, cause, !this.state.documents.has(document));
  }

  private take(document: string, batches: Uint8Array, mayWrite: boolean): void {
    const room = this.context.rooms.get(document);
    if (room !== null) this.pushTo(room, batches, mayWrite);
    else void this.openAndPush(document, batches, mayWrite);
  }

  private pushTo(room: Room, batches: Uint8Array, mayWrite: boolean): void {
    room.receive(this, batches, mayWrite, () => this.settle(batches.length));
  }

  private settle(bytes: number): void {
    this.context.uncommitted.give(bytes);
    this.handle({ type: 'settled', bytes });
  }

  private async openAndPush(document: string, batches: Uint8Array, mayWrite: boolean): Promise<void> {
    try {
      this.pushTo(await this.context.rooms.open(document), batches, mayWrite);
    } catch (cause) {
      this.settle(batches.length);
      this.refuseDocument(document, cause);
    }
  }

  /** What comes right behind a subscribe waits with it for the room. */
  private setPresence({ document, replica, state }: { document: string; replica: ReplicaId; state: Uint8Array }): void {
    const room = this.joined.get(document)?.room;
    if (room === null) {
      this.answers = this.answers.then(() => this.setPresence({ document, replica, state }));
      return;
    }
    const verdict = room?.setPresence(this, replica, state, replica === this.state.replica, this.identity ?? undefined);
    if (verdict === 'not-yours') this.sendError('replica_conflict', 'this replica is present on another connection');
    if (verdict === 'too-many') this.sendError('rate_limited', 'too many present replicas on one connection');
  }

  private sendError(code: ErrorCode, message: string, document?: string): void {
    this.send({ type: 'error', code, message, ...(document !== undefined && { document }) });
  }

  // ── subscriptions ─────────────────────────────────────────────────────────────────────────────

  private join(document: string, lsn: Lsn, epoch: string): void {
    const joined = this.joined.get(document) ?? { room: null, catchUp: null, turn: 0 };
    this.joined.set(document, joined);
    joined.turn = this.turn += 1;
    this.halt(document);
    const { turn } = joined;
    this.answers = this.answers.then(() => this.answerJoin(document, lsn, epoch, turn));
  }

  private async answerJoin(document: string, lsn: Lsn, epoch: string, turn: number): Promise<void> {
    try {
      await this.demand(document, 'read');
      const room = await this.context.rooms.open(document);
      const joined = this.joined.get(document);
      if (joined !== undefined) (joined.room = room).enter(this);
      // What this reader has seen on another node must not be news here.
      await room.refresh();
      await this.start(room, epoch === this.context.epoch ? lsn : 0, turn);
    } catch (cause) {
      const isLatest = this.joined.get(document)?.turn === turn || !this.joined.has(document);
      if (isLatest) this.refuseDocument(document, cause, true);
      // A later subscribe waits behind this one; only its own answer may end the subscription.
      else this.sendError(passing(cause), (cause as Error).message, document);
    }
  }

  /** Every subscribe gets its `subscribed`, even one that has been overtaken; the client counts them. */
  private async start(room: Room, asked: Lsn, turn: number): Promise<void> {
    const { document } = room;
    const from = asked > room.head || asked < room.unreadableUpTo ? 0 : asked;
    const snapshot = from === 0 && room.head > 0 ? await this.context.store.readSnapshot(document) : null;
    const bytesTotal = (snapshot?.bytes.length ?? 0) + (await this.bytesAfter(room, snapshot?.lsn ?? from));
    this.send({ type: 'subscribed', document, from, head: room.head, bytesTotal, version: room.version() });
    if (this.joined.get(document)?.turn === turn) void this.catchUp(room, from, snapshot);
  }

  private async bytesAfter(room: Room, lsn: Lsn): Promise<number> {
    const tail = room.tailSince(lsn);
    if (tail !== null) return tail.reduce((total, block) => total + block.length, 0);
    return this.context.store.bytesSince(room.document, lsn);
  }

  private async catchUp(room: Room, from: Lsn, snapshot: StoredSnapshot | null): Promise<void> {
    const { document } = room;
    const catchUp = new CatchUp(room, {
      store: this.context.store,
      limits: this.context.limits,
      send: (message) => this.send(message),
      ready: () => this.ready(),
      join: () => this.goLive(room),
    });
    this.joined.get(document)!.catchUp = catchUp;
    try {
      await catchUp.run(from, snapshot);
    } catch (cause) {
      if (!catchUp.isEnded) this.stumble(room, cause, snapshot);
    }
  }

  private goLive(room: Room): void {
    this.socket.subscribe(room.document);
    for (const shown of room.presenceEntries()) this.send(presenceMessage(room.document, shown));
  }

  /** Entries that are damaged or gone and that a snapshot stands for are no loss: the reader starts again, from the snapshot. */
  private stumble(room: Room, cause: unknown, snapshot: StoredSnapshot | null): void {
    const lsn = unreadableLsn(cause);
    if ((cause as HeadwaterError).code === 'history_compacted') room.noteCompacted(lsn!);
    if (lsn === null || snapshot !== null || lsn > room.snapshotLsn) return this.refuseDocument(room.document, cause);
    room.unreadableUpTo = Math.max(room.unreadableUpTo, lsn);
    this.send({ type: 'resync', document: room.document });
  }

  private refuseDocument(document: string, cause: unknown, isAnswer = false): void {
    const [code, reason] = [passing(cause), (cause as Error).message];
    if (code !== 'not_authorized') this.context.log.warn({ document, code, reason }, 'a document cannot be served');
    this.handle({ type: 'unavailable', document, code, reason, isAnswer });
  }

  private halt(document: string): void {
    const joined = this.joined.get(document);
    joined?.catchUp?.end();
    if (joined !== undefined) joined.catchUp = null;
    this.socket.unsubscribe(document);
  }

  private leave(document: string): void {
    this.halt(document);
    this.joined.get(document)?.room?.leave(this);
    this.joined.delete(document);
  }

  private ready(): Promise<void> {
    if (this.socket.bufferedBytes <= this.context.limits.chunkBytesMax) return noWait;
    return new Promise((resolve) => this.drained.push(resolve));
  }
}

function notGood(reason: string): HeadwaterError {
  return new HeadwaterError('not_authorized', `the token is not good: ${reason}`);
}

/** A stopping server and a fault of ours are worth another try; a damaged log is not. */
function passing(cause: unknown): ErrorCode {
  const code = codeOf(cause, 'unavailable');
  return code === 'closed' ? 'unavailable' : code;
}

function codeOf(cause: unknown, otherwise: ErrorCode): ErrorCode {
  return cause instanceof HeadwaterError ? cause.code : otherwise;
}
