// A client as an app has it: what a write and a read take while IndexedDB stores them, and what many open documents weigh.
//
// Node has no IndexedDB; fake-indexeddb stands in, which does its work in this thread, between the calls. Chromium's figures, of
// the same calls, are printed by sdk/store/client-browser.test.ts.

import { setImmediate as turn } from 'node:timers/promises';
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { memory } from '../../sdk/core/wasm.js';
import { open } from '../../sdk/index.js';
import type { Measurement, Workload } from '../harness.js';

const calls = 2_000;
const documents = 10_000;

export const writes: Workload = {
  name: 'writes', about: 'a local write, with IndexedDB storing it: the slowest but 1 %',
  bar: { of: 'median', msMax: 0.5, promise: 'p99 of a local write below half a millisecond' }, runs: 5, run: () => p99(true),
};

export const reads: Workload = {
  name: 'reads', about: 'a local read after each write, with IndexedDB storing them: the slowest but 1 %',
  bar: { of: 'median', msMax: 0.05, promise: 'p99 of a local read below 0.05 ms' }, runs: 5, run: () => p99(false),
};

export const many: Workload = {
  name: 'many', about: `what ${documents.toLocaleString('en')} small open documents weigh, in JavaScript's heap and the engine's memory`,
  bar: { of: 'median', msMax: 10, promise: '10,000 small documents within 10 MB, what memory stores of them included' }, runs: 3, unit: 'MB', run: weigh,
};

async function p99(isWrite: boolean): Promise<Measurement> {
  Object.assign(globalThis, { indexedDB: new IDBFactory(), IDBKeyRange });
  const client = await open({ storage: 'indexeddb' });
  try {
    const text = client.text('notes');
    const tasks = client.document<Record<string, unknown>>('tasks');
    await Promise.all([client.document('notes').ready, tasks.ready]);
    const times: number[] = [];
    for (let i = 0; i < calls; i++) {
      const write = () => (i % 2 === 0 ? text.insert(text.length, 'a') : tasks.set(`task${i % 50}`, { title: `Task ${i}`, done: false }));
      const read = () => (i % 2 === 0 ? text.toString() : tasks.get());
      const [wrote] = timed(write);
      const [seen] = timed(read);
      times.push(isWrite ? wrote : seen);
      await turn();
    }
    await client.flushed();
    return { ms: times.sort((a, b) => a - b)[Math.floor(calls * 0.99)], counts: { calls, characters: text.length } };
  } finally {
    await client.close();
    Object.assign(globalThis, { indexedDB: undefined, IDBKeyRange: undefined });
  }
}

function timed(call: () => unknown): [number] {
  const startedMs = performance.now();
  call();
  return [performance.now() - startedMs];
}

/** Everything that grows with them: handles, engine, and what a storage in memory keeps. */
async function weigh(): Promise<Measurement> {
  const client = await open({ storage: 'memory' });
  const fill = (from: number, count: number) => { for (let i = from; i < from + count; i++) client.document(`d${i}`).set('title', `Document ${i}`); };
  fill(0, 500);
  await client.flushed();
  const before = await held();
  fill(500, documents);
  await client.flushed();
  const ms = (await held()) - before;
  const count = (await client.documents()).length;
  await client.close();
  return { ms, counts: { documents: count } };
}

/** MB in use once what is garbage has been collected. */
async function held(): Promise<number> {
  if (!globalThis.gc) throw new Error('weighing needs --expose-gc; `npm run bench` has it');
  for (let i = 0; i < 4; i++) {
    await turn();
    globalThis.gc();
  }
  return (process.memoryUsage().heapUsed + memory.buffer.byteLength) / 1e6;
}
