// `headwater migrate`: brings a database up to this version, without starting a server. A server does the same when it
// starts; this is for those who want it done before, or by a user with more rights.

import { isPostgres } from './config.js';
import { openStore } from './store/open.js';
import { migratePostgres } from './store/postgres.js';

/** @returns a line that says what was done. @throws HeadwaterError `invalid_argument`, `storage_failed`, `unavailable` */
export async function migrate(database: string): Promise<string> {
  if (isPostgres(database)) {
    const { found, known } = await migratePostgres(database);
    return found === known ? `the database is at schema version ${known}\n` : `the database went from schema version ${found} to ${known}\n`;
  }
  await (await openStore(database)).close();
  return 'the database has the schema of this version\n';
}
