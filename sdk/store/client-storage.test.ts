import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FaultyStorage, failAt, failFrom, failWrites, type StorageFault } from '../testing/faults.js';
import { corruptDisk } from '../testing/disk.js';
import { MemoryDisk } from '../storage/memory.js';
import { FakeLockManager } from '../testing/locks.js';
import type { Client } from './client.js';
import type { Write } from './write.js';
import { Device, World, pause, until } from './testing/harness.js';

// A device whose disk fails, is damaged, or is shared: nothing acked or durable is lost, and the app is told.

let world: World;
beforeEach(async () => { world = await World.start(); });
afterEach(() => world.close());

function countersOf(client: Client): number { return client.counter('d').value; }

describe('a device with very many documents', () => {
  it('lists 100,000 of them without loading one', async () => {
    const device = world.device();
    await device.storage().append(Array.from({ length: 100_000 }, (_, i) => ({ document: `document ${i}`, records: [Uint8Array.of(1)] })));
    const storage = device.storage();
    const client = await world.open(device, { storage, connect: false });
    expect(await client.documents()).toHaveLength(100_000);
    expect(storage.calls.filter((call) => call === 'load')).toEqual([]);
    expect(storage.calls.filter((call) => call === 'documents')).toHaveLength(1);
  });
});

describe('a storage that fails', () => {
  /** Two writes, a reload of the document, two more; a peer writes in between. */
  async function scenario(storage: FaultyStorage, peer: Client): Promise<{ client: Client; writes: Write[] }> {
    const client = await world.open(undefined, { storage, retryMs: [15] });
    const writes: Write[] = [];
    const write = () => void writes.push(client.counter('d').increment());
    write();
    peer.counter('d').increment();
    await pause(5);
    write();
    await client.document('d').ready;
    client.document('d').close();
    write();
    await pause(5);
    write();
    return { client, writes };
  }

  async function check(device: Device, storage: FaultyStorage): Promise<void> {
    const peer = await world.open();
    const { client, writes } = await scenario(storage, peer);
    const states: string[] = [];
    client.status.subscribe(({ storage: state }) => states.push(state));
    await client.synced();
    storage.heal();
    await until('the storage is well again', () => client.status.get().storage === 'ok');
    // The writes of the document that was closed in between end there; what counts is that none is lost.
    for (const write of writes.slice(2)) await Promise.all([write.durable, write.acked]);
    await until('both have all', () => countersOf(client) === 5 && countersOf(peer) === 5);
    await world.agree('d', [client, peer]);
    await client.close();
    const next = await world.open(device);
    await next.document('d').ready;
    expect(countersOf(next)).toBe(5);
    await next.synced();
    await world.agree('d', [next, peer]);
    expect(countersOf(peer)).toBe(5);
    await peer.close();
    await next.close();
  }

  it('takes how many calls without a fault', async () => {
    const device = world.device();
    const storage = device.storage();
    await check(device, storage);
    expect(storage.calls.length).toBeGreaterThan(10);
  });

  for (const fault of ['failure', 'quota', 'lostAnswer'] as StorageFault[]) {
    it.each(Array.from({ length: 14 }, (_, i) => i + 1))(`${fault} at call %i: nothing is lost`, async (step) => {
      const device = world.device();
      const storage = device.storage();
      storage.setPlan(failAt(step, fault));
      await check(device, storage);
    });
  }

  it.each([1, 3, 6, 9])('from write %i on, until it heals: nothing is lost, and the app is told', async (step) => {
    const device = world.device();
    const storage = device.storage();
    storage.setPlan(failWrites(failFrom(step, 'quota')));
    const peer = await world.open();
    const { client, writes } = await scenario(storage, peer);
    await until('it is told', () => client.status.get().storage === 'degraded');
    expect(client.status.get().error).toMatchObject({ code: 'storage_failed' });
    // Syncing goes on from memory.
    await writes.at(-1)!.acked;
    let isDurable = false;
    const last = client.document('d').set('late', 1);
    void last.durable.then(() => { isDurable = true; }, () => {});
    await last.acked;
    expect(isDurable).toBe(false);
    storage.heal();
    await last.durable;
    await until('it is told again', () => client.status.get().storage === 'ok');
    await world.agree('d', [client, peer]);
    await client.close();
    const next = await world.open(device);
    await next.document('d').ready;
    expect([countersOf(next), next.document('d').get()]).toEqual([5, { late: 1 }]);
    await world.agree('d', [next, peer]);
  });

  it('for ever lets the client close, and what only the server has comes back under a new id', async () => {
    const locks = new FakeLockManager();
    const device = world.device();
    const first = await world.open(device, { locks });
    await first.counter('d').increment().acked;
    await first.close();
    const storage = device.storage();
    const second = await world.open(device, { storage, locks });
    await second.document('d').ready;
    expect(second.document('d').replica).toBe(first.replica);
    storage.setPlan(failWrites(failFrom(1, 'quota')));
    const kept = second.counter('d').increment();
    await kept.acked;
    await second.close();
    expect(kept.state).toBe('acked');
    const third = await world.open(device, { locks, connect: false });
    await third.document('d').ready;
    const write = third.counter('d').increment(10);
    third.connect();
    await write.acked;
    await until('all is here', () => countersOf(third) === 12);
    await world.agree('d', [third, await world.open()]);
  });

  it('that fails at the first look does not make a session give out numbers again, and what is left un-acked is sent', async () => {
    const locks = new FakeLockManager();
    const device = world.device();
    const first = await world.open(device, { locks });
    await first.counter('d').increment().acked;
    first.disconnect();
    await first.counter('other').increment().durable;
    await first.close();
    for (const call of [1, 2, 3]) {
      const storage = device.storage();
      storage.setPlan(failAt(call));
      const next = await world.open(device, { storage, locks });
      await next.counter('d').increment().acked;
      expect(next.rejected).toEqual([]);
      await until('all is here', () => countersOf(next) === call + 1);
      await until('what was left is sent', () => next.status.get().storage === 'ok' && next.pending === 0);
      if (call === 3) await world.agree('other', [next, await world.open()]);
      await next.close();
    }
  });

  it('that cannot be read at first does not take what lies there for answered: it is sent though nobody opens it', async () => {
    const locks = new FakeLockManager();
    const device = world.device();
    const first = await world.open(device, { locks, connect: false });
    await first.counter('d').increment().durable;
    await first.close();
    const storage = device.storage();
    let loads = 0;
    storage.setPlan((_, call) => (call === 'load' && ++loads === 1 ? 'failure' : null));
    await world.open(device, { storage, locks, retryMs: [30] });
    const peer = await world.open();
    await until('it has come', () => countersOf(peer) === 1);
  });

  it('that cannot be read at first is read when it can: its document comes in then', async () => {
    const locks = new FakeLockManager();
    const device = world.device();
    const first = await world.open(device, { locks });
    await first.counter('d').increment().acked;
    first.disconnect();
    first.counter('d').increment();
    await first.close();
    const storage = device.storage();
    storage.setPlan((_, call) => (call === 'load' || call === 'documents' ? 'failure' : null));
    const second = await world.open(device, { storage, locks, connect: false, retryMs: [30] });
    expect(second.replica).toBe(first.replica);
    second.counter('d').increment();
    await second.document('d').ready;
    expect(second.document('d').replica).not.toBe(first.replica);
    expect(second.status.get().storage).toBe('degraded');
    storage.heal();
    await until('it is read', () => countersOf(second) === 3);
    second.connect();
    await second.synced();
    await world.agree('d', [second, await world.open()]);
    expect(countersOf(second)).toBe(3);
  });
});

