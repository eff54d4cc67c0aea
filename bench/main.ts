// `npm run bench -- [workload …]`: runs the named workloads, or all, and ends with 1 if one misses its bar.

import { measure, report } from './harness.js';
import type { Workload } from './harness.js';
import { reconnect } from './workloads/reconnect.js';

const workloads: readonly Workload[] = [reconnect];

function chosen(names: string[]): readonly Workload[] {
  const unknown = names.filter((name) => !workloads.some((workload) => workload.name === name));
  if (unknown.length > 0) throw new Error(`there is no workload ${unknown.join(', ')}. There are:\n${menu()}`);
  return names.length === 0 ? workloads : workloads.filter(({ name }) => names.includes(name));
}

function menu(): string {
  return workloads.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n');
}

try {
  for (const workload of chosen(process.argv.slice(2))) {
    const outcome = await measure(workload);
    console.log(report(outcome));
    if (!outcome.pass) process.exitCode = 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
