// A document as an app sees it: fields, containers, transactions, listeners.
//
// It knows the engine and nothing of disks and networks. Whoever stores and syncs it (replication.ts) hears of every
// transaction through `attachment`, and hands in what comes from elsewhere through `receive`.

import { HeadwaterError } from '../core/errors.js';
import { EngineDocument, Kind, rootContainer, type EngineEvent } from '../core/document.js';
import type { ReplicaId } from '../core/replica.js';
import type { JsonValue } from '../core/values.js';
import { clearContainers } from './clear.js';
import type { Holder, Observed } from './container.js';
import { Counter } from './counter.js';
import { DocumentMap } from './map.js';
import { Listeners } from './observable.js';
import { DocumentSet } from './set.js';
import { Text } from './text.js';
import { Ledger, type Ledgers, type Write } from './write.js';

/** A key of the root map, or the keys from there down. */
export type Path = string | readonly string[];

export type Fields = Record<string, unknown>;

/** Whoever stores and syncs a document. */
export interface Attachment {
  readonly hasServer: boolean;
  readonly ready: Promise<void>;
  /** Own ops were made. */
  changed(): void;
  /** An app handed in bytes of its own. */
  imported(bytes: Uint8Array): void;
  close(): void;
}

export class Document<T extends object = Fields> implements Holder {
  engine: EngineDocument;
  #attachment: Attachment | null = null;
  #generation = 0;
  #engineGeneration = 0;
  #handles = new Map<string, Observed>();
  #watched = new Set<Observed>();
  #touched = new Set<Observed>();
  #listeners = new Listeners<[{ local: boolean }]>();
  #updates = new Listeners<[Uint8Array]>();
  #untaken: Uint8Array[] = [];
  #depth = 0;
  #hasEdited = false;
  #isClosed = false;
  #ledgers: Ledgers = new Map();
  #fields: { changes: string; value: Readonly<Partial<T>> } | null = null;
  #fieldCache = new Map<string, { changes: number; value: JsonValue | undefined }>();

  constructor(readonly id: string, replica: ReplicaId) {
    this.engine = new EngineDocument(replica);
  }

  /** The replica that own ops are written under now. */
  get replica(): ReplicaId { return this.engine.replica; }

  /** Resolves when what this device has stored is in. Editing earlier is safe. */
  get ready(): Promise<void> { return this.#attachment?.ready ?? Promise.resolve(); }

  // ---- fields -------------------------------------------------------------------------------------

  /** The fields, frozen; the same object until one of them changes, and unchanged fields keep their identity. */
  get(): Readonly<Partial<T>> {
    const changes = `${this.generation}/${this.engine.changes(rootContainer)}`;
    if (this.#fields?.changes !== changes) this.#fields = { changes, value: this.#readFields() };
    return this.#fields.value;
  }

  #readFields(): Readonly<Partial<T>> {
    const fields: Record<string, unknown> = {};
    for (const key of this.engine.mapKeys(rootContainer)) fields[key] = this.#readField(key);
    return Object.freeze(fields) as Readonly<Partial<T>>;
  }

  #readField(key: string): JsonValue | undefined {
    const changes = this.engine.mapChanges(rootContainer, key);
    const cached = this.#fieldCache.get(key);
    if (cached?.changes === changes) return cached.value;
    const value = this.engine.mapGet(rootContainer, key);
    this.#fieldCache.set(key, { changes, value });
    return value;
  }

  /** Everything: fields and containers, keys sorted. O(document). */
  toJSON(): JsonValue { return this.engine.toJSON(); }

  /** @throws HeadwaterError `invalid_argument` unless key and value are fit; nothing changes then */
  set<K extends keyof T & string>(key: K, value: T[K]): Write {
    return this.edit(() => this.engine.mapSet(rootContainer, key, value, Date.now()));
  }

  /** Sets several fields as one write; none of them when one is unfit. */
  update(partial: Partial<T>): Write {
    if (typeof partial !== 'object' || partial === null) throw new HeadwaterError('invalid_argument', 'update takes an object of fields');
    const fields = Object.entries(partial).filter(([, value]) => value !== undefined);
    const trial = new EngineDocument(this.engine.replica);
    try {
      for (const [key, value] of fields) trial.mapSet(rootContainer, key, value, 1);
    } finally {
      trial.free();
    }
    return this.edit(() => fields.forEach(([key, value]) => this.engine.mapSet(rootContainer, key, value, Date.now())));
  }

