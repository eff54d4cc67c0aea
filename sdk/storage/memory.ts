// Storage in memory: for tests, for Node scripts that keep nothing, and as the model of the other storages.
//
// A disk outlives the storages opened on it, as a database outlives its handles; two storages on one disk
// are two tabs. Every call changes the disk in one synchronous step, so there is nothing to interrupt.

import { HeadwaterError } from '../core/errors.js';
import {
  checkDocument, faultOf, openCursor, rewound, seal, sealAppends,
  type Sealed, type SealedAppend, type SealedCursor,
} from './sealed.js';
import type { Append, QuarantinedRecord, Storage, StoredDocument, StoredRecord } from './storage.js';

interface Shelf {
  next: number;
  cursor?: SealedCursor;
  snapshot?: Sealed & { through: number };
  /** In ascending order of positions. A Map of few takes much memory, and thousands of documents have few. */
  records: Placed[];
}

type Placed = Sealed & { position: number };

/** The bytes of a note that is only there. */
const nothing = new Uint8Array(0);

const packedBytesMax = 256;
const packBytes = 4096;

export class MemoryDisk {
  readonly shelves = new Map<string, Shelf>();
  readonly meta = new Map<string, Uint8Array>();
  readonly quarantined: QuarantinedRecord[] = [];
  /** The lowest position a document new to this disk may use: above every position ever removed. */
  floor = 1;
}

export class MemoryStorage implements Storage {
  readonly kind = 'memory';
  #free: Uint8Array = nothing;
  #closed = false;

  constructor(readonly disk = new MemoryDisk()) {}

  async documents(): Promise<string[]> {
    this.#assertOpen();
    return [...this.disk.shelves.keys()].sort();
  }

  async load(document: string): Promise<StoredDocument> {
    this.#assertOpen();
    const shelf = this.disk.shelves.get(checkDocument(document));
    if (!shelf) return { snapshot: null, records: [], cursor: null, quarantined: 0 };
    const quarantined = this.#setFaultyAside(document, shelf);
    if (quarantined > 0) shelf.cursor = rewound(openCursor(shelf.cursor));
    const cursor = openCursor(shelf.cursor);
    return {
      snapshot: shelf.snapshot?.bytes.slice() ?? null,
      records: shelf.records.map(({ position, bytes }): StoredRecord => ({ position, bytes: bytes.slice() })),
      cursor: cursor && { ...cursor, acked: cursor.acked.slice() },
      quarantined,
    };
  }

  async append(writes: Append[]): Promise<number[]> {
    this.#assertOpen();
    return sealAppends(writes).flatMap((write) => this.#write(write));
  }

  async compact(document: string, snapshot: Uint8Array, through: number, keep: readonly number[] = []): Promise<void> {
    this.#assertOpen();
    const shelf = this.#shelf(checkDocument(document));
    const last = Math.min(through, shelf.next - 1);
    // Another tab has compacted further: its snapshot holds more than ours, so ours is of no use.
    if (shelf.snapshot && shelf.snapshot.through > last) return;
    shelf.snapshot = { ...seal(snapshot), through: last };
    const kept = new Set(keep);
    shelf.records = shelf.records.filter(({ position }) => position > last || kept.has(position));
  }

  async remove(document: string): Promise<void> {
    this.#assertOpen();
    const shelf = this.disk.shelves.get(checkDocument(document));
    if (!shelf) return;
    this.disk.floor = Math.max(this.disk.floor, shelf.next);
    this.disk.shelves.delete(document);
  }

  async readMeta(key: string): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    return this.disk.meta.get(key)?.slice();
  }

  async writeMeta(key: string, value: Uint8Array | null): Promise<void> {
    this.#assertOpen();
    this.#setMeta(key, value && seal(value));
  }

  #setMeta(key: string, value: Sealed | null): void {
    if (value) this.disk.meta.set(key, value.bytes.length === 0 ? nothing : value.bytes);
    else this.disk.meta.delete(key);
  }

  async metaKeys(prefix: string): Promise<string[]> {
    this.#assertOpen();
    return [...this.disk.meta.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  async quarantine(): Promise<QuarantinedRecord[]> {
    this.#assertOpen();
    return this.disk.quarantined.map((record) => ({ ...record }));
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #write({ document, records, cursor, meta }: SealedAppend): number[] {
    for (const [key, value] of meta) this.#setMeta(key, value);
    const shelf = this.#shelf(document);
    if (cursor) shelf.cursor = cursor;
    return records.map((record) => {
      const placed = { position: shelf.next, bytes: this.#packed(record.bytes), checksum: record.checksum };
      // An array that is added to makes room for more than one.
      if (shelf.records.length === 0) shelf.records = [placed];
      else shelf.records.push(placed);
      return shelf.next++;
    });
  }

  /** Small arrays share a buffer: one of its own weighs more than they do. */
  #packed(bytes: Uint8Array): Uint8Array {
    if (bytes.length > packedBytesMax) return bytes;
    if (this.#free.length < bytes.length) this.#free = new Uint8Array(packBytes);
    const own = this.#free.subarray(0, bytes.length);
    own.set(bytes);
    this.#free = this.#free.subarray(bytes.length);
    return own;
  }

  #setFaultyAside(document: string, shelf: Shelf): number {
    const before = this.disk.quarantined.length;
    const setAside = ({ bytes }: Sealed, reason: string) => this.disk.quarantined.push({ document, bytes, reason });
    const faulty = new Set(shelf.records.filter(faultOf));
    for (const record of faulty) setAside(record, `record ${record.position}: ${faultOf(record)}`);
    if (faulty.size > 0) shelf.records = shelf.records.filter((record) => !faulty.has(record));
    const fault = shelf.snapshot && faultOf(shelf.snapshot);
    if (shelf.snapshot && fault) {
      setAside(shelf.snapshot, `snapshot: ${fault}`);
      shelf.snapshot = undefined;
    }
    return this.disk.quarantined.length - before;
  }

  #shelf(document: string): Shelf {
    let shelf = this.disk.shelves.get(document);
    if (!shelf) this.disk.shelves.set(document, (shelf = { next: this.disk.floor, records: [] }));
    return shelf;
  }

  #assertOpen(): void {
    if (this.#closed) throw new HeadwaterError('closed', 'this storage was closed; open it again');
  }
}
