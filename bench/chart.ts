// The timed rows as an SVG bar chart, for results.svg: one bar per system, logarithmic, so that a tenth of a rival's time
// is the same length everywhere. Text takes the reader's colour scheme; the bars are readable on both.

import type { Measured, RowResult } from './race.js';
import type { System } from './system.js';
import { inTimes, short } from './table.js';

const colours: Readonly<Record<string, string>> = {
  headwater: '#0b84d8', yjs: '#d08a1d', 'json-joy': '#7a6fd0', 'diamond-types': '#2f9e77', loro: '#c2577f', automerge: '#8a8f98',
};
const width = 880;
const left = 150;
const barsWidth = 560;
const barHeight = 13;
const titleHeight = 26;

export function chart(results: readonly RowResult[], systems: readonly System[]): string {
  const rows = results.filter(({ unit }) => unit === 'ms');
  const scale = logScale(rows.flatMap(({ measured }) => measured.map(({ min }) => min)));
  let top = 8;
  const groups = rows.map((row) => {
    const drawn = group(row, systems, scale, top);
    top += titleHeight + row.measured.length * (barHeight + 3) + 10;
    return drawn;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top}" font-family="system-ui, sans-serif" font-size="12" role="img">`,
    '<title>Milliseconds, minimum of the run, logarithmic: shorter is faster</title>',
    '<style>text { fill: #24292f } .soft { fill: #59636e } @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .soft { fill: #9198a1 } }</style>',
    ...groups,
    '</svg>\n',
  ].join('\n');
}

function group(row: RowResult, systems: readonly System[], scale: (ms: number) => number, top: number): string {
  const title = `<text x="8" y="${top + 16}" font-weight="600">${row.name}</text>`;
  const bars = [...row.measured].sort((a, b) => a.min - b.min).map((one, index) =>
    bar(one, row, titleOf(systems, one.system), scale, top + titleHeight + index * (barHeight + 3)));
  return [title, ...bars].join('\n');
}

function bar({ system, min }: Measured, { ratios }: RowResult, title: string, scale: (ms: number) => number, top: number): string {
  const end = left + scale(min);
  const times = system in ratios ? ` · ${inTimes(ratios[system])}` : '';
  return `<text class="soft" x="${left - 8}" y="${top + 11}" text-anchor="end">${title}</text>`
    + `<rect x="${left}" y="${top}" width="${(end - left).toFixed(1)}" height="${barHeight}" rx="2" fill="${colours[system]}"/>`
    + `<text x="${(end + 6).toFixed(1)}" y="${top + 11}">${short(min)} ms${times}</text>`;
}

function titleOf(systems: readonly System[], name: string): string {
  return systems.find((system) => system.name === name)?.title ?? name;
}

/** From a little under the fastest to the slowest; a bar is never invisible. */
function logScale(times: readonly number[]): (ms: number) => number {
  const from = Math.log(Math.min(...times) / 2);
  const to = Math.log(Math.max(...times));
  return (ms) => ((Math.log(ms) - from) / (to - from)) * barsWidth;
}
