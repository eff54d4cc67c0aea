// FugueMax with one rule of the scan wrong at a time. The tests fail if one goes unnoticed.

import { FugueMax, type Bounds } from './fugue-max.js';

export interface Mutant {
  mistake: string;
  /** The claims that may notice it. */
  caughtBy: string[];
  bounds: Bounds;
  patch: (fugue: FugueMax) => Partial<FugueMax>;
}

const two: Bounds = { replicas: ['a', 'b'], inserts: 3, deletes: 0 };
const three: Bounds = { replicas: ['a', 'b', 'c'], inserts: 4, deletes: 0 };

export const mutants: Record<string, Mutant> = {
  'no-tie-break': {
    mistake: 'equal origins: whoever arrives later stands first',
    caughtBy: ['Converges', 'MatchesTree'],
    bounds: two,
    patch: (fugue) => ({ sibling: (insert, other, beyond) => (beyond === 0 ? 'stop' : FugueMax.prototype.sibling.call(fugue, insert, other, beyond)) }),
  },
  'tie-break-upside-down': {
    mistake: 'equal origins: the higher replica stands first; replicas agree with each other, not with the definition',
    caughtBy: ['MatchesTree'],
    bounds: two,
    patch: (fugue) => ({
      sibling: (insert, other, beyond) =>
        (beyond === 0 ? (insert.key > other.key ? 'stop' : 'pass') : FugueMax.prototype.sibling.call(fugue, insert, other, beyond)),
    }),
  },
  'wrong-direction': {
    mistake: 'siblings stand in ascending order of their right origins',
    caughtBy: ['Converges', 'MatchesTree', 'NoBackwardInterleaving'],
    bounds: three,
    patch: (fugue) => ({ sibling: (insert, other, beyond) => FugueMax.prototype.sibling.call(fugue, insert, other, -beyond) }),
  },
  'ignore-right-origin': {
    mistake: 'siblings stand in order of replica alone, as in older list CRDTs',
    caughtBy: ['Converges', 'MatchesTree', 'NoBackwardInterleaving', 'NoForwardInterleaving'],
    bounds: three,
    patch: () => ({ sibling: (insert, other) => (insert.key < other.key ? 'stop' : 'pass') }),
  },
  'stop-at-nearer': {
    mistake: 'the first sibling with a nearer right origin ends the scan, though one that is before us may follow',
    caughtBy: ['Converges', 'MatchesTree', 'NoBackwardInterleaving'],
    bounds: three,
    patch: (fugue) => ({
      sibling: (insert, other, beyond) => (beyond < 0 ? 'stop' : FugueMax.prototype.sibling.call(fugue, insert, other, beyond)),
    }),
  },
};

export function mutate(fugue: FugueMax, { patch }: Mutant): FugueMax {
  return Object.assign(fugue, patch(fugue));
}
