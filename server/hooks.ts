// What an app's own code on the server may say about writes.

import { HeadwaterError } from '../sdk/core/errors.js';
import type { ReplicaId } from '../sdk/core/replica.js';
import type { Lsn } from '../sdk/wire/message.js';

/** A batch that is new, before anything is done with it. */
export interface Incoming {
  document: string;
  /** Null without accounts. */
  user: string | null;
  replica: ReplicaId;
  seqFrom: number;
  seqTo: number;
  /** As its author made it; not to be changed. */
  bytes: Uint8Array;
}

export interface ServerHooks {
  /**
   * Called once for every new batch. A HeadwaterError refuses it for ever, with its code and message: its author takes it back.
   * Any other error means that it cannot be said now, and the author comes again. The document's other writes wait for the answer.
   */
  beforeApply?(incoming: Incoming): Promise<void> | void;
  /** The log of a document has grown by what this server took. Nobody waits for it. */
  afterCommit?(grown: { document: string; first: Lsn; last: Lsn }): Promise<void> | void;
}

/** @returns what refuses the batch; null lets it in. @throws HeadwaterError `unavailable` when it cannot be said now */
export async function askBefore(hook: NonNullable<ServerHooks['beforeApply']>, incoming: Incoming): Promise<HeadwaterError | null> {
  try {
    await hook(incoming);
    return null;
  } catch (cause) {
    if (cause instanceof HeadwaterError) return cause;
    throw new HeadwaterError('unavailable', 'the server cannot say now whether this may be written; try again');
  }
}
