// What the database holds by itself, with no server running: the snapshot, and the log after it, read by the
// engine alone. If the server's memory and its disk ever disagreed, this is the copy that would tell.

import { decodeVersion } from '../../sdk/core/codec.js';
import { EngineDocument } from '../../sdk/core/document.js';
import { newReplicaId } from '../../sdk/core/replica.js';
import { openSqliteStore } from '../store/sqlite.js';
import type { Store } from '../store/store.js';
import type { Copy } from './verdict.js';

const sliceBytesMax = 1 << 20;

export async function databaseCopy(path: string, id: string): Promise<Copy> {
  const store = await openSqliteStore(path, { readOnly: true });
  const document = new EngineDocument(newReplicaId());
  try {
    await load(store, id, document);
    const { text = '' } = document.toJSON() as { text?: string };
    return { where: 'the database', text, digest: document.digest(), version: decodeVersion(document.version()) };
  } finally {
    document.free();
    await store.close();
  }
}

async function load(store: Store, id: string, document: EngineDocument): Promise<void> {
  const snapshot = await store.readSnapshot(id);
  if (snapshot) document.apply(snapshot.bytes);
  let slice = await store.readSince(id, snapshot?.lsn ?? 0, sliceBytesMax);
  while (slice.last >= slice.first) {
    document.apply(slice.bytes);
    slice = await store.readSince(id, slice.last, sliceBytesMax);
  }
}
