// `npm run nodes -- [--rounds N] [--clients N] [--seed N]`
//
// Two nodes, one Postgres, one Redis, and what can happen to them. Ends with 0 only when nothing acked was lost, nothing is there
// twice, and every recovery took less than five seconds.

import { parseArgs } from 'node:util';
import { Random, seedFromEnv } from '../../../sdk/testing/seed.js';
import { dropSchema, findPostgres, schemaName } from '../postgres.js';
import { killNodes } from './nodes.js';

const recoveryMsMax = 5_000;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '2' }, clients: { type: 'string', default: '200' }, seed: { type: 'string' } } });
if (values.seed !== undefined) process.env.SEED = values.seed;
const random = new Random(seedFromEnv());
const database = await findPostgres('nodes');
if (database === null) process.exit(1);
const schema = schemaName('nodes');
try {
  const { acked, written, recoveries, lost, doubled } = await killNodes({
    database: database.url, schema, rounds: Number(values.rounds), clients: Number(values.clients), random: () => random.unit(), look: console.log,
  });
  const slowest = Math.max(...recoveries.map(({ recoveryMs }) => recoveryMs));
  console.log([`${recoveries.length} faults, ${acked.toLocaleString('en')} of ${written.toLocaleString('en')} writes acked: `
    + `${lost.length} lost acks, ${doubled.length} duplicates, slowest recovery ${slowest} ms`, ...lost, ...doubled].join('\n'));
  if (lost.length + doubled.length > 0 || slowest > recoveryMsMax) process.exitCode = 1;
} finally {
  await dropSchema(database.url, schema);
  await database.stop();
}
