// SyncProtocol.tla in TypeScript: the same actions under the same names, to be read side by side. It says how
// a write travels from a device to the log and back to every device, with messages lost, repeated and swapped and
// either side dying at any step. What must still hold is in sync-claims.ts.
//
// Each decision that could be wrong is a method of its own, at the end; sync-mutants.ts gets one wrong at a time.
// The network: a link keeps order, and losing a packet is losing the link, since no transport we use carries on
// after a loss. Repeated and swapped packets are beyond what a link does; the protocol survives them all the same.

import type { Spec, Successor } from './explorer.js';
import { invariants, isConverged, steps } from './sync-claims.js';
import {
  changesAfter, clientOf, committedSeq, cut, isFirst, nameOf, replicaOf, send, seqOf, spend, union, withClient, without, withNode,
  type Client, type ClientId, type Node, type NodeId, type Op, type Packet, type State,
} from './sync-state.js';

export interface Bounds {
  writes: Record<ClientId, number>;
  nodes: NodeId[];
  /** Crashes of either side, failed commits, lost and repeated packets, all together. */
  faults: number;
}

export class SyncProtocol {
  constructor(readonly bounds: Bounds) {}

  spec(name = 'SyncProtocol'): Spec<State> {
    const actions = Object.fromEntries(actionNames.map((action) => [action, (state: State) => this[action](state)]));
    return { name, initial: [this.initial()], actions, invariants, steps, goal: { name: 'Heals', holds: isConverged, healing } };
  }

  // The client.

  Write(state: State): Successor<State>[] {
    return this.eachClient(state, (client, id) => {
      if (client.writes === this.bounds.writes[id]) return null;
      const op = `${id}${client.own.length + 1}/${client.writes + 1}`;
      return withClient(state, id, { ...client, own: [...client.own, op], writes: client.writes + 1 });
    });
  }

  /** One local transaction: own ops, entries taken from the log, and the cursor. Then `durable` resolves. */
  Store(state: State): Successor<State>[] {
    return this.eachClient(state, (client, id) => {
      const { own, cursor, disk } = client;
      if (disk.own.length === own.length && disk.cursor === cursor) return null;
      return withClient(state, id, { ...client, disk: this.stored(client), promised: union(client.promised, own) });
    });
  }

  Push(state: State): Successor<State>[] {
    return this.eachClient(state, (client, id) => {
      const ops = this.pushable(client);
      if (!client.isLive || ops.length === 0) return null;
      const next = withClient(state, id, { ...client, sent: seqOf(ops[ops.length - 1]) });
      return send(next, { type: 'push', from: id, to: client.link, ops });
    });
  }

  /** A new link, to any node: everything after the cursor, please. */
  Resume(state: State): Successor<State>[] {
    return Object.keys(state.nodes).flatMap((to) => this.eachClient(state, (client, id) =>
      (client.link === '' ? this.subscribe(withClient(state, id, { ...client, link: to }), id) : null))
      .map((next) => ({ ...next, with: `${next.with}, ${to}` })));
  }

  /** The answer says what the log holds of this client: what it does not hold is pushed again. */
  TakeSubscribed(state: State): Successor<State>[] {
    return this.eachPacket(state, 'subscribed', (rest, { to, seq }) => {
      const client = rest.clients[to];
      const acked = Math.max(client.acked, seq);
      return withClient(rest, to, { ...client, acked, sent: acked, isLive: true });
    });
  }

  /** Entries past a gap are left alone: subscribing from the cursor brings them again, with what is missing. */
  Take(state: State): Successor<State>[] {
    return this.eachPacket(state, 'changes', (rest, { to, first, ops }) => {
      const client = rest.clients[to];
      if (!this.isGap(client, first)) return withClient(rest, to, this.taking(client, to, first, ops));
      return client.isLive ? this.subscribe(rest, to) : rest;
    });
  }

  TakeAck(state: State): Successor<State>[] {
    return this.eachPacket(state, 'ack', (rest, { to, seq }) => {
      const client = rest.clients[to];
      return withClient(rest, to, { ...client, acked: Math.max(client.acked, seq) });
    });
  }

  TakeResync(state: State): Successor<State>[] {
    return this.eachPacket(state, 'resync', (rest, { to }) => (rest.clients[to].isLive ? this.subscribe(rest, to) : rest));
  }

  /** What was not stored is gone, and so is what the server was known to have. */
  CrashClient(state: State): Successor<State>[] {
    const next = spend(state);
    return this.eachClient(state, (client, id) => next && cut(withClient(next, id, { ...client, ...client.disk, acked: 0, sent: 0 }), id));
  }

  // The server. Each node has memory of its own; the log is in the database they share.

