import { describe, expect, it } from '@jest/globals';
import { createDocument } from '../index.js';
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

  it('has a place within the text and one of two sides', () => {
    const text = createDocument().getText('t');
    text.insert(0, 'ab');
    for (const index of [3, -1]) expect(() => text.cursor(index)).toThrow(expect.objectContaining({ code: 'index_out_of_range' }));
    for (const index of [0.5, NaN, '1']) expect(() => text.cursor(index as number)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => text.cursor(0, 'left' as never)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });
});
