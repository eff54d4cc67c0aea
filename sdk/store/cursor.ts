// Cursors as bytes:  u8 side │ replica id, 8 bytes │ elem, varint.  A side alone is the start or the end of the text.

import { readName, writeName } from '../core/codec.js';
import type { ElementName } from '../core/document.js';
import { HeadwaterError } from '../core/errors.js';
import { isReplicaId } from '../core/replica.js';

interface CursorParts { side: 'before' | 'after'; anchor: ElementName | null }

export function encodeCursor(side: CursorParts['side'], anchor: ElementName | null): Uint8Array {
  const bytes = [side === 'before' ? 0 : 1];
  if (anchor) writeName(bytes, anchor.replica, anchor.elem);
  return Uint8Array.from(bytes);
}

/** @throws HeadwaterError `invalid_argument` */
export function decodeCursor(bytes: Uint8Array): CursorParts {
  if (!(bytes instanceof Uint8Array) || bytes.length === 0 || bytes[0] > 1) throw malformed();
  const side = bytes[0] === 0 ? 'before' : 'after';
  if (bytes.length === 1) return { side, anchor: null };
  const name = readName(bytes, 1);
  if (name?.end !== bytes.length || !isReplicaId(name.replica) || name.number > 0xffffffff) throw malformed();
  return { side, anchor: { replica: name.replica, elem: name.number } };
}

function malformed(): HeadwaterError {
  return new HeadwaterError('invalid_argument', 'this is not a cursor; pass what text.cursor() returned');
}
