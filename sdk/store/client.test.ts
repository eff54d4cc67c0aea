import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FaultyIndexedDB } from '../testing/indexeddb.js';
import { DexieStorage } from '../storage/dexie.js';
import { open } from './open.js';
import { Device, World, until } from './testing/harness.js';

let world: World;
beforeEach(async () => { world = await World.start(); });
afterEach(() => world.close());

describe('a write', () => {
  it('goes from local to durable to acked, and the other client sees it', async () => {
    const [a, b] = [await world.open(), await world.open()];
    const write = a.document('d').set('title', 'one');
    const steps: string[] = [];
    void write.durable.then(() => steps.push(`durable ${write.state}`));
    void write.acked.then(() => steps.push(`acked ${write.state}`));
    expect([write.state, a.pending]).toEqual(['local', 1]);
    await write.acked;
    expect(steps).toEqual(['durable durable', 'acked acked']);
    await world.agree('d', [a, b]);
    expect(b.document('d').get()).toEqual({ title: 'one' });
  });

  it('waits for the server while offline, and 1,000 of them are there in seconds at worst', async () => {
    const client = await world.open(undefined, { connect: false });
    const text = client.text('d');
    for (let i = 0; i < 1000; i++) {
      text.insert(i, 'x');
      if (i % 10 === 0) await Promise.resolve();
    }
    await client.flushed();
    const last = text.insert(0, 'y');
    await last.durable;
    expect([last.state, client.pending, client.status.get().connection]).toEqual(['durable', 1001, 'offline']);
    const started = performance.now();
    client.connect();
    await client.synced();
    expect(performance.now() - started).toBeLessThan(20_000);
    expect([last.state, client.pending]).toEqual(['acked', 0]);
  });

  it('that changes nothing is as far as the last one that did, also in a document that was just loaded', async () => {
    const device = world.device();
    const first = await world.open(device);
    await first.text('d').insert(0, 'abc').acked;
    await first.close();
    const text = (await world.open(device)).text('d');
    await world.clients[1].document('d').ready;
    const write = text.update('abc');
    await write.durable;
    expect(text.toString()).toBe('abc');
  });

  it('without a server is durable, and says that nobody acks it', async () => {
    const device = new Device(null);
    const client = await device.open();
    const write = client.document('d').set('a', 1);
    await write.durable;
    await expect(write.acked).rejects.toMatchObject({ code: 'not_attached' });
    await expect(client.synced()).rejects.toMatchObject({ code: 'not_attached' });
    expect([write.state, client.pending]).toEqual(['durable', 0]);
    await client.close();
    // Once there is a server, it gets what was written without.
    const online = await world.open(new Device(world.server, device.disk));
    await online.synced();
    await world.agree('d', [await world.open(), online]);
    expect(world.clients[1].document('d').get()).toEqual({ a: 1 });
  });

  it('is pushed only when it is stored', async () => {
    const device = world.device();
    const storage = device.storage();
    const client = await world.open(device, { storage });
    await client.document('d').ready;
    storage.delayMs = 60;
    const write = client.document('d').set('a', 1);
    const peer = await world.open();
    await until('the peer is live', () => peer.status.get().connection === 'live');
    expect(peer.document('d').get()).toEqual({});
    expect(write.state).toBe('local');
    storage.delayMs = 0;
    await write.acked;
  });
});

describe('what a session leaves', () => {
  it('un-acked reaches the server in the next one, once, under the replica that wrote it', async () => {
    const device = world.device();
    const first = await world.open(device, { connect: false });
    for (let i = 0; i < 5; i++) {
      first.counter('d').increment();
      await Promise.resolve();
    }
    await first.close();
    const second = await world.open(device);
    const document = second.document('d');
    await second.synced();
    expect(second.counter('d').value).toBe(5);
    const peer = await world.open();
    await world.agree('d', [second, peer]);
    expect(peer.counter('d').value).toBe(5);
    expect(document.replica).not.toBe(first.replica);
  });

  it('is sent also in documents that nobody opens again, and then no longer looked for', async () => {
    const device = world.device();
    const first = await world.open(device, { connect: false });
    for (let i = 0; i < 40; i++) first.document(`d${i}`).set('n', i);
    await first.close();
    expect([...device.disk.meta.keys()].filter((key) => key.startsWith('pending/'))).toHaveLength(40);
    const second = await world.open(device);
    await second.synced();
    const peer = await world.open();
    await until('the peer has the last one', () => peer.document('d39').get().n === 39);
    await second.close();
    expect([...device.disk.meta.keys()].filter((key) => key.startsWith('pending/'))).toEqual([]);
  });

  it('by closing at once is not lost', async () => {
    const device = world.device();
    for (let i = 1; i <= 3; i++) {
      const client = await world.open(device);
      client.counter('d').increment();
      await client.close();
    }
    const last = await world.open(device);
    await last.document('d').ready;
    expect(last.counter('d').value).toBe(3);
    await last.synced();
    await world.agree('d', [last, await world.open()]);
  });

  it('in one document that is closed and opened again within the session has no gap and no number twice', async () => {
    const device = world.device();
    const storage = device.storage();
    const client = await world.open(device, { storage, connect: false });
    storage.delayMs = 1;
    for (let i = 0; i < 11; i++) {
      client.counter('d').increment();
      if (i % 3 === 0) await client.document('d').ready;
      client.document('d').close();
    }
    await client.document('d').ready;
    expect(client.counter('d').value).toBe(11);
    client.connect();
    await client.synced();
    await world.agree('d', [client, await world.open()]);
    expect(client.rejected).toEqual([]);
  });
});

