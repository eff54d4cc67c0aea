// Turns a recording into a plan: the same transactions, with places instead of positions.
//
// One pass in file order. There is one list of every character ever typed, tombstones included, and per
// author which of them it has and which it knows deleted. A position is found by walking the list with that
// author's eyes; an insert goes right behind the visible character before it. That rule is enough because the
// recordings have no two concurrent inserts at one place, and it is not taken on trust: the text the places
// give has to be the recording's own end. Quadratic, and still under a second for the longest of them.

import type { Recording, Txn } from './recording.js';

// What somebody shows of a character. A deletion is final, so the larger number wins whatever order things come in.
export const absent = 0;
export const visible = 1;
export const gone = 2;

export interface Edit {
  /** Places of the characters deleted, ascending. */
  removed: readonly number[];
  /** Places of the characters typed, ascending; one per UTF-16 unit of `text`. */
  placed: readonly number[];
  text: string;
}

export interface Step {
  author: number;
  seen: readonly number[];
  edits: readonly Edit[];
  /** The author's seq after this step: a character typed or deleted is one op. */
  seqEnd: number;
}

export interface Plan {
  name: string;
  authors: number;
  steps: readonly Step[];
  /** Indexes into `steps`, per author. */
  stepsOf: readonly (readonly number[])[];
  /** Which step typed the character at each place. */
  typedBy: Int32Array;
  /** 1 for every place that no step deletes. */
  survives: Uint8Array;
  /** The text at the end. */
  text: string;
}

/** @throws Error when the recording's end is known and the places do not give it, or two authors delete one character */
export function planOf(recording: Recording): Plan {
  const ledger = new Ledger(recording);
  const drafts = recording.txns.map((txn, index) => ledger.play(txn, index));
  const rank = ledger.ranks();
  const text = ledger.text();
  if (recording.endContent !== undefined && text !== recording.endContent) {
    throw new Error(`${recording.name}: its transactions do not lead to its end`);
  }
  const seqs = new Array<number>(recording.authors).fill(0);
  const stepsOf = seqs.map((): number[] => []);
  const steps = drafts.map((edits, index): Step => {
    const { author, seen } = recording.txns[index];
    stepsOf[author].push(index);
    seqs[author] += edits.reduce((sum, edit) => sum + edit.removed.length + edit.placed.length, 0);
    const ranked = (ids: readonly number[]) => ids.map((id) => rank[id]).sort((a, b) => a - b);
    return { author, seen, seqEnd: seqs[author], edits: edits.map((edit) => ({ removed: ranked(edit.removed), placed: ranked(edit.placed), text: edit.text })) };
  });
  return { name: recording.name, authors: recording.authors, steps, stepsOf, text, ...ledger.byPlace(rank) };
}

/** What one author has taken in: how many of each one's transactions, and what it shows of each character. */
interface Eyes {
  counts: number[];
  shows: Uint8Array;
}


class Ledger {
  /** Ids of characters in document order; an id is the character's number in order of typing. */
  readonly #order: number[] = [];
  readonly #units: string[] = [];
  readonly #typedBy: number[] = [];
  readonly #deletedBy: number[] = [];
  readonly #eyes: Eyes[];
  /** The edits of every author's transactions so far, for the others to take in. */
  readonly #done: Edit[][][];

  constructor({ authors, txns }: Recording) {
    const characters = txns.reduce((sum, { patches }) => sum + patches.reduce((length, [, , text]) => length + text.length, 0), 0);
    this.#eyes = Array.from({ length: authors }, () => ({
      counts: new Array<number>(authors).fill(0), shows: new Uint8Array(characters).fill(absent),
    }));
    this.#done = this.#eyes.map(() => []);
  }

  play({ author, seen, patches }: Txn, index: number): Edit[] {
    const eyes = this.#eyes[author];
    this.#takeIn(eyes, seen);
    const edits = patches.map(([position, deleted, text]) => {
      const at = this.#find(eyes, position);
      const removed = this.#remove(eyes, at, deleted, index);
      return { removed, placed: this.#insert(eyes, at, text, index), text };
    });
    this.#done[author].push(edits);
    eyes.counts[author]++;
    return edits;
  }

  ranks(): Int32Array {
    const rank = new Int32Array(this.#order.length);
    this.#order.forEach((id, place) => { rank[id] = place; });
    return rank;
  }

  text(): string {
    return this.#order.filter((id) => this.#deletedBy[id] < 0).map((id) => this.#units[id]).join('');
  }

  byPlace(rank: Int32Array): Pick<Plan, 'typedBy' | 'survives'> {
    const typedBy = new Int32Array(rank.length);
    const survives = new Uint8Array(rank.length);
    rank.forEach((place, id) => {
      typedBy[place] = this.#typedBy[id];
      survives[place] = this.#deletedBy[id] < 0 ? 1 : 0;
    });
    return { typedBy, survives };
  }

  #takeIn(eyes: Eyes, seen: readonly number[]): void {
    seen.forEach((count, author) => {
      for (; eyes.counts[author] < count; eyes.counts[author]++) {
        for (const { removed, placed } of this.#done[author][eyes.counts[author]]) {
          for (const id of placed) eyes.shows[id] = Math.max(eyes.shows[id], visible);
          for (const id of removed) eyes.shows[id] = gone;
        }
      }
    });
  }

  /** Where in the list `position` visible characters have gone by. */
  #find(eyes: Eyes, position: number): number {
    let at = 0;
    for (let passed = 0; passed < position; at++) {
      if (at >= this.#order.length) throw new Error('a position lies behind the end of the text');
      if (eyes.shows[this.#order[at]] === visible) passed++;
    }
    return at;
  }

  #remove(eyes: Eyes, at: number, count: number, index: number): number[] {
    const removed: number[] = [];
    for (let next = at; removed.length < count; next++) {
      const id = this.#order[next];
      if (eyes.shows[id] !== visible) continue;
      // Then how many ops the second author writes would depend on what had reached it: no such recording here.
      if (this.#deletedBy[id] >= 0) throw new Error('two authors deleted one character at the same time');
      this.#deletedBy[id] = index;
      removed.push(id);
    }
    for (const id of removed) eyes.shows[id] = gone;
    return removed;
  }

  #insert(eyes: Eyes, at: number, text: string, index: number): number[] {
    const ids = Array.from({ length: text.length }, (_, offset) => this.#units.length + offset);
    for (const id of ids) {
      this.#units.push(text[id - ids[0]]);
      this.#typedBy.push(index);
      this.#deletedBy.push(-1);
      eyes.shows[id] = visible;
    }
    this.#order.splice(at, 0, ...ids);
    return ids;
  }
}
