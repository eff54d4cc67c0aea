// Moves, deletions and insertions of list items that meet: what must come out of it, everywhere.

import { afterEach, describe, expect, it } from '@jest/globals';
import { readBlocks, voidOf } from '../../sdk/core/codec.js';
import { EngineDocument, Kind } from '../../sdk/core/document.js';
import { batch, bytesOf, fixed64, snapshot, type Part } from '../../sdk/testing/crafted.js';

const [a, b, c] = ['00000000000000a1', '8000000000000000', 'ffffffffffffffff'];
/** An insertion of values without origins. */
const valuesTag = Uint8Array.of(0x80);
const open: EngineDocument[] = [];

afterEach(() => open.splice(0).forEach((doc) => doc.free()));

function empty(id: string, ...updates: Uint8Array[]): EngineDocument {
  const doc = new EngineDocument(id);
  open.push(doc);
  updates.forEach((update) => doc.apply(update));
  return doc;
}

function list(doc: EngineDocument): number { return doc.container(['list'], Kind.List); }
function shown(doc: EngineDocument): unknown[] { return doc.listRead(list(doc), 0, doc.listLength(list(doc))); }

/** Replicas that all have the same list. */
function sharing(values: unknown[], ...ids: string[]): EngineDocument[] {
  const docs = ids.map((id) => empty(id));
  docs[0].listInsert(list(docs[0]), 0, values);
  const update = docs[0].take()!;
  docs.slice(1).forEach((doc) => doc.apply(update));
  return docs;
}

/** Everybody gets what everybody wrote, each in another order, and all come out alike. @returns what they show */
function meet(docs: EngineDocument[]): unknown[] {
  const updates = docs.map((doc) => doc.take() ?? new Uint8Array(0));
  docs.forEach((doc, i) => [...updates.slice(i), ...updates.slice(0, i)].forEach((update) => doc.apply(update)));
  const reader = empty('00000000000000d4', docs[0].snapshot());
  for (const doc of [...docs, reader]) expect([doc.digest(), shown(doc)]).toEqual([docs[0].digest(), shown(docs[0])]);
  return shown(docs[0]);
}

