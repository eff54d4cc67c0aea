// What a whole document weighs: the three recorded sessions of one author, saved by each system in its densest form that
// still merges with edits made elsewhere.

import { assertText } from '../check.js';
import { loopsFor } from '../loops.js';
import type { Row } from '../race.js';
import type { System } from '../system.js';
import { readSession } from '../traces.js';

const systems = ['headwater', 'yjs', 'json-joy', 'diamond-types', 'loro', 'automerge'];

function snapshotOf(trace: string, bytesMax: number): Row {
  return {
    name: `snapshot: ${trace}`,
    unit: 'B',
    bars: [{ max: bytesMax }],
    systems,
    enter: async (system) => ({ run: async () => (await savedSession(system, trace)).length }),
  };
}

/** For a replica that starts from it: what was deleted is left out. */
function withoutHistory(trace: string): Row {
  return {
    name: `snapshot without history: ${trace}`,
    unit: 'B',
    bars: [{ rival: 'loro', times: 1 }],
    systems: ['headwater', 'loro'],
    enter: async (system) => ({ run: async () => (await savedSession(system, trace, true)).length }),
  };
}

const saved = new Map<string, Uint8Array>();

/** A session as the system saves it. It was loaded once, and the text was right. */
export async function savedSession(system: System, trace: string, isShallow = false): Promise<Uint8Array> {
  const name = `${system.name} ${trace} ${isShallow}`;
  let bytes = saved.get(name);
  if (!bytes) saved.set(name, bytes = await save(system, trace, isShallow));
  return bytes;
}

async function save(system: System, trace: string, isShallow: boolean): Promise<Uint8Array> {
  const session = readSession(trace);
  const { edit } = await loopsFor(system.name);
  const replica = system.create(1);
  const work = () => edit(replica, session);
  if (replica.transact) replica.transact(work);
  else work();
  const bytes = isShallow && replica.saveShallow ? replica.saveShallow() : replica.save();
  replica.free();
  const loaded = system.load(bytes, 2);
  assertText(loaded, session.end, system.name);
  loaded.free();
  return bytes;
}

export const snapshot: readonly Row[] = [
  snapshotOf('automerge-paper', 82_000),
  snapshotOf('rustcode', 66_000),
  snapshotOf('sveltecomponent', 25_000),
  withoutHistory('automerge-paper'),
  withoutHistory('rustcode'),
  withoutHistory('sveltecomponent'),
];
