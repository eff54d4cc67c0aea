// Stamps outside the engine: 48 bits of milliseconds, 16 of counter, as a bigint.

export function stampOf(nowMs: number): bigint {
  return BigInt(Math.max(0, Math.floor(nowMs))) << 16n;
}

/** The wall time of a stamp, in ms since 1970. */
export function stampToMs(stamp: bigint): number {
  return Number(stamp >> 16n);
}
