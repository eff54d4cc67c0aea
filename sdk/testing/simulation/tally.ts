// What happened over many seeds, and whether it was enough to mean anything.

import type { Verdict } from './world.js';

/** Per hundred seeds, at the least. A run below this has become hollow: something no longer happens. */
export const countsMin: Readonly<Record<string, number>> = {
  'writes': 2_000, 'durable': 1_500, 'acked': 1_500, 'rejected': 5, 'frames delivered': 10_000,
  'frames dropped': 20, 'frames doubled': 100, 'frames overtaking': 10,
  'trouble: cut': 20, 'trouble: half-cut': 20, 'trouble: partition': 20, 'trouble: freeze': 20, 'trouble: clock-jump': 20,
  'trouble: server-crash': 10, 'trouble: server-freeze': 10, 'trouble: server-clock': 10, 'trouble: reopen': 10, 'leaves': 10,
  'crashes while degraded': 5, 'leaves while degraded': 2, 'written again before stored': 10, 'power cuts': 20, 'tails lost': 5, 'disk: crash-before': 2, 'disk: crash-after': 2,
  'disk: quota': 20, 'disk: io-error': 100, 'disk: lost-answer': 50,
  'store: io-error': 50, 'store: lost-answer': 50, 'store: crash-before': 2, 'store: crash-after': 2, 'server snapshots': 40,
};

export class Tally {
  seeds = 0;
  readonly counts = new Map<string, number>();

  add({ counts }: Verdict): void {
    this.seeds++;
    for (const [what, count] of counts) this.counts.set(what, (this.counts.get(what) ?? 0) + count);
  }

  /** What another process counted. */
  merge(seeds: number, counts: readonly [string, number][]): void {
    this.seeds += seeds;
    for (const [what, count] of counts) this.counts.set(what, (this.counts.get(what) ?? 0) + count);
  }

  /** What came too seldom, in words. Small runs are not judged. */
  hollow(least: Readonly<Record<string, number>>): string[] {
    if (this.seeds < 100) return [];
    return Object.entries(least)
      .map(([what, perHundred]) => ({ what, min: Math.floor((perHundred * this.seeds) / 100), count: this.counts.get(what) ?? 0 }))
      .filter(({ min, count }) => count < min)
      .map(({ what, min, count }) => `${what}: ${count}, and ${min} are the least`);
  }

  inWords(): string {
    return [...this.counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => `${String(count).padStart(9)}  ${what}`).join('\n');
  }
}
