// Storage in IndexedDB, through Dexie: the only file that knows either.
//
//   documents   document              next position, cursor
//   records     document, position    one block and its checksum
//   snapshots   document, generation  one snapshot, its checksum, and the position it reaches
//   meta        key                   small values of the device
//   counters    key                   what no remove may set back: the floor of positions, the last generation
//   quarantine  id                    what failed its checksum, kept for a person to look at
//
// A compaction never overwrites: it adds a generation, reads it back in another transaction, and only then
// drops what that replaces. Whatever step is the last one that ran, the newest whole snapshot and the records
// left beside it are the document.

import { Dexie, type Table } from 'dexie';
import { HeadwaterError } from '../core/errors.js';
import { Connections, type ConnectionOptions, type Durability } from './connections.js';
import { Lane } from './lane.js';
import {
  checkDocument, faultOf, openCursor, rewound, seal, sealAppends,
  type Sealed, type SealedAppend, type SealedCursor,
} from './sealed.js';
import type { Append, QuarantinedRecord, Storage, StoredDocument } from './storage.js';

interface DocumentRow { document: string; next: number; cursor?: SealedCursor }
interface RecordRow extends Sealed { document: string; position: number }
interface SnapshotRow extends Sealed { document: string; generation: number; through: number }
interface MetaRow extends Sealed { key: string }
interface CounterRow { key: 'positionFloor' | 'generation'; value: number }
interface QuarantineRow extends QuarantinedRecord { id?: number }

export interface DexieStorageOptions extends ConnectionOptions {
  /** The browser's own unless given. */
  indexedDB?: IDBFactory;
  IDBKeyRange?: typeof IDBKeyRange;
}

/** Whether this environment has IndexedDB at all; it may still refuse to open, as in some private windows. */
export function isIndexedDBAvailable(): boolean {
  try {
    return typeof globalThis.indexedDB?.open === 'function';
  } catch {
    return false; // Reading the property throws in a frame that is denied storage.
  }
}

export class DexieStorage implements Storage {
  readonly kind = 'indexeddb';
  readonly #lane = new Lane<SealedAppend, number[]>((members, strict) => this.#commit(members, strict));
  readonly #connections: Connections<Database>;
  #closing: Promise<void> | null = null;

  /** Opens nothing yet: the first call does, and failures reach its caller. */
  constructor(readonly name: string, options: DexieStorageOptions = {}) {
    const drop = () => this.#connections.drop();
    this.#connections = new Connections((durability) => connect(name, durability, options, drop), options);
  }

  documents(): Promise<string[]> {
    return this.#run('relaxed', async (db) => (await db.documents.toCollection().primaryKeys()).sort());
  }

  async load(document: string): Promise<StoredDocument> {
    checkDocument(document);
    return this.#run('relaxed', async (db) => {
      const stored = await readDocument(db, document);
      const faulty = [...stored.faultyRecords, ...stored.faultySnapshots];
      // Failing to set aside is no reason to withhold what is whole: the next load tries again.
      if (faulty.length > 0) await setAside(db, document, stored).catch(() => undefined);
      const cursor = openCursor(stored.row?.cursor);
      return {
        snapshot: stored.snapshot?.bytes ?? null,
        records: stored.records.map(({ position, bytes }) => ({ position, bytes })),
        cursor: faulty.length > 0 ? openCursor(rewound(cursor)) : cursor,
        quarantined: faulty.length,
      };
    });
  }

  async append(writes: Append[], options: { strict?: boolean } = {}): Promise<number[]> {
    this.#assertOpen();
    return this.#lane.append(sealAppends(writes), options.strict === true);
  }

  async compact(document: string, snapshot: Uint8Array, through: number, keep: readonly number[] = []): Promise<void> {
    checkDocument(document);
    const sealed = seal(snapshot);
    const kept = new Set(keep);
    const row = await this.#run('strict', (db) => addSnapshot(db, document, sealed, through));
    if (!row) return;
    if (await this.#run('relaxed', (db) => verifySnapshot(db, row))) {
      await this.#run('relaxed', (db) => dropReplaced(db, row, kept));
    }
  }

  async remove(document: string): Promise<void> {
    checkDocument(document);
    return this.#run('strict', (db) => removeDocument(db, document));
  }

  async readMeta(key: string): Promise<Uint8Array | undefined> {
    const row = await this.#run('relaxed', (db) => db.meta.get(key));
    return row && !faultOf(row) ? row.bytes : undefined;
  }

  async writeMeta(key: string, value: Uint8Array | null): Promise<void> {
    const sealed = value && seal(value);
    await this.#run('strict', (db) => putMeta(db, key, sealed));
  }

  metaKeys(prefix: string): Promise<string[]> {
    return this.#run('relaxed', async (db) => {
      const keys = await db.meta.toCollection().primaryKeys();
      return keys.filter((key) => key.startsWith(prefix)).sort();
    });
  }

  quarantine(): Promise<QuarantinedRecord[]> {
    return this.#run('relaxed', async (db) => {
      const rows = await db.quarantine.toArray();
      return rows.map(({ document, bytes, reason }) => ({ document, bytes, reason }));
    });
  }

  /** Waits for what was asked before, so a queued write is never cut off. */
  close(): Promise<void> {
    this.#closing ??= this.#lane.run(async () => this.#connections.drop());
    return this.#closing;
  }

  #commit(members: SealedAppend[][], strict: boolean): Promise<number[][]> {
    return this.#connections.use(strict ? 'strict' : 'relaxed', (db) => appendGroup(db, members));
  }

  async #run<T>(durability: Durability, work: (db: Database) => PromiseLike<T>): Promise<T> {
    this.#assertOpen();
    return this.#lane.run(() => this.#connections.use(durability, work));
  }

  #assertOpen(): void {
    if (this.#closing) throw new HeadwaterError('closed', 'this storage was closed; open it again');
  }
}

