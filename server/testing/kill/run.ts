// A server under load that is killed with SIGKILL, round after round, and judged by what its database holds.
//
// Every write is exactly one op: an increment, or one character typed. So at any moment the counts are known without
// reading what was written: a document holds as many as its version vector says (else something is doubled), and of every
// author at least as many as were acked to it (else something acked is lost). The database is read while the server is
// dead: later the authors, who still have everything, would fill a gap without a word.

import WebSocket from 'ws';
import { open, type Client, type Write } from '../../../sdk/index.js';
import { decodeVersion } from '../../../sdk/core/codec.js';
import { ServerProcess } from '../../e2e/server-process.js';
import { engine } from '../../engine.js';
import { loadDocument } from '../../load.js';
import { openStore } from '../../store/open.js';
import type { LogEntry, Store } from '../../store/store.js';

export interface KillOptions {
  rounds: number;
  /** Instead of a SQLite file of the run's own. */
  database?: string;
  clients?: number;
  random: () => number;
  look?: (round: number, acked: number) => void;
}

export interface KillResult {
  store: string;
  rounds: number;
  acked: number;
  written: number;
  /** Rounds in which something had been acked since the one before, and something was on its way when the kill came. */
  hardRounds: number;
  /** One sentence each. */
  lost: string[];
  doubled: string[];
}

/** Un-acked writes of one client; without a limit a client would have written everything before the first kill. */
const windowMax = 20;
const roundMs = { min: 60, spread: 250 };
const settleMsMax = 60_000;
const counters = ['counter 0', 'counter 1'];
const texts = ['text 0', 'text 1'];

/** @throws Error when the server does not come back, or the clients do not get everything acked in the end */
export async function killRounds({ rounds, database, clients = 12, random, look }: KillOptions): Promise<KillResult> {
  const server = await ServerProcess.start({ database });
  const authors = await Promise.all(Array.from({ length: clients }, () => Author.start(server.url, random)));
  const result: KillResult = { store: '', rounds, acked: 0, written: 0, hardRounds: 0, lost: [], doubled: [] };
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const before = total(authors, 'acked');
      await until(() => total(authors, 'acked') > before, 'nothing is acked any more');
      await pause(roundMs.min + random() * roundMs.spread);
      const onTheirWay = total(authors, 'written') - total(authors, 'acked');
      await server.kill();
      if (onTheirWay > 0) result.hardRounds += 1;
      await judge(server.database, authors, result, `after kill ${round}`);
      await server.resume();
      look?.(round, total(authors, 'acked'));
    }
    for (const author of authors) author.stop();
    await until(() => authors.every(({ written, acked }) => acked === written), 'not everything was acked in the end');
    await server.kill();
    await judge(server.database, authors, result, 'at the end');
    return { ...result, acked: total(authors, 'acked'), written: total(authors, 'written') };
  } finally {
    for (const author of authors) author.stop();
    await Promise.all(authors.map(({ client }) => client.close()));
    await server[Symbol.asyncDispose]();
  }
}

class Author {
  written = 0;
  acked = 0;
  /** By document. */
  readonly ackedSeqs = new Map<string, number>();
  private readonly seqs = new Map<string, number>();
  private isStopped = false;

  static async start(server: string, random: () => number): Promise<Author> {
    const author = new Author(await open({ server, storage: 'memory', WebSocket }), random);
    void author.write();
    return author;
  }

  private constructor(readonly client: Client, private readonly random: () => number) {}

  stop(): void {
    this.isStopped = true;
  }

  private async write(): Promise<void> {
    while (!this.isStopped) {
      if (this.written - this.acked < windowMax) this.writeOne();
      await pause(this.random() * 4);
    }
  }

  private writeOne(): void {
    const ids = [...counters, ...texts];
    const id = ids[Math.floor(this.random() * ids.length)];
    const write = this.edit(id);
    const seq = (this.seqs.get(id) ?? 0) + 1;
    this.seqs.set(id, seq);
    this.written += 1;
    write.acked.then(() => {
      this.acked += 1;
      this.ackedSeqs.set(id, Math.max(seq, this.ackedSeqs.get(id) ?? 0));
    }, () => undefined);
  }

  private edit(id: string): Write {
    const document = this.client.document(id);
    if (counters.includes(id)) return document.getCounter('count').increment();
    const text = document.getText('text');
    return text.insert(Math.floor(this.random() * (text.length + 1)), 'x');
  }
}

async function judge(database: string, authors: readonly Author[], result: KillResult, when: string): Promise<void> {
  const store = await openStore(database, { readOnly: true });
  result.store = store.kind;
  try {
    for (const id of [...counters, ...texts]) {
      const { count, version } = await contentOf(store, id);
      for (const { client, ackedSeqs } of authors) {
        const [acked, held] = [ackedSeqs.get(id) ?? 0, version.get(client.replica) ?? 0];
        if (held < acked) result.lost.push(`${when}: ${id} has ${held} writes of ${client.replica}, ${acked} were acked`);
      }
      const expected = [...version.values()].reduce((sum, seq) => sum + seq, 0);
      if (count !== expected) result.doubled.push(`${when}: ${id} counts ${count} writes, ${expected} were made`);
    }
    result.doubled.push(...[...await overlaps(store)].map((text) => `${when}: ${text}`));
  } finally {
    await store.close();
  }
}

async function contentOf(store: Store, id: string): Promise<{ count: number; version: Map<string, number> }> {
  const { state } = await loadDocument(store, engine, id);
  const { count, text } = state.toJSON() as { count?: number; text?: string };
  const version = decodeVersion(state.version());
  state.free();
  return { count: count ?? text?.length ?? 0, version };
}

/** Of each author every seq once, and of each document every LSN. */
async function overlaps(store: Store): Promise<Set<string>> {
  const ends = new Map<string, number>();
  const wrong = new Set<string>();
  const follow = (key: string, first: number, last: number) => {
    if (first !== (ends.get(key) ?? 0) + 1) wrong.add(`the log of ${key} goes on with ${first} after ${ends.get(key) ?? 0}`);
    ends.set(key, last);
  };
  for (const { document, lsn, replica, seqFrom, seqTo } of await wholeLog(store)) {
    follow(document, lsn, lsn);
    follow(`${document} by ${replica}`, seqFrom, seqTo);
  }
  return wrong;
}

/** Up to where the heads are at the time of the call; it may take a moment until that may be read. */
async function wholeLog(store: Store): Promise<LogEntry[]> {
  const count = (await store.heads([...counters, ...texts])).reduce((sum, head) => sum + head, 0);
  const entries: LogEntry[] = [];
  const deadlineMs = Date.now() + settleMsMax;
  while (entries.length < count) {
    const page = await store.readAll(entries.at(-1)?.position ?? 0, 10_000);
    entries.push(...page);
    if (Date.now() > deadlineMs) throw new Error('the whole log cannot be read to its end');
    if (page.length === 0) await pause(20);
  }
  return entries;
}

function total(authors: readonly Author[], what: 'written' | 'acked'): number {
  return authors.reduce((sum, author) => sum + author[what], 0);
}

async function until(claim: () => boolean, otherwise: string): Promise<void> {
  const deadlineMs = Date.now() + settleMsMax;
  while (!claim()) {
    if (Date.now() > deadlineMs) throw new Error(otherwise);
    await pause(5);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
