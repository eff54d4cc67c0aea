import { describe, expect, it } from '@jest/globals';
import { Random } from './seed.js';

describe('Random', () => {
  it('gives the same numbers for the same seed, on every machine', () => {
    const random = new Random(42);
    const draws = Array.from({ length: 5 }, () => random.uint32());
    expect(draws).toEqual(Array.from({ length: 5 }, ((again) => () => again.uint32())(new Random(42))));
    expect(draws).toEqual([660444221, 3652823732, 77672526, 910233633, 2297337756]);
  });

  it('gives each stream its own numbers, whatever was drawn before', () => {
    const random = new Random(1);
    const disk = random.stream('disk').uint32();
    random.uint32();
    expect(random.stream('disk').uint32()).toBe(disk);
    expect(random.stream('net').uint32()).not.toBe(disk);
    expect(new Random(2).stream('disk').uint32()).not.toBe(disk);
  });

  it('spreads evenly and reaches both ends', () => {
    const random = new Random(7);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[random.int(10)]++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    const ends = new Set(Array.from({ length: 100 }, () => random.between(-1, 1)));
    expect([...ends].sort((a, b) => a - b)).toEqual([-1, 0, 1]);
  });

  it('shuffles without losing anything, and every order comes up', () => {
    const random = new Random(3);
    const orders = new Set(Array.from({ length: 200 }, () => random.shuffle([1, 2, 3]).join('')));
    expect([...orders].sort()).toEqual(['123', '132', '213', '231', '312', '321']);
  });

  it('makes well-formed strings with surrogate pairs in them', () => {
    const text = new Random(5).string(2000);
    expect(Buffer.from(text, 'utf8').toString('utf8')).toBe(text);
    expect(text).toMatch(/[\ud800-\udbff][\udc00-\udfff]/);
  });
});
