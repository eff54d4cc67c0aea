import { describe, expect, it } from '@jest/globals';
import { baselineOf, compare } from './baseline.js';
import { chart } from './chart.js';
import { Packed } from './packed.js';
import { judge, measuredOf, race } from './race.js';
import type { Row } from './race.js';
import type { System } from './system.js';
import { table } from './table.js';

const systems = ['headwater', 'yjs', 'loro'].map((name) => ({ name, title: name.toUpperCase() }) as System);

function row(times: Record<string, number[]>, more: Partial<Row> = {}): Row {
  return {
    name: 'text: sample', unit: 'ms', bars: [{ rival: 'yjs', times: 2 }], systems: Object.keys(times),
    enter: async ({ name }) => ({ run: () => times[name].shift()! }),
    ...more,
  };
}

describe('a race', () => {
  it('throws the first run away and holds minimum against minimum', async () => {
    const result = await race(row({ headwater: [300, 5, 4, 6], yjs: [100, 9, 10, 30] }), systems, { rounds: 3, roundsSlow: 1 });
    expect(result.measured).toEqual([
      { system: 'headwater', min: 4, median: 5, runs: 3 },
      { system: 'yjs', min: 9, median: 10, runs: 3 },
    ]);
    expect(result.ratios).toEqual({ yjs: 2.25 });
    expect(result.bars).toEqual([{ text: '≥ 2× yjs', pass: true }]);
  });

  it('counts the first run of a system so slow that warming up does not show', async () => {
    const result = await race(row({ headwater: [1, 1, 1], yjs: [900] }), systems, { rounds: 2, roundsSlow: 1 });
    expect(result.measured[1]).toEqual({ system: 'yjs', min: 900, median: 900, runs: 1 });
  });

  it('goes on without a rival that cannot do the work', async () => {
    const enter: Row['enter'] = async ({ name }) => {
      if (name === 'yjs') throw new Error('no');
      return { run: () => 1 };
    };
    const result = await race(row({ headwater: [], yjs: [] }, { enter }), systems, { rounds: 1, roundsSlow: 1 });
    expect(result.bars).toEqual([]);
  });

  it('misses a bar that is a number', () => {
    const bytes = row({}, { unit: 'B', bars: [{ max: 10 }] });
    expect(judge(bytes, [{ system: 'headwater', min: 10.5, median: 10.5, runs: 1 }], {}).bars).toEqual([{ text: '≤ 10 B', pass: false }]);
  });
});

describe('a rate', () => {
  it('is better when it is more', () => {
    const rate = row({}, { unit: 'edits/s', bars: [{ rival: 'yjs', times: 2 }] });
    const measured = [measuredOf('headwater', [900, 1_000], 'edits/s'), measuredOf('yjs', [400, 600], 'edits/s')];
    const result = judge(rate, measured, {});
    expect(measured.map(({ min }) => min)).toEqual([1_000, 600]);
    expect(result.ratios.yjs).toBeCloseTo(1.667, 3);
    expect(result.bars).toEqual([{ text: '≥ 2× yjs', pass: false }]);
  });
});

describe('what is made of the results', () => {
  const result = judge(row({}), [
    { system: 'headwater', min: 10, median: 11, runs: 9 },
    { system: 'yjs', min: 15, median: 16, runs: 3 },
  ], { memoryBytes: 1_000 });

  it('is a table that names what was missed, and has no column for who did not run', () => {
    expect(table([result], systems)).toBe([
      '| work | HEADWATER | YJS | bar |  |',
      '| --- | --- | --- | --- | --- |',
      '| text: sample | 10.0 (11.0) | 15.0 (16.0) · 1.50× | ≥ 2× yjs | **FAIL** ≥ 2× yjs |',
    ].join('\n'));
  });

  it('is a chart with a bar for each', () => {
    expect(chart([result], systems).match(/<rect /g)).toHaveLength(2);
  });

  it('is held against the baseline: counts to 2 %, ratios to 10 %', () => {
    const now = baselineOf([result], 500);
    expect(now.ratios).toEqual({ 'text: sample': { yjs: 1.5 } });
    expect(compare(now, now)).toEqual({ regressions: [], smaller: [], slower: [], held: 2 });
    const before = { counts: { 'engine / wasm bytes': 489, 'text: sample / memoryBytes': 990 }, ratios: { 'text: sample': { yjs: 1.7 } } };
    const { regressions, smaller, slower, held } = compare(before, now);
    expect(regressions).toEqual(['engine / wasm bytes: 489 → 500']);
    expect([slower.length, smaller, held]).toEqual([1, [], 1]);
    expect(compare(now, before).smaller).toEqual(['engine / wasm bytes: 500 → 489']);
    expect(compare({ counts: {}, ratios: {} }, now)).toEqual({ regressions: [], smaller: [], slower: [], held: 0 });
  });
});

it('packed updates come out as they went in, each in an array of its own', () => {
  const packed = new Packed();
  const updates = Array.from({ length: 300 }, (_, i) => new Uint8Array(i).fill(i));
  for (const update of updates) packed.add(update);
  expect(packed.slice(0, 300)).toEqual(updates);
  expect(packed.slice(7, 8)[0].buffer.byteLength).toBe(7);
});
