import { describe, expect, it } from '@jest/globals';
import { DeviceClock, clockErrorMsMax, type ClockPort } from './clock.js';

const day = 86_400_000;
const year = 365 * day;
const start = 1_800_000_000_000;

/** A device in a world where time is what we say. */
class Hardware implements ClockPort {
  trueMs = start;
  offMs = 0;
  sleptMs = 0;

  constructor(offMs = 0) { this.offMs = offMs; }

  now(): number { return this.trueMs + this.offMs; }
  ticks(): number { return this.trueMs - start - this.sleptMs; }

  pass(ms: number): void { this.trueMs += ms; }

  /** With ticks that stand still meanwhile, as some have. */
  sleep(ms: number): void {
    this.trueMs += ms;
    this.sleptMs += ms;
  }

  /** A question that was so long on its way, and the answer. */
  ask(thereMs: number, backMs: number, serverOffMs = 0) {
    const askedTicks = this.ticks();
    this.pass(thereMs);
    const serverMs = this.trueMs + serverOffMs;
    this.pass(backMs);
    return { askedTicks, serverMs, gotTicks: this.ticks() };
  }
}

function offOf(clock: DeviceClock, hardware: Hardware): number { return clock.now() - hardware.trueMs; }

describe('the clock of a device', () => {
  it.each([['years behind', -30 * year], ['a year ahead', year], ['right', 0]])('%s is right after the first answer, to half its round trip', (_, offMs) => {
    const hardware = new Hardware(offMs);
    const clock = new DeviceClock(hardware);
    expect(offOf(clock, hardware)).toBe(offMs);
    expect(clock.measure(hardware.ask(30, 70))).toBeCloseTo(-offMs - 20, 0);
    expect(Math.abs(offOf(clock, hardware))).toBeLessThanOrEqual(50);
  });

  it('is right to the shortest round trip, and takes nothing from one that was held up', () => {
    const hardware = new Hardware(5_000);
    const clock = new DeviceClock(hardware);
    clock.measure(hardware.ask(300, 0));
    expect(Math.abs(offOf(clock, hardware))).toBe(150);
    clock.measure(hardware.ask(10, 0));
    hardware.pass(1_000);
    const best = offOf(clock, hardware);
    expect(Math.abs(best)).toBeLessThanOrEqual(10);
    for (const [thereMs, backMs] of [[20_000, 10], [10, 20_000], [0, 60_000]]) clock.measure(hardware.ask(thereMs, backMs));
    expect(Math.abs(offOf(clock, hardware))).toBeLessThanOrEqual(Math.abs(best));
  });

  it('follows a server whose clock drifts, as far as its answers say for sure', () => {
    const hardware = new Hardware();
    const clock = new DeviceClock(hardware);
    clock.measure(hardware.ask(10, 10));
    clock.measure(hardware.ask(50, 50, 1_000));
    expect(offOf(clock, hardware)).toBe(950);
  });

  it('does not follow a server to another age', () => {
    const hardware = new Hardware();
    const clock = new DeviceClock(hardware);
    for (const serverMs of [0, 10_000 * year, Number.NaN]) expect(clock.measure({ serverMs, askedTicks: 0, gotTicks: 1 })).toBe(0);
    expect(offOf(clock, hardware)).toBe(0);
  });

  it('goes on when the wall clock is put back, by years or by a little', () => {
    const hardware = new Hardware();
    const clock = new DeviceClock(hardware);
    for (const backMs of [20_000, 5 * 60_000, year]) {
      hardware.offMs -= backMs;
      hardware.pass(1_000);
      expect(offOf(clock, hardware)).toBe(0);
    }
  });

  it('goes on when it slept, be it that ticks stood still or not, and wants to be told the time', () => {
    for (const sleep of ['sleep', 'pass'] as const) {
      const hardware = new Hardware();
      const clock = new DeviceClock(hardware);
      clock.adopt(0);
      let gaps = 0;
      clock.onGap = () => gaps++;
      hardware[sleep](8 * 3_600_000);
      expect(offOf(clock, hardware)).toBe(0);
      expect([gaps, clock.isSure]).toEqual(sleep === 'sleep' ? [1, false] : [0, true]);
    }
  });

  it('takes no measure that a sleep fell into', () => {
    const hardware = new Hardware();
    const clock = new DeviceClock(hardware);
    const askedTicks = hardware.ticks();
    const serverMs = hardware.trueMs;
    hardware.sleep(3_600_000);
    expect(clock.measure({ askedTicks, serverMs, gotTicks: hardware.ticks() })).toBe(null);
    expect(offOf(clock, hardware)).toBe(0);
  });

  it('is a year off when somebody puts it forward, knows since when, and is right again when the server is heard', () => {
    const hardware = new Hardware();
    const clock = new DeviceClock(hardware);
    clock.measure(hardware.ask(0, 0));
    clock.settle();
    clock.now();
    hardware.pass(5_000);
    hardware.offMs = year;
    expect(offOf(clock, hardware)).toBe(year);
    expect(clock.state.fromMs - start).toBeGreaterThanOrEqual(5_000);
    expect(clock.state.fromMs - start).toBeLessThan(20_000);
    expect(clock.measure(hardware.ask(0, 0))).toBe(-year);
    expect(offOf(clock, hardware)).toBe(0);
  });
});

