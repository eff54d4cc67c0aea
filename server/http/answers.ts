// What the HTTP API answers: JSON, and errors as a code and a message that says what to do.

import { HeadwaterError } from '../../sdk/core/errors.js';
import { safeHeaders } from '../static-files.js';
import type { HttpAnswer } from '../transport/transport.js';

/** Thrown where it is known, answered at the door. */
export class Answer extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

export function notFound(): Answer {
  return new Answer(404, 'not_found', 'nothing here');
}

export function notAllowed(): Answer {
  return new Answer(403, 'not_authorized', 'this needs more rights than you have here');
}

export function notAMethod(allowed: string): HttpAnswer {
  const answer = json(405, { code: 'not_supported', message: `only ${allowed}` });
  return { ...answer, headers: { ...answer.headers, allow: allowed } };
}

export function answerOf(cause: unknown): HttpAnswer {
  if (cause instanceof Answer) return json(cause.status, { code: cause.code, message: cause.message });
  const code = cause instanceof HeadwaterError ? cause.code : 'internal';
  const answer = json(statuses[code] ?? 500, { code, message: (cause as Error).message });
  return code === 'not_authorized' ? { ...answer, headers: { ...answer.headers, 'www-authenticate': 'Bearer' } } : answer;
}

const statuses: Readonly<Record<string, number>> = {
  not_authorized: 401, closed: 503, unavailable: 503, history_compacted: 410, corrupt_record: 500, storage_failed: 503,
  invalid_argument: 400, invalid_update: 400, protocol_error: 400, index_out_of_range: 400, missing_dependency: 409, replica_conflict: 409,
  clock_drift: 409, depends_on_rejected: 409, too_large: 413, rate_limited: 429, not_supported: 409,
};

export function json(status: number, value: unknown): HttpAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...safeHeaders },
    body: JSON.stringify(value),
  };
}

export function bytes(body: Uint8Array, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status: 200, headers: { 'content-type': 'application/octet-stream', 'cache-control': 'no-store', ...safeHeaders, ...headers }, body };
}
