// Brings one document into memory: the newest good snapshot, then the log after it.
//
// A load that fails is a failure and never an empty document: an empty one would be pushed over the real one.

import { HeadwaterError } from '../sdk/core/errors.js';
import type { Lsn } from '../sdk/wire/message.js';
import type { DocumentState, Engine } from './engine.js';
import type { Store } from './store/store.js';

export interface LoadedDocument {
  state: DocumentState;
  lsn: Lsn;
  /** 0 when there was no usable snapshot. */
  snapshotLsn: Lsn;
  snapshotBytes: number;
}

const readBytesMax = 1024 * 1024;

/** @throws HeadwaterError `corrupt_record` when the log cannot be read to its end, `storage_failed` */
export async function loadDocument(store: Store, engine: Engine, document: string): Promise<LoadedDocument> {
  const loaded = await loadSnapshot(store, engine, document);
  try {
    for (;;) {
      const slice = await store.readSince(document, loaded.lsn, readBytesMax);
      if (slice.bytes.length > 0) loaded.state.apply(slice.bytes, { wait: false });
      loaded.lsn = slice.last;
      if (slice.corrupt !== null) throw corruptAt(document, slice.corrupt);
      // The log is in the store; the engine need not keep it too.
      loaded.state.trim();
      if (slice.last < slice.first) return loaded;
    }
  } catch (cause) {
    loaded.state.free();
    throw cause;
  }
}

/** A snapshot the engine does not take is passed over: an older one, or the log from its beginning, holds what it stood for. */
async function loadSnapshot(store: Store, engine: Engine, document: string): Promise<LoadedDocument> {
  for (let through: Lsn | undefined; ; ) {
    const snapshot = await store.readSnapshot(document, through);
    const state = engine.create();
    if (snapshot === null) return { state, lsn: 0, snapshotLsn: 0, snapshotBytes: 0 };
    try {
      state.apply(snapshot.bytes, { wait: false });
      return { state, lsn: snapshot.lsn, snapshotLsn: snapshot.lsn, snapshotBytes: snapshot.bytes.length };
    } catch {
      state.free();
      through = snapshot.lsn - 1;
    }
  }
}

export function corruptAt(document: string, lsn: Lsn): HeadwaterError {
  return new HeadwaterError(
    'corrupt_record',
    `entry ${lsn} of the document's log is damaged; a copy was set aside, see \`headwater inspect\``,
    { document, lsn },
  );
}
