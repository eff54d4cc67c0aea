// Time for stamps: the port that every stamping write reads, and the clock of a device that a server has set right.
//
// A device's own clock may be years off, be set while we run, or stand still with a sleeping laptop. So a session takes the
// wall clock once and goes on by the monotonic one, which nobody sets; and what a server's frames say of its time bounds
// how far off that is. Sent at a, answered with s, received at b: whatever the network did, the server's clock showed s
// somewhere between a and b. A stalled network makes that interval wide, never wrong, so nothing has to be thrown away as an
// outlier: the first gives the estimate, its middle, and any other moves that only as far as it must to lie inside.
// Source: Cristian, "Probabilistic clock synchronization", 1989.
//
// Stamps outside the engine are bigints, 48 bits of milliseconds and 16 of counter.

/** What stamps are made from, in ms since 1970. */
export interface Clock { now(): number }

/** The device's own, looked up at each call. */
export const wallClock: Clock = { now: () => Date.now() };

/** What a device's hardware says. */
export interface ClockPort {
  /** Wall clock, ms since 1970. */
  now(): number;
  /** Ms since some moment of this process; no one can set it. It may stand still while the device sleeps. */
  ticks(): number;
}

export const systemClock: ClockPort = { now: () => Date.now(), ticks: () => performance.now() };

/** A server's time, and when by our ticks we had asked for it and got it. */
export interface ClockSample { serverMs: number; askedTicks: number; gotTicks: number }

/** What outlives a session. */
export interface ClockState {
  /** How far the server's clock is ahead of the device's wall clock, in ms. */
  aheadMs: number;
  /** The high-water mark: stamps were made up to this, and to less than a step after it. */
  markMs: number;
  /** The clock has run as it does since it showed this: by what it turns out to be off, what was stamped since is off. */
  fromMs: number;
}

const unknown: ClockState = { aheadMs: 0, markMs: 0, fromMs: 0 };

/** A clock that is off by less is right enough. Servers refuse stamps five minutes ahead. */
export const clockErrorMsMax = 30_000;
/** One write of the state each time stamps have gone on for so long. */
const markStepMs = 10_000;
/** Wall clock and ticks apart by more: somebody set the clock, or the device has slept. */
const gapMs = 30_000;
/** A server's clock that shows another age is not believed, 2020 to 2200. */
const [serverMsMin, serverMsMax] = [1_577_836_800_000, 7_258_118_400_000];

export class DeviceClock implements Clock {
  /** A server has told the time in this session, and no gap came after. */
  isSure = false;
  /** What is not sent is stamped by the time as it is. Until then a session that dies leaves things as they were. */
  #isSettled = true;
  /** Told of a gap: what the wall clock says may be right or not, and a server should be asked. */
  onGap: () => void = () => {};
  /** The time is ticks + base. */
  #base: number;
  /** Wall clock − ticks, as seen last. */
  #wallBase: number;
  #lastMs = 0;
  #state: ClockState;
  readonly #port: ClockPort;

  constructor(port: ClockPort = systemClock, state = unknown) {
    this.#port = port;
    this.#state = { ...state };
    this.#wallBase = port.now() - port.ticks();
    this.#base = this.#wallBase + state.aheadMs;
    this.#begin();
  }

  /**
   * A clock below the mark has gone back since the last session. By little, it waits; by more, it goes on from where that
   * ended, and the server will tell how far it is off.
   */
  #begin(): void {
    const { markMs } = this.#state;
    const backMs = markMs - this.#read();
    if (backMs <= 0) return;
    this.#lastMs = markMs + markStepMs;
    if (backMs <= clockErrorMsMax) return;
    this.#base += backMs + markStepMs;
    this.#state.fromMs = this.#lastMs;
  }

  get ticks(): number { return this.#port.ticks(); }

  /** Never goes back, unless it has turned out to be off by more than an error. */
  now(): number {
    const ms = Math.floor(this.#read());
    if (ms > this.#lastMs || this.#lastMs - ms > clockErrorMsMax) this.#lastMs = ms;
    return this.#lastMs;
  }

  #read(): number {
    const ticks = this.#port.ticks();
    const wallBase = this.#port.now() - ticks;
    const gap = wallBase - this.#wallBase;
    if (gap > gapMs || gap < -gapMs) this.#noteGap(gap, wallBase);
    return ticks + this.#base;
  }

  /** A clock that went back was set. One that went ahead was too, or ticks have stood still: then it is right. */
  #noteGap(gap: number, wallBase: number): void {
    this.#wallBase = wallBase;
    if (gap < 0) return;
    if (this.isSure) this.#state.fromMs = this.ticks + this.#base;
    this.#base += gap;
    this.isSure = false;
    this.onGap();
  }

  /**
   * Takes in what a server's clock showed. A server of another age moves nothing.
   *
   * @returns how far the time was moved, in ms; null when the device slept or was set meanwhile, so that the sample says nothing
   */
  measure({ serverMs, askedTicks, gotTicks }: ClockSample): number | null {
    const before = this.#base;
    this.#read();
    if (this.#base !== before) return null;
    if (!(serverMs >= serverMsMin && serverMs <= serverMsMax)) return 0;
    const [low, high] = [serverMs - gotTicks, serverMs - askedTicks];
    this.#base = this.isSure ? Math.min(Math.max(before, low), high) : (low + high) / 2;
    this.isSure = true;
    const movedMs = this.#base - before;
    if (Math.abs(movedMs) > clockErrorMsMax) this.#isSettled = false;
    return movedMs;
  }

  /** How far the time is ahead of the device's wall clock: what other tabs can use. */
  get aheadMs(): number {
    this.#read();
    return this.#base - this.#wallBase;
  }

  /** Another tab knows. @returns how far the time was moved, in ms */
  adopt(aheadMs: number): number {
    const moved = aheadMs - this.aheadMs;
    this.#base += moved;
    this.isSure = true;
    return moved;
  }

  get state(): Readonly<ClockState> { return this.#state; }

  /**
   * Called before what was stamped is stored.
   *
   * @returns what is to be stored first, so that a later session begins above all of it; null when that is known already
   */
  reserve(): ClockState | null {
    return this.#lastMs <= this.#state.markMs + markStepMs ? null : this.#mark();
  }

  /** What was stamped wrongly is stamped anew now. @returns what is to be stored, if it is another mark */
  settle(): ClockState | null {
    const isOff = this.#state.markMs - this.now() > clockErrorMsMax || !this.#isSettled;
    this.#isSettled = true;
    return isOff ? this.#mark() : this.reserve();
  }

  #mark(): ClockState {
    this.#state = { ...this.#state, markMs: this.#lastMs };
    if (this.#isSettled) this.#state.aheadMs = this.aheadMs;
    if (this.#isSettled && this.isSure) this.#state.fromMs = this.#lastMs + markStepMs;
    return this.#state;
  }
}

export function stampOf(nowMs: number): bigint {
  return BigInt(Math.max(0, Math.floor(nowMs))) << 16n;
}

/** The wall time of a stamp, in ms since 1970. */
export function stampToMs(stamp: bigint): number {
  return Number(stamp >> 16n);
}
