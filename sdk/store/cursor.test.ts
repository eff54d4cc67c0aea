import { describe, expect, it } from '@jest/globals';
import { Kind } from '../core/document.js';
import { createDocument, type Document } from '../index.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import { outsidePair } from '../testing/text-peers.js';
import { decodeCursor, encodeCursor } from './cursor.js';

const anchor = { replica: '0123456789abcdef', elem: 300 };

describe('a cursor', () => {
  it('is these bytes', () => {
    expect([...encodeCursor('before', null)]).toEqual([0]);
    expect([...encodeCursor('after', null)]).toEqual([1]);
    expect([...encodeCursor('after', anchor)]).toEqual([1, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 0xac, 0x02]);
  });

  it.each([0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32 - 1])('of element %i comes back', (elem) => {
    for (const side of ['before', 'after'] as const) {
      expect(decodeCursor(encodeCursor(side, { ...anchor, elem }))).toEqual({ side, anchor: { ...anchor, elem } });
    }
  });

  it.each([
    [[]], [[2]], [[0, 1]], [[1, ...Array(8).fill(0), 1]], [[1, ...Array(8).fill(1)]], [[1, ...Array(8).fill(1), 128]],
    [[1, ...Array(8).fill(1), 255, 255, 255, 255, 31]], [[1, ...Array(8).fill(1), 128, 128, 128, 128, 128, 1]],
  ])('is not %j', (bytes) => {
    expect(() => decodeCursor(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('is bytes and nothing else', () => {
    for (const value of [null, undefined, 'AA', [0], new ArrayBuffer(1)]) {
      expect(() => decodeCursor(value as never)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
  });
});

describe('a cursor in a text', () => {
  it('moves with the character it leans on, also on another replica', () => {
    const [a, b] = [createDocument(), createDocument()];
    const [here, there] = [a.getText('t'), b.getText('t')];
    here.insert(0, 'abcd');
    b.import(a.export());
    const [before, after] = [here.cursor(2, 'before'), here.cursor(2, 'after')];
    there.insert(2, 'XY');
    there.insert(0, '__');
    expect([there.resolve(before), there.resolve(after)]).toEqual([4, 6]);
    a.import(b.export(a.version()));
    expect([here.resolve(before), here.resolve(after)]).toEqual([4, 6]);
    there.delete(0, there.length);
    expect([there.resolve(before), there.resolve(after)]).toEqual([0, 0]);
  });

  it('at an end stays there', () => {
    const text = createDocument().getText('t');
    text.insert(0, 'ab');
    const [start, end] = [text.cursor(0, 'before'), text.cursor(2, 'after')];
    text.insert(0, 'x');
    text.insert(3, 'y');
    expect([text.resolve(start), text.resolve(end)]).toEqual([0, 4]);
  });

  it('whose character is not here yet is at the end it leans to', () => {
    const [a, b] = [createDocument(), createDocument()];
    a.getText('t').insert(0, 'abc');
    b.getText('t').insert(0, 'zz');
    expect(b.getText('t').resolve(a.getText('t').cursor(1, 'before'))).toBe(0);
    expect(b.getText('t').resolve(a.getText('t').cursor(1, 'after'))).toBe(2);
  });

  it('is found again after a snapshot, a merge and many edits, in a few bytes', () => {
    const random = new Random(seedFromEnv());
    const author = createDocument();
    const text = author.getText('t');
    text.insert(0, random.string(2_000));
    // What stands there is told from every other element by its name; so the place of a mark tells the place of a cursor.
    const marks = Array.from({ length: 40 }, () => outsidePair(text.toString(), random.int(text.length)));
    const held = marks.map((index) => ({ cursor: text.cursor(index), name: author.engine.textElement(author.engine.container(['t'], Kind.Text), index)! }));
    expect(Math.max(...held.map(({ cursor }) => cursor.length))).toBeLessThanOrEqual(11);
    const peer = createDocument();
    peer.import(author.snapshot());
    for (const document of [author, peer]) scribble(document, random);
    peer.import(author.export(peer.version()));
    author.import(peer.snapshot());
    const late = createDocument();
    late.import(author.snapshot());
    for (const { cursor, name } of held) {
      const places = [author, peer, late].map((document) => document.getText('t').resolve(cursor));
      expect(new Set(places).size).toBe(1);
      const there = late.engine.textElement(late.engine.container(['t'], Kind.Text), places[0]);
      const isDeleted = late.engine.textResolve(late.engine.container(['t'], Kind.Text), name, true) === places[0];
      if (!isDeleted) expect(there).toEqual(name);
    }
  });

  it('on a deleted character is where it was, on either side, also for a replica that has only a snapshot', () => {
    const author = createDocument();
    const text = author.getText('t');
    text.insert(0, 'abcdef');
    const [before, after] = [text.cursor(3, 'before'), text.cursor(2, 'after')];
    text.delete(1, 4);
    const late = createDocument();
    late.import(author.snapshot());
    for (const document of [author, late]) {
      expect([document.getText('t').resolve(before), document.getText('t').resolve(after)]).toEqual([1, 1]);
      document.getText('t').insert(0, '>');
      expect([document.getText('t').resolve(before), document.getText('t').resolve(after)]).toEqual([2, 2]);
    }
  });

  it('at the start and the end of an empty text is one byte, and goes where they go', () => {
    const text = createDocument().getText('t');
    const [start, end] = [text.cursor(0, 'before'), text.cursor(0, 'after')];
    expect([start.length, end.length]).toEqual([1, 1]);
    text.insert(0, 'abc');
    expect([text.resolve(start), text.resolve(end)]).toEqual([0, 3]);
  });

  it('has a place within the text and one of two sides', () => {
    const text = createDocument().getText('t');
    text.insert(0, 'ab');
    for (const index of [3, -1]) expect(() => text.cursor(index)).toThrow(expect.objectContaining({ code: 'index_out_of_range' }));
    for (const index of [0.5, NaN, '1']) expect(() => text.cursor(index as number)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => text.cursor(0, 'left' as never)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });
});

function scribble(document: Document, random: Random): void {
  const text = document.getText('t');
  for (let i = 0; i < 200; i++) {
    const all = text.toString();
    const [from, to] = [random.int(all.length + 1), random.int(all.length + 1)].sort((a, b) => a - b).map((index) => outsidePair(all, index));
    text.splice(from, random.chance(0.5) ? outsidePair(all, Math.min(to, from + 9)) - from : 0, random.chance(0.7) ? random.string(3) : '');
  }
}
