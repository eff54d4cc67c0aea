// Replica ids: 64 random bits, shown as 16 hex digits.

import { HeadwaterError } from './errors.js';

/** 16 lower-case hex digits. */
export type ReplicaId = string;

const pattern = /^[0-9a-f]{16}$/;

export function isReplicaId(value: unknown): value is ReplicaId {
  return typeof value === 'string' && pattern.test(value) && value !== '0000000000000000';
}

export function newReplicaId(): ReplicaId {
  const words = crypto.getRandomValues(new Uint32Array(2));
  return replicaFromWords(words[1], words[0] || 1);
}

export function replicaFromWords(high: number, low: number): ReplicaId {
  return hex(high) + hex(low);
}

/** The two 32-bit halves, high first. @throws HeadwaterError `invalid_argument` */
export function replicaToWords(replica: ReplicaId): [high: number, low: number] {
  if (!isReplicaId(replica)) {
    throw new HeadwaterError('invalid_argument', 'a replica id is 16 lower-case hex digits, not all zero', { replica });
  }
  return [parseInt(replica.slice(0, 8), 16), parseInt(replica.slice(8), 16)];
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
