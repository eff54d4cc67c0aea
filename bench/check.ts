// The results of a run are looked at, always, and off the clock: a system that is fast and wrong has not won.

import type { Replica } from './system.js';

/** @throws Error when a replica's text is not what it has to be */
export function assertText(replica: Replica, expected: string, system: string): void {
  const text = replica.text();
  if (text === expected) return;
  let at = 0;
  while (text[at] === expected[at]) at++;
  throw new Error(`${system} ended with another text: ${text.length} units for ${expected.length}, first difference at ${at}`);
}
