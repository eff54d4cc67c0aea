// What a storage asks of a SQLite, and how it says it: a transaction is a generator that yields statements.
//
// Written once, it runs on a database that answers at once (a file in Node), where nothing can come between two of its
// statements, and on one that answers later (a browser's). The databases behind it are in sqlite-file.ts and
// sqlite-opfs.ts.

export type SqlValue = string | number | Uint8Array | null;
export type SqlRow = Record<string, SqlValue>;

export type Statement = readonly [sql: string, ...values: SqlValue[]];

/** Yields a statement, gets its rows, returns a result. It may be run again from its start. */
export type Work<T> = Generator<Statement, T, SqlRow[]>;

export interface TransactionOptions {
  /** It writes, and so waits for its turn among the writers. */
  writes: boolean;
  /** On the disk when it resolves, not only with the operating system. */
  strict: boolean;
}

export interface SqliteDatabase {
  /** Runs all of `work` or nothing of it. @throws an Error whose name tells retry.ts what to do about it */
  transaction<T>(work: () => Work<T>, options: TransactionOptions): Promise<T>;
  close(): void;
}

/** Whether a statement answers with rows. */
export function hasRows(sql: string): boolean {
  return sql.startsWith('select') || sql.includes(' returning ');
}

const outOfRoom = 13;
/** Busy, locked, read-only, I/O error, cannot open, protocol, misuse: another connection may fare better. */
const passing = new Set([5, 6, 8, 10, 14, 15, 21]);

/** Gives an error of SQLite the name that retry.ts knows. @param code  SQLite's own, extended or not */
export function withFaultName(error: unknown, code: number): Error {
  const primary = code & 0xff;
  const name = primary === outOfRoom ? 'QuotaExceededError' : passing.has(primary) ? 'UnknownError' : 'SqliteError';
  return Object.assign(new Error(error instanceof Error ? error.message : String(error), { cause: error }), { name });
}
