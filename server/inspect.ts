// `headwater inspect`: what a database holds, for a person or a script. Reads only; the server may be running.

import { existsSync } from 'node:fs';
import { HeadwaterError } from '../sdk/core/errors.js';
import { isPostgres, sqlitePath } from './config.js';
import { engine } from './engine.js';
import { loadDocument } from './load.js';
import { openStore } from './store/open.js';
import type { Store } from './store/store.js';

export interface InspectOptions {
  database: string;
  document?: string;
  json: boolean;
}

const pageRows = 1_000;

/** @throws HeadwaterError `invalid_argument`, `storage_failed`, `corrupt_record` */
export async function inspect({ database, document, json }: InspectOptions): Promise<string> {
  const store = await openStore(existing(database.includes(':') ? database : `sqlite:${database}`), { readOnly: true });
  try {
    return document === undefined ? await inspectAll(store, json) : await inspectOne(store, document, json);
  } finally {
    await store.close();
  }
}

function existing(database: string): string {
  const path = isPostgres(database) ? null : sqlitePath(database);
  if (path !== null && !existsSync(path)) throw new HeadwaterError('invalid_argument', `there is no database at ${path}`, { path });
  return database;
}

async function inspectAll(store: Store, json: boolean): Promise<string> {
  const documents = await allDocuments(store);
  const corrupt = (await store.corruptRecords()).map(({ document, kind, lsn, reason }) => ({ document, kind, lsn, reason }));
  if (json) return `${JSON.stringify({ epoch: store.epoch, documents, corrupt }, null, 2)}\n`;
  const rows = documents.map(({ id, lsn, snapshotLsn }) => `${String(lsn).padStart(10)} ${String(snapshotLsn).padStart(10)}  ${id}`);
  const damage = corrupt.map(({ document, kind, lsn, reason }) => `damaged: ${kind} ${lsn} of ${document} (${reason})`);
  return [`epoch ${store.epoch}`, `${'lsn'.padStart(10)} ${'snapshot'.padStart(10)}  document`, ...rows, ...damage, ''].join('\n');
}

async function inspectOne(store: Store, id: string, json: boolean): Promise<string> {
  if ((await store.head(id)) === 0) throw new HeadwaterError('invalid_argument', `the database has no document ${id}`, { id });
  const { state, lsn, snapshotLsn } = await loadDocument(store, engine, id);
  const found = { id, lsn, snapshotLsn, digest: state.digest(), data: state.toJSON() };
  state.free();
  if (json) return `${JSON.stringify(found, null, 2)}\n`;
  return `${id}\n  lsn       ${lsn}\n  snapshot  ${snapshotLsn}\n  digest    ${found.digest}\n${JSON.stringify(found.data, null, 2)}\n`;
}

async function allDocuments(store: Store) {
  const documents = [];
  for (let after = ''; ; after = documents[documents.length - 1].id) {
    const page = await store.listDocuments(after, pageRows);
    documents.push(...page);
    if (page.length < pageRows) return documents;
  }
}
