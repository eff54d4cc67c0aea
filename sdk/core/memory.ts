// The JavaScript end of the mailbox (assembly/memory/mailbox.ts).
//
// Growing memory detaches every view of it, so views are made anew whenever the buffer has changed, and none is kept
// across a call that may allocate. Whatever leaves this layer is a copy.

import { Mail } from '../../assembly/abi.js';
import { HeadwaterError } from './errors.js';
import * as engine from './wasm.js';

let bytes = new Uint8Array(0);
let units = new Uint16Array(0);
let words = new Uint32Array(0);
let mailAt = 0;
let inboxAt = 0;
let inboxBytes = 0;

/** Up to here a loop beats a bulk copy, whose set-up makes a view; most updates are a keystroke. */
const smallBytes = 64;

const encoder = new TextEncoder();
// U+FEFF is a character like any other here: without ignoreBOM a decoder swallows it at the start.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const utf16 = new TextDecoder('utf-16le', { ignoreBOM: true });

/** A view whose memory has grown under it has length 0, as has the first one; asking the memory for its buffer would cost more. */
function refresh(): void {
  if (bytes.length !== 0) return;
  bytes = new Uint8Array(engine.memory.buffer);
  units = new Uint16Array(engine.memory.buffer);
  words = new Uint32Array(engine.memory.buffer);
  mailAt = engine.mail_at() >>> 2;
}

/** The memory of all documents, with what is kept to be used again. */
export function engineBytes(): number { return engine.memory.buffer.byteLength; }

function reserve(needed: number): void {
  if (needed > inboxBytes) {
    // If there is no room for the bytes of a call, no document has come to harm yet.
    const held = engine.workOn(null);
    inboxAt = engine.inbox_reserve(needed) >>> 0;
    engine.workOn(held);
    inboxBytes = needed;
  }
  refresh();
}

/** The first `count` bytes of `source` into the inbox. */
export function putBytes(source: Uint8Array, count: number = source.length): void {
  reserve(count);
  if (count > smallBytes) return bytes.set(count < source.length ? source.subarray(0, count) : source, inboxAt);
  for (let i = 0; i < count; i++) bytes[inboxAt + i] = source[i];
}

/** UTF-8 of a string into the inbox; lone surrogates become U+FFFD. @returns its bytes */
export function putString(text: string): number {
  reserve(text.length * 3);
  return encoder.encodeInto(text, bytes.subarray(inboxAt, inboxAt + text.length * 3)).written;
}

/** UTF-16 units of a string into the inbox. */
export function putUnits(text: string): void {
  reserve(text.length * 2 + 2);
  const start = inboxAt >>> 1;
  for (let i = 0; i < text.length; i++) units[start + i] = text.charCodeAt(i);
}

/** What the last call left in the mail cell. */
export function mail(name: Mail): number {
  refresh();
  return words[mailAt + name];
}

/** The outbox; a view, good until the next engine call. */
export function outboxView(): Uint8Array {
  const at = mail(Mail.OutboxAt);
  return bytes.subarray(at, at + mail(Mail.OutboxBytes));
}

export function outboxCopy(): Uint8Array {
  const at = mail(Mail.OutboxAt);
  const count = mail(Mail.OutboxBytes);
  if (count > smallBytes) return bytes.slice(at, at + count);
  const copy = new Uint8Array(count);
  for (let i = 0; i < count; i++) copy[i] = bytes[at + i];
  return copy;
}

export function outboxString(): string {
  return utf8.decode(outboxView());
}

/** The outbox as UTF-16 text. Short runs skip the decoder, whose set-up costs more than they do. */
export function outboxUnits(): string {
  const at = mail(Mail.OutboxAt) >>> 1;
  const count = mail(Mail.OutboxBytes) >>> 1;
  if (count > 32) return utf16.decode(units.subarray(at, at + count));
  let text = '';
  for (let i = 0; i < count; i++) text += String.fromCharCode(units[at + i]);
  return text;
}

/** The outbox as u32 numbers; a copy. */
export function outboxWords(): Uint32Array {
  const at = mail(Mail.OutboxAt) >>> 2;
  return words.slice(at, at + (mail(Mail.OutboxBytes) >>> 2));
}

/**
 * Lets the engine hold at most so many bytes for all documents of this thread; past them calls throw `out_of_memory`. What it holds
 * already it keeps, for documents to come: the memory of a closed one is used again, but WebAssembly gives none back.
 *
 * @param bytes  0 for no limit but WebAssembly's 4 GB
 * @throws HeadwaterError `invalid_argument`
 */
export function setMemoryLimit(bytes: number): void {
  if (bytes >>> 0 !== bytes) throw new HeadwaterError('invalid_argument', 'a memory limit is a whole number of bytes below 4 GB; 0 is none', { bytes });
  engine.memory_limit(bytes);
}
