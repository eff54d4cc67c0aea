// A recorded session through the real thing, short: real client processes, a real server, killed on the way.
// The full sessions run with `npm run replay`.

import { describe, expect, it } from '@jest/globals';
import { Random } from '../../sdk/testing/seed.js';
import { replay } from './replay-run.js';
import { findTrace } from './traces.js';

const friends = findTrace('friendsforever');
const clowns = findTrace('clownschool');

/** The kills fall on the same transactions every time; what the processes are doing then is up to the machine. */
function dice(seed: number): () => number {
  const random = new Random(seed);
  return () => random.unit();
}

describe('replaying a recorded session with one client process per author', () => {
  for (const transport of ['uws', 'ws'] as const) {
    (friends ? it : it.skip)(`ends right over ${transport}, with the server killed twice`, async () => {
      const result = await replay({ trace: friends!, txnsMax: 2_000, kills: 2, transport, random: dice(7) });
      expect(result).toMatchObject({ txns: 2_000, authors: 2, ops: 2_000, kills: 2 });
      expect(result.copies).toEqual(['author 0', 'author 1', 'a fresh client', 'the server', 'the database', 'the server, started again']);
    });
  }

  (clowns ? it : it.skip)('ends right with three authors', async () => {
    const result = await replay({ trace: clowns!, txnsMax: 2_000, random: dice(11) });
    expect(result).toMatchObject({ txns: 2_000, authors: 3, kills: 0 });
  });
});
