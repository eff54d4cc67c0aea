// A document as an app sees it: fields, containers, transactions, listeners.
//
// It knows the engine and nothing of disks and networks. Whoever stores and syncs it (replication.ts) hears of every
// transaction through `attachment`, and hands in what comes from elsewhere through `receive`.

import { wallClock, type Clock } from '../core/clock.js';
import { HeadwaterError } from '../core/errors.js';
import { EngineDocument } from '../core/document.js';
import { Kind, LiteEngineDocument, rootContainer, type EngineEvent, type SnapshotOptions } from '../core/lite-document.js';
import type { ReplicaId } from '../core/replica.js';
import type { JsonValue } from '../core/values.js';
import { uses } from './awake.js';
import { clearContainers } from '../core/clear.js';
import type { Holder, Observed } from './container.js';
import type { History } from './history.js';
import { Counter } from './counter.js';
import { FieldCache } from './fields.js';
import { List } from './list.js';
import { DocumentMap } from './map.js';
import { CallQueue, Listeners } from './observable.js';
import { DocumentSet } from './set.js';
import { Text } from './text.js';
import { memoryWrites, type Write, type Writes } from './write.js';

/** A key of the root map, or the keys from there down. */
export type Path = string | readonly string[];

export type Fields = Record<string, unknown>;

/** Whoever stores and syncs a document. */
export interface Attachment {
  readonly ready: Promise<void>;
  /** How far the writes of a replica have come. */
  writesOf(replica: ReplicaId): Writes;
  /** Own ops were made, so many. */
  changed(ops: number): void;
  /** An app handed in bytes of its own, and this is what was new in them. */
  imported(bytes: Uint8Array): void;
  /** Own ops that are still in the engine are to be taken now. */
  flush(): void;
  /** It has been woken, or takes more memory than before. */
  grew(): void;
  slept(): void;
  close(): void;
}

/**
 * An empty, closed document and its handles. A JavaScript engine drops the code it has optimised for a class with the last
 * object of the class: without these, an app that has one document open at a time would begin slowly with each.
 */
let shapes: unknown[] | null = null;

/** Nobody adds to it. */
const nobody: Set<Observed> = new Set();

/** What headwater/lite calls a document: all but texts. */
export class LiteDocument<T extends object = Fields, E extends LiteEngineDocument = LiteEngineDocument> implements Holder {
  #engine: E;
  #attachment: Attachment | null = null;
  /** Added to the engine document's own generation, so that another one's numbers are not taken for its. */
  #generationBase = 0;
  // Most documents of thousands have none of these: they are made when they are needed.
  #handles: Map<string, Observed> | null = null;
  #watched: Set<Observed> = nobody;
  #touched: Set<Observed> = nobody;
  #listeners: Listeners<[{ local: boolean }]> | null = null;
  #updates: Listeners<[Uint8Array]> | null = null;
  #calls: CallQueue | null = null;
  /** Of the replica that own ops are written under now. */
  #writes = memoryWrites;
  #fields: FieldCache<T> | null = null;
  /** What writes are stamped by. */
  clock: Clock = wallClock;
  /** Hears of own edits while somebody may want to undo them. */
  history: History | null = null;
  #depth = 0;
  /** The own replica's last seq, as of the last transaction; kept up only while `#isHeard`. */
  #seq = 0;
  /** Somebody stores it, or has listened to it. Before that an edit ends in the engine. */
  #isHeard = false;
  #isClosed = false;
  usedAt = 0;

  constructor(readonly id: string, replica: ReplicaId, engine = new LiteEngineDocument(replica) as E) {
    this.#engine = engine;
    this.#follow();
    if (!shapes) this.#keepShapes();
  }

