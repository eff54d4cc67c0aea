// A few rounds of `npm run kill`, and that its judge sees what is wrong.

import { afterAll, describe, expect, it } from '@jest/globals';
import { dropSchema, findPostgres, schemaName, withSchema } from '../postgres.js';
import { killRounds } from './run.js';

const database = await findPostgres('kill');
afterAll(() => database?.stop());

describe('a server that is killed under load', () => {
  it('loses and doubles nothing on SQLite', async () => {
    const result = await killRounds({ rounds: 4, random: Math.random });
    expect(result).toMatchObject({ rounds: 4, lost: [], doubled: [] });
    expect([result.hardRounds > 0, result.acked > 100, result.acked]).toEqual([true, true, result.written]);
  });

  (database === null ? it.skip : it)('loses and doubles nothing on Postgres', async () => {
    const schema = schemaName('kill');
    try {
      const result = await killRounds({ rounds: 4, random: Math.random, database: withSchema(database!.url, schema) });
      expect(result).toMatchObject({ store: expect.stringMatching(/^Postgres/), lost: [], doubled: [] });
      expect([result.hardRounds > 0, result.acked > 100, result.acked]).toEqual([true, true, result.written]);
    } finally {
      await dropSchema(database!.url, schema);
    }
  });
});