describe('a list', () => {
  it('moves an item so that it then stands where it was asked to, for every from and to', () => {
    for (let from = 0; from < 5; from++) {
      for (let to = 0; to < 5; to++) {
        const [doc, peer] = sharing([0, 1, 2, 3, 4], a, b);
        doc.listMove(list(doc), from, to, 1000);
        const wanted = [0, 1, 2, 3, 4];
        wanted.splice(to, 0, ...wanted.splice(from, 1));
        expect(shown(doc)).toEqual(wanted);
        expect(meet([doc, peer])).toEqual(wanted);
      }
    }
  });

  it('keeps one copy where two replicas move an item to different places, and the last move wins', () => {
    const docs = sharing(['x', 1, 2, 3], a, b);
    docs[0].listMove(list(docs[0]), 0, 3, 2000);
    docs[1].listMove(list(docs[1]), 0, 1, 1000);
    expect(meet(docs)).toEqual([1, 2, 3, 'x']);
  });

  it('lets the higher replica id decide between moves of one moment', () => {
    const docs = sharing(['x', 1, 2, 3], a, b);
    docs[0].listMove(list(docs[0]), 0, 3, 1000);
    docs[1].listMove(list(docs[1]), 0, 1, 1000);
    expect(meet(docs)).toEqual([1, 'x', 2, 3]);
  });

  it('has deleting beat moving, whichever comes later and whichever comes first', () => {
    for (const [moved, order] of [[3000, 1], [1, 1], [3000, -1], [1, -1]]) {
      const docs = sharing(['x', 1, 2], a, b, c).slice(0, 3);
      docs[0].listMove(list(docs[0]), 0, 2, moved);
      docs[1].listDelete(list(docs[1]), 0, 1);
      expect(meet(order > 0 ? docs : docs.reverse())).toEqual([1, 2]);
    }
  });

  it('deletes an item where it is, though the deletion was of where it was', () => {
    const [one, two] = sharing(['x', 1, 2], a, b);
    one.listMove(list(one), 0, 2, 1000);
    two.listDelete(list(two), 0, 2);
    expect(meet([one, two])).toEqual([2]);
  });

  it('keeps what is typed beside an item where it was typed, when the item moves away', () => {
    const docs = sharing([1, 'x', 2], a, b);
    docs[0].listMove(list(docs[0]), 1, 2, 1000);
    docs[1].listInsert(list(docs[1]), 1, ['before']);
    docs[1].listInsert(list(docs[1]), 3, ['after']);
    expect(meet(docs)).toEqual([1, 'before', 'after', 2, 'x']);
  });

  it('moves a moved item by its name', () => {
    const docs = sharing(['x', 1, 2, 3], a, b);
    docs[0].listMove(list(docs[0]), 0, 3, 1000);
    docs[1].apply(docs[0].take()!);
    docs[1].listMove(list(docs[1]), 3, 1, 1000);
    docs[0].listMove(list(docs[0]), 3, 2, 900);
    expect(meet(docs)).toEqual([1, 'x', 2, 3]);
  });

  it('comes out of three replicas that move in a circle with each item once', () => {
    const docs = sharing(['x', 'y', 'z'], a, b, c);
    docs.forEach((doc, i) => doc.listMove(list(doc), i, (i + 1) % 3, 1000));
    expect([...meet(docs)].sort()).toEqual(['x', 'y', 'z']);
  });

  it('knows from its snapshot that an older move has lost', () => {
    const [one, two] = sharing(['x', 1, 2, 3], a, b);
    two.listMove(list(two), 0, 3, 1000);
    const late = two.take()!;
    one.listMove(list(one), 0, 1, 2000);
    const reloaded = empty(c, one.snapshot());
    reloaded.apply(late);
    expect(shown(reloaded)).toEqual([1, 'x', 2, 3]);
    one.apply(late);
    expect(one.digest()).toBe(reloaded.digest());
  });

  it('knows from its snapshot that an item is deleted, whatever move comes', () => {
    const [one, two] = sharing(['x', 1, 2], a, b);
    two.listMove(list(two), 0, 2, 9000);
    one.listDelete(list(one), 0, 1);
    const reloaded = empty(c, one.snapshot(), two.take()!);
    expect(shown(reloaded)).toEqual([1, 2]);
  });

  it('merges a snapshot into a list that has moved, deleted and inserted on its own', () => {
    const [one, two] = sharing(['x', 'y', 'z', 1], a, b);
    one.listMove(list(one), 0, 3, 2000);
    one.listDelete(list(one), 0, 1);
    two.listMove(list(two), 0, 1, 1000);
    two.listMove(list(two), 2, 0, 3000);
    two.listInsert(list(two), 4, ['new']);
    two.listMove(list(two), 4, 0, 3000);
    const [fromOne, fromTwo] = [one.snapshot(), two.snapshot()];
    one.apply(fromTwo);
    two.apply(fromOne);
    expect([shown(one), one.digest()]).toEqual([['new', 'z', 1, 'x'], two.digest()]);
    expect(shown(two)).toEqual(shown(one));
  });

  it('goes on later than a move whose item is gone, however it heard of it', () => {
    const [one, two] = sharing(['x', 1, 2], a, b);
    one.listMove(list(one), 0, 2, 5000);
    one.listDelete(list(one), 2, 1);
    two.listInsert(list(two), 0, ['own']);
    two.apply(one.snapshot());
    two.take();
    two.listMove(list(two), 0, 1, 1);
    expect(two.snapshot().subarray(6, 14)).toEqual(fixed64((5000n << 16n) + 1n));
  });

  it('lives through a void: what a refused batch had inserted and moved is counted, and nothing else', () => {
    const [one, two] = sharing(['x', 1, 2], a, b);
    one.listInsert(list(one), 3, ['no', 'never']);
    one.listMove(list(one), 0, 4, 1000);
    const refused = voidOf(one.take()!);
    expect(readBlocks(refused)).toMatchObject([{ kind: 'void', replica: a, seqFrom: 4, seqTo: 6 }]);
    two.apply(refused);
    const again = empty(a, two.snapshot());
    again.listMove(list(again), 0, 2, 1000);
    again.listInsert(list(again), 3, ['yes']);
    two.apply(again.take()!);
    expect([shown(two), two.digest()]).toEqual([[1, 2, 'x', 'yes'], again.digest()]);
  });

  it('takes the rest of a batch of which it knows the front', () => {
    const author = empty(a);
    author.listInsert(list(author), 0, ['x']);
    const reader = empty(b, author.take()!);
    const whole = batch(a, 1, 4, [8, 1, 0, Kind.List, 'list'], [valuesTag, 1, bytesOf(8), Uint8Array.of(5, 1, 120, 3, 2, 3, 4, 0)]);
    reader.apply(whole);
    expect(shown(reader)).toEqual(['x', 1, 2, null]);
  });

  it('tells an observer of a move as a deletion and an insertion, at the indexes of that moment', () => {
    const [one, two] = sharing(['x', 1, 2], a, b);
    two.observe(true);
    one.listMove(list(one), 0, 2, 1000);
    two.apply(one.take()!);
    expect(two.events()).toEqual([
      { kind: 'delete', container: 1, index: 0, count: 1 },
      { kind: 'items', container: 1, index: 2, values: ['x'] },
    ]);
    one.listInsert(list(one), 0, ['brief']);
    one.listDelete(list(one), 0, 3);
    two.apply(one.take()!);
    expect(two.events()).toMatchObject([{ kind: 'items', index: 0, values: [null] }, ...Array.from({ length: 3 }, () => ({ kind: 'delete', index: 0, count: 1 }))]);
  });

  it('writes one op for values inserted one after another, and batches of 64 KiB', () => {
    const author = empty(a);
    for (let i = 0; i < 100; i++) author.listInsert(list(author), i, [i % 50]);
    expect(author.take()!.length).toBeLessThan(235);
    author.listInsert(list(author), 100, Array.from({ length: 100_000 }, (_, i) => ({ id: i })));
    const update = author.take()!;
    expect(readBlocks(update).every(({ length }) => length < 70_000)).toBe(true);
    const reader = empty(b, update.slice(0, 0), empty(c, author.snapshot()).export());
    expect([reader.digest(), shown(reader).length]).toEqual([author.digest(), 100_100]);
  });

  it('gives back what deleted items held, and leaves a tombstone for a move and nothing else', () => {
    const doc = empty(a);
    const big = 'v'.repeat(3000);
    doc.listInsert(list(doc), 0, Array.from({ length: 200 }, () => big));
    doc.take();
    doc.trim();
    const held = doc.memoryBytes();
    for (let round = 0; round < 20; round++) {
      doc.listDelete(list(doc), 0, 200);
      doc.listInsert(list(doc), 0, Array.from({ length: 200 }, () => big));
      doc.take();
      doc.trim();
    }
    expect(doc.memoryBytes() - held).toBeLessThan(400_000);
    doc.listDelete(list(doc), 2, 198);
    const before = doc.snapshot().length;
    for (let i = 0; i < 100; i++) doc.listMove(list(doc), 0, 1, 1000);
    expect(doc.snapshot().length - before).toBeLessThan(100 * 8);
    const still = doc.memoryBytes();
    for (let i = 0; i < 20_000; i++) {
      doc.listMove(list(doc), 0, 1, 1000);
      if (i % 1000 !== 0) continue;
      doc.take();
      doc.trim();
    }
    expect(doc.memoryBytes() - still).toBeLessThan(20_000 * 20);
  });
});

