import { HeadwaterError } from '../../sdk/core/errors.js';
import type { Lsn } from '../../sdk/wire/message.js';

/** @param floor  the last LSN that is gone */
export function compactedAt(document: string, floor: Lsn): HeadwaterError {
  return new HeadwaterError('history_compacted', `the log of this document begins after ${floor}: start from its snapshot`, { document, lsn: floor });
}
