// Somebody who writes: every write is one op, an increment or one character typed, and every ack is noted.

import WebSocket from 'ws';
import { open, type Client, type Write } from '../../../sdk/index.js';

export interface AuthorOptions {
  server: string;
  random: () => number;
  /** Documents it writes in: `counter …` and `text …`. */
  documents: readonly string[];
  /** The longest pause between two writes. */
  paceMs: number;
}

/** Un-acked writes of one author; without a limit it would have written everything before the first kill. */
const windowMax = 20;

export class Author {
  written = 0;
  acked = 0;
  /** By document. */
  readonly ackedSeqs = new Map<string, number>();
  private readonly seqs = new Map<string, number>();
  private isStopped = false;
  /** Writes nothing until it is taken back. */
  isResting = false;

  static async start(options: AuthorOptions): Promise<Author> {
    const author = new Author(await open({ server: options.server, storage: 'memory', WebSocket }), options);
    void author.write();
    return author;
  }

  private constructor(readonly client: Client, readonly options: AuthorOptions) {}

  stop(): void {
    this.isStopped = true;
  }

  private async write(): Promise<void> {
    while (!this.isStopped) {
      if (!this.isResting && this.written - this.acked < windowMax) this.writeOne();
      await pause(this.options.random() * this.options.paceMs);
    }
  }

  private writeOne(): void {
    const { documents, random } = this.options;
    const id = documents[Math.floor(random() * documents.length)];
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
    if (id.startsWith('counter')) return document.getCounter('count').increment();
    const text = document.getText('text');
    return text.insert(Math.floor(this.options.random() * (text.length + 1)), 'x');
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
