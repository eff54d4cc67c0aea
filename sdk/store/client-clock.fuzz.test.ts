import { describe, expect, it } from '@jest/globals';
import { Random, seedFromEnv } from '../testing/seed.js';
import { splitUpdate } from './blocks.js';
import type { Client } from './client.js';
import { Device, TestClock, World, pause, stampsOf, until } from './testing/harness.js';

// Three devices with clocks that are put anywhere, any time, before a server whose clock is right. Whatever they do: no write is
// refused or lost, all agree, a replica's stamps only grow, none is in the future, and in the end each wins when it writes last.

const runs = Number(process.env.RUNS ?? 12);
const year = 365 * 86_400_000;

interface Actor { device: Device; clock: TestClock; client: Client }

describe('devices whose clocks are put anywhere', () => {
  const seed = seedFromEnv();
  it.each(Array.from({ length: runs }, (_, i) => seed + i))('keep working, seed %i', async (seed) => {
    const random = new Random(seed);
    const world = await World.start();
    const counted = { increments: 0, words: [] as string[] };
    try {
      const actors = await Promise.all(Array.from({ length: 3 }, () => enter(world, world.device(), new TestClock(anyOffset(random)), random)));
      for (let i = 0; i < 40; i++) {
        await act(world, actors[random.int(3)], random, counted);
        if (random.chance(0.3)) await pause(random.int(5));
      }
      await heal(world, actors);
      check(actors, counted);
      await takeTurns(world, actors);
    } finally {
      await world.close();
    }
  }, 60_000);
});

function anyOffset(random: Random): number {
  return random.chance(0.3) ? 0 : (random.unit() - 0.5) * 10 ** (3 + random.int(9));
}

async function enter(world: World, device: Device, clock: TestClock, random: Random): Promise<Actor> {
  return { device, clock, client: await world.open(device, { clock, connect: random.chance(0.6) }) };
}

async function act(world: World, actor: Actor, random: Random, counted: { increments: number; words: string[] }): Promise<void> {
  const { client, clock, device } = actor;
  const document = client.document('d');
  switch (random.int(12)) {
    case 0: clock.offMs = anyOffset(random); return;
    case 1: clock.offMs += (random.unit() - 0.5) * year; return;
    case 2: client.disconnect(); return;
    case 3: client.connect(); return;
    case 4: {
      await client.close();
      world.clients.splice(world.clients.indexOf(client), 1);
      Object.assign(actor, await enter(world, device, clock, random));
      return;
    }
    case 5: world.server.cut(); return;
    case 6: await client.flushed(); return;
    default: {
      const word = `${counted.words.length};`;
      counted.words.push(word);
      counted.increments++;
      document.transact(() => {
        document.set(`field ${random.int(3)}`, word);
        document.getText('text').insert(0, word);
        document.getCounter('count').increment();
        const list = document.getList('list');
        list.insert(0, word);
        if (list.length > 1) list.move(0, random.int(list.length));
      });
    }
  }
}

async function heal(world: World, actors: Actor[]): Promise<void> {
  for (const { client } of actors) client.connect();
  await until('all have sent all', () => actors.every(({ client }) => client.pending === 0 && client.status.get().connection === 'live'), 20_000);
  await world.agree('d', [...actors.map(({ client }) => client), await world.open()]);
}

function check(actors: Actor[], { increments, words }: { increments: number; words: string[] }): void {
  const [{ client }] = actors;
  const document = client.document('d');
  expect(actors.flatMap(({ client: each }) => each.rejected)).toEqual([]);
  expect(document.getCounter('count').value).toBe(increments);
  expect(document.getText('text').toString().match(/\d+;/g)?.sort() ?? []).toEqual([...words].sort());
  expect([...document.getList('list')].sort()).toEqual([...words].sort());
  const replicas = new Set(splitReplicas(client));
  for (const replica of replicas) {
    const stamps = stampsOf(client, 'd', replica);
    expect(stamps).toEqual([...stamps].sort((a, b) => a - b));
    expect(Math.max(...stamps)).toBeLessThan(40_000);
  }
}

function splitReplicas(client: Client): string[] {
  return splitUpdate(client.document('d').export()).map(({ replica }) => replica);
}

/** Nobody's stamps are so late that others lose for ever. */
async function takeTurns(world: World, actors: Actor[]): Promise<void> {
  for (const { client } of [...actors, ...actors]) {
    await client.document('d').set('turn', client.replica).acked;
    await world.agree('d', actors.map((actor) => actor.client));
    for (const actor of actors) expect(actor.client.document('d').get().turn).toBe(client.replica);
  }
}
