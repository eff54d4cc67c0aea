// One socket and its session: frames in, effects out. The rules are in session.ts; here is only their I/O.

import { HeadwaterError, type ErrorCode } from '../sdk/core/errors.js';
import type { ReplicaId } from '../sdk/core/replica.js';
import { decodeFrame } from '../sdk/wire/frame.js';
import type { Lsn, Message } from '../sdk/wire/message.js';
import * as closeCodes from '../sdk/wire/close-codes.js';
import { CatchUp, noWait, unreadableLsn } from './catch-up.js';
import type { Budget } from './flow.js';
import type { Log } from './log.js';
import type { Author, Rejection } from './push.js';
import type { Room } from './room.js';
import type { Rooms } from './rooms.js';
import { newSession, step, type SessionEffect, type SessionEvent, type SessionSettings, type SessionState } from './session.js';
import type { Store, StoredSnapshot } from './store/store.js';
import type { Socket, SocketEvents } from './transport/transport.js';

export interface ConnectionContext extends SessionSettings {
  rooms: Rooms;
  store: Store;
  log: Log;
  /** Bytes of pushes that are not answered yet, of all connections. */
  uncommitted: Budget;
  now(): number;
  encode(message: Message): Uint8Array;
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

  constructor(readonly socket: Socket, private readonly context: ConnectionContext) {
    this.state = newSession(context.now());
  }

  // ── from the socket ───────────────────────────────────────────────────────────────────────────

  frame(bytes: Uint8Array): void {
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

  close(): void {
    this.handle({ type: 'closed' });
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
    for (const effect of effects) this.perform(effect);
  }

  private perform(effect: SessionEffect): void {
    switch (effect.type) {
      case 'send': return this.transmit(effect.message);
      case 'close': return this.socket.close(effect.code, effect.reason);
      case 'join': return this.join(effect.document, effect.lsn, effect.epoch);
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

  private push(document: string, batches: Uint8Array): void {
    if (!this.context.uncommitted.take(batches.length)) {
      this.handle({ type: 'settled', bytes: batches.length });
      return this.refuseDocument(document, new HeadwaterError('rate_limited', 'the server has as many writes waiting as it keeps; try again'));
    }
    const room = this.context.rooms.get(document);
    if (room !== null) this.pushTo(room, batches);
    else void this.openAndPush(document, batches);
  }

  private pushTo(room: Room, batches: Uint8Array): void {
    void room.push(this, batches).then(() => this.settle(batches.length));
  }

  private settle(bytes: number): void {
    this.context.uncommitted.give(bytes);
    this.handle({ type: 'settled', bytes });
  }

  private async openAndPush(document: string, batches: Uint8Array): Promise<void> {
    try {
      this.pushTo(await this.context.rooms.open(document), batches);
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
    const verdict = room?.setPresence(this, replica, state, replica === this.state.replica);
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
    for (const [replica, state] of room.presenceEntries()) {
      this.send({ type: 'presence', document: room.document, replica, state });
    }
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
    this.context.log.warn({ document, code, reason }, 'a document cannot be served');
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

/** A stopping server and a fault of ours are worth another try; a damaged log is not. */
function passing(cause: unknown): ErrorCode {
  const code = codeOf(cause, 'unavailable');
  return code === 'closed' ? 'unavailable' : code;
}

function codeOf(cause: unknown, otherwise: ErrorCode): ErrorCode {
  return cause instanceof HeadwaterError ? cause.code : otherwise;
}
