// The store of many nodes: Postgres. Any node may write any document; the row lock on the document is the only thing
// that puts them in order, and the database gives the LSNs out under it.
//
// Appends have a connection of their own and go one after another, so that groups are committed in the order given.
// Both kinds of call are repeated for a while when the connection is lost: reads change nothing, and an append that was
// committed unheard is found in the log as a duplicate.

import { createHash } from 'node:crypto';
import { HeadwaterError, type ErrorCode } from '../../sdk/core/errors.js';
import type { Lsn } from '../../sdk/wire/message.js';
import type { Level } from '../access/level.js';
import { checksum } from './checksum.js';
import { compactedAt } from './compacted.js';
import { appendGroup } from './postgres-append.js';
import { PostgresPool, type Sql } from './postgres-pool.js';
import { SettledPositions } from './postgres-positions.js';
import { migrate, quoted, schemaVersion, type SchemaVersion } from './postgres-schema.js';
import { numbersOf, textsOf } from './postgres-values.js';
import type {
  Acl, Append, Appended, CorruptRecord, DataTable, Dismissal, DocumentRow, HistoryEntry, LoggedRange, LogEntry, LogSlice, Projected, Store, StoredSnapshot,
} from './store.js';

export interface PostgresStoreOptions {
  /** Reads nothing into being: no migration, no write. */
  readOnly?: boolean;
  /** Connections beside the one that appends. */
  connectionsMax?: number;
  statementMsMax?: number;
  silenceMsMax?: number;
  /** For how long a call is repeated while Postgres cannot be reached. */
  patienceMs?: number;
}

const defaults = { readOnly: false, connectionsMax: 8, statementMsMax: 10_000, silenceMsMax: 2_000, patienceMs: 2_000 };
const sliceRowsMax = 4_096;

/**
 * Connects, and brings the schema up to date.
 *
 * @param url  postgres://…; `?schema=name` for another schema than `public`, made when missing
 * @throws HeadwaterError `unavailable`, `storage_failed`
 */
export async function openPostgresStore(url: string, options: PostgresStoreOptions = {}): Promise<Store> {
  const settings = { ...defaults, ...options };
  const place = placeOf(url);
  const reads = await openPool(place, settings, settings.connectionsMax);
  try {
    if (settings.readOnly) await assertMigrated(reads, place.schema);
    else await migrate(reads, place.schema);
    const facts = await reads.insist(readFacts, settings.patienceMs);
    // An ack says "on disk", whatever the database was told to do for others.
    const appends = await openPool(place, settings, 1, facts.isLazy ? { synchronous_commit: 'on' } : {});
    return new PostgresStore(reads, appends, facts.epoch, facts.secret, facts.kind, settings);
  } catch (cause) {
    await reads.close();
    throw cause;
  }
}

interface Facts {
  epoch: string;
  secret: string;
  kind: string;
  /** It says that something is committed before it is on disk. */
  isLazy: boolean;
}

async function readFacts(sql: Sql): Promise<Facts> {
  const [{ epoch, secret, version, commit, fsync }] = await sql`
    select (select value from meta where name = 'epoch') as epoch, (select value from meta where name = 'secret') as secret,
      current_setting('server_version') as version, current_setting('synchronous_commit') as commit, current_setting('fsync') as fsync`;
  const kind = `Postgres ${String(version).split(' ')[0]}`;
  return { epoch, secret, kind: fsync === 'on' ? kind : `${kind} with fsync off: no ack survives a power cut`, isLazy: commit === 'off' };
}

/** `headwater migrate`. @throws HeadwaterError as openPostgresStore does */
export async function migratePostgres(url: string): Promise<SchemaVersion> {
  const place = placeOf(url);
  const pool = await openPool(place, defaults, 1);
  try {
    return await migrate(pool, place.schema);
  } finally {
    await pool.close();
  }
}

/** Connections for what is no store, to the same place. @throws HeadwaterError `storage_failed` when the library is not installed */
export function openPostgresPool(url: string, connectionsMax: number): Promise<PostgresPool> {
  return openPool(placeOf(url), defaults, connectionsMax);
}

