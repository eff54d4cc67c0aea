// SQLite in the origin private file system of a browser, by wa-sqlite. For a worker: nowhere else are there handles that
// read and write at once.
//
// The file system is ours (opfs-files.ts says how tabs take turns): a database and its journal, and nothing that needs
// Asyncify (twice the WASM, half the speed). Each transaction runs within a turn. Journal and not WAL, as a WAL between
// workers needs memory they share; so every commit is synced, strict or not. Those of the package were tried: the one for many
// tabs clears away what ended tabs left, fails when two do so at once, and knows no journal but its own tab's.

import * as SQLite from '@journeyapps/wa-sqlite';
import moduleOf from '@journeyapps/wa-sqlite/dist/wa-sqlite.mjs';
// @ts-expect-error: the package has no types for it.
import { FacadeVFS } from '@journeyapps/wa-sqlite/src/FacadeVFS.js';
import { OpfsFiles, type OpenFile } from './opfs-files.js';
import { hasRows, withFaultName, type SqliteDatabase, type SqlRow, type SqlValue, type TransactionOptions, type Work } from './sqlite-work.js';

interface Module { _sqlite3_bind_zeroblob(statement: number, index: number, bytes: number): void }

interface Library {
  api: SQLiteAPI;
  module: Module;
  files: OpfsFiles;
  system: FileSystem;
}

/** As SQLite knows it, whatever its path is. */
const databaseName = 'database';

/** To open takes a turn of its own, and others' may come before it. */
export const openTimeoutMs = 15_000;

/** For a worker that has one database, and ends when that fails. */
export async function openOpfs(path: string): Promise<SqliteDatabase> {
  const module = await moduleOf();
  const api = SQLite.Factory(module);
  const files = await OpfsFiles.at(path).catch((error) => { throw named(error, null); });
  const system = new FileSystem(files, module);
  api.vfs_register(system as unknown as SQLiteVFS, true);
  try {
    return await files.turn(async () => {
      const database = new OpfsDatabase({ api, module, files, system }, await api.open_v2(databaseName));
      await database.all('pragma temp_store = memory', []);
      // The journal's end is the commit, so that is synced too.
      await database.all('pragma synchronous = extra', []);
      return database;
    });
  } catch (error) {
    files.close();
    throw named(error, system.lastError);
  }
}

class OpfsDatabase implements SqliteDatabase {
  readonly #statements = new Map<string, number>();

  constructor(private readonly library: Library, private readonly database: number) {}

