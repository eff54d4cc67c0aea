import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from './client.js';
import { Device, World, inAnHour, pause, until } from './testing/harness.js';

// What the server refuses is taken back, told with its code, and stays back; what does not build on it goes on.

let world: World;
beforeEach(async () => { world = await World.start(); });
afterEach(() => world.close());

async function refusalOf(write: { acked: Promise<void> }): Promise<string> {
  return write.acked.then(() => 'acked', (error: { code: string }) => error.code);
}

describe('a write stamped too far ahead', () => {
  it('is rejected with its code, taken back where everybody sees it, and listed', async () => {
    const [a, b] = [await world.open(), await world.open()];
    const document = a.document('d');
    await document.set('title', 'good').acked;
    const heard: unknown[] = [];
    document.subscribe(({ local }) => heard.push([local, document.get().title]));
    const write = inAnHour(document, () => document.set('title', 'from the future'));
    expect(await refusalOf(write)).toBe('clock_drift');
    await until('it is taken back', () => document.get().title === 'good');
    expect(write.state).toBe('rejected');
    expect(heard).toEqual([[true, 'from the future'], [false, 'good']]);
    expect(a.rejected).toMatchObject([{ document: 'd', replica: a.replica, seqFrom: 2, seqTo: 2, error: { code: 'clock_drift' } }]);
    expect(a.rejected[0].bytes.length).toBeGreaterThan(10);
    expect(b.rejected).toEqual([]);
    await world.agree('d');
  });

  it('stays back after a reload, and in the session after that', async () => {
    const device = world.device();
    const first = await world.open(device);
    await first.document('d').set('title', 'good').acked;
    await refusalOf(inAnHour(first.document('d'), () => first.document('d').set('title', 'from the future')));
    await first.close();
    for (let i = 0; i < 2; i++) {
      const next = await world.open(device);
      await next.document('d').ready;
      expect(next.document('d').get()).toEqual({ title: 'good' });
      await next.document('d').set('n', i).acked;
      await world.agree('d', [next, await world.open()]);
      await next.document('d').delete('n').acked;
      await next.close();
    }
  });

  it('does not hold up what came after it, in the same document or others', async () => {
    const client = await world.open();
    const text = client.document('d').getText('text');
    await text.insert(0, 'abc').acked;
    client.disconnect();
    const bad = inAnHour(client.document('d'), () => client.document('d').set('title', 'from the future'));
    await client.flushed();
    const after = Array.from({ length: 5 }, (_, i) => text.insert(3 + i, String(i)));
    const other = client.document('other').set('a', 1);
    await client.flushed();
    client.connect();
    expect(await refusalOf(bad)).toBe('clock_drift');
    expect(await Promise.all([...after, other].map(refusalOf))).toEqual(Array(6).fill('acked'));
    await until('it is taken back', () => client.document('d').get().title === undefined);
    expect([text.toString(), client.pending]).toEqual(['abc01234', 0]);
    await world.agree('d', [client, await world.open()]);
  });

  it('takes what was written on it along: one transaction, one fate', async () => {
    const client = await world.open();
    const document = client.document('d');
    const text = document.getText('text');
    await text.insert(0, 'abc').acked;
    const deltas: unknown[] = [];
    text.subscribe(({ delta, local }) => deltas.push([local, delta]));
    client.disconnect();
    const bad = inAnHour(document, () => document.transact(() => {
      document.set('title', 'from the future');
      text.insert(3, ' BAD');
    }));
    await client.flushed();
    const dependents = [text.insert(7, '!'), text.insert(8, '!')];
    await client.flushed();
    const independent = text.insert(0, '> ');
    await client.flushed();
    client.connect();
    expect(await refusalOf(bad)).toBe('clock_drift');
    expect(await Promise.all(dependents.map(refusalOf))).toEqual(['depends_on_rejected', 'depends_on_rejected']);
    expect(await refusalOf(independent)).toBe('acked');
    await until('all is taken back', () => text.toString() === '> abc');
    let mirror = 'abc';
    for (const [, delta] of deltas as [boolean, ({ retain: number } & { insert: string } & { delete: number })[]][]) mirror = applied(mirror, delta);
    expect(mirror).toBe('> abc');
    expect(client.rejected.map(({ seqFrom, seqTo }) => [seqFrom, seqTo])).toHaveLength(2);
    await world.agree('d', [client, await world.open()]);
    expect(client.pending).toBe(0);
    await text.insert(0, 'x').acked;
  });

  it('does not swallow what is typed and received while it is taken back', async () => {
    const device = world.device();
    const storage = device.storage();
    const [a, b] = [await world.open(device, { storage }), await world.open()];
    await a.document('d').set('title', 'good').acked;
    await world.agree('d');
    storage.delayMs = 3;
    const writes = [];
    for (let i = 0; i < 40; i++) {
      if (i % 10 === 5) inAnHour(a.document('d'), () => a.document('d').set('title', 'from the future'));
      writes.push(a.counter('d').increment());
      b.counter('d').increment();
      await pause(2);
    }
    await a.synced().catch(() => {});
    storage.delayMs = 0;
    await until('all is answered', () => a.pending === 0 && b.pending === 0);
    await world.agree('d');
    const fates = await Promise.all(writes.map(refusalOf));
    const lost = fates.filter((fate) => fate !== 'acked').length;
    // What shared a batch with a refused op shared its fate.
    expect(a.counter('d').value).toBe(80 - lost);
    expect(lost).toBeLessThan(15);
  });

  it('is rejected also when the answer is lost with the connection', async () => {
    const device = world.device();
    const client = await world.open(device);
    const document = client.document('d');
    await document.set('title', 'good').acked;
    // The void is logged; nobody is told.
    world.server.mute = true;
    const bad = inAnHour(document, () => document.set('title', 'from the future'));
    await pause(50);
    world.server.cut();
    world.server.mute = false;
    client.disconnect();
    client.connect();
    expect(await refusalOf(bad)).toBe('clock_drift');
    await until('it is taken back', () => document.get().title === 'good');
    await world.agree('d', [client, await world.open()]);
  });

  it('is rejected also when only its answer is lost, and an ack of later ops covers it', async () => {
    const [client, peer] = [await world.open(), await world.open()];
    const document = client.document('d');
    await document.set('title', 'good').acked;
    world.server.mute = true;
    const bad = inAnHour(document, () => document.set('title', 'from the future'));
    await pause(40);
    world.server.mute = false;
    await document.getText('text').insert(0, 'later').acked;
    await until('it is taken back', () => document.get().title === 'good');
    expect([bad.state, client.rejected.length]).toEqual(['rejected', 1]);
    await world.agree('d', [client, peer]);
  });

  it('is rejected also when the log that says so comes as a snapshot, before the answer', async () => {
    const compact = await World.start({ limits: { snapshotEntriesMin: 2, tailBytesMax: 0 } });
    try {
      const [device, peer] = [compact.device(), await compact.open()];
      const first = await compact.open(device);
      await first.document('d').ready;
      await until('it is live', () => first.status.get().connection === 'live' && peer.status.get().connection === 'live');
      // The void is logged; nobody is told.
      compact.server.mute = true;
      inAnHour(first.document('d'), () => first.document('d').transact(() => {
        first.document('d').set('title', 'from the future');
        first.text('d').insert(0, 'BAD');
      }));
      await first.flushed();
      await pause(50);
      compact.server.cut();
      compact.server.mute = false;
      await first.close();
      for (let i = 0; i < 4; i++) await peer.text('d').insert(i, String(i)).acked;
      const second = await compact.open(device);
      await compact.agree('d', [second, peer]);
      expect(second.text('d').toString()).toBe('0123');
      expect(second.rejected.map(({ error }) => error.code)).toEqual(['clock_drift']);
      await second.close();
      await compact.agree('d', [peer, await compact.open(device)]);
    } finally {
      await compact.close();
    }
  });

  it('is rejected when another session of the device brings it', async () => {
    const device = world.device();
    const first = await world.open(device, { connect: false });
    await first.document('d').set('a', 1).durable;
    inAnHour(first.document('d'), () => first.document('d').set('b', 2));
    await first.flushed();
    first.document('d').getText('text').insert(0, 'fine');
    await first.close();
    const second = await world.open(device);
    await second.synced().catch(() => {});
    await until('the rejection is listed', () => second.rejected.length === 1);
    const third = await world.open(device);
    await world.agree('d', [third, await world.open()]);
    expect(third.document('d').toJSON()).toEqual({ a: 1, text: 'fine' });
  });
});

