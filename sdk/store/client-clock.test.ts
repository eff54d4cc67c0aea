import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { splitUpdate } from './blocks.js';
import type { Client } from './client.js';
import { Device, TestClock, World, pause, stampsOf, until } from './testing/harness.js';
import { Browser } from './testing/tabs.js';

// Devices whose clocks are wrong, before a real server: whoever is honest keeps working, and neither wins nor loses for ever.

const year = 365 * 86_400_000;

let world: World;
beforeEach(async () => { world = await World.start(); });
afterEach(() => world.close());

function openOff(offMs: number, device?: Device, connect = true): Promise<Client> {
  return world.open(device, { clock: new TestClock(offMs), connect });
}

describe.each([['a year ahead', year], ['a year behind', -year], ['thirty years behind', -30 * year]])('a device whose clock is %s', (_, offMs) => {
  it('is stamped right from the first contact on, and wins and loses like any other', async () => {
    const [wrong, right] = [await openOff(offMs), await openOff(0)];
    await until('both are live', () => [wrong, right].every((client) => client.status.get().connection === 'live'));
    for (const writer of [wrong, right, wrong, right]) {
      await writer.document('d').set('title', writer.replica).acked;
      await world.agree('d');
      expect(right.document('d').get().title).toBe(writer.replica);
    }
    expect(stampsOf(right, 'd').every((ms) => Math.abs(ms) < 10_000)).toBe(true);
    expect(wrong.rejected).toEqual([]);
  });

  it('keeps what it wrote before that, in its order and at its time', async () => {
    const device = world.device();
    const [wrong, right] = [await openOff(offMs, device, false), await openOff(0)];
    const document = wrong.document('d');
    const writes = [
      document.set('early', 'wrong'), document.set('order', 1), document.getList('list').insert(0, 'a', 'b', 'c'), document.getList('list').move(0, 2),
      document.getText('text').insert(0, 'text'), document.getCounter('n').increment(3),
    ];
    await wrong.flushed();
    writes.push(document.set('order', 2));
    await wrong.flushed();
    await pause(30);
    await right.document('d').set('early', 'right').acked;
    await right.document('d').set('late', 'right').acked;
    await pause(30);
    writes.push(document.set('late', 'wrong'), document.set('order', 3));
    const seen: unknown[] = [];
    document.subscribe(() => seen.push(document.get().order));
    wrong.connect();
    await Promise.all(writes.map((write) => write.acked));
    await world.agree('d', [wrong, right, await openOff(0)]);
    expect(right.document('d').toJSON()).toEqual({ early: 'right', late: 'wrong', order: 3, list: ['b', 'c', 'a'], text: 'text', n: 3 });
    expect(seen.every((order) => order === 3)).toBe(true);
    expect(stampsOf(right, 'd').every((ms) => Math.abs(ms) < 10_000)).toBe(true);
    expect([wrong.rejected, wrong.pending]).toEqual([[], 0]);
    // What lies on the disk is what the server has.
    await wrong.close();
    const again = await openOff(offMs, device);
    await again.document('d').ready;
    await world.agree('d', [again, right]);
  });

  it('keeps also what it wrote in documents that sleep by then, or fall asleep meanwhile', async () => {
    const device = world.device();
    const storage = device.storage();
    const wrong = await world.open(device, { storage, clock: new TestClock(offMs), connect: false });
    const ids = Array.from({ length: 40 }, (_, i) => `d${i}`);
    const heard: unknown[] = [];
    const writes = ids.flatMap((id, i) => [wrong.document(id).set('title', id), wrong.text(id).insert(0, 'text'), wrong.document(id).set('title', i)]);
    const undo = wrong.undo();
    await undo.ready;
    wrong.text('d0').insert(4, ' and more');
    await wrong.flushed();
    for (const id of ids.slice(0, 20)) wrong.text(id).subscribe((event) => heard.push(event));
    for (const id of ids) expect([id, wrong.document(id).sleep()]).toEqual([id, true]);
    storage.delayMs = 1;
    wrong.connect();
    const acked = Promise.all(writes.map((write) => write.acked)).then(() => true);
    while (!(await Promise.race([acked, pause(2)]))) for (const id of ids) wrong.document(id).sleep();
    storage.delayMs = 0;
    const right = await openOff(0);
    for (const id of ids.filter((_, i) => i % 6 === 0)) {
      await world.agree(id, [wrong, right]);
      expect(right.document(id).get()).toEqual({ title: Number(id.slice(1)) });
      expect(stampsOf(right, id).every((ms) => Math.abs(ms) < 20_000)).toBe(true);
    }
    expect([heard, wrong.rejected]).toEqual([[], []]);
    undo.undo();
    expect(wrong.text('d0').toString()).toBe('text');
  });

  it('keeps also what earlier sessions wrote, in documents nobody opens, and before they were loaded', async () => {
    const device = world.device();
    for (let session = 0; session < 3; session++) {
      const client = await openOff(offMs, device, false);
      for (const id of ['d', 'e']) {
        client.document(id).set('n', session);
        client.document(id).set(`by ${session}`, true);
      }
      await client.close();
    }
    const right = await openOff(0);
    await right.document('d').set('right', true).acked;
    const wrong = await openOff(offMs, device);
    await wrong.synced();
    for (const id of ['d', 'e']) {
      await right.document(id).set('after', true).acked;
      await world.agree(id, [right, await openOff(0)]);
      expect(right.document(id).get()).toMatchObject({ n: 2, 'by 0': true, 'by 1': true, 'by 2': true });
      expect(stampsOf(right, id).every((ms) => Math.abs(ms) < 20_000)).toBe(true);
    }
    expect(wrong.rejected).toEqual([]);
  });

  it('knows after a reload, offline, how far it is off', async () => {
    const device = world.device();
    const first = await openOff(offMs, device);
    await first.document('d').set('a', 1).acked;
    await first.close();
    const next = await openOff(offMs, device, false);
    await next.document('d').ready;
    await next.document('d').set('b', 2).durable;
    expect(stampsOf(next, 'd').every((ms) => Math.abs(ms) < 20_000)).toBe(true);
  });
});

