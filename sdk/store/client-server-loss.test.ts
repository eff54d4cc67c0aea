import { copyFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from './client.js';
import { World, pause, until } from './testing/harness.js';

// A server that is away, forgets everything, or is put back to an earlier day: clients bring what they hold.

let world: World;
beforeEach(async () => { world = await World.start(); });
afterEach(() => world.close());

async function away(restart: () => void): Promise<void> {
  await world.server.stop();
  restart();
  await world.server.resume();
  for (const client of world.clients.filter((each) => !each.isClosed)) {
    client.disconnect();
    client.connect();
  }
}

describe('a server', () => {
  it('that loses its database gets everything again, also of clients that never come back', async () => {
    const [a, b] = [await world.open(), await world.open()];
    await a.text('d').insert(0, 'from a').acked;
    await world.agree('d');
    await b.text('d').insert(6, ', from b').acked;
    await world.agree('d');
    await a.close();
    world.clients.shift();
    await away(() => world.server.forget());
    const c = await world.open();
    await until('the newcomer has all of it', () => c.text('d').toString() === 'from a, from b');
    await world.agree('d', [b, c]);
    await b.text('d').insert(0, '> ').acked;
    await world.agree('d', [b, c]);
  });

  it('that loses its database gets what a client stored in sessions before', async () => {
    const device = world.device();
    const first = await world.open(device);
    await first.text('d').insert(0, 'long ago').acked;
    await first.close();
    await away(() => world.server.forget());
    const second = await world.open(device);
    await second.document('d').ready;
    const third = await world.open();
    await until('the newcomer has it', () => third.text('d').toString() === 'long ago');
    await world.agree('d', [second, third]);
  });

  it('that is put back to an earlier day gets the days since', async () => {
    const [a, b] = [await world.open(), await world.open()];
    await a.counter('d').increment(1).acked;
    await world.agree('d');
    await world.server.stop();
    const backup = `${world.server.file}.backup`;
    copyFileSync(world.server.file, backup);
    await away(() => {});
    for (let i = 0; i < 5; i++) await a.counter('d').increment(10).acked;
    await b.counter('d').increment(100).acked;
    await world.agree('d');
    await away(() => copyFileSync(backup, world.server.file));
    await world.agree('d');
    expect([a, b].map((client) => client.counter('d').value)).toEqual([151, 151]);
    const c = await world.open();
    await until('the newcomer has all', () => c.counter('d').value === 151);
  });

  it('that is put back, and grew past a client\'s position before it came back, is read from its beginning', async () => {
    const [a, b] = [await world.open(), await world.open()];
    await a.counter('d').increment(1).acked;
    await world.agree('d');
    await world.server.stop();
    const backup = `${world.server.file}.backup`;
    copyFileSync(world.server.file, backup);
    await away(() => {});
    for (let i = 0; i < 3; i++) await a.counter('d').increment(10).acked;
    await world.agree('d');
    a.disconnect();
    await world.server.stop();
    copyFileSync(backup, world.server.file);
    await world.server.resume();
    b.disconnect();
    const c = await world.open();
    for (let i = 0; i < 6; i++) await c.counter('d').increment(100).acked;
    a.connect();
    b.connect();
    await until('all have all', () => [a, b, c].every((client) => client.counter('d').value === 631));
    await world.agree('d', [a, b, c]);
  });

  it('that is away for a while is caught up with, whatever was on its way', async () => {
    const [a, b] = [await world.open(), await world.open()];
    for (let i = 0; i < 12; i++) {
      a.counter('d').increment();
      b.counter('d').increment();
      await pause(i % 4);
      if (i % 3 === 0) world.server.cut();
      if (i % 4 === 1) a.disconnect();
      if (i % 4 === 3) [a, b].forEach((client) => client.connect());
    }
    [a, b].forEach((client: Client) => { client.disconnect(); client.connect(); });
    await Promise.all([a.synced(), b.synced()]);
    await world.agree('d');
    expect(a.counter('d').value).toBe(24);
  });
});
