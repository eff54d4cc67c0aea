// Simulated time: a queue of events, each of one process, run one after another with nothing in between.
//
// After each event the microtasks it left are run to the end, still in the name of its process. So at any moment it is
// known whose code runs, and the clock, the timers and the randomness it reaches for (globals.ts) are that process's own.
// A process that dies takes its events with it; one that is frozen gets them when it thaws.

import { Hash } from './hash.js';

/** Wall time at the beginning of every run, ms since 1970. */
export const wallStartMs = 1_700_000_000_000;

export interface Happening { atMs: number; order: number; process: Process; label: string; run: (() => unknown) | null }

/** Whatever can die or stand still by itself: a tab, a server, and the world that holds them. */
export class Process {
  isAlive = true;
  /** How far its wall clock is off. Timers do not follow it. */
  clockOffsetMs = 0;
  #isFrozen = false;
  #freezes = 0;
  /** What came due while it stood still, in order. */
  #late: Happening[] = [];

  constructor(readonly timeline: Timeline, readonly name: string) {}

  get wallMs(): number { return Math.floor(wallStartMs + this.timeline.nowMs + this.clockOffsetMs); }

  schedule(delayMs: number, label: string, run: () => unknown): Happening { return this.timeline.add(this, delayMs, label, run); }

  kill(): void { this.isAlive = false; }

  freeze(forMs: number): void {
    const freeze = ++this.#freezes;
    this.#isFrozen = true;
    this.timeline.world.schedule(forMs, 'thaw', () => { if (freeze === this.#freezes) this.thaw(); });
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const happening of this.#late.splice(0)) this.timeline.put(happening);
  }

  /** @returns whether it stands still, and has put this off */
  putsOff(happening: Happening): boolean {
    if (this.#isFrozen) this.#late.push(happening);
    return this.#isFrozen;
  }
}

export class Timeline {
  nowMs = 0;
  /** Never dies: who restarts the others, and whom the schedule belongs to. */
  readonly world = new Process(this, 'world');
  /** Whose code is running. */
  current: Process | null = null;
  /** The first thing that went wrong where nobody could catch it. */
  error: unknown = null;
  /** Over everything that happened; equal for equal runs. */
  readonly hash = new Hash();
  count = 0;
  /** The last happenings, in words. */
  readonly tail: string[] = [];
  isTold = false;
  readonly #queue: Happening[] = [];
  #order = 0;

  add(process: Process, delayMs: number, label: string, run: () => unknown): Happening {
    const happening = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, process, label, run };
    this.#push(happening);
    return happening;
  }

  /** Puts back what has been put off. It is late, and comes in the order it was meant to. */
  put(happening: Happening): void { this.#push({ ...happening, atMs: Math.max(happening.atMs, this.nowMs) }); }

  /** Runs what is due until then. Stops early when `isOver` or when something went wrong. */
  async runUntil(atMs: number, isOver = () => false): Promise<void> {
    while (this.error === null && !isOver() && this.#queue.length > 0 && this.#queue[0].atMs <= atMs) {
      const happening = this.#pop();
      const { process } = happening;
      if (!happening.run || !process.isAlive) continue;
      if (process.putsOff(happening)) continue;
      this.nowMs = happening.atMs;
      this.tell(happening.label, process);
      await this.within(process, happening.run);
    }
    if (this.error === null && !isOver()) this.nowMs = Math.max(this.nowMs, atMs);
  }

  /** Runs `work` now in the name of a process, and every microtask that comes of it. */
  async within(process: Process, work: () => unknown): Promise<void> {
    const before = this.current;
    this.current = process;
    try {
      const result: unknown = work();
      if (result instanceof Promise) result.catch((error: unknown) => this.fail(error));
    } catch (error) {
      this.fail(error);
    }
    await drained();
    this.current = before;
  }

  fail(error: unknown): void { this.error ??= error; }

  /** Into the hash and, for a reader, into the tail. */
  tell(what: string, process: Process | null = this.current): void {
    this.count++;
    this.hash.number(this.nowMs);
    this.hash.text(what);
    if (process) this.hash.text(process.name);
    if (this.isTold) this.tail.push(`${(this.nowMs / 1000).toFixed(3).padStart(9)} s  ${(process?.name ?? '').padEnd(10)} ${what}`);
  }

  #push(happening: Happening): void {
    const queue = this.#queue;
    let at = queue.push(happening) - 1;
    for (let up = (at - 1) >> 1; at > 0 && isBefore(happening, queue[up]); at = up, up = (at - 1) >> 1) queue[at] = queue[up];
    queue[at] = happening;
  }

  #pop(): Happening {
    const queue = this.#queue;
    const first = queue[0];
    const last = queue.pop()!;
    if (queue.length === 0) return first;
    let at = 0;
    for (let down = 1; down < queue.length; down = 2 * at + 1) {
      if (down + 1 < queue.length && isBefore(queue[down + 1], queue[down])) down++;
      if (!isBefore(queue[down], last)) break;
      queue[at] = queue[down];
      at = down;
    }
    queue[at] = last;
    return first;
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Node runs its ticks when no microtask is left, however many those make of each other. No real time passes. */
function drained(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
