// A small piece of `npm run sim` in every test run: fixed seeds, the seeds that once failed, and every mistake.

import { describe, expect, it } from '@jest/globals';
import { foundSeeds, openSeeds } from './found-seeds.js';
import { mistakes } from './mistakes.js';
import { planOf } from './plan.js';
import { shrink } from './shrink.js';
import { countsMin, Tally } from './tally.js';
import { runSeed } from './world.js';

describe('the simulator', () => {
  it('finds no broken promise in a hundred and fifty seeds, and they are not hollow', async () => {
    const tally = new Tally();
    for (let seed = 1; seed <= 150; seed++) {
      if (openSeeds.has(seed)) continue;
      const verdict = await runSeed(seed);
      tally.add(verdict);
      expect({ seed, broken: verdict.broken }).toEqual({ seed, broken: [] });
    }
    expect(tally.hollow(countsMin)).toEqual([]);
  });

  it.each(foundSeeds)('finds none in seed $seed any more: $was', async ({ seed }) => {
    expect((await runSeed(seed)).broken).toEqual([]);
  });

  it('does the same twice, to the byte, and something else for another seed', async () => {
    const hashes = [];
    for (const seed of [5, 5, 6, 4127, 4127]) hashes.push((await runSeed(seed)).hash);
    expect(hashes[0]).toBe(hashes[1]);
    expect(hashes[3]).toBe(hashes[4]);
    expect(new Set(hashes).size).toBe(3);
  });

  it('puts the real clock, timers and randomness back', async () => {
    const before = [setTimeout, setInterval, setImmediate, queueMicrotask, Date.now, performance.now, Math.random, crypto.getRandomValues, crypto.randomUUID];
    await runSeed(1);
    expect([setTimeout, setInterval, setImmediate, queueMicrotask, Date.now, performance.now, Math.random, crypto.getRandomValues, crypto.randomUUID]).toEqual(before);
  });
});

describe('a mistake', () => {
  /** As many seeds as a test run can afford. */
  const seedsMax = 90;

  it.each(mistakes)('$name is found: $about', async (mistake) => {
    let seed = 1;
    while (seed <= seedsMax && (openSeeds.has(seed) || (await runSeed(seed, { mistake })).broken.length === 0)) seed++;
    expect(seed).toBeLessThanOrEqual(seedsMax);
  });

  it('is made small: fewer steps, fewer faults, and it still shows', async () => {
    const mistake = mistakes.find(({ name }) => name === 'ack-before-commit')!;
    const cuts = await shrink(1, {}, mistake, 150);
    expect((await runSeed(1, { cuts, mistake })).broken).not.toEqual([]);
    expect(planOf(1, cuts).steps.length).toBeLessThan(10);
    expect(planOf(1, cuts).steps.length).toBeLessThan(planOf(1).steps.length);
  });
});
