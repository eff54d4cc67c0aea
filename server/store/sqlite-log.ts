// The store's SQL, synchronous: one prepared statement per action, one transaction per group.
// It runs inside the worker (sqlite-worker.ts) so that an fsync never holds up a socket.

import { joinBytes } from '../../sdk/core/bytes.js';
import { HeadwaterError, type ErrorCode } from '../../sdk/core/errors.js';
import { checksum } from './checksum.js';
import { compactedAt } from './compacted.js';
import { migrate } from './sqlite-schema.js';
import { openDriver, type Driver, type Row } from '../../sdk/driver/sqlite.js';
import type { Level } from '../access/level.js';
import type { Acl, Append, Appended, CorruptRecord, Dismissal, DocumentRow, HistoryEntry, LoggedRange, LogEntry, LogSlice, StoredSnapshot } from './store.js';

const pageRows = 4_096;

/** A document while a group is appended to it. */
interface Growing {
  number: number;
  head: number;
  isGrown: boolean;
  /** An entry was refused: those behind it may build on it. */
  isStopped: boolean;
}

export class SqliteLog {
  readonly epoch: string;
  readonly secret: string;
  private readonly statements;
  /** Row numbers of documents never change once committed, so they are looked up once. */
  private readonly numbers = new Map<string, number>();

  /** @throws HeadwaterError `storage_failed` */
  static async open(path: string, options = { readOnly: false }): Promise<SqliteLog> {
    const driver = await openDriver(path, options);
    try {
      return new SqliteLog(driver, options.readOnly);
    } catch (cause) {
      driver.close();
      if (cause instanceof HeadwaterError) throw cause;
      throw new HeadwaterError('storage_failed', `cannot use the database ${path}: ${(cause as Error).message}`, { path });
    }
  }

  private constructor(private readonly driver: Driver, readOnly: boolean) {
    // FULL: a commit is on disk before it is acked. WAL alone would lose the last commits with the power.
    driver.exec('pragma busy_timeout = 5000');
    if (!readOnly) {
      driver.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on');
      // Pages that many commits write go back into the database once, and a checkpoint's fsync is rare: 32 MiB of WAL.
      driver.exec('pragma wal_autocheckpoint = 8192');
      migrate(driver);
    }
    this.statements = prepareAll(driver);
    this.epoch = this.readName('epoch', readOnly);
    this.secret = this.readName('secret', readOnly);
  }

  get kind(): string {
    return this.driver.name;
  }

  append(entries: readonly Append[]): Appended[] {
    return this.transaction(() => {
      const growing = new Map<string, Growing>();
      const answers = entries.map((entry) => {
        let document = growing.get(entry.document);
        if (document === undefined) growing.set(entry.document, (document = this.open(entry.document)));
        if (document.isStopped) return { outcome: 'gap', lsn: 0 } as const;
        const answer = this.appendOne(entry, document);
        document.isStopped = answer.outcome === 'conflict' || answer.outcome === 'gap';
        return answer;
      });
      for (const { number, head, isGrown } of growing.values()) if (isGrown) this.statements.advance.run(head, number);
      return answers;
    });
  }

  heads(documents: readonly string[]): number[] {
    return documents.map((document) => this.head(document));
  }

  head(document: string): number {
    return Number(this.statements.head.get(document)?.head ?? 0);
  }

  readSince(document: string, lsn: number, bytesMax: number, through = Number.MAX_SAFE_INTEGER): LogSlice {
    const number = this.numberOf(document);
    if (number === null) return { first: lsn + 1, last: lsn, bytes: new Uint8Array(0), corrupt: null };
    const floor = Number(this.statements.head.get(document)!.floor);
    if (lsn < floor) throw compactedAt(document, floor);
    const last = Math.min(this.cut(number, lsn, bytesMax), through);
    return this.joinVerified(document, lsn, this.statements.entries.all(number, lsn, last));
  }

  /** One writer: what is visible can be overtaken by nothing. */
  readAll(position: number, rowsMax: number): LogEntry[] {
    return this.statements.all.all(position, rowsMax).map((row) => ({
      position: Number(row.position), document: String(row.id), lsn: Number(row.lsn), replica: String(row.replica),
      seqFrom: Number(row.seq_from), seqTo: Number(row.seq_to), voidCode: row.void_code as ErrorCode | null, bytes: row.bytes as Uint8Array,
      isCorrupt: checksum(row.bytes as Uint8Array) !== row.checksum,
    }));
  }

  bytesSince(document: string, lsn: number): number {
    const number = this.numberOf(document);
    return number === null ? 0 : Number(this.statements.bytesSince.get(number, lsn)!.total ?? 0);
  }