  Subscribe(state: State): Successor<State>[] {
    return this.eachPacket(state, 'subscribe', (rest, { from, to, lsn }) => {
      const node = rest.nodes[to];
      const next = withNode(rest, to, { ...this.informed(rest, node), subscribers: union(node.subscribers, [from]) });
      const answer: Packet = { type: 'subscribed', from: to, to: from, lsn, head: rest.log.length, seq: this.ackable(rest, to, from) };
      return send(send(next, answer), changesAfter(rest, to, from, lsn));
    });
  }

  Receive(state: State): Successor<State>[] {
    return this.eachPacket(state, 'push', (rest, { from, to, ops }) => {
      const node = rest.nodes[to];
      // Ops are missing before these: they must be pushed again from the first one that the log lacks.
      if (seqOf(ops[0]) > node.accepted[from] + 1) return send(rest, { type: 'resync', from: to, to: from });
      const fresh = this.fresh(ops, node.accepted[from]);
      const accepted = { ...node.accepted, [from]: Math.max(node.accepted[from], seqOf(ops[ops.length - 1])) };
      const next = withNode(rest, to, { ...node, accepted, pending: [...node.pending, ...fresh] });
      // A push that holds ops committed before is a retry whose ack was lost.
      return send(next, this.ackFor(next, to, from, seqOf(ops[0]) - 1));
    });
  }

  StartCommit(state: State): Successor<State>[] {
    return this.eachNode(state, (node, id) => {
      if (node.pending.length === 0 || node.inflight.length > 0) return null;
      return withNode(state, id, { ...node, inflight: node.pending, pending: [] });
    });
  }

  /** One transaction: it appends if every op is the next of its replica in the database, else nothing. */
  Commit(state: State): Successor<State>[] {
    return this.eachNode(state, (node, id) => {
      if (node.inflight.length === 0) return null;
      if (!this.fits(state, node.inflight)) return this.reload(state, id);
      const entries = node.inflight.map((op, at) => ({ lsn: this.lsnFor(state, node) + at, op }));
      return { ...withNode(state, id, { ...node, inflight: [] }), log: [...state.log, ...entries] };
    });
  }

  FailCommit(state: State): Successor<State>[] {
    const next = spend(state);
    return this.eachNode(state, (node, id) => (next && node.inflight.length > 0 ? this.reload(next, id) : null));
  }

  /** After an own commit, on a hint from another node, or on the periodic check of the head: all read the log. */
  Publish(state: State): Successor<State>[] {
    return this.eachNode(state, (node, id) => {
      const { log } = state;
      if (node.published >= log.length) return null;
      let next = withNode(state, id, { ...this.informed(state, node), published: log.length });
      for (const client of node.subscribers) {
        next = send(next, changesAfter(state, id, client, node.published));
        if (log.slice(node.published).some(({ op }) => replicaOf(op) === client)) next = send(next, this.ackFor(state, id, client, 0));
      }
      return next;
    });
  }

  /** A node's memory, its links, and what was on them. */
  CrashServer(state: State): Successor<State>[] {
    const next = spend(state);
    return this.eachNode(state, (_node, id) => {
      if (!next) return null;
      const network = next.network.filter((packet) => packet.to !== id);
      const linked = Object.keys(next.clients).filter((client) => next.clients[client].link === id);
      return linked.reduce(cut, withNode({ ...next, network }, id, this.started(next)));
    });
  }

  // The network.

  Drop(state: State): Successor<State>[] {
    return this.eachFault(state, (next, packet) => cut(without(next, packet), clientOf(state, packet)));
  }

  Duplicate(state: State): Successor<State>[] {
    return this.eachFault(state, send);
  }

  Reorder(state: State): Successor<State>[] {
    return this.eachFault(state, (next, packet) => send(without(next, packet), packet));
  }

  // The decisions.

  stored(client: Client): Client['disk'] {
    return { own: client.own, taken: client.taken, cursor: client.cursor };
  }

  /** Only what is on disk: a seq that was sent and then lost in a crash would be given to another op. */
  pushable(client: Client): Op[] {
    return client.disk.own.slice(Math.max(client.acked, client.sent));
  }

  isGap(client: Client, first: number): boolean {
    return first > client.cursor + 1;
  }

  taking(client: Client, id: ClientId, first: number, ops: Op[]): Client {
    const fresh = ops.slice(Math.max(0, client.cursor + 1 - first));
    // An own op in the log is as good as an ack.
    const acked = Math.max(client.acked, ...fresh.filter((op) => replicaOf(op) === id).map(seqOf));
    return { ...client, taken: [...client.taken, ...fresh], cursor: Math.max(client.cursor, first - 1 + ops.length), acked };
  }

