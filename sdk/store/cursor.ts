// Cursors as bytes:  u8 side │ replica id, 8 bytes │ elem, varint.  A side alone is the start or the end of the text.

import { HeadwaterError } from '../core/errors.js';
import type { ElementName } from '../core/document.js';
import { replicaFromWords, replicaToWords } from '../core/replica.js';

interface CursorParts { side: 'before' | 'after'; anchor: ElementName | null }

export function encodeCursor(side: CursorParts['side'], anchor: ElementName | null): Uint8Array {
  const bytes = [side === 'before' ? 0 : 1];
  if (anchor) {
    for (const word of replicaToWords(anchor.replica)) bytes.push(word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255);
    let elem = anchor.elem;
    for (; elem >= 128; elem = Math.floor(elem / 128)) bytes.push((elem % 128) | 128);
    bytes.push(elem);
  }
  return Uint8Array.from(bytes);
}

/** @throws HeadwaterError `invalid_argument` */
export function decodeCursor(bytes: Uint8Array): CursorParts {
  if (!(bytes instanceof Uint8Array) || bytes[0] > 1 || bytes.length > 14 || bytes.length === 0) throw malformed();
  const side = bytes[0] === 0 ? 'before' : 'after';
  if (bytes.length === 1) return { side, anchor: null };
  if (bytes.length < 10 || bytes[bytes.length - 1] > 127) throw malformed();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const replica = replicaFromWords(view.getUint32(1), view.getUint32(5));
  if (replica === '0000000000000000') throw malformed();
  const elem = bytes.subarray(9).reduce((sum, byte, i) => sum + (byte & 127) * 128 ** i, 0);
  if (elem > 0xffffffff) throw malformed();
  return { side, anchor: { replica, elem } };
}

function malformed(): HeadwaterError {
  return new HeadwaterError('invalid_argument', 'this is not a cursor; pass what text.cursor() returned');
}
