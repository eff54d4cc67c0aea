// Values: JSON as the tagged bytes of assembly/codec/values.ts, which validates them again on every way in.
//
// What is read back is frozen: reads are immutable snapshots, and a frozen value can be shared without a copy.

import { HeadwaterError } from './errors.js';
import { putBytes } from './memory.js';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

const depthMax = 64;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const floats = new DataView(new ArrayBuffer(8));

let buffer = new Uint8Array(256);
let length = 0;

/**
 * Encodes a JSON value. With `sorted`, object keys are sorted, so that equal values are equal bytes (set members).
 *
 * @returns a view, good until the next call
 * @throws HeadwaterError `invalid_argument` for anything JSON cannot say
 */
export function encodeValue(value: unknown, sorted = false): Uint8Array {
  length = 0;
  write(value, sorted, 0);
  return buffer.subarray(0, length);
}

/** The same into the inbox. @returns its bytes */
export function putValue(value: unknown, sorted: boolean): number {
  length = 0;
  write(value, sorted, 0);
  putBytes(buffer, length);
  return length;
}

/** Values one after another into the inbox. @returns their bytes */
export function putRun(values: readonly unknown[]): number {
  length = 0;
  for (const value of values) write(value, false, 0);
  putBytes(buffer, length);
  return length;
}

function write(value: unknown, sorted: boolean, depth: number): void {
  if (depth > depthMax) throw unfit(`a value nests deeper than ${depthMax} levels, or holds itself`);
  if (value === null) writeByte(0);
  else if (value === false) writeByte(1);
  else if (value === true) writeByte(2);
  else if (typeof value === 'number') writeNumber(value);
  else if (typeof value === 'string') writeTagged(5, value);
  else if (Array.isArray(value)) writeArray(value, sorted, depth);
  else if (isPlainObject(value)) writeObject(value, sorted, depth);
  else throw unfit(`${describe(value)} is not a JSON value; store null, a boolean, number, string, array or plain object`);
}

function writeNumber(value: number): void {
  if (!Number.isFinite(value)) throw unfit('NaN and infinities are not JSON values; store null or a finite number');
  if (!Number.isSafeInteger(value)) {
    writeByte(4);
    floats.setFloat64(0, value, true);
    for (let i = 0; i < 8; i++) writeByte(floats.getUint8(i));
    return;
  }
  writeByte(3);
  writeZigzag(value);
}

/** Twice a safe integer need not be one, so the sign bit goes into the first byte on its own. */
function writeZigzag(value: number): void {
  const size = value < 0 ? -value - 1 : value;
  const first = (size % 64) * 2 + (value < 0 ? 1 : 0);
  const rest = Math.floor(size / 64);
  writeByte(rest === 0 ? first : first | 0x80);
  if (rest !== 0) writeVarint(rest);
}

function writeTagged(tag: number, text: string): void {
  writeByte(tag);
  writeString(text);
}

