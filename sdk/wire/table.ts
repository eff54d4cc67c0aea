// A message's fields ↔ one FlatBuffers table, both ways by a list of the fields (schema.ts).
//
//   byte 0      root                                    vtable: u16 length │ u16 table length │ u16 per field
//        │ u32 offset │ … │ i32 distance to vtable │ fields …
//
// Numbers lie in the table, everything else behind an offset as u32 count │ elements. The library and its generated
// classes write and read the same bytes, but weigh ten times this file in a browser, and their reader trusts every
// offset it finds. Here reading is verifying: a field's place is checked when it is looked up. testing/twin.ts keeps
// the library, and twin.test.ts holds both to the same bytes.
//
// Bounded: one look per field the schema knows, whatever the bytes claim. Tables do not nest.
// Source: the FlatBuffers binary format, its builder's order of writing and its C++ verifier, re-stated.

import { errorCodes, HeadwaterError, type ErrorCode } from '../core/errors.js';
import { replicaFromWords, type ReplicaId } from '../core/replica.js';
import * as limits from './limits.js';
import { isDocumentId, utf8Length } from './limits.js';

/** `id`, `code` and `sentence` are texts; `acks` are pairs of replica and seq. */
export type Kind = 'u16' | 'u32' | 'u64' | 'replica' | 'text' | 'id' | 'code' | 'sentence' | 'bytes' | 'acks';

/** `min` and `max` bound a number's value and the length of anything else. */
export type Field<Name = string> =
  readonly [name: Name, kind: Kind, min?: number, max?: number, optional?: 'optional'];

type Values = Record<string, unknown>;
interface Ack { replica: ReplicaId; seq: number }

const ackBytes = 16;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// One buffer for the many small messages; a big one would otherwise keep its megabytes for ever.
const shared = new Uint8Array(16 * 1024);

/** The table of `message` behind `headBytes` bytes for the caller to fill. A copy. */
export function writeTable(fields: readonly Field[], message: Values, headBytes: number): Uint8Array {
  // No field takes more than 32 bytes beside its elements, paddings and its slot in the vtable included.
  const room = fields.reduce((sum, [name, kind]) => sum + 32 + elementBytesMax(kind, message[name]), headBytes + 32);
  const tail = new Tail(room);
  const places = fields.map(([name, kind]) => tail.vector(kind, message[name]));
  const before = tail.used;
  const slots = fields.map(([name, kind], i) => tail.field(kind, places[i] || message[name]));
  tail.finish(slots, before);
  return tail.taken(headBytes);
}

/** At most what a value keeps outside the table: a UTF-16 unit is no more than 3 bytes of UTF-8. */
function elementBytesMax(kind: Kind, value: unknown): number {
  if (scalarBytes(kind) || value === undefined) return 0;
  return (value as ArrayLike<unknown>).length * (kind === 'bytes' ? 1 : kind === 'acks' ? ackBytes : 3);
}

/** A buffer filled from its end, so that what a table points to is there before the table. Places count from the end. */
class Tail {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;
  #align = 4;

  constructor(room: number) {
    // A multiple of 8 long, for what is aligned from the end to be aligned from the start too.
    this.#bytes = room <= shared.length ? shared : new Uint8Array((room + 7) & -8);
    this.#view = new DataView(this.#bytes.buffer);
    this.#at = this.#bytes.length;
  }

