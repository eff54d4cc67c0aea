// SyncProtocol with one decision wrong at a time: each a mistake that real sync servers and clients have made. A
// model that does not notice them proves nothing, so the tests fail if one survives.

import { invariants, steps } from './sync-claims.js';
import { SyncProtocol, type Bounds } from './sync-protocol.js';
import { send, withNode } from './sync-state.js';

export interface Mutant {
  mistake: string;
  /** The claims that may notice it. */
  caughtBy: string[];
  bounds: Bounds;
  patch: (protocol: SyncProtocol) => Partial<SyncProtocol>;
}

const oneWriter: Bounds = { writes: { a: 2 }, nodes: ['n'], faults: 1 };
const writerAndReader: Bounds = { writes: { a: 2, b: 0 }, nodes: ['n'], faults: 1 };
const twoNodes: Bounds = { writes: { a: 2 }, nodes: ['m', 'n'], faults: 1 };

export const mutants: Record<string, Mutant> = {
  'ack-before-commit': {
    mistake: 'the node acks what it has taken into memory',
    caughtBy: ['AckedIsCommitted'],
    bounds: oneWriter,
    patch: () => ({ ackable: (state, node, client) => state.nodes[node].accepted[client] }),
  },
  'publish-before-commit': {
    mistake: 'others are told while the commit is still running',
    caughtBy: ['SeesOnlyCommitted', 'AckedIsCommitted'],
    bounds: writerAndReader,
    patch: (protocol) => ({
      StartCommit: (state) => SyncProtocol.prototype.StartCommit.call(protocol, state).map((next) => {
        const { subscribers, inflight } = next.state.nodes[next.with];
        const first = state.log.length + 1;
        const sent = subscribers.reduce((all, to) => send(all, { type: 'changes', from: next.with, to, first, ops: inflight }), next.state);
        return { ...next, state: sent };
      }),
    }),
  },
  'forget-flush': {
    mistake: '`durable` resolves and nothing was written',
    caughtBy: ['DurableIsNeverLost'],
    bounds: oneWriter,
    patch: () => ({ stored: (client) => client.disk }),
  },
  'cursor-before-entries': {
    mistake: 'the cursor is stored and the entries it covers are not, as with two transactions',
    caughtBy: ['CursorPassesNoGap'],
    bounds: writerAndReader,
    patch: () => ({ stored: ({ own, disk, cursor }) => ({ own, taken: disk.taken, cursor }) }),
  },
  'push-before-durable': {
    mistake: 'ops are pushed from memory; after a crash their seqs are given to other ops',
    caughtBy: ['AckedIsCommitted', 'SeesOnlyCommitted'],
    bounds: oneWriter,
    patch: () => ({ pushable: ({ own, acked, sent }) => own.slice(Math.max(acked, sent)) }),
  },
  'skip-dedupe': {
    mistake: 'neither the node nor the database asks whether an op is there already',
    caughtBy: ['LogHoldsNothingTwice'],
    bounds: oneWriter,
    patch: () => ({ fresh: (ops) => ops, fits: () => true }),
  },
  'dedupe-in-memory-only': {
    mistake: 'the node asks its memory and not the database, and there is another node',
    caughtBy: ['LogHoldsNothingTwice'],
    bounds: twoNodes,
    patch: () => ({ fits: () => true }),
  },
  'lsn-from-memory': {
    mistake: 'the node counts LSNs itself, from the last one it published',
    caughtBy: ['LogIsDense'],
    bounds: twoNodes,
    patch: () => ({ lsnFor: (_state, node) => node.published + 1 }),
  },
  'cursor-over-gap': {
    mistake: 'the client takes whatever comes and moves its cursor to the end of it',
    caughtBy: ['CursorPassesNoGap'],
    bounds: writerAndReader,
    patch: () => ({ isGap: () => false }),
  },
  'keep-memory-after-failed-commit': {
    mistake: 'after a failed commit the node still believes it has the ops, and ignores them when they come again',
    caughtBy: ['Heals'],
    bounds: oneWriter,
    patch: (protocol) => ({
      reload: (state, id) => {
        const { accepted } = state.nodes[id];
        const reloaded = SyncProtocol.prototype.reload.call(protocol, state, id);
        return withNode(reloaded, id, { ...reloaded.nodes[id], accepted });
      },
    }),
  },
  'answer-without-knowing': {
    mistake: 'a node answers a subscribe from the log but judges pushes by what it knew before',
    caughtBy: ['Heals'],
    bounds: twoNodes,
    patch: (protocol) => ({
      Subscribe: (state) => SyncProtocol.prototype.Subscribe.call(protocol, state).map((next) => {
        const id = next.with.split(' ')[2];
        return { ...next, state: withNode(next.state, id, { ...next.state.nodes[id], accepted: state.nodes[id].accepted }) };
      }),
    }),
  },
  'fail-silently': {
    mistake: 'after a failed commit nobody is told to push again',
    caughtBy: ['Heals'],
    bounds: oneWriter,
    patch: (protocol) => ({
      reload: (state, id) => withNode(state, id, { ...state.nodes[id], pending: [], inflight: [], accepted: protocol.started(state).accepted }),
    }),
  },
};

export const claimNames = [...Object.keys(invariants), ...Object.keys(steps), 'Heals'];

export function mutate(protocol: SyncProtocol, { patch }: Mutant): SyncProtocol {
  return Object.assign(protocol, patch(protocol));
}

