// `npm run sim -- --seeds 2000`: runs so many seeds, from a random one on, and says what happened in them.
//
//   --seeds N      how many                        --from N         the first one
//   --seed N       this one only, told in full     --mistake name   with a bug put in: exits well when it is found
//   --workers N    processes; two, where there are two cores
//   --steps 1,4,7 --devices 2 --without drop,cut   the parts of a seed that a smaller failing run needs
//
// A seed that breaks a promise is made small and printed with the command that runs it again.

import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import '../../core/embedded.js';
import { countsMin, Tally } from './tally.js';
import { mistakes } from './mistakes.js';
import { planOf, stepInWords, type Cuts } from './plan.js';
import { shrink } from './shrink.js';
import { runSeed, type Mistake, type Verdict } from './world.js';

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: Object.fromEntries(['seeds', 'from', 'seed', 'mistake', 'steps', 'devices', 'without', 'workers'].map((name) => [name, { type: 'string' as const }])),
}) as { values: Record<string, string | undefined> };

/** One of several processes of a run. */
const isWorker = values.workers === 'one';
const mistake = values.mistake === undefined ? undefined : mistakeOf(values.mistake);
const isWell = values.seed === undefined
  ? await runMany(Number(values.from ?? crypto.getRandomValues(new Uint32Array(1))[0] % 1e9), Number(values.seeds ?? 100))
  : await tellOne(Number(values.seed));
process.exitCode = isWell === (mistake === undefined) ? 0 : 1;

interface Share { tally: Tally; broken: number }

async function runMany(from: number, count: number): Promise<boolean> {
  const workers = mistake || isWorker ? 1 : Math.min(Number(values.workers ?? Math.min(2, availableParallelism())), Math.ceil(count / 50));
  if (!isWorker) console.log(`seeds ${from} to ${from + count - 1}`);
  const { tally, broken } = workers > 1 ? await runShares(from, count, workers) : await runShare(from, count);
  if (isWorker) return await handOver({ tally, broken });
  const hollow = mistake ? [] : tally.hollow(countsMin);
  console.log(`\n${tally.inWords()}`);
  for (const line of hollow) console.log(`hollow: ${line}`);
  console.log(`${tally.seeds} seeds, ${broken} broken`);
  return broken === 0 && hollow.length === 0;
}

async function runShare(from: number, count: number): Promise<Share> {
  const tally = new Tally();
  const started = performance.now();
  let broken = 0;
  for (let seed = from; seed < from + count; seed++) {
    const verdict = await runSeed(seed, { mistake });
    tally.add(verdict);
    if (verdict.broken.length > 0) {
      broken++;
      await report(verdict);
      if (mistake) break;
    }
    progress(seed - from + 1, count, broken, started);
    await breath();
  }
  return { tally, broken };
}

/** The same in processes of their own, each with a stretch of the seeds. */
async function runShares(from: number, count: number, workers: number): Promise<Share> {
  const tally = new Tally();
  const edges = Array.from({ length: workers + 1 }, (_, i) => from + Math.round((i * count) / workers));
  const shares = await Promise.all(edges.slice(1).map((end, i) => askWorker(edges[i], end - edges[i])));
  for (const { seeds, counts } of shares) tally.merge(seeds, counts);
  return { tally, broken: shares.reduce((sum, { broken }) => sum + broken, 0) };
}

interface Told { seeds: number; counts: [string, number][]; broken: number }

function askWorker(from: number, count: number): Promise<Told> {
  const worker = fork(fileURLToPath(import.meta.url), ['--from', String(from), '--seeds', String(count), '--workers', 'one']);
  return new Promise((resolve, reject) => {
    worker.on('message', (told) => resolve(told as Told));
    worker.on('exit', (code) => reject(new Error(`a worker ended with ${code}`)));
  });
}

function handOver({ tally, broken }: Share): Promise<boolean> {
  const told: Told = { seeds: tally.seeds, counts: [...tally.counts], broken };
  return new Promise((resolve) => process.send!(told, () => {
    process.disconnect();
    resolve(broken === 0);
  }));
}

/** The event loop turns once: signals are heard, output is written. */
function breath(): Promise<void> { return new Promise((resolve) => setImmediate(resolve)); }

function progress(done: number, count: number, broken: number, started: number): void {
  const isLast = done === count;
  if (!isLast && done % (process.stdout.isTTY ? 10 : 200) !== 0) return;
  const perSecond = done / ((performance.now() - started) / 1000);
  process.stdout.write(`${process.stdout.isTTY ? '\r' : ''}${done} of ${count} seeds, ${perSecond.toFixed(0)}/s, ${broken} broken${process.stdout.isTTY ? '' : '\n'}`);
}

async function report({ seed, broken }: Verdict): Promise<void> {
  console.log(`\nseed ${seed} breaks ${broken.length} promises:\n  ${broken.slice(0, 5).join('\n  ')}\nmaking it small …`);
  const cuts = await shrink(seed, {}, mistake);
  const small = await runSeed(seed, { cuts, mistake });
  const plan = planOf(seed, cuts);
  const rates = Object.entries(plan.weather.rates).filter(([, rate]) => rate > 0).map(([name, rate]) => `${name} ${rate.toFixed(3)}`);
  console.log(`  ${plan.devices} devices; rates: ${rates.join(', ') || 'none'}`);
  for (const step of plan.steps) console.log(`  ${stepInWords(step)}`);
  console.log(`  ${small.broken.slice(0, 3).join('\n  ')}\nreplay: npm run sim -- ${argumentsOf(seed, cuts)}`);
}

function argumentsOf(seed: number, { steps, devices, without }: Cuts): string {
  return [
    `--seed ${seed}`, mistake && `--mistake ${mistake.name}`, devices && `--devices ${devices}`,
    steps && `--steps ${[...steps].join(',')}`, without?.size && `--without ${[...without].join(',')}`,
  ].filter(Boolean).join(' ');
}

async function tellOne(seed: number): Promise<boolean> {
  const list = (text: string | undefined) => (text === undefined ? undefined : new Set(text.split(',').filter(Boolean)));
  const steps = list(values.steps);
  const cuts: Cuts = { steps: steps && new Set([...steps].map(Number)), without: list(values.without), devices: values.devices === undefined ? undefined : Number(values.devices) };
  const verdict = await runSeed(seed, { cuts, mistake, isTold: true });
  console.log(verdict.tail.join('\n'));
  for (const line of verdict.broken) console.log(`BROKEN: ${line}`);
  console.log(`seed ${seed}, trace ${verdict.hash}, ${verdict.broken.length} promises broken`);
  return verdict.broken.length === 0;
}

function mistakeOf(name: string): Mistake {
  const found = mistakes.find((each) => each.name === name);
  if (!found) throw new Error(`there is no mistake "${name}"; there are ${mistakes.map((each) => each.name).join(', ')}`);
  return found;
}
