// Insertions without a pattern, and with the two simplest: 100,000 characters at random places, at the front, at the end.
//
// json-joy only appends: at random places it exceeds the call stack, and at the front it takes a minute and a half.

import { assertText } from '../check.js';
import { dice } from '../dice.js';
import { loopsFor, timed } from '../loops.js';
import type { Row } from '../race.js';
import type { Edits } from '../traces.js';

const count = 100_000;

const systems = ['headwater', 'yjs', 'diamond-types', 'loro'];

function insertsOf(name: string, timesYjs: number, place: (length: number) => number, more: readonly string[] = []): Row {
  const edits = insertsAt(place);
  // All systems have to end with the same text; whose comes first is the measure.
  let expected: string | undefined;
  return {
    name: `random: 100,000 inserts ${name}`,
    unit: 'ms',
    bars: [{ rival: 'yjs', times: timesYjs }],
    systems: [...systems, ...more],
    async enter(system) {
      const { edit } = await loopsFor(system.name);
      return {
        run() {
          const replica = system.create(1);
          const ms = timed(() => edit(replica, edits));
          expected ??= replica.text();
          assertText(replica, expected, system.name);
          replica.free();
          return ms;
        },
      };
    },
  };
}

function insertsAt(place: (length: number) => number): Edits {
  const roll = dice(7);
  return {
    count,
    positions: Array.from({ length: count }, (_, length) => place(length)),
    deleted: new Array<number>(count).fill(0),
    inserted: Array.from({ length: count }, () => String.fromCharCode(97 + roll(26))),
  };
}

const rollPlace = dice(11);

export const random: readonly Row[] = [
  insertsOf('at random', 20, (length) => rollPlace(length + 1)),
  insertsOf('at the front', 10, () => 0),
  insertsOf('at the end', 15, (length) => length, ['json-joy']),
];
