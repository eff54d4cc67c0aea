// What crosses between the server's thread and the store's worker: calls by name, and the packed form of a
// group of appends. A thousand small objects would cost more to clone than to write, so a group travels as
// columns and one buffer, which is transferred rather than copied.

import type { ErrorCode } from '../../sdk/core/errors.js';
import type { Append } from './store.js';

export interface Call {
  id: number;
  method: string;
  args: unknown[];
}

export type Reply =
  | { id: number; result: unknown }
  | { id: number; error: { code: ErrorCode; message: string; details: Readonly<Record<string, unknown>> } };

export interface PackedAppends {
  /** Distinct document and replica ids; the columns point into them. */
  names: string[];
  /** Six numbers per entry: document, replica, seqFrom, seqTo, byte length, void code (-1 for none). */
  numbers: Float64Array;
  bytes: Uint8Array;
}

const width = 6;

/** O(bytes): one copy, into the buffer that is then given away. */
export function packAppends(entries: readonly Append[]): PackedAppends {
  const names: string[] = [];
  const indexes = new Map<string, number>();
  const indexOf = (name: string) => {
    let index = indexes.get(name);
    if (index === undefined) indexes.set(name, (index = names.push(name) - 1));
    return index;
  };
  const numbers = new Float64Array(entries.length * width);
  const bytes = new Uint8Array(entries.reduce((total, entry) => total + entry.bytes.length, 0));
  let at = 0;
  entries.forEach((entry, i) => {
    const voidCode = entry.voidCode === undefined ? -1 : indexOf(entry.voidCode);
    numbers.set(
      [indexOf(entry.document), indexOf(entry.replica), entry.seqFrom, entry.seqTo, entry.bytes.length, voidCode],
      i * width,
    );
    bytes.set(entry.bytes, at);
    at += entry.bytes.length;
  });
  return { names, numbers, bytes };
}

/** The entries' bytes are views into the packed buffer. */
export function unpackAppends({ names, numbers, bytes }: PackedAppends): Append[] {
  const entries: Append[] = [];
  let at = 0;
  for (let i = 0; i < numbers.length; i += width) {
    const [document, replica, seqFrom, seqTo, length, voidCode] = numbers.subarray(i, i + width);
    entries.push({
      document: names[document],
      replica: names[replica],
      seqFrom,
      seqTo,
      bytes: bytes.subarray(at, at + length),
      ...(voidCode >= 0 && { voidCode: names[voidCode] as ErrorCode }),
    });
    at += length;
  }
  return entries;
}
