// The worker in which a browser's SQLite runs. Its name is the path of the database. It tries nothing twice: the page
// takes another worker (remote.ts).

import { serveStorage, type Port } from './remote.js';
import { openOpfs, openTimeoutMs } from './sqlite-opfs.js';
import { SqliteStorage } from './sqlite.js';

const scope = globalThis as unknown as Port & { name: string };
serveStorage(new SqliteStorage(() => openOpfs(scope.name), { backoffMs: [], openTimeoutMs }), scope);
