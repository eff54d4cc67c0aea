// Runs the systems of a row against each other: in rounds, one run each, so that whatever else the machine does falls on
// all of them; fresh documents each time, the heap collected before each run.
//
// The first run of each is thrown away, unless it took so long that warming up no longer shows in it.

import type { System } from './system.js';
import { median } from './harness.js';

/** What Headwater has to hold in a row. */
export type RowBar = { rival: string; times: number } | { max: number };

/** `edits/s` is the one of which more is better. */
export type Unit = 'ms' | 'B' | 'µs' | 'KB' | 'MB' | 'edits/s';

export interface Row {
  /** `group: what`, as printed. */
  name: string;
  unit: Unit;
  bars: readonly RowBar[];
  /** The systems it is run with, where they are here. */
  systems: readonly string[];
  /** A contestant of a system: set-up that all its runs share happens here. */
  enter(system: System): Promise<Contestant>;
}

export interface Contestant {
  /** One run with a fresh document; checks the result outside the measured part. @returns ms, or bytes */
  run(): number | Promise<number>;
  /** Stable numbers of Headwater's, held against the baseline. */
  counts?(): Readonly<Record<string, number>>;
}

export interface Measured {
  system: string;
  /** The best of its runs; of `edits/s` that is the most. */
  min: number;
  median: number;
  runs: number;
}

export interface RowResult {
  name: string;
  unit: Row['unit'];
  measured: readonly Measured[];
  /** How many times each rival takes of what Headwater takes; for `edits/s`, how many times a rival's Headwater's is. */
  ratios: Readonly<Record<string, number>>;
  bars: readonly { text: string; pass: boolean }[];
  counts: Readonly<Record<string, number>>;
}

export interface Pace {
  /** Rounds for systems whose run is short. */
  rounds: number;
  /** … and for those whose run is longer than `slowMs`. */
  roundsSlow: number;
}

interface Runner { name: string; contestant: Contestant; times: number[]; rounds: number }

const slowMs = 400;
const tediousMs = 4_000;

export async function race(row: Row, systems: readonly System[], pace: Pace): Promise<RowResult> {
  const runners: Runner[] = [];
  for (const system of systems.filter(({ name }) => row.systems.includes(name))) {
    const runner = await enterOrSay(row, system);
    if (runner) runners.push(runner);
  }
  for (const runner of runners) {
    const first = await collectedRun(runner);
    runner.rounds = roundsAfter(first, row.unit, pace);
    if (row.unit === 'B' || first > slowMs) runner.times.push(first);
  }
  for (let round = 0; round < pace.rounds; round++) {
    for (const runner of runners) if (runner.times.length < runner.rounds) runner.times.push(await collectedRun(runner));
  }
  const counts = runners.find(({ name }) => name === 'headwater')?.contestant.counts?.() ?? {};
  return judge(row, runners.map(({ name, times }) => measuredOf(name, times)), counts);
}

/** A rival that cannot do the work is named and left out; that Headwater cannot is an error. */
async function enterOrSay(row: Row, system: System): Promise<Runner | null> {
  try {
    return { name: system.name, contestant: await row.enter(system), times: [], rounds: 0 };
  } catch (error) {
    if (system.name === 'headwater') throw error;
    console.error(`${row.name}: without ${system.name}: ${String(error)}`);
    return null;
  }
}

async function collectedRun({ contestant }: Runner): Promise<number> {
  globalThis.gc?.();
  return contestant.run();
}

/** Bytes do not vary; what takes seconds is not worth many of them. */
function roundsAfter(first: number, unit: Row['unit'], { rounds, roundsSlow }: Pace): number {
  if (unit === 'B' || first > tediousMs) return 1;
  return first > slowMs ? roundsSlow : rounds;
}

export function measuredOf(system: string, numbers: readonly number[], unit: Unit = 'ms'): Measured {
  const best = unit === 'edits/s' ? Math.max(...numbers) : Math.min(...numbers);
  return { system, min: best, median: median(numbers), runs: numbers.length };
}

/** Holds Headwater's minimum against the minima of the others. */
export function judge({ name, unit, bars }: Pick<Row, 'name' | 'unit' | 'bars'>, measured: readonly Measured[], counts: RowResult['counts']): RowResult {
  const minOf = (system: string) => measured.find((one) => one.system === system)?.min;
  const own = minOf('headwater')!;
  const rivals = measured.filter(({ system }) => system !== 'headwater');
  const ratios = Object.fromEntries(rivals.map(({ system, min }) => [system, unit === 'edits/s' ? own / min : min / own]));
  const held = bars.flatMap((bar) => {
    if ('max' in bar) return { text: `≤ ${bar.max.toLocaleString('en')} ${unit}`, pass: own <= bar.max };
    // A rival that is not here can be neither beaten nor missed.
    return bar.rival in ratios ? { text: `≥ ${bar.times}× ${bar.rival}`, pass: ratios[bar.rival] >= bar.times } : [];
  });
  return { name, unit, measured, ratios, bars: held, counts };
}
