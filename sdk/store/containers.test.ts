import { describe, expect, it } from '@jest/globals';
import { createDocument, type JsonValue } from '../index.js';

const invalid = expect.objectContaining({ code: 'invalid_argument' });

describe('a counter', () => {
  it('adds and takes away whole safe numbers', () => {
    const counter = createDocument().getCounter('c');
    const heard: unknown[] = [];
    counter.subscribe((event) => heard.push(event));
    counter.increment();
    counter.increment(10);
    counter.decrement();
    counter.decrement(-5);
    expect([counter.value, counter.toJSON(), heard.length]).toEqual([15, 15, 4]);
  });

  it.each([0.5, NaN, Infinity, 2 ** 53, -(2 ** 53), '1', null, 1n])('refuses %p, and stays as it was', (step) => {
    const counter = createDocument().getCounter('c');
    counter.increment(3);
    expect(() => counter.increment(step as number)).toThrow(invalid);
    expect(() => counter.decrement(step as number)).toThrow(invalid);
    expect(counter.value).toBe(3);
  });

  it('never leaves the safe integers', () => {
    const counter = createDocument().getCounter('c');
    counter.increment(Number.MAX_SAFE_INTEGER);
    expect(() => counter.increment()).toThrow(invalid);
    counter.decrement(Number.MAX_SAFE_INTEGER);
    counter.decrement(Number.MAX_SAFE_INTEGER);
    expect(() => counter.decrement()).toThrow(invalid);
    expect(counter.value).toBe(-Number.MAX_SAFE_INTEGER);
  });

  it('counts what everybody added at the same time', () => {
    const [a, b] = [createDocument(), createDocument()];
    a.getCounter('c').increment(5);
    b.getCounter('c').decrement(2);
    a.import(b.export());
    b.import(a.export());
    expect([a.getCounter('c').value, b.getCounter('c').value]).toEqual([3, 3]);
  });
});

describe('a set', () => {
  it('holds each JSON value once, whatever the order of its keys', () => {
    const set = createDocument().getSet<unknown>('s');
    for (const value of [1, 1, '1', null, true, [], [1], {}, { a: 1, b: [{ c: 1, d: 2 }] }, { b: [{ d: 2, c: 1 }], a: 1 }, '', '😀', -0, 0, 1e300]) set.add(value);
    expect(set.size).toBe(12);
    expect(set.has({ b: [{ d: 2, c: 1 }], a: 1 })).toBe(true);
    expect(set.has([1, undefined])).toBe(false);
    expect([...set]).toEqual(set.values());
    set.delete({ b: [{ c: 1, d: 2 }], a: 1 });
    expect([set.size, set.has({ a: 1, b: [{ c: 1, d: 2 }] })]).toEqual([11, false]);
    set.clear();
    expect([set.size, set.values(), set.toJSON()]).toEqual([0, [], []]);
  });

  it('has its members in one order everywhere, frozen', () => {
    const [a, b] = [createDocument(), createDocument()];
    for (const value of [3, 'x', { k: 1 }, 1, null]) a.getSet('s').add(value);
    for (const value of [null, 2, 'a', [1]]) b.getSet('s').add(value);
    a.import(b.export());
    b.import(a.export());
    expect(a.getSet('s').values()).toEqual(b.getSet('s').values());
    expect(a.getSet('s').values().filter((value) => typeof value === 'object' && value !== null).every(Object.isFrozen)).toBe(true);
  });

  it.each([undefined, NaN, () => 1, new Date(), new Set(), { a: undefined, b: Symbol('x') }])('refuses %p', (value) => {
    const set = createDocument().getSet<unknown>('s');
    let calls = 0;
    set.subscribe(() => calls++);
    expect(() => set.add(value)).toThrow(invalid);
    expect(() => set.has(value)).toThrow(invalid);
    expect([set.size, calls]).toEqual([0, 0]);
  });

  it('lets an add win over a removal at the same time, and hears of both', () => {
    const [a, b] = [createDocument(), createDocument()];
    a.getSet('s').add('x');
    b.import(a.export());
    const heard: unknown[] = [];
    b.getSet('s').subscribe((event) => heard.push(event));
    a.getSet('s').delete('x');
    b.getSet('s').add('x');
    b.import(a.export());
    a.import(b.export());
    expect([a.getSet('s').has('x'), b.getSet('s').has('x')]).toEqual([true, true]);
    expect(heard[0]).toEqual({ local: true });
  });

  it('is quiet when nothing changed', () => {
    const document = createDocument();
    const set = document.getSet('s');
    let calls = 0;
    set.subscribe(() => calls++);
    set.delete('none');
    set.clear();
    expect(calls).toBe(0);
  });
});

