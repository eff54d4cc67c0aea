// A page with storages, driven from outside: what the conformance suite calls in a real browser.

import { FaultyIndexedDB } from '../../testing/indexeddb.js';
import { DexieStorage } from '../dexie.js';
import { sqliteStorage } from '../sqlite-browser.js';
import type { Storage } from '../storage.js';
import { fromText, toText } from './bytes.js';
import type { Order } from './worker.js';

export interface StoragePage {
  open(kind: 'indexeddb' | 'sqlite', path: string): number;
  call(handle: number, method: keyof Storage, args: string): Promise<string>;
  failFrom(path: string, step: number): Promise<void>;
  corrupt(path: string, document: string, position: number | 'snapshot'): Promise<void>;
  /** Another tab of SQLite's is killed within a transaction that overwrites every record. */
  dieWriting(path: string): Promise<void>;
}

const handles: Storage[] = [];
const indexedDBs = new Map<string, FaultyIndexedDB[]>();
const sqlites = new Map<string, SqliteHandle[]>();

/** One tab's SQLite: its worker of the moment, and whether the next one fails too. */
interface SqliteHandle { worker: Worker | null; isFailing: boolean }

(globalThis as unknown as { storages: StoragePage }).storages = {
  open: (kind, path) => handles.push(kind === 'sqlite' ? sqlite(path) : dexie(path)) - 1,

  async call(handle, method, args) {
    try {
      const result = await (handles[handle][method] as (...args: unknown[]) => Promise<unknown>)(...(fromText(args) as unknown[]));
      return toText({ result });
    } catch (error) {
      const { code, message, details } = error as { code?: string; message: string; details?: unknown };
      return toText({ error: { code, message, details } });
    }
  },

  async failFrom(path, step) {
    for (const each of indexedDBs.get(path) ?? []) each.setPlan((current) => (current >= step ? { throws: 'UnknownError' } : null));
    for (const each of (sqlites.get(path) ?? []).filter(({ isFailing }) => !isFailing)) {
      each.isFailing = true;
      if (each.worker) await order(each.worker, { failFrom: step });
    }
  },

  async corrupt(path, document, position) {
    const handle = sqlites.get(path)?.find(({ worker, isFailing }) => worker && !isFailing);
    if (handle) await order(handle.worker!, { corrupt: { document, position } });
    else await corruptRow(path, document, position);
  },

  async dieWriting(path) {
    const worker = new Worker('./worker.js', { type: 'module', name: path });
    await order(worker, { hang: true });
    worker.terminate();
  },
};

function sqlite(path: string): Storage {
  const handle: SqliteHandle = { worker: null, isFailing: false };
  sqlites.set(path, [...(sqlites.get(path) ?? []), handle]);
  const worker = () => (handle.worker = new Worker('./worker.js', { type: 'module', name: path + (handle.isFailing ? '!' : '') }));
  return sqliteStorage(path, { worker, backoffMs: [0, 1] });
}

async function order(worker: Worker, what: Order): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const done = new Promise((resolve) => { port1.onmessage = resolve; });
  worker.postMessage(what, [port2]);
  await done;
  port1.close();
}

function dexie(path: string): Storage {
  const environment = new FaultyIndexedDB(globalThis.indexedDB);
  indexedDBs.set(path, [...(indexedDBs.get(path) ?? []), environment]);
  return new DexieStorage(path, { indexedDB: environment.indexedDB, backoffMs: [0, 1] });
}

async function corruptRow(path: string, document: string, position: number | 'snapshot'): Promise<void> {
  const table = position === 'snapshot' ? 'snapshots' : 'records';
  const db = await settled(indexedDB.open(path));
  const store = db.transaction(table, 'readwrite').objectStore(table);
  const rows = (await settled(store.getAll())).filter((row) => row.document === document);
  const row = position === 'snapshot' ? rows.at(-1) : rows.find((each) => each.position === position);
  row.bytes[0] ^= 1;
  await settled(store.put(row));
  db.close();
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
