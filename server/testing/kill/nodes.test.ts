// One round of `npm run nodes`, with fewer clients.

import { afterAll, expect, it } from '@jest/globals';
import { dropSchema, findPostgres, schemaName } from '../postgres.js';
import { hasRedis } from '../redis.js';
import { killNodes } from './nodes.js';

const database = await findPostgres('kill/nodes');
afterAll(() => database?.stop());

(database === null || !hasRedis() ? it.skip : it)('two nodes lose and double nothing, whatever is killed, cut off or hangs', async () => {
  const schema = schemaName('kill_nodes');
  try {
    const result = await killNodes({ database: database!.url, schema, rounds: 1, clients: 24, random: Math.random });
    expect(result).toMatchObject({ store: expect.stringMatching(/^Postgres/), lost: [], doubled: [] });
    expect([result.recoveries.length, result.acked > 100, result.acked]).toEqual([5, true, result.written]);
    // Two nodes and no Redis, or one node: writes go on.
    expect(result.recoveries.filter(({ ackedMeanwhile }) => ackedMeanwhile > 0).map(({ fault }) => fault)).toEqual(expect.arrayContaining(['a node killed', 'Redis killed', 'Redis hanging']));
  } finally {
    await dropSchema(database!.url, schema);
  }
}, 120_000);
