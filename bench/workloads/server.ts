// Headwater's server next to others: what an edit costs it, how many it takes, how long they travel, what a connection
// weighs that does nothing, and one that does not read.
//
// Ours writes every edit to SQLite with an fsync before anybody sees it; theirs keep everything in memory. Each server is
// a process of its own, and so is each load, so that the CPU time counted is the server's alone. All stay up through
// the rounds and are used in turn, so that whatever else the machine does falls on all of them.

import { judge, measuredOf, type RowBar, type RowResult, type Unit } from '../race.js';
import { Asked } from '../server/process.js';
import type { CrowdPlan } from '../server/crowd.js';
import type { Loaded } from '../server/load.js';
import { nodePath, type ServerSystem } from '../server/rivals.js';

export interface ServerPace {
  rounds: number;
  /** Length of one measurement. */
  ms: number;
  idleConnections: number;
  stalledMs: number;
}

export const fullPace: ServerPace = { rounds: 5, ms: 3_000, idleConnections: 5_000, stalledMs: 8_000 };
export const quickPace: ServerPace = { rounds: 1, ms: 1_500, idleConnections: 1_000, stalledMs: 3_000 };

const crowd = { rooms: 100, clientsPerRoom: 10, keptRooms: 3 };
const settings = {
  cpuAll: { name: 'server: CPU per delivered edit, 1,000 clients write', unit: 'µs', bars: [{ rival: 'hocuspocus', times: 3 }, { rival: 'y-websocket', times: 2 }] },
  cpuOne: { name: 'server: CPU per delivered edit, one writes in each room', unit: 'µs', bars: [{ rival: 'hocuspocus', times: 3 }, { rival: 'y-websocket', times: 2 }] },
  cpuSteady: { name: 'server: CPU per delivered edit at 1,000 edits/s', unit: 'µs', bars: [] },
  rate: { name: 'server: closed loop, 1,000 clients write', unit: 'edits/s', bars: [{ rival: 'hocuspocus', times: 2 }] },
  p50: { name: 'server: to the other readers at 1,000 edits/s, p50', unit: 'ms', bars: [] },
  p99: { name: 'server: to the other readers at 1,000 edits/s, p99', unit: 'ms', bars: [] },
  idle: { name: 'server: memory of an idle connection, the second 5,000', unit: 'KB', bars: [{ max: 4 }] },
  // A socket's budget is 1 MiB and a frame, and its buffer doubles: 42 MB. The rest is the server's own work with big frames.
  stalled: { name: 'server: memory for 20 readers that do not read 10 MB/s', unit: 'MB', bars: [{ max: 60 }] },
} satisfies Record<string, { name: string; unit: Unit; bars: readonly RowBar[] }>;

type Setting = keyof typeof settings;

export const serverRowNames: readonly string[] = Object.values(settings).map(({ name }) => name);

/** @throws Error when an edit did not arrive, or two readers differ in the end */
export async function raceServers(systems: readonly ServerSystem[], pace: ServerPace): Promise<RowResult[]> {
  const numbers = new Map<Setting, Map<string, number[]>>();
  const note = (setting: Setting, { name }: ServerSystem, number: number) => {
    const of = numbers.get(setting) ?? new Map<string, number[]>();
    numbers.set(setting, of.set(name, [...(of.get(name) ?? []), number]));
  };
  await writeInTurn(systems, pace, note);
  for (const system of systems) {
    for (let round = 0; round < Math.min(3, pace.rounds); round++) note('idle', system, await idleConnection(system, pace));
    note('stalled', system, await stalledReaders(system, pace));
  }
  return (Object.keys(settings) as Setting[]).map((setting) => {
    const measured = [...numbers.get(setting)!].map(([name, found]) => measuredOf(name, found, settings[setting].unit));
    return judge(settings[setting], measured, {});
  });
}

type Note = (setting: Setting, system: ServerSystem, number: number) => void;

