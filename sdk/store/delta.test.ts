import { describe, expect, it } from '@jest/globals';
import { Random, seedFromEnv } from '../testing/seed.js';
import { compose, composeSplices, deltaOf, spliceBetween, spliceBetweenValues, tidy, type Delta, type Splice } from './delta.js';
import { applyDelta } from './testing/mirror.js';

const random = new Random(seedFromEnv());

function randomSplice(text: string): Splice {
  const index = random.int(text.length + 1);
  const deleted = random.int(text.length - index + 1);
  return { index, deleted, inserted: random.chance(0.7) ? random.string(random.int(4)) : '' };
}

function spliced(text: string, { index, deleted, inserted }: Splice): string {
  return text.slice(0, index) + inserted + text.slice(index + deleted);
}

describe('deltas', () => {
  it('composed do what each did, one after the other', () => {
    for (let run = 0; run < 500; run++) {
      const start = random.string(random.int(12));
      let text = start;
      const splices: Splice[] = [];
      for (let i = random.int(8); i > 0; i--) {
        const splice = randomSplice(text);
        splices.push(splice);
        text = spliced(text, splice);
      }
      const delta = composeSplices(splices);
      expect(applyDelta(start, delta)).toBe(text);
      expect(delta).toEqual(tidy(delta));
      expect(splices.reduce((sum: Delta, splice) => compose(sum, deltaOf(splice)), [])).toEqual(delta);
    }
  });

  it('are as short as they can be said', () => {
    expect(composeSplices([])).toEqual([]);
    expect(deltaOf({ index: 0, deleted: 0, inserted: 'a' })).toEqual([{ insert: 'a' }]);
    expect(deltaOf({ index: 2, deleted: 3, inserted: 'a' })).toEqual([{ retain: 2 }, { insert: 'a' }, { delete: 3 }]);
    expect(composeSplices([{ index: 1, deleted: 0, inserted: 'ab' }, { index: 3, deleted: 0, inserted: 'c' }])).toEqual([{ retain: 1 }, { insert: 'abc' }]);
    expect(composeSplices([{ index: 1, deleted: 0, inserted: 'ab' }, { index: 1, deleted: 2, inserted: '' }])).toEqual([]);
    expect(composeSplices([{ index: 1, deleted: 1, inserted: '' }, { index: 1, deleted: 1, inserted: 'x' }])).toEqual([{ retain: 1 }, { insert: 'x' }, { delete: 2 }]);
  });

  it('of 20,000 splices are composed in a moment', () => {
    const splices = Array.from({ length: 20_000 }, (_, i) => ({ index: (i * 7919) % (i + 1), deleted: 0, inserted: 'x' }));
    const started = performance.now();
    expect(composeSplices(splices)).toEqual([{ insert: 'x'.repeat(20_000) }]);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

describe('the splice between two texts', () => {
  it('makes one of the other, and splits no pair', () => {
    for (let run = 0; run < 500; run++) {
      const from = random.string(random.int(10));
      const to = random.chance(0.7) ? spliced(from, randomSplice(from)).toWellFormed() : random.string(random.int(10));
      const splice = spliceBetween(from, to);
      if (!splice) expect(to).toBe(from);
      else {
        expect(spliced(from, splice)).toBe(to);
        expect(splice.inserted.isWellFormed()).toBe(from.isWellFormed() && to.isWellFormed() ? true : expect.anything());
        expect(from.slice(0, splice.index).isWellFormed() || !from.isWellFormed()).toBe(true);
      }
    }
  });

  it.each([
    ['', '', null],
    ['abc', 'abc', null],
    ['abc', 'abxc', { index: 2, deleted: 0, inserted: 'x' }],
    ['aaa', 'aa', { index: 2, deleted: 1, inserted: '' }],
    ['😀', '😁', { index: 0, deleted: 2, inserted: '😁' }],
    ['a\u{10000}b', 'a\u{20000}b', { index: 1, deleted: 2, inserted: '\u{20000}' }],
    ['\u{10000}', '\u{10400}', { index: 0, deleted: 2, inserted: '\u{10400}' }],
  ])('of %j and %j is %j', (from, to, splice) => {
    expect(spliceBetween(from, to)).toEqual(splice);
  });
});

describe('a splice between values', () => {
  it.each<[unknown[], unknown[], unknown]>([
    [[], [], null],
    [[1, { a: 1 }], [1, { a: 1 }], null],
    [[1, 2], [1, { a: 1 }, 2], { index: 1, deleted: 0, inserted: [{ a: 1 }] }],
    [[1, 1, 1], [1, 1], { index: 2, deleted: 1, inserted: [] }],
    [['x', 1, 2], [1, 2, 'x'], { index: 0, deleted: 3, inserted: [1, 2, 'x'] }],
  ])('of %j and %j is %j', (from, to, splice) => {
    expect(spliceBetweenValues(from, to)).toEqual(splice);
  });
});
