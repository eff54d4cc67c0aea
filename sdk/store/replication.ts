// One document between its three places: the engine, this device's storage, the server.
//
//   edit → engine → (microtask) → storage, strict → pushed → acked       here, and recorder.ts
//   server's log → engine → storage, with the cursor                     exchange.ts
//
// Nothing is pushed before it is stored: a push that the device then forgot would be an op of ours that we do not know.

import { HeadwaterError } from '../core/errors.js';
import type { ReplicaId } from '../core/replica.js';
import type { ResilientStorage } from '../storage/resilient.js';
import type { Cursor, MetaWrite, StoredDocument } from '../storage/storage.js';
import type { OwnBatch } from '../sync/connection.js';
import { opsOf, splitUpdate, type Block } from './blocks.js';
import { writeChanges, type Change, type Rename } from './changes.js';
import type { Attachment, Document } from './document.js';
import { Exchange, type ExchangeRest } from './exchange.js';
import { Ledgers, type Ledger } from './ledger.js';
import { Recorder, type RecorderHost } from './recorder.js';
import type { Refusal } from './rejected.js';
import { applyBlocks, compactStored, conflictsIn, isAbove, storedBlocks, unloggedIn } from './stored-form.js';
import type { Write } from './write.js';

/** What a document's replication needs of its client. */
export interface ReplicationHost extends RecorderHost {
  readonly replica: ReplicaId;
  newReplica(): ReplicaId;
  /** Runs `work` while no other tab of this device is at the same with this document. */
  alone<T>(document: string, work: () => Promise<T>): Promise<T>;
  /** Resolves when every write made before is on the device's disk. */
  durable(): Promise<void>;
  /** Whether what is stored of a document could not be read. */
  isUnread(document: string): boolean;
  /** Whether the device refuses; what is stored is then in memory only. */
  isDegraded(): boolean;
  rewriteHeld: ResilientStorage['rewriteHeld'];
  /** Whether a document was removed from this device: its ops are gone, their numbers are not. */
  isRemoved(document: string): Promise<boolean>;
  startSync(document: string, cursor: Cursor | null, unacked: readonly OwnBatch[]): void;
  push(document: string, batches: readonly OwnBatch[]): void;
  stopSync(document: string): void;
  isLive(document: string): boolean;
  changed(pendingOps: number): void;
  /** Puts it in the inbox. @returns what is to be stored with its void */
  refused(refusal: Refusal): MetaWrite[];
  closed(document: string, idle: Promise<void>): void;
  /** It has been woken, or takes more memory than before. */
  grew(document: Document<any>): void;
}

/** How a document of a session starts. */
export interface Start {
  /** Ops of the session's replica may be stored: none may be written under it before they are loaded. */
  isReplicaUsed: boolean;
  /** When an earlier opening of the same document has stored what it had. */
  after: Promise<void>;
}

/** Batches kept in memory for peers that ask by version; older ones they get as a snapshot. */
const logBytesMax = 4 * 2 ** 20;

/** The parts of a replication, while there is something for them to do. */
interface Parts { readonly ledgers: Ledgers; readonly recorder: Recorder; readonly exchange: Exchange }

/** What is kept of them while there is not. */
interface Rest { readonly records: number; readonly isMarked: boolean; readonly exchange: ExchangeRest; readonly ownSeq: number }

const done = Promise.resolve();

export class Replication implements Attachment {
  ready: Promise<void>;
  #parts: Parts | null;
  #rest: Rest | null = null;
  /** Stored own ops, of which it is not known yet whether they are on the disk. */
  #undurable = 0;
  #state: 'loading' | 'open' | 'closed' = 'loading';
  #isFlushScheduled = false;

  constructor(readonly document: Document<any>, readonly host: ReplicationHost, start: Start) {
    this.#parts = this.#newParts(null);
    document.attach(this);
    if (start.isReplicaUsed || host.isDegraded()) document.setReplica(host.newReplica());
    this.ready = this.#load(start);
    this.ready.catch(() => {});
  }