  #keepShapes(): void {
    shapes = [];
    const document = new (this.constructor as typeof LiteDocument)('', this.replica);
    shapes.push(document, document.handlesAt('a'));
    document.close();
  }

  protected handlesAt(path: Path): unknown[] { return [this.getMap(path), this.getCounter(path), this.getSet(path)]; }

  /** The replica that own ops are written under now. */
  get replica(): ReplicaId { return this.#engine.replica; }

  /** Resolves when what this device has stored is in. Editing earlier is safe. */
  get ready(): Promise<void> { return this.#attachment?.ready ?? Promise.resolve(); }

  // ---- fields -------------------------------------------------------------------------------------

  /** The fields, frozen; the same object until one of them changes, and unchanged fields keep their identity. */
  get(): Readonly<Partial<T>> {
    this.#checkOpen();
    // Asleep it does not change.
    if (this.#engine.isAsleep && this.#fields?.isGood) return this.#fields.last;
    return (this.#fields ??= new FieldCache<T>()).read(this.engine, this.generation);
  }

  /** Everything: fields and containers, keys sorted. O(document). */
  toJSON(): JsonValue { return this.engine.toJSON(); }

  /** @throws HeadwaterError `invalid_argument` unless key and value are fit; nothing changes then */
  set<K extends keyof T & string>(key: K, value: T[K]): Write {
    this.#setField(key, value);
    return this.wrote();
  }

  /** Sets several fields as one write; none of them when one is unfit. Undefined ones are left as they are. */
  update(partial: Partial<T>): Write {
    if (typeof partial !== 'object' || partial === null || Array.isArray(partial)) {
      throw new HeadwaterError('invalid_argument', 'update takes an object of fields');
    }
    const fields = Object.entries(partial).filter(([, value]) => value !== undefined);
    const trial = new LiteEngineDocument(this.replica);
    try {
      for (const [key, value] of fields) trial.mapSet(rootContainer, key, value, 1);
    } finally {
      trial.free();
    }
    return this.edit(() => fields.forEach(([key, value]) => this.#setField(key, value)));
  }

  /** Deletes a field, and empties the containers of that name as this replica sees them. */
  delete(key: keyof T & string): Write {
    return this.edit(() => {
      const before = this.history && this.engine.mapGet(rootContainer, key);
      const isDeleted = this.engine.mapDelete(rootContainer, key, this.clock.now());
      this.history?.valueSet([], key, before, undefined);
      const cleared = clearContainers(this.engine, rootContainer, key, this.clock.now(), this.history);
      this.distribute(isDeleted ? [{ kind: 'key', container: rootContainer, key }, ...cleared] : cleared);
    });
  }

  #setField(key: string, value: unknown): void {
    const before = this.history && this.engine.mapGet(rootContainer, key);
    this.engine.mapSet(rootContainer, key, value, this.clock.now());
    this.history?.valueSet([], key, before, value);
    if (this.#watched.size > 0) this.distribute([{ kind: 'key', container: rootContainer, key }]);
  }

  // ---- containers ---------------------------------------------------------------------------------

  getCounter(path: Path): Counter { return this.handle(path, Kind.Counter, (keys) => new Counter(this, keys)); }
  getSet<V = JsonValue>(path: Path): DocumentSet<V> { return this.handle(path, Kind.Set, (keys) => new DocumentSet<V>(this, keys)); }
  /** `[]` is the root map: the fields. */
  getMap(path: Path): DocumentMap { return this.handle(path, Kind.Map, (keys) => new DocumentMap(this, keys)); }

  protected handle<H extends Observed>(path: Path, kind: Kind, make: (keys: readonly string[]) => H): H {
    const keys = keysOf(path);
    if (keys.length === 0 && kind !== Kind.Map) throw new HeadwaterError('invalid_argument', 'a path needs at least one key');
    this.engine.container(keys, kind); // refuses bad keys now rather than at the first edit
    const name = JSON.stringify([kind, ...keys]);
    const handles = (this.#handles ??= new Map<string, Observed>());
    const known = handles.get(name);
    if (known) return known as H;
    const handle = make(keys);
    handles.set(name, handle);
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
    if (this.#engine.isAsleep) this.#wake();
    if (this.#depth++ === 0) this.#seq = this.#engine.ownSeq;
    try {
      change();
    } finally {
      this.#depth--;
      if (this.#depth === 0) this.#finishOwn();
    }
    return this.wrote();
  }

  /** The way of every keystroke: nothing is made here that nobody waits for. */
  wrote(): Write {
    const writes = this.#writes;
    if (!this.#isHeard) return writes.write(0);
    const seq = this.#engine.ownSeq;
    if (this.#depth === 0) this.#finishOwn(seq);
    return writes.write(seq);
  }

  #finishOwn(seq = this.isClosed ? this.#seq : this.#engine.ownSeq): void {
    const ops = seq - this.#seq;
    if (ops === 0) return;
    this.#seq = seq;
    if (this.history) this.history.transaction++;
    this.#attachment?.changed(ops);
    if (this.#hasUpdates) this.#tellUpdate(this.#engine.tell());
    this.#finish(true);
  }

  /** Listeners that edit make transactions of their own; what these tell comes after what is being told now. */
  #finish(isLocal: boolean): void {
    if (this.#touched.size > 0) this.#flushTouched(isLocal);
    const listeners = this.#listeners;
    if (listeners && listeners.count > 0) this.#call(() => listeners.emit({ local: isLocal }));
    this.#calls?.run();
  }

  #call(call: (() => void) | null): void { (this.#calls ??= new CallQueue()).add(call); }

  get #hasUpdates(): boolean { return this.#updates !== null && this.#updates.count > 0; }

  #flushTouched(isLocal: boolean): void {
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const handle of touched) this.#call(handle.flush(isLocal));
  }

  #tellUpdate(bytes: Uint8Array | null): void {
    if (bytes && bytes.length > 0) this.#call(() => this.#updates?.emit(bytes));
  }

  /** Own ops since the last call, for whoever stores them; null when there are none. */
  take(): Uint8Array | null { return this.#engine.isFreed ? null : this.#engine.take(); }

  // ---- holder -------------------------------------------------------------------------------------

  get engine(): E {
    this.#checkOpen();
    if (this.#engine.isAsleep) this.#wake();
    this.usedAt = uses.now;
    return this.#engine;
  }

  #wake(): void {
    this.#engine.wake();
    if (this.#attachment) this.#writes = this.#attachment.writesOf(this.replica);
    this.#attachment?.grew();
  }

  get isAsleep(): boolean { return this.#engine.isAsleep; }

  /** Nothing was ever written in it, nor came. */
  get isEmpty(): boolean { return this.#engine.isAsleep ? this.#engine.memoryBytes() === 0 : this.engine.version().length <= 1; }

  get generation(): number { return this.#generationBase + this.#engine.generation; }

  touched(handle: Observed): void {
    if (this.#touched === nobody) this.#touched = new Set();
    this.#touched.add(handle);
  }

  distribute(events: readonly EngineEvent[]): void {
    if (events.length === 0 || this.#watched.size === 0) return;
    const watched = new Map([...this.#watched].map((handle) => [handle.number, handle]));
    for (const event of events) watched.get(event.container)?.received(event);
  }

  watch(handle: Observed, isWatched: boolean): void {
    if (this.#watched === nobody) this.#watched = new Set();
    if (isWatched) this.#watched.add(handle);
    else this.#watched.delete(handle);
    this.#hear();
    if (!this.#isClosed) this.#engine.observe(this.#watched.size > 0);
  }

  // ---- listening ----------------------------------------------------------------------------------

  /** What was made before anybody listened is the past. */
  #hear(): void {
    if (!this.#isHeard && this.#depth === 0) this.#seq = this.#engine.ownSeq;
    this.#isHeard = true;
  }

  /** Called at the end of every transaction, own or a peer's, that changed something. @returns stops it */
  subscribe(listener: (event: { local: boolean }) => void): () => void {
    this.#checkOpen();
    this.#hear();
    return (this.#listeners ??= new Listeners()).add(listener);
  }

  /** Gets every update: own ops at the end of each transaction, and what came from elsewhere and was new. @returns stops it */
  on(event: 'update', listener: (bytes: Uint8Array) => void): () => void {
    this.#checkOpen();
    if (event !== 'update') throw new HeadwaterError('invalid_argument', `there is no event "${String(event)}"; there is "update"`);
    // Ops made before anybody listened are the past: export() has them.
    if (!this.#hasUpdates) this.#engine.tell();
    this.#hear();
    return (this.#updates ??= new Listeners()).add(listener);
  }

  // ---- bytes --------------------------------------------------------------------------------------

  version(): Uint8Array { return this.engine.version(); }

  /** An update with everything a peer at `since` (its `version()`) lacks; everything when left out. */
  export(since?: Uint8Array): Uint8Array {
    if (since !== undefined) checkBytes(since);
    return this.engine.export(since);
  }

  /**
   * The whole state, smaller than its history and quick to load. With `history: false` it leaves out what was deleted, for new
   * replicas: they go on from it and sync with everybody who has seen it; ops made without having seen it may be refused there
   * with `history_compacted`, and so is any other snapshot with news. `digest()` is another than that of a document with history.
   */
  snapshot(options?: SnapshotOptions): Uint8Array { return this.engine.snapshot(options); }

  /** Bytes of engine memory it takes up. */
  get memoryBytes(): number {
    this.#checkOpen();
    return this.#engine.memoryBytes();
  }

  /** 16 hex digits, equal exactly when two documents have the same ops. O(document). */
  digest(): string { return this.engine.digest(); }

  /**
   * Takes in any mix of updates, exports and snapshots, in any order, any number of times.
   *
   * @throws HeadwaterError `invalid_update` when the bytes are none; a block that is bad changes nothing, those before it stand
   */
  import(bytes: Uint8Array): void {
    checkBytes(bytes);
    this.#apply(bytes, true);
  }

  /** Applies what came from elsewhere as one transaction. */
  receive(bytes: Uint8Array): void { this.#apply(bytes, false); }

  /** @param isOurs  an app handed it in: whoever stores and syncs the document does not know of it */
  #apply(bytes: Uint8Array, isOurs: boolean): void {
    const { engine } = this;
    // Inside a transaction: what was made until now was made before this.
    if (this.#depth > 0) this.#finishOwn();
    try {
      if (engine.apply(bytes).applied > 0) this.#finishReceived(isOurs);
    } catch (error) {
      // Blocks before a bad one stand.
      if (!this.isClosed && engine.news(true).length > 0) this.#finishReceived(isOurs);
      throw error;
    }
  }

  #finishReceived(isOurs: boolean): void {
    if (this.#watched.size > 0) this.distribute(this.#engine.events());
    this.#seq = this.#engine.ownSeq;
    if (isOurs) this.#attachment?.imported(this.#engine.news(false));
    if (this.#hasUpdates) this.#tellUpdate(this.#engine.news(true));
    this.#attachment?.grew();
    this.#finish(false);
  }

  // ---- for whoever stores and syncs it ------------------------------------------------------------

  attach(attachment: Attachment): void {
    this.#attachment = attachment;
    this.#follow();
    this.#isHeard = true;
  }

  /** From now on own ops are written under another id. */
  setReplica(replica: ReplicaId): void {
    if (!this.isEmpty && this.#engine.isAsleep) this.#wake();
    this.#engine.replica = replica;
    this.#follow();
  }

  /** Own ops go on from where the engine is. */
  #follow(): void {
    this.#seq = this.#engine.ownSeq;
    if (this.#attachment) this.#writes = this.#attachment.writesOf(this.replica);
  }

  /** Puts another engine document under this one, as after a rejected write. Listeners hear what it changed. */
  rebuild(engine: E): void {
    for (const handle of this.#watched) handle.remember();
    this.#engine.free();
    this.#generationBase = this.generation + 1 - engine.generation;
    this.#engine = engine;
    this.#follow();
    engine.observe(this.#watched.size > 0);
    for (const handle of this.#watched) handle.rebuilt();
    this.#attachment?.grew();
    this.#finish(false);
  }

  /** Edits the engine itself, under the handles, as one transaction. Listeners hear what it changed. */
  rewrite(change: (engine: E) => void): Write {
    return this.edit(() => {
      for (const handle of this.#watched) handle.remember();
      change(this.engine);
      for (const handle of this.#watched) handle.rebuilt();
    });
  }

  /**
   * Gives the engine's memory back, until somebody asks for something: handles, listeners and what was read stay as they are.
   *
   * @returns false when it cannot now, as within a transaction
   */
  sleep(): boolean {
    if (this.#depth > 0 || this.isClosed) return false;
    this.#attachment?.flush();
    if (!this.#engine.isAsleep) this.#fields?.settle(this.#engine, this.generation);
    if (!this.#engine.sleep()) return false;
    this.#attachment?.slept();
    return true;
  }

  /** Its writes need not be known before it wakes. @returns own ops there are */
  forgetWrites(): number {
    this.#writes = memoryWrites;
    return this.#engine.ownSeq;
  }

  /** Memory ran out in an engine call, which freed what was under this document. */
  get isLost(): boolean { return this.#engine.isFreed && !this.#isClosed; }

  /** What is lost closes when that is noticed, and can be opened again. */
  get isClosed(): boolean {
    if (this.isLost) this.close();
    return this.#isClosed;
  }

  /** Stops listening, storing and syncing, and frees its memory. What was written is stored, and sent when it is opened again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = this.isLost;
    this.#attachment?.close();
    this.#isClosed = true;
    this.#listeners?.clear();
    this.#updates?.clear();
    this.#watched.clear();
    this.#handles = null;
    this.#engine.free();
  }

  #checkOpen(): void {
    if (this.isClosed) throw new HeadwaterError('closed', `document "${this.id}" is closed; ask the client for it again`, { document: this.id });
  }
}

export class Document<T extends object = Fields> extends LiteDocument<T, EngineDocument> {
  constructor(id: string, replica: ReplicaId, isAsleep = false) { super(id, replica, new EngineDocument(replica, isAsleep)); }

  getText(path: Path): Text { return this.handle(path, Kind.Text, (keys) => new Text(this, keys)); }
  getList<V = JsonValue>(path: Path): List<V> { return this.handle(path, Kind.List, (keys) => new List<V>(this, keys)); }

  protected override handlesAt(path: Path): unknown[] { return [...super.handlesAt(path), this.getText(path), this.getList(path)]; }
}

function keysOf(path: Path): readonly string[] {
  if (typeof path === 'string') return [path];
  if (Array.isArray(path)) return Object.freeze([...path]) as readonly string[];
  throw new HeadwaterError('invalid_argument', 'a path is a key or an array of keys', { path });
}

export function checkBytes(bytes: Uint8Array): void {
  if (!(bytes instanceof Uint8Array)) throw new HeadwaterError('invalid_argument', 'updates and versions are Uint8Arrays');
}
