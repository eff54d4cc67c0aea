// headwater/lite: fields, maps, counters and sets; no texts, no storage, no network. Same format, same digests.

import './core/embedded-lite.js';
import { HeadwaterError } from './core/errors.js';
import { newReplicaId, type ReplicaId } from './core/replica.js';
import { LiteDocument, type Fields } from './store/document.js';

export { HeadwaterError, errorCodes, type ErrorCode } from './core/errors.js';
export { setMemoryLimit } from './core/memory.js';
export { isReplicaId, newReplicaId, type ReplicaId } from './core/replica.js';
export type { JsonValue } from './core/values.js';
export { LiteDocument as Document, type Fields, type Path } from './store/document.js';
export { Counter } from './store/counter.js';
export { DocumentSet, DocumentSet as Set } from './store/set.js';
export { DocumentMap, DocumentMap as Map } from './store/map.js';
export { type Write, type WriteState } from './store/write.js';

/** A document in memory, ready at once. @throws HeadwaterError `not_supported` where an import holds a text; nothing changes then */
export function createDocument<T extends object = Fields>(options: { id?: string; replica?: ReplicaId } = {}): LiteDocument<T> {
  const { id = 'document', replica = newReplicaId() } = options;
  if (typeof id !== 'string') throw new HeadwaterError('invalid_argument', 'a document id is a string', { id });
  return new LiteDocument<T>(id, replica);
}
