// The client: documents, the device's storage, the line to the server, and what an app wants to know of them.

import { HeadwaterError } from '../core/errors.js';
import { isReplicaId, newReplicaId, type ReplicaId } from '../core/replica.js';
import type { JsonValue } from '../core/values.js';
import { isDocumentId } from '../wire/limits.js';
import { DexieStorage, isIndexedDBAvailable } from '../storage/dexie.js';
import { MemoryStorage } from '../storage/memory.js';
import { addReplica, claimReplica, listReplicas, type ReplicaClaim } from '../storage/replicas.js';
import { ResilientStorage } from '../storage/resilient.js';
import type { Cursor, Storage } from '../storage/storage.js';
import { Connection, systemPorts, type ConnectionStatus, type OwnBatch } from '../sync/connection.js';
import type { Transport } from '../sync/transport.js';
import { webSocketTransport, type WebSocketClass } from '../sync/websocket.js';
import type { Counter } from './counter.js';
import { Document, type Fields } from './document.js';
import { Listeners } from './observable.js';
import { Presence } from './presence.js';
import type { Refused } from './rejected.js';
import { Replication, type ReplicationHost } from './replication.js';
import type { DocumentSet } from './set.js';
import type { Text } from './text.js';

export interface OpenOptions {
  /** Names the store on this device; clients of one name share it. */
  name?: string;
  /** ws:// or wss:// address, or a transport. Without one the client is local. */
  server?: string | Transport;
  token?: string | (() => string | undefined);
  /** 'indexeddb' where there is one, else 'memory'; or a storage of your own. */
  storage?: 'indexeddb' | 'memory' | Storage;
  /** Needed where there is no global WebSocket, as in Node 20. */
  WebSocket?: WebSocketClass;
  /** False starts offline; connect() goes online. */
  connect?: boolean;
}

export interface Status {
  connection: 'offline' | 'connecting' | 'catching-up' | 'live';
  /** Own ops the server has not acked. */
  pending: number;
  storage: 'ok' | 'degraded';
  error?: HeadwaterError;
  progress?: { bytes: number; total: number };
}

/**
 * Opens a client. Resolves when its storage answers; the server may take its time.
 *
 * @throws HeadwaterError `invalid_argument`
 */
export async function open(options: OpenOptions = {}): Promise<Client> {
  const name = options.name ?? 'headwater';
  let report: (error?: HeadwaterError) => void = () => {};
  const storage = new ResilientStorage(storageFor(options.storage, name), { onStatus: ({ error }) => report(error) });
  const known = await listReplicas(storage).catch(() => []);
  const claim = await claimReplica(storage, name).catch(() => temporaryClaim());
  const client = new Client(storage, claim, known, options);
  report = () => client.storageChanged();
  await client.resume();
  return client;
}

function storageFor(choice: OpenOptions['storage'], name: string): Storage {
  if (typeof choice === 'object') return choice;
  if (choice !== undefined && choice !== 'indexeddb' && choice !== 'memory') {
    throw new HeadwaterError('invalid_argument', `storage is "indexeddb", "memory" or a Storage, not ${String(choice)}`);
  }
  if (choice === 'indexeddb' && !isIndexedDBAvailable()) {
    throw new HeadwaterError('invalid_argument', 'there is no IndexedDB here; leave storage out, or use "memory"');
  }
  return choice === 'memory' || !isIndexedDBAvailable() ? new MemoryStorage() : new DexieStorage(`headwater/${name}`);
}

/** Storage is away: this session writes under an id of its own, and stores it when it can. */
function temporaryClaim(): ReplicaClaim {
  const replica = newReplicaId();
  return { replica, devices: [replica], release() {} };
}

interface Opened { document: Document<any>; replication: Replication }

const pendingPrefix = 'pending/';

export class Client {
  readonly replica: ReplicaId;
  /** Writes the server refused, oldest first. */
  readonly rejected: Refused[] = [];
  readonly status: { get(): Status; subscribe(listener: (status: Status) => void): () => void };
  readonly #storage: ResilientStorage;
  readonly #connection: Connection | null;
  readonly #opened = new Map<string, Opened>();
  readonly #closing = new Set<Promise<void>>();
  readonly #presences = new Map<string, Presence<any>>();
  readonly #own: Set<ReplicaId>;
  readonly #listeners = new Listeners<[Status]>();
  readonly #host: ReplicationHost;
  #line: ConnectionStatus = { connection: 'offline' };
  #error: HeadwaterError | undefined;
  #status: Status | null = null;
  #isReporting = false;
  /** Documents opened only to send what an earlier session left. */
  readonly #resumed = new Set<string>();
  #isClosed = false;

