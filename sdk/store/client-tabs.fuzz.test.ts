import { describe, expect, it } from '@jest/globals';
import { Random, seedFromEnv } from '../testing/seed.js';
import { World, pause, until } from './testing/harness.js';
import { Browser, type Tab } from './testing/tabs.js';
import type { Write } from './write.js';

// Five tabs of one device, and everything that happens to them: closed, killed, frozen, taken offline, lines cut, the server
// restarted. Then all thaw, and agree, and what was durable is on the server, once.

const seed = seedFromEnv();
const steps = 100;
const tabsMax = 5;

describe('five tabs in bad weather', () => {
  const runs = process.env.SEED ? 1 : Number(process.env.RUNS ?? 4);
  it.each(Array.from({ length: runs }, (_, i) => (seed + i) >>> 0))('agree in the end over one socket, each durable write once (%i)', async (runSeed) => {
    const random = new Random(runSeed);
    const world = await World.start();
    const browser = new Browser(world);
    const frozen = new Set<Tab>();
    const writes: { key: string; write: Write }[] = [];
    const wrote = (key: string, write: Write) => {
      // A later killing must not take the state away.
      write.durable.catch(() => {});
      writes.push({ key, write });
    };
    try {
      for (let i = 0; i < tabsMax; i++) await browser.open();
      for (let i = 0; i < steps; i++) {
        await act(world, browser, frozen, random, wrote);
        if (random.chance(0.5)) await pause(random.int(12));
      }
      world.server.mute = false;
      world.server.cut();
      for (const tab of frozen) tab.thaw();
      for (const { client } of browser.tabs) client.connect();
      const peer = await world.open();
      await world.agree('d', [peer, ...browser.tabs.map(({ client }) => client)]);
      await Promise.all(browser.tabs.map(({ client }) => client.synced()));
      await until('one socket is open', () => browser.sockets === 1);
      check(peer.text('d').toString(), writes);
    } finally {
      await world.close();
    }
  });
});

async function act(world: World, browser: Browser, frozen: Set<Tab>, random: Random, wrote: (key: string, write: Write) => void): Promise<void> {
  const tab = random.pick(browser.tabs);
  switch (random.int(20)) {
    case 0: return tab.client.disconnect();
    case 1: case 2: return tab.client.connect();
    case 3: return world.server.cut();
    case 4: world.server.mute = !world.server.mute; return;
    case 5: case 6: {
      if (frozen.has(tab)) return;
      if (random.chance(0.5)) await tab.close();
      else await tab.kill();
      await browser.open();
      return;
    }
    case 7: case 8: {
      // Somebody must be left to type.
      if (frozen.size < 3) {
        frozen.add(tab);
        tab.freeze();
      }
      return;
    }
    case 9: {
      for (const each of frozen) each.thaw();
      frozen.clear();
      return;
    }
    case 10: if (!frozen.has(tab)) tab.client.document('d').close(); return;
    case 11: if (random.chance(0.2)) { await world.server.stop(); await world.server.resume(); } return;
    case 12: return pause(random.int(400));
    default: {
      if (frozen.has(tab)) return;
      const key = `${random.int(1e9).toString(36)};`;
      const text = tab.client.document('d').getText('text');
      wrote(key, text.insert(random.chance(0.8) ? text.length : 0, key));
      tab.client.document('d').getCounter('count').increment();
    }
  }
}

function check(text: string, writes: readonly { key: string; write: Write }[]): void {
  const counts = new Map<string, number>();
  for (const key of text.split(';')) counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const { key, write } of writes) {
    const count = counts.get(key.slice(0, -1)) ?? 0;
    expect(count).toBeLessThanOrEqual(1);
    if (write.state === 'acked' || write.state === 'durable') expect([key, count]).toEqual([key, 1]);
  }
  expect(writes.filter(({ write }) => write.state === 'acked').length).toBeGreaterThan(0);
}
