// How long to wait before trying again: full jitter, so that a thousand clients a server lost together
// do not come back together. Source: M. Brooker, "Exponential Backoff and Jitter".

export const backoffMsBase = 1_000;
export const backoffMsMax = 30_000;

/** A wait in ms, uniform over 0 to min(30 s, 1 s · 2^attempt). `random` is drawn from [0, 1). */
export function fullJitterMs(attempt: number, random: number): number {
  return Math.floor(random * Math.min(backoffMsMax, backoffMsBase * 2 ** attempt));
}
