// Where the server keeps what it promised: per document a log, and snapshots that stand for its beginning.
//
// The log is the truth; everything else can be made again from it. One interface, so that SQLite and
// Postgres answer to the same conformance.ts. A record that fails its checksum is copied aside and
// reported, never deleted, and never in the way of another document.

import type { ErrorCode } from '../../sdk/core/errors.js';
import type { ReplicaId } from '../../sdk/core/replica.js';
import type { Lsn } from '../../sdk/wire/message.js';
import type { Level } from '../access/level.js';

/** One block on its way into the log: an author's bytes, or the void that stands in for a refused batch. */
export interface Append {
  document: string;
  replica: ReplicaId;
  seqFrom: number;
  seqTo: number;
  bytes: Uint8Array;
  /** Set on a void: why the batch was refused, so that a repeated push gets the same answer. */
  voidCode?: ErrorCode;
}

/**
 * What became of one entry. `lsn` is 0 unless appended.
 * - `duplicate`: everything up to `seqTo` of this replica is in the log already, with these bytes
 * - `conflict`: the same seqs are in the log with other bytes
 * - `gap`: seqs before `seqFrom` are missing, or an entry of the same document was refused earlier in the group:
 *   what follows it may build on it
 */
export interface Appended {
  outcome: 'appended' | 'duplicate' | 'conflict' | 'gap';
  lsn: Lsn;
}

/** Log entries first..last, concatenated in order. Empty when `last < first`. */
export interface LogSlice {
  first: Lsn;
  last: Lsn;
  bytes: Uint8Array;
  /** The entry right after `last`, when it failed its checksum: the log cannot be read through it. */
  corrupt: Lsn | null;
}

export interface LoggedRange {
  lsn: Lsn;
  checksum: number;
  voidCode: ErrorCode | null;
}

/** One entry of the whole log, wherever it belongs. */
export interface LogEntry {
  /** Its place in the global order. A document's entries are in the order of their LSNs; there may be holes in between. */
  position: number;
  document: string;
  lsn: Lsn;
  replica: ReplicaId;
  seqFrom: number;
  seqTo: number;
  voidCode: ErrorCode | null;
  bytes: Uint8Array;
  /** It failed its checksum. */
  isCorrupt: boolean;
}

/** An entry of a document's log, without its bytes. */
export interface HistoryEntry {
  lsn: Lsn;
  /** When it was logged, in ms since 1970, by the clock of the database. 0: before this was kept. */
  atMs: number;
  replica: ReplicaId;
  seqFrom: number;
  seqTo: number;
  /** Why the batch was refused, when the entry stands for one that was. */
  voidCode: ErrorCode | null;
  bytes: number;
}

export interface StoredSnapshot {
  lsn: Lsn;
  bytes: Uint8Array;
}

export interface DocumentRow {
  id: string;
  lsn: Lsn;
  /** 0 when there is none. */
  snapshotLsn: Lsn;
}

export interface CorruptRecord {
  document: string;
  kind: 'log' | 'snapshot';
  lsn: Lsn;
  bytes: Uint8Array;
  reason: string;
}

/** A user's levels in one document, by user; `*` is everybody who is not named. */
export type Acl = ReadonlyMap<string, Level>;

/** Before these times, in ms since 1970, a user's tokens were issued in vain, and its sockets opened. 0 is never. */
export interface Dismissal {
  tokensBeforeMs: number;
  socketsBeforeMs: number;
}

/** What admins have decided. All nodes of one database see the same, the moment a write resolves. */
export interface AccessRecords {
  /** Empty when nothing was set. A document need not exist to have one. */
  readAcl(document: string): Promise<Acl>;
  /** @param level  null takes the user's entry away */
  writeAcl(document: string, user: string, level: Level | null): Promise<void>;
  /** Of each time the later one stands. */
  dismiss(user: string, dismissal: Dismissal): Promise<void>;
  dismissalOf(user: string): Promise<Dismissal>;
  /** Grows with every writeAcl and dismiss, whichever node called it. */
  accessVersion(): Promise<number>;
}