describe('a clock that is put', () => {
  it('a year forward, and back, while the device is live costs no write', async () => {
    const clock = new TestClock();
    const [client, peer] = [await world.open(undefined, { clock }), await openOff(0)];
    await client.document('d').set('title', 0).acked;
    for (const [i, offMs] of [year, 0, -year, 5 * year, 0].entries()) {
      clock.offMs = offMs;
      await client.document('d').set('title', `client ${i}`).acked;
      await world.agree('d');
      expect(peer.document('d').get().title).toBe(`client ${i}`);
      await peer.document('d').set('title', `peer ${i}`).acked;
      await world.agree('d');
      expect(client.document('d').get().title).toBe(`peer ${i}`);
    }
    expect(client.rejected).toEqual([]);
    expect(stampsOf(peer, 'd').every((ms) => Math.abs(ms) < 20_000)).toBe(true);
  });

  it('back between two sessions does not let a write lose against this device\'s own earlier one, not even before it is loaded', async () => {
    const device = world.device();
    const first = await openOff(year, device, false);
    await first.document('d').set('title', 'first').durable;
    await first.close();
    const next = await openOff(-year, device, false);
    next.document('d').set('title', 'second');
    await next.document('d').ready;
    expect(next.document('d').get().title).toBe('second');
    next.connect();
    await next.synced();
    const right = await openOff(0);
    await world.agree('d', [next, right]);
    expect(right.document('d').get().title).toBe('second');
    expect(stampsOf(right, 'd').every((ms) => ms < 20_000)).toBe(true);
    expect(next.rejected).toEqual([]);
  });

  it('forward after honest offline work leaves the time of that work alone', async () => {
    const device = world.device();
    const [first, right] = [await openOff(0, device), await openOff(0)];
    await first.document('d').set('a', 0).acked;
    await first.close();
    const offline = await openOff(0, device, false);
    await offline.document('d').set('early', 'offline').durable;
    await offline.close();
    await pause(30);
    await right.document('d').set('early', 'right').acked;
    const ahead = await openOff(year, device);
    await ahead.document('d').set('late', 'ahead').acked;
    await world.agree('d', [ahead, right]);
    expect(right.document('d').get()).toMatchObject({ early: 'right', late: 'ahead' });
  });
});

