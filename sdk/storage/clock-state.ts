// What a device knows of its clock, from session to session: one small value, shared by its tabs.

import type { ClockState } from '../core/clock.js';
import type { Storage } from './storage.js';

const key = 'clock';
const fields = ['aheadMs', 'markMs', 'fromMs'] as const;

/** @returns undefined when nothing is known, or nothing that makes sense */
export async function readClockState(storage: Storage): Promise<ClockState | undefined> {
  const bytes = await storage.readMeta(key);
  if (bytes?.length !== 8 * fields.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const numbers = fields.map((_, i) => view.getFloat64(8 * i, true));
  if (!numbers.every((number) => Math.abs(number) <= Number.MAX_SAFE_INTEGER)) return undefined;
  return Object.fromEntries(fields.map((field, i) => [field, numbers[i]])) as unknown as ClockState;
}

export function writeClockState(storage: Storage, state: ClockState): Promise<void> {
  const view = new DataView(new ArrayBuffer(8 * fields.length));
  fields.forEach((field, i) => view.setFloat64(8 * i, state[field], true));
  return storage.writeMeta(key, new Uint8Array(view.buffer));
}