describe('a map', () => {
  it('keeps the last value of each key', () => {
    const document = createDocument();
    const map = document.getMap(['m', 'n']);
    const heard: unknown[] = [];
    map.subscribe((event) => heard.push(event));
    map.set('b', [1]);
    map.set('a', null);
    map.set('b', { c: 1 });
    map.delete('none');
    expect([map.get('b'), map.get('a'), map.get('none'), map.has('a'), map.has('none'), map.keys()]).toEqual([{ c: 1 }, null, undefined, true, false, ['a', 'b']]);
    map.delete('a');
    expect([map.has('a'), map.keys(), heard.length]).toEqual([false, ['b'], 4]);
    expect(document.toJSON()).toEqual({ m: { n: { b: { c: 1 } } } });
    for (const value of [undefined, NaN, () => 1]) expect(() => map.set('x', value)).toThrow(invalid);
    expect(map.keys()).toEqual(['b']);
  });

  it('at the root hears of fields, however they are set', () => {
    const document = createDocument();
    const root = document.getMap([]);
    let calls = 0;
    root.subscribe(() => calls++);
    document.set('a', 1);
    document.update({ b: 2, c: 3 });
    document.delete('a');
    root.set('d', 4);
    const peer = createDocument();
    peer.set('e', 5);
    document.import(peer.export());
    expect([calls, root.keys()]).toEqual([5, ['b', 'c', 'd', 'e']]);
  });

  it('takes what hangs below a deleted key with it', () => {
    const document = createDocument();
    const map = document.getMap('m');
    map.set('k', 1);
    document.getText(['m', 'k']).insert(0, 'abc');
    document.getMap(['m', 'k', 'deep']).set('x', 1);
    let calls = 0;
    document.getText(['m', 'k']).subscribe(() => calls++);
    map.delete('k');
    expect([map.has('k'), document.getText(['m', 'k']).toString(), document.getMap(['m', 'k', 'deep']).keys(), calls]).toEqual([false, '', [], 1]);
  });
});

describe('a child that two replicas create at the same time', () => {
  it('is one, with what both put in, of every kind and at every depth (Yjs and Automerge lose a side here)', () => {
    const [a, b] = [createDocument(), createDocument()];
    for (const [document, who] of [[a, 'ann'], [b, 'ben']] as const) {
      document.getMap('settings').set(who, true);
      document.getMap(['deep', 'er']).set(who, { is: [who] });
      document.getText(['deep', 'notes']).insert(0, `${who} `);
      document.getCounter(['deep', 'visits']).increment(3);
      document.getSet(['deep', 'tags']).add(who);
    }
    a.import(b.export());
    b.import(a.snapshot());
    expect(a.toJSON()).toEqual({
      deep: { er: { ann: { is: ['ann'] }, ben: { is: ['ben'] } }, notes: expect.stringMatching(/^(ann ben |ben ann )$/), tags: expect.arrayContaining(['ann', 'ben']), visits: 6 },
      settings: { ann: true, ben: true },
    });
    expect([b.digest(), b.toJSON()]).toEqual([a.digest(), a.toJSON()]);
  });
});

describe('what was overwritten', () => {
  it('leaves nothing behind: the snapshot is as large as that of one who wrote each value once', () => {
    const [often, once] = [createDocument({ replica: '00000000000000a1' }), createDocument({ replica: '00000000000000a1' })];
    for (let i = 0; i < 5_000; i++) often.getMap('m').set(`key${i % 10}`, { version: i, text: 'x'.repeat(i % 300) });
    for (let i = 4_990; i < 5_000; i++) once.getMap('m').set(`key${i % 10}`, { version: i, text: 'x'.repeat(i % 300) });
    // Only stamps and the seq may be a few bytes longer.
    expect(often.snapshot().length - once.snapshot().length).toBeLessThan(60);
    const again = createDocument();
    again.import(often.snapshot());
    expect(again.toJSON()).toEqual(once.toJSON());
  });

  it('nor does a set keep removals, however often a member comes and goes', () => {
    const [often, once] = [createDocument({ replica: '00000000000000a1' }), createDocument({ replica: '00000000000000a1' })];
    for (let i = 0; i < 3_000; i++) {
      often.getSet('s').add({ member: i % 7 });
      if (i % 7 !== 6) often.getSet('s').delete({ member: i % 7 });
    }
    once.getSet('s').add({ member: 6 });
    expect(often.toJSON()).toEqual(once.toJSON());
    expect(often.snapshot().length - once.snapshot().length).toBeLessThan(10);
  });
});

describe('a member that is any JSON value', () => {
  it('is the same to every replica, by update and by snapshot, and is removed by its equal', () => {
    const values: JsonValue[] = [null, true, '', 'é漢😀\ufeff', 0, -0, -1, 0.1, 1e300, 2 ** 53, [], [[], [[]]], {}, { '': 0 }, { z: [1, { y: 'ß' }], a: null }];
    const a = createDocument();
    for (const value of values) a.getSet('s').add(value);
    const [byUpdate, bySnapshot] = [createDocument(), createDocument()];
    byUpdate.import(a.export());
    bySnapshot.import(a.snapshot());
    for (const document of [byUpdate, bySnapshot]) {
      const set = document.getSet<unknown>('s');
      expect([set.size, values.every((value) => set.has(value)), set.values()]).toEqual([values.length - 1, true, a.getSet('s').values()]);
      // -0 is 0: JSON knows no other.
      for (const value of values) set.delete(value === 0 ? -0 : structuredClone(value));
      expect([set.size, document.toJSON()]).toEqual([0, { s: [] }]);
    }
    for (const value of [NaN, -Infinity, [NaN], { deep: [undefined, Infinity] }]) expect(() => a.getSet<unknown>('s').add(value)).toThrow(invalid);
  });
});
