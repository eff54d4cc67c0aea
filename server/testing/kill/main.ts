// `npm run kill -- [--rounds N] [--stores sqlite,postgres] [--seed N]`
//
// Kills a server under load, N times per store, and says what was lost or doubled. Ends with 0 only when nothing was.

import { parseArgs } from 'node:util';
import { Random, seedFromEnv } from '../../../sdk/testing/seed.js';
import { dropSchema, findPostgres, schemaName, withSchema } from '../postgres.js';
import { killRounds, type KillResult } from './run.js';

async function killOn(store: string, rounds: number, random: () => number): Promise<KillResult | null> {
  const look = (round: number, acked: number) => process.stderr.write(`\r${store}: ${round} of ${rounds} rounds, ${acked.toLocaleString('en')} acked `);
  if (store === 'sqlite') return killRounds({ rounds, random, look });
  if (store !== 'postgres') throw new Error(`--stores takes sqlite and postgres, not ${store}`);
  const database = await findPostgres('kill');
  if (database === null) return null;
  const schema = schemaName('kill');
  try {
    return await killRounds({ rounds, random, look, database: withSchema(database.url, schema) });
  } finally {
    await dropSchema(database.url, schema);
    await database.stop();
  }
}

function report({ store, rounds, acked, hardRounds, lost, doubled }: KillResult): string {
  const head = `${store}: ${rounds} kills, ${hardRounds} of them with writes on their way, ${acked.toLocaleString('en')} writes acked: `;
  return [`${head}${lost.length} lost acks, ${doubled.length} duplicates`, ...lost, ...doubled].join('\n');
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '100' }, stores: { type: 'string', default: 'sqlite,postgres' }, seed: { type: 'string' } } });
if (values.seed !== undefined) process.env.SEED = values.seed;
const random = new Random(seedFromEnv());
for (const store of values.stores.split(',')) {
  const result = await killOn(store, Number(values.rounds), () => random.unit());
  process.stderr.write('\n');
  if (result === null) continue;
  console.log(report(result));
  if (result.lost.length + result.doubled.length > 0 || result.hardRounds === 0) process.exitCode = 1;
}
