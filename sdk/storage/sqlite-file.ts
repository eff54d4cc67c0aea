// SQLite in a file, for Node. A transaction runs in one go, on the thread that asked for it.
//
// So the app's thread waits for the disk, once per group of writes. A thread of its own would spare it that for the
// price of a copy and a hop per call; a server keeps its log that way, a script or a desktop app has one user.
// WAL: a strict transaction syncs the log once, and with it every relaxed one before; a relaxed one syncs nothing.

import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { openDriver, type Driver, type Row, type Statement, type Value } from '../driver/sqlite.js';
import type { ConnectionOptions } from './connections.js';
import { SqliteStorage } from './sqlite.js';
import { hasRows, withFaultName, type SqliteDatabase, type TransactionOptions, type Work } from './sqlite-work.js';

/**
 * A storage for `open({ storage })` in a SQLite file, made with its folder when it is missing. Opens at its first use.
 *
 * Needs Node 22.5 or newer, or the `libsql` package.
 */
export function sqliteStorage(path: string, options: ConnectionOptions = {}): SqliteStorage {
  return new SqliteStorage(() => openFile(path), options);
}

export async function openFile(path: string): Promise<SqliteDatabase> {
  mkdirSync(dirname(path), { recursive: true });
  const driver = await openDriver(path, { readOnly: false });
  driver.exec('pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full');
  return new FileDatabase(path, driver);
}

class FileDatabase implements SqliteDatabase {
  readonly #statements = new Map<string, (values: Value[]) => Row[]>();
  readonly #file: number;
  #isStrict = true;

  constructor(private readonly path: string, private readonly driver: Driver) {
    this.#file = statSync(path).ino;
  }

  async transaction<T>(work: () => Work<T>, options: TransactionOptions): Promise<T> {
    try {
      if (options.writes) this.#prepareToWrite(options.strict);
      this.driver.exec(options.writes ? 'begin immediate' : 'begin');
      const result = this.#play(work());
      this.driver.exec('commit');
      return result;
    } catch (error) {
      this.#rollback();
      throw named(error);
    }
  }

  close(): void { this.driver.close(); }

  /** Somebody who deletes or replaces the file leaves us one that nobody will find again. */
  #prepareToWrite(isStrict: boolean): void {
    if (statSync(this.path, { throwIfNoEntry: false })?.ino !== this.#file) {
      throw Object.assign(new Error(`${this.path} was deleted or replaced`), { name: 'UnknownError' });
    }
    if (isStrict === this.#isStrict) return;
    this.driver.exec(`pragma synchronous = ${isStrict ? 'full' : 'normal'}`);
    this.#isStrict = isStrict;
  }

  #play<T>(work: Work<T>): T {
    let step = work.next();
    while (!step.done) {
      const [sql, ...values] = step.value;
      step = work.next(this.#run(sql, values));
    }
    return step.value;
  }

  #run(sql: string, values: Value[]): Row[] {
    let run = this.#statements.get(sql);
    if (!run) this.#statements.set(sql, (run = runnerOf(sql, this.driver.prepare(sql))));
    return run(values);
  }

  #rollback(): void {
    try {
      this.driver.exec('rollback');
    } catch {
      // It never began, or SQLite has rolled back by itself, as it does when the disk is full.
    }
  }
}

function runnerOf(sql: string, statement: Statement): (values: Value[]) => Row[] {
  return hasRows(sql) ? (values) => statement.all(...values) : (values) => (statement.run(...values), []);
}

/** node:sqlite has the number, libsql the number under another name; a handle that was closed has neither. */
function named(error: unknown): unknown {
  const { errcode, rawCode, message = '' } = error as { errcode?: number; rawCode?: number; message?: string };
  if (/not open/.test(message)) return withFaultName(error, 21);
  const code = errcode ?? rawCode;
  return code ? withFaultName(error, code) : error;
}
