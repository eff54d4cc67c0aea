import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { FaultyIndexedDB, type IndexedDBFault } from '../testing/indexeddb.js';
import { storageConformance } from './conformance.js';
import { DexieStorage, isIndexedDBAvailable } from './dexie.js';

const backoffMs = [0, 1];

// Dexie says on the console when it reopens a database; here it does so hundreds of times.
beforeAll(() => void jest.spyOn(console, 'warn').mockImplementation(() => {}));

storageConformance('DexieStorage', async () => {
  const first = new FaultyIndexedDB();
  const environments = [first];
  const open = (environment: FaultyIndexedDB) => new DexieStorage('db', { ...environment, backoffMs });
  return {
    storage: open(first),
    reopen: async () => {
      const environment = first.sibling();
      environments.push(environment);
      return open(environment);
    },
    corrupt: (document, position) => corrupt(first.sibling().indexedDB, document, position),
    failFrom: (step) => environments.forEach((environment) => {
      environment.setPlan((current) => (current >= step ? { throws: 'UnknownError' } : null));
    }),
  };
});

describe('DexieStorage', () => {
  function setup() {
    const environment = new FaultyIndexedDB();
    return { environment, storage: new DexieStorage('db', { ...environment, backoffMs }) };
  }

  const passing: IndexedDBFault[] = [
    { throws: 'InvalidStateError' }, { throws: 'UnknownError' }, { aborts: 'UnknownError' }, { closes: true },
  ];

  it.each(passing)('survives %j at any one step', async (fault) => {
    for (let step = 1, steps = 1; step <= steps; step++) {
      const { environment, storage } = setup();
      await storage.documents();
      environment.setPlan((current) => (current === step ? fault : null));
      await useEverything(storage);
      steps = environment.stepCount;
      expect(steps).toBeGreaterThan(8);
      await storage.close();
    }
  });

  it('gives up on a connection that stays dead, and works again when it is back', async () => {
    const { environment, storage } = setup();
    environment.setPlan(() => ({ throws: 'InvalidStateError' }));
    await expect(storage.load('d')).rejects.toMatchObject({ code: 'storage_failed', details: { reason: 'connection' } });
    environment.setPlan(() => null);
    expect((await storage.load('d')).records).toEqual([]);
    await storage.close();
  });

  it('reports a full disk as quota, at once, with nothing half-written', async () => {
    const { environment, storage } = setup();
    environment.setPlan(() => ({ aborts: 'QuotaExceededError' }));
    const write = storage.append([{ document: 'a', records: [bytes(1), bytes(2)] }, { document: 'b', records: [bytes(3)] }]);
    await expect(write).rejects.toMatchObject({ code: 'storage_failed', details: { reason: 'quota' } });
    expect(environment.stepCount).toBe(1);
    environment.setPlan(() => null);
    expect(await storage.documents()).toEqual([]);
    await storage.close();
  });

  it('still gives what is whole when the quarantine cannot be written', async () => {
    const { environment, storage } = setup();
    const positions = await storage.append([{ document: 'd', records: [bytes(1), bytes(2)] }]);
    await corrupt(environment.indexedDB, 'd', positions[0]);
    environment.setPlan(() => ({ aborts: 'QuotaExceededError' }));
    expect(await storage.load('d')).toMatchObject({ quarantined: 1, records: [{ bytes: bytes(2) }] });
    environment.setPlan(() => null);
    expect(await storage.quarantine()).toEqual([]);
    expect(await storage.load('d')).toMatchObject({ quarantined: 1, records: [{ bytes: bytes(2) }] });
    expect(await storage.quarantine()).toHaveLength(1);
    await storage.close();
  });

  /** Lets something happen to the database between two steps of a compaction: the step fails once and is rerun. */
  async function compactWith(step: number, between: (indexedDB: IDBFactory) => Promise<unknown>) {
    const environment = new FaultyIndexedDB();
    const storage = new DexieStorage('db', { ...environment, backoffMs: [40] });
    const positions = await storage.append([{ document: 'd', records: [bytes(1), bytes(2)] }]);
    environment.setPlan((current) => (current === step ? { throws: 'UnknownError' } : null));
    const compaction = storage.compact('d', bytes(1, 2), positions[1]).then(() => 'done', (error) => error.code);
    while (environment.stepCount < step) await new Promise((resolve) => setTimeout(resolve, 1));
    await between(environment.sibling().indexedDB);
    return { environment, storage, outcome: await compaction };
  }

  it('does not let go of records for a snapshot that reads back differently', async () => {
    const { storage, outcome } = await compactWith(2, (indexedDB) => corrupt(indexedDB, 'd', 'snapshot'));
    expect(outcome).toBe('storage_failed');
    expect(await storage.load('d')).toMatchObject({ snapshot: null, records: [{ bytes: bytes(1) }, { bytes: bytes(2) }], quarantined: 0 });
    await storage.close();
  });

  it('does not let go of records for a snapshot that another tab has set aside', async () => {
    const { storage } = await compactWith(3, async (indexedDB) => {
      await corrupt(indexedDB, 'd', 'snapshot');
      const other = new DexieStorage('db', { ...new FaultyIndexedDB(), indexedDB });
      expect((await other.load('d')).quarantined).toBe(1);
      await other.close();
    });
    expect((await storage.load('d')).records).toHaveLength(2);
    await storage.close();
  });

  it('leaves one snapshot behind, also after a compaction that was cut off', async () => {
    const { environment, storage } = setup();
    const [position] = await storage.append([{ document: 'd', records: [bytes(1)] }]);
    environment.setPlan((step) => (step >= 3 ? { throws: 'UnknownError' } : null));
    await expect(storage.compact('d', bytes(1), position)).rejects.toMatchObject({ code: 'storage_failed' });
    environment.setPlan(() => null);
    await storage.compact('d', bytes(1), position);
    expect(await rowsOf(environment.indexedDB, 'snapshots')).toHaveLength(1);
    await storage.close();
  });

  it('leaves no connection open, whatever was waiting when it was closed', async () => {
    const { environment, storage } = setup();
    void storage.append([{ document: 'd', records: [bytes(1)] }]);
    void storage.append([{ document: 'd', records: [bytes(1)] }], { strict: true });
    void storage.remove('e');
    await storage.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(environment.openCount).toBe(0);
  });

  it('tries to open again after an open was refused', async () => {
    const { environment, storage } = setup();
    const open = environment.indexedDB.open;
    environment.indexedDB.open = () => {
      throw new DOMException('', 'SecurityError');
    };
    await expect(storage.documents()).rejects.toMatchObject({ details: { reason: 'other' } });
    environment.indexedDB.open = open;
    expect(await storage.documents()).toEqual([]);
    await storage.close();
  });

  it('commits appends that arrive together in one transaction, strictly if one of them asks', async () => {
    const { environment, storage } = setup();
    await storage.documents();
    environment.setPlan(() => null);
    const calls = Array.from({ length: 30 }, (_, i) => storage.append([{ document: 'd', records: [bytes(i)] }]));
    await Promise.all(calls);
    expect(environment.durabilities.splice(0)).toEqual(['relaxed']);
    const relaxed = storage.append([{ document: 'd', records: [bytes(1)] }]);
    await Promise.all([relaxed, storage.append([{ document: 'd', records: [bytes(2)] }], { strict: true })]);
    await storage.writeMeta('k', bytes(1));
    expect(environment.durabilities).toEqual(['strict', 'strict']);
    await storage.close();
  });

  it('makes whatever arrives during a commit the next group', async () => {
    const { environment, storage } = setup();
    const first = storage.append([{ document: 'd', records: [bytes(0)] }]);
    await Promise.resolve();
    await Promise.resolve();
    const rest = Array.from({ length: 20 }, (_, i) => storage.append([{ document: 'd', records: [bytes(i)] }]));
    await Promise.all([first, ...rest]);
    expect(environment.durabilities).toHaveLength(2);
    await storage.close();
  });

  it('stands in the way of no upgrade or delete by another tab', async () => {
    const { environment, storage } = setup();
    await storage.append([{ document: 'd', records: [bytes(1)] }]);
    await storage.writeMeta('k', bytes(1));
    const upgraded = await settled(environment.sibling().indexedDB.open('db', 20));
    expect(await storage.load('d')).toMatchObject({ records: [{ bytes: bytes(1) }] });
    upgraded.close();
    await settled(environment.sibling().indexedDB.deleteDatabase('db'));
    expect(await storage.documents()).toEqual([]);
    await storage.append([{ document: 'd', records: [bytes(2)] }]);
    expect(await storage.documents()).toEqual(['d']);
    await storage.close();
  });

  it('does not wait for ever for a database that does not open, nor for long again', async () => {
    const stuck = { open: () => ({ addEventListener() {} }) } as unknown as IDBFactory;
    const storage = new DexieStorage('db', { ...new FaultyIndexedDB(), indexedDB: stuck, openTimeoutMs: 30 });
    const started = performance.now();
    const loads = Array.from({ length: 200 }, () => storage.load('d'));
    for (const load of loads) await expect(load).rejects.toMatchObject({ code: 'storage_failed', details: { reason: 'timeout' } });
    expect(performance.now() - started).toBeLessThan(200 * 30);
    await storage.close();
  });

  it('opens nothing in its constructor, and says so when there is no IndexedDB', async () => {
    expect(isIndexedDBAvailable()).toBe(false);
    const storage = new DexieStorage('db');
    await expect(storage.load('d')).rejects.toMatchObject({ code: 'storage_failed' });
    await storage.close();
  });
});

