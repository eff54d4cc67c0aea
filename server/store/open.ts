// Which store a database URL means: a file of SQLite, or a Postgres that many nodes share.

import { isPostgres, sqlitePath } from '../config.js';
import { openPostgresStore } from './postgres.js';
import { openSqliteStore } from './sqlite.js';
import type { Store } from './store.js';

/** @throws HeadwaterError `invalid_argument`, `storage_failed`, `unavailable` */
export async function openStore(database: string, options: { readOnly?: boolean } = {}): Promise<Store> {
  return isPostgres(database) ? openPostgresStore(database, options) : openSqliteStore(sqlitePath(database), options);
}
