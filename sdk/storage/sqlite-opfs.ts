// SQLite in the origin private file system of a browser, by wa-sqlite. For a worker: nowhere else are there handles that
// read and write at once.
//
// Of its file systems this is the one that needs no Asyncify (twice the WASM, half the speed) and no shared worker: tabs
// take turns, and a tab that wants its turn is given the files as soon as the other's transaction is over. Journal and
// not WAL, as a WAL between workers needs memory they share; so every commit is synced, strict or not.

import * as SQLite from '@journeyapps/wa-sqlite';
import moduleOf from '@journeyapps/wa-sqlite/dist/wa-sqlite.mjs';
// @ts-expect-error: the package has no types for it.
import { OPFSCoopSyncVFS } from '@journeyapps/wa-sqlite/src/examples/OPFSCoopSyncVFS.js';
import { hasRows, withFaultName, type SqliteDatabase, type SqlRow, type SqlValue, type TransactionOptions, type Work } from './sqlite-work.js';

interface Module { _sqlite3_bind_zeroblob(statement: number, index: number, bytes: number): void }

interface Library {
  api: SQLiteAPI;
  module: Module;
  /** The file system, and why it last failed. */
  files: { lastError: Error | null };
}

/** How long another tab may hold the database, and the pause between two tries. */
const busyMs = 5000;
const busyPauseMs = 15;

/** For a worker that has one database, and ends when that fails. */
export async function openOpfs(path: string): Promise<SqliteDatabase> {
  const module = await moduleOf();
  const api = SQLite.Factory(module);
  const files = await OPFSCoopSyncVFS.create('headwater', module);
  api.vfs_register(files, true);
  try {
    const database = new OpfsDatabase({ api, module, files }, await api.open_v2(path));
    await database.all('pragma synchronous = full', []);
    return database;
  } catch (error) {
    throw named(error, files);
  }
}

class OpfsDatabase implements SqliteDatabase {
  readonly #statements = new Map<string, number>();

  constructor(private readonly library: Library, private readonly database: number) {}

  /** Another tab's turn may last; its transaction is waited for, as SQLite does where it can wait by itself. */
  async transaction<T>(work: () => Work<T>, options: TransactionOptions): Promise<T> {
    for (const deadline = Date.now() + busyMs; ;) {
      try {
        return await this.#tryOnce(work, options);
      } catch (error) {
        if ((error as { code?: unknown }).code !== SQLite.SQLITE_BUSY || Date.now() > deadline) throw named(error, this.library.files);
        await new Promise((resolve) => setTimeout(resolve, busyPauseMs));
      }
    }
  }

  async #tryOnce<T>(work: () => Work<T>, { writes }: TransactionOptions): Promise<T> {
    this.library.files.lastError = null;
    try {
      await this.all(writes ? 'begin immediate' : 'begin', []);
      const result = await this.#play(work());
      await this.all('commit', []);
      return result;
    } catch (error) {
      await this.all('rollback', []).catch(() => undefined);
      throw error;
    }
  }

  close(): void {
    const { api } = this.library;
    const finalized = [...this.#statements.values()].map((statement) => api.finalize(statement));
    void Promise.allSettled(finalized).then(() => api.close(this.database)).catch(() => undefined);
  }

  async #play<T>(work: Work<T>): Promise<T> {
    let step = work.next();
    while (!step.done) {
      const [sql, ...values] = step.value;
      step = work.next(await this.all(sql, values));
    }
    return step.value;
  }

  async all(sql: string, values: readonly SqlValue[]): Promise<SqlRow[]> {
    const { api } = this.library;
    const statement = this.#statements.get(sql) ?? await this.#prepare(sql);
    try {
      values.forEach((value, i) => this.#bind(statement, i + 1, value));
      const rows: SqlRow[] = [];
      const names = hasRows(sql) ? api.column_names(statement) : [];
      while (await api.step(statement) === SQLite.SQLITE_ROW) rows.push(rowOf(names, api.row(statement) as SqlValue[]));
      return rows;
    } finally {
      await api.reset(statement).catch(() => undefined);
    }
  }

  async #prepare(sql: string): Promise<number> {
    for await (const statement of this.library.api.statements(this.database, sql, { unscoped: true })) {
      this.#statements.set(sql, statement);
      return statement;
    }
    throw new Error('no statement');
  }

  /** The library makes a null of an empty blob. */
  #bind(statement: number, index: number, value: SqlValue): void {
    if (value instanceof Uint8Array && value.length === 0) this.library.module._sqlite3_bind_zeroblob(statement, index, 0);
    else this.library.api.bind(statement, index, value);
  }
}

function rowOf(names: readonly string[], values: readonly SqlValue[]): SqlRow {
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
}

/** SQLite only says that a file failed; the file system says why. */
function named(error: unknown, { lastError }: Library['files']): unknown {
  if (lastError?.name === 'QuotaExceededError' || lastError?.message === 'short write') return withFaultName(error, 13);
  const { code } = error as { code?: unknown };
  return typeof code === 'number' ? withFaultName(error, code) : error;
}
