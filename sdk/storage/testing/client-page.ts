// A page with a client on a storage of this browser, driven from outside: what the crash and quota tests write with.

import { open, type Client, type Status } from '../../index.js';
import { sqliteStorage } from '../sqlite-browser.js';

export interface ClientPage {
  open(kind: 'indexeddb' | 'sqlite'): Promise<string>;
  /** Types words into the text until the page is no more; says which are durable. */
  type(from: number): void;
  write(bytes: number): void;
  flushed(): Promise<void>;
  status(): Status;
  /** What a write and a read take, with the storage at work between them: the slowest but 1 %, in ms. */
  p99(calls: number): Promise<{ writeMs: number; readMs: number }>;
}

declare const durable: (word: number) => void;

let client: Client;

(globalThis as unknown as { page: ClientPage }).page = {
  async open(kind) {
    client = await open({ storage: kind === 'sqlite' ? sqliteStorage('client.db', { worker: (options) => new Worker('./worker.js', { type: 'module', ...options }) }) : 'indexeddb' });
    await client.document('d').ready;
    return client.text('d').toString();
  },

  type(from) {
    let word = from;
    // A quick hand's pace; faster, and the page would be too busy to be killed.
    setInterval(() => {
      const mine = word++;
      const text = client.text('d');
      text.insert(text.length, `<${mine}>`).durable.then(() => durable(mine), () => {});
    }, 1);
  },

  // Noise, so that nothing on the way makes it smaller.
  write: (bytes) => void client.document('d').set(`field ${client.document('d').version().length}`, noise(bytes)),
  flushed: () => client.flushed(),
  status: () => client.status.get(),

  async p99(calls) {
    const tasks = client.document<Record<string, unknown>>('tasks');
    const text = client.text('d');
    await tasks.ready;
    const [writes, reads]: number[][] = [[], []];
    for (let i = 0; i < calls; i++) {
      writes.push(timed(() => (i % 2 === 0 ? text.insert(text.length, 'a') : tasks.set(`task${i % 50}`, { title: `Task ${i}`, done: false }))));
      reads.push(timed(() => (i % 2 === 0 ? text.toString() : tasks.get())));
      await new Promise((resolve) => setTimeout(resolve));
    }
    await client.flushed();
    const [writeMs, readMs] = [writes, reads].map((times) => times.sort((a, b) => a - b)[Math.floor(calls * 0.99)]);
    return { writeMs, readMs };
  },
};

function timed(call: () => unknown): number {
  const startedMs = performance.now();
  call();
  return performance.now() - startedMs;
}

function noise(bytes: number): string {
  return Array.from({ length: bytes / 4 }, () => Math.floor(Math.random() * 65536).toString(16).padStart(4, '0')).join('');
}
