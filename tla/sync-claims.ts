// What must hold in SyncProtocol, under the names the .tla module uses.

import { replicaOf, seqOf, type Client, type ClientId, type Op, type State } from './sync-state.js';

const isInLog = (state: State, op: Op) => state.log.some((entry) => entry.op === op);
const everyClient = (state: State, holds: (client: Client, id: ClientId) => boolean) =>
  Object.entries(state.clients).every(([id, client]) => holds(client, id));

export const invariants: Record<string, (state: State) => boolean> = {
  AckedIsCommitted: (state) => everyClient(state, ({ own, acked }) =>
    acked <= own.length && own.slice(0, acked).every((op) => isInLog(state, op))),
  LogHoldsNothingTwice: ({ log }) => new Set(log.map(({ op }) => op.split('/')[0])).size === log.length,
  LogIsDense: (state) => state.log.every(({ lsn, op }, at) =>
    lsn === at + 1 && seqOf(op) === state.log.slice(0, at + 1).filter((each) => replicaOf(each.op) === replicaOf(op)).length),
  SeesOnlyCommitted: (state) => everyClient(state, ({ taken }) => taken.every((op) => isInLog(state, op))),
  CursorPassesNoGap: (state) => everyClient(state, ({ taken, cursor, disk }) =>
    [{ taken, cursor }, disk].every((each) => state.log.slice(0, each.cursor).every(({ op }) => each.taken.includes(op)))),
  DurableIsNeverLost: (state) => everyClient(state, ({ promised, disk }) => promised.every((op) => disk.own.includes(op))),
};

export const steps: Record<string, (before: State, after: State) => boolean> = {
  LogOnlyGrows: (before, after) => before.log === after.log || before.log.every(({ lsn, op }, at) => after.log[at]?.lsn === lsn && after.log[at].op === op),
};

/** Every device holds the whole log, in memory and on disk, and knows that all its own ops are in it. */
export function isConverged(state: State): boolean {
  return everyClient(state, ({ own, acked, cursor, disk }) =>
    disk.own.length === own.length && acked === own.length && own.every((op) => isInLog(state, op))
    && cursor === state.log.length && disk.cursor === cursor);
}

