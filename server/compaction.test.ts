// A log that is let go of, seen from the devices: who was away for longer than the window loses nothing.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { open, type Client } from '../sdk/index.js';
import { until } from './bus/conformance.js';
import { compact } from './compact.js';
import type { Limits } from './limits.js';
import { silentLog } from './log.js';
import { createServer, type Server } from './server.js';
import { openStore } from './store/open.js';
import { TestWebSocket } from './transport/ws.js';

const toClose: (() => unknown)[] = [];
let database: string;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-compaction-'));
  database = `sqlite:${join(folder, 'data.db')}`;
  toClose.push(() => rm(folder, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function start(limits: Partial<Limits>): Promise<Server> {
  const server = await createServer({ database, log: silentLog, console: false, limits });
  await server.listen(0);
  toClose.push(() => server.close());
  return server;
}

async function connect(server: Server, name: string): Promise<Client> {
  const client = await open({ name, server: `ws://127.0.0.1:${server.port}`, storage: 'memory', WebSocket: TestWebSocket as never });
  toClose.push(() => client.close());
  return client;
}

/** The first LSN that can still be read. */
async function logStart(): Promise<number> {
  const store = await openStore(database);
  try {
    return (await store.readAll(0, 1))[0]?.lsn ?? 0;
  } finally {
    await store.close();
  }
}

describe('a server with a retention window', () => {
  it('lets go of the log, and who was away for longer comes back to everything, with what it wrote meanwhile', async () => {
    const server = await start({ snapshotEntriesMin: 20, retentionMs: 1, compactionCheckMs: 100 });
    const [ann, ben] = [await connect(server, 'ann'), await connect(server, 'ben')];
    await ann.text('a').insert(0, 'start ').acked;
    await until(() => ben.text('a').toString() === 'start ');
    await ben.text('a').insert(0, 'seen by all. ').acked;
    ben.disconnect();
    ben.text('a').insert(0, 'written offline. ');
    ben.document('a').set('offline', true);
    for (let i = 0; i < 60; i += 1) await ann.text('a').insert(ann.text('a').length, `${i} `).acked;
    await until(async () => (await logStart()) > 20);
    const newcomer = await connect(server, 'newcomer');
    await until(() => newcomer.text('a').toString() === ann.text('a').toString());
    ben.connect();
    await ben.synced();
    await until(() => [ann, newcomer].every((client) => client.document('a').digest() === ben.document('a').digest()));
    expect(ann.text('a').toString()).toContain('written offline. ');
    expect(ann.document('a').get()).toEqual({ offline: true });
    expect(ann.text('a').length).toBe('start seen by all. written offline. '.length + Array.from({ length: 60 }, (_, i) => `${i} `.length).reduce((a, b) => a + b));
    expect([ben.rejected.length, ben.status.get().error]).toEqual([0, undefined]);
  });

  it('goes on after a restart from what is left', async () => {
    const limits = { snapshotEntriesMin: 10, retentionMs: 1, compactionCheckMs: 50 };
    const first = await start(limits);
    const ann = await connect(first, 'ann');
    for (let i = 0; i < 25; i += 1) await ann.text('a').insert(0, 'x').acked;
    await until(async () => (await logStart()) > 10);
    await ann.close();
    await first.close();
    expect(await compact(database, '0s', () => undefined)).toBe('compacted the logs of 1 documents\n');
    expect(await compact(database, '0s', () => undefined)).toBe('nothing is old enough to go\n');
    expect(await logStart()).toBe(0);
    const again = await connect(await start(limits), 'again');
    await until(() => again.text('a').length === 25);
    await again.text('a').insert(0, 'y').acked;
  });

  it('says what a retention looks like', async () => {
    await expect(compact(database, 'a week', () => undefined)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});
