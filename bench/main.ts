// `npm run bench -- [name …] [--quick] [--json file] [--write] [--check] [--accept]`
//
// Names are groups of rows that race Headwater against its rivals, or workloads that hold a bar on their own; without a
// name all of them run. Ends with 1 when a bar is missed; with --check, when a stable count has grown.

import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { engineLatin1 } from '../build/engine/embedded.js';
import { baselineOf, compare, readBaseline, writeBaseline } from './baseline.js';
import { chart } from './chart.js';
import { measure, report } from './harness.js';
import type { Workload } from './harness.js';
import { replaceSection } from './page.js';
import { race } from './race.js';
import type { Pace, Row, RowResult } from './race.js';
import type { System } from './system.js';
import { loadSystems } from './systems.js';
import { nodeVersion, serverSystems } from './server/rivals.js';
import { table, type Column } from './table.js';
import { TraceMissing } from './traces.js';
import { many, reads, writes } from './workloads/client.js';
import { concurrent } from './workloads/concurrent.js';
import { load } from './workloads/load.js';
import { map } from './workloads/map.js';
import { random } from './workloads/random.js';
import { reconnect } from './workloads/reconnect.js';
import { fullPace, quickPace, raceServers } from './workloads/server.js';
import { sliced } from './workloads/sliced.js';
import { measureStalled, stalled } from './workloads/stalled.js';
import { snapshot } from './workloads/snapshot.js';
import { text } from './workloads/text.js';

const groups: Readonly<Record<string, { about: string; rows: readonly Row[] }>> = {
  text: { about: 'one author\'s 259,778 edits: made, made and kept, received; bytes per keystroke', rows: text },
  map: { about: '100,000 sets on 1,000 keys, and the bytes left', rows: map },
  snapshot: { about: 'bytes of a saved document', rows: snapshot },
  load: { about: 'from saved bytes to the first text', rows: load },
  random: { about: '100,000 inserts at random, at the front, at the end', rows: random },
  concurrent: { about: 'sessions of several authors, received update by update', rows: concurrent },
};
const workloads: readonly Workload[] = [sliced, reconnect, writes, reads, many];
const servers = { name: 'server', about: 'the server next to others: CPU per edit, edits/s, latency, idle and stalled connections' };

const full: Pace = { rounds: 9, roundsSlow: 3 };
const quick: Pace = { rounds: 4, roundsSlow: 1 };

const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const inBench = (name: string) => join(repository, 'bench', name);

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    accept: { type: 'boolean', default: false },
  },
});

function chosen(): string[] {
  const names = [...Object.keys(groups), ...[...workloads, stalled, servers].map(({ name }) => name)];
  const unknown = positionals.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`there is no benchmark ${unknown.join(', ')}. There are:\n${menu()}`);
  return positionals.length === 0 ? names : names.filter((name) => positionals.includes(name));
}

function menu(): string {
  const all = [...Object.entries(groups).map(([name, { about }]) => ({ name, about })), ...workloads, stalled, servers];
  return all.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n');
}

async function runRows(rows: readonly Row[], systems: readonly System[]): Promise<RowResult[]> {
  const results: RowResult[] = [];
  for (const row of rows) {
    const startedMs = performance.now();
    try {
      results.push(await (options.quick ? race(nearest(row), systems, quick) : race(row, systems, full)));
      console.error(`${row.name}  (${((performance.now() - startedMs) / 1_000).toFixed(1)} s)`);
    } catch (error) {
      if (!(error instanceof TraceMissing)) throw error;
      console.error(`${row.name}: skipped: ${error.message}`);
    }
  }
  return results;
}

/** A row with one rival, that of its last bar: the hardest to beat. A row whose bars name none is run alone. */
function nearest(row: Row): Row {
  const bars = row.bars.filter((bar) => 'rival' in bar).slice(-1);
  return { ...row, bars: [...row.bars.filter((bar) => 'max' in bar), ...bars], systems: ['headwater', ...bars.map(({ rival }) => rival)] };
}

