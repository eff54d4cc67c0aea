// One author's text: the automerge-paper trace, 259,778 edits by hand. Made locally, made while somebody listens, and
// received one update at a time; and what one keystroke's update weighs.

import { assertText } from '../check.js';
import { loopsFor, timed } from '../loops.js';
import { Packed } from '../packed.js';
import type { Contestant, Row } from '../race.js';
import type { Replica, System } from '../system.js';
import { readSession } from '../traces.js';

const trace = 'automerge-paper';
const withUpdates = ['headwater', 'yjs', 'json-joy', 'diamond-types'];

const local: Row = {
  name: 'text: local edits, no listener',
  unit: 'ms',
  bars: [{ rival: 'yjs', times: 40 }, { rival: 'json-joy', times: 3 }, { rival: 'diamond-types', times: 2 }],
  systems: [...withUpdates, 'loro', 'automerge'],
  async enter(system) {
    const session = readSession(trace);
    const { edit } = await loopsFor(system.name);
    const counts: Record<string, number> = {};
    return {
      run() {
        const replica = system.create(1);
        const ms = timed(() => inOneGo(replica, () => edit(replica, session)));
        assertText(replica, session.end, system.name);
        if (replica.memoryBytes) counts.memoryBytes = replica.memoryBytes();
        if (replica.spans) counts.spans = replica.spans();
        replica.free();
        return ms;
      },
      counts: () => counts,
    };
  },
};

function inOneGo(replica: Replica, work: () => void): void {
  if (replica.transact) replica.transact(work);
  else work();
}

const kept: Row = {
  name: 'text: local edits, every update kept',
  unit: 'ms',
  bars: [{ rival: 'yjs', times: 15 }, { rival: 'json-joy', times: 1.5 }],
  systems: withUpdates,
  async enter(system) {
    const session = readSession(trace);
    const { edit } = await loopsFor(system.name);
    return {
      run() {
        const replica = system.create(1);
        const updates: Uint8Array[] = [];
        replica.listen((update) => { updates.push(update); });
        const ms = timed(() => edit(replica, session));
        assertText(replica, session.end, system.name);
        if (updates.length < session.count) throw new Error(`${system.name}: ${updates.length} updates of ${session.count} edits`);
        replica.free();
        return ms;
      },
    };
  },
};

/** Updates are unpacked a thousand at a time, off the clock. */
const unpackedMax = 1_000;

const remote: Row = {
  name: 'text: remote edits, one update at a time',
  unit: 'ms',
  bars: [{ rival: 'yjs', times: 30 }, { rival: 'json-joy', times: 4 }],
  systems: withUpdates,
  async enter(system) {
    const { end } = readSession(trace);
    const updates = await updatesOf(system);
    const { apply } = await loopsFor(system.name);
    return {
      run() {
        const replica = system.create(2);
        let ms = 0;
        for (let at = 0; at < updates.count; at += unpackedMax) {
          const some = updates.slice(at, Math.min(at + unpackedMax, updates.count));
          ms += timed(() => apply(replica, some));
        }
        assertText(replica, end, system.name);
        replica.free();
        return ms;
      },
      counts: () => ({ updateBytes: updates.bytes }),
    };
  },
};

const packedOf = new Map<string, Packed>();

/** Every update of the trace, as the system itself makes them. */
async function updatesOf(system: System): Promise<Packed> {
  let updates = packedOf.get(system.name);
  if (updates) return updates;
  updates = new Packed();
  packedOf.set(system.name, updates);
  const replica = system.create(1);
  replica.listen((update) => updates.add(update));
  (await loopsFor(system.name)).edit(replica, readSession(trace));
  replica.free();
  return updates;
}

const keystroke: Row = {
  name: 'text: keystroke update, mean of the trace',
  unit: 'B',
  bars: [{ max: 10 }],
  systems: withUpdates,
  async enter(system): Promise<Contestant> {
    const { count } = readSession(trace);
    return { run: async () => (await updatesOf(system)).bytes / count };
  },
};

const typing: Row = {
  name: 'text: keystroke update, typing alone',
  unit: 'B',
  bars: [{ max: 10 }],
  systems: [...withUpdates, 'loro'],
  async enter(system) {
    return { run: () => typedBytes(system) / 1_000 };
  },
};

/** Bytes of the updates of 1,000 characters typed one by one at the end of a text of 10,000. */
function typedBytes(system: System): number {
  const replica = system.create(1);
  for (let i = 0; i < 1_000; i++) replica.insert(i * 10, '0123456789');
  const updates = new Packed();
  replica.listen((update) => updates.add(update));
  // What an update of the text so far weighs is not the keystroke's.
  replica.insert(10_000, 'x');
  const before = updates.bytes;
  for (let i = 1; i <= 1_000; i++) replica.insert(10_000 + i, 'x');
  replica.free();
  return updates.bytes - before;
}

/** Drops what a row prepared, so that it does not weigh on the next group. */
export function forgetUpdates(): void { packedOf.clear(); }

export const text: readonly Row[] = [local, kept, remote, keystroke, typing];
