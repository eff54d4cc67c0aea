// A recorded editing session, read from a trace file.
//
// A position in a recording means something only in the exact state its author saw: the merge of the
// transaction's parents. A live client is never held at such a state: it also has what arrived since, and
// the server's log is one order for everybody, so it cannot be fed one author's ops and not another's.
// So every character of a concurrent recording is given a *place* beforehand: its rank among all characters
// ever typed, deleted ones included. Places mean the same in every state (see live-view.ts).
//
// Format of the files: josephg/editing-traces, sequential and concurrent.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';

export type Patch = readonly [position: number, deleted: number, inserted: string];

export interface Txn {
  author: number;
  /** How many of each author's transactions it was made on. */
  seen: readonly number[];
  patches: readonly Patch[];
}

export interface Recording {
  name: string;
  authors: number;
  txns: readonly Txn[];
  /** What the file says the end is; undefined when only the first part is played. */
  endContent: string | undefined;
}

interface TraceFile {
  kind?: 'concurrent';
  startContent?: string;
  endContent: string;
  numAgents?: number;
  txns: { parents?: number[]; agent?: number; patches: Patch[] }[];
}

/** @param txnsMax  play only so many; a transaction's parents are always before it, so any first part is whole */
export function readRecording(path: string, txnsMax = Infinity): Recording {
  const file = JSON.parse(gunzipSync(readFileSync(path)).toString('utf8')) as TraceFile;
  if (file.startContent) throw new Error(`${path}: a recording that starts with text is not supported`);
  const authors = file.numAgents ?? 1;
  const txns = file.txns.slice(0, txnsMax);
  return {
    name: basename(path).replace(/\.json(\.gz)?$/, ''),
    authors,
    txns: file.kind === 'concurrent' ? withCausality(txns, authors) : inOrder(txns),
    endContent: txns.length === file.txns.length ? file.endContent : undefined,
  };
}

function inOrder(txns: TraceFile['txns']): Txn[] {
  return txns.map(({ patches }, index) => ({ author: 0, seen: [index], patches }));
}

/** An author's own transactions are a chain, so the set a transaction was made on is one number per author. */
function withCausality(txns: TraceFile['txns'], authors: number): Txn[] {
  const played = new Array<number>(authors).fill(0);
  const including: number[][] = [];
  return txns.map(({ parents = [], agent = 0, patches }, index) => {
    const seen = new Array<number>(authors).fill(0);
    for (const parent of parents) including[parent].forEach((count, author) => { seen[author] = Math.max(seen[author], count); });
    if (seen[agent] !== played[agent]) throw new Error(`transaction ${index} was not made on its author's previous one`);
    including.push(seen.map((count, author) => (author === agent ? count + 1 : count)));
    played[agent]++;
    return { author: agent, seen, patches };
  });
}
