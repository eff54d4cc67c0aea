import { describe, expect, it } from '@jest/globals';
import { Random, seedFromEnv } from '../testing/seed.js';
import type { Client } from './client.js';
import type { Write } from './write.js';
import { type Device, World, inAnHour, pause, until } from './testing/harness.js';

// Three devices and a server, with everything that happens to them: lines that break, servers that restart, tabs that
// close and die, disks that refuse. At the end all agree, and every acked write is there exactly once.

const seed = seedFromEnv();
const steps = 120;

interface Actor { device: Device; storage: ReturnType<Device['storage']>; client: Client }

describe('three devices in bad weather', () => {
  const runs = process.env.SEED ? 1 : Number(process.env.RUNS ?? 4);
  it.each(Array.from({ length: runs }, (_, i) => (seed + i) >>> 0))('agree in the end, each acked write once (%i)', async (runSeed) => {
    const random = new Random(runSeed);
    const world = await World.start();
    const actors: Actor[] = [];
    for (let i = 0; i < 3; i++) actors.push(await enter(world, world.device()));
    const writes: { key: string; write: Write }[] = [];
    try {
      for (let i = 0; i < steps; i++) {
        await act(world, actors, random.int(3), random, (key, write) => writes.push({ key, write }));
        if (random.chance(0.5)) await pause(random.int(4));
      }
      await heal(world, actors);
      check(actors.map(({ client }) => client), writes);
    } finally {
      await world.close();
    }
  });
});

async function enter(world: World, device: Device): Promise<Actor> {
  const storage = device.storage();
  return { device, storage, client: await world.open(device, { storage }) };
}

async function act(world: World, actors: Actor[], at: number, random: Random, wrote: (key: string, write: Write) => void): Promise<void> {
  const { client, device, storage } = actors[at];
  const document = client.document('d');
  switch (random.int(15)) {
    case 0: return client.disconnect();
    case 1: return client.connect();
    case 2: return world.server.cut();
    case 3: world.server.mute = !world.server.mute; return;
    case 4: await client.close(); actors[at] = await enter(world, device); return;
    case 5: {
      // Dies: what it has not stored is gone, and nothing it still does reaches the disk.
      storage.setPlan(() => 'hang');
      void client.close();
      world.clients.splice(world.clients.indexOf(client), 1);
      actors[at] = await enter(world, device);
      return;
    }
    case 6: storage.setPlan(random.chance(0.5) ? (step) => (step % 3 === 0 ? 'failure' : null) : () => null); return;
    case 7: document.close(); return;
    case 8: if (random.chance(0.2)) { await world.server.stop(); await world.server.resume(); } return;
    case 9: return void inAnHour(document, () => document.set('clock', random.int(100)));
    default: {
      const key = `${random.int(1e9).toString(36)};`;
      const text = document.getText('text');
      wrote(key, text.insert(text.length, key));
      document.getCounter('count').increment();
      if (random.chance(0.3) && text.length > 0) document.getSet('tags').add(random.int(5));
    }
  }
}

/** Everything is well from now on. */
async function heal(world: World, actors: Actor[]): Promise<void> {
  world.server.mute = false;
  world.server.cut();
  for (const { client, storage } of actors) {
    storage.heal();
    client.disconnect();
    client.connect();
  }
  const clients = actors.map(({ client }) => client);
  await until('every storage is well', () => clients.every((client) => client.status.get().storage === 'ok'));
  for (const client of clients) await client.synced().catch(() => {});
  await world.agree('d', clients);
}

function check(clients: readonly Client[], writes: readonly { key: string; write: Write }[]): void {
  const text = clients[0].document('d').getText('text').toString();
  const counts = new Map<string, number>();
  for (const key of text.split(';')) counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const { key, write } of writes) {
    const count = counts.get(key.slice(0, -1)) ?? 0;
    expect(count).toBeLessThanOrEqual(1);
    if (write.state === 'acked') expect([key, count]).toEqual([key, 1]);
    if (write.state === 'rejected') expect([key, count]).toEqual([key, 0]);
  }
}
