// How much the server takes on at once. What is over a limit is turned away with an error that says to come again,
// before it costs memory: a full server stays a server.
//
// Writers are slowed by their acks. A client has at most a fixed window of bytes unanswered (PROTOCOL.md), so an ack is
// a credit, and a slow disk slows writers without a word about it. Not reading from a socket would do it too, but holds
// back its pings and acks with its pushes, and uWebSockets.js cannot pause one.

import { HeadwaterError } from '../sdk/core/errors.js';

/** So many of something at the same time, for all connections together. */
export class Budget {
  private taken = 0;

  constructor(private readonly max: number) {}

  get isUsed(): boolean {
    return this.taken > 0;
  }

  /** @returns false, and nothing is taken, when it would be too much. Something alone is never too much. */
  take(amount: number): boolean {
    if (this.isUsed && this.taken + amount > this.max) return false;
    this.taken += amount;
    return true;
  }

  give(amount: number): void {
    this.taken -= amount;
  }
}

/** Lets so many work at once; the others wait, in the order they came. */
export class Gate {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly insideMax: number, private readonly waitingMax: number) {}

  /** @throws HeadwaterError `unavailable` when too many wait, and whatever `work` throws */
  async pass<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.inside < this.insideMax) this.inside += 1;
    else await this.wait();
    try {
      return await work();
    } finally {
      // Whoever is next takes the place that is left, so that nobody can slip in between.
      const next = this.waiting.shift();
      if (next === undefined) this.inside -= 1;
      else next();
    }
  }

  private wait(): Promise<void> {
    if (this.waiting.length >= this.waitingMax) {
      throw new HeadwaterError('unavailable', 'more documents wait to be loaded than this server lets wait; try again', { waiting: this.waiting.length });
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
