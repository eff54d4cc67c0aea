// The state of SyncProtocol and the small changes every action is made of: one variable of the .tla module,
// one field here. States are plain values and never changed in place.
//
// A ghost is a field no action may decide by: it remembers what was promised, so that a claim can be checked.

export type ClientId = string;
export type NodeId = string;
/** `a2/3`: seq 2 of client a, made by its third write. The write is a ghost: it tells apart two ops under one seq. */
export type Op = string;

export interface Client {
  own: Op[];
  taken: Op[];
  cursor: number;
  acked: number;
  /** The node it is connected to, empty for none. Live once that node has answered the subscribe. */
  link: NodeId | '';
  isLive: boolean;
  /** Highest seq pushed since then. */
  sent: number;
  disk: { own: Op[]; taken: Op[]; cursor: number };
  /** Ghosts: how many writes were ever made, and those whose `durable` was resolved. */
  writes: number;
  promised: Op[];
}

export interface Node {
  pending: Op[];
  inflight: Op[];
  /** Highest seq this node has taken from each client, committed or not. */
  accepted: Record<ClientId, number>;
  published: number;
  subscribers: ClientId[];
}

export type Packet =
  | { type: 'subscribe'; from: ClientId; to: NodeId; lsn: number }
  | { type: 'push'; from: ClientId; to: NodeId; ops: Op[] }
  | { type: 'subscribed'; from: NodeId; to: ClientId; lsn: number; head: number; seq: number }
  | { type: 'changes'; from: NodeId; to: ClientId; first: number; ops: Op[] }
  | { type: 'ack'; from: NodeId; to: ClientId; seq: number }
  | { type: 'resync'; from: NodeId; to: ClientId };

export interface State {
  clients: Record<ClientId, Client>;
  nodes: Record<NodeId, Node>;
  log: { lsn: number; op: Op }[];
  /** Sorted by route; the packets of one route stand in the order they were sent. */
  network: Packet[];
  faultsLeft: number;
}

export const replicaOf = (op: Op): ClientId => op[0];
export const seqOf = (op: Op): number => Number(op.slice(1, op.indexOf('/')));

export function committedSeq(state: State, client: ClientId): number {
  return state.log.reduce((seq, { op }) => (replicaOf(op) === client ? Math.max(seq, seqOf(op)) : seq), 0);
}

export function changesAfter(state: State, from: NodeId, to: ClientId, lsn: number): Packet | false {
  return lsn < state.log.length && { type: 'changes', from, to, first: lsn + 1, ops: state.log.slice(lsn).map(({ op }) => op) };
}

export function withClient(state: State, id: ClientId, client: Client): State {
  return { ...state, clients: { ...state.clients, [id]: client } };
}

export function withNode(state: State, id: NodeId, node: Node): State {
  return { ...state, nodes: { ...state.nodes, [id]: node } };
}

export function send(state: State, packet: Packet | false): State {
  // What a node says to a client that has left it goes nowhere.
  if (!packet || (packet.to in state.clients && state.clients[packet.to].link !== packet.from)) return state;
  const after = state.network.findIndex((each) => routeOf(each) > routeOf(packet));
  const at = after < 0 ? state.network.length : after;
  return { ...state, network: [...state.network.slice(0, at), packet, ...state.network.slice(at)] };
}

export function without(state: State, packet: Packet): State {
  const at = state.network.indexOf(packet);
  return { ...state, network: state.network.filter((_each, i) => i !== at) };
}

/** What was on its way to the client dies with the link. What it had pushed may still arrive, late. */
export function cut(state: State, id: ClientId): State {
  const network = state.network.filter((packet) => packet.to !== id && (packet.from !== id || packet.type === 'push'));
  return withClient({ ...state, network }, id, { ...state.clients[id], link: '', isLive: false });
}

export function spend(state: State): State | null {
  return state.faultsLeft === 0 ? null : { ...state, faultsLeft: state.faultsLeft - 1 };
}

export function clientOf(state: State, packet: Packet): ClientId {
  return packet.from in state.clients ? packet.from : packet.to;
}

/** Only the first packet of a route can arrive. */
export function isFirst(state: State, packet: Packet): boolean {
  return state.network.find((each) => routeOf(each) === routeOf(packet)) === packet;
}

function routeOf(packet: Packet): string {
  return `${packet.from}>${packet.to}`;
}

export function nameOf({ type, from, to, ...rest }: Packet): string {
  return [type, from, to, ...Object.values(rest)].join(' ');
}

export function union<T>(a: T[], b: T[]): T[] {
  return [...new Set([...a, ...b])].sort();
}