async function writeInTurn(systems: readonly ServerSystem[], { rounds, ms }: ServerPace, note: Note): Promise<void> {
  const pairs: Pair[] = [];
  try {
    for (const system of systems) pairs.push(await Pair.start(system, { ...crowd, prefix: 'room' }));
    for (const pair of pairs) await pair.measure('closed', { writers: 10, ms });
    for (let round = 0; round < rounds; round++) for (const pair of pairs) await writeOnce(pair, ms, note);
    for (const pair of pairs) await pair.load.ask('compare');
  } finally {
    for (const pair of pairs) await pair.end();
  }
}

async function writeOnce(pair: Pair, ms: number, note: Note): Promise<void> {
  const { system } = pair;
  const all = await pair.measure('closed', { writers: 10, ms });
  note('cpuAll', system, all.cpuPerDelivery);
  note('rate', system, (all.edits / all.ms) * 1_000);
  note('cpuOne', system, (await pair.measure('closed', { writers: 1, ms })).cpuPerDelivery);
  const steady = await pair.measure('steady', { editsPerSecond: 1_000, ms });
  note('cpuSteady', system, steady.cpuPerDelivery);
  note('p50', system, steady.p50);
  note('p99', system, steady.p99);
  console.error(`${system.name}: ${all.cpuPerDelivery.toFixed(2)} µs per delivered edit, ${((all.edits / all.ms) * 1_000).toFixed(0)} edits/s, p50 ${steady.p50.toFixed(2)} ms`);
}

/**
 * @returns KB of resident memory for each of as many as are there already: what a runtime takes once, to take in the
 * first thousands, is not a connection's
 */
async function idleConnection(system: ServerSystem, { idleConnections }: ServerPace): Promise<number> {
  const plan = { rooms: 1, clientsPerRoom: idleConnections, keptRooms: 0, prefix: 'idle' };
  const pair = await Pair.start(system, plan);
  const more = new Asked('load.js', [system.name], nodePath());
  try {
    const before = await pair.memory();
    await more.ask('connect', { ...plan, port: pair.port } satisfies CrowdPlan);
    return ((await pair.memory()) - before) / 1_024 / idleConnections;
  } finally {
    await more.end();
    await pair.end();
  }
}

/** @returns MB more than before, at the end of a time in which 20 of 26 clients read nothing; they get it all afterwards */
async function stalledReaders(system: ServerSystem, { stalledMs }: ServerPace): Promise<number> {
  const pair = await Pair.start(system, { rooms: 1, clientsPerRoom: 26, keptRooms: 0, prefix: 'stalled' });
  try {
    const write = (readers: number, ms: number) => pair.load.ask('stalled', { readers, bytesPerSecond: 10e6, bytes: 64 * 1_024, ms });
    await write(0, 1_000);
    const before = await pair.memory();
    await write(20, stalledMs);
    const grown = (await pair.memory()) - before;
    await pair.load.ask('awake', { count: 20, msMax: 30_000 });
    return grown / 1_024 / 1_024;
  } finally {
    await pair.end();
  }
}

/** A server and its load. */
class Pair {
  private constructor(readonly system: ServerSystem, readonly host: Asked, readonly load: Asked, readonly port: number) {}

  static async start(system: ServerSystem, plan: Omit<CrowdPlan, 'port'>): Promise<Pair> {
    const host = new Asked('host.js', [system.name], nodePath());
    const load = new Asked('load.js', [system.name], nodePath());
    const port = await host.ask<number>('start');
    await load.ask('connect', { ...plan, port });
    return new Pair(system, host, load, port);
  }

  async measure(work: 'closed' | 'steady', argument: object): Promise<Loaded & { cpuPerDelivery: number }> {
    const before = await this.host.ask<number>('cpu');
    const loaded = await this.load.ask<Loaded>(work, argument);
    return { ...loaded, cpuPerDelivery: ((await this.host.ask<number>('cpu')) - before) / loaded.deliveries };
  }

  /** Resident bytes. The least of a few looks: what a collection gives back goes a little later. */
  async memory(): Promise<number> {
    const looks: number[] = [];
    for (let look = 0; look < 8; look++) {
      looks.push((await this.host.ask<NodeJS.MemoryUsage>('memory')).rss);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return Math.min(...looks);
  }

  async end(): Promise<void> {
    await this.load.end();
    await this.host.end();
  }
}
