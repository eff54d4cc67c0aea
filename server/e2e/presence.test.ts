// Who is here, between processes and a real server: a client that is killed, one that stands still, and one that leaves.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, type Client } from '../../sdk/index.js';
import { createServer, type Server } from '../server.js';
import { TestWebSocket } from '../transport/ws.js';

const [index, ws] = ['../../sdk/index.js', '../transport/ws.js'].map((path) => new URL(path, import.meta.url).href);
/** As short as the server's sweep lets them be, which is once a second: a ping, its answer and a late sweep have to fit. */
const limits = { presencePingMs: 300, presenceSilenceMsMax: 3_000 };

let folder: string;
let server: Server;
let here: Client;
let child: ChildProcess;

/** A process that shows `{ name: 'Ada' }` and, told to, leaves. */
function spawnPeer(): ChildProcess {
  const source = `
    import { open } from ${JSON.stringify(index)};
    import { TestWebSocket } from ${JSON.stringify(ws)};
    const client = await open({ server: 'ws://127.0.0.1:${server.port}', WebSocket: TestWebSocket });
    client.presence('d').set({ name: 'Ada' });
    process.stdin.once('data', async () => { await client.close(); process.exit(); });`;
  return spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', source], { stdio: ['pipe', 'ignore', 'inherit'] });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'headwater-presence-'));
  server = await createServer({ database: `sqlite:${join(folder, 'data.db')}`, logLevel: 'silent', console: false, limits });
  await server.listen(0);
  here = await open({ server: `ws://127.0.0.1:${server.port}`, WebSocket: TestWebSocket as never });
  child = spawnPeer();
  await shown(1);
});

afterEach(async () => {
  child.kill('SIGKILL');
  await here.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Resolves when so many others are here. @returns how long that took, in ms */
function shown(count: number, timeoutMs = 15_000): Promise<number> {
  const startedMs = performance.now();
  const presence = here.presence('d');
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${presence.others.length} others instead of ${count}`)), timeoutMs);
    const look = () => {
      if (presence.others.length !== count) return;
      clearTimeout(timer);
      stop();
      resolve(performance.now() - startedMs);
    };
    const stop = presence.subscribe(look);
    look();
  });
}

describe('somebody who is here', () => {
  it('is gone at once when its process is killed', async () => {
    child.kill('SIGKILL');
    const ms = await shown(0);
    process.stdout.write(`gone ${ms.toFixed(0)} ms after a kill -9\n`);
    expect(ms).toBeLessThan(3_000);
  });

  it('is gone at once when it leaves', async () => {
    child.stdin!.write('leave');
    const ms = await shown(0);
    process.stdout.write(`gone ${ms.toFixed(0)} ms after a close\n`);
    expect(ms).toBeLessThan(3_000);
  });

  it('is gone soon when it stands still with its line up, and there again, as it was, when it goes on', async () => {
    child.kill('SIGSTOP');
    const ms = await shown(0);
    process.stdout.write(`gone ${ms.toFixed(0)} ms after standing still, of ${limits.presenceSilenceMsMax} ms allowed\n`);
    expect(ms).toBeLessThan(10_000);
    child.kill('SIGCONT');
    await shown(1);
    expect(here.presence('d').others[0].value).toEqual({ name: 'Ada' });
  });

  it('is not gone for being quiet', async () => {
    let changes = 0;
    here.presence('d').subscribe(() => changes++);
    await new Promise((resolve) => setTimeout(resolve, 2 * limits.presenceSilenceMsMax));
    expect(changes).toBe(0);
  });
});
