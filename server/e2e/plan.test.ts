import { describe, expect, it } from '@jest/globals';
import { LiveView } from './live-view.js';
import { planOf } from './plan.js';
import type { Recording } from './recording.js';

// Author 0 types "abc"; then, neither seeing the other, 0 deletes "b" and 1 types "x" behind "c"; 0 merges and types "!".
const recording: Recording = {
  name: 'small',
  authors: 2,
  txns: [
    { author: 0, seen: [0, 0], patches: [[0, 0, 'abc']] },
    { author: 0, seen: [1, 0], patches: [[1, 1, '']] },
    { author: 1, seen: [1, 0], patches: [[3, 0, 'x']] },
    { author: 0, seen: [2, 1], patches: [[3, 0, '!']] },
  ],
  endContent: 'acx!',
};

describe('a plan', () => {
  it('gives every character a place, and its author a seq per character typed or deleted', () => {
    const plan = planOf(recording);
    expect(plan.text).toBe('acx!');
    expect(plan.steps.map(({ edits }) => edits.flatMap(({ removed, placed }) => [...removed, ...placed]))).toEqual([[0, 1, 2], [1], [3], [4]]);
    expect(plan.steps.map(({ seqEnd }) => seqEnd)).toEqual([3, 4, 1, 5]);
    expect([...plan.survives]).toEqual([1, 0, 1, 1, 1]);
  });

  it('is refused when it does not lead to the recorded end', () => {
    expect(() => planOf({ ...recording, endContent: 'acx?' })).toThrow('do not lead to its end');
  });

  it('is refused when two authors delete one character', () => {
    const twice = [...recording.txns.slice(0, 2), { author: 1, seen: [1, 0], patches: [[1, 1, '']] as [number, number, string][] }];
    expect(() => planOf({ ...recording, txns: twice, endContent: undefined })).toThrow('two authors');
  });
});

describe('a live view', () => {
  it('tells an index in what has arrived, ahead of the recording or not', () => {
    const view = new LiveView(planOf(recording));
    expect(view.takeIn(0, 3)).toBe(true);
    expect(view.indexOf(3)).toBe(3);
    expect(view.takeIn(0, 4)).toBe(true);
    expect(view.indexOf(3)).toBe(2);
  });

  it('says when what has arrived ends inside a step', () => {
    expect(new LiveView(planOf(recording)).takeIn(0, 2)).toBe(false);
  });

  it('holds a step back until what it was made on is here', () => {
    const view = new LiveView(planOf(recording));
    expect(view.isReady(2)).toBe(false);
    view.takeIn(0, 3);
    expect(view.isReady(2)).toBe(true);
    expect(view.isReady(3)).toBe(false);
  });

  it('holds the later of two steps back while the earlier types between the same two characters', () => {
    // Author 1 types "x" before "b", author 0 types "y" after it and deletes it: only a tombstone is between them.
    const close: Recording = {
      name: 'close', authors: 2, endContent: undefined,
      txns: [
        { author: 0, seen: [0, 0], patches: [[0, 0, 'abc']] },
        { author: 1, seen: [1, 0], patches: [[1, 0, 'x']] },
        { author: 0, seen: [1, 0], patches: [[2, 0, 'y'], [1, 1, '']] },
      ],
    };
    const view = new LiveView(planOf(close));
    view.takeIn(0, 3);
    expect(view.isReady(2)).toBe(false);
    view.takeIn(1, 1);
    expect(view.isReady(2)).toBe(true);
  });
});
