import { describe, it, expect } from '@jest/globals';
import { explore, printTrace, type Spec } from './explorer.js';

/** Two jugs of 3 and 5 litres; the puzzle is to measure 4. Its graph is known: 16 states, the answer takes 6 steps. */
interface Jugs { small: number; big: number }

const jugs = (invariants: Spec<Jugs>['invariants']): Spec<Jugs> => {
  const one = (state: Jugs) => [{ with: '', state }];
  return {
    name: 'Jugs',
    initial: [{ small: 0, big: 0 }],
    actions: {
      FillSmall: ({ big }) => one({ small: 3, big }),
      FillBig: ({ small }) => one({ small, big: 5 }),
      EmptySmall: ({ big }) => one({ small: 0, big }),
      EmptyBig: ({ small }) => one({ small, big: 0 }),
      SmallToBig: ({ small, big }) => one({ small: Math.max(0, small + big - 5), big: Math.min(5, small + big) }),
      BigToSmall: ({ small, big }) => one({ small: Math.min(3, small + big), big: Math.max(0, small + big - 3) }),
    },
    invariants,
  };
};

/** A walk along a line of rooms; each action leads from rooms to rooms. */
const rooms = (doors: Record<string, [number, number][]>, healing: string[]): Spec<number> => ({
  name: 'Rooms',
  initial: [0],
  actions: Object.fromEntries(Object.entries(doors).map(([name, pairs]) => [name, (room: number) =>
    pairs.filter(([from]) => from === room).map(([, to]) => ({ with: String(to), state: to }))])),
  invariants: {},
  goal: { name: 'GetsHome', holds: (room) => room === 9, healing },
});

describe('the explorer', () => {
  it('visits every reachable state once', () => {
    const report = explore(jugs({}));
    expect([report.states, report.transitions, report.violation]).toEqual([16, 96, null]);
  });

  it('finds a violation by the shortest way, and prints it', () => {
    const { violation } = explore(jugs({ NeverFour: ({ big }) => big !== 4 }));
    expect(violation?.trace.map(({ label }) => label)).toEqual(
      ['Init', 'FillBig', 'BigToSmall', 'EmptySmall', 'BigToSmall', 'FillBig', 'BigToSmall']);
    expect(printTrace(violation!.trace.slice(0, 3))).toBe(
      '  0  Init\n       small = 0\n       big = 0\n  1  FillBig\n       big = 5\n  2  BigToSmall\n       small = 3\n       big = 2');
  });

  it('checks claims about steps', () => {
    const spec = { ...jugs({}), steps: { NeverBoth: (a: Jugs, b: Jugs) => a.small === b.small || a.big === b.big } };
    expect(explore(spec).violation).toMatchObject({ claim: 'NeverBoth', trace: [{}, {}, { label: 'SmallToBig' }] });
  });

  it('takes states with equal text for one', () => {
    const mirrored = { ...jugs({}), keyOf: ({ small, big }: Jugs) => [small, big].sort().join() };
    expect(explore(mirrored).states).toBeLessThan(16);
  });

  it('says when it was cut off', () => {
    expect(explore(jugs({}), 5).isCut).toBe(true);
  });

  it('accepts a goal that every healing run reaches', () => {
    expect(explore(rooms({ walk: [[0, 1], [1, 9], [0, 9]] }, ['walk'])).violation).toBeNull();
  });

  it('finds the nearest state where healing ends outside the goal', () => {
    const { violation } = explore(rooms({ walk: [[0, 9]], fall: [[0, 4]] }, ['walk']));
    expect(violation).toMatchObject({ claim: 'GetsHome', trace: [{}, { label: 'fall(4)' }] });
    expect(explore(rooms({ walk: [[0, 9], [0, 4]] }, ['walk'])).violation).toMatchObject({ claim: 'GetsHome' });
  });

  it('finds healing that can go on for ever, though it could also end', () => {
    expect(explore(rooms({ walk: [[0, 1], [1, 0], [1, 9]] }, ['walk'])).violation).toMatchObject({ claim: 'GetsHome', trace: [{}] });
  });
});
