// 200 readers that never read, while 10 MB/s are written to their document: what they cost the server, and the others.
//
// The time to the other readers is compared with that in a document next door that has no such readers, in turns, on
// the same server; first for the moments in which the 200 fill up, then for when they have. At the end some of them read.

import { defaultLimits } from '../../server/limits.js';
import { Asked } from '../server/process.js';
import type { Loaded } from '../server/load.js';
import { nodePath } from '../server/rivals.js';

const load = { bytesPerSecond: 10e6, bytes: 64 * 1_024 };
const others = 6;
const mib = 1_024 * 1_024;

export const stalled = { name: 'stalled', about: '200 readers that never read, at 10 MB/s: memory, and time to the others' };

/** @returns whether the bars were held */
export async function measureStalled(isQuick: boolean, transport?: 'uws' | 'ws'): Promise<boolean> {
  const [readers, rounds, ms] = isQuick ? [50, 2, 2_000] : [200, 4, 5_000];
  const host = new Asked('host.js', ['headwater', ...(transport ? [transport] : [])], nodePath());
  const [calm, crowded] = [new Asked('load.js', ['headwater'], nodePath()), new Asked('load.js', ['headwater'], nodePath())];
  try {
    const port = await host.ask<number>('start');
    await calm.ask('connect', { port, rooms: 1, clientsPerRoom: others, keptRooms: 0, prefix: 'calm' });
    await crowded.ask('connect', { port, rooms: 1, clientsPerRoom: others + readers, keptRooms: 0, prefix: 'crowded' });
    const beside = (ms: number) => calm.ask<Loaded>('stalled', { ...load, readers: 0, ms });
    const among = (ms: number) => crowded.ask<Loaded>('stalled', { ...load, readers, ms });
    const rss = async () => (await host.ask<NodeJS.MemoryUsage>('memory')).rss / mib;
    await beside(ms);
    const before = await rss();
    const filling = await among(ms);
    const times: { calm: number[]; crowded: number[] } = { calm: [], crowded: [] };
    let most = await rss();
    for (let round = 0; round < rounds; round++) {
      times.calm.push((await beside(ms)).p99);
      times.crowded.push((await among(ms)).p99);
      most = Math.max(most, await rss());
    }
    await crowded.ask('awake', { count: 5, msMax: 60_000 });
    return report({ readers, grown: most - before, filling, calm: Math.min(...times.calm), crowded: Math.min(...times.crowded) });
  } finally {
    for (const asked of [calm, crowded, host]) await asked.end();
  }
}

interface Found { readers: number; grown: number; filling: Loaded; calm: number; crowded: number }

function report({ readers, grown, filling, calm, crowded }: Found): boolean {
  // A socket may be over its budget by the frame that went past it, and what holds it doubles whenever it grows.
  const bound = (readers * (defaultLimits.backpressureBytesMax + load.bytes) * 2) / mib;
  const [isBounded, isQuick] = [grown <= bound, crowded < 2 * calm];
  const word = (isHeld: boolean) => (isHeld ? 'pass' : 'FAIL');
  console.log(`stalled      ${readers} readers that never read, 10 MB/s: ${grown.toFixed(0)} MiB more memory; bar: twice their budgets, ≤ ${bound.toFixed(0)} MiB  ${word(isBounded)}`);
  console.log(`             to the others, p99: ${crowded.toFixed(2)} ms, next door ${calm.toFixed(2)} ms; bar: under twice that  ${word(isQuick)}`);
  console.log(`             while they filled up, p50 ${filling.p50.toFixed(2)} ms, p99 ${filling.p99.toFixed(0)} ms; five of them read at last, and have everything`);
  return isBounded && isQuick;
}
