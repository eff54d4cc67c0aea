// Storage in SQLite, wherever the database is: a file in Node, the origin private file system in a browser.
//
//   documents   number, id            cursor
//   records     position              one block and its checksum; positions are of the whole database
//   snapshots   generation            one snapshot, its checksum, and the position it reaches
//   meta        key                   small values of the device
//   quarantine  id                    what failed its checksum, kept for a person to look at
//
// AUTOINCREMENT is the promise that no position and no generation is given out twice, whatever is deleted. Ids are kept
// as blobs: SQLite libraries disagree on text with a zero in it. Compaction goes in the same three steps as in dexie.ts.

import { HeadwaterError } from '../core/errors.js';
import { Connections, type ConnectionOptions } from './connections.js';
import { Lane } from './lane.js';
import { checkDocument, faultOf, openCursor, rewound, seal, sealAppends, type Sealed, type SealedAppend, type SealedCursor } from './sealed.js';
import type { SqliteDatabase, SqlRow, SqlValue, Work } from './sqlite-work.js';
import type { Append, QuarantinedRecord, Storage, StoredDocument } from './storage.js';

const tablesVersion = 1;
const tables = [
  `create table documents (number integer primary key, id blob not null unique,
     epoch text, lsn integer, acked blob, checksum integer)`,
  `create table records (position integer primary key autoincrement, document integer not null,
     checksum integer not null, bytes blob not null)`,
  'create index records_of_document on records (document)',
  `create table snapshots (generation integer primary key autoincrement, document integer not null, through integer not null,
     checksum integer not null, bytes blob not null)`,
  'create index snapshots_of_document on snapshots (document)',
  'create table meta (key blob primary key, checksum integer not null, bytes blob not null)',
  'create table quarantine (id integer primary key, document blob not null, bytes blob not null, reason text not null)',
];

const reading = { writes: false, strict: false };
const relaxed = { writes: true, strict: false };
const strict = { writes: true, strict: true };

export class SqliteStorage implements Storage {
  readonly kind = 'sqlite';
  readonly #lane = new Lane<SealedAppend, number[]>((members, isStrict) => this.#use((db) => db.transaction(() => appendGroup(members), isStrict ? strict : relaxed)));
  readonly #connections: Connections<SqliteDatabase>;
  #closing: Promise<void> | null = null;

  /** Opens nothing yet: the first call does, and failures reach its caller. */
  constructor(connect: () => Promise<SqliteDatabase>, options: ConnectionOptions = {}) {
    this.#connections = new Connections(() => prepared(connect), options);
  }

  documents(): Promise<string[]> {
    return this.#run(reading, function* () {
      const rows = yield ['select id from documents'];
      return rows.map(({ id }) => textOf(id)).sort();
    });
  }

  async load(document: string): Promise<StoredDocument> {
    const id = keyOf(checkDocument(document));
    const stored = await this.#run(reading, () => readDocument(id));
    const { records, snapshots } = stored;
    const snapshot = snapshots.find((row) => !faultOf(row));
    const faulty = [...records, ...snapshots].filter(faultOf);
    // Failing to set aside is no reason to withhold what is whole: the next load tries again.
    if (faulty.length > 0) await this.#run(relaxed, () => setAside(id, faulty)).catch(() => undefined);
    const cursor = openCursor(stored.cursor);
    return {
      snapshot: snapshot?.bytes ?? null,
      records: records.filter((row) => !faultOf(row)).map(({ position, bytes }) => ({ position, bytes })),
      cursor: faulty.length > 0 ? openCursor(rewound(cursor)) : cursor,
      quarantined: faulty.length,
    };
  }

  async append(writes: Append[], options: { strict?: boolean } = {}): Promise<number[]> {
    this.#assertOpen();
    return this.#lane.append(sealAppends(writes), options.strict === true);
  }

  async compact(document: string, snapshot: Uint8Array, through: number, keep: readonly number[] = []): Promise<void> {
    const id = keyOf(checkDocument(document));
    const sealed = seal(snapshot);
    const added = await this.#run(strict, () => addSnapshot(id, sealed, through));
    if (!added) return;
    if (!(await this.#run(reading, () => isWhole(added.generation, sealed)))) {
      await this.#run(relaxed, () => dropSnapshot(added.generation));
      throw new HeadwaterError('storage_failed', 'the new snapshot read back differently; the old one stays', { document });
    }
    await this.#run(relaxed, () => dropReplaced(added, keep));
  }

  async remove(document: string): Promise<void> {
    const id = keyOf(checkDocument(document));
    return this.#run(strict, () => removeDocument(id));
  }

  async readMeta(key: string): Promise<Uint8Array | undefined> {
    return this.#run(reading, function* () {
      const [row] = yield ['select checksum, bytes from meta where key = ?', keyOf(key)];
      return row && !faultOf(sealedOf(row)) ? sealedOf(row).bytes : undefined;
    });
  }

  async writeMeta(key: string, value: Uint8Array | null): Promise<void> {
    const sealed = value && seal(value);
    return this.#run(strict, () => putMeta(key, sealed));
  }

  metaKeys(prefix: string): Promise<string[]> {
    return this.#run(reading, function* () {
      const rows = yield ['select key from meta'];
      return rows.map(({ key }) => textOf(key)).filter((key) => key.startsWith(prefix)).sort();
    });
  }

  quarantine(): Promise<QuarantinedRecord[]> {
    return this.#run(reading, function* () {
      const rows = yield ['select document, bytes, reason from quarantine order by id'];
      return rows.map(({ document, bytes, reason }) => ({ document: textOf(document), bytes: bytesOf(bytes), reason: String(reason) }));
    });
  }

  /** Waits for what was asked before, so a queued write is never cut off. */
  close(): Promise<void> {
    this.#closing ??= this.#lane.run(async () => this.#connections.drop());
    return this.#closing;
  }

  #use<T>(work: (db: SqliteDatabase) => Promise<T>): Promise<T> { return this.#connections.use('strict', work); }

  async #run<T>(options: typeof strict, work: () => Work<T>): Promise<T> {
    this.#assertOpen();
    return this.#lane.run(() => this.#use((db) => db.transaction(work, options)));
  }

  #assertOpen(): void {
    if (this.#closing) throw new HeadwaterError('closed', 'this storage was closed; open it again');
  }
}

