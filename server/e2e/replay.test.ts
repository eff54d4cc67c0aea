// A session through the real thing, short: real client processes, a real server, killed on the way.
// The full recordings run with `npm run replay`.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../../sdk/testing/seed.js';
import { dropSchema, findPostgres, schemaName, withSchema } from '../testing/postgres.js';
import { writeInvented } from './invented.js';
import { replay } from './replay-run.js';
import { findTrace } from './traces.js';

const database = await findPostgres('e2e/replay');
afterAll(() => database?.stop());

const transports = ['uws', 'ws'] as const;
const everyCopy = ['author 0', 'author 1', 'author 2', 'the database at the last ack', 'a fresh client', 'the server', 'the server, started again'];

/** Kills fall on the same transactions every time; what the processes are doing then is up to the machine. */
function dice(seed: number): () => number {
  const random = new Random(seed);
  return () => random.unit();
}

describe('a session with one client process per author', () => {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-replay-'));
  const invented = join(folder, 'invented.json.gz');
  beforeAll(() => writeInvented(invented, 3, 1_500, dice(5)));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(transports)('ends right over %s, with the server killed twice', async (transport) => {
    const result = await replay({ trace: invented, kills: 2, transport, random: dice(7) });
    expect(result).toMatchObject({ txns: 1_500, authors: 3, kills: 2, copies: everyCopy });
  });

  (database === null ? it.skip : it)('ends right on Postgres, with the server killed twice', async () => {
    const schema = schemaName('replay');
    try {
      const result = await replay({ trace: invented, kills: 2, database: withSchema(database!.url, schema), random: dice(7) });
      expect(result).toMatchObject({ txns: 1_500, authors: 3, kills: 2, copies: everyCopy });
    } finally {
      await dropSchema(database!.url, schema);
    }
  });

  const friends = findTrace('friendsforever');
  (friends ? it : it.skip).each(transports)('a recorded one ends right over %s, with the server killed twice', async (transport) => {
    const result = await replay({ trace: friends!, txnsMax: 2_000, kills: 2, transport, random: dice(9) });
    expect(result).toMatchObject({ txns: 2_000, authors: 2, ops: 2_000, kills: 2 });
  });

  const clowns = findTrace('clownschool');
  (clowns ? it : it.skip)('a recorded one ends right with three authors', async () => {
    const result = await replay({ trace: clowns!, txnsMax: 2_000, random: dice(11) });
    expect(result).toMatchObject({ txns: 2_000, authors: 3, kills: 0, copies: everyCopy });
  });

  const svelte = findTrace('sveltecomponent');
  (svelte ? it : it.skip)('a sequential one ends right', async () => {
    const result = await replay({ trace: svelte!, txnsMax: 2_000, kills: 1, random: dice(13) });
    expect(result).toMatchObject({ txns: 2_000, authors: 1, kills: 1 });
  });
});
