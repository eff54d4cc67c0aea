// What every storage writes: bytes of its own with the checksum they had, and how it tells later that they
// came back changed.
//
// Sealing copies. A caller's view may lie in WebAssembly memory that moves before the commit, and IndexedDB
// clones the whole buffer behind a view, so a 10-byte view of a 16 MB buffer would store 16 MB.

import { HeadwaterError } from '../core/errors.js';
import { checksum } from './checksum.js';
import type { Append, Cursor } from './storage.js';

export interface Sealed {
  bytes: Uint8Array;
  checksum: number;
}

export interface SealedCursor extends Cursor {
  checksum: number;
}

export interface SealedAppend {
  document: string;
  records: Sealed[];
  cursor?: SealedCursor;
  meta: [key: string, value: Sealed | null][];
}

export function seal(bytes: Uint8Array): Sealed {
  const own = copyBytes(bytes);
  return { bytes: own, checksum: checksum(own) };
}

export function copyBytes(bytes: Uint8Array): Uint8Array {
  if (!(bytes instanceof Uint8Array)) throw invalid('a stored value is a Uint8Array');
  return bytes.slice();
}

/**
 * Checks and copies a group of writes, so that from here on only the disk can make it fail.
 *
 * @throws HeadwaterError `invalid_argument`; nothing was taken
 */
export function sealAppends(writes: readonly Append[]): SealedAppend[] {
  return writes.map(({ document, records = [], cursor, meta = [] }) => ({
    document: checkDocument(document),
    records: records.map(seal),
    cursor: cursor && sealCursor(cursor),
    meta: meta.map(([key, value]) => [key, value && seal(value)]),
  }));
}

/** The same check and copy, for a storage that hands the writes on to another. */
export function copyAppends(writes: readonly Append[]): Append[] {
  return writes.map(({ document, records = [], cursor, meta = [] }) => ({
    document: checkDocument(document),
    records: records.map(copyBytes),
    cursor: cursor && copyCursor(cursor),
    meta: meta.map(([key, value]) => [key, value && copyBytes(value)]),
  }));
}

export function checkDocument(document: string): string {
  if (typeof document !== 'string') throw invalid('a document id is a string');
  return document;
}

/** Why these bytes cannot be trusted, or null when they are as they were written. */
export function faultOf(row: { bytes: unknown; checksum: unknown }): string | null {
  if (!(row.bytes instanceof Uint8Array)) return 'the stored value is not bytes';
  if (checksum(row.bytes) !== row.checksum) return 'the checksum does not match';
  return null;
}

export function sealCursor(cursor: Cursor): SealedCursor {
  const own = copyCursor(cursor);
  return { ...own, checksum: cursorChecksum(own) };
}

function copyCursor({ epoch, lsn, acked }: Cursor): Cursor {
  const valid = typeof epoch === 'string' && Number.isSafeInteger(lsn) && acked instanceof Uint8Array;
  if (!valid) throw invalid('a cursor is an epoch, a whole number and an encoded version vector');
  return { epoch, lsn, acked: acked.slice() };
}

/**
 * The cursor, or null when it cannot be trusted. A wrong LSN would be a hole that nothing ever repairs;
 * no cursor only means taking in the log again.
 */
export function openCursor(sealed: SealedCursor | undefined): Cursor | null {
  if (!sealed || !(sealed.acked instanceof Uint8Array)) return null;
  if (cursorChecksum(sealed) !== sealed.checksum) return null;
  return { epoch: sealed.epoch, lsn: sealed.lsn, acked: sealed.acked };
}

/**
 * The cursor of a document that has lost a record. Its LSN promised a log without holes, so the promise is
 * taken back to the beginning; what the server has acked stays true.
 */
export function rewound(cursor: Cursor | null): SealedCursor | undefined {
  return cursor ? sealCursor({ ...cursor, lsn: 0 }) : undefined;
}

function cursorChecksum({ epoch, lsn, acked }: Cursor): number {
  const head = new TextEncoder().encode(JSON.stringify([epoch, lsn]));
  const joined = new Uint8Array(head.length + acked.length);
  joined.set(head);
  joined.set(acked, head.length);
  return checksum(joined);
}

function invalid(message: string): HeadwaterError {
  return new HeadwaterError('invalid_argument', message);
}
