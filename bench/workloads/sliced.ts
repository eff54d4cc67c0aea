// The largest recorded session, as 259,778 updates, imported in slices: how long is the page held up at most?
//
// The pauses are ours, so that the clock of a slice starts where its pause ended. Chromium's figures, of the same work, are
// printed by sdk/store/sliced-import-browser.test.ts.

import { createDocument, importSliced } from '../../sdk/index.js';
import { joinBytes } from '../../sdk/core/bytes.js';
import type { Measurement, Workload } from '../harness.js';
import { readSession } from '../traces.js';

export const sliced: Workload = {
  name: 'sliced',
  about: 'the longest task while the largest session is imported in slices',
  bar: { of: 'min', msMax: 16, promise: 'no task longer than a frame' },
  runs: 5,
  run,
};

let session: Uint8Array | undefined;

async function run(): Promise<Measurement> {
  session ??= updatesOf();
  const document = createDocument();
  const longest = await longestSlice((onProgress) => importSliced(document, session!, { onProgress }));
  const characters = document.getText('text').length;
  document.close();
  return { ms: longest, counts: { bytes: session.length, characters } };
}

function updatesOf(): Uint8Array {
  const { count, positions, deleted, inserted } = readSession('automerge-paper');
  const author = createDocument({ replica: '0101010101010101' });
  const text = author.getText('text');
  const updates: Uint8Array[] = [];
  author.on('update', (update) => updates.push(update));
  for (let i = 0; i < count; i++) text.splice(positions[i], deleted[i], inserted[i]);
  author.close();
  return joinBytes(updates);
}

async function longestSlice(work: (onProgress: () => void) => Promise<void>): Promise<number> {
  const global = globalThis as { scheduler?: unknown };
  const before = global.scheduler;
  let longestMs = 0;
  let startedMs = performance.now();
  const resume = () => { startedMs = performance.now(); };
  global.scheduler = { yield: () => new Promise<void>((resolve) => setImmediate(resolve)).then(resume) };
  await work(() => { longestMs = Math.max(longestMs, performance.now() - startedMs); }).finally(() => { global.scheduler = before; });
  return longestMs;
}
