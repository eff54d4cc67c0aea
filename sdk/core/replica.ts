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

/** By characters: `toString(16)` of what is past 30 bits takes six times as long, and every block read asks for two of these. */
function hex(word: number): string {
  return String.fromCharCode(
    digit(word >>> 28), digit(word >>> 24), digit(word >>> 20), digit(word >>> 16),
    digit(word >>> 12), digit(word >>> 8), digit(word >>> 4), digit(word),
  );
}

function digit(nibble: number): number {
  const value = nibble & 15;
  return value + (value < 10 ? 48 : 87);
}
