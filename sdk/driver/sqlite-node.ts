// SQLite by node:sqlite. The module announces on stderr that it is experimental; our users did not choose it,
// so that one warning is held back while it loads.

import type { Driver, Row, Value } from './sqlite.js';

const emitWarning = process.emitWarning;
process.emitWarning = (() => undefined) as typeof process.emitWarning;
const { DatabaseSync } = await import('node:sqlite').finally(() => {
  process.emitWarning = emitWarning;
});

export function openNodeDriver(path: string, options: { readOnly: boolean }): Driver {
  const database = new DatabaseSync(path);
  if (options.readOnly) database.exec('pragma query_only = on');
  return {
    name: 'node:sqlite',
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    prepare(sql) {
      const statement = database.prepare(sql);
      return {
        run: (...values: Value[]) => void statement.run(...values),
        get: (...values: Value[]) => statement.get(...values) as Row | undefined,
        all: (...values: Value[]) => statement.all(...values) as Row[],
      };
    },
  };
}
