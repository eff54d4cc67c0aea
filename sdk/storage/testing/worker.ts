// The worker of sqlite-worker.ts, with faults. Its name is the path, and `!` if it fails from the start; orders come as
// messages, whose ports are answered.

import { FaultySqlite } from '../../testing/sqlite.js';
import { serveStorage, type Port } from '../remote.js';
import { openOpfs, openTimeoutMs } from '../sqlite-opfs.js';
import { SqliteStorage } from '../sqlite.js';
import type { SqliteDatabase, Work } from '../sqlite-work.js';

const scope = globalThis as unknown as Port & { name: string };
const [path, isFailing] = scope.name.split('!');
let database: SqliteDatabase | null = null;
const faulty = new FaultySqlite(async () => (database = await openOpfs(path)));
serveStorage(new SqliteStorage(faulty.connect, { backoffMs: [], openTimeoutMs }), scope);
if (isFailing !== undefined) faulty.setPlan(() => 'UnknownError');

export interface Order { failFrom?: number; corrupt?: { document: string; position: number | 'snapshot' }; hang?: true }

scope.addEventListener('message', async (event) => {
  const { data, ports: [port] } = event as MessageEvent;
  if (!port) return;
  const { failFrom, corrupt, hang } = data as Order;
  if (failFrom) faulty.setPlan((step) => (step >= failFrom ? 'UnknownError' : null));
  if (corrupt) await database!.transaction(() => corrupted(corrupt), { writes: true, strict: true });
  if (hang) await (database ?? await openOpfs(path)).transaction(() => hanging(port), { writes: true, strict: true });
  port.postMessage('done');
});

/** Its changes are more than SQLite keeps in memory, so some are in the file; then the worker does nothing any more. */
function* hanging(port: MessagePort): Work<void> {
  yield ['pragma cache_size = 1'];
  yield ['update records set bytes = zeroblob(length(bytes))'];
  port.postMessage('done');
  for (;;);
}

function* corrupted({ document, position }: NonNullable<Order['corrupt']>): Work<void> {
  const table = position === 'snapshot' ? 'snapshots' : 'records';
  const which = position === 'snapshot' ? 'order by generation desc' : `and position = ${position}`;
  const [row] = yield [`select rowid as at, bytes from ${table} where document = (select number from documents where id = ?) ${which} limit 1`, new TextEncoder().encode(document)];
  const bytes = row.bytes as Uint8Array;
  bytes[0] ^= 1;
  yield [`update ${table} set bytes = ? where rowid = ?`, bytes, row.at];
}
