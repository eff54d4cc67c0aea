// The door to SQLite: node:sqlite where the runtime has it, else the libsql package. Each library has its own
// file; what the two disagree on (how blobs come back, how parameters go in) ends there.

import { HeadwaterError } from '../core/errors.js';

export type Value = string | number | Uint8Array | null;
export type Row = Record<string, Value>;

export interface Statement {
  run(...values: Value[]): void;
  get(...values: Value[]): Row | undefined;
  all(...values: Value[]): Row[];
}

export interface Driver {
  readonly name: string;
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

/** @throws HeadwaterError `storage_failed` when neither library loads, or the file is not a database */
export async function openDriver(path: string, options: { readOnly: boolean }): Promise<Driver> {
  const open = await loadDriver();
  try {
    return open(path, options);
  } catch (cause) {
    throw new HeadwaterError('storage_failed', `cannot open the database ${path}: ${(cause as Error).message}`, { path });
  }
}

async function loadDriver(): Promise<(path: string, options: { readOnly: boolean }) => Driver> {
  try {
    return (await import('./sqlite-node.js')).openNodeDriver;
  } catch {
    // Before Node 22.5 there is no node:sqlite; the optional package takes its place.
  }
  try {
    return (await import('./sqlite-libsql.js')).openLibsqlDriver;
  } catch (cause) {
    throw new HeadwaterError(
      'storage_failed',
      'no SQLite here: run Node 22.5 or newer, or `npm install libsql`',
      { reason: (cause as Error).message },
    );
  }
}