describe('what a hostile peer says of a list', () => {
  const table: Part = [8, 1, 0, Kind.List, 'list'];
  const three: Part = [valuesTag, 1, 6, Uint8Array.of(3, 2, 3, 4, 3, 6)];
  const stamped = (...rest: Part[]): Part => [12, fixed64(1000n << 16n), 1, 0, Kind.List, 'list', rest];

  function refuses(update: Uint8Array, code = 'invalid_update'): void {
    const [doc] = sharing(['x', 1, 2], b);
    doc.listMove(list(doc), 0, 2, 1000);
    const digest = doc.digest();
    expect(() => doc.apply(update)).toThrow(expect.objectContaining({ code }));
    expect(doc.digest()).toBe(digest);
  }

  it('is taken when it is well formed', () => {
    const doc = empty(c, batch(a, 1, 4, stamped(three, [0x0f, 1, 3, 2])));
    expect(shown(doc)).toEqual([2, 3, 1]);
  });

  it.each<[string, Uint8Array]>([
    ['text in a list', batch(a, 1, 1, table, [0x00, 1, 'x'])],
    ['values in a text', batch(a, 1, 1, [8, 1, 0, Kind.Text, 'text'], [valuesTag, 1, 2, Uint8Array.of(3, 2)])],
    ['no values', batch(a, 1, 1, table, [valuesTag, 1, 0])],
    ['a value that is cut', batch(a, 1, 1, table, [valuesTag, 1, 1, Uint8Array.of(3)])],
    ['fewer values than units', batch(a, 1, 4, table, three)],
    ['a move without a stamp', batch(a, 1, 4, table, three, [0x0f, 1, 3, 0])],
    ['a move stamped too late for any clock', batch(a, 1, 4, [12, fixed64(1n << 63n), 1, 0, Kind.List, 'list'], three, [0x0f, 1, 3, 0])],
    ['a move of an item that is not here', batch(a, 1, 4, stamped(three, [0x0f, 1, 4, 0]))],
    ['a move in no list', batch(a, 1, 4, stamped(three, [0x07, 2, 3, 0]))],
    ['a move of a move', batch(a, 1, 5, stamped(three, [0x0f, 1, 3, 0], [0x0f, 2, 1, 0]))],
    ['a deletion of a move', batch(a, 1, 5, stamped(three, [0x0f, 1, 3, 0], [0x09, 1, 1]))],
    ['a deletion of a move of another', batch(a, 1, 1, 1, 1, fixed64(b), [0x11, 1, 3, 1])],
    ['a move to another list', batch(a, 1, 5, [12, fixed64(1n << 32n), 2, 0, Kind.List, 'list', 0, Kind.List, 'other'], three, [valuesTag, 2, 2, Uint8Array.of(3, 2)], [0x0f, 1, 4, 0])],
    ['a move of an item of a text', batch(a, 1, 3, [12, fixed64(1n << 32n), 2, 0, Kind.List, 'list', 0, Kind.Text, 'text'], [0x00, 2, '\0'], [valuesTag, 1, 2, Uint8Array.of(3, 2)], [0x0f, 1, 2, 0])],
  ])('is refused: %s', (_name, update) => refuses(update));

  it('is refused when a move is stamped later than the reader allows', () => {
    const [one, two] = sharing(['x', 1], a, b);
    one.listMove(list(one), 0, 1, 5000);
    const update = one.take()!;
    expect(() => two.apply(update, { stampMax: 4999 })).toThrow(expect.objectContaining({ code: 'clock_drift' }));
    expect(two.apply(update, { stampMax: 5000 }).applied).toBe(1);
  });

  /** Four elements of one replica: spans as zigzag steps and sizes × 2 + isDeleted, then what only lists have. */
  const oneList = (versions: number[], lengths: number[], ...state: Part[]) => snapshot(fixed64(1000n), 1, fixed64(a), 4, 4, [1, 8, 0],
    1, 0, Kind.List, 'list', 0, [versions.length, versions.length, versions, lengths.length, lengths, 0, 0], state);
  const values = (count: number): Part => [0, count, new Uint8Array(count)];

  it('may be a snapshot written by hand', () => {
    const doc = empty(c, oneList([0], [8], values(4), 0));
    expect(shown(doc)).toEqual([null, null, null, null]);
    const moved = empty(c, oneList([0, 0, 0], [3, 4, 2], values(3), [1, 6], [3, 5]));
    expect(shown(moved)).toEqual([null, null, null]);
    moved.listMove(list(moved), 2, 0, 1);
    expect(shown(moved)).toHaveLength(3);
  });

  it.each<[string, Uint8Array]>([
    ['fewer values than items', oneList([0], [8], values(3), 0)],
    ['more values than items', oneList([0], [8], values(5), 0)],
    ['a value that is none', oneList([0], [8], [0, 4, Uint8Array.of(0, 0, 0, 9)], 0)],
    ['a move that is no element', oneList([0], [8], values(4), [1, 8])],
    ['a move of what is visible', oneList([0, 0, 0], [2, 5, 2], values(2), [1, 6], [3, 5])],
    ['a move of itself', oneList([0, 0, 0], [3, 4, 2], values(3), [1, 6], [0, 5])],
    ['a move of what comes later', oneList([0, 0], [2, 7], values(1), [1, 0], [4, 5])],
    ['a move of a move', oneList([0, 0, 0], [3, 4, 2], values(3), [2, 0, 4], [3, 5])],
    ['a move of no age', oneList([0, 0, 0], [3, 4, 2], values(3), [1, 6], [3, 1000])],
    ['two moves of one item', oneList([0, 0, 0], [5, 2, 2], values(2), [2, 4, 0], [2, 5], [3, 5])],
    ['more unpacked than its bytes could be', oneList([0], [8], [1, 4_000_000, 4, new Uint8Array(4)], 0)],
  ])('is refused in a snapshot: %s', (_name, update) => refuses(update));

  it('may not, by a snapshot, make a move of what was an item', () => {
    const author = empty(a);
    author.listInsert(list(author), 0, [null, null, null, null]);
    const doc = empty(b, author.take()!);
    const digest = doc.digest();
    for (const [seq, kind] of [[5, [1, 6]], [6, 0]] as const) {
      const other = snapshot(fixed64(1000n), 1, fixed64(a), seq, 4, [1, 8, 0], 1, 0, Kind.List, 'list', 0, [2, 2, [0, 0], 2, [6, 3], 0, 0], values(3), kind);
      if (kind !== 0) expect(() => doc.apply(other)).toThrow(expect.objectContaining({ code: 'invalid_update' }));
      else expect(doc.apply(other).applied).toBe(1);
      expect(doc.digest() === digest).toBe(kind !== 0);
    }
  });
});
