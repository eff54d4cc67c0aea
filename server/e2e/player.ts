// Plays one author's part of a recording into a live document.

import { decodeVersion } from '../../sdk/core/codec.js';
import type { Document, Text, Write } from '../../sdk/index.js';
import { LiveView } from './live-view.js';
import type { Edit, Plan } from './plan.js';
import type { Patch, Recording } from './recording.js';

export interface Player {
  readonly total: number;
  /** The seq this author has when it has played all of its part. */
  readonly seqEnd: number;
  /** Plays on until `max` more are played or one has to wait for others. One write per transaction. */
  play(max: number): Write[];
  /** Whether the live document holds everybody's part. */
  isComplete(): boolean;
}

/** A recording with one author: the live document is always in the state the positions mean. */
export class PositionPlayer implements Player {
  readonly total: number;
  readonly seqEnd: number;
  readonly #text: Text;
  #next = 0;

  constructor(readonly document: Document, readonly recording: Recording) {
    this.#text = document.getText('text');
    this.total = recording.txns.length;
    this.seqEnd = recording.txns.reduce((sum, { patches }) => sum + patches.reduce((ops, [, deleted, text]) => ops + deleted + text.length, 0), 0);
  }

  play(max: number): Write[] {
    const txns = this.recording.txns.slice(this.#next, this.#next + max);
    this.#next += txns.length;
    return txns.map(({ patches }) => this.document.transact(() => patches.forEach((patch) => this.#apply(patch))));
  }

  isComplete(): boolean {
    return this.#next === this.total;
  }

  #apply([position, deleted, inserted]: Patch): void {
    this.#text.splice(position, deleted, inserted);
  }
}

/** One author of several: places are looked up in what the live document holds at this moment. */
export class PlacePlayer implements Player {
  readonly total: number;
  readonly seqEnd: number;
  readonly #own: readonly number[];
  readonly #view: LiveView;
  readonly #text: Text;

  /** @param replicas  which replica each author writes as */
  constructor(readonly document: Document, readonly plan: Plan, readonly self: number, readonly replicas: readonly string[]) {
    this.#own = plan.stepsOf[self];
    this.#view = new LiveView(plan);
    this.#text = document.getText('text');
    this.total = this.#own.length;
    this.seqEnd = plan.steps[this.#own[this.total - 1]]?.seqEnd ?? 0;
  }

  play(max: number): Write[] {
    const writes: Write[] = [];
    if (!this.#takeIn()) return writes;
    const { counts } = this.#view;
    while (writes.length < max && counts[this.self] < this.total && this.#view.isReady(this.#own[counts[this.self]])) {
      const { edits } = this.plan.steps[this.#own[counts[this.self]]];
      writes.push(this.document.transact(() => edits.forEach((edit) => this.#apply(edit))));
      counts[this.self]++;
    }
    return writes;
  }

  isComplete(): boolean {
    return this.#takeIn() && this.#view.isComplete();
  }

  /** Nothing arrives inside a turn of the event loop, so once per turn is enough. */
  #takeIn(): boolean {
    const version = decodeVersion(this.document.version());
    return this.replicas.every((replica, author) => author === this.self || this.#view.takeIn(author, version.get(replica) ?? 0));
  }

  #apply({ removed, placed, text }: Edit): void {
    for (const [index, count] of this.#runs(removed).reverse()) this.#text.delete(index, count);
    this.#view.hide(removed);
    if (placed.length > 0) this.#text.insert(this.#view.indexOf(placed[0]), text);
    this.#view.show(placed);
  }

  /** Places, all visible and ascending, as runs of indexes before any of them goes. */
  #runs(places: readonly number[]): [index: number, count: number][] {
    const runs: [number, number][] = [];
    for (const place of places) {
      const index = this.#view.indexOf(place);
      const last = runs.at(-1);
      if (last && last[0] + last[1] === index) last[1]++;
      else runs.push([index, 1]);
    }
    return runs;
  }
}
