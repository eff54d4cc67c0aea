// A document as it was: the snapshot before that moment, and the log from there to it.

import type { Lsn } from '../sdk/wire/message.js';
import type { DocumentState, Engine } from './engine.js';
import { corruptAt } from './load.js';
import type { Store } from './store/store.js';

const readBytesMax = 1 << 20;

/**
 * The state as of an LSN, to be freed. O(snapshot + log between).
 *
 * @throws HeadwaterError `history_compacted` when the log begins later, `corrupt_record`, `storage_failed`
 */
export async function stateAt(store: Store, engine: Engine, document: string, lsn: Lsn): Promise<DocumentState> {
  const snapshot = await store.readSnapshot(document, lsn);
  const state = engine.create();
  try {
    if (snapshot !== null) state.apply(snapshot.bytes, { wait: false });
    for (let at = snapshot?.lsn ?? 0; at < lsn; ) {
      const slice = await store.readSince(document, at, readBytesMax, lsn);
      if (slice.last < slice.first) throw corruptAt(document, slice.first);
      state.apply(slice.bytes, { wait: false });
      at = slice.last;
    }
    return state;
  } catch (cause) {
    state.free();
    throw cause;
  }
}