  get id(): string { return this.document.id; }
  get ledgers(): Ledgers { return (this.#parts ?? this.#revive()).ledgers; }
  get recorder(): Recorder { return (this.#parts ?? this.#revive()).recorder; }
  get exchange(): Exchange { return (this.#parts ?? this.#revive()).exchange; }

  // ---- at rest ------------------------------------------------------------------------------------

  #newParts(rest: Rest | null): Parts {
    const { document, host } = this;
    const ledgers = new Ledgers(host.hasServer);
    const recorder = new Recorder(document.id, host, {
      cursor: () => this.exchange.cursor,
      stored: (ours) => this.#stored(ours),
      isSettled: () => this.exchange.isSettled,
      compact: () => this.#compact(),
      rested: () => this.slept(),
    });
    const exchange = new Exchange(document, recorder, ledgers, host, () => this.flush(), rest?.exchange, rest !== null);
    return { ledgers, recorder, exchange };
  }

  #revive(): Parts {
    const rest = this.#rest!;
    this.#rest = null;
    const parts = (this.#parts = this.#newParts(rest));
    parts.recorder.records = rest.records;
    parts.recorder.isMarked = rest.isMarked;
    const ledger = parts.ledgers.of(this.document.replica);
    ledger.markDurable(rest.ownSeq);
    ledger.markAcked(parts.exchange.position.seqOf(this.document.replica));
    return parts;
  }

  /** Everything is stored and answered. */
  get isAtRest(): boolean { return !this.#parts; }

  /** Of a document that sleeps, and of which everything is stored and answered, no more is kept than a few numbers. */
  slept(): void {
    const parts = this.#parts;
    if (!parts || this.#state !== 'open' || !this.document.isAsleep || this.#isFlushScheduled || this.#undurable > 0) return;
    const { recorder, exchange, ledgers } = parts;
    if (!recorder.isAtRest || !exchange.isAtRest || !ledgers.isAtRest) return;
    this.#rest = { records: recorder.records, isMarked: recorder.isMarked, exchange: exchange.rest, ownSeq: this.document.forgetWrites() };
    this.#parts = null;
  }

  // ---- loading ------------------------------------------------------------------------------------

  async #load({ isReplicaUsed, after }: Start): Promise<void> {
    await after;
    const stored = await this.host.storage.load(this.id);
    const isRemoved = isReplicaUsed && (await this.host.isRemoved(this.id));
    if (this.#state === 'closed') return;
    const isWhole = this.#takeIn(stored) && !this.host.isUnread(this.id) && !(isRemoved && !stored.cursor);
    if (isReplicaUsed && isWhole) this.#useReplica(this.host.replica);
    this.#state = 'open';
    this.exchange.open(isWhole);
    if (this.recorder.isRestDue) this.recorder.restLater();
    this.ready = done;
    this.slept();
  }

  /** Unless the server has numbers of it that we do not know of. */
  #useReplica(replica: ReplicaId): void {
    const seq = this.document.isEmpty ? 0 : this.document.engine.seqOf(replica);
    if (seq < this.exchange.position.seqOf(replica) || this.host.isDegraded()) return;
    this.document.setReplica(replica);
    this.ledgers.of(replica).markDurable(seq);
  }

  /** @returns whether nothing is missing, as far as can be told */
  #takeIn(stored: StoredDocument): boolean {
    if (stored.cursor) this.exchange.position.load(stored.cursor);
    this.recorder.records = stored.records.length;
    const isRead = this.#readBlocks(stored);
    if (isRead && stored.quarantined === 0) return this.document.isAsleep || this.document.engine.waiting() === 0;
    this.host.failed(new HeadwaterError('corrupt_record', `stored records of "${this.id}" were damaged and set aside; the rest is loaded`, { document: this.id, count: stored.quarantined }));
    return false;
  }

  #readBlocks(stored: StoredDocument): boolean {
    const { position: { committed }, refusals } = this.exchange;
    try {
      if (stored.snapshot) this.document.receive(stored.snapshot);
      const blocks = storedBlocks(stored);
      if (blocks.some(({ kind }) => kind === 'void')) refusals.noteVoids();
      for (const replica of conflictsIn(blocks)) this.exchange.conflict(replica);
      applyBlocks(({ bytes }) => this.document.receive(bytes), blocks, committed);
      this.exchange.adopt(blocks.filter((block) => block.kind === 'batch' && isAbove(committed, block)));
      this.exchange.keepUnlogged(unloggedIn(blocks, committed));
      return true;
    } catch (error) {
      if (!(error instanceof HeadwaterError) || error.code === 'out_of_memory') throw error;
      return false;
    }
  }

  /** The device, which could not be read, can be: what it holds comes in now. */
  reload(): void {
    void this.recorder.step(async () => {
      const stored = await this.host.storage.load(this.id);
      if (this.#state !== 'open' || this.host.isUnread(this.id)) return;
      this.#takeIn(stored);
      this.exchange.retry();
    });
  }

  /** The device refuses: what is written from now on may never be stored, and its numbers must be nobody else's. See withheld.ts. */
  stepAside(): void {
    this.flush();
    if (this.document.isClosed || this.document.isAsleep) return;
    if (this.document.replica === this.host.replica) this.document.setReplica(this.host.newReplica());
  }

  writesOf(replica: ReplicaId): Ledger { return this.ledgers.of(replica); }

  // ---- own ops ------------------------------------------------------------------------------------

  changed(ops: number): void {
    this.exchange.count(ops);
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => this.flush());
  }

  /** Kept and sent like own ops, whoever wrote them; own ops they may build on go before them. */
  imported(bytes: Uint8Array): void {
    this.flush();
    const blocks = splitUpdate(bytes);
    this.exchange.count(blocks.filter(({ kind }) => kind !== 'snapshot').reduce((ops, block) => ops + opsOf(block), 0));
    this.recorder.keep(blocks, true);
  }

  /** What is stored is in: elements can be found by their names. */
  get isLoaded(): boolean { return this.#state === 'open'; }

  /** Makes changes as new ops. They and `notes` are stored together. */
  writeAgain(changes: readonly Change[], notes: (renames: readonly Rename[]) => MetaWrite[]): Write {
    let renames: Rename[] = [];
    const write = this.document.rewrite((engine) => { renames = writeChanges(engine, changes, this.document.clock.now()); });
    this.flush();
    this.recorder.note(notes(renames));
    return write;
  }

  flush(): void {
    this.#isFlushScheduled = false;
    if (this.#state === 'closed') return;
    const own = this.document.take();
    if (own) this.recorder.keep(splitUpdate(own), true);
    if (this.document.isClosed || this.document.isAsleep) return;
    if (this.document.engine.logBytes() > logBytesMax) this.document.engine.trim();
    this.grew();
  }

  grew(): void { this.host.grew(this.document); }

  #stored(ours: Block[]): void {
    this.#undurable++;
    this.host.durable().then(() => {
      for (const { replica, seqTo } of ours) this.ledgers.of(replica).markDurable(seqTo);
      this.#undurable--;
      return this.recorder.idle.then(() => this.slept());
    }).catch(() => {});
    this.exchange.send(ours.filter(({ kind }) => kind !== 'snapshot'));
  }

  // ---- waiting and closing ------------------------------------------------------------------------

  async #compact(): Promise<void> {
    if (this.host.isUnread(this.id)) return;
    const committed = this.host.hasServer ? this.exchange.position.committed : null;
    // Not made now, it is made another time; the records are all there.
    await compactStored(this.host.storage, this.id, this.document.replica, committed).catch(() => {});
  }

  /** Everything written so far is on the device. */
  async flushed(): Promise<void> {
    await this.ready;
    this.flush();
    if (!this.#parts) return;
    await this.recorder.idle;
    await this.host.durable();
  }

  /** Everything written so far is acked. */
  async synced(): Promise<void> {
    await this.flushed();
    if (!this.#parts) return;
    await Promise.all([...this.exchange.ends].map(([replica, seq]) => this.ledgers.of(replica).acked(seq)));
  }

  /** The same, or refused. */
  async answered(): Promise<void> {
    await this.flushed();
    await Promise.allSettled([...this.exchange.ends].map(([replica, seq]) => this.ledgers.of(replica).acked(seq)));
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.flush();
    this.#state = 'closed';
    if (!this.#parts) {
      this.host.stopSync(this.id);
      return this.host.closed(this.id, done);
    }
    this.exchange.close();
    const idle = this.recorder.close();
    this.host.closed(this.id, idle);
    const error = new HeadwaterError('closed', `document "${this.id}" was closed; what is durable is sent when it is opened again`, { document: this.id });
    void idle.then(() => this.host.durable()).catch(() => {}).then(() => this.ledgers.close(error));
  }
}
