// What a device keeps: per document a snapshot, the blocks that came after it, and how far the server's
// log has been taken in. One interface; memory and IndexedDB implement it; conformance.ts holds them to it.
//
// There is no outbox. Un-acked is a question put to these same records: blocks of this device's replicas
// above the seq the server has acked. So a crash cannot leave an outbox and the data disagreeing.

/** Where a document stands against the server's log. */
export interface Cursor {
  /** Names the server's log; LSNs of another epoch mean nothing. */
  epoch: string;
  /** The records hold every log entry up to and including this one. */
  lsn: number;
  /** Encoded version vector: what the server is known to have committed. */
  acked: Uint8Array;
}

/** One stored block. `position` grows with every append and is never reused within a document. */
export interface StoredRecord {
  position: number;
  bytes: Uint8Array;
}

export interface StoredDocument {
  snapshot: Uint8Array | null;
  /** In the order of their positions. */
  records: StoredRecord[];
  cursor: Cursor | null;
  /** Records that failed their checksum: moved aside (see `quarantine`), not deleted. */
  quarantined: number;
}

export interface Append {
  document: string;
  records?: Uint8Array[];
  cursor?: Cursor;
  /** Small values of the device that change with these records; null removes a key. */
  meta?: readonly MetaWrite[];
}

export type MetaWrite = readonly [key: string, value: Uint8Array | null];

export interface QuarantinedRecord {
  document: string;
  bytes: Uint8Array;
  reason: string;
}

export interface Storage {
  readonly kind: 'memory' | 'indexeddb' | 'sqlite';
  /** Ids of every stored document, sorted. */
  documents(): Promise<string[]>;
  /** What is stored of a document; empty (not an error) when nothing is. Corrupt records are set aside and counted. */
  load(document: string): Promise<StoredDocument>;
  /** All of it or none of it, across documents. Resolves after the commit. @returns positions, one per record, in order */
  append(writes: Append[], options?: { strict?: boolean }): Promise<number[]>;
  /**
   * Replaces the records at or below `through`, except those in `keep`, by a snapshot that contains them.
   * The new snapshot is written and read back before anything it replaces goes. When another tab's snapshot
   * reaches further already, nothing happens.
   *
   * `through` is the last position of a `load` whose records are all in the snapshot. A position that `append`
   * returned is not enough: another tab may have appended between.
   */
  compact(document: string, snapshot: Uint8Array, through: number, keep?: readonly number[]): Promise<void>;
  remove(document: string): Promise<void>;
  /** Small values of the device itself, such as its replica ids. */
  readMeta(key: string): Promise<Uint8Array | undefined>;
  /** Strictly durable: on disk when this resolves. Null removes the key. */
  writeMeta(key: string, value: Uint8Array | null): Promise<void>;
  /** Keys of meta that start with `prefix`, sorted. So a set is one key per member and two tabs never overwrite each other. */
  metaKeys(prefix: string): Promise<string[]>;
  quarantine(): Promise<QuarantinedRecord[]>;
  close(): Promise<void>;
}
