// Several authors at once: two recorded sessions, received update by update.
//
// The updates are made beforehand by each system itself: one replica per author, which before each of its edits is given
// exactly what that author had seen. So what is applied is as concurrent as it was when people typed it.

import { assertText } from '../check.js';
import { loopsFor, timed } from '../loops.js';
import { Packed } from '../packed.js';
import type { Row } from '../race.js';
import type { Replica, System } from '../system.js';
import { readTrace } from '../traces.js';
import type { Txn } from '../../server/e2e/recording.js';

function concurrentOf(trace: string): Row {
  return {
    name: `concurrent: ${trace}, one by one`,
    unit: 'ms',
    bars: [{ rival: 'yjs', times: 18 }, { rival: 'json-joy', times: 3 }],
    systems: ['headwater', 'yjs', 'json-joy', 'diamond-types'],
    async enter(system) {
      const { authors, txns, endContent } = readTrace(trace);
      const updates = new Cast(system, authors).play(txns);
      // Unpacked once: thousands of young arrays at the start of a run would be collected on its clock.
      const all = updates.slice(0, updates.count);
      const { apply } = await loopsFor(system.name);
      return {
        run() {
          const reader = system.create(authors + 1);
          const ms = timed(() => apply(reader, all));
          assertText(reader, endContent, system.name);
          reader.free();
          return ms;
        },
        counts: () => ({ updateBytes: updates.bytes }),
      };
    },
  };
}

/** The authors of a session, each with a replica of their own. */
class Cast {
  #replicas: Replica[];
  /** The updates of each transaction, in the order of the session. */
  #made: Uint8Array[][] = [];
  /** The transactions of each author, as indexes of `made`. */
  #own: number[][];
  /** How many transactions of each author a replica has. */
  #has: number[][];
  /** Where listeners put what they hear. */
  #heard: Uint8Array[] = [];

  constructor(system: System, authors: number) {
    this.#replicas = Array.from({ length: authors }, (_, author) => system.create(author + 1));
    this.#own = this.#replicas.map(() => []);
    this.#has = this.#replicas.map(() => new Array<number>(authors).fill(0));
    for (const replica of this.#replicas) replica.listen((update) => { this.#heard.push(update); });
  }

  play(txns: readonly Txn[]): Packed {
    for (const txn of txns) this.#make(txn);
    for (const replica of this.#replicas) replica.free();
    const packed = new Packed();
    for (const update of this.#made.flat()) packed.add(update);
    return packed;
  }

  #make({ author, seen, patches }: Txn): void {
    const replica = this.#replicas[author];
    for (const index of this.#missing(author, seen)) this.#made[index].forEach((update) => replica.apply(update));
    // Some systems tell listeners of what they received, too; that is nobody's new edit.
    this.#heard = [];
    for (const [position, deleted, inserted] of patches) {
      if (deleted > 0) replica.delete(position, deleted);
      if (inserted !== '') replica.insert(position, inserted);
    }
    this.#own[author].push(this.#made.push(this.#heard) - 1);
    this.#has[author][author]++;
  }

  /** What an author has seen and their replica lacks, oldest first: nothing comes before what it builds on. */
  #missing(author: number, seen: readonly number[]): number[] {
    const has = this.#has[author];
    const missing = this.#own.flatMap((own, other) => (other === author ? [] : own.slice(has[other], seen[other])));
    this.#has[author] = has.map((count, other) => Math.max(count, seen[other]));
    return missing.sort((a, b) => a - b);
  }
}

export const concurrent: readonly Row[] = [concurrentOf('friendsforever'), concurrentOf('clownschool')];
