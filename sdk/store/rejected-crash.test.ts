import { afterAll, afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Transport } from '../sync/transport.js';
import { FakeLockManager } from '../testing/locks.js';
import { seedFromEnv } from '../testing/seed.js';
import type { Client } from './client.js';
import { openWith } from './open.js';
import { indexeddb, memory, never, removeDisks, sqlite, type Disk } from './testing/disks.js';
import { World, inAnHour, until } from './testing/harness.js';

// A process that dies at any one storage operation while writes are refused, kept in the inbox and written again; and again
// while the next one recovers. What was durable is in the document or in the inbox at the end, and in one of them only.

let world: World;
beforeEach(async () => { world = await World.start(); });
afterEach(() => world.close());
afterAll(removeDisks);
jest.spyOn(console, 'warn').mockImplementation(() => {});

let documents = 0;

/** What a dead process would send, nobody hears. */
function mortal(transport: Transport, isDead: () => boolean): Transport {
  return {
    connect: (events) => {
      const link = transport.connect(events);
      return { get bufferedBytes() { return link.bufferedBytes; }, send: (frame) => { if (!isDead()) link.send(frame); }, close: (code, reason) => link.close(code, reason) };
    },
  };
}

class Session {
  readonly id = `d${++documents}`;
  readonly durable: string[] = [];

  constructor(readonly disk: Disk) {}

  /** A process from start to end. @returns how many steps it took */
  async run(diesAt: number, work: (client: Client) => Promise<void>): Promise<number> {
    const { storage, steps } = this.disk.open(diesAt);
    const server = mortal(world.server.transport, () => steps() >= diesAt);
    const client = await openWith({ storage, server }, { locks: new FakeLockManager(), retryMs: [1e9] });
    await Promise.race([work(client), this.#isGone(client)]);
    client.disconnect();
    const taken = steps();
    await client.close().catch(() => {});
    if (diesAt !== never) await this.disk.died();
    return taken;
  }

  /** Resolves when the disk is. */
  #isGone(client: Client): Promise<void> {
    return new Promise((resolve) => {
      const look = () => { if (client.status.get().storage === 'degraded') resolve(); };
      client.status.subscribe(look);
      look();
    });
  }

  async #write(mark: string, edit: () => { durable: Promise<void> }): Promise<void> {
    return edit().durable.then(() => void this.durable.push(mark), () => {});
  }

  /** A good write, a refused one, one that builds on it; then both are written again. */
  async writeAndRetry(client: Client): Promise<void> {
    const text = client.text(this.id);
    await this.#write('good', () => text.insert(0, '[good]'));
    const refused = this.#write('first', () => inAnHour(client.document(this.id), () => client.document(this.id).transact(() => {
      client.document(this.id).set('mark', 1);
      text.insert(6, '[first]');
    })));
    await refused;
    await this.#write('second', () => text.insert(text.toString().indexOf(']', 6) + 1, '[second]'));
    await until('both are refused', () => client.rejected.length === 2);
    await client.flushed();
    await client.rejected[0].retry().durable;
    await client.rejected[0].retry().acked;
    await client.flushed();
  }

  async recover(client: Client): Promise<void> {
    await client.document(this.id).ready;
    await client.synced().catch(() => {});
    await client.flushed();
    await client.rejected[0]?.retry().durable;
  }

  /** Every promise, after the last start. */
  async judge(client: Client): Promise<void> {
    await client.document(this.id).ready;
    await until('all is answered', () => client.pending === 0 && client.status.get().connection === 'live');
    await client.synced().catch(() => {});
    await client.flushed();
    const found = (mark: string) => client.text(this.id).toString().split(`[${mark}]`).length - 1 + client.rejected.filter(({ changes }) => JSON.stringify(changes).includes(`[${mark}]`)).length;
    for (const mark of this.durable) expect([mark, found(mark)]).toEqual([mark, 1]);
    for (const mark of ['good', 'first', 'second']) expect(found(mark)).toBeLessThanOrEqual(1);
    for (const write of client.rejected.retry()) await write.acked;
    await client.flushed();
    const peer = await world.open();
    await peer.document(this.id).ready;
    await until('a peer has it', () => peer.document(this.id).digest() === client.document(this.id).digest());
    expect(peer.text(this.id).toString()).toBe(['good', 'first', 'second'].filter((mark) => found(mark) > 0).map((mark) => `[${mark}]`).join(''));
    await peer.close();
    world.clients.splice(world.clients.indexOf(peer), 1);
  }
}

async function crashAt(disk: Disk, diesAt: number, again: number): Promise<void> {
  const session = new Session(disk);
  await session.run(diesAt, (client) => session.writeAndRetry(client));
  if (again > 0) await session.run(again, (client) => session.recover(client));
  await session.run(never, (client) => session.judge(client));
}

const disks: [string, () => Disk, stride: number][] = [
  ['memory, everything unsynced lost with the power', () => memory(() => 0), 1],
  ['memory, half of what is unsynced kept', () => memory((unsynced) => unsynced >> 1), 1],
  ['IndexedDB', indexeddb, 1],
  // Of each transaction some of its statements, and with HEADWATER_EVERY_STEP=1 all.
  ['SQLite', sqlite, process.env.HEADWATER_EVERY_STEP === '1' ? 1 : 3],
];

describe.each(disks)('writes that are refused, on %s', (_, open, stride) => {
  it('are in the document or in the inbox, wherever the process dies, and wherever it dies again', async () => {
    const whole = new Session(open());
    const steps = await whole.run(never, (client) => whole.writeAndRetry(client));
    expect(whole.durable).toEqual(['good', 'first', 'second']);
    expect(steps).toBeGreaterThan(10);
    for (let step = 1 + (seedFromEnv() % stride); step <= steps; step += stride) {
      await crashAt(open(), step, step % 3 === 0 ? 0 : 1 + ((step * 7) % 23)).catch((error: Error) => {
        throw new Error(`dead at step ${step} of ${steps}: ${error.message}`, { cause: error });
      });
    }
  }, 60_000);
});
