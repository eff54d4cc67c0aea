// Where the places of a plan are in one author's live document.
//
// A live document holds its author's own steps and, of every other author, the first few: as many as have
// arrived. A Fenwick tree over places counts the visible ones, so an index is a sum of O(log n) numbers.
//
// One thing a place cannot say by itself: an index falls between two visible characters, and if somebody
// else is typing between the same two at this moment, the merge breaks the tie by replica id, not by place.
// So the later of the two steps waits until it has seen the earlier (`isClear`). Only the step with the
// higher number ever waits, so no two wait for each other. The two neighbours taken are ones nobody ever
// deletes: a neighbour that is a tombstone for one author no longer keeps the two apart.

import { absent, gone, visible } from './plan.js';
import type { Plan } from './plan.js';

export class LiveView {
  /** Per author, how many of its steps the live document holds. */
  readonly counts: number[];
  readonly #states: Uint8Array;
  readonly #sums: Int32Array;

  constructor(readonly plan: Plan) {
    this.counts = new Array<number>(plan.authors).fill(0);
    this.#states = new Uint8Array(plan.typedBy.length).fill(absent);
    this.#sums = new Int32Array(plan.typedBy.length + 1);
  }

  /** Takes in what an author has written up to `seq`. @returns false if that ends inside a step, so that indexes cannot be told yet */
  takeIn(author: number, seq: number): boolean {
    const own = this.plan.stepsOf[author];
    for (let step; (step = this.plan.steps[own[this.counts[author]]]) !== undefined && step.seqEnd <= seq;) {
      for (const { removed, placed } of step.edits) {
        this.show(placed);
        this.hide(removed);
      }
      this.counts[author]++;
    }
    const last = this.plan.steps[own[this.counts[author] - 1]];
    return (last?.seqEnd ?? 0) === seq;
  }

  show(places: readonly number[]): void {
    for (const place of places) {
      // A deletion is taken in before what it deletes when their authors differ and the author read first deleted.
      if (this.#states[place] === absent) this.#count(place, 1);
      this.#states[place] = Math.max(this.#states[place], visible);
    }
  }

  hide(places: readonly number[]): void {
    for (const place of places) {
      if (this.#states[place] === visible) this.#count(place, -1);
      this.#states[place] = gone;
    }
  }

  /** Visible characters in front of a place. */
  indexOf(place: number): number {
    let sum = 0;
    for (let at = place; at > 0; at -= at & -at) sum += this.#sums[at];
    return sum;
  }

  holds(stepIndex: number): boolean {
    const { author, seen } = this.plan.steps[stepIndex];
    return this.counts[author] > seen[author];
  }

  /** Whether everything a step was made on is here, and nobody with a lower number is typing where it types. */
  isReady(stepIndex: number): boolean {
    const { seen, edits } = this.plan.steps[stepIndex];
    if (seen.some((count, author) => this.counts[author] < count)) return false;
    return edits.every(({ placed }) => placed.length === 0 || this.#isClear(stepIndex, placed[0]));
  }

  isComplete(): boolean {
    return this.counts.every((count, author) => count === this.plan.stepsOf[author].length);
  }

  #isClear(stepIndex: number, place: number): boolean {
    return this.#isClearTowards(stepIndex, place, -1) && this.#isClearTowards(stepIndex, place, 1);
  }

  #isClearTowards(stepIndex: number, place: number, direction: 1 | -1): boolean {
    const { typedBy, survives } = this.plan;
    for (let at = place + direction; at >= 0 && at < typedBy.length; at += direction) {
      const isHere = this.holds(typedBy[at]);
      if (isHere && survives[at]) return true;
      if (!isHere && typedBy[at] < stepIndex) return false;
    }
    return true;
  }

  #count(place: number, change: 1 | -1): void {
    for (let at = place + 1; at < this.#sums.length; at += at & -at) this.#sums[at] += change;
  }
}
