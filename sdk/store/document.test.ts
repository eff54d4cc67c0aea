import { describe, expect, it } from '@jest/globals';
import { createDocument, type Document } from '../index.js';
import { Mirror } from './testing/mirror.js';

const invalid = expect.objectContaining({ code: 'invalid_argument' });

describe('fields', () => {
  it('are one frozen object, the same until one changes, and the rest keep their identity', () => {
    const document = createDocument<{ a: unknown; b: unknown; c: unknown }>();
    expect(document.get()).toBe(document.get());
    document.update({ a: { deep: [1] }, b: [2] });
    const first = document.get();
    expect(first).toEqual({ a: { deep: [1] }, b: [2] });
    expect([first, first.a, (first.a as { deep: unknown }).deep].every(Object.isFrozen)).toBe(true);
    document.set('b', [3]);
    const second = document.get();
    expect([second === first, second.a === first.a, second.b]).toEqual([false, true, [3]]);
    document.getText('text').insert(0, 'not a field');
    expect(document.get()).toBe(second);
    const peer = createDocument<{ c: unknown }>();
    peer.set('c', 1);
    document.import(peer.export());
    expect([document.get().a === first.a, document.get().c]).toEqual([true, 1]);
    expect(Object.keys(document.get())).toEqual(['a', 'b', 'c']);
  });

  it('hold what JSON holds, as it was when it was set', () => {
    const document = createDocument();
    const list = [1, { x: null }];
    document.set('list', list);
    list.push(2);
    expect(document.get().list).toEqual([1, { x: null }]);
    for (const value of [undefined, NaN, Infinity, () => 1, Symbol('s'), 1n, new Date(), new Map(), JSON.parse('{"__proto__":1}')]) {
      expect(() => document.set('bad', value)).toThrow(invalid);
    }
    const circle: unknown[] = [];
    circle.push(circle);
    expect(() => document.set('bad', circle)).toThrow(invalid);
    expect(Object.keys(document.get())).toEqual(['list']);
  });

  it.each(['', '__proto__', 'prototype', 'constructor', 'x'.repeat(1025), 7, null, undefined, {}])('refuse the key %p', (key) => {
    const document = createDocument();
    const called: unknown[] = [];
    document.subscribe((event) => called.push(event));
    for (const call of [() => document.set(key as string, 1), () => document.update(Object.fromEntries([[key as string, 1]])), () => document.delete(key as string),
      () => document.getText([key as string]), () => document.getMap('m').set(key as string, 1), () => document.getMap('m').get(key as string), () => document.getCounter(['m', key as string])]) {
      if (typeof key === 'object' || typeof key === 'number' || key === undefined) continue;
      expect(call).toThrow(invalid);
    }
    expect([document.toJSON(), called]).toEqual([{}, []]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('are set together or not at all', () => {
    const document = createDocument();
    expect(() => document.update({ a: 1, b: NaN })).toThrow(invalid);
    for (const value of [null, 7, 'a', [1]]) expect(() => document.update(value as never)).toThrow(invalid);
    expect(document.get()).toEqual({});
    let calls = 0;
    document.subscribe(() => calls++);
    document.update({ a: 1, b: 2, c: undefined });
    document.update({});
    expect([document.get(), calls]).toEqual([{ a: 1, b: 2 }, 1]);
  });

  it('that are deleted take the containers of that name with them, and their listeners hear of it', () => {
    const document = createDocument();
    document.getText(['m', 'text']).insert(0, 'abc');
    document.getMap(['m', 'inner']).set('k', 1);
    document.getCounter(['m', 'count']).increment(3);
    document.getSet(['m', 'tags']).add(1);
    const mirror = new Mirror(document.getText(['m', 'text']));
    const heard: string[] = [];
    document.getCounter(['m', 'count']).subscribe(() => heard.push('count'));
    document.getSet(['m', 'tags']).subscribe(() => heard.push('tags'));
    document.getMap(['m', 'inner']).subscribe(() => heard.push('inner'));
    document.delete('m');
    expect(document.toJSON()).toEqual({});
    expect([mirror.value, heard.sort()]).toEqual(['', ['count', 'inner', 'tags']]);
    document.getText(['m', 'text']).insert(0, 'again');
    expect([document.toJSON(), mirror.value]).toEqual([{ m: { text: 'again' } }, 'again']);
  });

  it('of a deleted key are gone everywhere, empty ones and nested ones too, until somebody writes there again', () => {
    const a = createDocument();
    a.getText('t').insert(0, 'text');
    a.getText(['m', 'deep']).insert(0, 'x');
    a.getCounter('c').increment(0);
    for (const key of ['t', 'm', 'c']) a.delete(key);
    expect(a.toJSON()).toEqual({});
    a.getMap('m').set('k', 1);
    expect(a.toJSON()).toEqual({ m: { k: 1 } });
    for (const bytes of [a.export(), a.snapshot()]) {
      const b = createDocument();
      b.import(bytes);
      expect([b.toJSON(), b.digest()]).toEqual([{ m: { k: 1 } }, a.digest()]);
    }
  });

  it('of a deleted key keep what a peer added at the same time', () => {
    const [a, b] = pair();
    a.getText(['m', 'text']).insert(0, 'abc');
    b.getText(['m', 'text']).insert(3, 'def');
    const since = [a.version(), b.version()];
    a.delete('m');
    b.getSet(['m', 'tags']).add('new');
    exchange(a, b, since);
    expect([a.toJSON(), a.digest()]).toEqual([b.toJSON(), b.digest()]);
    expect((a.toJSON() as { m: unknown }).m).toMatchObject({ tags: ['new'] });
  });
});

describe('containers', () => {
  it('are the same handle for the same path, however it is said', () => {
    const document = createDocument();
    expect(document.getText('t')).toBe(document.getText(['t']));
    expect(document.getText('t')).not.toBe(document.getText(['t', 't']));
    expect(document.getMap([]).toJSON()).toEqual({});
    document.set('a', 1);
    expect(document.getMap([]).get('a')).toBe(1);
  });

  it.each([[[]], [''], [['']], [['a', '']], [[7]], [null], [undefined], [7], [['a', '__proto__']], [Array(70).fill('a')]])('have no path like %j', (path) => {
    expect(() => createDocument().getText(path as string)).toThrow(expect.objectContaining({ code: expect.stringMatching(/invalid_argument|too_large/) }));
  });

  it('nest, show in toJSON, and are shared by replicas that made them at the same time', () => {
    const [a, b] = pair();
    a.getText(['x', 'y', 'text']).insert(0, 'a');
    b.getText(['x', 'y', 'text']).insert(0, 'b');
    b.getMap(['x', 'y']).set('n', 7);
    expect(a.toJSON()).toEqual(b.toJSON());
    expect(a.toJSON()).toEqual({ x: { y: { n: 7, text: expect.stringMatching(/ab|ba/) } } });
  });
});

describe('a transaction', () => {
  it('is told to whoever begins to listen inside it; edits before it are told to nobody who comes later', () => {
    const [a, b] = [createDocument(), createDocument()];
    const heard: string[] = [];
    a.getText('t').insert(0, 'a');
    a.subscribe(() => heard.push('a'));
    a.getText('t').insert(0, '');
    b.transact(() => {
      b.set('k', 1);
      b.subscribe(() => heard.push('b'));
    });
    expect(heard).toEqual(['b']);
  });

  it('is one call of each listener and one update, however deep it nests', () => {
    const document = createDocument();
    const [updates, events, mirror]: [Uint8Array[], unknown[], Mirror] = [[], [], new Mirror(document.getText('t'))];
    document.on('update', (bytes) => updates.push(bytes));
    document.subscribe((event) => events.push(event));
    document.transact(() => {
      document.set('a', 1);
      document.getText('t').insert(0, 'ab');
      document.transact(() => {
        document.getText('t').insert(1, 'X');
        expect([updates, events, mirror.heard]).toEqual([[], [], []]);
      });
      document.getText('t').delete(0, 1);
    });
    expect([updates.length, events, mirror.heard]).toEqual([1, [{ local: true }], [{ delta: [{ insert: 'Xb' }], local: true }]]);
    expect(createFrom(updates[0]).toJSON()).toEqual({ a: 1, t: 'Xb' });
  });

  it('tells listeners before the call returns, and nobody when nothing changed', () => {
    const document = createDocument();
    let calls = 0;
    const stop = document.subscribe(() => calls++);
    document.set('a', 1);
    expect(calls).toBe(1);
    document.transact(() => {});
    document.delete('none');
    document.getSet('s').delete(1);
    document.getText('t').update('');
    document.getCounter('c').value;
    expect(calls).toBe(1);
    stop();
    stop();
    document.set('a', 2);
    expect(calls).toBe(1);
  });

  it('that throws keeps and tells what it did until then', () => {
    const document = createDocument();
    const events: unknown[] = [];
    document.subscribe((event) => events.push(event));
    expect(() => document.transact(() => {
      document.set('a', 1);
      document.transact(() => { throw new Error('mine'); });
    })).toThrow('mine');
    expect([document.get(), events]).toEqual([{ a: 1 }, [{ local: true }]]);
    document.set('b', 2);
    expect(events).toHaveLength(2);
  });

  it('in a listener comes after what is being told, so no listener hears of things out of order', () => {
    const document = createDocument();
    const text = document.getText('t');
    text.subscribe(() => { if (text.length < 6) text.insert(0, 'x'); });
    const mirror = new Mirror(text);
    const updates: Uint8Array[] = [];
    document.on('update', (bytes) => updates.push(bytes));
    text.insert(0, 'abc');
    expect([text.toString(), mirror.value, mirror.heard.length, updates.length]).toEqual(['xxxabc', 'xxxabc', 4, 4]);
    const peer = createDocument();
    for (const bytes of updates) peer.import(bytes);
    expect(peer.getText('t').toString()).toBe('xxxabc');
  });

  it('that imports tells what was made before it first', () => {
    const [document, peer] = [createDocument(), createDocument()];
    const text = document.getText('t');
    peer.getText('t').insert(0, 'peer');
    const mirror = new Mirror(text);
    document.transact(() => {
      text.insert(0, 'own');
      document.import(peer.export());
      text.insert(0, '>');
    });
    expect(mirror.value).toBe(text.toString());
    expect(mirror.heard.map(({ local }) => local)).toEqual([true, false, true]);
  });
});

describe('closing', () => {
  it('frees it and makes every call say so', () => {
    const document = createDocument();
    const [text, counter, set, map] = [document.getText('t'), document.getCounter('c'), document.getSet('s'), document.getMap('m')];
    let calls = 0;
    const stop = document.subscribe(() => calls++);
    text.subscribe(() => calls++);
    document.close();
    document.close();
    stop();
    const closed = expect.objectContaining({ code: 'closed' });
    for (const call of [() => document.get(), () => document.toJSON(), () => document.set('a', 1), () => document.update({}), () => document.delete('a'), () => document.transact(() => {}),
      () => document.version(), () => document.export(), () => document.snapshot(), () => document.digest(), () => document.import(new Uint8Array(0)), () => document.getText('t'),
      () => document.subscribe(() => {}), () => document.on('update', () => {}), () => text.length, () => text.toString(), () => text.insert(0, 'a'), () => text.cursor(0), () => text.slice(0, 1),
      () => counter.value, () => counter.increment(), () => set.size, () => set.has(1), () => set.add(1), () => set.values(), () => map.get('a'), () => map.set('a', 1), () => map.keys(), () => map.toJSON()]) {
      expect(call).toThrow(closed);
    }
    expect(calls).toBe(0);
  });
});

export function createFrom(bytes: Uint8Array): Document {
  const document = createDocument();
  document.import(bytes);
  return document;
}

/** Two documents that pass every update on to each other. */
function pair(): [Document, Document] {
  const [a, b] = [createDocument(), createDocument()];
  a.on('update', (bytes) => b.import(bytes));
  b.on('update', (bytes) => a.import(bytes));
  return [a, b];
}

function exchange(a: Document, b: Document, [versionA, versionB]: Uint8Array[]): void {
  const [fromA, fromB] = [a.export(versionB), b.export(versionA)];
  a.import(fromB);
  b.import(fromA);
}
