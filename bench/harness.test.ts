import { describe, expect, it } from '@jest/globals';
import { measure, median, report } from './harness.js';
import type { Workload } from './harness.js';

function workload(times: number[], counts: (run: number) => Record<string, number> = () => ({ ops: 10 })): Workload {
  let run = 0;
  return {
    name: 'sample', about: '', runs: times.length - 1, bar: { of: 'median', msMax: 5, promise: 'quick' },
    run: async () => ({ ms: times[run], counts: counts(run++) }),
  };
}

describe('the harness', () => {
  it('throws the first run away and holds the median of the others against the bar', async () => {
    const outcome = await measure(workload([900, 2, 4, 50]));
    expect(outcome).toMatchObject({ minMs: 2, medianMs: 4, runs: 3, pass: true });
    expect(report(outcome)).toContain('bar: quick: median ≤ 5.00 ms  pass');
  });

  it('fails a workload over its bar', async () => {
    expect((await measure(workload([1, 6, 7, 8]))).pass).toBe(false);
  });

  it('refuses runs that did different work', async () => {
    await expect(measure(workload([1, 1, 1], (run) => ({ ops: run })))).rejects.toThrow('different work');
  });

  it('takes the middle of an even number of runs between the two', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });
});
