// SyncProtocol with the client that ships: what a device says and does on its link is decided by the session
// reducer of sdk/sync, not by a model of it. The actions keep their names; the rest of the world stays a model.
//
//   Push     hands stored ops to the session, which sends them when it may
//   Resume   opens a link (the handshake is done at once), or fires the timer that subscribes again
//   Take…    gives the session a message; what it then wants sent, taken in or hung up happens at once
//
// Ops travel as bytes the session never looks into: their names, one after the other.

import '../sdk/core/embedded.js';
import { encodeVersion } from '../sdk/core/codec.js';
import { initialSession, step, type Effect, type SessionEvent, type SessionState } from '../sdk/sync/session.js';
import type { Message } from '../sdk/wire/message.js';
import type { Spec, Successor } from './explorer.js';
import { SyncProtocol } from './sync-protocol.js';
import { cut, replicaOf, send, seqOf, withClient, type Client, type ClientId, type Op, type Packet, type State } from './sync-state.js';

type SessionClient = Client & { session: SessionState };

const document = 'd';
const epoch = 'e';

export class SyncSession extends SyncProtocol {
  override spec(name = 'SyncSession'): Spec<State> {
    return { ...super.spec(name), keyOf };
  }

  override Push(state: State): Successor<State>[] {
    return this.eachClient(state, (client, id) => {
      const ops = this.pushable(client);
      if (ops.length === 0) return null;
      const next = withClient(state, id, { ...client, sent: seqOf(ops[ops.length - 1]) });
      return handle(next, id, { type: 'push', document, batches: ops.map(batchOf) });
    });
  }

  override Resume(state: State): Successor<State>[] {
    const timers = this.eachClient(state, (client, id) =>
      (client.link !== '' && sessionOf(client).isResubscribeTimerSet ? handle(state, id, { type: 'timer', timer: 'resubscribe' }) : null));
    const links = Object.keys(state.nodes).flatMap((to) => this.eachClient(state, (client, id) =>
      (client.link === '' ? connect(withClient(state, id, { ...client, link: to }), id) : null))
      .map((next) => ({ ...next, with: `${next.with}, ${to}` })));
    return [...timers, ...links];
  }

  override TakeSubscribed(state: State): Successor<State>[] {
    return this.eachMessage(state, 'subscribed', ({ to, lsn, head, seq }) =>
      ({ type: 'subscribed', document, from: lsn, head, bytesTotal: head - lsn, version: versionOf(to, seq) }));
  }

  override Take(state: State): Successor<State>[] {
    return this.eachMessage(state, 'changes', ({ first, ops }) =>
      ({ type: 'changes', document, first, last: first + ops.length - 1, batches: bytesOf(ops) }));
  }

  override TakeAck(state: State): Successor<State>[] {
    return this.eachMessage(state, 'ack', ({ to, seq }) => ({ type: 'ack', document, entries: [{ replica: longId(to), seq }] }));
  }

  override TakeResync(state: State): Successor<State>[] {
    return this.eachMessage(state, 'resync', () => ({ type: 'resync', document }));
  }

  override CrashClient(state: State): Successor<State>[] {
    return super.CrashClient(state).map((next) => ({ ...next, state: restart(next.state, next.with) }));
  }

  override initial(): State {
    const state = super.initial();
    return Object.keys(state.clients).reduce((next, id) => {
      const { link } = state.clients[id];
      const asking = connect(withClient(restart(next, id), id, { ...restart(next, id).clients[id], link }), id);
      const answered = handle(asking, id, { type: 'message', message: { type: 'subscribed', document, from: 0, head: 0, bytesTotal: 0, version: versionOf(id, 0) } });
      return { ...answered, network: [] };
    }, state);
  }

  private eachMessage<Type extends Packet['type']>(
    state: State, type: Type, messageOf: (packet: Extract<Packet, { type: Type }>) => Message,
  ): Successor<State>[] {
    return this.eachPacket(state, type, (rest, packet) => handle(rest, packet.to, { type: 'message', message: messageOf(packet) }));
  }
}

const sessionOf = (client: Client): SessionState => (client as SessionClient).session;

