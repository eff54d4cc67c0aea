// Writes the device would not take yet: kept in memory, in the order they were made, and seen by every read.
//
// Order is what must not change. A cursor claims that all records before it are stored, so it may reach the disk
// only after them.

import type { Append, MetaWrite, StoredDocument } from './storage.js';

export type HeldWrite =
  | { kind: 'append'; writes: Append[]; strict: boolean; positions: number[] }
  | { kind: 'remove'; document: string }
  | { kind: 'meta'; key: string; value: Uint8Array | null };

/** Which records go, and what comes in their place. */
export interface Replacement { isTaken(bytes: Uint8Array): boolean; records: Uint8Array[] }

type HeldAppend = Extract<HeldWrite, { kind: 'append' }>;

// Positions given out for records that are not stored yet lie above all that a storage can ever reach, so they
// sort last and are told apart.
const provisionalBase = 2 ** 52;

export class HeldWrites {
  readonly #writes: HeldWrite[] = [];
  readonly #realPositions = new Map<number, number>();
  #provisional = provisionalBase;

  get count(): number {
    return this.#writes.length;
  }

  add(write: HeldWrite): void {
    this.#writes.push(write);
  }

  newPositions(writes: readonly Append[]): number[] {
    return writes.flatMap((write) => write.records ?? []).map(() => this.#provisional++);
  }

  /** The oldest writes that can go to the disk in one step: all appends up to something else, or one other write. */
  head(): HeldWrite[] {
    const end = this.#writes.findIndex((write) => write.kind !== 'append');
    return this.#writes.slice(0, end === -1 ? undefined : Math.max(end, 1));
  }

  /** Takes the `head` off, once it is stored. @param isKnown  its provisional positions have been given out */
  written(head: readonly HeldWrite[], positions: readonly number[], isKnown: boolean): void {
    this.#writes.splice(0, head.length);
    if (!isKnown) return;
    const given = head.filter(isAppend).flatMap((write) => write.positions);
    given.forEach((provisional, i) => this.#realPositions.set(provisional, positions[i]));
  }

  /** The position on the disk of a record that has meanwhile been stored; any other position unchanged. */
  realPosition(position: number): number {
    return this.#realPositions.get(position) ?? position;
  }

  /** Other records of a document are to be stored where the first of those taken stood. */
  replace(document: string, { isTaken, records }: Replacement): void {
    const rest = [...records];
    for (const held of this.#writes.filter(isAppend)) {
      if (!held.writes.some((write) => write.document === document && write.records?.some(isTaken))) continue;
      held.writes = held.writes.map((write) => {
        const left = write.document === document ? write.records?.filter((bytes) => !isTaken(bytes)) : write.records;
        if (!left || left.length === write.records!.length) return write;
        const first = write.records!.findIndex(isTaken);
        return { ...write, records: [...left.slice(0, first), ...rest.splice(0), ...left.slice(first)] };
      });
      held.positions = this.newPositions(held.writes);
    }
  }

  applyToDocument(document: string, stored: StoredDocument): StoredDocument {
    for (const write of this.#writes) {
      if (write.kind === 'remove' && write.document === document) stored = emptyDocument();
      if (write.kind === 'append') stored = appended(stored, write, document);
    }
    return stored;
  }

  applyToDocuments(stored: readonly string[]): string[] {
    const documents = new Set(stored);
    for (const write of this.#writes) {
      if (write.kind === 'remove') documents.delete(write.document);
      if (write.kind === 'append') write.writes.forEach(({ document }) => documents.add(document));
    }
    return [...documents].sort();
  }

  get #metaWrites(): MetaWrite[] {
    return this.#writes.flatMap((write) => {
      if (write.kind === 'append') return write.writes.flatMap(({ meta = [] }) => meta);
      return write.kind === 'meta' ? [[write.key, write.value] as const] : [];
    });
  }

  applyToMeta(key: string, stored: Uint8Array | undefined): Uint8Array | undefined {
    const last = this.#metaWrites.filter(([written]) => written === key).at(-1);
    return last ? last[1]?.slice() : stored;
  }

  applyToMetaKeys(prefix: string, stored: readonly string[]): string[] {
    const keys = new Set(stored);
    for (const [key, value] of this.#metaWrites.filter(([written]) => written.startsWith(prefix))) {
      if (value) keys.add(key);
      else keys.delete(key);
    }
    return [...keys].sort();
  }
}

export function emptyDocument(): StoredDocument {
  return { snapshot: null, records: [], cursor: null, quarantined: 0 };
}

export function isAppend(write: HeldWrite): write is HeldAppend {
  return write.kind === 'append';
}

function appended(stored: StoredDocument, { writes, positions }: HeldAppend, document: string): StoredDocument {
  let next = 0;
  const records = [...stored.records];
  let { cursor } = stored;
  for (const write of writes) {
    for (const bytes of write.records ?? []) {
      const position = positions[next++];
      if (write.document === document) records.push({ position, bytes: bytes.slice() });
    }
    if (write.document === document) cursor = write.cursor ?? cursor;
  }
  return { ...stored, records, cursor };
}
