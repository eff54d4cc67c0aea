import { describe, expect, it } from '@jest/globals';
import { createDocument } from '../index.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import type { Delta } from './delta.js';
import type { List } from './list.js';

/** A listener's own copy of a list, kept by deltas alone. */
class Mirror {
  values: unknown[];
  readonly heard: { delta: Delta<readonly unknown[]>; local: boolean }[] = [];

  constructor(list: List<unknown>) {
    this.values = [...list];
    list.subscribe((event) => {
      this.heard.push(event);
      let at = 0;
      for (const op of event.delta) {
        if ('insert' in op) { this.values.splice(at, 0, ...op.insert); at += op.insert.length; }
        else if ('delete' in op) this.values.splice(at, op.delete);
        else at += op.retain;
      }
    });
  }
}

function example(): List<unknown> {
  const list = createDocument().getList<unknown>('l');
  list.insert(0, 'a', { b: [1] }, null, 3);
  return list;
}

describe('a list', () => {
  it('inserts, reads, moves and deletes JSON values', () => {
    const list = example();
    list.insert(4, [], 5.5);
    expect([list.length, list.get(1), list.get(6)]).toEqual([6, { b: [1] }, undefined]);
    list.move(0, 2);
    expect(list.toArray()).toEqual([{ b: [1] }, null, 'a', 3, [], 5.5]);
    list.delete(1, 2);
    list.delete(0);
    expect([list.toJSON(), [...list]]).toEqual([[3, [], 5.5], [3, [], 5.5]]);
  });

  const calls: [string, (list: List<unknown>) => unknown, string][] = [
    ['get at -1', (list) => list.get(-1), 'index_out_of_range'],
    ['get at 0.5', (list) => list.get(0.5), 'invalid_argument'],
    ['insert past the end', (list) => list.insert(5, 1), 'index_out_of_range'],
    ['insert far past the end', (list) => list.insert(2 ** 40, 1), 'index_out_of_range'],
    ['insert at "1"', (list) => list.insert('1' as never, 1), 'invalid_argument'],
    ['insert what is no JSON after what is', (list) => list.insert(0, 1, undefined), 'invalid_argument'],
    ['insert a function', (list) => list.insert(0, () => 1), 'invalid_argument'],
    ['insert over 256 KiB', (list) => list.insert(0, 'x'.repeat(262_145)), 'too_large'],
    ['delete past the end', (list) => list.delete(3, 2), 'index_out_of_range'],
    ['delete -1', (list) => list.delete(0, -1), 'index_out_of_range'],
    ['delete NaN', (list) => list.delete(0, NaN), 'invalid_argument'],
    ['move from past the end', (list) => list.move(4, 0), 'index_out_of_range'],
    ['move past the end', (list) => list.move(0, 4), 'index_out_of_range'],
    ['move to past the end and from there', (list) => list.move(4, 4), 'index_out_of_range'],
    ['move to -1', (list) => list.move(0, -1), 'index_out_of_range'],
    ['move from NaN', (list) => list.move(NaN, 0), 'invalid_argument'],
  ];

  it.each(calls)('refuses to %s, changes nothing, and goes on', (_, call, code) => {
    const list = example();
    const mirror = new Mirror(list);
    expect(() => call(list)).toThrow(expect.objectContaining({ code }));
    expect([list.toArray(), mirror.heard]).toEqual([['a', { b: [1] }, null, 3], []]);
    list.insert(4, '!');
    expect(mirror.values).toEqual(['a', { b: [1] }, null, 3, '!']);
  });

  it('makes no op of nothing', () => {
    const document = createDocument();
    const list = document.getList('l');
    list.insert(0, 'x');
    const before = document.version();
    let calls = 0;
    list.subscribe(() => calls++);
    for (const write of [list.insert(1), list.delete(1, 0), list.move(0, 0)]) expect(write.state).toBe('local');
    expect([document.version(), calls]).toEqual([before, 0]);
    expect(() => list.insert(2)).toThrow(expect.objectContaining({ code: 'index_out_of_range' }));
  });

  it('takes 100,000 values at once, and so does a peer', () => {
    const document = createDocument();
    const values = Array.from({ length: 100_000 }, (_, i) => i);
    document.getList('l').insert(0, ...values);
    const peer = createDocument();
    peer.import(document.export());
    expect(peer.getList('l').toArray()).toEqual(values);
  });

  it('is the same frozen array until it changes, and part of its document', () => {
    const document = createDocument();
    const list = document.getList(['deep', 'list']);
    list.insert(0, { done: false });
    expect(list.toArray()).toBe(list.toArray());
    expect([Object.isFrozen(list.toArray()), Object.isFrozen(list.get(0))]).toEqual([true, true]);
    expect(document.toJSON()).toEqual({ deep: { list: [{ done: false }] } });
    document.getMap('deep').delete('list');
    expect([list.toArray(), document.toJSON()]).toEqual([[], { deep: {} }]);
  });

  it('tells its listeners of a move as one deletion and one insertion', () => {
    const [a, b] = [createDocument(), createDocument()];
    a.getList('l').insert(0, 'x', 1, 2);
    b.import(a.export());
    const mirrors = [a, b].map((document) => new Mirror(document.getList<unknown>('l')));
    const since = b.version();
    a.getList('l').move(0, 2);
    b.import(a.export(since));
    const delta = [{ delete: 1 }, { retain: 2 }, { insert: ['x'] }];
    expect(mirrors.map(({ heard }) => heard)).toEqual([[{ delta, local: true }], [{ delta, local: false }]]);
  });

  it('keeps a listener\'s values apart from what the app goes on to change', () => {
    const list = createDocument().getList<unknown>('l');
    const mirror = new Mirror(list);
    const mine = { n: 1 };
    list.insert(0, mine);
    mine.n = 2;
    expect([mirror.values, list.toArray()]).toEqual([[{ n: 1 }], [{ n: 1 }]]);
  });

  it('keeps the copies of its listeners equal to it under any edits, own and from a peer', () => {
    const random = new Random(seedFromEnv());
    for (let run = 0; run < 12; run++) {
      const documents = [createDocument(), createDocument(), createDocument()];
      const lists = documents.map((document) => document.getList<unknown>('list'));
      const mirrors = lists.map((list) => new Mirror(list));
      for (let i = 0; i < 120; i++) {
        const at = random.int(3);
        const [document, list] = [documents[at], lists[at]];
        if (random.chance(0.25)) {
          const other = documents[random.int(3)];
          document.import(random.chance(0.1) ? other.snapshot() : other.export(document.version()));
        } else if (random.chance(0.2)) {
          document.transact(() => { for (let k = random.int(4); k > 0; k--) scribble(list, random); });
        } else {
          scribble(list, random);
        }
        expect(mirrors[at].values).toEqual(list.toArray());
      }
      for (let twice = 0; twice < 2; twice++) for (const document of documents) for (const other of documents) document.import(other.export(document.version()));
      expect(new Set(documents.map((document) => document.digest())).size).toBe(1);
      mirrors.forEach((mirror, i) => expect(mirror.values).toEqual(lists[i].toArray()));
    }
  });
});

function scribble(list: List<unknown>, random: Random): void {
  const { length } = list;
  if (length === 0 || random.chance(0.4)) list.insert(random.int(length + 1), random.int(100), { n: random.int(9) });
  else if (random.chance(0.3)) list.delete(random.int(length), 1);
  else list.move(random.int(length), random.int(length));
}
