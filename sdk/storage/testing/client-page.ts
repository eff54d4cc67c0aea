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
};

function noise(bytes: number): string {
  return Array.from({ length: bytes / 4 }, () => Math.floor(Math.random() * 65536).toString(16).padStart(4, '0')).join('');
}
