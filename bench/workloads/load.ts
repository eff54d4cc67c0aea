// From the bytes of a saved document to its text on the screen: what somebody who opens a document waits for. Each system
// loads what it saved itself in the snapshot rows, so that a small file cannot be bought with a slow start unseen.

import { timed } from '../loops.js';
import type { Row } from '../race.js';
import { readSession } from '../traces.js';
import { savedSession } from './snapshot.js';

/** A load is a few milliseconds: one measured run is the best of so many. */
const loadsPerRun = 5;

function loadOf(trace: string, bars: Row['bars']): Row {
  return {
    name: `load: ${trace} to first text`,
    unit: 'ms',
    bars,
    systems: ['headwater', 'yjs', 'json-joy', 'diamond-types', 'loro'],
    async enter(system) {
      const bytes = await savedSession(system, trace);
      const { end } = readSession(trace);
      return { run: () => Math.min(...Array.from({ length: loadsPerRun }, () => load(bytes, end))) };

      function load(saved: Uint8Array, expected: string): number {
        let text = '';
        let replica!: ReturnType<typeof system.load>;
        const ms = timed(() => {
          replica = system.load(saved, 2);
          text = replica.text();
        });
        if (text !== expected) throw new Error(`${system.name} loaded another text`);
        replica.free();
        return ms;
      }
    },
  };
}

export const load: readonly Row[] = [
  loadOf('automerge-paper', [{ rival: 'yjs', times: 9 }, { rival: 'diamond-types', times: 2 }]),
  loadOf('rustcode', []),
];
