// SQLite by the libsql package, for runtimes without node:sqlite.
//
// Two traps end here. A lone object argument is taken for named parameters, even a Uint8Array, and the native
// code aborts the process: parameters always go in as one array. And blobs come back as ArrayBuffers.

import Database from 'libsql';
import type { Driver, Row, Value } from './sqlite.js';

export function openLibsqlDriver(path: string, options: { readOnly: boolean }): Driver {
  const database = new Database(path);
  if (options.readOnly) database.exec('pragma query_only = on');
  return {
    name: 'libsql',
    exec: (sql) => void database.exec(sql),
    close: () => void database.close(),
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        run: (...values: Value[]) => void statement.run(values),
        get: (...values: Value[]) => withBytes(statement.get(values) as Row | undefined),
        all: (...values: Value[]) => statement.all(values).map((row) => withBytes(row as Row)!),
      };
    },
  };
}

function withBytes(row: Row | undefined): Row | undefined {
  if (row === undefined) return undefined;
  for (const name in row) {
    const value: unknown = row[name];
    if (value instanceof ArrayBuffer) row[name] = new Uint8Array(value);
  }
  return row;
}