class PostgresStore implements Store, DataTable {
  readonly isShared = true;
  readonly data: DataTable = this;
  private readonly positions = new SettledPositions();
  private lastAppend: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly reads: PostgresPool,
    private readonly appends: PostgresPool,
    readonly epoch: string,
    readonly secret: string,
    readonly kind: string,
    private readonly settings: typeof defaults,
  ) {}

  append(entries: readonly Append[]): Promise<Appended[]> {
    if (this.settings.readOnly) return Promise.reject(new HeadwaterError('storage_failed', 'the database was opened to read only'));
    const appended = this.lastAppend.then(() => this.appends.insist((sql) => appendGroup(sql, entries), this.settings.patienceMs));
    this.lastAppend = appended.catch(() => undefined);
    return appended;
  }

  async head(document: string): Promise<Lsn> {
    return (await this.heads([document]))[0];
  }

  async heads(documents: readonly string[]): Promise<Lsn[]> {
    const rows = await this.read((sql) => sql`
      select coalesce(head, 0) as head from unnest(${textsOf(documents)}::text[]) with ordinality as asked(id, ord)
      left join documents on documents.id = asked.id order by ord`);
    return rows.map(({ head }) => Number(head));
  }

  /** Lengths first, so that big blobs are not read in vain. */
  async readSince(document: string, lsn: Lsn, bytesMax: number, through: Lsn = Number.MAX_SAFE_INTEGER): Promise<LogSlice> {
    const rows = await this.read((sql) => sql`
      with asked as (select number, floor from documents where id = ${document}),
      sized as (
        select lsn, length(bytes) as size from changes
        where document = (select number from asked) and lsn > ${lsn} and lsn <= ${through} order by lsn limit ${sliceRowsMax}
      ),
      summed as (select lsn, sum(size) over (order by lsn) as total, row_number() over (order by lsn) as nth from sized)
      select changes.lsn, checksum, bytes, floor from asked left join summed on nth = 1 or total <= ${bytesMax}
      left join changes on changes.document = asked.number and changes.lsn = summed.lsn order by lsn`);
    const floor = Number(rows[0]?.floor ?? 0);
    if (lsn < floor) throw compactedAt(document, floor);
    if (rows[0]?.bytes == null) rows.length = 0;
    return this.joinVerified(document, lsn, rows.map((row) => ({ lsn: Number(row.lsn), checksum: Number(row.checksum), bytes: bytesOf(row.bytes) })));
  }

  async bytesSince(document: string, lsn: Lsn): Promise<number> {
    const [{ total }] = await this.read((sql) => sql`
      select coalesce(sum(length(bytes)), 0) as total from changes
      where document = (select number from documents where id = ${document}) and lsn > ${lsn}`);
    return Number(total);
  }

  async readAll(after: number, rowsMax: number): Promise<LogEntry[]> {
    const rows = await this.read(async (sql) => {
      const bound = await this.positions.bound(sql);
      return sql`
        select position, documents.id as document, lsn, replica, seq_from, seq_to, void_code, changes.checksum, bytes
        from changes join documents on documents.number = changes.document
        where position > ${after} and position <= ${bound} order by position limit ${rowsMax}`;
    });
    return rows.map((row) => ({
      position: Number(row.position), document: row.document, lsn: Number(row.lsn), replica: row.replica,
      seqFrom: Number(row.seq_from), seqTo: Number(row.seq_to), voidCode: row.void_code, bytes: bytesOf(row.bytes),
      isCorrupt: checksum(bytesOf(row.bytes)) !== Number(row.checksum),
    }));
  }

  async readHistory(document: string, lsn: Lsn, limit: number): Promise<HistoryEntry[]> {
    const rows = await this.read((sql) => sql`
      select lsn, extract(epoch from at) * 1000 as at, replica, seq_from, seq_to, void_code, length(bytes) as length from changes
      where document = (select number from documents where id = ${document}) and lsn > ${lsn} order by lsn limit ${limit}`);
    return rows.map((row) => ({
      lsn: Number(row.lsn), atMs: Math.floor(Number(row.at)), replica: row.replica as string, seqFrom: Number(row.seq_from), seqTo: Number(row.seq_to),
      voidCode: row.void_code as ErrorCode | null, bytes: Number(row.length),
    }));
  }

  async lsnAt(document: string, timeMs: number): Promise<Lsn> {
    const [row] = await this.read((sql) => sql`
      select coalesce(max(lsn), 0) as lsn from changes
      where document = (select number from documents where id = ${document}) and at < to_timestamp((${timeMs}::float8 + 1) / 1000)`);
    return Number(row.lsn);
  }

  async findRange(document: string, replica: string, seqFrom: number, seqTo: number): Promise<LoggedRange | 'compacted' | null> {
    const [row] = await this.read((sql) => sql`
      select changes.lsn, checksum, void_code, compacted from documents
      join authors on authors.document = number and authors.replica = ${replica}
      left join changes on changes.document = number and changes.replica = ${replica} and seq_to = ${seqTo} and seq_from = ${seqFrom}
      where id = ${document}`);
    if (row === undefined) return null;
    if (row.lsn === null) return seqFrom <= Number(row.compacted) ? 'compacted' : null;
    return { lsn: Number(row.lsn), checksum: Number(row.checksum), voidCode: row.void_code as ErrorCode | null };
  }

  async readSnapshot(document: string, through: Lsn = Number.MAX_SAFE_INTEGER): Promise<StoredSnapshot | null> {
    const rows = await this.read((sql) => sql`
      select lsn, checksum, bytes from snapshots
      where document = (select number from documents where id = ${document}) and lsn <= ${through} order by lsn desc`);
    for (const row of rows) {
      const [lsn, bytes] = [Number(row.lsn), bytesOf(row.bytes)];
      if (checksum(bytes) === Number(row.checksum)) return { lsn, bytes };
      await this.setAside({ document, kind: 'snapshot', lsn, bytes, reason: 'checksum mismatch' });
    }
    return null;
  }

  /** Three statements: the snapshots before go only once the new one has been read back whole. */
  async writeSnapshot(document: string, lsn: Lsn, bytes: Uint8Array): Promise<void> {
    const [known] = await this.read((sql) => sql`select number from documents where id = ${document}`);
    if (known === undefined) throw new HeadwaterError('invalid_argument', 'a snapshot needs a log before it', { document });
    const { number } = known;
    await this.read((sql) => sql`
      insert into snapshots values (${number}, ${lsn}, ${checksum(bytes)}, ${Buffer.from(bytes)})
      on conflict (document, lsn) do update set checksum = excluded.checksum, bytes = excluded.bytes`);
    const [written] = await this.read((sql) => sql`
      select encode(sha256(bytes), 'hex') as hash from snapshots where document = ${number} and lsn = ${lsn}`);
    // Another node may have written a newer one, and have let go of this one, in the meantime.
    if (written !== undefined && written.hash !== createHash('sha256').update(bytes).digest('hex')) {
      throw new HeadwaterError('storage_failed', 'a snapshot did not read back as it was written', { document, lsn });
    }
    await this.read((sql) => sql`
      with kept as (
        select floor, (select max(lsn) from snapshots where document = number) as newest,
          (select min(lsn) from snapshots where document = number and aging_since is not null and lsn > floor) as aging
        from documents where number = ${number}
      )
      delete from snapshots using kept where document = ${number} and lsn <> floor and lsn < newest and lsn is distinct from aging`);
  }

  /** One transaction under the document's lock: the entries, then the number that says they are gone. */
  async compact(document: string, beforeMs: number, rowsMax: number): Promise<Lsn> {
    const [known] = await this.read((sql) => sql`select number, floor from documents where id = ${document}`);
    if (known === undefined) return 0;
    const [number, floor] = [known.number as string, Number(known.floor)];
    const aim = (await this.agedSnapshot(document, number, beforeMs, floor)) ?? floor;
    const through = Math.min(aim, floor + rowsMax);
    if (through > floor) await this.read((sql) => this.raiseFloor(sql, number, through, through === aim));
    return through;
  }

  async findCompactable(beforeMs: number, limit: number): Promise<string[]> {
    const rows = await this.read((sql) => sql`
      select distinct id from snapshots join documents on number = document
      where aging_since < to_timestamp(${beforeMs} / 1000.0) and lsn > floor order by id limit ${limit}`);
    return rows.map(({ id }) => id as string);
  }

  private async raiseFloor(sql: Sql, number: string, through: Lsn, isAim: boolean): Promise<void> {
    await sql.begin(async (transaction) => {
      await transaction`select 1 from documents where number = ${number} for no key update`;
      await transaction`
        update authors set compacted = greatest(compacted, gone.seq) from
          (select replica, max(seq_to) as seq from changes where document = ${number} and lsn <= ${through} group by replica) as gone
        where authors.document = ${number} and authors.replica = gone.replica`;
      await transaction`delete from changes where document = ${number} and lsn <= ${through}`;
      await transaction`update documents set floor = greatest(floor, ${through}) where number = ${number}`;
      if (!isAim) return;
      await transaction`update snapshots set aging_since = null where document = ${number} and lsn = ${through}`;
      await transaction`delete from snapshots where document = ${number} and lsn < ${through}`;
    });
  }

  /** The newest good snapshot that is old enough. One that is damaged is set aside, and ages no more. */
  private async agedSnapshot(document: string, number: string, beforeMs: number, floor: Lsn): Promise<Lsn | null> {
    const rows = await this.read((sql) => sql`
      select lsn, checksum, bytes from snapshots
      where document = ${number} and aging_since < to_timestamp(${beforeMs} / 1000.0) and lsn > ${floor} order by lsn desc`);
    for (const row of rows) {
      const [lsn, bytes] = [Number(row.lsn), bytesOf(row.bytes)];
      if (checksum(bytes) === Number(row.checksum)) return lsn;
      await this.setAside({ document, kind: 'snapshot', lsn, bytes, reason: 'checksum mismatch' });
      await this.read((sql) => sql`update snapshots set aging_since = null where document = ${number} and lsn = ${lsn}`);
    }
    return null;
  }

  async listDocuments(after: string, limit: number): Promise<DocumentRow[]> {
    const rows = await this.read((sql) => sql`
      select id, head, coalesce((select max(lsn) from snapshots where document = number), 0) as snapshot
      from documents where id > ${after} and head > 0 order by id limit ${limit}`);
    return rows.map(({ id, head, snapshot }) => ({ id, lsn: Number(head), snapshotLsn: Number(snapshot) }));
  }

  async corruptRecords(): Promise<CorruptRecord[]> {
    const rows = await this.read((sql) => sql`select document, kind, lsn, bytes, reason from corrupt order by document, lsn`);
    return rows.map((row) => ({ document: row.document, kind: row.kind, lsn: Number(row.lsn), bytes: bytesOf(row.bytes), reason: row.reason }));
  }

  // ── what admins have decided ──────────────────────────────────────────────────────────────────

  async readAcl(document: string): Promise<Acl> {
    const rows = await this.read((sql) => sql`select "user", level from acl where document = ${document} order by "user"`);
    return new Map(rows.map(({ user, level }) => [user as string, level as Level]));
  }

  async writeAcl(document: string, user: string, level: Level | null): Promise<void> {
    await this.read((sql) => (level === null
      ? sql`with decided as (delete from acl where document = ${document} and "user" = ${user})
          update access_version set version = version + 1`
      : sql`with decided as (
            insert into acl values (${document}, ${user}, ${level}) on conflict (document, "user") do update set level = excluded.level
          ) update access_version set version = version + 1`));
  }

  async dismiss(user: string, { tokensBeforeMs, socketsBeforeMs }: Dismissal): Promise<void> {
    await this.read((sql) => sql`
      with decided as (
        insert into dismissals as known values (${user}, ${tokensBeforeMs}, ${socketsBeforeMs}) on conflict ("user") do update set
          tokens_before = greatest(known.tokens_before, excluded.tokens_before),
          sockets_before = greatest(known.sockets_before, excluded.sockets_before)
      ) update access_version set version = version + 1`);
  }

  async dismissalOf(user: string): Promise<Dismissal> {
    const [row] = await this.read((sql) => sql`select tokens_before, sockets_before from dismissals where "user" = ${user}`);
    return { tokensBeforeMs: Number(row?.tokens_before ?? 0), socketsBeforeMs: Number(row?.sockets_before ?? 0) };
  }

  async accessVersion(): Promise<number> {
    const [{ version }] = await this.read((sql) => sql`select version from access_version`);
    return Number(version);
  }

  // ── documents as plain data ───────────────────────────────────────────────────────────────────

  async writeData(documents: readonly Projected[]): Promise<void> {
    await this.read((sql) => sql`
      select project_documents(${textsOf(documents.map(({ id }) => id))}, ${numbersOf(documents.map(({ lsn }) => lsn))},
        ${textsOf(documents.map(({ data }) => jsonbOf(data)))}, ${textsOf(documents.map(({ version }) => jsonbOf(Object.fromEntries(version))))})`);
  }

  async findBehind(after: string, limit: number): Promise<{ id: string; projectedLsn: Lsn }[]> {
    const rows = await this.read((sql) => sql`
      select id, projected_lsn from documents where id > ${after} and projected_lsn < head order by id limit ${limit}`);
    return rows.map(({ id, projected_lsn: lsn }) => ({ id, projectedLsn: Number(lsn) }));
  }

  async close(): Promise<void> {
    await this.lastAppend;
    await Promise.all([this.reads.close(), this.appends.close()]);
  }

  private read<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result> {
    return this.reads.insist(work, this.settings.patienceMs);
  }

  private async joinVerified(document: string, lsn: Lsn, rows: { lsn: Lsn; checksum: number; bytes: Uint8Array }[]): Promise<LogSlice> {
    // A missing LSN is the same to a reader as a broken one: the log cannot be read through it.
    const bad = rows.findIndex((row, i) => row.lsn !== lsn + i + 1 || checksum(row.bytes) !== row.checksum);
    const good = bad === -1 ? rows : rows.slice(0, bad);
    const corrupt = bad === -1 ? null : lsn + bad + 1;
    if (corrupt !== null) await this.setAside({ document, kind: 'log', lsn: corrupt, bytes: rows[bad].bytes, reason: 'checksum mismatch' });
    return { first: lsn + 1, last: lsn + good.length, bytes: joined(good.map(({ bytes }) => bytes)), corrupt };
  }

  /** A copy for whoever investigates; the original stays where it is. */
  private async setAside({ document, kind, lsn, bytes, reason }: CorruptRecord): Promise<void> {
    if (this.settings.readOnly) return;
    try {
      await this.read((sql) => sql`insert into corrupt values (${document}, ${kind}, ${lsn}, ${reason}, ${Buffer.from(bytes)}) on conflict do nothing`);
    } catch {
      // A full disk or a read-only database must not turn a bad record into a failed read.
    }
  }
}

