// What is asked of a disk takes time and is done in the order it was asked for.

import type { Process } from './timeline.js';

export class Spindle {
  #freeAtMs = 0;

  constructor(private readonly process: Process, private readonly latencyMs: () => number) {}

  /** Does `work` when its turn comes; done and answered are one moment. */
  run<T>(label: string, work: () => Promise<T>): Promise<T> {
    const { nowMs } = this.process.timeline;
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + this.latencyMs();
    return new Promise((resolve, reject) => {
      this.process.schedule(this.#freeAtMs - nowMs, label, () => void work().then(resolve, reject));
    });
  }
}

/** For a caller that will not live to hear the answer. */
export function never<T>(): Promise<T> { return new Promise(() => {}); }
