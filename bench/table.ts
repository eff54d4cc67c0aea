// The results as a Markdown table, for the console and for results.md.

import type { Measured, RowResult } from './race.js';

/** A column: a system, or a server. */
export interface Column {
  readonly name: string;
  readonly title: string;
}

export function table(results: readonly RowResult[], systems: readonly Column[]): string {
  const columns = systems.filter(({ name }) => results.some(({ measured }) => measured.some(({ system }) => system === name)));
  const head = ['work', ...columns.map(({ title }) => title), 'bar', ''];
  const lines = results.map((result) => [result.name, ...columns.map(({ name }) => cell(result, name)), ...verdict(result)]);
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function cell({ unit, measured, ratios }: RowResult, system: string): string {
  const found = measured.find((one) => one.system === system);
  if (!found) return '';
  const ratio = system in ratios ? ` · ${inTimes(ratios[system])}` : '';
  return `${unit === 'B' ? inBytes(found.min) : inNumbers(found)}${ratio}`;
}

function verdict({ bars }: RowResult): [string, string] {
  const missed = bars.filter(({ pass }) => !pass).map(({ text }) => text);
  const word = bars.length === 0 ? '' : missed.length === 0 ? 'pass' : `**FAIL** ${missed.join(', ')}`;
  return [bars.map(({ text }) => text).join(', '), word];
}

/** The best, and the median behind it. */
function inNumbers({ min, median, runs }: Measured): string {
  return runs === 1 ? short(min) : `${short(min)} (${short(median)})`;
}

function inBytes(bytes: number): string {
  return bytes < 1_000 ? bytes.toFixed(1) : Math.round(bytes).toLocaleString('en');
}

export function inTimes(ratio: number): string {
  return `${ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(0)}×`;
}

export function short(ms: number): string {
  if (ms < 10) return ms.toFixed(2);
  return ms < 100 ? ms.toFixed(1) : Math.round(ms).toLocaleString('en');
}