function writeString(text: string): void {
  if (text.length < 128 && isAscii(text)) {
    reserve(text.length + 1);
    buffer[length++] = text.length;
    for (let i = 0; i < text.length; i++) buffer[length++] = text.charCodeAt(i);
    return;
  }
  const bytes = encoder.encode(text);
  writeVarint(bytes.length);
  reserve(bytes.length);
  buffer.set(bytes, length);
  length += bytes.length;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

function writeArray(items: readonly unknown[], sorted: boolean, depth: number): void {
  writeByte(6);
  writeVarint(items.length);
  for (const item of items) write(item === undefined ? null : item, sorted, depth + 1);
}

function writeObject(object: Record<string, unknown>, sorted: boolean, depth: number): void {
  const keys = Object.keys(object).filter((key) => object[key] !== undefined);
  if (sorted) keys.sort();
  writeByte(7);
  writeVarint(keys.length);
  for (const key of keys) {
    if (isForbiddenKey(key)) throw unfit(`"${key}" may not be a key, since it reaches an object's prototype; rename it`);
    writeString(key);
    write(object[key], sorted, depth + 1);
  }
}

/** Keys through which JavaScript reaches a prototype. */
export function isForbiddenKey(key: string): boolean {
  return key === '__proto__' || key === 'prototype' || key === 'constructor';
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function describe(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeof value;
  return `a ${value.constructor?.name ?? 'object'}`;
}

function unfit(message: string): HeadwaterError {
  return new HeadwaterError('invalid_argument', message);
}

function writeByte(byte: number): void {
  reserve(1);
  buffer[length++] = byte;
}

/** Up to 2^53: beyond 32 bits, shifts no longer do. */
function writeVarint(value: number): void {
  reserve(8);
  while (value >= 0x80) {
    buffer[length++] = (value % 128) | 0x80;
    value = Math.floor(value / 128);
  }
  buffer[length++] = value;
}

function reserve(more: number): void {
  if (length + more <= buffer.length) return;
  const grown = new Uint8Array(Math.max(buffer.length * 2, length + more));
  grown.set(buffer.subarray(0, length));
  buffer = grown;
}

// ---- reading --------------------------------------------------------------------------------------

let source: Uint8Array = buffer;
let at = 0;

/** Decodes bytes that the engine has validated. The result is frozen throughout. */
export function decodeValue(bytes: Uint8Array): JsonValue {
  source = bytes;
  at = 0;
  return read();
}

/** Decodes values one after another. */
export function decodeRun(bytes: Uint8Array): JsonValue[] {
  source = bytes;
  at = 0;
  const values: JsonValue[] = [];
  while (at < source.length) values.push(read());
  return values;
}

/** Decodes values one after another, each behind its byte length, and puts them in the order every replica agrees on. */
export function decodeValues(bytes: Uint8Array): JsonValue[] {
  source = bytes;
  at = 0;
  const values: JsonValue[] = [];
  while (at < source.length) {
    readVarint();
    values.push(read());
  }
  return sortedValues(values);
}

function read(): JsonValue {
  switch (source[at++]) {
    case 0: return null;
    case 1: return false;
    case 2: return true;
    case 3: return readInteger();
    case 4: return readFloat();
    case 5: return readString();
    case 6: return readArray();
    default: return readObject();
  }
}

function readInteger(): number {
  const first = source[at++];
  const size = ((first & 127) >> 1) + (first < 128 ? 0 : readVarint() * 64);
  return (first & 1) === 0 ? size : -size - 1;
}

function readFloat(): number {
  for (let i = 0; i < 8; i++) floats.setUint8(i, source[at++]);
  return floats.getFloat64(0, true);
}

function readString(): string {
  const bytes = readVarint();
  const start = at;
  at += bytes;
  if (bytes > 24) return decoder.decode(source.subarray(start, at));
  let text = '';
  for (let i = start; i < at; i++) {
    if (source[i] > 127) return decoder.decode(source.subarray(start, at));
    text += String.fromCharCode(source[i]);
  }
  return text;
}

function readArray(): JsonValue {
  const items: JsonValue[] = [];
  for (let count = readVarint(); count > 0; count--) items.push(read());
  return Object.freeze(items);
}

function readObject(): JsonValue {
  const object: Record<string, JsonValue> = {};
  for (let count = readVarint(); count > 0; count--) {
    const key = readString();
    object[key] = read();
  }
  return Object.freeze(object);
}

function readVarint(): number {
  let value = 0;
  let scale = 1;
  while (true) {
    const byte = source[at++];
    value += (byte & 127) * scale;
    if (byte < 128) return value;
    scale *= 128;
  }
}

/** By type, then numbers by size and all else by its JSON: arrival differs between replicas, this does not. */
function sortedValues(values: JsonValue[]): JsonValue[] {
  return values
    .map((value) => ({ value, type: typeof value, text: JSON.stringify(value) }))
    .sort((a, b) => compare(a.type, b.type) || compareNumbers(a.value, b.value) || compare(a.text, b.text))
    .map(({ value }) => value);
}

function compareNumbers(a: JsonValue, b: JsonValue): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : 0;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