describe('from session to session', () => {
  it('it is as far ahead of the wall clock as it was', () => {
    const hardware = new Hardware(-year);
    const first = new DeviceClock(hardware);
    first.measure(hardware.ask(0, 0));
    first.now();
    const kept = first.settle()!;
    hardware.pass(day);
    expect(offOf(new DeviceClock(hardware, kept), hardware)).toBe(0);
  });

  it('stamps of the next begin above those of the one before, though it died and the clock went back', () => {
    for (const backMs of [20_000, 60_000, year]) {
      const hardware = new Hardware();
      let clock = new DeviceClock(hardware);
      let last = 0;
      let kept = clock.state;
      for (let session = 0; session < 5; session++) {
        for (let i = 0; i < 50; i++) {
          hardware.pass(700);
          const ms = clock.now();
          expect(ms).toBeGreaterThanOrEqual(last);
          last = ms;
          kept = clock.reserve() ?? kept;
        }
        hardware.offMs -= backMs;
        clock = new DeviceClock(hardware, { ...kept });
        expect(clock.now()).toBeGreaterThanOrEqual(last);
      }
    }
  });

  it('a quick start finds the time as it is, not ahead of it', () => {
    const hardware = new Hardware();
    const first = new DeviceClock(hardware);
    first.now();
    const kept = first.reserve()!;
    hardware.pass(100);
    expect(offOf(new DeviceClock(hardware, kept), hardware)).toBe(0);
  });

  it('what is to be kept is told once in a while, not with each stamp', () => {
    const hardware = new Hardware();
    const clock = new DeviceClock(hardware);
    let kept = 0;
    for (let i = 0; i < 6_000; i++) {
      hardware.pass(10);
      clock.now();
      if (clock.reserve()) kept++;
    }
    expect(kept).toBeLessThanOrEqual(7);
  });

  it('a mark in a far future, left by a clock that was wrong, is given up when the server has told the time', () => {
    const hardware = new Hardware();
    const clock = new DeviceClock(hardware, { aheadMs: 0, markMs: start + year, fromMs: 0 });
    expect(offOf(clock, hardware)).toBeGreaterThan(year);
    clock.measure(hardware.ask(0, 0));
    expect(offOf(clock, hardware)).toBe(0);
    const kept = clock.settle()!;
    expect(kept.markMs - start).toBeLessThan(clockErrorMsMax);
    expect(offOf(new DeviceClock(hardware, kept), hardware)).toBeLessThan(clockErrorMsMax);
  });
});
