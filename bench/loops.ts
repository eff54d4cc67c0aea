// The timed loops, and nothing else.
//
// A JavaScript engine specialises a call for the objects it has seen there: after three systems, one shared loop calls
// all of them the slow way, which an app with one of them never does. So each system gets its own instance of this module.

import type { Edits } from './traces.js';
import type { Replica } from './system.js';

export type Loops = typeof import('./loops.js');

const instances = new Map<string, Promise<Loops>>();

/** This module once more, for one system. */
export function loopsFor(system: string): Promise<Loops> {
  let loops = instances.get(system);
  if (!loops) instances.set(system, loops = import(`./loops.js?system=${system}`) as Promise<Loops>);
  return loops;
}

/** @returns milliseconds */
export function timed(work: () => void): number {
  const startedMs = performance.now();
  work();
  return performance.now() - startedMs;
}

export function edit(replica: Replica, { count, positions, deleted, inserted }: Edits): void {
  for (let i = 0; i < count; i++) {
    if (deleted[i] > 0) replica.delete(positions[i], deleted[i]);
    if (inserted[i] !== '') replica.insert(positions[i], inserted[i]);
  }
}

export function apply(replica: Replica, updates: readonly Uint8Array[]): void {
  for (let i = 0; i < updates.length; i++) replica.apply(updates[i]);
}

export function assign(replica: Replica, keys: readonly string[], values: readonly number[]): void {
  for (let i = 0; i < keys.length; i++) replica.set(keys[i], values[i]);
}
