// EngineDocument at its edges: keys, values, counters and paths at each limit and one past it.

import { describe, expect, it } from '@jest/globals';
import { EngineDocument, Kind, rootContainer } from './document.js';

const make = (replica = '00000000000000a1') => new EngineDocument(replica);
const refusal = (code: string) => expect.objectContaining({ code });

describe('a key', () => {
  it.each(['a', 'é', '漢字', '😀', '\ufeffa', ' ', '\0', 'toString', 'hasOwnProperty', 'k'.repeat(1024), 'é'.repeat(512)])('may be %j', (key) => {
    const doc = make();
    doc.mapSet(rootContainer, key, 1, 1);
    const reader = make('ffffffffffffffff');
    reader.apply(doc.take()!);
    expect([reader.mapKeys(rootContainer), reader.mapGet(rootContainer, key)]).toEqual([[key], 1]);
  });

  it.each(['', '__proto__', 'prototype', 'constructor', 'k'.repeat(1025), 'é'.repeat(513)])('may not be %j, in no call', (key) => {
    const doc = make();
    const calls = [() => doc.mapSet(rootContainer, key, 1, 1), () => doc.mapGet(rootContainer, key), () => doc.mapDelete(rootContainer, key, 1),
      () => doc.container([key], Kind.Text), () => doc.container(['a', key, 'b'], Kind.Map)];
    for (const call of calls) expect(call).toThrow(refusal('invalid_argument'));
    expect([doc.toJSON(), doc.take()]).toEqual([{}, null]);
  });
});

describe('a value', () => {
  it('is at most 256 KiB', () => {
    const doc = make();
    const text = 'x'.repeat(262_144 - 4);
    doc.mapSet(rootContainer, 'k', text, 1);
    doc.setAdd(doc.container(['s'], Kind.Set), text);
    expect(() => doc.mapSet(rootContainer, 'k', `${text}x`, 1)).toThrow(refusal('too_large'));
    expect(() => doc.setAdd(doc.container(['s'], Kind.Set), `${text}x`)).toThrow(refusal('too_large'));
    const reader = make('ffffffffffffffff');
    reader.apply(doc.take()!);
    expect(reader.mapGet(rootContainer, 'k') === text).toBe(true);
  });

  it('that is deleted is gone, and may be set again', () => {
    const doc = make();
    expect(doc.mapDelete(rootContainer, 'k', 1)).toBe(false);
    doc.mapSet(rootContainer, 'k', 1, 1);
    expect([doc.mapDelete(rootContainer, 'k', 1), doc.mapDelete(rootContainer, 'k', 1), doc.mapGet(rootContainer, 'k')]).toEqual([true, false, undefined]);
    doc.mapSet(rootContainer, 'k', 2, 1);
    expect(doc.toJSON()).toEqual({ k: 2 });
  });
});

describe('a container', () => {
  it('that two replicas make at once is one, with both sides in it', () => {
    const [one, two] = [make(), make('ffffffffffffffff')];
    one.mapSet(one.container(['m', 'n'], Kind.Map), 'one', 1, 1);
    two.mapSet(two.container(['m', 'n'], Kind.Map), 'two', 2, 1);
    one.apply(two.take()!);
    two.apply(one.take()!);
    expect([one.toJSON(), two.digest()]).toEqual([{ m: { n: { one: 1, two: 2 } } }, one.digest()]);
  });

  it('nests 64 levels deep and no deeper', () => {
    const doc = make();
    const path = (length: number) => Array<string>(length).fill('k');
    doc.counterAdd(doc.container(path(64), Kind.Counter), 1);
    expect(() => doc.container(path(65), Kind.Counter)).toThrow(refusal('too_large'));
  });
});

describe('a counter', () => {
  it('takes whole numbers only', () => {
    const doc = make();
    const counter = doc.container(['n'], Kind.Counter);
    for (const step of [0.5, NaN, Infinity, 2 ** 53, -(2 ** 53)]) expect(() => doc.counterAdd(counter, step)).toThrow(refusal('invalid_argument'));
    expect(doc.take()).toBeNull();
  });

  it('does not leave the safe integers, and shows their end when replicas together would', () => {
    const [one, two] = [make(), make('ffffffffffffffff')];
    for (const doc of [one, two]) doc.counterAdd(doc.container(['n'], Kind.Counter), 2 ** 53 - 1);
    expect(() => one.counterAdd(one.container(['n'], Kind.Counter), 1)).toThrow(refusal('invalid_argument'));
    one.apply(two.take()!);
    expect(one.toJSON()).toEqual({ n: 2 ** 53 - 1 });
    one.counterAdd(one.container(['n'], Kind.Counter), -(2 ** 53 - 1));
    expect(one.toJSON()).toEqual({ n: 2 ** 53 - 1 });
  });
});

describe('a set', () => {
  it('knows a member by its value, whatever the order of its keys', () => {
    const doc = make();
    const set = doc.container(['s'], Kind.Set);
    doc.setAdd(set, { b: 1, a: [{ d: 1, c: 1 }] });
    expect([doc.setHas(set, { a: [{ c: 1, d: 1 }], b: 1 }), doc.setSize(set)]).toEqual([true, 1]);
    doc.setAdd(set, -0);
    expect([doc.setHas(set, 0), doc.setDelete(set, { a: [{ c: 1, d: 1 }], b: 1 }), doc.setValues(set)]).toEqual([true, true, [0]]);
  });

  it('lists members in one order everywhere', () => {
    const docs = [make(), make('ffffffffffffffff')];
    const members = [3, 20, -1, 'b', 'a', null, true, [2], [1], { z: 1 }];
    docs.forEach((doc, who) => (who ? [...members].reverse() : members).forEach((member) => doc.setAdd(doc.container(['s'], Kind.Set), member)));
    expect(docs[0].setValues(docs[0].container(['s'], Kind.Set))).toEqual(docs[1].setValues(docs[1].container(['s'], Kind.Set)));
  });
});

describe('a freed document', () => {
  it('says so to every call', () => {
    const doc = make();
    doc.free();
    doc.free();
    for (const call of [() => doc.toJSON(), () => doc.take(), () => doc.apply(new Uint8Array(0)), () => doc.container(['a'], Kind.Map)]) {
      expect(call).toThrow(refusal('closed'));
    }
  });
});
