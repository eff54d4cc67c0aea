// What a database must hold, whatever was done to those who write it.
//
// Every write is exactly one op. So at any moment the counts are known without reading what was written: a document holds as
// many as its version vector says (else something is doubled), and of every author at least as many as were acked to it (else
// something acked is lost).

import { decodeVersion } from '../../../sdk/core/codec.js';
import { engine } from '../../engine.js';
import { loadDocument } from '../../load.js';
import { openStore } from '../../store/open.js';
import type { LogEntry, Store } from '../../store/store.js';
import { pause, type Author } from './author.js';

/** One sentence each. */
export interface Findings {
  store: string;
  lost: string[];
  doubled: string[];
}

const settleMsMax = 60_000;

/** Adds to the findings. The documents are those the authors write in. */
export async function judge(database: string, authors: readonly Author[], result: Findings, when: string): Promise<void> {
  const store = await openStore(database, { readOnly: true });
  result.store = store.kind;
  try {
    const documents = [...new Set(authors.flatMap(({ options }) => options.documents))];
    for (const id of documents) {
      const { count, version } = await contentOf(store, id);
      for (const { client, ackedSeqs } of authors) {
        const [acked, held] = [ackedSeqs.get(id) ?? 0, version.get(client.replica) ?? 0];
        if (held < acked) result.lost.push(`${when}: ${id} has ${held} writes of ${client.replica}, ${acked} were acked`);
      }
      const expected = [...version.values()].reduce((sum, seq) => sum + seq, 0);
      if (count !== expected) result.doubled.push(`${when}: ${id} counts ${count} writes, ${expected} were made`);
    }
    result.doubled.push(...[...await overlaps(store, documents)].map((text) => `${when}: ${text}`));
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
async function overlaps(store: Store, documents: readonly string[]): Promise<Set<string>> {
  const ends = new Map<string, number>();
  const wrong = new Set<string>();
  const follow = (key: string, first: number, last: number) => {
    if (first !== (ends.get(key) ?? 0) + 1) wrong.add(`the log of ${key} goes on with ${first} after ${ends.get(key) ?? 0}`);
    ends.set(key, last);
  };
  for (const { document, lsn, replica, seqFrom, seqTo } of await wholeLog(store, documents)) {
    follow(document, lsn, lsn);
    follow(`${document} by ${replica}`, seqFrom, seqTo);
  }
  return wrong;
}

/** Up to where the heads are at the time of the call; it may take a moment until that may be read. */
async function wholeLog(store: Store, documents: readonly string[]): Promise<LogEntry[]> {
  const count = (await store.heads(documents)).reduce((sum, head) => sum + head, 0);
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
