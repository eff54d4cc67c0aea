// What the last accepted run gave, in baselines.json, and what has become worse since.
//
// Bytes and counts do not depend on the machine: 2 % more is a regression and fails. Times do, so what is kept of them is
// the ratio to each rival in the same run; 10 % worse is reported, for a person to look at.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { RowResult } from './race.js';
import { inTimes } from './table.js';

export interface Baseline {
  /** `row / what` to a number, smaller is better. */
  counts: Record<string, number>;
  /** Timed row to rival to how many times Headwater's time it took, larger is better. */
  ratios: Record<string, Record<string, number>>;
}

export interface Drift {
  /** Counts that have grown by more than the tolerance. */
  regressions: string[];
  /** Counts that have shrunk by more than it. */
  smaller: string[];
  /** Ratios to a rival that have become worse. */
  slower: string[];
  /** How many counts have not grown; those that the baseline has not are not held against anything. */
  held: number;
}

const countTolerance = 1.02;
const ratioTolerance = 0.9;

export function baselineOf(results: readonly RowResult[], engineBytes: number): Baseline {
  const counts: Record<string, number> = { 'engine / wasm bytes': engineBytes };
  const ratios: Baseline['ratios'] = {};
  for (const { name, unit, measured, ratios: own, counts: more } of results) {
    if (unit === 'B') counts[`${name} / bytes`] = rounded(measured.find(({ system }) => system === 'headwater')!.min);
    else if (Object.keys(own).length > 0) ratios[name] = Object.fromEntries(Object.entries(own).map(([rival, ratio]) => [rival, rounded(ratio)]));
    for (const [what, count] of Object.entries(more)) counts[`${name} / ${what}`] = count;
  }
  return { counts, ratios };
}

export function compare(before: Baseline, now: Baseline): Drift {
  const counts = Object.entries(now.counts).filter(([what]) => what in before.counts);
  const told = ([what, count]: [string, number]) => `${what}: ${before.counts[what].toLocaleString('en')} → ${count.toLocaleString('en')}`;
  const regressions = counts.filter(([what, count]) => count > before.counts[what] * countTolerance).map(told);
  const smaller = counts.filter(([what, count]) => count * countTolerance < before.counts[what]).map(told);
  const slower = Object.entries(now.ratios).flatMap(([row, ratios]) => Object.entries(ratios)
    .filter(([rival, ratio]) => ratio < (before.ratios[row]?.[rival] ?? 0) * ratioTolerance)
    .map(([rival, ratio]) => `${row}: ${inTimes(before.ratios[row][rival])} → ${inTimes(ratio)} of ${rival}`));
  return { regressions, smaller, slower, held: counts.length - regressions.length };
}

/** An empty one when there is none yet. */
export function readBaseline(path: string): Baseline {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) as Baseline : { counts: {}, ratios: {} };
}

/** Rows that were not run keep what they had. The quick form is too short a look for ratios to be kept. */
export function writeBaseline(path: string, before: Baseline, now: Baseline, isQuick: boolean): void {
  const ratios = isQuick ? before.ratios : { ...before.ratios, ...now.ratios };
  writeFileSync(path, `${JSON.stringify({ counts: { ...before.counts, ...now.counts }, ratios }, null, 2)}\n`);
}

function rounded(number: number): number { return Number(number.toPrecision(6)); }
