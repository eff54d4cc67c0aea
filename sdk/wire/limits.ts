// The limits of the protocol, by name. Both ends hold the other to them; each has a reason in one line.
//
// Read as `limits.name` through `import * as limits`: so a bundle has the numbers that are used, and no names.

import { HeadwaterError } from '../core/errors.js';

/** Bounds what one peer makes the other hold before it can judge it; a server may offer more in welcome. */
export const frameBytesMax = 1024 * 1024;
/** No offer may go beyond this: a client decides how much memory a server can make it hold. */
export const frameBytesCeiling = 16 * 1024 * 1024;
/** No offer may go below this: the other fields of a frame and a useful batch must fit. */
export const frameBytesFloor = 16 * 1024;
/** What the header and every other field of a push, changes or snapshot frame take at the very most. */
export const frameOverheadBytes = 1024;
/** A key of databases and of topics; longer names are data, not names. */
export const documentIdBytesMax = 256;
/** A uuid or a hash with room to spare. */
export const epochBytesMax = 64;
/** A JWT with many claims; proxies refuse longer headers too. */
export const tokenBytesMax = 8 * 1024;
/** A sentence for a person, not a stack trace. */
export const messageBytesMax = 1024;
/** The id of a user, and what it is called: a line on a screen. */
export const userBytesMax = 256;
/** A cursor, a name, a colour; it is sent up to 30 times a second to everybody. */
export const presenceBytesMax = 8 * 1024;
/** One entry per replica that pushed; a device has a handful. */
export const ackEntriesMax = 4096;
/** A client holds the pieces until the last has come. */
export const snapshotBytesMax = 256 * 1024 * 1024;
/** LSNs, seqs and byte counts are JavaScript numbers above the wire. */
export const integerMax = Number.MAX_SAFE_INTEGER;
/** A server that forgot to say when must not keep a client away for longer. */
export const retryAfterMsMax = 10 * 60 * 1000;
/** Faster is a flood of pings. */
export const pingIntervalMsMin = 1000;
/** Slower, and a dead link goes unseen for longer than people wait. */
export const pingIntervalMsMax = 10 * 60 * 1000;

// C0, DEL and C1: an id is shown in logs and headers, where these would not stay one line.
const control = /[\u0000-\u001f\u007f-\u009f]/;
const loneSurrogate = /\p{Surrogate}/u;

/** Whether `value` can name a document: 1 to 256 UTF-8 bytes, well-formed, no control characters. */
export function isDocumentId(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > documentIdBytesMax) return false;
  if (control.test(value) || loneSurrogate.test(value)) return false;
  return utf8Length(value) <= documentIdBytesMax;
}

/** @throws HeadwaterError `invalid_argument` */
export function checkDocumentId(document: unknown): void {
  if (!isDocumentId(document)) throw new HeadwaterError('invalid_argument', 'a document id is a string of 1 to 256 bytes without control characters', { document });
}

/** @throws HeadwaterError `too_large` */
export function checkPresence(document: string, state: Uint8Array): void {
  if (state.length > presenceBytesMax) {
    throw new HeadwaterError('too_large', `a presence may have ${presenceBytesMax} bytes, not ${state.length}`, { document });
  }
}

/** Bytes of a well-formed string in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // Each half of a surrogate pair counts 2 of the pair's 4 bytes.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit & 0xf800) === 0xd800 ? 2 : 3;
  }
  return bytes;
}
