import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { decodeVersion } from '../core/codec.js';
import type { Storage } from '../storage/storage.js';
import { FakeLockManager } from '../testing/locks.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import type { Client } from './client.js';
import { Document } from './document.js';
import { openWith } from './open.js';
import { compactStored } from './stored-form.js';
import { indexeddb, memory, never, removeDisks, sqlite, type Disk } from './testing/disks.js';

// A process that dies at any one storage operation of a fixed session of 200 edits, and again while it recovers. What was
// durable is there, nothing is there twice, and no number of a replica that anybody may have seen is given out again.
//
// A peer judges: it is given every op as soon as it is durable, as a server or another device would have it. Were one lost,
// or its number used for something else, the peer and the device would not become equal.

afterAll(removeDisks);
jest.spyOn(console, 'warn').mockImplementation(() => {});

const ids = ['a', 'b', 'c'];
const edits = 200;

/** Everybody else: what has reached them stays with them. */
class Peer {
  readonly #documents = new Map(ids.map((id) => [id, new Document<any>(id, 'f'.repeat(16))]));
  readonly durable: string[] = [];
  made = 0;

  document(id: string): Document<any> { return this.#documents.get(id)!; }

  close(): void {
    for (const document of this.#documents.values()) document.close();
  }
}

/** Types a word of its own into one of the texts; when it is durable the peer gets what the device has. */
function edit(client: Client, peer: Peer, random: Random): void {
  const document = client.document(random.pick(ids));
  const word = `<${++peer.made}>`;
  const updates: Uint8Array[] = [];
  const stop = document.on('update', (bytes) => void updates.push(bytes));
  const write = document.transact(() => {
    const text = document.getText('text');
    text.insert(random.chance(0.5) ? 0 : text.length, word);
    document.getCounter('count').increment();
  });
  stop();
  write.durable.then(() => {
    peer.durable.push(word);
    for (const bytes of updates) peer.document(document.id).import(bytes);
  }, () => {});
}

/** The same edits each time, as far as it gets. */
async function session(client: Client, storage: Storage, peer: Peer): Promise<void> {
  const random = new Random(7);
  for (let made = 0; made < edits;) {
    for (let group = 0; group < 8 && made < edits; group++, made++) edit(client, peer, random);
    await settle(client);
    if (random.chance(0.15)) client.document(random.pick(ids)).close();
    if (random.chance(0.2)) await compactStored(storage, random.pick(ids), client.replica, null).catch(() => {});
    if (client.status.get().storage === 'degraded') return; // dead: what it does from here on is in nobody's sight
  }
}

/** Until what was written is stored, or the disk is gone. */
async function settle(client: Client): Promise<void> {
  let isGone = () => {};
  const gone = new Promise<void>((resolve) => { isGone = resolve; });
  const stop = client.status.subscribe(({ storage }) => { if (storage === 'degraded') isGone(); });
  if (client.status.get().storage === 'degraded') isGone();
  await Promise.race([client.flushed(), gone]);
  stop();
}

/** A process from start to end. @returns how many steps it took */
async function run(disk: Disk, diesAt: number, work: (client: Client, storage: Storage) => Promise<void>): Promise<number> {
  const { storage, steps } = disk.open(diesAt);
  const client = await openWith({ storage }, { locks: new FakeLockManager(), retryMs: [1e9] });
  await work(client, storage);
  const taken = steps();
  await client.close().catch(() => {});
  if (diesAt !== never) await disk.died();
  return taken;
}

async function recover(client: Client, peer: Peer): Promise<void> {
  const random = new Random(peer.made);
  edit(client, peer, random); // before anything is loaded
  for (const id of ids) await client.document(id).ready;
  for (let i = 0; i < 3; i++) edit(client, peer, random);
  await settle(client);
}

/** Every promise, after the last start. */
async function judge(client: Client, peer: Peer): Promise<void> {
  await recover(client, peer);
  expect(client.status.get().storage).toBe('ok');
  for (const id of ids) {
    const document = client.document(id);
    const others = peer.document(id);
    expect([...decodeVersion(others.version())].filter(([replica, seq]) => (decodeVersion(document.version()).get(replica) ?? 0) < seq)).toEqual([]);
    others.import(document.export(others.version()));
    expect(others.digest()).toBe(document.digest());
    expect(others.toJSON()).toEqual(document.toJSON());
  }
  const words = ids.flatMap((id) => client.document(id).getText('text').toString().match(/<\d+>/g) ?? []);
  expect(words.length).toBe(new Set(words).size);
  expect(peer.durable.filter((word) => !words.includes(word))).toEqual([]);
  expect(ids.reduce((sum, id) => sum + client.document(id).getCounter('count').value, 0)).toBe(words.length);
}

async function crashAt(disk: Disk, diesAt: number, again: number): Promise<void> {
  const peer = new Peer();
  await run(disk, diesAt, (client, storage) => session(client, storage, peer));
  if (again > 0) await run(disk, again, (client) => recover(client, peer));
  await run(disk, never, (client) => judge(client, peer));
  peer.close();
}

const disks: [string, () => Disk, stride: number][] = [
  ['memory, everything unsynced lost with the power', () => memory(() => 0), 1],
  ['memory, half of what is unsynced kept', () => memory((unsynced) => unsynced >> 1), 1],
  ['IndexedDB', indexeddb, 1],
  // A step is a statement here; of each transaction some, and with HEADWATER_EVERY_STEP=1 all.
  ['SQLite', sqlite, process.env.HEADWATER_EVERY_STEP === '1' ? 1 : 5],
];

describe.each(disks)('a process on %s', (_, open, stride) => {
  it('loses no durable write and repeats none, wherever it dies, and wherever it dies again', async () => {
    const peer = new Peer();
    const steps = await run(open(), never, (client, storage) => session(client, storage, peer));
    peer.close();
    expect(peer.durable).toHaveLength(edits);
    expect(steps).toBeGreaterThan(60);
    for (let step = 1 + (seedFromEnv() % stride); step <= steps; step += stride) {
      await crashAt(open(), step, step % 3 === 0 ? 0 : 1 + ((step * 7) % 23)).catch((error: Error) => {
        throw new Error(`dead at step ${step} of ${steps}: ${error.message}`, { cause: error });
      });
    }
  });
});