async function runGroups(names: readonly string[]): Promise<void> {
  const rows = names.flatMap((name) => groups[name]?.rows ?? []);
  if (rows.length === 0) return;
  const systems = await loadSystems();
  if (!globalThis.gc) console.error('without --expose-gc garbage of one run may be collected in the next; `npm run bench` has it');
  const results = await runRows(rows, systems);
  if (results.length === 0) return;
  finish(results, systems, { heading: 'The engine', page: enginePage(results, systems), svg: chart(results, systems) });
}

async function runServers(): Promise<void> {
  // The quick form is about ours: next to the one whose bars are the hardest.
  const systems = serverSystems(options.quick ? ['hocuspocus'] : undefined);
  const results = await raceServers(systems, options.quick ? quickPace : fullPace);
  finish(results, systems, { heading: 'The server', page: serverPage(results, systems) });
}

function enginePage(results: readonly RowResult[], systems: readonly Column[]): string {
  return [
    table(results, systems),
    `\nTimes are milliseconds: the minimum, in brackets the median; × is how many times Headwater's minimum. Bytes are exact.`,
    `Node ${process.versions.node}, ${machine()}.`,
  ].join('\n');
}

function serverPage(results: readonly RowResult[], systems: readonly Column[]): string {
  return [
    table(results, systems),
    `\nThe best round, in brackets the median; × is how many times Headwater's best. CPU is µs of the server process, all its threads,`,
    `per edit and reader it reaches. Headwater commits every edit to SQLite with fsync before it is delivered; the others store nothing.`,
    `Node ${nodeVersion()}, ${machine()}.`,
  ].join('\n');
}

function machine(): string {
  return `${cpus()[0].model.trim()}, ${cpus().length} cores`;
}

interface Section { heading: string; page: string; svg?: string }

function finish(results: readonly RowResult[], systems: readonly Column[], section: Section): void {
  console.log(`\n${section.page}`);
  keep(results, section);
  const isMissed = results.some(({ bars }) => bars.some(({ pass }) => !pass));
  if (isMissed && !options.check) process.exitCode = 1;
}

function keep(results: readonly RowResult[], { heading, page, svg }: Section): void {
  const before = readBaseline(inBench('baselines.json'));
  const now = baselineOf(results, engineLatin1.length);
  const drift = compare(before, now);
  const { regressions, slower } = drift;
  for (const line of drift.smaller) console.log(`better than the baseline (--accept keeps it): ${line}`);
  for (const line of slower) console.log(`slower than the baseline, next to a rival: ${line}`);
  for (const line of regressions) console.log(`REGRESSION of a stable count: ${line}`);
  console.log(`${drift.held} stable counts as in the baseline or better, ${regressions.length} worse; ${slower.length} timed rows slower by more than 10 %`);
  if (options.check && regressions.length > 0) process.exitCode = 1;
  if (options.accept) writeBaseline(inBench('baselines.json'), before, now, options.quick);
  if (options.json) writeFileSync(options.json, `${JSON.stringify({ node: process.versions.node, results, ...drift }, null, 2)}\n`);
  if (!options.write) return;
  const file = inBench('results.md');
  writeFileSync(file, replaceSection(readFileSync(file, 'utf8'), heading, svg ? `${page}\n\n![The timed rows](results.svg)` : page));
  if (svg) writeFileSync(inBench('results.svg'), svg);
}

async function runWorkload(workload: Workload): Promise<void> {
  const outcome = await measure(workload);
  console.log(report(outcome));
  if (!outcome.pass) process.exitCode = 1;
}

try {
  const names = chosen();
  for (const workload of workloads) if (names.includes(workload.name)) await runWorkload(workload);
  await runGroups(names);
  if (names.includes(stalled.name) && !(await measureStalled(options.quick))) process.exitCode = 1;
  if (names.includes(servers.name)) await runServers();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
