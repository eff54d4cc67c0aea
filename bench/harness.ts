// Runs a workload a few times and says whether it holds its bar.
//
// The minimum is what the code costs, the median what a person sees; both are printed. Counts (ops, bytes)
// have to be the same in every run: a workload that does less work on its second run is not faster.

export interface Bar {
  /** `min` or `median` of the measured milliseconds. */
  of: 'min' | 'median';
  msMax: number;
  /** What the bar means, in words. */
  promise: string;
}

export interface Workload {
  name: string;
  about: string;
  bar: Bar;
  runs: number;
  /** Of what is measured, where it is not milliseconds: then `ms` is a number of these. */
  unit?: 'MB';
  /** One run, with its own set-up and tear-down. Only `ms` is time that counts. */
  run(): Promise<Measurement>;
}

export interface Measurement {
  ms: number;
  /** Numbers that must not differ between runs. */
  counts: Readonly<Record<string, number>>;
}

export interface Outcome {
  name: string;
  minMs: number;
  medianMs: number;
  runs: number;
  counts: Readonly<Record<string, number>>;
  bar: Bar;
  unit?: 'MB';
  pass: boolean;
}

/** @throws Error when the counts of two runs differ */
export async function measure(workload: Workload): Promise<Outcome> {
  const { name, bar, runs, unit } = workload;
  // The first run pays for compilation and cold files; it is made and thrown away.
  const { counts } = await workload.run();
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const measured = await workload.run();
    assertSame(name, counts, measured.counts);
    times.push(measured.ms);
  }
  const minMs = Math.min(...times);
  const medianMs = median(times);
  return { name, minMs, medianMs, runs, counts, bar, ...(unit && { unit }), pass: (bar.of === 'min' ? minMs : medianMs) <= bar.msMax };
}

export function report({ name, minMs, medianMs, runs, counts, bar, unit, pass }: Outcome): string {
  const inMs = (ms: number) => inUnits(ms, unit);
  const counted = Object.entries(counts).map(([what, count]) => `${count.toLocaleString('en')} ${what}`).join(', ');
  return [
    `${name.padEnd(12)} min ${inMs(minMs)}  median ${inMs(medianMs)}  of ${runs} runs  (${counted})`,
    `${''.padEnd(12)} bar: ${bar.promise}: ${bar.of} ≤ ${inMs(bar.msMax)}  ${pass ? 'pass' : 'FAIL'}`,
  ].join('\n');
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function assertSame(name: string, expected: Measurement['counts'], counts: Measurement['counts']): void {
  const [first, second] = [JSON.stringify(expected), JSON.stringify(counts)];
  if (first !== second) throw new Error(`${name}: two runs did different work: ${first} and ${second}`);
}

function inUnits(ms: number, unit = 'ms'): string {
  return `${ms < 0.1 ? ms.toFixed(4) : ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ${unit}`;
}