/** One event into the session, and all it wants done. */
function handle(state: State, id: ClientId, event: SessionEvent): State {
  const [session, effects] = step(sessionOf(state.clients[id]), event);
  const next = withClient(state, id, { ...state.clients[id], session } as SessionClient);
  return effects.reduce((done, effect) => perform(done, id, effect), next);
}

/** Timers need no clock here: whatever they would do, `Resume` may do at any time. */
function perform(state: State, id: ClientId, effect: Effect): State {
  const client = state.clients[id];
  switch (effect.type) {
    case 'send': return transmit(state, id, effect.message);
    case 'hangUp': return cut(state, id);
    case 'acked': return withClient(state, id, { ...client, acked: Math.max(client.acked, effect.version.get(longId(id)) ?? 0) });
    case 'receive': {
      const fresh = opsOf(effect.blocks).filter((op) => !client.taken.includes(op));
      return withClient(state, id, { ...client, taken: [...client.taken, ...fresh], cursor: effect.cursor.lsn });
    }
    default: return state;
  }
}

function transmit(state: State, from: ClientId, message: Message): State {
  const to = state.clients[from].link;
  // The session has not noticed yet that its link is gone.
  if (to === '') return state;
  if (message.type === 'subscribe') return send(state, { type: 'subscribe', from, to, lsn: message.lsn });
  return message.type === 'push' ? send(state, { type: 'push', from, to, ops: opsOf(message.batches) }) : state;
}

/** A session as it starts on what the disk holds. */
function restart(state: State, id: ClientId): State {
  const { disk } = state.clients[id];
  const cursor = { epoch, lsn: disk.cursor };
  const client = { ...state.clients[id], isLive: false, sent: disk.own.length, session: initialSession(longId(id)) };
  return handle(withClient(state, id, client), id, { type: 'open', document, cursor, unacked: disk.own.map(batchOf) });
}

/** From wherever the session is to an open link: it hears of its loss, dials, and is welcomed. */
function connect(state: State, id: ClientId): State {
  const phase = sessionOf(state.clients[id]).phase;
  const loss: SessionEvent[] = phase === 'offline' || phase === 'waiting' ? [] : [{ type: 'linkClosed', code: 1006, reason: '' }];
  const welcome: Message = { type: 'welcome', protocol: 1, epoch, pingIntervalMs: 30_000, frameBytesMax: 1 << 20 };
  const dial: SessionEvent = phase === 'offline' ? { type: 'connect' } : { type: 'timer', timer: 'retry' };
  return [...loss, dial, { type: 'linkOpened' } as const, { type: 'message', message: welcome } as const]
    .reduce((next, event) => handle(next, id, event), state);
}

/** All that decides what a session does next. Counters of attempts and bytes only pace it, and would never repeat. */
function gist(session: SessionState): unknown {
  const { phase, unanswered, sending, isResubscribeTimerSet } = session;
  const { lsn, asked, head, restarts, queue, ...rest } = session.documents.get(document)!;
  const ops = queue.log.slice(queue.first, queue.end).map(({ bytes }) => opsOf(bytes).join());
  const sent = queue.next - queue.first;
  return [phase, [...unanswered], sending, isResubscribeTimerSet, rest.phase, rest.epoch, lsn, asked, head, Math.min(restarts, 1),
    ops, sent, [...queue.tails], [...queue.acked]];
}

function keyOf(state: State): string {
  return JSON.stringify(state, (key, value: unknown) => (key === 'session' ? gist(value as SessionState) : value));
}

function longId(id: ClientId): string {
  return id.repeat(16);
}

function batchOf(op: Op) {
  return { replica: longId(replicaOf(op)), seqFrom: seqOf(op), seqTo: seqOf(op), bytes: bytesOf([op]) };
}

function bytesOf(ops: Op[]): Uint8Array {
  return new TextEncoder().encode(ops.map((op) => `${op};`).join(''));
}

function opsOf(bytes: Uint8Array): Op[] {
  return new TextDecoder().decode(bytes).split(';').slice(0, -1);
}

const versions = new Map<string, Uint8Array>();

function versionOf(id: ClientId, seq: number): Uint8Array {
  const name = `${id}${seq}`;
  if (!versions.has(name)) versions.set(name, encodeVersion(new Map(seq > 0 ? [[longId(id), seq]] : [])));
  return versions.get(name)!;
}
