// What an app can name, whichever way the engine comes: index.ts carries it, slim.ts has it loaded.

import { HeadwaterError } from './core/errors.js';
import { newReplicaId, type ReplicaId } from './core/replica.js';
import { Document, type Fields } from './store/document.js';

export { HeadwaterError, errorCodes, type ErrorCode } from './core/errors.js';
export { setMemoryLimit } from './core/memory.js';
export { isReplicaId, newReplicaId, type ReplicaId } from './core/replica.js';
export type { SnapshotOptions } from './core/document.js';
export type { JsonValue } from './core/values.js';
export { type Client } from './store/client.js';
export { open, type OpenOptions } from './store/open.js';
export { type Status } from './store/status.js';
export { Document, type Fields, type Path } from './store/document.js';
export { importSliced, type SlicedImportOptions } from './store/sliced-import.js';
export { Text, type Side } from './store/text.js';
export { Counter } from './store/counter.js';
export { DocumentSet, DocumentSet as Set } from './store/set.js';
export { List } from './store/list.js';
export { DocumentMap, DocumentMap as Map } from './store/map.js';
export { Presence, type Peer, type Present } from './store/presence.js';
export { type User } from './sync/session-state.js';
export { type Undo, type UndoEvent, type UndoOptions } from './store/undo.js';
export { type Delta } from './store/delta.js';
export { type Write, type WriteState } from './store/write.js';
export { type Refused, type RejectedList } from './store/rejected.js';
export { type Change } from './store/changes.js';
export type { Storage } from './storage/storage.js';
export type { Link, LinkEvents, Transport } from './sync/transport.js';
export { loopback } from './sync/loopback.js';

/** A document of the engine alone: no storage, no network, ready at once. */
export function createDocument<T extends object = Fields>(options: { id?: string; replica?: ReplicaId } = {}): Document<T> {
  const { id = 'document', replica = newReplicaId() } = options;
  if (typeof id !== 'string') throw new HeadwaterError('invalid_argument', 'a document id is a string', { id });
  return new Document<T>(id, replica);
}
