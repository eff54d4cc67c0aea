// The server's log in memory, as the model of the real ones: what a database keeps, and the rules by which it takes more.
// It outlives the servers that open it, as a file outlives its processes.

import { joinBytes } from '../../sdk/core/bytes.js';
import { checksum } from '../store/checksum.js';
import type { Level } from '../access/level.js';
import type { Acl, Append, Appended, Dismissal, DocumentRow, LoggedRange, LogEntry, LogSlice, StoredSnapshot } from '../store/store.js';

interface Shelf {
  /** LSN n is at n - 1. */
  entries: Append[];
  /** The last seq of each replica. */
  authors: Map<string, number>;
  snapshot: StoredSnapshot | null;
}

export class MemoryLog {
  readonly shelves = new Map<string, Shelf>();
  /** Everything in the order it came; position n is at n - 1. */
  private readonly all: { entry: Append; lsn: number }[] = [];
  private readonly acls = new Map<string, Map<string, Level>>();
  private readonly dismissals = new Map<string, Dismissal>();
  private version = 0;

  constructor(readonly epoch: string) {}

  append(entries: readonly Append[]): Appended[] {
    const stopped = new Set<string>();
    return entries.map((entry) => {
      const answer: Appended = stopped.has(entry.document) ? { outcome: 'gap', lsn: 0 } : this.appendOne(entry);
      if (answer.outcome === 'conflict' || answer.outcome === 'gap') stopped.add(entry.document);
      return answer;
    });
  }

  heads(documents: readonly string[]): number[] { return documents.map((document) => this.head(document)); }

  head(document: string): number { return this.shelves.get(document)?.entries.length ?? 0; }

  /** The last seq of a replica that is in the log, as an op or as a void. */
  seqOf(document: string, replica: string): number { return this.shelves.get(document)?.authors.get(replica) ?? 0; }

  /** The entry that holds an op. */
  entryOf(document: string, replica: string, seq: number): Append | undefined {
    return this.shelves.get(document)?.entries.find((entry) => entry.replica === replica && entry.seqFrom <= seq && seq <= entry.seqTo);
  }

  readSince(document: string, lsn: number, bytesMax: number, through = Infinity): LogSlice {
    const rest = (this.shelves.get(document)?.entries ?? []).slice(lsn, through);
    let bytes = 0;
    const over = rest.findIndex((entry, i) => (bytes += entry.bytes.length) > bytesMax && i > 0);
    const taken = over === -1 ? rest : rest.slice(0, over);
    return { first: lsn + 1, last: lsn + taken.length, bytes: joinBytes(taken.map((entry) => entry.bytes)), corrupt: null };
  }

  readAll(position: number, rowsMax: number): LogEntry[] {
    return this.all.slice(position, position + rowsMax).map(({ entry, lsn }, i) => ({
      ...entry, position: position + i + 1, lsn, voidCode: entry.voidCode ?? null, isCorrupt: false,
    }));
  }

  bytesSince(document: string, lsn: number): number {
    return (this.shelves.get(document)?.entries ?? []).slice(lsn).reduce((sum, entry) => sum + entry.bytes.length, 0);
  }

  findRange(document: string, replica: string, seqFrom: number, seqTo: number): LoggedRange | null {
    const entries = this.shelves.get(document)?.entries ?? [];
    const at = entries.findIndex((entry) => entry.replica === replica && entry.seqFrom === seqFrom && entry.seqTo === seqTo);
    return at === -1 ? null : { lsn: at + 1, checksum: checksum(entries[at].bytes), voidCode: entries[at].voidCode ?? null };
  }

  readSnapshot(document: string): StoredSnapshot | null {
    const snapshot = this.shelves.get(document)?.snapshot;
    return snapshot ? { lsn: snapshot.lsn, bytes: snapshot.bytes.slice() } : null;
  }

  writeSnapshot(document: string, lsn: number, bytes: Uint8Array): void {
    const shelf = this.shelf(document);
    if (!shelf.snapshot || shelf.snapshot.lsn <= lsn) shelf.snapshot = { lsn, bytes: bytes.slice() };
  }

  listDocuments(after: string, limit: number): DocumentRow[] {
    const ids = [...this.shelves.keys()].filter((id) => id > after).sort().slice(0, limit);
    return ids.map((id) => ({ id, lsn: this.head(id), snapshotLsn: this.shelves.get(id)!.snapshot?.lsn ?? 0 }));
  }

  readAcl(document: string): Acl { return new Map(this.acls.get(document)); }

  writeAcl(document: string, user: string, level: Level | null): void {
    const acl = this.acls.get(document) ?? new Map<string, Level>();
    this.acls.set(document, acl);
    if (level === null) acl.delete(user);
    else acl.set(user, level);
    this.version += 1;
  }

  dismiss(user: string, { tokensBeforeMs, socketsBeforeMs }: Dismissal): void {
    const before = this.dismissalOf(user);
    this.dismissals.set(user, {
      tokensBeforeMs: Math.max(before.tokensBeforeMs, tokensBeforeMs),
      socketsBeforeMs: Math.max(before.socketsBeforeMs, socketsBeforeMs),
    });
    this.version += 1;
  }

  dismissalOf(user: string): Dismissal { return this.dismissals.get(user) ?? { tokensBeforeMs: 0, socketsBeforeMs: 0 }; }

  accessVersion(): number { return this.version; }

  private appendOne(entry: Append): Appended {
    const { document, replica, seqFrom, seqTo, bytes } = entry;
    const known = this.seqOf(document, replica);
    if (seqFrom > known + 1) return { outcome: 'gap', lsn: 0 };
    if (seqTo <= known) return { outcome: this.repeated(entry), lsn: 0 };
    const { entries, authors } = this.shelf(document);
    entries.push({ ...entry, bytes: bytes.slice() });
    authors.set(replica, seqTo);
    this.all.push({ entry: entries[entries.length - 1], lsn: entries.length });
    return { outcome: 'appended', lsn: entries.length };
  }

  private repeated({ document, replica, seqFrom, seqTo, bytes }: Append): 'duplicate' | 'conflict' {
    const logged = this.findRange(document, replica, seqFrom, seqTo);
    return logged === null || logged.checksum === checksum(bytes) ? 'duplicate' : 'conflict';
  }

  private shelf(document: string): Shelf {
    let shelf = this.shelves.get(document);
    if (!shelf) this.shelves.set(document, (shelf = { entries: [], authors: new Map(), snapshot: null }));
    return shelf;
  }
}
