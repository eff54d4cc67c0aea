// Several servers on one database, with real sockets and a real Redis between them, or nothing between them at all.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { open, type Client } from '../sdk/index.js';
import type { BusMessage } from './bus/bus.js';
import { until } from './bus/conformance.js';
import { LocalBus } from './bus/local.js';
import { defaultLimits, type Limits } from './limits.js';
import { silentLog } from './log.js';
import { Nodes, type Node } from './nodes.js';
import { createServer, type Server, type ServerOptions } from './server.js';
import { dropSchema, findPostgres, schemaName, withSchema } from './testing/postgres.js';
import { hasRedis, TestRedis } from './testing/redis.js';
import { TestWebSocket } from './transport/ws.js';

const toClose: (() => unknown)[] = [];
let database: string;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-nodes-'));
  database = `sqlite:${join(folder, 'data.db')}`;
  toClose.push(() => rm(folder, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function startNode(options: ServerOptions = {}): Promise<Server> {
  const server = await createServer({ database, log: silentLog, console: false, ...options });
  await server.listen(0);
  toClose.push(() => server.close());
  return server;
}

async function connect(server: Server, name: string): Promise<Client> {
  const client = await open({ name, server: `ws://127.0.0.1:${server.port}`, storage: 'memory', WebSocket: TestWebSocket as never });
  toClose.push(() => client.close());
  return client;
}

const quick: Partial<Limits> = { headCheckMs: 100 };
const others = (client: Client) => client.presence<{ name: string }>('a').others.map(({ value }) => value.name).sort();

describe('two nodes with nothing between them', () => {
  it('come to the same state by looking at the log, and ack what either took', async () => {
    const [one, two] = [await startNode({ limits: quick }), await startNode({ limits: quick })];
    const [ann, ben] = [await connect(one, 'ann'), await connect(two, 'ben')];
    ann.text('a').insert(0, 'ann');
    await ann.synced();
    await until(() => ben.text('a').toString() === 'ann');
    await Promise.all(Array.from({ length: 50 }, async (_, i) => {
      const client = i % 2 === 0 ? ann : ben;
      await client.text('a').insert(0, `${i} `).acked;
    }));
    await until(() => ann.document('a').digest() === ben.document('a').digest());
    expect(ann.text('a').length).toBe('ann'.length + Array.from({ length: 50 }, (_, i) => `${i} `.length).reduce((a, b) => a + b));
  });
});

(hasRedis() ? describe : describe.skip)('two nodes with a Redis between them', () => {
  let redis: TestRedis;
  // Nothing is found by looking at the log: what arrives was told.
  const told: Partial<Limits> = { headCheckMs: 0, nodeSilenceMsMax: 2_500 };

  beforeEach(async () => {
    redis = await TestRedis.start();
    toClose.push(() => redis.kill());
  });

  it('tell each other at once what was written', async () => {
    const [one, two] = [await startNode({ redis: redis.url, limits: told }), await startNode({ redis: redis.url, limits: told })];
    const [ann, ben] = [await connect(one, 'ann'), await connect(two, 'ben')];
    await Promise.all([ann.document('a').ready, ben.document('a').ready]);
    ann.text('a').insert(0, 'x');
    await until(() => ben.text('a').toString() === 'x');
    for (let i = 0; i < 100; i += 1) {
      ann.text('a').insert(0, 'a');
      ben.text('a').insert(0, 'b');
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all([ann.synced(), ben.synced()]);
    await until(() => ann.document('a').digest() === ben.document('a').digest());
    expect(ann.text('a').length).toBe(201);
  });

  it('show who is on the other, at once and to those who come later, and no more when they have left', async () => {
    const [one, two] = [await startNode({ redis: redis.url, limits: told }), await startNode({ redis: redis.url, limits: told })];
    const ann = await connect(one, 'ann');
    ann.presence('a').set({ name: 'ann' });
    const ben = await connect(two, 'ben');
    ben.presence('a').set({ name: 'ben' });
    await until(() => others(ann).join() === 'ben' && others(ben).join() === 'ann');
    const cleo = await connect(two, 'cleo');
    await until(() => others(cleo).join() === 'ann,ben');
    ann.presence('a').set({ name: 'anna' });
    await until(() => others(ben).join() === 'anna' && others(cleo).join() === 'anna,ben');
    await ben.close();
    await until(() => others(ann).join() === '' && others(cleo).join() === 'anna');
  });

  it('when Redis is killed: nothing is lost, the log is looked at, and presence is back with it', async () => {
    const limits = { ...told, headCheckMs: 200 };
    const [one, two] = [await startNode({ redis: redis.url, limits }), await startNode({ redis: redis.url, limits })];
    const [ann, ben] = [await connect(one, 'ann'), await connect(two, 'ben')];
    ann.presence('a').set({ name: 'ann' });
    await until(() => others(ben).join() === 'ann');
    await redis.kill();
    await ann.text('a').insert(0, 'without').acked;
    await until(() => ben.text('a').toString() === 'without', 5_000);
    await until(() => others(ben).length === 0, 10_000);
    await redis.resume();
    await until(() => others(ben).join() === 'ann', 10_000);
    await ben.text('a').insert(0, 'with ').acked;
    await until(() => ann.text('a').toString() === 'with without', 5_000);
  });

  it('when Redis is frozen: the same', async () => {
    const limits = { ...told, headCheckMs: 200 };
    const [one, two] = [await startNode({ redis: redis.url, limits }), await startNode({ redis: redis.url, limits })];
    const [ann, ben] = [await connect(one, 'ann'), await connect(two, 'ben')];
    ann.presence('a').set({ name: 'ann' });
    await until(() => others(ben).join() === 'ann');
    redis.freeze();
    await ann.text('a').insert(0, 'without').acked;
    await until(() => ben.text('a').toString() === 'without', 5_000);
    await until(() => others(ben).length === 0, 10_000);
    redis.unfreeze();
    await until(() => others(ben).join() === 'ann', 10_000);
  });
});

const postgres = await findPostgres('nodes');
(postgres === null ? describe.skip : describe)('two nodes on a Postgres, without a Redis', () => {
  it('tell each other at once what was written, and who is there', async () => {
    const schema = schemaName('nodes');
    toClose.push(() => dropSchema(postgres!.url, schema));
    const options = { database: withSchema(postgres!.url, schema), limits: { headCheckMs: 0 } };
    const [one, two] = [await startNode(options), await startNode(options)];
    const [ann, ben] = [await connect(one, 'ann'), await connect(two, 'ben')];
    await Promise.all([ann.document('a').ready, ben.document('a').ready]);
    ann.presence('a').set({ name: 'ann' });
    await until(() => others(ben).join() === 'ann');
    for (let i = 0; i < 60; i += 1) {
      ann.text('a').insert(0, 'a');
      ben.text('a').insert(0, i === 30 ? 'b'.repeat(20_000) : 'b');
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all([ann.synced(), ben.synced()]);
    await until(() => ann.document('a').digest() === ben.document('a').digest());
    expect(ann.text('a').length).toBe(119 + 20_000);
  });
});

describe('nodes', () => {
  const [self, other] = ['self', 'other'];
  const limits = { ...defaultLimits, nodeSilenceMsMax: 4_000 };

  it('hear the others and not themselves, lose who is silent, and know when one is back', () => {
    const bus = new LocalBus();
    let nowMs = 0;
    const lost: Node[] = [];
    let returns = 0;
    const heard: [BusMessage, Node][] = [];
    const nodes = new Nodes(bus, self, limits, () => nowMs, (node) => lost.push(node), () => void (returns += 1));
    nodes.subscribe('a', { heard: (message, from) => heard.push([message, from]), missed() {} });
    const word: BusMessage = { type: 'ping', nonce: 1 };
    bus.publish(self, 'a', word);
    bus.publish(other, 'a', word);
    expect(heard.map(([, from]) => from.id)).toEqual([other]);
    nowMs = 3_999;
    nodes.tick();
    expect(lost).toEqual([]);
    nowMs = 4_000;
    nodes.tick();
    nodes.tick();
    expect(lost).toEqual([heard[0][1]]);
    expect(returns).toBe(0);
    bus.publish(other, '', word);
    expect(returns).toBe(1);
    bus.publish(other, 'a', word);
    expect(heard[1][1]).toBe(heard[0][1]);
    nowMs = 8_000;
    nodes.tick();
    expect(lost.length).toBe(2);
  });
});
