// The bus tells the other nodes that a document has grown. What it carries is a hint: a message may be lost,
// doubled or late, and a reader that sees a hole in the LSNs reads the log instead. The log is the truth.

import type { Lsn } from '../../sdk/wire/message.js';

/** Document `document` has entries first..last; `blocks` are their bytes, so that nobody has to ask. */
export interface Growth {
  document: string;
  /** The node that committed them; it has told its own listeners already. */
  node: string;
  first: Lsn;
  last: Lsn;
  blocks: readonly Uint8Array[];
}

export interface Bus {
  publish(growth: Growth): void;
  /** @returns stops listening */
  subscribe(document: string, listener: (growth: Growth) => void): () => void;
  close(): Promise<void>;
}
