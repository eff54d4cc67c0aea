// One document between its three places: the engine, this device's storage, the server.
//
//   edit → engine → (microtask) → storage, strict → pushed → acked
//   server's log → engine → storage, with the cursor
//
// Nothing is pushed before it is stored: a push that the device then forgot would be an op of ours that we do not know.
// And un-acked is a question put to the records: what lies above what the server is known to have committed is sent,
// whichever replica of this device wrote it.

import { HeadwaterError } from '../core/errors.js';
import { encodeVersion } from '../core/codec.js';
import type { ReplicaId } from '../core/replica.js';
import type { Cursor, StoredDocument } from '../storage/storage.js';
import type { OwnBatch } from '../sync/connection.js';
import type { Rejection } from '../sync/session-state.js';
import { isSameBytes, opsOf, splitUpdate, type Block } from './blocks.js';
import { writeAgain } from './conflict.js';
import type { Attachment, Document } from './document.js';
import { LogPosition } from './log-position.js';
import { Recorder, type RecorderHost } from './recorder.js';
import { Refusals, type Taking } from './refusals.js';
import type { Refused } from './rejected.js';
import { applyBlocks, compactStored, isAbove, storedBlocks } from './stored-form.js';
import { Unacked } from './unacked.js';

/** What a document's replication needs of its client. */
export interface ReplicationHost extends RecorderHost {
  readonly replica: ReplicaId;
  newReplica(): ReplicaId;
  /** Resolves when every write made before is on the device's disk. */
  durable(): Promise<void>;
  /** Whether what is stored of a document could not be read. */
  isUnread(document: string): boolean;
  /** Whether a document was removed from this device: its ops are gone, their numbers are not. */
  isRemoved(document: string): Promise<boolean>;
  startSync(document: string, cursor: Cursor | null, unacked: readonly OwnBatch[]): void;
  push(document: string, batches: readonly OwnBatch[]): void;
  stopSync(document: string): void;
  isLive(document: string): boolean;
  changed(pendingOps: number): void;
  refused(refused: Refused): void;
  closed(document: string, idle: Promise<void>): void;
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

export class Replication implements Attachment {
  readonly ready: Promise<void>;
  readonly recorder: Recorder;
  readonly #position = new LogPosition();
  readonly #unacked = new Unacked();
  readonly #refusals: Refusals;
  readonly #taking: Taking;
  /** Stored batches that wait for something this device does not hold. */
  #stranded: Block[] = [];
  #state: 'loading' | 'open' | 'closed' = 'loading';
  #pendingOps = 0;
  #isFlushScheduled = false;
  #hasStartedOver = false;

  constructor(readonly document: Document<any>, readonly host: ReplicationHost, start: Start) {
    this.recorder = new Recorder(document.id, host, {
      cursor: () => this.#position.cursor,
      stored: (ours) => this.#stored(ours),
      isSettled: () => this.#unacked.isEmpty && this.#stranded.length === 0,
      compact: () => this.#compact(),
    });
    this.#taking = {
      document, storage: host.storage, recorder: this.recorder, position: this.#position,
      flush: () => this.#flush(), canRead: () => !host.isUnread(document.id), refused: (refused) => host.refused(refused),
    };
    this.#refusals = new Refusals(this.#taking);
    document.attach(this);
    if (start.isReplicaUsed) document.setReplica(host.newReplica());
    this.ready = this.#load(start);
    this.ready.catch(() => {});
  }

  get hasServer(): boolean { return this.host.hasServer; }
  get id(): string { return this.document.id; }

  // ---- loading ------------------------------------------------------------------------------------

  async #load({ isReplicaUsed, after }: Start): Promise<void> {
    await after;
    const stored = await this.host.storage.load(this.id);
    const isRemoved = isReplicaUsed && (await this.host.isRemoved(this.id));
    if (this.#state === 'closed') return;
    const isWhole = this.#takeIn(stored) && !this.host.isUnread(this.id) && !(isRemoved && !stored.cursor);
    // Where something is missing, numbers of the session's replica may be taken that we do not know of.
    if (isReplicaUsed && isWhole && this.#knownSeq(this.host.replica) >= this.#position.seqOf(this.host.replica)) {
      this.document.setReplica(this.host.replica);
      this.document.ledger(this.host.replica).markDurable(this.#knownSeq(this.host.replica));
    }
    this.#state = 'open';
    this.#startSync(isWhole);
    this.recorder.restLater();
  }

  /** @returns whether nothing is missing, as far as can be told */
  #takeIn(stored: StoredDocument): boolean {
    if (stored.cursor) this.#position.load(stored.cursor);
    this.recorder.records = stored.records.length;
    const isRead = this.#readBlocks(stored);
    this.#adopt(this.#stranded.splice(0));
    if (isRead && stored.quarantined === 0) return this.document.engine.waiting() === 0;
    this.host.failed(new HeadwaterError('corrupt_record', `stored records of "${this.id}" were damaged and set aside; the rest is loaded`, { document: this.id, count: stored.quarantined }));
    return false;
  }