  /** Apps call `open`. @param known  the replicas that had written here before this session */
  constructor(storage: ResilientStorage, private readonly claim: ReplicaClaim, known: readonly ReplicaId[], options: OpenOptions) {
    this.#storage = storage;
    this.replica = claim.replica;
    this.#own = new Set(claim.devices);
    this.status = { get: () => this.#readStatus(), subscribe: (listener) => this.#listeners.add(listener) };
    this.#connection = this.#connectionFor(options);
    this.#host = this.#hostFor(known.includes(claim.replica));
    if (options.connect !== false) this.#connection?.connect();
  }

  // ---- documents ----------------------------------------------------------------------------------

  /** The document of an id; the same object until it is closed. It loads by itself; editing need not wait. */
  document<T extends object = Fields>(id: string): Document<T> {
    this.#resumed.delete(id);
    return this.#open(id).document as Document<T>;
  }

  /** The text of a document that is one text. */
  text(id: string): Text { return this.document(id).getText('text'); }
  counter(id: string): Counter { return this.document(id).getCounter('counter'); }
  set<V = JsonValue>(id: string): DocumentSet<V> { return this.document(id).getSet<V>('set'); }

  /** Ids of the documents on this device, sorted. */
  async documents(): Promise<string[]> {
    const stored = await this.#storage.documents();
    const edited = [...this.#opened.values()].filter(({ document }) => document.version().length > 1).map(({ document }) => document.id);
    return [...new Set([...stored, ...edited])].sort();
  }

  /** Removes a document from this device; the server keeps what it has acked. */
  async remove(id: string): Promise<void> {
    this.#opened.get(id)?.document.close();
    await Promise.all(this.#closing);
    await this.#storage.remove(id);
    await this.#storage.writeMeta(pendingPrefix + id, new Uint8Array(0));
  }

  #open(id: string): Opened {
    this.#checkOpen();
    if (!isDocumentId(id)) throw new HeadwaterError('invalid_argument', 'a document id is a string of 1 to 256 bytes without control characters', { id });
    let opened = this.#opened.get(id);
    if (!opened) {
      const document = new Document<any>(id, this.replica);
      opened = { document, replication: new Replication(document, this.#host) };
      this.#opened.set(id, opened);
      opened.replication.ready.catch((error: HeadwaterError) => this.#fail(error));
    }
    return opened;
  }

  // ---- presence -----------------------------------------------------------------------------------

  /** Who is at a document. Opens it, since the server tells only those who follow it. */
  presence<P = JsonValue>(documentId: string): Presence<P> {
    this.document(documentId);
    let presence = this.#presences.get(documentId);
    if (!presence) {
      presence = new Presence<P>(documentId, (state) => this.#sendPresence(documentId, state));
      this.#presences.set(documentId, presence);
    }
    return presence as Presence<P>;
  }

  /** The document may still be loading: it is subscribed to when that is done, and presence after it. */
  #sendPresence(id: string, state: Uint8Array | null): void {
    const opened = this.#opened.get(id);
    if (!opened || !this.#connection) return;
    if (state && state.length > 8192) throw new HeadwaterError('too_large', `a presence may have 8,192 bytes, not ${state.length}`, { document: id });
    void opened.replication.ready.then(() => {
      if (this.#opened.get(id) === opened && !this.#isClosed) this.#connection?.setPresence(id, state);
    }, () => {});
  }

  // ---- going on and off ---------------------------------------------------------------------------

  get pending(): number {
    let count = 0;
    for (const { replication } of this.#opened.values()) count += replication.pending;
    return count;
  }

  /** Resolves when all local writes made so far are stored on this device. */
  async flushed(): Promise<void> {
    await Promise.all([...this.#opened.values()].map(({ replication }) => replication.flushed()));
  }

  /** Resolves when all local writes made so far are acked; rejects when the server refused one. */
  async synced(): Promise<void> {
    if (!this.#connection) throw new HeadwaterError('not_attached', 'there is no server to sync with; give open() a server');
    await Promise.all([...this.#opened.values()].map(({ replication }) => replication.synced()));
  }

  connect(): void {
    this.#checkOpen();
    this.#connection?.connect();
  }

  disconnect(): void { this.#connection?.disconnect(); }

  /** Stores what is left, leaves, and frees everything. What is not acked is sent by the next session. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    for (const presence of this.#presences.values()) presence.clear();
    await this.flushed().catch(() => {});
    for (const { document } of [...this.#opened.values()]) document.close();
    this.#isClosed = true;
    this.#connection?.dispose();
    await Promise.all(this.#closing);
    await this.#storage.close();
    this.claim.release();
    this.#listeners.clear();
  }

  /** Sends what earlier sessions left un-acked, also in documents nobody opens now. */
  async resume(): Promise<void> {
    if (!this.#connection) return;
    const keys = await this.#storage.metaKeys(pendingPrefix).catch(() => [] as string[]);
    for (const key of keys) void this.#resumeOne(key).catch((error: HeadwaterError) => this.#fail(error));
  }

  async #resumeOne(key: string): Promise<void> {
    const mark = await this.#storage.readMeta(key);
    const id = key.slice(pendingPrefix.length);
    if (!mark || mark.length === 0 || !isDocumentId(id) || this.#isClosed) return;
    if (!this.#opened.has(id)) this.#resumed.add(id);
    const { document, replication } = this.#open(id);
    await replication.ready;
    await replication.synced();
    if (this.#isClosed) return;
    if (replication.pending === 0) await this.#storage.writeMeta(key, new Uint8Array(0));
    if (this.#resumed.delete(id)) document.close();
  }

  // ---- wiring -------------------------------------------------------------------------------------

  #connectionFor(options: OpenOptions): Connection | null {
    if (options.server === undefined) return null;
    const token = options.token;
    const transport = typeof options.server === 'string' ? webSocketTransport(checkUrl(options.server), { WebSocket: options.WebSocket }) : options.server;
    return new Connection(systemPorts(transport), {
      receive: (document, blocks, cursor) => this.#opened.get(document)?.replication.receive(blocks, cursor),
      acked: (document, version) => this.#opened.get(document)?.replication.acked(version),
      rejected: (document, batch) => this.#opened.get(document)?.replication.refuse(batch),
      presence: (document, replica, state) => this.#presences.get(document)?.received(replica, state),
      status: (line) => {
        this.#line = line;
        this.#report();
      },
    }, { replica: this.replica, token });
  }

  #hostFor(isReplicaUsed: boolean): ReplicationHost {
    return {
      storage: this.#storage,
      hasServer: this.#connection !== null,
      replica: this.replica,
      isReplicaUsed,
      own: this.#own,
      adopt: (replica) => this.#adopt(replica),
      newReplica: newReplicaId,
      durable: () => this.#storage.durable(),
      startSync: (document: string, cursor: Cursor | null, unacked: readonly OwnBatch[]) => this.#connection?.open(document, cursor, unacked),
      push: (document, batches) => this.#connection?.push(document, batches),
      stopSync: (document) => this.#connection?.close(document),
      markPending: (document) => this.#storage.writeMeta(pendingPrefix + document, Uint8Array.of(1)),
      changed: () => this.#report(),
      refused: (refused) => { this.rejected.push(refused); },
      failed: (error) => this.#fail(error),
      closed: (document) => this.#forget(document),
    };
  }

  async #adopt(replica: ReplicaId): Promise<void> {
    if (this.#own.has(replica) || !isReplicaId(replica)) return;
    await addReplica(this.#storage, replica);
    this.#own.add(replica);
  }

  #forget(id: string): void {
    const opened = this.#opened.get(id);
    if (!opened) return;
    this.#opened.delete(id);
    this.#presences.delete(id);
    // `close` queues its last step right after this.
    const done: Promise<void> = Promise.resolve().then(() => opened.replication.idle).finally(() => this.#closing.delete(done));
    this.#closing.add(done);
  }

  storageChanged(): void { this.#report(); }

  #fail(error: HeadwaterError): void {
    this.#error = error;
    this.#report();
  }

  /** Many things change in one turn; listeners hear of it once. */
  #report(): void {
    this.#status = null;
    if (this.#isReporting || this.#listeners.count === 0) return;
    this.#isReporting = true;
    queueMicrotask(() => {
      this.#isReporting = false;
      this.#listeners.emit(this.#readStatus());
    });
  }

  #readStatus(): Status {
    if (this.#status) return this.#status;
    const { storage, error: storageError } = this.#storage.status;
    const status: Status = { connection: this.#line.connection, pending: this.pending, storage };
    const error = this.#line.error ?? storageError ?? this.#error;
    if (error) status.error = error;
    if (this.#line.progress) status.progress = this.#line.progress;
    return (this.#status = Object.freeze(status));
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new HeadwaterError('closed', 'this client is closed; open() another');
  }
}

function checkUrl(server: string): string {
  if (/^wss?:\/\//.test(server)) return server;
  throw new HeadwaterError('invalid_argument', 'server is a ws:// or wss:// address', { server });
}
