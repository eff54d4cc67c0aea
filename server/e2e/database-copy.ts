// What the database holds by itself, with no server running: the snapshot, and the log after it, taken in by a
// fresh engine. If the server's memory and its disk ever disagreed, this is the copy that would tell.

import { decodeVersion } from '../../sdk/core/codec.js';
import { engine } from '../engine.js';
import { loadDocument } from '../load.js';
import { openStore } from '../store/open.js';
import type { Copy } from './verdict.js';

export async function databaseCopy(database: string, id: string): Promise<Copy> {
  const store = await openStore(database, { readOnly: true });
  try {
    const { state } = await loadDocument(store, engine, id);
    const { text = '' } = state.toJSON() as { text?: string };
    const copy = { where: 'the database at the last ack', text, digest: state.digest(), version: decodeVersion(state.version()) };
    state.free();
    return copy;
  } finally {
    await store.close();
  }
}