  readHistory(document: string, lsn: number, limit: number): HistoryEntry[] {
    return this.statements.history.all(this.numberOf(document) ?? 0, lsn, limit).map((row) => ({
      lsn: Number(row.lsn), atMs: Number(row.at_ms), replica: String(row.replica), seqFrom: Number(row.seq_from), seqTo: Number(row.seq_to),
      voidCode: row.void_code as ErrorCode | null, bytes: Number(row.length),
    }));
  }

  lsnAt(document: string, timeMs: number): number {
    return Number(this.statements.lsnAt.get(this.numberOf(document) ?? 0, timeMs)?.lsn ?? 0);
  }

  findRange(document: string, replica: string, seqFrom: number, seqTo: number): LoggedRange | 'compacted' | null {
    const number = this.numberOf(document) ?? 0;
    const row = this.statements.range.get(number, replica, seqTo);
    if (row === undefined || row.seq_from !== seqFrom) {
      return seqFrom <= Number(this.statements.author.get(number, replica)?.compacted ?? 0) ? 'compacted' : null;
    }
    return { lsn: Number(row.lsn), checksum: Number(row.checksum), voidCode: row.void_code as ErrorCode | null };
  }

  readSnapshot(document: string, through = Number.MAX_SAFE_INTEGER): StoredSnapshot | null {
    for (const row of this.statements.snapshots.all(this.numberOf(document) ?? 0, through)) {
      const bytes = row.bytes as Uint8Array;
      if (checksum(bytes) === row.checksum) return { lsn: Number(row.lsn), bytes };
      this.setAside({ document, kind: 'snapshot', lsn: Number(row.lsn), bytes, reason: 'checksum mismatch' });
    }
    return null;
  }

  /** Two transactions: the snapshots before go only once the new one has been read back whole. */
  writeSnapshot(document: string, lsn: number, bytes: Uint8Array): void {
    const number = this.numberOf(document);
    if (number === null) throw new HeadwaterError('invalid_argument', 'a snapshot needs a log before it', { document });
    this.statements.writeSnapshot.run(number, lsn, checksum(bytes), bytes, Date.now());
    const written = this.statements.snapshot.get(number, lsn)?.bytes as Uint8Array | undefined;
    if (written === undefined || checksum(written) !== checksum(bytes)) {
      throw new HeadwaterError('storage_failed', 'a snapshot did not read back as it was written', { document, lsn });
    }
    this.statements.dropSnapshots.run(number);
  }

  /** A snapshot first, and only if it is whole; then the log in pieces, so that no transaction is long; the older snapshots last. */
  compact(document: string, beforeMs: number, rowsMax: number): number {
    const number = this.numberOf(document);
    if (number === null) return 0;
    const floor = Number(this.statements.head.get(document)!.floor);
    const aim = this.agedSnapshot(document, number, beforeMs, floor) ?? floor;
    const through = Math.min(aim, floor + rowsMax);
    if (through > floor) {
      this.transaction(() => {
        this.statements.noteCompacted.run(number, through);
        this.statements.dropEntries.run(number, through);
        this.statements.raiseFloor.run(through, number);
        if (through < aim) return;
        this.statements.stopAging.run(number, through);
        this.statements.dropOlder.run(number, through);
      });
    }
    return through;
  }

  findCompactable(beforeMs: number, limit: number): string[] {
    return this.statements.aging.all(beforeMs, limit).map((row) => String(row.id));
  }

  /** The newest good snapshot that is old enough. One that is damaged is set aside, and ages no more. */
  private agedSnapshot(document: string, number: number, beforeMs: number, floor: number): number | null {
    for (const row of this.statements.aged.all(number, beforeMs, floor)) {
      const [lsn, bytes] = [Number(row.lsn), row.bytes as Uint8Array];
      if (checksum(bytes) === row.checksum) return lsn;
      this.setAside({ document, kind: 'snapshot', lsn, bytes, reason: 'checksum mismatch' });
      this.statements.stopAging.run(number, lsn);
    }
    return null;
  }

  listDocuments(after: string, limit: number): DocumentRow[] {
    return this.statements.documents.all(after, limit).map((row) => ({
      id: String(row.id),
      lsn: Number(row.head),
      snapshotLsn: Number(row.snapshot_lsn ?? 0),
    }));
  }

  corruptRecords(): CorruptRecord[] {
    return this.statements.corrupt.all() as unknown as CorruptRecord[];
  }

  readAcl(document: string): Acl {
    return new Map(this.statements.acl.all(document).map((row) => [String(row.user), row.level as Level]));
  }

  writeAcl(document: string, user: string, level: Level | null): void {
    this.transaction(() => {
      if (level === null) this.statements.dropAcl.run(document, user);
      else this.statements.writeAcl.run(document, user, level);
      this.statements.advanceAccess.run();
    });
  }

