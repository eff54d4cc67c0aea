// `npm run fuzz`: ten million damaged inputs, or COUNT of them, from SEED on. Prints how far it is.

import '../../core/embedded.js';
import { seedFromEnv } from '../seed.js';
import { Trials } from './trials.js';

const count = Number(process.env.COUNT ?? 10_000_000);
const trials = new Trials(seedFromEnv());
const started = performance.now();
const step = 100_000;

for (let done = 0; done < count; done += step) {
  trials.run(Math.min(step, count - done));
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(`${Math.min(done + step, count)} of ${count} in ${seconds} s ${JSON.stringify(trials.met)}\n`);
}