describe('a document that is opened and closed faster than it is stored', () => {
  it('is opened again when all before it is stored', async () => {
    const device = world.device();
    const storage = device.storage();
    const client = await world.open(device, { storage });
    await client.counter('d').increment().acked;
    storage.delayMs = 10;
    const write = client.counter('d').increment();
    for (let i = 0; i < 3; i++) client.document('d').close();
    await client.document('d').ready;
    await write.durable;
    expect(countersOf(client)).toBe(2);
    const peer = await world.open();
    await until('it is sent', () => countersOf(peer) === 2);
  });
});

describe('a device that refuses', () => {
  it('gives no number out twice: what it sent and could not store stays apart from what the next session writes', async () => {
    const locks = () => new FakeLockManager();
    const device = world.device();
    const storage = device.storage();
    const first = await world.open(device, { storage, locks: locks() });
    await first.counter('d').increment().acked;
    storage.setPlan(failWrites(failFrom(1, 'quota')));
    const write = first.counter('d').increment();
    expect(first.document('d').replica).toBe(first.replica);
    await write.acked;
    await first.counter('d').increment().acked;
    expect(write.state).not.toBe('durable');
    expect(first.document('d').replica).not.toBe(first.replica);
    // It is left behind; the next one, offline, makes the same edit under the same id.
    first.disconnect();
    const second = await world.open(device, { locks: locks(), connect: false });
    await second.document('d').ready;
    expect([second.replica, second.document('d').replica, countersOf(second)]).toEqual([first.replica, first.replica, 1]);
    const again = second.counter('d').increment();
    await second.flushed();
    second.connect();
    await again.acked;
    const peer = await world.open();
    await world.agree('d', [second, peer]);
    expect(countersOf(peer)).toBe(4);
    storage.heal();
  });

  it('tells a write that was written again how far it came: acked at once, durable when it is stored', async () => {
    const device = world.device();
    const storage = device.storage();
    const client = await world.open(device, { storage, retryMs: [40] });
    await client.text('d').insert(0, 'base').acked;
    storage.setPlan(failWrites(failFrom(1, 'quota')));
    const told: string[] = [];
    const write = client.text('d').insert(4, ' more');
    void write.durable.then(() => told.push('durable'));
    await write.acked;
    expect([told, client.pending, client.text('d').toString()]).toEqual([[], 0, 'base more']);
    storage.heal();
    await write.durable;
    await client.close();
    const next = await world.open(device, { connect: false });
    await next.document('d').ready;
    expect(next.text('d').toString()).toBe('base more');
  });

  it.each(['failure', 'lostAnswer'] as const)('holds back what may be on the disk until it can be read, and what comes behind it (%s)', async (fault) => {
    const device = world.device();
    const storage = device.storage();
    const client = await world.open(device, { storage, retryMs: [60] });
    await client.text('d').insert(0, 'a').acked;
    let isHeld = true;
    storage.setPlan((_, call) => (call === 'append' ? (isHeld ? fault : null) : isHeld ? 'failure' : null));
    const writes = [client.text('d').insert(1, 'b')];
    await until('it refuses', () => client.status.get().storage === 'degraded');
    writes.push(client.text('d').insert(2, 'c'));
    await pause(40);
    expect(writes.map(({ state }) => state)).toEqual(['local', 'local']);
    // Another document is not held back.
    await client.text('other').insert(0, 'x').acked;
    isHeld = false;
    await Promise.all(writes.flatMap(({ acked, durable }) => [acked, durable]));
    await world.agree('d', [client, await world.open()]);
    expect(client.text('d').toString()).toBe('abc');
  });
});