  fresh(ops: Op[], accepted: number): Op[] {
    return ops.filter((op) => seqOf(op) > accepted);
  }

  /** What may be acked: nothing but what the log holds. */
  ackable(state: State, _node: NodeId, client: ClientId): number {
    return committedSeq(state, client);
  }

  /**
   * What a node answers from the log it must also know itself: else it tells a client to push from seq 2 on, finds that
   * a gap, has the client ask again, and so on until it happens to read the log.
   */
  informed(state: State, node: Node): Node {
    const accepted = Object.fromEntries(Object.entries(node.accepted).map(([id, seq]) => [id, Math.max(seq, committedSeq(state, id))]));
    return { ...node, accepted };
  }

  fits(state: State, ops: Op[]): boolean {
    return ops.every((op, at) => {
      const earlier = ops.slice(0, at).filter((each) => replicaOf(each) === replicaOf(op));
      return seqOf(op) === committedSeq(state, replicaOf(op)) + earlier.length + 1;
    });
  }

  /** The database's own head, read in the transaction. */
  lsnFor(state: State, _node: Node): number {
    return state.log.length + 1;
  }

  /** After a failed commit the node trusts nothing it did not read from the log, and has its clients push again. */
  reload(state: State, id: NodeId): State {
    const { accepted } = this.started(state);
    const node = { ...state.nodes[id], pending: [], inflight: [], accepted };
    return node.subscribers.reduce((next, to) => send(next, { type: 'resync', from: id, to }), withNode(state, id, node));
  }

  started(state: State): Node {
    const accepted = Object.fromEntries(Object.keys(state.clients).map((id) => [id, committedSeq(state, id)]));
    return { pending: [], inflight: [], accepted, published: state.log.length, subscribers: [] };
  }

  ackFor(state: State, node: NodeId, to: ClientId, above: number): Packet | false {
    const seq = this.ackable(state, node, to);
    return seq > above && { type: 'ack', from: node, to, seq };
  }

  initial(): State {
    const { writes, nodes, faults } = this.bounds;
    const memory = { own: [], taken: [], cursor: 0 };
    const client: Client = { ...memory, acked: 0, link: nodes[0], isLive: true, sent: 0, disk: memory, writes: 0, promised: [] };
    const clients = Object.fromEntries(Object.keys(writes).map((id) => [id, client]));
    const state: State = { clients, nodes: {}, log: [], network: [], faultsLeft: faults };
    const idle = this.started(state);
    return { ...state, nodes: Object.fromEntries(nodes.map((id, at) => [id, at === 0 ? { ...idle, subscribers: Object.keys(writes) } : idle])) };
  }

  subscribe(state: State, from: ClientId): State {
    const client = state.clients[from];
    return send(withClient(state, from, { ...client, isLive: false }), { type: 'subscribe', from, to: client.link, lsn: client.cursor });
  }

  eachClient(state: State, change: (client: Client, id: ClientId) => State | null): Successor<State>[] {
    return Object.entries(state.clients).flatMap(([id, client]) => {
      const changed = change(client, id);
      return changed ? [{ with: id, state: changed }] : [];
    });
  }

  eachNode(state: State, change: (node: Node, id: NodeId) => State | null): Successor<State>[] {
    return Object.entries(state.nodes).flatMap(([id, node]) => {
      const changed = change(node, id);
      return changed ? [{ with: id, state: changed }] : [];
    });
  }

  /** Only the first packet of a route can arrive. */
  eachPacket<Type extends Packet['type']>(
    state: State, type: Type, arrive: (rest: State, packet: Extract<Packet, { type: Type }>) => State,
  ): Successor<State>[] {
    const packets = state.network.filter((each): each is Extract<Packet, { type: Type }> => each.type === type && isFirst(state, each));
    return packets.map((packet) => ({ with: nameOf(packet), state: arrive(without(state, packet), packet) }));
  }

  eachFault(state: State, strike: (next: State, packet: Packet) => State): Successor<State>[] {
    const next = spend(state);
    return next ? state.network.map((packet) => ({ with: nameOf(packet), state: strike(next, packet) })) : [];
  }
}

export const actionNames = [
  'Write', 'Store', 'Push', 'Resume', 'TakeSubscribed', 'Take', 'TakeAck', 'TakeResync', 'CrashClient',
  'Subscribe', 'Receive', 'StartCommit', 'Commit', 'FailCommit', 'Publish', 'CrashServer',
  'Drop', 'Duplicate', 'Reorder',
] as const;

/** What goes on when faults and users stop. */
const healing = ['Store', 'Push', 'Resume', 'TakeSubscribed', 'Take', 'TakeAck', 'TakeResync', 'Subscribe', 'Receive', 'StartCommit', 'Commit', 'Publish'];
