// A seed's schedule: who does what and when, and what happens to them. All of it is drawn before the run begins, each step
// with the numbers it will use, so that a step can be left out and the others stay what they were.

import { Random } from '../seed.js';
import { drawWeather, troubleNames, type Trouble, type Weather } from './weather.js';

export interface Step {
  readonly index: number;
  readonly atMs: number;
  readonly kind: 'write' | Trouble;
  readonly device: number;
  /** In [0, 1): what the step decides by. */
  readonly draws: readonly number[];
}

/** What is left out of a seed's schedule, to see whether it still fails. */
export interface Cuts {
  /** At most so many devices. */
  devices?: number;
  /** Only these steps, by index. */
  steps?: ReadonlySet<number>;
  /** Faults that do not happen. */
  without?: ReadonlySet<string>;
}

export interface Plan {
  readonly seed: number;
  readonly devices: number;
  readonly documents: readonly string[];
  readonly weather: Weather;
  readonly steps: readonly Step[];
  readonly lengthMs: number;
  /** Small numbers for the server's limits, so that little data is enough to reach what they guard. */
  readonly limits: Record<string, number>;
}

export function planOf(seed: number, cuts: Cuts = {}): Plan {
  const random = new Random(seed).stream('plan');
  const without = cuts.without ?? new Set();
  const devices = random.between(2, 4);
  const documents = ['d', 'e', 'f'].slice(0, random.between(1, 3));
  const weather = drawWeather(random.stream('weather'), without);
  const limits = drawLimits(random.stream('limits'));
  // Now and then a document grows past the point where a device makes a snapshot of its records.
  const isLong = random.chance(0.02);
  // A piece takes a round trip here: a long log in the smallest ones is minutes, however well all is.
  if (isLong || weather.networkMs > 50) limits.chunkBytesMax = Math.max(limits.chunkBytesMax, 500);
  const count = isLong ? 600 : random.between(20, 80);
  const lengthMs = isLong ? 90_000 : random.pick([2_000, 20_000, 120_000]);
  const steps = drawSteps(random, weather, count, lengthMs, devices)
    .filter((step) => !without.has(step.kind) && (cuts.steps?.has(step.index) ?? true));
  const few = Math.min(devices, cuts.devices ?? devices);
  return { seed, devices: few, documents: isLong ? ['d'] : documents, weather, limits, lengthMs, steps: steps.filter(({ device }) => device < few) };
}

function drawSteps(random: Random, { troubles }: Weather, count: number, lengthMs: number, devices: number): Step[] {
  const total = troubleNames.reduce((sum, name) => sum + troubles[name], 0);
  const troubleShare = total === 0 ? 0 : 0.3 * random.unit();
  const times = Array.from({ length: count }, () => random.unit() * lengthMs).sort((a, b) => a - b);
  return times.map((atMs, index) => {
    const isTrouble = random.chance(troubleShare);
    const at = random.unit() * total;
    const device = random.int(devices);
    const draws = [random.unit(), random.unit(), random.unit(), random.unit()];
    return { index, atMs, kind: isTrouble ? pickTrouble(troubles, at) : 'write', device, draws };
  });
}

function pickTrouble(troubles: Weather['troubles'], at: number): Trouble {
  let sum = 0;
  return troubleNames.find((name) => (sum += troubles[name]) > at) ?? 'cut';
}

function drawLimits(random: Random): Record<string, number> {
  const chunkBytesMax = random.pick([64, 500, 262_144]);
  return {
    snapshotEntriesMin: random.pick([3, 20, 1_000]),
    snapshotBytesMin: random.pick([200, 2_000, 262_144]),
    chunkBytesMax,
    tailBytesMax: random.pick([0, 200, 262_144]),
    groupRowsMax: random.pick([1, 3, 1_000]),
    // With room for some pieces and frames, as it ships: with less nobody could ever catch up.
    backpressureBytesMax: random.pick([4_000 + 8 * chunkBytesMax, 2_097_152]),
    roomIdleMs: random.pick([2_000, 60_000]),
  };
}

export function stepInWords({ index, atMs, kind, device, draws }: Step): string {
  return `#${index} at ${(atMs / 1000).toFixed(3)} s: ${kind}${kind.startsWith('server') ? '' : ` of device ${device}`} (${draws.map((draw) => draw.toFixed(2)).join(' ')})`;
}