describe('a value no frame can carry', () => {
  it('is rejected as too large, and the rest goes on', async () => {
    const small = await World.start({ limits: { frameBytesMax: 16 * 1024 } });
    try {
      const client = await small.open();
      const document = client.document('d');
      const big = document.set('big', 'x'.repeat(40_000));
      await client.flushed();
      const next = document.set('small', 1);
      expect(await refusalOf(big)).toBe('too_large');
      expect(await refusalOf(next)).toBe('acked');
      await until('it is taken back', () => document.get().big === undefined);
      await small.agree('d', [client, await small.open()]);
    } finally {
      await small.close();
    }
  });
});

describe('two devices with one profile', () => {
  const locks = () => ({ request: (_: string, __: unknown, hold: (lock: object) => Promise<void>) => hold({}) }) as unknown as LockManager;

  async function clone(): Promise<[Device, Device]> {
    const device = world.device();
    const first = await world.open(device);
    await first.document('d').update({ a: 1 }).acked;
    await first.text('d').insert(0, 'base').acked;
    await first.close();
    return [device, new Device(world.server, Object.assign(Object.create(Object.getPrototypeOf(device.disk)), structuredClone({ ...device.disk })))];
  }

  it('keep what both wrote: the later one writes again under a new id', async () => {
    const [one, two] = await clone();
    const [a, b] = [await world.open(one, { connect: false, locks: locks() }), await world.open(two, { connect: false, locks: locks() })] as [Client, Client];
    expect(a.replica).toBe(b.replica);
    await Promise.all([a.document('d').ready, b.document('d').ready]);
    a.text('d').insert(4, ' one');
    const write = b.text('d').insert(0, 'two ');
    await Promise.all([a.flushed(), b.flushed()]);
    b.counter('d').increment(5);
    b.document('d').set('b', 2);
    await b.flushed();
    a.connect();
    await a.synced();
    b.connect();
    await write.acked;
    await b.synced();
    await world.agree('d', [a, b, await world.open()]);
    expect(b.document('d').toJSON()).toEqual({ a: 1, b: 2, counter: 5, text: 'two base one' });
    expect(b.rejected).toEqual([]);
    await b.close();
    const again = await world.open(two);
    await again.document('d').ready;
    expect(again.document('d').toJSON()).toEqual({ a: 1, b: 2, counter: 5, text: 'two base one' });
    await again.synced();
    await world.agree('d', [a, again]);
  });

  it('keep what both wrote also where the log builds on what the other wrote under the same numbers', async () => {
    const [one, two] = await clone();
    const [a, b, peer] = [await world.open(one, { connect: false, locks: locks() }), await world.open(two, { connect: false, locks: locks() }), await world.open()];
    await Promise.all([a.document('d').ready, b.document('d').ready, peer.document('d').ready]);
    a.text('d').insert(4, ' one');
    b.counter('d').increment(5);
    await Promise.all([a.flushed(), b.flushed()]);
    a.connect();
    await a.synced();
    await until('the peer has it', () => peer.text('d').toString() === 'base one');
    await peer.text('d').insert(6, '-').acked;
    b.connect();
    await b.synced();
    await world.agree('d', [a, b, peer]);
    expect(b.document('d').toJSON()).toEqual({ a: 1, counter: 5, text: 'base o-ne' });
  });
});

function applied(text: string, delta: ({ retain?: number; insert?: string; delete?: number })[]): string {
  let at = 0;
  let out = '';
  for (const op of delta) {
    if (op.insert !== undefined) out += op.insert;
    else if (op.retain !== undefined) out += text.slice(at, (at += op.retain));
    else at += op.delete!;
  }
  return out + text.slice(at);
}
