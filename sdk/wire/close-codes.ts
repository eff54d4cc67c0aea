// WebSocket close codes of Headwater: what each means, and whether and how the client tries again.
//
// 4400..4599 read like their HTTP cousins. Codes of RFC 6455 itself, and any we do not know, are a lost
// connection: try again with backoff. Never trying again is for what only a person or the app can change.

import type { ErrorCode } from '../core/errors.js';

export type Retry = 'backoff' | 'never';

export interface CloseReason {
  code: ErrorCode;
  retry: Retry;
}

export const closeCodes = {
  normal: 1000,
  protocolError: 4400,
  notAuthorized: 4401,
  forbiddenOrigin: 4403,
  helloTimeout: 4408,
  replicaConflict: 4409,
  tooLarge: 4413,
  versionUnsupported: 4426,
  rateLimited: 4429,
  internal: 4500,
  unavailable: 4503,
  pingTimeout: 4504,
} as const;

const reasons = new Map<number, CloseReason>([
  [closeCodes.protocolError, { code: 'protocol_error', retry: 'backoff' }],
  [closeCodes.notAuthorized, { code: 'not_authorized', retry: 'never' }],
  [closeCodes.forbiddenOrigin, { code: 'not_authorized', retry: 'never' }],
  [closeCodes.helloTimeout, { code: 'unavailable', retry: 'backoff' }],
  [closeCodes.replicaConflict, { code: 'replica_conflict', retry: 'never' }],
  [closeCodes.tooLarge, { code: 'too_large', retry: 'backoff' }],
  [closeCodes.versionUnsupported, { code: 'version_unsupported', retry: 'never' }],
  [closeCodes.rateLimited, { code: 'rate_limited', retry: 'backoff' }],
  [closeCodes.internal, { code: 'internal', retry: 'backoff' }],
  [closeCodes.unavailable, { code: 'unavailable', retry: 'backoff' }],
  [closeCodes.pingTimeout, { code: 'unavailable', retry: 'backoff' }],
]);

/** What a link closed with `closeCode` says about the next attempt. */
export function closeReason(closeCode: number): CloseReason {
  return reasons.get(closeCode) ?? { code: 'unavailable', retry: 'backoff' };
}

/** Whether an error or goodbye of this code ends the attempts until the app calls connect() again. */
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