  /** Deletes a field, and empties the containers of that name as this replica sees them. */
  delete(key: keyof T & string): Write {
    return this.edit(() => {
      this.engine.mapDelete(rootContainer, key, Date.now());
      clearContainers(this.engine, rootContainer, key, Date.now());
    });
  }

  // ---- containers ---------------------------------------------------------------------------------

  getText(path: Path): Text { return this.#handle(path, Kind.Text, (keys) => new Text(this, keys)); }
  getCounter(path: Path): Counter { return this.#handle(path, Kind.Counter, (keys) => new Counter(this, keys)); }
  getSet<V = JsonValue>(path: Path): DocumentSet<V> { return this.#handle(path, Kind.Set, (keys) => new DocumentSet<V>(this, keys)); }
  getMap(path: Path): DocumentMap { return this.#handle(path, Kind.Map, (keys) => new DocumentMap(this, keys)); }

  #handle<H extends Observed>(path: Path, kind: Kind, make: (keys: readonly string[]) => H): H {
    this.#checkOpen();
    const keys = typeof path === 'string' ? [path] : Object.freeze([...path]);
    if (keys.length === 0 && kind !== Kind.Map) throw new HeadwaterError('invalid_argument', 'a path needs at least one key');
    const name = JSON.stringify([kind, ...keys]);
    const known = this.#handles.get(name);
    if (known) return known as H;
    this.engine.container(keys, kind); // refuses bad keys now rather than at the first edit
    const handle = make(keys);
    this.#handles.set(name, handle);
    return handle;
  }

  // ---- transactions -------------------------------------------------------------------------------

  /**
   * Runs `fn`; its edits are one write, listeners are called once at its end. When it throws, edits made until then stand
   * (an op that was made cannot be unmade), and the error goes on to the caller.
   */
  transact(fn: () => void): Write { return this.edit(fn); }

  edit(change: () => void): Write {
    this.#checkOpen();
    const before = this.engine.ownSeq;
    this.#depth++;
    try {
      change();
    } finally {
      this.#depth--;
      if (this.engine.ownSeq !== before) this.#hasEdited = true;
      if (this.#depth === 0) this.#finish(true);
    }
    return this.ledger(this.engine.replica).write(this.engine.ownSeq);
  }

  #finish(isLocal: boolean): void {
    const hasChanged = this.#hasEdited || !isLocal;
    if (this.#hasEdited) {
      this.#hasEdited = false;
      if (this.#updates.count > 0) this.#emitOwn();
      this.#attachment?.changed();
    }
    if (this.#touched.size > 0) this.#flushTouched(isLocal);
    if (hasChanged) this.#listeners.emit({ local: isLocal });
  }

  #flushTouched(isLocal: boolean): void {
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const handle of touched) handle.flush(isLocal);
  }

  #emitOwn(): void {
    const bytes = this.engine.take();
    if (!bytes) return;
    if (this.#attachment) this.#untaken.push(bytes);
    this.#updates.emit(bytes);
  }

  /** Own ops since the last call, for whoever stores them. */
  take(): Uint8Array[] {
    const rest = this.engine.take();
    return this.#untaken.splice(0).concat(rest ?? []);
  }

  // ---- holder -------------------------------------------------------------------------------------

  get generation(): number {
    if (this.engine.generation !== this.#engineGeneration) {
      this.#engineGeneration = this.engine.generation;
      this.#generation++;
      this.#fieldCache.clear();
    }
    return this.#generation;
  }

  touched(handle: Observed): void { this.#touched.add(handle); }

  watch(handle: Observed, isWatched: boolean): void {
    if (isWatched) this.#watched.add(handle);
    else this.#watched.delete(handle);
    if (!this.engine.isFreed) this.engine.observe(this.#watched.size > 0);
  }

  // ---- listening ----------------------------------------------------------------------------------

  /** Called at the end of every transaction, own or a peer's, that changed something. @returns stops it */
  subscribe(listener: (event: { local: boolean }) => void): () => void { return this.#listeners.add(listener); }

  /** Gets every update: own ops at the end of each transaction, and what `import` brought that was new. @returns stops it */
  on(event: 'update', listener: (bytes: Uint8Array) => void): () => void {
    if (event !== 'update') throw new HeadwaterError('invalid_argument', `there is no event "${String(event)}"; there is "update"`);
    // Ops made before anybody listened are the past: export() has them.
    if (this.#updates.count === 0) this.#setAside();
    return this.#updates.add(listener);
  }

  #setAside(): void {
    const bytes = this.engine.take();
    if (bytes && this.#attachment) this.#untaken.push(bytes);
  }

  // ---- bytes --------------------------------------------------------------------------------------

  version(): Uint8Array { return this.#open().version(); }

  /** An update with everything a peer at `since` (its `version()`) lacks; everything when left out. */
  export(since?: Uint8Array): Uint8Array {
    if (since !== undefined) checkBytes(since);
    return this.#open().export(since);
  }

  /** The whole state, smaller than its history and quick to load. */
  snapshot(): Uint8Array { return this.#open().snapshot(); }

  /** 16 hex digits, equal exactly when two documents have the same ops. O(document). */
  digest(): string { return this.#open().digest(); }

  /**
   * Takes in any mix of updates, exports and snapshots, in any order, any number of times.
   *
   * @throws HeadwaterError `invalid_update` when the bytes are none; a block that is bad changes nothing
   */
  import(bytes: Uint8Array): void {
    checkBytes(bytes);
    this.#checkOpen();
    const copy = bytes.slice();
    if (this.receive(copy) === 0) return;
    this.#updates.emit(copy);
    this.#attachment?.imported(copy);
  }

  // ---- for whoever stores and syncs it ------------------------------------------------------------

  attach(attachment: Attachment): void { this.#attachment = attachment; }

  ledger(replica: ReplicaId): Ledger {
    let ledger = this.#ledgers.get(replica);
    if (!ledger) this.#ledgers.set(replica, ledger = new Ledger(this.#attachment !== null, this.#attachment?.hasServer ?? false));
    return ledger;
  }

  /** No write of this document will get further than it has. */
  abandon(error: HeadwaterError): void {
    for (const ledger of this.#ledgers.values()) ledger.close(error);
  }

  /** Applies what came from elsewhere as one transaction. @returns how many blocks changed something */
  receive(bytes: Uint8Array): number {
    let applied = 0;
    try {
      applied = this.engine.apply(bytes).applied;
    } finally {
      this.#distribute(this.#watched.size > 0 ? this.engine.events() : []);
      if (applied > 0) this.#finish(false);
    }
    return applied;
  }

  #distribute(events: EngineEvent[]): void {
    if (events.length === 0) return;
    const watched = new Map([...this.#watched].map((handle) => [handle.number, handle]));
    for (const event of events) watched.get(event.container)?.received(event);
  }

  /** Puts another engine document under this one, as after a rejected write. Listeners hear what it changed. */
  rebuild(engine: EngineDocument): void {
    for (const handle of this.#watched) handle.remember();
    const old = this.engine;
    this.engine = engine;
    this.#engineGeneration = engine.generation;
    this.#generation++;
    this.#fieldCache.clear();
    engine.observe(this.#watched.size > 0);
    old.free();
    for (const handle of this.#watched) handle.rebuilt();
    this.#finish(false);
  }

  get isClosed(): boolean { return this.#isClosed; }

  /** Stops listening, storing and syncing, and frees its memory. Durable writes are safe; others are flushed first. */
  close(): void {
    if (this.#isClosed) return;
    this.#attachment?.close();
    this.#isClosed = true;
    this.#listeners.clear();
    this.#updates.clear();
    this.#watched.clear();
    this.#handles.clear();
    if (!this.#attachment) this.engine.free();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new HeadwaterError('closed', `document "${this.id}" is closed; ask the client for it again`, { document: this.id });
  }

  #open(): EngineDocument {
    this.#checkOpen();
    return this.engine;
  }
}

function checkBytes(bytes: Uint8Array): void {
  if (!(bytes instanceof Uint8Array)) throw new HeadwaterError('invalid_argument', 'updates and versions are Uint8Arrays');
}
