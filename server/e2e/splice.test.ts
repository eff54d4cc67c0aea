// The console's textarea arithmetic. It is tested from here because the page itself is only ever bundled.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { indexAfter, spliceBetween } from '../console/page/splice.js';
import type { Splice } from '../console/page/splice.js';

function applied(text: string, splice: Splice | null): string {
  return splice === null ? text : text.slice(0, splice.index) + splice.inserted + text.slice(splice.index + splice.deleted);
}

describe('spliceBetween', () => {
  it('finds nothing between equal texts', () => {
    expect(spliceBetween('same', 'same', 2)).toBeNull();
  });

  it('puts one more of the same letter where the caret is', () => {
    expect(spliceBetween('aaaa', 'aaaaa', 2)).toEqual({ index: 1, deleted: 0, inserted: 'a' });
  });

  it('takes a letter out where the caret is', () => {
    expect(spliceBetween('aaaa', 'aaa', 2)).toEqual({ index: 2, deleted: 1, inserted: '' });
  });

  it('replaces a selection', () => {
    expect(spliceBetween('one two three', 'one 2 three', 5)).toEqual({ index: 4, deleted: 3, inserted: '2' });
  });

  it('keeps surrogate pairs whole', () => {
    expect(spliceBetween('a😀b', 'a😁b', 3)).toEqual({ index: 1, deleted: 2, inserted: '😁' });
    expect(spliceBetween('a😀b', 'a🌀b', 3)).toEqual({ index: 1, deleted: 2, inserted: '🌀' });
  });

  it('leads from any text to any other, wherever the caret is', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '😀', '😁', '🌀'), maxLength: 12 });
    fc.assert(fc.property(text, text, fc.nat(24), (before, after, caret) => {
      const splice = spliceBetween(before, after, caret);
      expect(applied(before, splice)).toBe(after);
      expect(splice?.inserted ?? '').not.toMatch(/^[\udc00-\udfff]|[\ud800-\udbff]$/);
    }));
  });
});

describe('indexAfter', () => {
  it('moves with what is inserted and deleted in front', () => {
    expect(indexAfter([{ retain: 2 }, { insert: 'xyz' }], 5)).toBe(8);
    expect(indexAfter([{ retain: 2 }, { delete: 2 }], 5)).toBe(3);
  });

  it('stays in front of an insert at its own place, and behind what stays of a deleted range', () => {
    expect(indexAfter([{ retain: 5 }, { insert: 'x' }], 5)).toBe(5);
    expect(indexAfter([{ retain: 2 }, { delete: 9 }], 5)).toBe(2);
  });
});
