import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { failFrom, failWrites } from '../testing/faults.js';
import { backup, restore } from './backup.js';
import type { Client } from './client.js';
import { World, until } from './testing/harness.js';

let world: World;
beforeEach(async () => { world = await World.start(); });
afterEach(() => world.close());

async function filled(): Promise<Client> {
  const client = await world.open(undefined, { connect: false });
  for (const id of ['notes', 'é 👩‍👩‍👧', 'x'.repeat(200)]) {
    client.document(id).set('title', id);
    client.text(id).insert(0, 'words');
    client.counter(id).increment(3);
  }
  await client.flushed();
  client.document('notes').close();
  return client;
}

async function digests(client: Client): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const id of await client.documents()) {
    await client.document(id).ready;
    found[id] = client.document(id).digest();
  }
  return found;
}

describe('a backup', () => {
  it('has every document, open or not, and brings them to an empty device under its own replica id', async () => {
    const one = await filled();
    const file = await backup(one);
    const two = await world.open(undefined, { connect: false });
    expect(await restore(two, file)).toEqual(await one.documents());
    expect(await digests(two)).toEqual(await digests(one));
    const write = two.document('notes').set('title', 'mine');
    await write.durable;
    expect(two.document('notes').replica).not.toBe(one.document('notes').replica);
    expect(one.document('notes').get()).toEqual({ title: 'notes' });
  });

  it('merges into what is there, however often', async () => {
    const one = await filled();
    const two = await world.open(undefined, { connect: false });
    two.document('notes').set('body', 'here');
    two.counter('notes').increment();
    two.document('other').set('a', 1);
    for (let i = 0; i < 3; i++) await restore(two, await backup(one));
    expect(two.document('notes').get()).toEqual({ title: 'notes', body: 'here' });
    expect(two.counter('notes').value).toBe(4);
    expect(await two.documents()).toContain('other');
    await restore(one, await backup(two));
    expect(await digests(one)).toEqual(await digests(two));
  });

  it('sends what was un-acked from the device that restored it', async () => {
    const file = await backup(await filled());
    const two = await world.open();
    await restore(two, new Uint8Array(await file.arrayBuffer()));
    await two.synced();
    const three = await world.open();
    await three.document('notes').ready;
    await until('the server had it', () => three.document('notes').get().title === 'notes');
  });

  it('is still to be had when the disk takes nothing any more', async () => {
    const device = world.device();
    const storage = device.storage();
    const one = await world.open(device, { storage, connect: false });
    storage.setPlan(failWrites(failFrom(1, 'quota')));
    one.document('d').set('a', 1);
    await until('it is told', () => one.status.get().storage === 'degraded');
    const two = await world.open(undefined, { connect: false });
    await restore(two, await backup(one));
    await two.document('d').ready;
    expect(two.document('d').get()).toEqual({ a: 1 });
  });

  it('that was cut short or changed anywhere imports nothing', async () => {
    const whole = new Uint8Array(await (await backup(await filled())).arrayBuffer());
    const two = await world.open(undefined, { connect: false });
    for (let length = 0; length < whole.length; length += 7) {
      await expect(restore(two, whole.subarray(0, length))).rejects.toMatchObject({ code: 'invalid_update' });
    }
    for (let at = 0; at < whole.length; at += 3) {
      const changed = whole.slice();
      changed[at] ^= 0x40;
      await expect(restore(two, changed)).rejects.toMatchObject({ code: 'invalid_update' });
    }
    await expect(restore(two, Uint8Array.of(...whole, 0))).rejects.toMatchObject({ code: 'invalid_update' });
    expect(await two.documents()).toEqual([]);
  });

  it('says how far it is', async () => {
    const one = await filled();
    const seen: [number, number][] = [];
    const file = await backup(one, { onProgress: (...at) => seen.push(at) });
    expect(seen).toEqual([[1, 3], [2, 3], [3, 3]]);
    await restore(one, file, { onProgress: (...at) => seen.push(at) });
    expect(seen.at(-1)).toEqual([file.size - 12, file.size]);
  });
});
