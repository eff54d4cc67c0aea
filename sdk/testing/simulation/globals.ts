// What shipping code finds in the global scope while a run lasts: the time, the timers and the randomness of the process
// whose code is running.
//
// These globals are the port. Everything that ships looks them up at each call, so nothing in it has to know that it is
// being simulated, and no byte of it is there for the simulator's sake. Microtasks stay as they are: their order follows
// from the code alone.

import type { Random } from '../seed.js';
import type { Happening, Process, Timeline } from './timeline.js';

type Timer = { happening: Happening; unref(): Timer; ref(): Timer };

/** Puts the simulated ones in place. @returns puts the real ones back */
export function enterSimulation(timeline: Timeline, random: Random): () => void {
  const real = saved(globalThis, ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'queueMicrotask']);
  const realDate = saved(Date, ['now']);
  const realPerformance = saved(performance, ['now']);
  const realMath = saved(Math, ['random']);
  const realMicrotask = globalThis.queueMicrotask;
  // Thousands of refusals a second, and nobody reads where they came from.
  const { stackTraceLimit } = Error;
  if (!timeline.isTold) Error.stackTraceLimit = 0;
  const ids = random.stream('ids');
  const chance = random.stream('chance');
  const owner = () => {
    if (!timeline.current) throw new Error('nobody is running: shipping code was called from outside of the simulation');
    return timeline.current;
  };
  Object.assign(globalThis, timersOf(owner), {
    // An error that shipping code hands to the global handler ends the run.
    queueMicrotask: (run: () => void) => realMicrotask(() => {
      try {
        run();
      } catch (error) {
        timeline.fail(error);
      }
    }),
  });
  Date.now = () => owner().wallMs;
  performance.now = () => timeline.nowMs;
  Math.random = () => chance.unit();
  const takeCrypto = fakeCrypto(ids);
  return () => {
    Object.assign(globalThis, real);
    Error.stackTraceLimit = stackTraceLimit;
    Object.assign(Date, realDate);
    Object.assign(performance, realPerformance);
    Object.assign(Math, realMath);
    takeCrypto();
  };
}

function timersOf(owner: () => Process) {
  const after = (run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) => timerOf(owner().schedule(delayMs, 'timer', () => run(...args)));
  const clear = (timer: Timer | undefined) => { if (timer) timer.happening.run = null; };
  const every = (run: () => void, delayMs = 0) => {
    const process = owner();
    const again = (): Happening => process.schedule(delayMs, 'tick', () => {
      timer.happening = again();
      run();
    });
    const timer = timerOf(again());
    return timer;
  };
  return { setTimeout: after, setImmediate: (run: () => void) => after(run, 0), clearTimeout: clear, setInterval: every, clearInterval: clear };
}

function timerOf(happening: Happening): Timer {
  const timer: Timer = { happening, unref: () => timer, ref: () => timer };
  return timer;
}

function fakeCrypto(ids: Random): () => void {
  const fakes = {
    getRandomValues: (into: Uint8Array | Uint32Array) => {
      for (let i = 0; i < into.length; i++) into[i] = ids.uint32();
      return into;
    },
    randomUUID: () => Array.from({ length: 4 }, () => ids.uint32().toString(16).padStart(8, '0')).join('-'),
  };
  for (const [name, value] of Object.entries(fakes)) Object.defineProperty(crypto, name, { value, configurable: true, writable: true });
  // The real ones are the prototype's.
  return () => Object.keys(fakes).forEach((name) => Reflect.deleteProperty(crypto, name));
}

function saved<T extends object, K extends keyof T>(from: T, names: K[]): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, from[name]])) as Pick<T, K>;
}