describe('damage on the disk', () => {
  async function written(locks: FakeLockManager): Promise<Device> {
    const device = world.device();
    const first = await world.open(device, { locks });
    for (let i = 0; i < 6; i++) await first.text('d').insert(i, String(i)).acked;
    await first.close();
    return device;
  }

  it.each([1, 3, 6])('of record %i is set aside and reported; the rest comes from the server', async (position) => {
    const locks = new FakeLockManager();
    const device = await written(locks);
    corruptDisk(device.disk, 'd', position);
    const second = await world.open(device, { locks });
    const write = (await second.document('d').ready, second.document('d').set('a', 1));
    expect(second.document('d').replica).not.toBe(second.replica);
    expect(second.status.get().error).toMatchObject({ code: 'corrupt_record' });
    expect(device.disk.quarantined).toHaveLength(1);
    await write.acked;
    await until('it is whole again', () => second.text('d').toString() === '012345');
    await world.agree('d', [second, await world.open()]);
    await second.close();
    const third = await world.open(device, { locks });
    await third.document('d').ready;
    expect(third.text('d').toString()).toBe('012345');
    expect(third.status.get().error).toBeUndefined();
  });

  it('of an un-acked record costs that one, and neither what comes after nor the document', async () => {
    const locks = new FakeLockManager();
    const device = await written(locks);
    const second = await world.open(device, { locks, connect: false });
    await second.document('d').ready;
    for (const key of ['a', 'b', 'c']) await second.document('d').set(key, 1).durable;
    await second.close();
    corruptDisk(device.disk, 'd', 8);
    const third = await world.open(device, { locks });
    await third.document('d').ready;
    const write = third.document('d').set('d', 1);
    await write.acked;
    const peer = await world.open();
    await until('the peer has it', () => peer.document('d').get().d === 1);
    expect(peer.document('d').get()).toMatchObject({ a: 1, d: 1 });
    expect(peer.document('d').get().b).toBeUndefined();
  });
});