async function connect(name: string, durability: Durability, options: DexieStorageOptions, drop: () => void): Promise<Database> {
  const db = new Database(name, durability, options);
  // Both handlers return false to take the place of Dexie's own, which write to the console.
  // Another tab upgrades or deletes the database: let go at once, reopen at the next call.
  db.on('versionchange', () => (drop(), db.close(), false));
  db.on('blocked', () => false);
  try {
    await db.open();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

class Database extends Dexie {
  declare readonly documents: Table<DocumentRow, string>;
  declare readonly records: Table<RecordRow, [string, number]>;
  declare readonly snapshots: Table<SnapshotRow, [string, number]>;
  declare readonly meta: Table<MetaRow, string>;
  declare readonly counters: Table<CounterRow, string>;
  declare readonly quarantine: Table<QuarantineRow, number>;

  constructor(name: string, durability: Durability, options: DexieStorageOptions) {
    const { indexedDB = globalThis.indexedDB, IDBKeyRange = globalThis.IDBKeyRange } = options;
    super(name, { indexedDB, IDBKeyRange, chromeTransactionDurability: durability, cache: 'disabled', autoOpen: false });
    this.version(1).stores({
      documents: 'document',
      records: '[document+position]',
      snapshots: '[document+generation]',
      meta: 'key',
      counters: 'key',
      quarantine: '++id',
    });
  }

  /** All of `work` or none of it. A browser that aborts a transaction gives the reason only on the transaction. */
  async atomic<T>(mode: 'r' | 'rw', tables: string[], work: () => Promise<T>): Promise<T> {
    let transaction: IDBTransaction | undefined;
    try {
      return await this.transaction(mode, tables, async ({ idbtrans }) => {
        transaction = idbtrans;
        return work();
      });
    } catch (error) {
      throw transaction?.error ?? error;
    }
  }

  recordsOf(document: string, from: number | typeof Dexie.minKey = Dexie.minKey, to: number | typeof Dexie.maxKey = Dexie.maxKey) {
    return this.records.where('[document+position]').between([document, from], [document, to], true, true);
  }

  snapshotsOf(document: string) {
    return this.snapshots.where('[document+generation]').between([document, Dexie.minKey], [document, Dexie.maxKey]);
  }
}

/** One transaction for every member. @returns the positions each member got */
function appendGroup(db: Database, members: SealedAppend[][]): Promise<number[][]> {
  const meta = members.flat().flatMap((write) => write.meta);
  return db.atomic('rw', ['documents', 'records', 'counters', ...(meta.length > 0 ? ['meta'] : [])], async () => {
    for (const [key, value] of meta) await putMeta(db, key, value);
    const rows = await documentRows(db, members.flat().map((write) => write.document));
    const added: RecordRow[] = [];
    const place = ({ document, records, cursor }: SealedAppend): number[] => {
      const row = rows.get(document)!;
      if (cursor) row.cursor = cursor;
      return records.map((sealed) => {
        added.push({ document, position: row.next, ...sealed });
        return row.next++;
      });
    };
    const positions = members.map((writes) => writes.flatMap(place));
    // `add`, not `put`: a position that is taken already is a fault, never an overwrite.
    if (added.length > 0) await db.records.bulkAdd(added);
    await db.documents.bulkPut([...rows.values()]);
    return positions;
  });
}

async function putMeta(db: Database, key: string, value: Sealed | null): Promise<void> {
  if (value) await db.meta.put({ key, ...value });
  else await db.meta.delete(key);
}

async function documentRows(db: Database, documents: string[]): Promise<Map<string, DocumentRow>> {
  const ids = [...new Set(documents)];
  const rows = await db.documents.bulkGet(ids);
  const floor = rows.includes(undefined) ? await counter(db, 'positionFloor', 1) : 0;
  return new Map(ids.map((document, i) => [document, rows[i] ?? { document, next: floor }]));
}

async function counter(db: Database, key: CounterRow['key'], initial: number): Promise<number> {
  return (await db.counters.get(key))?.value ?? initial;
}

interface ReadDocument {
  row?: DocumentRow;
  snapshot?: SnapshotRow;
  records: RecordRow[];
  faultySnapshots: SnapshotRow[];
  faultyRecords: RecordRow[];
}

/** In one transaction, so that a compaction by another tab is seen wholly or not at all. */
function readDocument(db: Database, document: string): Promise<ReadDocument> {
  return db.atomic('r', ['documents', 'records', 'snapshots'], async () => {
    const row = await db.documents.get(document);
    const records = await db.recordsOf(document).toArray();
    const snapshots = await db.snapshotsOf(document).reverse().toArray();
    const snapshot = snapshots.find((candidate) => !faultOf(candidate));
    const faultySnapshots = snapshots.filter(faultOf);
    const faultyRecords = records.filter(faultOf);
    return { row, snapshot, records: records.filter((record) => !faultOf(record)), faultySnapshots, faultyRecords };
  });
}

/** Moves what is faulty to the quarantine, and takes back the cursor's promise in the same transaction. */
function setAside(db: Database, document: string, { faultyRecords, faultySnapshots }: ReadDocument): Promise<void> {
  return db.atomic('rw', ['documents', 'records', 'snapshots', 'quarantine'], async () => {
    const row = await db.documents.get(document);
    if (row) await db.documents.put({ ...row, cursor: rewound(openCursor(row.cursor)) });
    for (const record of faultyRecords) await moveAside(db, db.records, [document, record.position], 'record');
    for (const snapshot of faultySnapshots) await moveAside(db, db.snapshots, [document, snapshot.generation], 'snapshot');
  });
}

type Numbered = RecordRow | SnapshotRow;

async function moveAside<R extends Numbered>(db: Database, table: Table<R, [string, number]>, key: [string, number], what: string) {
  const row = await table.get(key);
  if (!row) return; // Another tab was first.
  const bytes = row.bytes instanceof Uint8Array ? row.bytes : new Uint8Array();
  await db.quarantine.add({ document: key[0], bytes, reason: `${what} ${key[1]}: ${faultOf(row)}` });
  await table.delete(key);
}

/** Step 1 of a compaction. @returns null when another tab's snapshot reaches further than ours */
function addSnapshot(db: Database, document: string, sealed: Sealed, through: number): Promise<SnapshotRow | null> {
  return db.atomic('rw', ['documents', 'snapshots', 'counters'], async () => {
    const stored = (await documentRows(db, [document])).get(document)!;
    const latest = await db.snapshotsOf(document).last();
    const reached = Math.min(through, stored.next - 1);
    if (latest && latest.through > reached) return null;
    const generation = await counter(db, 'generation', 0) + 1;
    const row = { document, generation, through: reached, ...sealed };
    await db.counters.put({ key: 'generation', value: generation });
    await db.documents.put(stored);
    await db.snapshots.add(row);
    return row;
  });
}

/** Step 2. @returns false when another tab's later snapshot has taken this one's place meanwhile */
async function verifySnapshot(db: Database, { document, generation, checksum }: SnapshotRow): Promise<boolean> {
  const row = await db.snapshots.get([document, generation]);
  if (!row) return false;
  if (!faultOf(row) && row.checksum === checksum) return true;
  await db.snapshots.delete([document, generation]);
  throw new HeadwaterError('storage_failed', 'the new snapshot read back differently; the old one stays', { document });
}

/** Step 3: what the snapshot contains, and the generations before it, can go. */
function dropReplaced(db: Database, row: SnapshotRow, kept: ReadonlySet<number>): Promise<void> {
  const { document, generation, through } = row;
  return db.atomic('rw', ['records', 'snapshots'], async () => {
    // Set aside or removed between the steps: nothing here is ours to drop any more.
    if (!(await db.snapshots.get([document, generation]))) return;
    for (const [from, to] of gaps(kept, through)) await db.recordsOf(document, from, to).delete();
    const generations = await db.snapshotsOf(document).primaryKeys();
    await db.snapshots.bulkDelete(generations.filter(([, other]) => other < generation));
  });
}

/** The ranges of positions up to `through` without what is kept. A range is one request, however much it holds. */
function gaps(kept: ReadonlySet<number>, through: number): [from: number, to: number][] {
  const inside = [...kept].filter((position) => position <= through).sort((a, b) => a - b);
  const bounds = [0, ...inside, through + 1];
  return bounds.slice(1).map((bound, i): [number, number] => [bounds[i] + 1, bound - 1]).filter(([from, to]) => from <= to);
}

function removeDocument(db: Database, document: string): Promise<void> {
  return db.atomic('rw', ['documents', 'records', 'snapshots', 'counters'], async () => {
    const row = await db.documents.get(document);
    if (!row) return;
    const floor = Math.max(await counter(db, 'positionFloor', 1), row.next);
    await db.counters.put({ key: 'positionFloor', value: floor });
    await db.documents.delete(document);
    await db.recordsOf(document).delete();
    await db.snapshotsOf(document).delete();
  });
}