  dismiss(user: string, { tokensBeforeMs, socketsBeforeMs }: Dismissal): void {
    this.transaction(() => {
      this.statements.dismiss.run(user, tokensBeforeMs, socketsBeforeMs);
      this.statements.advanceAccess.run();
    });
  }

  dismissalOf(user: string): Dismissal {
    const row = this.statements.dismissal.get(user);
    return { tokensBeforeMs: Number(row?.tokens_before ?? 0), socketsBeforeMs: Number(row?.sockets_before ?? 0) };
  }

  accessVersion(): number {
    return Number(this.statements.accessVersion.get()!.version);
  }

  close(): void {
    this.driver.close();
  }

  /** Within a transaction nobody else moves the head, so a group writes it once. */
  private open(document: string): Growing {
    const row = this.statements.head.get(document);
    if (row === undefined) return { number: this.addDocument(document), head: 0, isGrown: false, isStopped: false };
    return { number: this.remember(document, Number(row.number)), head: Number(row.head), isGrown: false, isStopped: false };
  }

  private appendOne(entry: Append, document: Growing): Appended {
    const { number } = document;
    const known = Number(this.statements.author.get(number, entry.replica)?.seq ?? 0);
    if (entry.seqFrom > known + 1) return { outcome: 'gap', lsn: 0 };
    const sum = checksum(entry.bytes);
    if (entry.seqTo <= known) return { outcome: this.repeated(entry, sum), lsn: 0 };
    const lsn = (document.head += 1);
    document.isGrown = true;
    this.statements.appendEntry.run(
      number, lsn, entry.replica, entry.seqFrom, entry.seqTo, entry.voidCode ?? null, sum, entry.bytes, Date.now(),
    );
    this.statements.advanceAuthor.run(number, entry.replica, entry.seqTo);
    return { outcome: 'appended', lsn };
  }

  /** Only equal ranges can be compared; a batch split another way is taken for the same ops. */
  private repeated(entry: Append, sum: number): 'duplicate' | 'conflict' {
    const logged = this.findRange(entry.document, entry.replica, entry.seqFrom, entry.seqTo);
    return logged === null || logged === 'compacted' || logged.checksum === sum ? 'duplicate' : 'conflict';
  }

  private numberOf(document: string): number | null {
    const cached = this.numbers.get(document);
    if (cached !== undefined) return cached;
    const row = this.statements.head.get(document);
    if (row === undefined) return null;
    return this.remember(document, Number(row.number));
  }

  private addDocument(document: string): number {
    return this.remember(document, Number(this.statements.addDocument.get(document)!.number));
  }

  private remember(document: string, number: number): number {
    if (this.numbers.size > 100_000) this.numbers.clear();
    this.numbers.set(document, number);
    return number;
  }

  /** The last LSN that fits `bytesMax`, found from lengths alone so that big blobs are not read in vain. */
  private cut(number: number, lsn: number, bytesMax: number): number {
    let last = lsn;
    let total = 0;
    for (const row of this.statements.lengths.all(number, lsn, pageRows)) {
      total += Number(row.length);
      if (total > bytesMax && last > lsn) break;
      last = Number(row.lsn);
    }
    return last;
  }

  private joinVerified(document: string, lsn: number, rows: Row[]): LogSlice {
    const blocks: Uint8Array[] = [];
    let corrupt: number | null = null;
    for (const row of rows) {
      const bytes = row.bytes as Uint8Array;
      // A missing LSN is the same to a reader as a broken one: the log cannot be read through it.
      if (row.lsn !== lsn + blocks.length + 1 || checksum(bytes) !== row.checksum) {
        corrupt = lsn + blocks.length + 1;
        this.setAside({ document, kind: 'log', lsn: corrupt, bytes, reason: 'checksum mismatch' });
        break;
      }
      blocks.push(bytes);
    }
    return { first: lsn + 1, last: lsn + blocks.length, bytes: joinBytes(blocks), corrupt };
  }

  /** A copy for whoever investigates; the original stays where it is. */
  private setAside(record: CorruptRecord): void {
    try {
      this.statements.setAside.run(record.document, record.kind, record.lsn, record.reason, record.bytes);
    } catch {
      // A full disk or a read-only database must not turn a bad record into a failed read.
    }
  }

  /** What is drawn once for a database. */
  private readName(name: 'epoch' | 'secret', readOnly: boolean): string {
    if (!readOnly) this.statements.addName.run(name, crypto.randomUUID());
    return String(this.statements.nameOf.get(name)?.value);
  }

  private transaction<Result>(work: () => Result): Result {
    this.driver.exec('begin immediate');
    try {
      const result = work();
      this.driver.exec('commit');
      return result;
    } catch (cause) {
      // Numbers given out in here may go to other documents now.
      this.numbers.clear();
      this.rollback();
      throw new HeadwaterError('storage_failed', `the database took no write: ${(cause as Error).message}`);
    }
  }