describe('editing before ready', () => {
  it('keeps what was stored and what was typed, and both are acked', async () => {
    const device = world.device();
    const first = await world.open(device);
    await first.text('d').insert(0, 'stored ').acked;
    await first.close();
    const second = await world.open(device);
    const write = second.text('d').insert(0, 'early ');
    await second.document('d').ready;
    second.text('d').insert(0, 'late ');
    await Promise.all([write.acked, second.synced()]);
    const peer = await world.open();
    await world.agree('d', [second, peer]);
    expect(peer.text('d').toString().split(' ').sort()).toEqual(['', 'early', 'late', 'stored']);
  });
});

describe('two clients on one storage', () => {
  it('write under different ids, and what one leaves the other brings', async () => {
    const device = world.device();
    const [a, b] = [await world.open(device), await world.open(device)];
    expect(a.replica).not.toBe(b.replica);
    a.disconnect();
    a.counter('d').increment();
    b.counter('d').increment();
    await Promise.all([a.flushed(), b.synced()]);
    const c = await world.open(device);
    await c.synced();
    await world.agree('d', [b, c]);
    expect(c.counter('d').value).toBe(2);
    a.connect();
    await a.synced();
    await world.agree('d', [a, b, c]);
  });
});

describe('documents', () => {
  it('are listed when stored or edited', async () => {
    const client = await world.open();
    await client.document('stored').set('a', 1).durable;
    client.document('stored').close();
    client.document('edited').set('a', 1);
    client.document('only opened');
    expect(await client.documents()).toEqual(['edited', 'stored']);
  });

  it('can be removed from the device, come back from the server, and be written again under fresh numbers', async () => {
    const device = world.device();
    const client = await world.open(device);
    await client.document('d').set('a', 1).acked;
    const before = client.document('d').replica;
    await client.remove('d');
    expect(await client.documents()).toEqual([]);
    client.disconnect();
    const write = client.document('d').set('b', 2);
    client.connect();
    await write.acked;
    await until('the first is back', () => client.document('d').get().a === 1);
    expect(client.document('d').replica).not.toBe(before);
    await world.agree('d', [client, await world.open()]);
    await client.close();
    // The session after, too, if it writes before it hears of the server.
    const again = await world.open(device, { connect: false });
    await again.document('d').ready;
    expect(again.document('d').get()).toEqual({ a: 1, b: 2 });
  });

  it('need an id of 1 to 256 bytes', async () => {
    const client = await world.open();
    for (const id of ['', 'x'.repeat(257), 'a\nb', 7, null, undefined, {}]) {
      expect(() => client.document(id as string)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
      await expect(client.remove(id as string)).rejects.toMatchObject({ code: 'invalid_argument' });
    }
    expect(client.document('x'.repeat(256)).id).toHaveLength(256);
  });
});

describe('closing', () => {
  it('is one thing however often it is called, and ends everything with "closed"', async () => {
    const client = await world.open();
    const document = client.document('d');
    const text = client.text('d');
    const unacked = (client.disconnect(), document.set('a', 1));
    const acked = unacked.acked;
    await Promise.all([client.close(), client.close()]);
    await client.close();
    expect(unacked.state).toBe('durable');
    await expect(acked).rejects.toMatchObject({ code: 'closed' });
    const closed = expect.objectContaining({ code: 'closed' });
    for (const call of [() => client.document('d'), () => client.text('d'), () => client.connect(), () => document.get(), () => document.set('a', 2),
      () => text.toString(), () => text.insert(0, 'a'), () => document.export(), () => document.subscribe(() => {}), () => client.presence('d')]) {
      expect(call).toThrow(closed);
    }
    for (const call of [() => client.flushed(), () => client.synced(), () => client.documents(), () => client.remove('d')]) {
      await expect(call()).rejects.toMatchObject({ code: 'closed' });
    }
    expect(client.pending).toBe(0);
  });
});

describe('open', () => {
  it.each([
    [{ server: 'http://x' }], [{ server: 7 }], [{ storage: 'floppy' }], [{ storage: null }], [{ name: 7 }],
  ])('refuses %j', async (options) => {
    await expect(open(options as never)).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('works on IndexedDB, session after session', async () => {
    const { indexedDB, IDBKeyRange } = new FaultyIndexedDB();
    for (let i = 1; i <= 3; i++) {
      const client = await world.open(undefined, { storage: new DexieStorage('test', { indexedDB, IDBKeyRange }), connect: i > 1 });
      client.counter('d').increment();
      await client.document('d').ready;
      expect(client.counter('d').value).toBe(i);
      if (i > 1) await client.synced();
      await client.close();
    }
    const peer = await world.open();
    await until('the peer has all', () => peer.counter('d').value === 3);
  });
});
