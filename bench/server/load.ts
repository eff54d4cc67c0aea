// The load, a process of its own: `load.js headwater` or `load.js <rival>`, asked by the bench to connect, write and check.

import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Crowd, type CrowdPlan, type Member } from './crowd.js';
import { answer } from './process.js';
import { headwaterWire, type Wire } from './wire.js';

const rivals = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..', 'bench', 'server-rivals');
const [, , name] = process.argv;
const settleMsMax = 20_000;
const windowBytes = 1024 * 1024;
let crowd: Crowd;

export interface Loaded {
  ms: number;
  edits: number;
  deliveries: number;
  p50: number;
  p99: number;
}

async function wire(): Promise<Wire> {
  if (name === 'headwater') return headwaterWire;
  return ((await import(pathToFileURL(join(rivals, `${name}.wire.js`)).href)) as { default: Wire }).default;
}

async function connect(plan: CrowdPlan): Promise<void> {
  crowd = new Crowd(await wire(), plan);
  await crowd.connect();
}

/** So many edits a second, whatever comes back: each goes to another room, written by another of its members. */
async function steady({ editsPerSecond, ms, bytes = 0 }: { editsPerSecond: number; ms: number; bytes?: number }): Promise<Loaded> {
  const order = byTurns(crowd);
  const startedMs = performance.now();
  let sent = 0;
  return run(async () => {
    for (let passedMs = 0; passedMs < ms; passedMs = performance.now() - startedMs) {
      for (const due = (passedMs / 1_000) * editsPerSecond; sent < due; sent++) order[sent % order.length].write(bytes);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
}

/** Each of `writers` members of each room writes its next edit once its last is acked. */
async function closed({ writers, ms }: { writers: number; ms: number }): Promise<Loaded> {
  const startedMs = performance.now();
  return run(async () => {
    const writing = crowd.members.filter(({ author }) => author < writers);
    crowd.onAck = (member) => { if (member.acked === member.edits && performance.now() - startedMs < ms) member.write(); };
    for (const member of writing) member.write();
    await new Promise((resolve) => setTimeout(resolve, ms));
    crowd.onAck = null;
  });
}

async function run(work: () => Promise<void>): Promise<Loaded> {
  const [edits, deliveries, startedMs] = [crowd.edits, crowd.deliveries, performance.now()];
  const latencies: number[] = (crowd.latencies = []);
  await work();
  const ms = performance.now() - startedMs;
  await crowd.settle(settleMsMax);
  crowd.latencies = null;
  latencies.sort((a, b) => a - b);
  const at = (part: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))] ?? 0;
  return { ms, edits: crowd.edits - edits, deliveries: crowd.deliveries - deliveries, p50: at(0.5), p99: at(0.99) };
}

/** First every room's first author, then every room's second … */
function byTurns({ members }: Crowd): Member[] {
  return [...members].sort((a, b) => a.author - b.author);
}

/** The first member of the only room writes blobs, some read, and the last `stalled` have stopped reading. */
async function stalled({ readers, bytesPerSecond, bytes, ms }: { readers: number; bytesPerSecond: number; bytes: number; ms: number }): Promise<Loaded> {
  const [writer, ...others] = crowd.members;
  for (const member of others.slice(others.length - readers)) member.stall(true);
  const startedMs = performance.now();
  let sent = 0;
  return run(async () => {
    for (let passedMs = 0; passedMs < ms; passedMs = performance.now() - startedMs) {
      // As a client does by the protocol, it has no more than so much unanswered.
      for (const due = (passedMs / 1_000) * (bytesPerSecond / bytes); sent < due && (writer.edits - writer.acked) * bytes < windowBytes; sent++) writer.write(bytes);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
}

/** Some read again, one after the other, and each in the end has everything. */
async function awake({ count, msMax }: { count: number; msMax: number }): Promise<void> {
  for (const member of crowd.members.filter(({ isStalled }) => isStalled).slice(0, count)) {
    member.stall(false);
    await crowd.settle(msMax);
  }
}

answer({
  stalled, awake, connect, steady, closed,
  compare: () => crowd.compareStates(),
  disconnect: () => crowd.end(),
});