  private rollback(): void {
    try {
      this.driver.exec('rollback');
    } catch {
      // SQLite has rolled back by itself, as it does when the disk is full.
    }
  }
}

function prepareAll(driver: Driver) {
  const prepare = (sql: string) => driver.prepare(sql);
  return {
    nameOf: prepare('select value from meta where name = ?'),
    addName: prepare('insert into meta values (?, ?) on conflict do nothing'),
    head: prepare('select number, head, floor from documents where id = ?'),
    addDocument: prepare(
      'insert into documents (id) values (?) on conflict (id) do update set id = excluded.id returning number',
    ),
    advance: prepare('update documents set head = ? where number = ?'),
    author: prepare('select seq, compacted from authors where document = ? and replica = ?'),
    advanceAuthor: prepare(
      'insert into authors (document, replica, seq) values (?, ?, ?) on conflict (document, replica) do update set seq = excluded.seq',
    ),
    appendEntry: prepare(
      `insert into log (document, lsn, replica, seq_from, seq_to, void_code, checksum, bytes, at_ms)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    lengths: prepare('select lsn, length(bytes) as length from log where document = ? and lsn > ? order by lsn limit ?'),
    entries: prepare(
      'select lsn, checksum, bytes from log where document = ? and lsn > ? and lsn <= ? order by lsn',
    ),
    all: prepare(
      `select position, id, lsn, replica, seq_from, seq_to, void_code, checksum, bytes
       from log join documents on number = document where position > ? order by position limit ?`,
    ),
    history: prepare(
      `select lsn, at_ms, replica, seq_from, seq_to, void_code, length(bytes) as length from log
       where document = ? and lsn > ? order by lsn limit ?`,
    ),
    lsnAt: prepare('select max(lsn) as lsn from log where document = ? and at_ms <= ?'),
    bytesSince: prepare('select sum(length(bytes)) as total from log where document = ? and lsn > ?'),
    range: prepare(
      'select lsn, seq_from, checksum, void_code from log where document = ? and replica = ? and seq_to = ?',
    ),
    snapshots: prepare('select lsn, checksum, bytes from snapshots where document = ? and lsn <= ? order by lsn desc'),
    snapshot: prepare('select bytes from snapshots where document = ? and lsn = ?'),
    writeSnapshot: prepare(
      `insert into snapshots values (?, ?, ?, ?, ?)
       on conflict (document, lsn) do update set checksum = excluded.checksum, bytes = excluded.bytes`,
    ),
    dropSnapshots: prepare(
      `with kept as (select number, floor from documents where number = ?1)
       delete from snapshots where document = ?1
       and lsn <> (select floor from kept)
       and lsn < (select max(lsn) from snapshots where document = ?1)
       and lsn is not (select min(lsn) from snapshots where document = ?1 and aging_since is not null and lsn > (select floor from kept))`,
    ),
    aging: prepare(
      `select distinct id from snapshots indexed by snapshots_aging join documents on number = document
       where aging_since < ? and lsn > floor order by id limit ?`,
    ),
    aged: prepare('select lsn, checksum, bytes from snapshots where document = ? and aging_since < ? and lsn > ? order by lsn desc'),
    stopAging: prepare('update snapshots set aging_since = null where document = ? and lsn = ?'),
    noteCompacted: prepare(
      `update authors set compacted = gone.seq from
         (select replica, max(seq_to) as seq from log where document = ?1 and lsn <= ?2 group by replica) as gone
       where authors.document = ?1 and authors.replica = gone.replica`,
    ),
    dropEntries: prepare('delete from log where document = ? and lsn <= ?'),
    raiseFloor: prepare('update documents set floor = ? where number = ?'),
    dropOlder: prepare('delete from snapshots where document = ? and lsn < ?'),
    documents: prepare(
      `select id, head, (select max(lsn) from snapshots where document = number) as snapshot_lsn
       from documents where id > ? order by id limit ?`,
    ),
    acl: prepare('select user, level from acl where document = ? order by user'),
    writeAcl: prepare('insert into acl values (?, ?, ?) on conflict (document, user) do update set level = excluded.level'),
    dropAcl: prepare('delete from acl where document = ? and user = ?'),
    dismiss: prepare(
      `insert into dismissals values (?, ?, ?) on conflict (user) do update set
       tokens_before = max(tokens_before, excluded.tokens_before), sockets_before = max(sockets_before, excluded.sockets_before)`,
    ),
    dismissal: prepare('select tokens_before, sockets_before from dismissals where user = ?'),
    accessVersion: prepare('select version from access_version'),
    advanceAccess: prepare('update access_version set version = version + 1'),
    setAside: prepare('insert into corrupt values (?, ?, ?, ?, ?) on conflict do nothing'),
    corrupt: prepare('select document, kind, lsn, bytes, reason from corrupt order by document, lsn'),
  };
}