async function useEverything(storage: DexieStorage): Promise<void> {
  const positions = await storage.append([{ document: 'd', records: [bytes(1), bytes(2)] }]);
  await storage.append([{ document: 'd', records: [bytes(3)] }], { strict: true });
  await storage.compact('d', bytes(1, 2), positions[1]);
  await storage.writeMeta('k', bytes(7));
  expect(await storage.readMeta('k')).toEqual(bytes(7));
  const stored = await storage.load('d');
  expect(stored.snapshot).toEqual(bytes(1, 2));
  expect([...new Set(stored.records.map((record) => record.bytes[0]))]).toEqual([3]);
  await storage.remove('d');
  expect(await storage.documents()).toEqual([]);
  expect(await storage.quarantine()).toEqual([]);
}

/** Changes a byte of a row with nothing of ours in between. */
async function corrupt(indexedDB: IDBFactory, document: string, position: number | 'snapshot'): Promise<void> {
  const table = position === 'snapshot' ? 'snapshots' : 'records';
  const rows = (await rowsOf(indexedDB, table)).filter((row) => row.document === document);
  const row = position === 'snapshot' ? rows.at(-1) : rows.find((candidate) => candidate.position === position);
  row.bytes[0] ^= 1;
  const db = await settled(indexedDB.open('db'));
  await settled(db.transaction(table, 'readwrite').objectStore(table).put(row));
  db.close();
}

async function rowsOf(indexedDB: IDBFactory, table: string): Promise<any[]> {
  const db = await settled(indexedDB.open('db'));
  const rows = await settled(db.transaction(table).objectStore(table).getAll());
  db.close();
  return rows;
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}
