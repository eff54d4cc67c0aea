import { afterAll, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDriver } from '../driver/sqlite.js';
import { FaultySqlite } from '../testing/sqlite.js';
import { storageConformance } from './conformance.js';
import { openFile, sqliteStorage } from './sqlite-file.js';
import { SqliteStorage } from './sqlite.js';

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'headwater-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const backoffMs = [0, 1];
let files = 0;

function newPath(): string { return join(folder, `${++files}`, 'data.db'); }

storageConformance('SqliteStorage', async () => {
  const path = newPath();
  const faults: FaultySqlite[] = [];
  const open = () => {
    const faulty = new FaultySqlite(() => openFile(path));
    faults.push(faulty);
    return new SqliteStorage(faulty.connect, { backoffMs });
  };
  return {
    storage: open(),
    reopen: async () => open(),
    corrupt: (document, position) => corrupt(path, document, position),
    failFrom: (step) => faults.forEach((faulty) => faulty.setPlan((current) => (current >= step ? 'UnknownError' : null))),
  };
});

describe('SqliteStorage in a file', () => {
  function setup() {
    const path = newPath();
    const faulty = new FaultySqlite(() => openFile(path));
    return { path, faulty, storage: new SqliteStorage(faulty.connect, { backoffMs }) };
  }

  it('survives a connection that dies at any one statement', async () => {
    for (let step = 1, steps = 1; step <= steps; step++) {
      const { faulty, storage } = setup();
      await storage.documents();
      faulty.setPlan((current) => (current === step ? 'UnknownError' : null));
      await useEverything(storage);
      steps = faulty.steps;
      expect(steps).toBeGreaterThan(30);
      await storage.close();
    }
  });

  it('reports a full disk as quota, at once, with nothing half-written, and takes it again when there is room', async () => {
    const { faulty, storage } = setup();
    await storage.documents();
    faulty.setPlan((step) => (step >= 3 ? 'QuotaExceededError' : null));
    const write = () => storage.append([{ document: 'a', records: [bytes(1), bytes(2)] }, { document: 'b', records: [bytes(3)] }]);
    await expect(write()).rejects.toMatchObject({ code: 'storage_failed', details: { reason: 'quota' } });
    expect(faulty.steps).toBe(3);
    faulty.setPlan(() => null);
    expect(await storage.documents()).toEqual([]);
    await write();
    expect(await storage.documents()).toEqual(['a', 'b']);
    await storage.close();
  });

  it('knows SQLite\'s own full disk', async () => {
    const path = newPath();
    const db = await openFile(path);
    await db.transaction(function* () { yield ['pragma max_page_count = 40']; }, { writes: false, strict: false });
    const storage = new SqliteStorage(async () => db, { backoffMs });
    const large = { document: 'd', records: [new Uint8Array(1 << 20)] };
    await expect(storage.append([large])).rejects.toMatchObject({ code: 'storage_failed', details: { reason: 'quota' } });
    await storage.append([{ document: 'd', records: [bytes(1)] }]);
    expect((await storage.load('d')).records).toHaveLength(1);
    await storage.close();
  });

  it('writes to the file of that name, also after somebody has deleted it', async () => {
    const { path, storage } = setup();
    await storage.append([{ document: 'd', records: [bytes(1)] }]);
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    await storage.append([{ document: 'e', records: [bytes(2)] }]);
    expect(await storage.documents()).toEqual(['e']);
    const other = sqliteStorage(path);
    expect(await other.documents()).toEqual(['e']);
    await Promise.all([storage.close(), other.close()]);
  });

  it('deletes nothing that it cannot open', async () => {
    const path = newPath();
    const storage = sqliteStorage(path, { backoffMs });
    await storage.append([{ document: 'd', records: [bytes(1)] }]);
    await storage.close();
    const parts = ['', '-wal'].filter((suffix) => existsSync(path + suffix));
    for (const suffix of parts) renameSync(path + suffix, `${path}.whole${suffix}`);
    writeFileSync(path, 'x'.repeat(8192));
    const broken = sqliteStorage(path, { backoffMs });
    await expect(broken.load('d')).rejects.toMatchObject({ code: 'storage_failed' });
    await expect(broken.append([{ document: 'd', records: [bytes(2)] }])).rejects.toMatchObject({ code: 'storage_failed' });
    for (const suffix of parts) renameSync(`${path}.whole${suffix}`, path + suffix);
    expect((await broken.load('d')).records).toHaveLength(1);
    await broken.close();
  });

  it('leaves the tables of a newer version alone', async () => {
    const path = newPath();
    await sqliteStorage(path).documents();
    const driver = await openDriver(path, { readOnly: false });
    driver.exec('pragma user_version = 999');
    driver.close();
    const storage = sqliteStorage(path, { backoffMs });
    await expect(storage.documents()).rejects.toMatchObject({ code: 'storage_failed', details: { reason: 'version' } });
    await storage.close();
  });

  it('commits appends that arrive together in one transaction, strictly if one of them asks', async () => {
    const { faulty, storage } = setup();
    await storage.documents();
    faulty.transactions.length = 0;
    await Promise.all(Array.from({ length: 30 }, (_, i) => storage.append([{ document: 'd', records: [bytes(i)] }])));
    expect(faulty.transactions.splice(0)).toEqual([{ writes: true, strict: false }]);
    await Promise.all([false, true].map((strict) => storage.append([{ document: 'd', records: [bytes(1)] }], { strict })));
    await storage.writeMeta('k', bytes(1));
    expect(faulty.transactions).toEqual([{ writes: true, strict: true }, { writes: true, strict: true }]);
    await storage.close();
  });
});

async function useEverything(storage: SqliteStorage): Promise<void> {
  const positions = await storage.append([{ document: 'd', records: [bytes(1), bytes(2)] }]);
  await storage.append([{ document: 'd', records: [bytes(3)] }], { strict: true });
  await storage.compact('d', bytes(1, 2), positions[1]);
  await storage.writeMeta('k', bytes(7));
  expect(await storage.readMeta('k')).toEqual(bytes(7));
  const stored = await storage.load('d');
  expect(stored.snapshot).toEqual(bytes(1, 2));
  // An append whose answer was lost is made twice.
  expect([...new Set(stored.records.map((record) => record.bytes[0]))]).toEqual([3]);
  await storage.remove('d');
  expect(await storage.documents()).toEqual([]);
  expect(await storage.quarantine()).toEqual([]);
}

/** Changes a byte of a row with nothing of ours in between. */
async function corrupt(path: string, document: string, position: number | 'snapshot'): Promise<void> {
  const driver = await openDriver(path, { readOnly: false });
  const table = position === 'snapshot' ? 'snapshots' : 'records';
  const which = position === 'snapshot' ? 'order by generation desc' : `and position = ${position}`;
  const row = driver.prepare(`select rowid as at, bytes from ${table} where document = (select number from documents where id = ?) ${which} limit 1`)
    .get(new TextEncoder().encode(document))!;
  const changed = (row.bytes as Uint8Array).slice();
  changed[0] ^= 1;
  driver.prepare(`update ${table} set bytes = ? where rowid = ?`).run(changed, row.at);
  driver.close();
}

function bytes(...values: number[]): Uint8Array { return Uint8Array.from(values); }
