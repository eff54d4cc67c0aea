import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encodeValue } from '../core/values.js';
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
    const presence = new Presence('d', '0000000000000001', () => {});
    presence.received('00000000000000aa', Uint8Array.of(2));
    for (const bytes of [[9], [255, 255], [5, 200], [2, 2], [7, 1, 9, ...Buffer.from('__proto__'), 2]]) presence.received('00000000000000aa', Uint8Array.from(bytes));
    expect(presence.others).toEqual([{ replica: '00000000000000aa', value: true }]);
  });
});

describe('a presence', () => {
  type Person = { name: string; at: { anchor: number; head: number }; tags: string[] };
  const [own, ada, ben] = ['0000000000000005', '0000000000000001', '0000000000000009'];
  const ben1: Person = { name: 'Ben', at: { anchor: 1, head: 2 }, tags: ['a'] };
  let sent: (Uint8Array | null)[];
  let presence: Presence<Person>;
  beforeEach(() => {
    sent = [];
    presence = new Presence<Person>('d', own, (state) => sent.push(state));
  });
  const arrive = (replica: string, value: unknown) => presence.received(replica, value === null ? null : encodeValue(value).slice());

  it('shows everyone, this replica among them, in the order of their ids', () => {
    arrive(ben, ben1);
    presence.set({ ...ben1, name: 'me' });
    arrive(ada, { ...ben1, name: 'Ada' });
    expect(presence.everyone.map(({ replica }) => replica)).toEqual([ada, own, ben]);
    expect(presence.others.map(({ replica }) => replica)).toEqual([ada, ben]);
    expect(presence.get()).toEqual({ self: presence.self, others: presence.others, everyone: presence.everyone });
    presence.clear();
    expect(presence.everyone).toBe(presence.others);
  });

  it('keeps the identity of every part that did not change', () => {
    arrive(ada, ben1);
    arrive(ben, ben1);
    presence.set(ben1);
    const before = presence.get();
    arrive(ben, { ...ben1, at: { anchor: 3, head: 2 } });
    const after = presence.get();
    expect(after).not.toBe(before);
    expect(after.self).toBe(before.self);
    expect(after.others[0]).toBe(before.others[0]);
    expect(after.everyone[1]).toBe(before.everyone[1]);
    expect(after.others[1].value).not.toBe(before.others[1].value);
    expect(after.others[1].value.tags).toBe(before.others[1].value.tags);
    expect(after.others[1].value.at).toEqual({ anchor: 3, head: 2 });
    for (const part of [after, after.others, after.everyone, after.others[1], after.others[1].value, after.others[1].value.at]) expect(Object.isFrozen(part)).toBe(true);
  });

  it('tells nobody of what is the same', () => {
    let calls = 0;
    presence.subscribe(() => calls++);
    arrive(ada, ben1);
    arrive(ada, { ...ben1 });
    presence.set(ben1);
    presence.set({ ...ben1 });
    presence.update({ name: 'Ben' });
    expect([calls, sent.length]).toEqual([2, 1]);
    const before = presence.get();
    arrive(ben, null);
    expect([presence.get() === before, calls]).toEqual([true, 2]);
  });

  it.each([
    [[1, 2], [1]], [[1], [1, 2]], [{ a: 1 }, { a: 1, b: 1 }], [{ a: 1, b: 1 }, { a: 1 }], [{ a: null }, { b: null }], [[], {}], [{}, []], [null, {}],
    [{ 0: 'a' }, ['a']], ['1', 1], [{ a: [{ b: 1 }] }, { a: [{ b: 2 }] }],
  ])('of %j that becomes %j is the latter', (first, second) => {
    arrive(ada, first);
    arrive(ada, second);
    expect(presence.others[0].value).toStrictEqual(second);
  });

  it('changes some fields and keeps the rest, and begins with them where there is nothing', () => {
    presence.update({ name: 'Ada' });
    expect(presence.self).toEqual({ name: 'Ada' });
    presence.update({ tags: ['x'] });
    expect(presence.self).toEqual({ name: 'Ada', tags: ['x'] });
  });

  it('tells a listener with a selector of its part only', () => {
    const [names, selves, counts]: [string[][], unknown[], number[]] = [[], [], []];
    presence.subscribe(({ others }) => others.map(({ value }) => value.name), (now) => names.push(now));
    presence.subscribe(({ self }) => self?.at, (now) => selves.push(now));
    const stop = presence.subscribe(({ everyone }) => everyone.length, (now) => counts.push(now));
    arrive(ada, ben1);
    arrive(ada, { ...ben1, at: { anchor: 5, head: 5 } });
    presence.set(ben1);
    presence.update({ name: 'me' });
    arrive(ada, { ...ben1, name: 'Ada' });
    stop();
    arrive(ada, null);
    expect([names, selves, counts]).toEqual([[['Ben'], ['Ada'], []], [ben1.at], [1, 2]]);
  });
});
