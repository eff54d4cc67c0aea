// A write and its ladder: local → durable → acked, or rejected.
//
// Of a document in memory no write gets any further, so one stands for all. Whoever stores and syncs documents knows how far
// theirs have come (ledger.ts).

import { HeadwaterError } from '../core/errors.js';

export type WriteState = 'local' | 'durable' | 'acked' | 'rejected';

export interface Write {
  readonly state: WriteState;
  /** Resolves when the write is stored on this device. */
  readonly durable: Promise<void>;
  /** Resolves when the server has committed it; rejects with the reason when it refused. */
  readonly acked: Promise<void>;
}

/** Who knows how far the writes of a replica have come. */
export interface Writes { write(seq: number): Write }

const memoryWrite: Write = {
  state: 'local',
  get durable() { return notAttached(); },
  get acked() { return notAttached(); },
};

/** Those of a document in memory. */
export const memoryWrites: Writes = { write: () => memoryWrite };

function notAttached(): Promise<void> {
  return rejected(new HeadwaterError('not_attached', 'this document lives in memory only; open it through a client to store and sync it'));
}

/** A write that is made later. */
export function laterWrite(made: Promise<Write>): Write {
  let write: Write | undefined;
  made.then((it) => { write = it; }, () => {});
  const when = (step: 'durable' | 'acked') => {
    const promise = made.then((it) => it[step]);
    promise.catch(() => {});
    return promise;
  };
  return {
    get state() { return write?.state ?? 'local'; },
    get durable() { return when('durable'); },
    get acked() { return when('acked'); },
  };
}

/** Somebody who only looks at it must not meet an unhandled rejection. */
export function rejected(error: HeadwaterError): Promise<void> {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
}
