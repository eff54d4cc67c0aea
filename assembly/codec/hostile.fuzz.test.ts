// Damaged updates, snapshots, vectors, voids, cursors, values and frames: sdk/testing/hostile makes them, and says what may come of them.

import { describe, expect, it } from '@jest/globals';
import { Trials } from '../../sdk/testing/hostile/trials.js';
import { seedFromEnv } from '../../sdk/testing/seed.js';

const count = Number(process.env.COUNT ?? 200_000);

describe('every decoder, fed damaged bytes', () => {
  it(`neither traps nor hangs, takes no memory and changes nothing by halves, ${count} times`, () => {
    const trials = new Trials(seedFromEnv());
    trials.run(count);
    process.stdout.write(`${JSON.stringify(trials.met)}\n`);
    expect(trials.met.taken).toBeGreaterThan(count / 100);
    expect(trials.met.refused).toBeGreaterThan(count / 10);
  }, 600_000);
});