describe('the pool of replica ids', () => {
  it('is used again by the next session, but not before a document is loaded', async () => {
    const device = world.device();
    const locks = new FakeLockManager();
    const first = await world.open(device, { locks });
    await first.counter('d').increment().acked;
    await first.close();
    const second = await world.open(device, { locks });
    expect(second.replica).toBe(first.replica);
    const early = second.counter('d').increment();
    expect(second.document('d').replica).not.toBe(first.replica);
    await second.document('d').ready;
    expect(second.document('d').replica).toBe(first.replica);
    const late = second.counter('d').increment();
    await Promise.all([early.acked, late.acked]);
    await world.agree('d', [second, await world.open()]);
    expect(countersOf(second)).toBe(3);
  });

  it('is left for a new one when the server has ops under it that a disk put back to an earlier day has not', async () => {
    const device = world.device();
    const locks = new FakeLockManager();
    const first = await world.open(device, { locks });
    await first.counter('d').increment().acked;
    await first.document('d').set('a', 1).durable;
    first.document('d').close();
    await first.flushed();
    const earlier = Object.assign(new MemoryDisk(), structuredClone({ ...device.disk }));
    await first.document('d').ready;
    await first.counter('d').increment().acked;
    await first.close();
    const second = await world.open(new Device(world.server, earlier), { locks: new FakeLockManager() });
    expect(second.replica).toBe(first.replica);
    await second.document('d').ready;
    await until('all is here', () => countersOf(second) === 2);
    expect(second.document('d').replica).not.toBe(first.replica);
    await second.counter('d').increment().acked;
    await world.agree('d', [second, await world.open()]);
  });

  it('gives two tabs two ids, and holds none that an app imported', async () => {
    const device = world.device();
    const locks = new FakeLockManager();
    const [a, b] = [await world.open(device, { locks }), await world.open(device, { locks })];
    expect(a.replica).not.toBe(b.replica);
    const stranger = await world.open(new Device(null));
    stranger.text('d').insert(0, 'by hand');
    a.document('d').import(stranger.document('d').export());
    await a.synced();
    await world.agree('d', [a, b]);
    expect(b.text('d').toString()).toBe('by hand');
    await Promise.all([a.close(), b.close()]);
    const ids = [await world.open(device, { locks }), await world.open(device, { locks }), await world.open(device, { locks })].map(({ replica }) => replica);
    expect(ids).not.toContain(stranger.replica);
    expect(new Set(ids).size).toBe(3);
    expect(ids).toEqual(expect.arrayContaining([a.replica, b.replica]));
  });
});

describe('records', () => {
  it('become one snapshot when there are many and all are acked; what is un-acked stays out of it', async () => {
    const device = world.device();
    const first = await world.open(device, { connect: false });
    for (let i = 0; i < 450; i++) await first.counter('d').increment().durable;
    await first.close();
    const second = await world.open(device);
    await second.document('d').ready;
    expect(device.disk.shelves.get('d')!.records.length).toBe(450);
    await second.synced();
    await until('it is compacted', () => device.disk.shelves.get('d')!.records.length === 0, 3000);
    await second.close();
    const third = await world.open(device);
    await third.document('d').ready;
    expect(countersOf(third)).toBe(450);
    await world.agree('d', [third, await world.open()]);
  });

  it('that are gone without a trace come again from the server', async () => {
    const device = world.device();
    const [first, peer] = [await world.open(device), await world.open()];
    for (const key of ['a', 'b', 'c']) await peer.document('d').set(key, 1).acked;
    await world.agree('d', [first, peer]);
    await first.close();
    const { records } = device.disk.shelves.get('d')!;
    records.pop();
    const second = await world.open(device);
    await second.document('d').ready;
    expect(second.document('d').get().c).toBeUndefined();
    await until('it is whole', () => second.document('d').get().c === 1);
    await world.agree('d', [second, peer]);
  });

  it('never lie behind the cursor stored with them, whenever the device dies', async () => {
    const device = world.device();
    const peer = await world.open();
    await peer.document('d').ready;
    for (let i = 0; i < 25; i++) {
      const storage = device.storage();
      const client = await world.open(device, { storage });
      storage.delayMs = 2;
      client.counter('d').increment();
      for (let k = 0; k < 4; k++) {
        peer.counter('d').increment();
        await pause(1 + (i % 3));
      }
      // From here on this process is dead: its calls are neither answered nor done.
      storage.setPlan(() => 'hang');
      void client.close();
      world.clients.pop();
      // Every entry of the log is one op here, so what the cursor claims can be counted.
      const { cursor } = await device.storage().load('d');
      const offline = await new Device(null, device.disk).open();
      await offline.document('d').ready;
      expect(countersOf(offline)).toBeGreaterThanOrEqual(cursor?.lsn ?? 0);
      await offline.close();
    }
    const last = await world.open(device);
    await last.document('d').ready;
    await last.synced();
    await world.agree('d', [last, peer]);
  });
});
