// What the end of a connection means: for a client, the error to show and whether to try again; for a server, how to close.
//
// Codes of RFC 6455 itself, and any we do not know, are a lost connection: try again with backoff. Never trying again is
// for what only a person or the app can change.

import type { ErrorCode } from '../core/errors.js';
import * as closeCodes from './close-codes.js';

const errors: Readonly<Record<number, ErrorCode>> = {
  [closeCodes.protocolError]: 'protocol_error',
  [closeCodes.notAuthorized]: 'not_authorized',
  [closeCodes.forbiddenOrigin]: 'not_authorized',
  [closeCodes.replicaConflict]: 'replica_conflict',
  [closeCodes.tooLarge]: 'too_large',
  [closeCodes.versionUnsupported]: 'version_unsupported',
  [closeCodes.rateLimited]: 'rate_limited',
  [closeCodes.internal]: 'internal',
};

/** The error behind a close. */
export function errorOfClose(closeCode: number): ErrorCode {
  return errors[closeCode] ?? 'unavailable';
}

/** Whether an error of this code ends the attempts until the app calls connect() again. */
export function isFatal(code: ErrorCode): boolean {
  return code === 'not_authorized' || code === 'version_unsupported' || code === 'replica_conflict';
}

/** The close code a server uses after an error or goodbye of this code. */
export function closeCodeOf(code: ErrorCode): number {
  switch (code) {
    case 'protocol_error': case 'invalid_update': return closeCodes.protocolError;
    case 'not_authorized': return closeCodes.notAuthorized;
    case 'replica_conflict': return closeCodes.replicaConflict;
    case 'too_large': return closeCodes.tooLarge;
    case 'version_unsupported': return closeCodes.versionUnsupported;
    case 'rate_limited': return closeCodes.rateLimited;
    case 'unavailable': case 'closed': return closeCodes.unavailable;
    default: return closeCodes.internal;
  }
}