  #readBlocks(stored: StoredDocument): boolean {
    try {
      if (stored.snapshot) this.document.receive(stored.snapshot);
      const blocks = storedBlocks(stored);
      if (blocks.some(({ kind }) => kind === 'void')) this.#refusals.noteVoids();
      applyBlocks((bytes) => this.document.receive(bytes), blocks, this.#position.committed);
      this.#stranded.push(...blocks.filter((block) => block.kind === 'batch' && isAbove(this.#position.committed, block)));
      return true;
    } catch (error) {
      if (!(error instanceof HeadwaterError)) throw error;
      return false;
    }
  }

  /** Sends stored batches that the server is not known to have. One that waits for something missing, waits. */
  #adopt(batches: Block[]): void {
    const held = batches.filter((batch) => this.#holds(batch));
    this.#stranded.push(...batches.filter((batch) => !this.#holds(batch)));
    if (!this.hasServer || held.length === 0) return;
    this.#count(this.#unacked.add(held));
    if (this.#state === 'open') this.host.push(this.id, held);
  }

  /** The device, which could not be read, can be: what it holds comes in now. */
  reload(): void {
    void this.recorder.step(async () => {
      const stored = await this.host.storage.load(this.id);
      if (this.#state !== 'open' || this.host.isUnread(this.id)) return;
      this.#takeIn(stored);
      this.#refusals.retry();
    });
  }

  // ---- own ops ------------------------------------------------------------------------------------

  changed(ops: number): void {
    this.#count(ops);
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => this.#flush());
  }

  /** Kept and sent like own ops, whoever wrote them; own ops they may build on go before them. */
  imported(bytes: Uint8Array): void {
    this.#flush();
    const blocks = splitUpdate(bytes);
    this.#count(blocks.filter(({ kind }) => kind !== 'snapshot').reduce((ops, block) => ops + opsOf(block), 0));
    this.recorder.keep(blocks, true);
  }

  #flush(): void {
    this.#isFlushScheduled = false;
    if (this.#state === 'closed') return;
    this.recorder.keep(this.document.take().flatMap(splitUpdate), true);
    if (this.document.engine.logBytes() > logBytesMax) this.document.engine.trim();
  }

  #stored(ours: Block[]): void {
    this.host.durable().then(() => {
      for (const { replica, seqTo } of ours) this.document.ledger(replica).markDurable(seqTo);
    }, () => {});
    if (!this.hasServer) return;
    const batches = ours.filter(({ kind }) => kind !== 'snapshot');
    this.#unacked.add(batches); // counted when they were made
    if (this.#state === 'open') this.host.push(this.id, batches);
  }

  #count(ops: number): void {
    if (!this.hasServer || ops === 0) return;
    this.#pendingOps += ops;
    this.host.changed(ops);
  }

  // ---- what the server says -----------------------------------------------------------------------

  /**
   * New entries of the log; without any, the server does not know our position. An exception means the position stays;
   * what was applied until then is stored all the same, since the next time it will be no news.
   */
  receive(bytes: Uint8Array, cursor: { epoch: string; lsn: number }): void {
    const blocks = splitUpdate(bytes);
    const news = blocks.filter((block) => !this.#holds(block));
    const voids = blocks.filter((block) => block.kind === 'void' && this.#unacked.find(block.replica, block.seqFrom));
    try {
      if (news.length > 0) this.document.receive(bytes);
    } catch (error) {
      this.recorder.keep(news.filter((block) => block.kind !== 'snapshot' && this.#holds(block)), false);
      throw error;
    }
    for (const block of blocks) this.#noteCommitted(block);
    this.#position.move(cursor);
    this.recorder.keep([...news, ...voids], false);
    this.#adopt(this.#stranded.splice(0));
    if (news.some((block) => block.kind !== 'snapshot' && !this.#holds(block))) this.#startOver();
    this.#afterProgress();
  }

  #knownSeq(replica: ReplicaId): number { return this.document.engine.seqOf(replica); }

  /** A snapshot may always be news. */
  #holds({ kind, replica, seqTo }: Block): boolean { return kind !== 'snapshot' && seqTo <= this.#knownSeq(replica); }

  /** An entry under the name of an un-acked batch of ours, with other bytes: somebody else uses our replica id. */
  #noteCommitted({ kind, replica, seqFrom, seqTo, bytes }: Block): void {
    if (kind === 'snapshot') return;
    const ours = kind === 'batch' && (this.#unacked.find(replica, seqFrom) ?? this.recorder.unstored.find((block) => block.replica === replica && block.seqFrom === seqFrom));
    if (ours && !isSameBytes(ours.bytes, bytes)) this.#position.conflict(replica, true);
    this.#position.commit(replica, seqTo);
  }

  /** The server has answered a subscribe, and this is what it has. */
  subscribed(version: ReadonlyMap<ReplicaId, number>): void {
    if (this.#position.isLostBy(version)) this.#offerAgain(version);
    // It has ops under our id that we have not: they were lost here. No number may be given out twice.
    if ((version.get(this.document.replica) ?? 0) > this.#knownSeq(this.document.replica)) this.#takeNewReplica();
    this.#position.promise(version);
    this.#afterProgress();
  }

  #takeNewReplica(): void {
    this.#flush();
    this.document.setReplica(this.host.newReplica());
  }

  /** The server was put back to an earlier day. What our log holds of the rest, we bring; a snapshot cannot be pushed. */
  #offerAgain(version: ReadonlyMap<ReplicaId, number>): void {
    const held = splitUpdate(this.document.engine.export(encodeVersion(version)));
    const lost = held.filter((block) => block.kind !== 'snapshot' && !isAbove(this.#position.committed, block));
    this.#position.lower(version);
    this.#count(this.#unacked.addBefore(lost));
    this.host.push(this.id, lost);
    if (held.some(({ kind }) => kind === 'snapshot')) {
      this.host.failed(new HeadwaterError('unavailable', `the server has lost ops of "${this.id}" that are kept here only in a snapshot; export it and import it into a new document`, { document: this.id }));
    }
  }

  #afterProgress(): void {
    this.recorder.cursorMoved();
    if (this.#position.isPromised) queueMicrotask(() => this.#checkPromise());
  }

  /** Once live we must hold what the server had. If not, our position was not one of this log, or a record of ours is gone. */
  #checkPromise(): void {
    if (this.#state !== 'open' || !this.#position.isPromised || !this.host.isLive(this.id)) return;
    if (!this.#position.settle((replica) => this.#knownSeq(replica))) this.#startOver();
  }

  /** Takes the log in from its beginning. Once: a server whose log does not add up is not asked for ever. */
  #startOver(): void {
    if (this.#hasStartedOver) return;
    this.#hasStartedOver = true;
    queueMicrotask(() => {
      if (this.#state !== 'open') return;
      this.host.stopSync(this.id);
      this.#startSync(false);
    });
  }

  #startSync(isPositionGood: boolean): void {
    if (!isPositionGood) this.#position.forget();
    if (this.hasServer) this.host.startSync(this.id, this.#position.cursor, this.#unacked.list());
  }

  acked(version: ReadonlyMap<ReplicaId, number>): void {
    for (const [replica, seq] of version) {
      this.#position.commit(replica, seq);
      this.document.ledger(replica).markAcked(seq);
    }
    this.#count(-this.#unacked.settle(version));
    this.recorder.cursorMoved();
  }

  rejected(rejection: Rejection): void {
    const batch = this.#unacked.take(rejection.replica, rejection.seqFrom);
    if (!batch) return;
    this.#count(-opsOf(batch));
    if (rejection.code === 'replica_conflict') this.#resolveConflict(batch);
    else this.#refusals.take(batch, rejection);
    this.recorder.cursorMoved();
  }

  /** Our un-acked ops under that id become ops of a new one; the log is taken in again, with the other writer's ops. */
  #resolveConflict({ replica, seqFrom, seqTo }: Block): void {
    for (const batch of this.#unacked.list().filter((each) => each.replica === replica)) {
      seqTo = batch.seqTo;
      this.#count(-opsOf(this.#unacked.take(replica, batch.seqFrom)!));
    }
    this.#position.conflict(replica, true);
    void this.recorder.step(async () => {
      const fresh = this.host.newReplica();
      const seq = await writeAgain(this.#taking, { replica, seqFrom }, fresh);
      if (seq === null) return;
      this.#count(seq);
      this.document.ledger(replica).follow(this.document.ledger(fresh), seqTo, seq);
      this.#position.conflict(replica, false);
      this.#hasStartedOver = false;
      this.#startOver();
    });
  }

  // ---- housekeeping -------------------------------------------------------------------------------

  async #compact(): Promise<void> {
    if (this.host.isUnread(this.id)) return;
    // Not made now, it is made another time; the records are all there.
    await compactStored(this.host.storage, this.id, this.document.replica, this.hasServer ? this.#position.committed : null).catch(() => {});
  }

  /** Everything written so far is kept by the storage; with `durable` it is on the disk. */
  async stored(): Promise<void> {
    await this.ready;
    this.#flush();
    await this.recorder.idle;
  }

  async flushed(): Promise<void> {
    await this.stored();
    await this.host.durable();
  }

  /** Everything written so far is acked. */
  async synced(): Promise<void> {
    await this.flushed();
    await Promise.all([...this.#unacked.ends()].map(([replica, seq]) => this.document.ledger(replica).acked(seq)));
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#flush();
    this.#state = 'closed';
    this.#count(-this.#pendingOps);
    this.host.stopSync(this.id);
    const idle = this.recorder.close();
    this.host.closed(this.id, idle);
    const error = new HeadwaterError('closed', `document "${this.id}" was closed; what is durable is sent when it is opened again`, { document: this.id });
    void idle.then(() => this.host.durable()).catch(() => {}).then(() => this.document.abandon(error));
  }
}
