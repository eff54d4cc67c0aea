// What to do when a database call fails: rerun it on a new connection, or give up and say why.
//
// Browsers lose IndexedDB connections for reasons of their own (a suspended tab, a restarted storage process,
// another tab's upgrade); Safari reports this more often than every other storage error together. So the
// handle is disposable and a transaction is a function that can run again. A commit whose outcome was lost
// may run twice; that stores a block twice, which the engine ignores when it reads it back.

import { HeadwaterError } from '../core/errors.js';

export type Fault = 'quota' | 'connection' | 'timeout' | 'other';

export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';

  constructor(timeoutMs: number) {
    super(`no answer after ${timeoutMs} ms`);
  }
}

const connectionErrors = new Set([
  'InvalidStateError', 'UnknownError', 'AbortError', 'TransactionInactiveError',
  'DatabaseClosedError', 'OpenFailedError', 'PrematureCommitError',
]);

/** The reason behind an error, however deep the library has wrapped it. */
export function faultOfError(error: unknown): Fault {
  const names = causes(error);
  if (names.includes('QuotaExceededError')) return 'quota';
  if (names.includes('TimeoutError')) return 'timeout';
  return names.some((name) => connectionErrors.has(name)) ? 'connection' : 'other';
}

/**
 * Runs `attempt`, and after a lost connection again, once per entry of `backoffMs`.
 *
 * @param discard  called before each rerun: the connection is not to be used again
 * @throws HeadwaterError `storage_failed` with a `reason`, one of Fault
 */
export async function withRetry<T>(
  attempt: () => Promise<T>,
  discard: () => void,
  backoffMs: readonly number[],
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof HeadwaterError) throw error;
      const fault = faultOfError(error);
      if (fault === 'connection') discard();
      if (fault !== 'connection' || tries >= backoffMs.length) throw storageFailed(fault, error);
      await sleep(backoffMs[tries]);
    }
  }
}

/** Rejects with a TimeoutError when `promise` has not settled in time; its later outcome is ignored. */
export async function withTimeout<T>(promise: PromiseLike<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function storageFailed(reason: Fault, error: unknown): HeadwaterError {
  const message = reason === 'quota'
    ? 'the device has no room left for this site; free some space or ask for persistent storage'
    : 'the local database did not answer; the write was not stored and can be tried again';
  return new HeadwaterError('storage_failed', message, { reason, error: String(error) });
}

/** Names of the error and everything it wraps. Bounded, as an error may name itself as its cause. */
function causes(error: unknown, depth = 0): string[] {
  if (depth > 4 || typeof error !== 'object' || error === null) return [];
  const { name, inner, cause, failures } = error as Record<string, unknown>;
  const first = Array.isArray(failures) ? failures[0] : undefined;
  return [String(name), ...[inner, cause, first].flatMap((next) => causes(next, depth + 1))];
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
