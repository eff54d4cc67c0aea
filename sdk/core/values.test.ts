// Values: every JSON kind there and back, one spelling each, and the limits on both sides of each.

import { describe, expect, it } from '@jest/globals';
import { isEncodedValue } from './codec.js';
import { decodeValue, encodeValue, type JsonValue } from './values.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const thereAndBack = (value: unknown) => decodeValue(encodeValue(value).slice());
const nested = (depth: number, core: unknown = 1): unknown => (depth === 0 ? core : [nested(depth - 1, core)]);

describe('a value', () => {
  it.each<[string, JsonValue, string]>([
    ['null', null, '00'],
    ['false', false, '01'],
    ['true', true, '02'],
    ['zero', 0, '0300'],
    ['a small integer', 3, '0306'],
    ['a negative one', -3, '0305'],
    ['the greatest safe integer', 2 ** 53 - 1, '03feffffffffffff1f'],
    ['the least safe integer', -(2 ** 53 - 1), '03fdffffffffffff1f'],
    ['one beyond 2^52', -(2 ** 52) - 1, '0381808080808080' + '10'],
    ['a fraction', 0.5, '04000000000000e03f'],
    ['an integer too large to be safe', 2 ** 53, '040000000000004043'],
    ['the least fraction', 5e-324, '040100000000000000'],
    ['text', 'é', '0502c3a9'],
    ['no text', '', '0500'],
    ['an array', [1, [], 'a'], '06030302' + '0600' + '050161'],
    ['an object', { b: 1, a: {} }, '07020162' + '0302' + '0161' + '0700'],
  ])('says %s in its own bytes', (_name, value, bytes) => {
    expect(hex(encodeValue(value))).toBe(bytes);
    expect(thereAndBack(value)).toEqual(value);
    expect(isEncodedValue(encodeValue(value).slice())).toBe(true);
  });

  it('keeps every integer near each power of two, either sign', () => {
    for (let power = 0; power <= 53; power++) {
      for (const near of [-1, 0, 1]) {
        const value = 2 ** power + near;
        if (Number.isSafeInteger(value)) expect([thereAndBack(value), thereAndBack(-value)]).toEqual([value, -value || 0]);
      }
    }
  });

  it('has one zero', () => {
    expect(Object.is(thereAndBack(-0), 0)).toBe(true);
  });

  it('keeps text to the last unit, a byte order mark in front included', () => {
    for (const text of ['\ufeff', '\ufeffa', `\ufeff${'a'.repeat(100)}`, 'é'.repeat(200), '\0', '😀', 'a\u2028b']) {
      expect(thereAndBack(text)).toBe(text);
      expect(thereAndBack({ [text]: 1 })).toEqual({ [text]: 1 });
    }
  });

  it('turns a lone surrogate into U+FFFD', () => {
    expect(thereAndBack('a\ud800b')).toBe('a\ufffdb');
  });

  it('is frozen throughout when it is read', () => {
    const value = thereAndBack({ a: [{ b: 1 }] }) as { a: object[] };
    for (const part of [value, value.a, value.a[0]]) expect(Object.isFrozen(part)).toBe(true);
  });

  it('reads undefined in an array as null and leaves it out of an object, as JSON does', () => {
    expect(thereAndBack([undefined])).toEqual([null]);
    expect(thereAndBack({ a: undefined, b: 1 })).toEqual({ b: 1 });
  });

  it('sorts an object for a set at every depth, and only then', () => {
    expect(hex(encodeValue({ b: { d: 1, c: 1 }, a: 1 }, true))).toBe(hex(encodeValue({ a: 1, b: { c: 1, d: 1 } }, true)));
    expect(Object.keys(thereAndBack({ b: 1, a: 1 }) as object)).toEqual(['b', 'a']);
  });

  it.each([
    ['NaN', NaN], ['infinity', Infinity], ['undefined', undefined], ['a function', () => 1], ['a symbol', Symbol('s')],
    ['a bigint', 1n], ['a date', new Date()], ['a map', new Map()], ['a typed array', new Uint8Array(1)], ['a class instance', new (class A {})()],
  ])('refuses %s', (_name, value) => {
    expect(() => encodeValue(value)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => encodeValue({ deep: [value === undefined ? Symbol('s') : value] })).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('refuses what holds itself', () => {
    const loop: unknown[] = [];
    loop.push(loop);
    expect(() => encodeValue(loop)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('nests 64 levels deep and no deeper, here and in the engine', () => {
    expect(thereAndBack(nested(64))).toEqual(nested(64));
    expect(() => encodeValue(nested(65))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    const bytes = (depth: number) => Uint8Array.from([...Array<number[]>(depth).fill([6, 1]).flat(), 0]);
    expect([isEncodedValue(bytes(64)), isEncodedValue(bytes(65))]).toEqual([true, false]);
  });

  it.each(['__proto__', 'prototype', 'constructor'])('refuses the key %s at every depth', (key) => {
    const object = Object.defineProperty({}, key, { value: 1, enumerable: true });
    for (const value of [object, [object], { a: { b: object } }]) {
      expect(() => encodeValue(value)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
    expect(() => encodeValue(nested(60, object))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });
});

describe('the engine', () => {
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
  const name = (key: string) => Buffer.from(key).toString('hex');

  it.each([
    ['nothing', ''], ['an unknown tag', '08'], ['two values', '0000'], ['a cut integer', '0380'], ['an unsafe integer', '0380808080808080' + '20'],
    ['an integer spelled long', '038000'], ['a cut number', '0400'], ['NaN', '04000000000000f87f'], ['an infinity', '04000000000000f07f'],
    ['an integer as a number', '04000000000000f03f'], ['zero as a number', '040000000000000080'],
    ['a cut string', '0502 61'], ['an overlong sequence', '0502 c080'], ['a surrogate in UTF-8', '0503 eda080'], ['a point past the last', '0504 f4908080'],
    ['half a sequence', '0501 c3'], ['more items than bytes', '06ffffffff0f'], ['a cut array', '0602 00'], ['a cut object', '0701 0161'],
    ['a key through the prototype', `0701 09${name('__proto__')}00`], ['a nested one', `0601 0701 0b${name('constructor')}00`],
    ['another', `0701 0161 0701 09${name('prototype')}00`], ['a key that is not UTF-8', '0701 01ff 00'],
  ])('refuses %s', (_name, text) => {
    expect(isEncodedValue(bytes(text))).toBe(false);
  });
});
