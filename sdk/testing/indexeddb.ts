// An IndexedDB that fails when a test says so, around fake-indexeddb, which never fails by itself.
//
// Every transaction a storage starts is one step. The plan is asked before each, and may let the connection
// be dead, or let the transaction take its writes and then abort, as a full disk does.

import { IDBFactory as FakeFactory, IDBKeyRange as FakeKeyRange, forceCloseDatabase } from 'fake-indexeddb';

export type IndexedDBFault =
  | { throws: 'InvalidStateError' | 'UnknownError' }
  | { aborts: 'QuotaExceededError' | 'UnknownError' | 'DataError' }
  | { closes: true };

/** @param step  1 for the first transaction since the plan was set */
export type FaultPlan = (step: number) => IndexedDBFault | null;

export class FaultyIndexedDB {
  readonly indexedDB: IDBFactory;
  readonly IDBKeyRange = FakeKeyRange as unknown as typeof IDBKeyRange;
  /** Durability of every read-write transaction so far, in order. */
  readonly durabilities: string[] = [];
  /** Connections that were opened and not closed. */
  openCount = 0;
  private plan: FaultPlan = () => null;
  private steps = 0;

  constructor(private readonly disk: IDBFactory = new FakeFactory() as unknown as IDBFactory) {
    this.indexedDB = {
      open: (name: string, version?: number) => this.watch(this.disk.open(name, version)),
      // Where this is missing Dexie keeps a database of names, with transactions of its own.
      databases: () => this.disk.databases(),
      deleteDatabase: (name: string) => this.disk.deleteDatabase(name),
    } as IDBFactory;
  }

  /** Another process on the same disk, with a plan of its own. */
  sibling(): FaultyIndexedDB {
    return new FaultyIndexedDB(this.disk);
  }

  setPlan(plan: FaultPlan): void {
    this.plan = plan;
    this.steps = 0;
  }

  get stepCount(): number {
    return this.steps;
  }

  private watch(request: IDBOpenDBRequest): IDBOpenDBRequest {
    // Added before the library's own handler, so the database is wrapped before anything uses it.
    request.addEventListener('success', () => this.wrap(request.result));
    return request;
  }

  private wrap(db: IDBDatabase): void {
    this.openCount++;
    const close = db.close.bind(db);
    db.close = () => {
      this.openCount--;
      close();
    };
    const begin = db.transaction.bind(db);
    db.transaction = (stores, mode, options) => {
      // Dexie looks at all tables once while it opens, and takes no error from that for an answer.
      const opening = mode === 'readonly' && [...stores].length === db.objectStoreNames.length;
      const fault = opening ? null : this.plan(++this.steps);
      if (fault && 'closes' in fault) forceCloseDatabase(db as never);
      if (fault && 'throws' in fault) throw new DOMException('injected', fault.throws);
      const transaction = begin(stores, mode, options);
      if (mode === 'readwrite') this.durabilities.push(transaction.durability);
      if (fault && 'aborts' in fault) abortAfterFirstWrite(transaction, fault.aborts);
      return transaction;
    };
  }
}

function abortAfterFirstWrite(transaction: IDBTransaction, name: string): void {
  const objectStore = transaction.objectStore.bind(transaction);
  const abort = () => (transaction as unknown as { _abort(name: string): void })._abort(name);
  transaction.objectStore = (storeName) => {
    const store = objectStore(storeName);
    for (const method of ['add', 'put', 'delete'] as const) {
      const write = store[method].bind(store) as (...args: unknown[]) => IDBRequest;
      store[method] = (...args: unknown[]) => {
        const request = write(...args);
        request.addEventListener('success', abort, { once: true });
        return request as never;
      };
    }
    return store;
  };
}
