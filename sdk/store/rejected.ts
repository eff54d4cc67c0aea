// Writes the server refused, kept for the app to look at: what, why, and the bytes.

import type { HeadwaterError } from '../core/errors.js';
import type { ReplicaId } from '../core/replica.js';

export interface Refused {
  readonly document: string;
  readonly replica: ReplicaId;
  readonly seqFrom: number;
  readonly seqTo: number;
  readonly error: HeadwaterError;
  /** The refused batch as it was written. */
  readonly bytes: Uint8Array;
}
