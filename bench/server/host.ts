// A process with one measured server in it. It answers what the bench asks: how much CPU it has used, how much memory.
//
// `host.js headwater` or `host.js <rival>`; the rivals' servers are server-rivals/*.server.js.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createServer } from '../../server/index.js';
import { answer } from './process.js';

const rivals = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..', 'bench', 'server-rivals');
const [, , name, transport] = process.argv;

async function start(): Promise<number> {
  if (name !== 'headwater') return ((await import(pathToFileURL(join(rivals, `${name}.server.js`)).href)) as { start(): Promise<number> }).start();
  // What users get, on a disk: WAL, synchronous=FULL, every ack behind an fsync.
  const folder = mkdtempSync(join(tmpdir(), 'headwater-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  // HEADWATER_DATABASE names another database to measure, such as a Postgres.
  const database = process.env.HEADWATER_DATABASE || `sqlite:${join(folder, 'data.db')}`;
  const server = await createServer({ database, logLevel: 'error', console: false, ...(transport && { transport: transport as 'uws' | 'ws' }) });
  return server.listen(0);
}

answer({
  start,
  /** Of all its threads, in µs. */
  cpu: () => { const { user, system } = process.cpuUsage(); return user + system; },
  split: () => process.cpuUsage(),
  memory: () => { globalThis.gc?.(); globalThis.gc?.(); return process.memoryUsage(); },
});