  async transaction<T>(work: () => Work<T>, options: TransactionOptions): Promise<T> {
    const { files, system } = this.library;
    system.lastError = null;
    try {
      return await files.turn(() => this.#transaction(work, options));
    } catch (error) {
      throw named(error, system.lastError);
    }
  }

  async #transaction<T>(work: () => Work<T>, { writes }: TransactionOptions): Promise<T> {
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
    const { api, files } = this.library;
    const finalized = [...this.#statements.values()].map((statement) => api.finalize(statement));
    void Promise.allSettled(finalized).then(() => api.close(this.database)).catch(() => undefined).finally(() => files.close());
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

/** The two files, and what SQLite wants for a moment, in memory. Whoever calls has its turn: there is nothing to lock. */
class FileSystem extends FacadeVFS {
  /** Why a call failed first: SQLite only says that it did, and fails again as it takes back what it had begun. */
  lastError: Error | null = null;
  readonly #open = new Map<number, () => OpenFile>();

  constructor(private readonly files: OpfsFiles, module: unknown) {
    super('headwater', module);
  }

  jOpen(name: string | null, id: number, flags: number, outFlags: DataView): number {
    return this.#attempt(SQLite.SQLITE_CANTOPEN, () => {
      const passing = new MemoryFile();
      this.#open.set(id, this.#fileOf(name) ?? (() => passing));
      outFlags.setInt32(0, flags, true);
    });
  }

  jClose(id: number): number {
    this.#open.delete(id);
    return SQLite.SQLITE_OK;
  }

  jRead(id: number, into: Uint8Array, at: number): number {
    return this.#attempt(SQLite.SQLITE_IOERR_READ, () => {
      // The library's array is a proxy, which the browser does not take for an array.
      const read = this.#open.get(id)!().read(into.subarray(), { at });
      if (read === into.byteLength) return SQLite.SQLITE_OK;
      if (read > into.byteLength) throw new Error('failed read');
      into.fill(0, read);
      return SQLite.SQLITE_IOERR_SHORT_READ;
    });
  }

  jWrite(id: number, bytes: Uint8Array, at: number): number {
    return this.#attempt(SQLite.SQLITE_IOERR_WRITE, () => {
      // Chromium counts a failure as more bytes than there are.
      if (this.#open.get(id)!().write(bytes.subarray(), { at }) !== bytes.byteLength) throw Object.assign(new Error('short write'), { name: 'QuotaExceededError' });
    });
  }

  jTruncate(id: number, size: number): number {
    return this.#attempt(SQLite.SQLITE_IOERR_TRUNCATE, () => this.#open.get(id)!().truncate(size));
  }

  jSync(id: number): number {
    return this.#attempt(SQLite.SQLITE_IOERR_FSYNC, () => this.#open.get(id)!().flush());
  }

  jFileSize(id: number, outSize: DataView): number {
    return this.#attempt(SQLite.SQLITE_IOERR_FSTAT, () => outSize.setBigInt64(0, BigInt(this.#open.get(id)!().getSize()), true));
  }

  /** An empty file stands for one that is not there. */
  jDelete(name: string): number {
    return this.#attempt(SQLite.SQLITE_IOERR_DELETE, () => {
      const file = this.#fileOf(name)?.();
      file?.truncate(0);
      file?.flush();
    });
  }

  /** Asked of the file at each turn: the journal may be one that another tab left when it was killed. */
  jAccess(name: string, _flags: number, outFound: DataView): number {
    return this.#attempt(SQLite.SQLITE_IOERR_ACCESS, () => outFound.setInt32(0, (this.#fileOf(name)?.().getSize() ?? 0) > 0 ? 1 : 0, true));
  }

  #fileOf(name: string | null): (() => OpenFile) | undefined {
    if (name === databaseName) return () => this.files.database;
    return name === `${databaseName}-journal` ? () => this.files.journal : undefined;
  }

  #attempt(code: number, work: () => number | void): number {
    try {
      return work() ?? SQLite.SQLITE_OK;
    } catch (error) {
      this.lastError ??= error as Error;
      return code;
    }
  }
}

class MemoryFile implements OpenFile {
  #bytes = new Uint8Array();
  #size = 0;

  read(into: Uint8Array, { at }: { at: number }): number {
    const found = this.#bytes.subarray(at, Math.min(this.#size, at + into.length));
    into.set(found);
    return found.length;
  }

  write(bytes: Uint8Array, { at }: { at: number }): number {
    const end = at + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(end * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, at);
    this.#size = Math.max(this.#size, end);
    return bytes.length;
  }

  truncate(size: number): void {
    this.#bytes.fill(0, size);
    this.#size = Math.min(this.#size, size);
  }

  getSize(): number { return this.#size; }
  flush(): void {}
}

/** What the browser says of files that were taken away or cannot be had: another worker may fare better. */
const awayNames = new Set(['NoModificationAllowedError', 'NotFoundError', 'InvalidStateError', 'NotReadableError']);

/** SQLite only says that a file failed; the file system says why. */
function named(error: unknown, why: Error | null): unknown {
  if (why?.name === 'QuotaExceededError') return withFaultName(error, SQLite.SQLITE_FULL);
  const { code, name } = error as { code?: unknown; name?: string };
  if (awayNames.has(name!)) return withFaultName(error, SQLite.SQLITE_CANTOPEN);
  return typeof code === 'number' && !(error instanceof DOMException) ? withFaultName(error, code) : error;
}
