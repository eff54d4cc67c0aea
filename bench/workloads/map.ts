// Last-writer-wins fields: 100,000 sets on 1,000 keys, and what the document weighs afterwards. An overwritten value has
// to leave nothing behind.

import { timed, loopsFor } from '../loops.js';
import type { Row } from '../race.js';
import type { Replica, System } from '../system.js';
import { dice } from '../dice.js';

const keyCount = 1_000;
const setCount = 100_000;
const systems = ['headwater', 'yjs', 'json-joy', 'loro', 'automerge'];

function sets(): { keys: string[]; values: number[]; last: Map<string, number> } {
  const roll = dice(1);
  // Every key is set at least once; the order is random after that.
  const keys = Array.from({ length: setCount }, (_, i) => `key${i < keyCount ? i : roll(keyCount)}`);
  const values = Array.from({ length: setCount }, (_, i) => i);
  return { keys, values, last: new Map(keys.map((key, i) => [key, values[i]])) };
}

const time: Row = {
  name: 'map: 100,000 sets on 1,000 keys',
  unit: 'ms',
  bars: [{ rival: 'yjs', times: 10 }, { rival: 'json-joy', times: 2.5 }],
  systems,
  async enter(system) {
    const { keys, values, last } = sets();
    const { assign } = await loopsFor(system.name);
    return {
      run() {
        const replica = system.create(1);
        const work = () => assign(replica, keys, values);
        const ms = timed(() => (replica.transact ? replica.transact(work) : work()));
        assertFields(replica, last, system.name);
        replica.free();
        return ms;
      },
    };
  },
};

const bytes: Row = {
  name: 'map: snapshot after 100,000 sets',
  unit: 'B',
  bars: [{ max: 16 * 1024 }],
  systems,
  async enter(system) {
    return { run: () => savedBytes(system) };
  },
};

function savedBytes(system: System): number {
  const { keys, values, last } = sets();
  const replica = system.create(1);
  const work = () => keys.forEach((key, i) => replica.set(key, values[i]));
  atSteadyPace(() => (replica.transact ? replica.transact(work) : work()));
  const saved = replica.save();
  replica.free();
  const loaded = system.load(saved, 2);
  assertFields(loaded, last, system.name);
  loaded.free();
  return saved.length;
}

/** A stamp weighs by the time since the last one: 2,000 sets a millisecond, whatever the machine makes of it. */
function atSteadyPace(work: () => void): void {
  const { now } = Date;
  let calls = 0;
  Date.now = () => 1_700_000_000_000 + Math.floor(calls++ / 2_000);
  try {
    work();
  } finally {
    Date.now = now;
  }
}

function assertFields(replica: Replica, expected: ReadonlyMap<string, number>, system: string): void {
  for (const [key, value] of expected) {
    if (replica.get(key) !== value) throw new Error(`${system}: ${key} is ${String(replica.get(key))}, not ${value}`);
  }
}

export const map: readonly Row[] = [time, bytes];
