// The bus over a real Redis: forged and repeated messages, a Redis that is killed, frozen, or not there at all.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { silentLog } from '../log.js';
import { hasRedis, TestRedis } from '../testing/redis.js';
import { busConformance, Ear, grown, nodeA, nodeB, until } from './conformance.js';
import { Envelopes } from './envelope.js';
import { RedisBus } from './redis.js';

const suite = hasRedis() ? describe : describe.skip;
let redis: TestRedis;

beforeAll(async () => {
  if (suite === describe) redis = await TestRedis.start();
});
afterAll(() => redis?.kill());

const open = (over: Partial<{ epoch: string; secret: string; url: string }> = {}) =>
  new RedisBus({ url: redis.url, epoch: 'epoch', secret: 'secret', log: silentLog, ...over });

busConformance('redis', async () => {
  const buses = [open(), open()] as const;
  return { buses, dispose: async () => void (await Promise.all(buses.map((bus) => bus.close()))) };
}, suite);

suite('a bus over Redis', () => {
  let bus: RedisBus;
  let ear: Ear;
  let raw: Redis;

  beforeEach(async () => {
    bus = open();
    ear = new Ear();
    bus.subscribe('a', ear);
    raw = new Redis(redis.url);
    raw.on('error', () => undefined);
    await until(() => ear.gaps > 0);
  });
  afterEach(async () => {
    raw.disconnect();
    await bus.close();
    redis.unfreeze();
  });

  /** Nothing but this last honest word has been heard. */
  async function hearsOnly(lsn: number): Promise<void> {
    bus.publish(nodeA, 'a', grown('a', lsn));
    await until(() => ear.heardAll.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(ear.heardAll).toEqual([[nodeA, grown('a', lsn)]]);
  }

  it('hears nothing of what is no message, of another database, or signed with another secret', async () => {
    const channel = 'headwater:epoch:a';
    const forger = new Envelopes('guess');
    for (const junk of [Buffer.alloc(0), Buffer.from('hello'), Buffer.alloc(40), Buffer.alloc(5000, 255), forger.seal(nodeB, 'a', grown('a', 1))]) await raw.publish(channel, junk);
    const [guesser, other] = [open({ secret: 'guess' }), open({ epoch: 'other' })];
    const otherEar = new Ear();
    other.subscribe('a', otherEar);
    await until(() => otherEar.gaps > 0);
    guesser.publish(nodeB, 'a', grown('a', 2));
    other.publish(nodeB, 'a', grown('a', 3));
    await until(() => otherEar.heardAll.length === 1);
    await hearsOnly(4);
    await Promise.all([guesser.close(), other.close()]);
  });

  it('hears nothing of what was taken off the wire: said again, on another topic, or with a bit turned', async () => {
    const taken: [string, Buffer][] = [];
    const tap = raw.duplicate();
    tap.on('pmessageBuffer', (_: Buffer, channel: Buffer, message: Buffer) => taken.push([channel.toString(), Buffer.from(message)]));
    await tap.psubscribe('headwater:epoch:*');
    bus.publish(nodeA, 'b', grown('b', 1));
    bus.publish(nodeA, 'a', grown('a', 1));
    await until(() => taken.length === 2 && ear.heardAll.length === 1);
    tap.disconnect();
    ear.heardAll.length = 0;
    const ofB = taken.find(([channel]) => channel.endsWith(':b'))![1];
    const ofA = taken.find(([channel]) => channel.endsWith(':a'))![1];
    await raw.publish('headwater:epoch:a', ofA);
    await raw.publish('headwater:epoch:a', ofB);
    for (let at = 0; at < ofA.length; at += 1) {
      const turned = Buffer.from(ofA);
      turned[at] ^= 1 << (at % 8);
      await raw.publish('headwater:epoch:a', turned);
    }
    await hearsOnly(2);
  });

  it('says that something was missed when Redis was killed and is back, and goes on', async () => {
    const before = ear.gaps;
    await redis.kill();
    await until(() => {
      bus.publish(nodeA, 'a', grown('a', 1));
      return bus.dropped > 100;
    });
    await redis.resume();
    await until(() => ear.gaps > before);
    ear.heardAll.length = 0;
    await until(() => {
      bus.publish(nodeA, 'a', grown('a', 3_000));
      return ear.heardAll.length > 0;
    });
  });

  it('keeps only so much for a Redis that does not answer, and what was kept comes when it does', async () => {
    redis.freeze();
    const before = process.memoryUsage.rss();
    const bytes = new Uint8Array(100_000);
    for (let lsn = 1; lsn <= 1_000; lsn += 1) bus.publish(nodeA, 'a', grown('a', lsn, bytes));
    expect(bus.dropped).toBeGreaterThan(850);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 << 20);
    redis.unfreeze();
    await until(() => ear.heardAll.length >= 1_000 - bus.dropped);
    expect(ear.heardAll.length).toBe(1_000 - bus.dropped);
  });

  it('may be opened before Redis is there', async () => {
    await redis.kill();
    const early = open();
    const first = new Ear();
    early.subscribe('a', first);
    early.publish(nodeA, 'a', grown('a', 1));
    await redis.resume();
    await until(() => first.gaps > 0);
    await early.close();
  });

  it('refuses what is no Redis URL', () => {
    expect(() => open({ url: 'http://127.0.0.1' })).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });
});
