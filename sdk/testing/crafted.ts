// Blocks written by hand, for tests of what no honest replica would send. FORMAT.md has the grammar.

import { checksum } from '../core/codec.js';
import { concat } from './text-peers.js';

export type Part = number | string | Uint8Array | readonly Part[];

/** Numbers are varints, strings are their length and UTF-8, bytes stand as they are. */
export function bytesOf(...parts: Part[]): Uint8Array {
  return concat(parts.map((part) => {
    if (typeof part === 'number') return varint(part);
    if (typeof part === 'string') return concat([varint(new TextEncoder().encode(part).length), new TextEncoder().encode(part)]);
    return part instanceof Uint8Array ? part : bytesOf(...(part as readonly Part[]));
  }));
}

export function varint(value: number | bigint): Uint8Array {
  const out: number[] = [];
  let rest = BigInt(value);
  for (; rest >= 128n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  out.push(Number(rest));
  return Uint8Array.from(out);
}

/** A replica id or a stamp. */
export function fixed64(value: string | bigint): Uint8Array {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, typeof value === 'string' ? BigInt(`0x${value}`) : value, true);
  return out;
}

export function block(head: number, body: Uint8Array): Uint8Array {
  return bytesOf(Uint8Array.of(head), varint(body.length), body);
}

/** A batch: `rest` is its flags, tables and ops. */
export function batch(author: string, seqFrom: number, units: number, ...rest: Part[]): Uint8Array {
  return block(0x10, bytesOf(fixed64(author), seqFrom, units, rest));
}

export function voidBlock(author: string, seqFrom: number, units: number, elems: number): Uint8Array {
  return block(0x11, bytesOf(fixed64(author), seqFrom, units, elems));
}

/** A snapshot with a checksum that fits; `rest` begins with the stamp. */
export function snapshot(...rest: Part[]): Uint8Array {
  return sealed(bytesOf(rest));
}

/** The snapshot block around a body. */
export function sealed(body: Uint8Array): Uint8Array {
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, checksum(body), true);
  return block(0x12, concat([sum, body]));
}