interface Place {
  url: string;
  schema: string;
}

/** The schema is ours; whatever else the URL says is the library's. */
function placeOf(database: string): Place {
  const [url, query = ''] = database.split('?', 2);
  const parameters = new URLSearchParams(query);
  const schema = parameters.get('schema') || 'public';
  parameters.delete('schema');
  return { url: parameters.size > 0 ? `${url}?${parameters}` : url, schema };
}

function openPool({ url, schema }: Place, settings: typeof defaults, connectionsMax: number, more: Record<string, string> = {}): Promise<PostgresPool> {
  const { statementMsMax, silenceMsMax } = settings;
  return PostgresPool.open({ url, connectionsMax, statementMsMax, silenceMsMax, settings: { search_path: quoted(schema), ...more } });
}

async function assertMigrated(pool: PostgresPool, schema: string): Promise<void> {
  const { found, known } = await schemaVersion(pool, schema);
  if (found < known) throw new HeadwaterError('storage_failed', `the schema ${schema} is at version ${found} of ${known}: run \`headwater migrate\``, { schema });
}

function bytesOf(value: Buffer): Uint8Array {
  return new Uint8Array(value.buffer, value.byteOffset, value.length);
}

/** In memory of its own: a reader may keep it. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** jsonb has no NUL in its strings; it stands as U+FFFD there. Only a backslash that is not itself escaped begins one. */
function jsonbOf(value: unknown): string {
  return JSON.stringify(value).replace(/\\(u0000|.)/g, (escape, what) => (what === 'u0000' ? '\\ufffd' : escape));
}
