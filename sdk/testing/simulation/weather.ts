// What goes wrong in one run, and how often. Every seed draws its own: rates that are the same everywhere hide what only a
// rare mixture shows, and each fault is absent from half of the seeds.

import type { Random } from '../seed.js';

/** Chances: per frame, per storage call of a device, per append of the server. */
export const rateNames = [
  'drop', 'duplicate', 'reorder', 'crash-at-write', 'io-error', 'lost-answer',
  'server-fails', 'server-lost-answer', 'server-crash-at-commit',
] as const;

/** Things that happen at a moment of the schedule, and last a while or leave somebody down for a while. */
export const troubleNames = [
  'crash', 'power-cut', 'leave', 'reopen', 'offline', 'cut', 'half-cut', 'partition', 'freeze', 'clock-jump', 'disk-full', 'disk-away',
  'server-crash', 'server-stop', 'server-freeze', 'server-clock', 'server-disk-full',
] as const;

export type Rate = (typeof rateNames)[number];
export type Trouble = (typeof troubleNames)[number];

export interface Weather {
  readonly rates: Readonly<Record<Rate, number>>;
  /** How often each comes up among the troubles of the schedule; 0 is never. */
  readonly troubles: Readonly<Record<Trouble, number>>;
  readonly networkMs: number;
  readonly diskMs: number;
  readonly storeMs: number;
}

/** The highest rate a seed may draw. */
const rateMax: Record<Rate, number> = {
  'drop': 0.1, 'duplicate': 0.2, 'reorder': 0.2, 'crash-at-write': 0.05, 'io-error': 0.1, 'lost-answer': 0.1,
  'server-fails': 0.2, 'server-lost-answer': 0.2, 'server-crash-at-commit': 0.1,
};

export function drawWeather(random: Random, without: ReadonlySet<string>): Weather {
  const draw = (name: string, max: number) => {
    const rate = random.chance(0.5) ? 0 : max * random.unit() ** 2;
    return without.has(name) ? 0 : rate;
  };
  return {
    rates: Object.fromEntries(rateNames.map((name) => [name, draw(name, rateMax[name])])) as Weather['rates'],
    troubles: Object.fromEntries(troubleNames.map((name) => [name, draw(name, 1)])) as Weather['troubles'],
    networkMs: random.pick([1, 10, 50, 200]),
    diskMs: random.pick([0.1, 2, 20, 100]),
    storeMs: random.pick([0.5, 5, 50]),
  };
}

export const fairRates: Weather['rates'] = Object.fromEntries(rateNames.map((name) => [name, 0])) as Weather['rates'];
