import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Presence } from './presence.js';
import { World, until } from './testing/harness.js';

let world: World;
beforeEach(async () => { world = await World.start(); });
afterEach(() => world.close());

const shown = (presence: Presence<unknown>) => presence.others.map(({ value }) => value);

describe('presence', () => {
  it('is seen by the others, changes, and goes', async () => {
    const [a, b] = [await world.open(), await world.open()];
    const [here, there] = [a.presence<{ name: string }>('d'), b.presence<{ name: string }>('d')];
    let calls = 0;
    const stop = there.subscribe(() => calls++);
    // Before the document is even loaded.
    here.set({ name: 'Ada' });
    await until('b sees a', () => there.others.length === 1);
    expect(there.others).toEqual([{ replica: a.replica, value: { name: 'Ada' } }]);
    expect(Object.isFrozen(there.others)).toBe(true);
    here.set({ name: 'Grace' });
    await until('b sees the change', () => there.others[0].value.name === 'Grace');
    const before = there.others;
    expect(there.others).toBe(before);
    here.clear();
    expect(here.self).toBeNull();
    await until('b sees a go', () => there.others.length === 0);
    expect(calls).toBe(3);
    stop();
    expect(here.others).toEqual([]);
  });

  it('is not stored, and is there again after a reconnect', async () => {
    const [a, b] = [await world.open(), await world.open()];
    a.presence('d').set('a');
    b.presence('d').set('b');
    await until('both see both', () => a.presence('d').others.length === 1 && b.presence('d').others.length === 1);
    a.disconnect();
    await until('a is alone', () => a.presence('d').others.length === 0);
    await until('b is alone', () => b.presence('d').others.length === 0);
    a.connect();
    await until('both are back', () => shown(a.presence('d'))[0] === 'b' && shown(b.presence('d'))[0] === 'a');
    await a.close();
    await until('b is alone again', () => b.presence('d').others.length === 0);
    expect(await b.documents()).toEqual([]);
  });

  it('of a document that is closed ends', async () => {
    const [a, b] = [await world.open(), await world.open()];
    a.presence('d').set('a');
    await until('b sees a', () => b.presence('d').others.length === 1);
    a.document('d').close();
    await until('b is alone', () => b.presence('d').others.length === 0);
  });

  it('has 8 KiB, and not a byte more, with or without a server', async () => {
    const presence = (await world.open()).presence('d');
    // One byte for the tag, two for the length.
    presence.set('x'.repeat(8 * 1024 - 3));
    expect(() => presence.set('x'.repeat(8 * 1024 - 2))).toThrow(expect.objectContaining({ code: 'too_large' }));
    expect(() => presence.set(NaN)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(presence.self).toHaveLength(8 * 1024 - 3);
  });

  it('passes over what is no value, and keeps what it knew', () => {
    const presence = new Presence('d', () => {});
    presence.received('00000000000000aa', Uint8Array.of(2));
    for (const bytes of [[9], [255, 255], [5, 200], [2, 2], [7, 1, 9, ...Buffer.from('__proto__'), 2]]) presence.received('00000000000000aa', Uint8Array.from(bytes));
    expect(presence.others).toEqual([{ replica: '00000000000000aa', value: true }]);
  });
});
