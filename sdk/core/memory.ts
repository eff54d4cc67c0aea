// The JavaScript end of the mailbox (assembly/memory/mailbox.ts).
//
// Growing memory detaches every view of it, so views are made anew whenever the buffer has changed, and none is kept
// across a call that may allocate. Whatever leaves this layer is a copy.

import { engine } from './wasm.js';

let bytes = new Uint8Array(engine.memory.buffer);
let units = new Uint16Array(engine.memory.buffer);
let words = new Uint32Array(engine.memory.buffer);
let inboxAt = 0;
let inboxBytes = 0;

/** Up to here a loop beats a bulk copy, whose set-up makes a view; most updates are a keystroke. */
const smallBytes = 64;

const encoder = new TextEncoder();
// U+FEFF is a character like any other here: without ignoreBOM a decoder swallows it at the start.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const utf16 = new TextDecoder('utf-16le', { ignoreBOM: true });

/** A view whose memory has grown under it has length 0; asking the memory for its buffer would cost more. */
function refresh(): void {
  if (bytes.length !== 0) return;
  bytes = new Uint8Array(engine.memory.buffer);
  units = new Uint16Array(engine.memory.buffer);
  words = new Uint32Array(engine.memory.buffer);
}

function reserve(needed: number): void {
  if (needed > inboxBytes) {
    inboxAt = engine.inbox_reserve(needed) >>> 0;
    inboxBytes = needed;
  }
  refresh();
}

export function putBytes(source: Uint8Array): void {
  reserve(source.length);
  if (source.length > smallBytes) return bytes.set(source, inboxAt);
  for (let i = 0; i < source.length; i++) bytes[inboxAt + i] = source[i];
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

/** The outbox; a view, good until the next engine call. */
export function outboxView(): Uint8Array {
  refresh();
  const at = engine.outbox_at() >>> 0;
  return bytes.subarray(at, at + (engine.outbox_length() >>> 0));
}

export function outboxCopy(): Uint8Array {
  refresh();
  const at = engine.outbox_at() >>> 0;
  const count = engine.outbox_length() >>> 0;
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
  refresh();
  const at = engine.outbox_at() >>> 1;
  const count = engine.outbox_length() >>> 1;
  if (count > 32) return utf16.decode(units.subarray(at, at + count));
  let text = '';
  for (let i = 0; i < count; i++) text += String.fromCharCode(units[at + i]);
  return text;
}

/** The outbox as u32 numbers; a copy. */
export function outboxWords(): Uint32Array {
  refresh();
  const at = engine.outbox_at() >>> 2;
  return words.slice(at, at + (engine.outbox_length() >>> 2));
}