describe('tabs of a device whose clock is a year off', () => {
  it.each([[year], [-year]])('share what the leading one has heard (%i)', async (offMs) => {
    const browser = new Browser(world);
    const open = async (connect: boolean) => (await browser.open({ clock: new TestClock(offMs), connect })).client;
    const [one, two] = [await open(false), await open(false)];
    one.document('d').set('one', 'offline');
    await one.flushed();
    two.document('d').set('two', 'offline');
    two.document('e').set('two', 'offline');
    await two.flushed();
    one.connect();
    two.connect();
    await Promise.all([one.synced(), two.synced()]);
    await Promise.all([one, two].map((client, i) => client.document('d').set('now', i).acked));
    const right = await openOff(0);
    for (const id of ['d', 'e']) {
      await right.document(id).set('after', 'right').acked;
      await world.agree(id, [one, two, right]);
      expect(right.document(id).get()).toMatchObject({ two: 'offline', after: 'right' });
      expect(stampsOf(right, id).every((ms) => Math.abs(ms) < 20_000)).toBe(true);
    }
    expect([one.rejected, two.rejected]).toEqual([[], []]);
    // A tab that comes later knows from what is stored, and from the leader.
    const three = await open(true);
    await three.document('d').set('three', 1).acked;
    await world.agree('d', [one, two, three, right]);
    expect(Math.abs(stampsOf(three, 'd').at(-1)!)).toBeLessThan(20_000);
  });
});

describe('what was sent once', () => {
  it('is never stamped again, whatever the clock turns out to be', async () => {
    const device = world.device();
    const first = await openOff(0, device);
    await first.document('d').set('a', 0).acked;
    world.server.mute = true;
    first.document('d').set('a', 'sent, and not heard of');
    await first.flushed();
    await pause(50);
    const sent = splitUpdate(first.document('d').export()).map(({ bytes }) => bytes);
    await first.close();
    world.server.cut();
    world.server.mute = false;
    const ahead = await openOff(year, device);
    await ahead.synced();
    expect(ahead.rejected).toEqual([]);
    await world.agree('d', [ahead, await openOff(0)]);
    expect(splitUpdate(ahead.document('d').export()).map(({ bytes }) => bytes)).toEqual(sent);
    expect(ahead.document('d').get()).toEqual({ a: 'sent, and not heard of' });
  });

  it('is never stamped again, also when it was written before the server was there', async () => {
    const device = world.device();
    const first = await openOff(0, device, false);
    await first.document('d').set('a', 'sent, and not heard of').durable;
    const sent = splitUpdate(first.document('d').export()).map(({ bytes }) => bytes);
    first.status.subscribe(() => { world.server.mute ||= first.status.get().connection === 'live'; });
    first.connect();
    await until('it is live', () => world.server.mute);
    await pause(50);
    expect(first.pending).toBe(1);
    await first.close();
    world.server.cut();
    world.server.mute = false;
    const [ahead, right] = [await openOff(year, device), await openOff(0)];
    await ahead.synced();
    await world.agree('d', [ahead, right]);
    for (const client of [ahead, right]) expect(splitUpdate(client.document('d').export()).map(({ bytes }) => bytes)).toEqual(sent);
  });

  it('by others, and handed in by the app, keeps their stamps', async () => {
    const other = await openOff(-year, undefined, false);
    await other.document('d').set('title', 'other').durable;
    const theirs = other.document('d').export();
    const client = await openOff(year, undefined, false);
    await client.document('d').ready;
    client.document('d').import(theirs);
    await client.document('d').set('mine', 1).durable;
    client.connect();
    await client.synced();
    expect(Math.min(...stampsOf(client, 'd'))).toBeLessThan(-year / 2);
    expect(Math.max(...stampsOf(client, 'd'))).toBeLessThan(20_000);
    expect(client.document('d').get()).toEqual({ title: 'other', mine: 1 });
  });
});

describe('a server whose clock was an hour ahead, and is right again', () => {
  it('locks nobody out of what was written meanwhile, and writers go on as if nothing were', async () => {
    let offMs = 3_600_000;
    const shifted = await World.start({ now: () => Date.now() + offMs });
    try {
      const [a, b] = [await shifted.open(), await shifted.open()];
      await a.document('d').set('title', 'ahead').acked;
      await shifted.agree('d');
      offMs = 0;
      shifted.server.cut();
      await until('both have lost their lines', () => [a, b].every((client) => client.status.get().connection === 'offline'));
      await until('both are live', () => [a, b].every((client) => client.status.get().connection === 'live'));
      for (const writer of [b, a, b]) {
        await writer.document('d').set('title', writer.replica).acked;
        await shifted.agree('d');
        expect(a.document('d').get().title).toBe(writer.replica);
      }
      await b.document('other').set('title', 1).acked;
      expect(stampsOf(b, 'other').every((ms) => Math.abs(ms) < 20_000)).toBe(true);
      expect([a.rejected, b.rejected]).toEqual([[], []]);
    } finally {
      await shifted.close();
    }
  });
});