async function prepared(connect: () => Promise<SqliteDatabase>): Promise<SqliteDatabase> {
  const db = await connect();
  try {
    if (await db.transaction(readVersion, reading) !== tablesVersion) await db.transaction(makeTables, strict);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function* readVersion(): Work<number> {
  const [row] = yield ['select user_version as version from pragma_user_version'];
  return Number(row.version);
}

/** Another handle may have made them since we looked. */
function* makeTables(): Work<void> {
  const version = yield* readVersion();
  if (version > tablesVersion) throw new HeadwaterError('storage_failed', 'a newer Headwater has written this database; use that version', { reason: 'version', version });
  if (version === tablesVersion) return;
  for (const sql of tables) yield [sql];
  yield [`pragma user_version = ${tablesVersion}`];
}

// ---- what is read -----------------------------------------------------------------------------------

interface RecordRow extends Sealed { position: number }
interface SnapshotRow extends Sealed { generation: number }

function* readDocument(id: Uint8Array): Work<{ cursor?: SealedCursor; records: RecordRow[]; snapshots: SnapshotRow[] }> {
  const [row] = yield ['select number, epoch, lsn, acked, checksum from documents where id = ?', id];
  if (!row) return { records: [], snapshots: [] };
  const records = yield ['select position, checksum, bytes from records where document = ? order by position', row.number];
  const snapshots = yield ['select generation, checksum, bytes from snapshots where document = ? order by generation desc', row.number];
  return {
    cursor: cursorOf(row),
    records: records.map((each) => ({ position: Number(each.position), ...sealedOf(each) })),
    snapshots: snapshots.map((each) => ({ generation: Number(each.generation), ...sealedOf(each) })),
  };
}

function cursorOf({ epoch, lsn, acked, checksum }: SqlRow): SealedCursor | undefined {
  if (epoch === null) return undefined;
  return { epoch: String(epoch), lsn: Number(lsn), acked: bytesOf(acked), checksum: Number(checksum) };
}

function sealedOf({ bytes, checksum }: SqlRow): Sealed {
  return { bytes: bytesOf(bytes), checksum: Number(checksum) };
}

/** Some libraries read an empty blob as null. */
function bytesOf(value: SqlValue): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}

// ---- what is written --------------------------------------------------------------------------------

/** One transaction for every member. @returns the positions each member got */
function* appendGroup(members: SealedAppend[][]): Work<number[][]> {
  const positions: number[][] = [];
  for (const writes of members) {
    const given: number[] = [];
    for (const write of writes) yield* appendOne(write, given);
    positions.push(given);
  }
  return positions;
}

function* putMeta(key: string, value: Sealed | null): Work<void> {
  if (value) yield ['insert or replace into meta (key, checksum, bytes) values (?, ?, ?)', keyOf(key), value.checksum, value.bytes];
  else yield ['delete from meta where key = ?', keyOf(key)];
}

function* appendOne({ document, records, cursor, meta }: SealedAppend, given: number[]): Work<void> {
  for (const [key, value] of meta) yield* putMeta(key, value);
  const number = yield* numberOf(keyOf(document));
  for (const { checksum, bytes } of records) {
    const [row] = yield ['insert into records (document, checksum, bytes) values (?, ?, ?) returning position', number, checksum, bytes];
    given.push(Number(row.position));
  }
  if (cursor) yield* putCursor(number, cursor);
}

function* numberOf(id: Uint8Array): Work<number> {
  const [row] = yield ['insert into documents (id) values (?) on conflict (id) do update set id = excluded.id returning number', id];
  return Number(row.number);
}

function* putCursor(number: SqlValue, { epoch, lsn, acked, checksum }: SealedCursor): Work<void> {
  yield ['update documents set epoch = ?, lsn = ?, acked = ?, checksum = ? where number = ?', epoch, lsn, acked, checksum, number];
}

/** Moves what is faulty to the quarantine, and takes back the cursor's promise in the same transaction. */
function* setAside(id: Uint8Array, faulty: readonly (RecordRow | SnapshotRow)[]): Work<void> {
  const { cursor } = yield* readDocument(id);
  const back = rewound(openCursor(cursor));
  const [row] = yield ['select number from documents where id = ?', id];
  if (row && back) yield* putCursor(row.number, back);
  for (const each of faulty) {
    const [table, key, at] = 'position' in each ? ['records', 'position', each.position] as const : ['snapshots', 'generation', each.generation] as const;
    const reason = `${table.slice(0, -1)} ${at}: ${faultOf(each)}`;
    yield [`insert into quarantine (document, bytes, reason) select ?, bytes, ? from ${table} where ${key} = ?`, id, reason, at];
    yield [`delete from ${table} where ${key} = ?`, at];
  }
}

interface Added { document: number; generation: number; through: number }

/** Step 1 of a compaction. @returns null when another tab's snapshot reaches further than ours */
function* addSnapshot(id: Uint8Array, { checksum, bytes }: Sealed, through: number): Work<Added | null> {
  const [given] = yield [`select seq from sqlite_sequence where name = 'records'`];
  const reached = Math.min(through, Number(given?.seq ?? 0));
  const document = yield* numberOf(id);
  const [latest] = yield ['select through from snapshots where document = ? order by generation desc limit 1', document];
  if (latest && Number(latest.through) > reached) return null;
  const [row] = yield ['insert into snapshots (document, through, checksum, bytes) values (?, ?, ?, ?) returning generation', document, reached, checksum, bytes];
  return { document, generation: Number(row.generation), through: reached };
}

/** Step 2. True as well when another tab's later snapshot has taken this one's place: step 3 sees to that. */
function* isWhole(generation: number, { checksum }: Sealed): Work<boolean> {
  const [row] = yield ['select checksum, bytes from snapshots where generation = ?', generation];
  return !row || (!faultOf(sealedOf(row)) && row.checksum === checksum);
}

function* dropSnapshot(generation: number): Work<void> {
  yield ['delete from snapshots where generation = ?', generation];
}

/** Step 3: what the snapshot contains, and the generations before it, can go. */
function* dropReplaced({ document, generation, through }: Added, keep: readonly number[]): Work<void> {
  // Set aside or removed between the steps: nothing here is ours to drop any more.
  if ((yield ['select 1 as found from snapshots where generation = ?', generation]).length === 0) return;
  yield ['delete from records where document = ? and position <= ? and position not in (select value from json_each(?))', document, through, JSON.stringify(keep)];
  yield ['delete from snapshots where document = ? and generation < ?', document, generation];
}

function* removeDocument(id: Uint8Array): Work<void> {
  const [row] = yield ['select number from documents where id = ?', id];
  if (!row) return;
  for (const table of ['records', 'snapshots']) yield [`delete from ${table} where document = ?`, row.number];
  yield ['delete from documents where number = ?', row.number];
}

function keyOf(text: string): Uint8Array { return new TextEncoder().encode(text); }
function textOf(key: SqlValue): string { return new TextDecoder().decode(bytesOf(key)); }