  get used(): number { return this.#bytes.length - this.#at; }

  taken(headBytes: number): Uint8Array { return this.#bytes.slice(this.#at - headBytes); }

  /** @returns its place; 0 for what lies in the table itself or is not there */
  vector(kind: Kind, value: unknown): number {
    if (scalarBytes(kind) || value === undefined) return 0;
    if (kind === 'acks') return this.#acks(value as Ack[]);
    if (kind === 'bytes') return this.#elements(value as Uint8Array);
    this.#bytes[--this.#at] = 0;
    // The buffer's beginning is still free, and a text's length is known once it is encoded.
    const { written } = encoder.encodeInto(kind === 'sentence' ? clip(value as string) : value as string, this.#bytes);
    return this.#elements(this.#bytes.subarray(0, written));
  }

  #elements(elements: Uint8Array): number {
    this.#pad(4, elements.length);
    this.#at -= elements.length;
    this.#bytes.set(elements, this.#at);
    return this.#u32(elements.length);
  }

  #acks(acks: readonly Ack[]): number {
    this.#pad(8, ackBytes * acks.length);
    this.#at -= ackBytes * acks.length;
    acks.forEach(({ replica, seq }, i) => {
      setReplica(this.#view, this.#at + ackBytes * i, replica);
      setInteger(this.#view, this.#at + ackBytes * i + 8, seq);
    });
    return this.#u32(acks.length);
  }

  /** @param value  a number, a replica or a vector's place. @returns its own; 0 when there is nothing to write */
  field(kind: Kind, value: unknown): number {
    if (!value) return 0;
    const size = scalarBytes(kind);
    this.#pad(size || 4);
    if (!size) return this.#u32(this.used + 4 - (value as number));
    this.#at -= size;
    if (kind === 'replica') setReplica(this.#view, this.#at, value as ReplicaId);
    else if (size === 8) setInteger(this.#view, this.#at, value as number);
    else if (size === 4) this.#view.setUint32(this.#at, value as number, true);
    else this.#view.setUint16(this.#at, value as number, true);
    return this.used;
  }

  /** The table's head, its vtable and the root's offset. */
  finish(slots: readonly number[], before: number): void {
    this.#pad(4);
    const table = this.#u32(0);
    const last = slots.findLastIndex(Boolean);
    for (let i = last; i >= 0; i--) this.#u16(slots[i] && table - slots[i]);
    this.#u16(table - before);
    this.#u16(2 * (last + 3));
    this.#view.setInt32(this.#bytes.length - table, this.used - table, true);
    this.#pad(this.#align, 4);
    this.#u32(this.used + 4 - table);
  }

  /** Zeros, until `size` divides the place that follows `after` more bytes. */
  #pad(size: number, after = 0): void {
    this.#align = Math.max(this.#align, size);
    while ((this.#at - after) % size) this.#bytes[--this.#at] = 0;
  }

  #u16(value: number): void {
    this.#view.setUint16(this.#at -= 2, value, true);
  }

  #u32(value: number): number {
    this.#view.setUint32(this.#at -= 4, value, true);
    return this.used;
  }
}

/**
 * The fields of a table, each found where the format allows it and inside its bounds. Bytes are views.
 *
 * @throws HeadwaterError `protocol_error`
 */
export function readTable(fields: readonly Field[], bytes: Uint8Array): Values {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const placeOf = tableOf(view);
  const values: Values = {};
  fields.forEach(([name, kind, min = 0, max = limits.integerMax, optional], i) => {
    const size = scalarBytes(kind);
    const at = placeOf(i, size || 4, name);
    const value = size ? scalar(view, at, kind) : at ? vector(view, at, kind, name, min, max) : undefined;
    if (typeof value === 'number') within(value, min, max, name);
    if (value !== undefined) values[name] = value;
    else if (!optional) throw malformed(`${name} is missing`);
  });
  return values;
}

/** @returns what finds a field by its index: where it lies, or 0 when its writer did not set it or did not know it */
function tableOf(view: DataView): (index: number, size: number, name: string) => number {
  const table = follow(view, 0, 'the root');
  const vtable = table - view.getInt32(table, true);
  holds(view, vtable, 4, 2, 'the vtable');
  const vtableBytes = view.getUint16(vtable, true);
  const tableBytes = view.getUint16(vtable + 2, true);
  if (vtableBytes < 4 || tableBytes < 4) throw misplaced('the table');
  holds(view, vtable, vtableBytes, 2, 'the vtable');
  holds(view, table, tableBytes, 1, 'the table');
  return (index, size, name) => {
    const slot = 4 + 2 * index;
    const offset = slot < vtableBytes ? view.getUint16(vtable + slot, true) : 0;
    if (offset && (offset < 4 || offset + size > tableBytes)) throw misplaced(name);
    return offset && holds(view, table + offset, size, size, name);
  };
}

/** @param at  0 for a number that is not there: it is zero. @returns undefined for replica zero, which is none */
function scalar(view: DataView, at: number, kind: Kind): number | ReplicaId | undefined {
  if (at === 0) return kind === 'replica' ? undefined : 0;
  if (kind === 'replica') return getReplica(view, at);
  if (kind === 'u64') return getInteger(view, at);
  return kind === 'u32' ? view.getUint32(at, true) : view.getUint16(at, true);
}

function vector(view: DataView, at: number, kind: Kind, name: string, min: number, max: number): unknown {
  const start = follow(view, at, name) + 4;
  const count = view.getUint32(start - 4, true);
  const isAcks = kind === 'acks';
  if (count > 0) holds(view, start, count * (isAcks ? ackBytes : 1), isAcks ? 8 : 1, name);
  within(count, min, max, name);
  if (isAcks) return acksOf(view, start, count, name);
  const elements = new Uint8Array(view.buffer, view.byteOffset + start, count);
  if (kind === 'bytes') return elements;
  // A text ends in a zero, which its length does not count.
  holds(view, start + count, 1, 1, name);
  if (view.getUint8(start + count) !== 0) throw misplaced(name);
  return textOf(kind, elements, name);
}

function acksOf(view: DataView, start: number, count: number, name: string): Ack[] {
  return Array.from({ length: count }, (_, i) => {
    const at = start + ackBytes * i;
    const replica = getReplica(view, at);
    if (!replica) throw malformed(`${name} name replica zero`);
    return { replica, seq: within(getInteger(view, at + 8), 0, limits.integerMax, name) };
  });
}

/** Where the u32 offset at `at` leads to: an aligned word inside. */
function follow(view: DataView, at: number, name: string): number {
  const distance = view.getUint32(holds(view, at, 4, 4, name), true);
  if (distance === 0) throw misplaced(name);
  return holds(view, at + distance, 4, 4, name);
}

/** `at`, where `length` bytes are inside, and both are multiples of `align`. */
function holds(view: DataView, at: number, length: number, align: number, name: string): number {
  if (at < 0 || at + length > view.byteLength || (at | length) % align !== 0) throw misplaced(name);
  return at;
}

function misplaced(name: string): HeadwaterError {
  return malformed(`${name} is not where it should be`);
}

function textOf(kind: Kind, bytes: Uint8Array, name: string): string {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw malformed(`${name} is not UTF-8`);
  }
  if (kind === 'id' && !isDocumentId(text)) throw malformed(`${name} holds control characters`);
  // A code from a newer peer is some fault we have no name for; the message still says which.
  return kind === 'code' && !errorCodes.includes(text as ErrorCode) ? 'internal' : text;
}

/** Bytes in the table of what lies there itself; 0 of what lies behind an offset. */
function scalarBytes(kind: Kind): number {
  return kind === 'u16' ? 2 : kind === 'u32' ? 4 : kind === 'u64' || kind === 'replica' ? 8 : 0;
}

function getInteger(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

function setInteger(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, value / 2 ** 32, true);
}

function getReplica(view: DataView, at: number): ReplicaId | undefined {
  const [high, low] = [view.getUint32(at + 4, true), view.getUint32(at, true)];
  return high || low ? replicaFromWords(high, low) : undefined;
}

function setReplica(view: DataView, at: number, replica: ReplicaId): void {
  view.setUint32(at, parseInt(replica.slice(8), 16), true);
  view.setUint32(at + 4, parseInt(replica.slice(0, 8), 16), true);
}

function clip(sentence: string): string {
  return utf8Length(sentence) <= limits.messageBytesMax ? sentence : sentence.slice(0, Math.floor(limits.messageBytesMax / 3));
}

function within(value: number, min: number, max: number, name: string): number {
  if (value < min || value > max) throw malformed(`${name} is ${value}, not within ${min} to ${max}`);
  return value;
}

export function malformed(reason: string): HeadwaterError {
  return new HeadwaterError('protocol_error', `the peer sent a malformed frame: ${reason}`);
}
