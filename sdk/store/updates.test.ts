import { describe, expect, it } from '@jest/globals';
import { createDocument, type Document } from '../index.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import { Mirror } from './testing/mirror.js';

describe('updates', () => {
  it('keep two documents equal in both directions, without an echo', () => {
    const [a, b] = [createDocument(), createDocument()];
    const counts = [0, 0];
    a.on('update', (bytes) => { counts[0]++; b.import(bytes); });
    b.on('update', (bytes) => { counts[1]++; a.import(bytes); });
    a.set('x', 1);
    b.getText('t').insert(0, 'hello');
    a.getText('t').insert(5, '!');
    expect(a.toJSON()).toEqual({ t: 'hello!', x: 1 });
    expect(b.digest()).toBe(a.digest());
    expect(counts).toEqual([3, 3]);
  });

  it('travel along a chain and around a ring, and come to rest', () => {
    const ring = Array.from({ length: 4 }, () => createDocument());
    let count = 0;
    ring.forEach((document, i) => document.on('update', (bytes) => {
      if (++count > 100) throw new Error('an endless echo');
      ring[(i + 1) % 4].import(bytes);
    }));
    ring[0].getText('t').insert(0, 'a');
    ring[2].getText('t').insert(1, 'b');
    expect(new Set(ring.map((document) => document.digest())).size).toBe(1);
    expect(ring[3].getText('t').toString()).toBe('ab');
    expect(count).toBe(8);
  });

  it('begin when somebody listens; what was before is in export', () => {
    const [a, b] = [createDocument(), createDocument()];
    a.set('before', 1);
    const updates: Uint8Array[] = [];
    const stop = a.on('update', (bytes) => updates.push(bytes));
    a.set('during', 2);
    stop();
    a.set('after', 3);
    a.on('update', (bytes) => updates.push(bytes));
    a.set('again', 4);
    expect(updates).toHaveLength(2);
    b.import(a.export());
    expect(b.get()).toEqual({ after: 3, again: 4, before: 1, during: 2 });
    expect(() => a.on('change' as 'update', () => {})).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('bring the same in any order, any number of times, as updates, exports or snapshots', () => {
    const random = new Random(seedFromEnv());
    for (let run = 0; run < 20; run++) {
      const [a, b] = [createDocument(), createDocument()];
      const pieces: Uint8Array[] = [];
      for (const document of [a, b]) document.on('update', (bytes) => pieces.push(bytes));
      for (let i = 0; i < 15; i++) {
        const [document, other] = random.shuffle([a, b]);
        edit(document, random);
        if (random.chance(0.3)) other.import(document.export(other.version()));
        if (random.chance(0.1)) pieces.push(document.snapshot());
        if (random.chance(0.1)) pieces.push(document.export());
      }
      a.import(b.export());
      b.import(a.export());
      const target = createDocument();
      const updates: Uint8Array[] = [];
      target.on('update', (bytes) => updates.push(bytes));
      const mirror = new Mirror(target.getText('t'));
      for (const piece of random.shuffle([...pieces, ...pieces])) target.import(piece);
      expect([target.digest(), b.digest()]).toEqual([a.digest(), a.digest()]);
      expect(mirror.value).toBe(a.getText('t').toString());
      // And what the target told of it is all there is.
      const second = createDocument();
      for (const update of updates) second.import(update);
      expect(second.digest()).toBe(a.digest());
      expect([second.toJSON(), target.toJSON()]).toEqual([a.toJSON(), a.toJSON()]);
    }
  });

  it('tell nobody of what was known, and only what was new of what was not', () => {
    const [a, b] = [createDocument(), createDocument()];
    a.set('x', 1);
    const first = a.export();
    const since = a.version();
    a.set('y', 2);
    b.import(first);
    const updates: Uint8Array[] = [];
    let calls = 0;
    b.on('update', (bytes) => updates.push(bytes));
    b.subscribe(() => calls++);
    b.import(first);
    b.import(new Uint8Array(0));
    expect([updates, calls]).toEqual([[], 0]);
    b.import(a.export(since));
    expect([updates.length, calls]).toEqual([1, 1]);
  });

  it('that wait for another are told when it has come, with it', () => {
    const [a, b, c] = [createDocument(), createDocument(), createDocument()];
    const pieces: Uint8Array[] = [];
    a.on('update', (bytes) => pieces.push(bytes));
    for (const text of ['a', 'b', 'c']) a.getText('t').insert(a.getText('t').length, text);
    b.on('update', (bytes) => c.import(bytes));
    b.import(pieces[2]);
    b.import(pieces[1]);
    expect([b.getText('t').toString(), c.getText('t').toString()]).toEqual(['', '']);
    b.import(pieces[0]);
    expect([b.getText('t').toString(), c.getText('t').toString()]).toEqual(['abc', 'abc']);
    expect(c.digest()).toBe(a.digest());
  });

  it('of which the second half is bad keep the first, tell it, and say so', () => {
    const [a, b, c] = [createDocument(), createDocument(), createDocument()];
    const pieces: Uint8Array[] = [];
    a.on('update', (bytes) => pieces.push(bytes));
    a.set('x', 1);
    const since = a.version();
    a.set('y', 2);
    const bad = a.export(since);
    bad[bad.length - 1] = 250;
    b.on('update', (bytes) => c.import(bytes));
    let calls = 0;
    b.subscribe(() => calls++);
    const both = Uint8Array.from([...pieces[0], ...bad]);
    expect(() => b.import(both)).toThrow(expect.objectContaining({ code: 'invalid_update' }));
    expect([b.get(), c.get(), calls]).toEqual([{ x: 1 }, { x: 1 }, 1]);
    expect(() => b.import(bad)).toThrow();
    for (const value of [null, 'abc', [1], new ArrayBuffer(2)]) expect(() => b.import(value as never)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => b.export('x' as never)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => b.export(Uint8Array.of(9, 9))).toThrow(expect.objectContaining({ code: 'invalid_update' }));
    expect(calls).toBe(1);
    b.import(pieces[1]);
    expect(b.digest()).toBe(a.digest());
  });

  it('may lie in a buffer that changes afterwards', () => {
    const [a, b, c] = [createDocument(), createDocument(), createDocument()];
    const updates: Uint8Array[] = [];
    b.on('update', (bytes) => updates.push(bytes));
    a.getText('t').insert(0, 'abc');
    const bytes = a.export();
    b.import(bytes);
    bytes.fill(0);
    c.import(updates[0]);
    expect(c.getText('t').toString()).toBe('abc');
  });
});

describe('a snapshot', () => {
  it('goes into a new document, and into one in use, under its handles and listeners', () => {
    for (const isUsed of [false, true]) {
      const source = createDocument();
      source.set('title', 'x');
      source.getText(['deep', 'text']).insert(0, 'stored');
      source.getCounter('count').increment(5);
      const target = createDocument();
      const [text, count] = [target.getText(['deep', 'text']), target.getCounter('count')];
      if (isUsed) text.insert(0, 'own ');
      const fields = target.get();
      expect([text.length, count.value, fields]).toEqual([isUsed ? 4 : 0, 0, {}]);
      target.import(source.snapshot());
      expect([count.value, target.get()]).toEqual([5, { title: 'x' }]);
      expect(text.toString()).toContain('stored');
      const mirror = new Mirror(text);
      text.insert(0, '> ');
      count.increment();
      expect([mirror.value, count.value]).toEqual([text.toString(), 6]);
      source.import(target.export(source.version()));
      expect(source.digest()).toBe(target.digest());
    }
  });

  it('tells listeners that were there before it', () => {
    const [source, target] = [createDocument(), createDocument()];
    source.getText('t').insert(0, 'stored');
    source.getSet('s').add(1);
    const mirror = new Mirror(target.getText('t'));
    const heard: unknown[] = [];
    target.getSet('s').subscribe((event) => heard.push(event));
    target.import(source.snapshot());
    expect([mirror.value, heard]).toEqual(['stored', [{ local: false }]]);
  });
});

function edit(document: Document, random: Random): void {
  const text = document.getText('t');
  switch (random.int(6)) {
    case 0: document.set(random.pick(['a', 'b']), random.int(9)); break;
    case 1: document.getCounter('c').increment(random.int(9) - 4); break;
    case 2: document.getSet('s').add(random.int(4)); break;
    case 3: document.getSet('s').delete(random.int(4)); break;
    case 4: if (text.length > 0) text.delete(0, 1); break;
    default: text.insert(text.length, random.pick(['x', 'yz', '-']));
  }
}
