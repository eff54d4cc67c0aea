// A failing seed made small: the fewest devices, steps and faults that still break a promise.
//
// Leaving something out may break another promise, or the same one elsewhere; any failure will do, since what is wanted is
// a run short enough to be read.

import { rateNames, troubleNames } from './weather.js';
import { planOf, type Cuts } from './plan.js';
import { runSeed, type Mistake } from './world.js';

/** @param runsMax  after so many runs it is small enough */
export async function shrink(seed: number, cuts: Cuts, mistake?: Mistake, runsMax = 400): Promise<Cuts> {
  let runs = 0;
  const fails = async (cuts: Cuts) => runs++ < runsMax && (await runSeed(seed, { cuts, mistake })).broken.length > 0;
  cuts = await withoutFaults(seed, cuts, fails);
  cuts = await withFewerDevices(seed, cuts, fails);
  cuts = await withFewerSteps(seed, cuts, fails);
  return withoutFaults(seed, cuts, fails);
}

type Fails = (cuts: Cuts) => Promise<boolean>;

/** One fault after another is switched off. */
async function withoutFaults(seed: number, cuts: Cuts, fails: Fails): Promise<Cuts> {
  const { weather } = planOf(seed, cuts);
  const happening = [...rateNames.filter((name) => weather.rates[name] > 0), ...troubleNames.filter((name) => weather.troubles[name] > 0)];
  for (const name of happening) {
    const fewer = { ...cuts, without: new Set([...(cuts.without ?? []), name]) };
    if (await fails(fewer)) cuts = fewer;
  }
  return cuts;
}

async function withFewerDevices(seed: number, cuts: Cuts, fails: Fails): Promise<Cuts> {
  for (let devices = 1; devices < planOf(seed, cuts).devices; devices++) {
    if (await fails({ ...cuts, devices })) return { ...cuts, devices };
  }
  return cuts;
}

/** Halves, then quarters, then eighths … of what is left are left out, as long as it still fails. */
async function withFewerSteps(seed: number, cuts: Cuts, fails: Fails): Promise<Cuts> {
  let left = planOf(seed, cuts).steps.map(({ index }) => index);
  for (let size = Math.ceil(left.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < left.length;) {
      const fewer = left.filter((_, i) => i < at || i >= at + size);
      if (await fails({ ...cuts, steps: new Set(fewer) })) left = fewer;
      else at += size;
    }
  }
  return { ...cuts, steps: new Set(left) };
}
