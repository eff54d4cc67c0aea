// The bounded models that are explored, by name: what `npm run explore` offers and what the tests assert.
//
// `states` and `depth` are exact. A model that lost an action or a fault is smaller, and one that says too little is
// easily true; so a change of these numbers has to be looked at, and README.md says them too.

import type { Spec } from './explorer.js';
import { FugueMax } from './fugue-max.js';
import { mutants as fugueMutants, mutate as mutateFugue } from './fugue-mutants.js';
import { mutants as syncMutants, mutate as mutateSync } from './sync-mutants.js';
import { SyncProtocol, type Bounds } from './sync-protocol.js';
import { SyncSession } from './sync-session.js';

export interface Run {
  about: string;
  module: 'SyncProtocol' | 'FugueMax';
  spec: () => Spec<unknown>;
  states: number;
  depth: number;
  /** The numbers are least ones: the code that ships may change its inner states without changing what it does. */
  isFloor?: boolean;
  /** Too long for every test run. */
  isDeep?: boolean;
}

export interface MutantRun {
  mistake: string;
  caughtBy: string[];
  module: Run['module'];
  spec: () => Spec<unknown>;
  /** Steps of the shortest trace. */
  steps: number;
}

const sync = (bounds: Bounds) => () => new SyncProtocol(bounds).spec() as Spec<unknown>;
const session = (bounds: Bounds) => () => new SyncSession(bounds).spec() as Spec<unknown>;
const fugue = (inserts: number, deletes: number) => () => new FugueMax({ replicas: ['a', 'b', 'c'], inserts, deletes }).spec() as Spec<unknown>;

export const runs: Record<string, Run> = {
  'sync': {
    about: 'two clients writing one op each, one node, any one fault',
    module: 'SyncProtocol', spec: sync({ writes: { a: 1, b: 1 }, nodes: ['n'], faults: 1 }), states: 20_382, depth: 32,
  },
  'sync-nodes': {
    about: 'one client writing two ops, two nodes, any one fault',
    module: 'SyncProtocol', spec: sync({ writes: { a: 2 }, nodes: ['m', 'n'], faults: 1 }), states: 9_683, depth: 33,
  },
  'sync-reader': {
    about: 'a client writing two ops, one that reads, one node, any one fault',
    module: 'SyncProtocol', spec: sync({ writes: { a: 2, b: 0 }, nodes: ['n'], faults: 1 }), states: 8_270, depth: 30,
  },
  'sync-reader-two-faults': {
    about: 'as sync-reader, with any two faults',
    module: 'SyncProtocol', spec: sync({ writes: { a: 2, b: 0 }, nodes: ['n'], faults: 2 }), states: 145_363, depth: 34, isDeep: true,
  },
  'sync-nodes-two-faults': {
    about: 'one client writing two ops, two nodes, any two faults',
    module: 'SyncProtocol', spec: sync({ writes: { a: 2 }, nodes: ['m', 'n'], faults: 2 }), states: 226_958, depth: 40, isDeep: true,
  },
  'sync-both': {
    about: 'two clients writing one op each, two nodes, any one fault',
    module: 'SyncProtocol', spec: sync({ writes: { a: 1, b: 1 }, nodes: ['m', 'n'], faults: 1 }), states: 137_910, depth: 35, isDeep: true,
  },
  'session': {
    about: 'as sync, with the session reducer that ships',
    module: 'SyncProtocol', spec: session({ writes: { a: 1, b: 1 }, nodes: ['n'], faults: 1 }), states: 20_000, depth: 30, isFloor: true,
  },
  'session-nodes': {
    about: 'as sync-nodes, with the session reducer that ships',
    module: 'SyncProtocol', spec: session({ writes: { a: 2 }, nodes: ['m', 'n'], faults: 1 }), states: 9_000, depth: 30, isFloor: true,
  },
  'session-two-faults': {
    about: 'as session-nodes, with any two faults',
    module: 'SyncProtocol', spec: session({ writes: { a: 2 }, nodes: ['m', 'n'], faults: 2 }), states: 300_000, depth: 30, isFloor: true, isDeep: true,
  },
  'fugue': { about: 'three replicas, four inserts', module: 'FugueMax', spec: fugue(4, 0), states: 71_000, depth: 12 },
  'fugue-deletes': { about: 'three replicas, three inserts, one delete', module: 'FugueMax', spec: fugue(3, 1), states: 43_259, depth: 12 },
};

/** Steps to the violation, found breadth first: no shorter trace exists. */
const steps: Record<string, number> = {
  'ack-before-commit': 5,
  'publish-before-commit': 6,
  'forget-flush': 2,
  'cursor-before-entries': 9,
  'push-before-durable': 9,
  'skip-dedupe': 8,
  'dedupe-in-memory-only': 14,
  'lsn-from-memory': 12,
  'cursor-over-gap': 16,
  'keep-memory-after-failed-commit': 6,
  'answer-without-knowing': 5,
  'fail-silently': 6,
  'no-tie-break': 3,
  'tie-break-upside-down': 3,
  'wrong-direction': 4,
  'ignore-right-origin': 5,
  'stop-at-nearer': 4,
};

const syncRuns = Object.entries(syncMutants).map(([name, mutant]): [string, MutantRun] => [name, {
  mistake: mutant.mistake, caughtBy: mutant.caughtBy, module: 'SyncProtocol', steps: steps[name],
  spec: () => mutateSync(new SyncProtocol(mutant.bounds), mutant).spec() as Spec<unknown>,
}]);

const fugueRuns = Object.entries(fugueMutants).map(([name, mutant]): [string, MutantRun] => [name, {
  mistake: mutant.mistake, caughtBy: mutant.caughtBy, module: 'FugueMax', steps: steps[name],
  spec: () => mutateFugue(new FugueMax(mutant.bounds), mutant).spec() as Spec<unknown>,
}]);

/** The same mistakes around the session that ships. Whether it goes over a gap is its own decision, not the model's. */
export const sessionMutants: Record<string, Pick<MutantRun, 'caughtBy' | 'spec'>> = Object.fromEntries(
  Object.entries(syncMutants).filter(([name]) => name !== 'cursor-over-gap').map(([name, mutant]) =>
    [name, { caughtBy: mutant.caughtBy, spec: () => mutateSync(new SyncSession(mutant.bounds), mutant).spec() as Spec<unknown> }]));

export const mutantRuns: Record<string, MutantRun> = Object.fromEntries([...syncRuns, ...fugueRuns]);