/** A document as plain data, as it stood at an LSN. */
export interface Projected {
  id: string;
  lsn: Lsn;
  data: unknown;
  version: ReadonlyMap<ReplicaId, number>;
}

/** Documents as plain data beside the log, for whoever queries the database. Derived: it may be behind, never wrong. */
export interface DataTable {
  /** All or none; older than what is there already changes nothing. */
  writeData(documents: readonly Projected[]): Promise<void>;
  /** Documents whose data is older than their log, by id. O(documents). */
  findBehind(after: string, limit: number): Promise<{ id: string; projectedLsn: Lsn }[]>;
}

export interface Store extends AccessRecords {
  /** Names this log. Another epoch means another history: LSNs known from before are void. */
  readonly epoch: string;
  /** What only those who can read this database know: nodes sign with it what they tell each other. */
  readonly secret: string;
  /** What it runs on, for the log line. */
  readonly kind: string;
  /** Other nodes write to it too: a head may have moved without this one. */
  readonly isShared: boolean;
  /** Null where nobody queries documents by SQL. */
  readonly data: DataTable | null;
  /**
   * One transaction, on disk when it resolves: all fresh entries or none. Entries of one document get dense
   * LSNs in the order given. Repeating an append is harmless. @returns one answer per entry, in order
   * @throws HeadwaterError `storage_failed`, `unavailable`; the outcome is then unknown, and a retry is safe
   */
  append(entries: readonly Append[]): Promise<Appended[]>;
  /** The last LSN of a document, 0 when it is unknown. */
  head(document: string): Promise<Lsn>;
  /** The same for many, in one query and in the order asked. */
  heads(documents: readonly string[]): Promise<Lsn[]>;
  /**
   * Entries after `lsn` up to `through`, at most `bytesMax` together but at least one. Bytes are the caller's.
   *
   * @throws HeadwaterError `history_compacted` when entries after `lsn` are gone; a snapshot stands for them
   */
  readSince(document: string, lsn: Lsn, bytesMax: number, through?: Lsn): Promise<LogSlice>;
  /** Payload of everything after `lsn`, for progress. */
  bytesSince(document: string, lsn: Lsn): Promise<number>;
  /**
   * The log of all documents after `position`, oldest first. Nothing can appear later before what has been read: what
   * is committed but may still be overtaken is left for the next call.
   */
  readAll(position: number, rowsMax: number): Promise<LogEntry[]>;
  /** What the log says of its entries after `lsn`, oldest first; those that are gone are left out. */
  readHistory(document: string, lsn: Lsn, limit: number): Promise<HistoryEntry[]>;
  /** The last entry that was logged by then, of those that are still there; 0 when there is none. */
  lsnAt(document: string, timeMs: number): Promise<Lsn>;
  /** The log row of exactly these seqs, or null; 'compacted' when it is gone and nobody can say any more what it held. */
  findRange(document: string, replica: ReplicaId, seqFrom: number, seqTo: number): Promise<LoggedRange | 'compacted' | null>;
  /** The newest snapshot that passes its checksum, of those up to `through`. */
  readSnapshot(document: string, through?: Lsn): Promise<StoredSnapshot | null>;
  /**
   * Writes, reads back, and only then lets go of older ones: what stays is the newest, the one the log now begins with, and
   * the oldest after that, which grows old enough to be the next. Keeps nothing of `bytes`.
   */
  writeSnapshot(document: string, lsn: Lsn, bytes: Uint8Array): Promise<void>;
  /** By id, after `after`, at most `limit`. */
  listDocuments(after: string, limit: number): Promise<DocumentRow[]>;
  /**
   * Lets go of the log, at most `rowsMax` entries of it, up to the newest good snapshot that was written before `beforeMs`
   * (since 1970); to be repeated until the answer is the same as before. Whoever stands before that starts from a snapshot.
   *
   * @returns the last LSN that is gone, 0 when none is
   */
  compact(document: string, beforeMs: number, rowsMax: number): Promise<Lsn>;
  /** Documents of which `compact` would let something go. */
  findCompactable(beforeMs: number, limit: number): Promise<string[]>;
  corruptRecords(): Promise<CorruptRecord[]>;
  close(): Promise<void>;
}
