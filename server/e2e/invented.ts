// A session nobody typed, in the format of the recorded ones, so that a replay can be tested without any of them.
//
// Every author has a paragraph of its own and types and deletes only there, at random; what the others did it merges
// now and then. So no two type at one place, and as in the recordings the end is the same for every correct merge.

import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { createDocument } from '../../sdk/index.js';
import type { Document, Text } from '../../sdk/index.js';
import type { Patch } from './recording.js';

interface InventedTxn {
  parents: number[];
  agent: number;
  patches: Patch[];
}

/** @param random  in [0, 1) */
export function writeInvented(path: string, authors: number, txns: number, random: () => number): void {
  const writers = Array.from({ length: authors }, (_, author) => new Writer(author, random));
  const session = [writers[0].begin(authors)];
  for (const writer of writers.slice(1)) writer.merge(writers[0]);
  while (session.length < txns) {
    const writer = pick(writers, random);
    if (random() < 0.2) writer.merge(pick(writers, random));
    session.push(writer.type(session.length));
  }
  for (const writer of writers) writers[0].merge(writer);
  const file = { kind: 'concurrent', endContent: writers[0].text.toString(), numAgents: authors, txns: session };
  writeFileSync(path, gzipSync(JSON.stringify(file)));
}

class Writer {
  readonly document: Document = createDocument();
  readonly text: Text = this.document.getText('text');
  /** Transactions everything here builds on; the next one's parents. */
  #frontier = new Set<number>();
  /** The author's own characters, all in a row behind its mark. */
  #length = 0;

  constructor(readonly author: number, readonly random: () => number) {}

  /** The first transaction: a mark per author, each on a line of its own. */
  begin(authors: number): InventedTxn {
    const marks = Array.from({ length: authors }, (_, author) => `${author}:\n`).join('');
    return this.#write(0, [0, 0, marks]);
  }

  merge(other: Writer): void {
    if (other === this) return;
    this.document.import(other.document.export(this.document.version()));
    for (const index of other.#frontier) this.#frontier.add(index);
  }

  type(index: number): InventedTxn {
    const offset = this.#below(this.#length + 1);
    const deleted = this.random() < 0.25 ? Math.min(this.#length - offset, 1 + this.#below(4)) : 0;
    const inserted = deleted > 0 ? '' : letters.slice(0, 1 + this.#below(4));
    this.#length += inserted.length - deleted;
    const start = this.text.toString().indexOf(`${this.author}:`) + `${this.author}:`.length;
    return this.#write(index, [start + offset, deleted, inserted]);
  }

  #write(index: number, patch: Patch): InventedTxn {
    const parents = [...this.#frontier].sort((a, b) => a - b);
    this.text.splice(...patch);
    this.#frontier = new Set([index]);
    return { parents, agent: this.author, patches: [patch] };
  }

  #below(limit: number): number {
    return Math.floor(this.random() * limit);
  }
}

const letters = 'abcd';

function pick(writers: readonly Writer[], random: () => number): Writer {
  return writers[Math.floor(random() * writers.length)];
}
