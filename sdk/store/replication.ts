// One document between its three places: the engine, this device's storage, the server.
//
//   edit → engine → (microtask) → storage, strict → pushed → acked
//   server's log → engine → storage, with the cursor
//
// Nothing is pushed that is not durable here: a push that the device then forgot would be an op of ours that we do not
// know. And a stored snapshot never contains un-acked own ops: should the server refuse one, what is stored can be
// read again without it.

import { HeadwaterError } from '../core/errors.js';
import { readBlocks, decodeVersion, encodeVersion, voidOf, type BatchInfo } from '../core/codec.js';
import { EngineDocument } from '../core/document.js';
import type { ReplicaId } from '../core/replica.js';
import type { Cursor, Storage, StoredDocument } from '../storage/storage.js';
import type { OwnBatch } from '../sync/connection.js';
import type { Attachment, Document } from './document.js';
import { Refused } from './rejected.js';

/** What a document's replication needs of its client. */
export interface ReplicationHost {
  readonly storage: Storage;
  readonly hasServer: boolean;
  readonly replica: ReplicaId;
  /** Whether ops of this replica may already be stored: then nothing may be written under it before they are loaded. */
  readonly isReplicaUsed: boolean;
  /** Every replica that has written on this device. */
  readonly own: Set<ReplicaId>;
  /** Makes a replica one of this device's; resolves when that is stored. */
  adopt(replica: ReplicaId): Promise<void>;
  newReplica(): ReplicaId;
  /** Resolves when every write made before is on the device's disk. */
  durable(): Promise<void>;
  startSync(document: string, cursor: Cursor | null, unacked: readonly OwnBatch[]): void;
  push(document: string, batches: readonly OwnBatch[]): void;
  stopSync(document: string): void;
  /** Marks a document as having un-acked ops, so that another session finds it. */
  markPending(document: string): Promise<void>;
  changed(): void;
  refused(refused: Refused): void;
  failed(error: HeadwaterError): void;
  closed(document: string): void;
}

/** Batches kept in memory for peers that ask by version; older ones they get as a snapshot. */
const logBytesMax = 4 * 2 ** 20;

/** Records after which a load makes a snapshot of them. */
const compactAfterRecords = 400;

export class Replication implements Attachment {
  readonly ready: Promise<void>;
  readonly #unacked: OwnBatch[] = [];
  readonly #serverVersion = new Map<ReplicaId, number>();
  #cursor: { epoch: string; lsn: number } | null = null;
  #isScheduled = false;
  #isLoaded = false;
  #isClosed = false;
  #isPendingMarked = false;
  /** The last of a chain of storage steps, which run one after another. */
  #steps: Promise<void> = Promise.resolve();
  #inFlight = 0;
  #isCursorDirty = false;
  /** The server did not know our position: what it had acked says nothing any more. */
  #isServerNew = false;

  constructor(readonly document: Document<any>, readonly host: ReplicationHost) {
    document.attach(this);
    // Own ops made before the load go under an id of their own; after it the session's is safe to use.
    if (host.isReplicaUsed) document.engine.replica = host.newReplica();
    this.ready = this.#load();
    this.ready.catch(() => {});
  }

  get hasServer(): boolean { return this.host.hasServer; }
  get id(): string { return this.document.id; }

  /** Own ops that the server has not acked. */
  get pending(): number {
    if (!this.host.hasServer) return 0;
    const engine = this.document.engine;
    const replicas = new Set([engine.replica, ...this.#unacked.map(({ replica }) => replica)]);
    let count = 0;
    for (const replica of replicas) count += Math.max(0, engine.seqOf(replica) - this.#ackedSeq(replica));
    return count;
  }

  #ackedSeq(replica: ReplicaId): number { return this.#serverVersion.get(replica) ?? 0; }

  // ---- loading ------------------------------------------------------------------------------------

  async #load(): Promise<void> {
    const stored = await this.host.storage.load(this.id);
    if (this.#isClosed) return;
    this.#takeIn(stored);
    // A hole in what is stored may have been our own ops: their numbers must not be given out again.
    if (stored.quarantined > 0) this.document.engine.replica = this.host.newReplica();
    else if (this.host.isReplicaUsed) this.document.engine.replica = this.host.replica;
    this.#isLoaded = true;
    if (this.host.hasServer) this.host.startSync(this.id, this.#storedCursor(), [...this.#unacked]);
    this.changed();
    this.host.changed();
    if (stored.records.length > compactAfterRecords) this.#step(() => this.#compact());
  }

  #takeIn(stored: StoredDocument): void {
    const version = stored.cursor ? decodeVersion(stored.cursor.acked) : new Map<ReplicaId, number>();
    for (const [replica, seq] of version) this.#sawCommitted(replica, seq);
    if (stored.cursor) this.#cursor = { epoch: stored.cursor.epoch, lsn: stored.cursor.lsn };
    const blocks = withoutVoided(stored);
    if (stored.snapshot) this.#apply(stored.snapshot);
    if (!this.#apply(join(blocks.map(({ bytes }) => bytes)))) for (const { bytes } of blocks) this.#apply(bytes);
    for (const { info, bytes } of blocks) this.#keepUnacked(info, bytes);
    if (stored.quarantined > 0) {
      this.host.failed(new HeadwaterError('corrupt_record', `${stored.quarantined} stored records of "${this.id}" failed their check and were set aside; the rest is loaded`, { document: this.id, count: stored.quarantined }));
    }
  }

  #apply(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    try {
      this.document.receive(bytes);
      return true;
    } catch (error) {
      if (error instanceof HeadwaterError) this.host.failed(error);
      return false;
    }
  }

  #keepUnacked(info: BatchInfo, bytes: Uint8Array): void {
    if (info.kind !== 'batch' || !this.host.own.has(info.replica) || info.seqTo <= this.#ackedSeq(info.replica)) return;
    if (this.#unacked.some(({ replica, seqFrom }) => replica === info.replica && seqFrom === info.seqFrom)) return;
    this.#unacked.push(batchOf({ info, bytes }));
  }

  // ---- own ops ------------------------------------------------------------------------------------

  changed(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#flushNow());
  }

  imported(bytes: Uint8Array): void {
    const batches = readBlocks(bytes).filter(({ kind }) => kind !== 'snapshot');
    this.#step(async () => {
      for (const replica of new Set(batches.map((batch) => batch.replica))) await this.host.adopt(replica);
      await this.#store([bytes]);
    });
  }

  #flushNow(): void {
    this.#isScheduled = false;
    if (this.document.engine.isFreed) return;
    const updates = this.document.take();
    if (this.document.engine.logBytes() > logBytesMax) this.document.engine.trim();
    if (updates.length > 0 || this.#isCursorDirty) this.#step(() => this.#store(updates));
  }

  async #store(updates: Uint8Array[]): Promise<void> {
    const blocks = updates.flatMap(split);
    await this.#adoptAuthors(blocks);
    if (this.host.hasServer && blocks.length > 0 && !this.#isPendingMarked) {
      this.#isPendingMarked = true;
      await this.host.markPending(this.id);
    }
    this.#isCursorDirty = false;
    const cursor = this.#storedCursor() ?? undefined;
    await this.host.storage.append([{ document: this.id, records: blocks.map(({ bytes }) => bytes), cursor }], { strict: blocks.length > 0 });
    this.#stored(blocks);
  }

  async #adoptAuthors(blocks: Block[]): Promise<void> {
    for (const { info } of blocks) {
      if (info.kind === 'batch' && !this.host.own.has(info.replica)) await this.host.adopt(info.replica);
    }
  }

  #stored(blocks: Block[]): void {
    const batches = blocks.filter(({ info }) => info.kind === 'batch').map(batchOf);
    if (batches.length === 0) return;
    if (this.host.hasServer) {
      this.#unacked.push(...batches);
      if (this.#isLoaded) this.host.push(this.id, batches);
    }
    this.host.durable().then(() => {
      for (const batch of batches) this.document.ledger(batch.replica).markDurable(batch.seqTo);
    }, () => {});
    this.host.changed();
  }

  // ---- what the server says -----------------------------------------------------------------------

  /** New entries of the log. An exception means they are not taken in and the position stays. */
  receive(bytes: Uint8Array, cursor: { epoch: string; lsn: number }): void {
    if (bytes.length === 0) this.#isServerNew = true;
    const blocks = split(bytes);
    const news = blocks.filter(({ info }) => this.#isNews(info));
    const voided = blocks.filter(({ info }) => this.#voidsOwn(info));
    if (news.length > 0) this.document.receive(bytes);
    for (const { info } of blocks) if (info.kind !== 'snapshot') this.#sawCommitted(info.replica, info.seqTo);
    this.#cursor = cursor;
    this.#storeReceived([...news, ...voided]);
    for (const { info } of voided) {
      this.refuse({ ...info, code: 'depends_on_rejected', message: 'the server refused this op' });
    }
  }

  #isNews(info: BatchInfo): boolean {
    return info.kind === 'snapshot' || info.seqTo > this.document.engine.seqOf(info.replica);
  }

  /** A void in place of an op this document still holds. */
  #voidsOwn(info: BatchInfo): boolean {
    return info.kind === 'void' && this.#unacked.some((batch) => batch.replica === info.replica && batch.seqFrom === info.seqFrom);
  }

  #storeReceived(blocks: Block[]): void {
    if (blocks.length === 0) {
      this.#isCursorDirty = true;
      return void setTimeout(() => this.changed(), 250);
    }
    this.#step(async () => {
      await this.host.storage.append([{ document: this.id, records: blocks.map(({ bytes }) => bytes), cursor: this.#storedCursor() ?? undefined }]);
    });
  }

  acked(version: ReadonlyMap<ReplicaId, number>): void {
    const lost = this.#lostBy(version);
    if (lost.length > 0) this.#offerAgain(lost, version);
    for (const [replica, seq] of version) {
      this.#sawCommitted(replica, seq);
      if (this.host.own.has(replica)) this.document.ledger(replica).markAcked(seq);
    }
    const rest = this.#unacked.filter((batch) => batch.seqTo > this.#ackedSeq(batch.replica));
    if (rest.length < this.#unacked.length) this.#unacked.splice(0, this.#unacked.length, ...rest);
    this.#isCursorDirty = true;
    setTimeout(() => this.changed(), 250);
    this.host.changed();
  }

  /** Own replicas of which the server has less than it had acked: it was put back to an earlier day. */
  #lostBy(version: ReadonlyMap<ReplicaId, number>): ReplicaId[] {
    if (this.#isServerNew) {
      this.#isServerNew = false;
      return [...this.host.own].filter((replica) => this.document.engine.seqOf(replica) > (version.get(replica) ?? 0));
    }
    return [...version].filter(([replica, seq]) => this.host.own.has(replica) && seq < this.#ackedSeq(replica)).map(([replica]) => replica);
  }

  #offerAgain(replicas: ReplicaId[], version: ReadonlyMap<ReplicaId, number>): void {
    for (const replica of replicas) this.#serverVersion.set(replica, version.get(replica) ?? 0);
    const blocks = split(this.document.engine.export(encodeVersion(version)));
    const batches = blocks.filter(({ info }) => info.kind === 'batch' && replicas.includes(info.replica)).map(batchOf);
    const news = batches.filter((batch) => !this.#unacked.some(({ replica, seqFrom }) => replica === batch.replica && seqFrom === batch.seqFrom));
    this.#unacked.unshift(...news);
    if (news.length > 0) this.host.push(this.id, news);
    if (blocks.some(({ info }) => info.kind === 'snapshot')) {
      this.host.failed(new HeadwaterError('unavailable', `the server has lost ops of "${this.id}" that are kept here only as a snapshot; export it and import it anew`, { document: this.id }));
    }
  }

  #sawCommitted(replica: ReplicaId, seq: number): void {
    if (seq > this.#ackedSeq(replica)) this.#serverVersion.set(replica, seq);
  }

  #storedCursor(): Cursor | null {
    return this.#cursor && { ...this.#cursor, acked: encodeVersion(this.#serverVersion) };
  }

  // ---- refused ops --------------------------------------------------------------------------------

  /** The server has put a void in an op's place: read the document again without it. */
  refuse(rejection: { replica: ReplicaId; seqFrom: number; seqTo: number; code: HeadwaterError['code']; message: string }): void {
    const { replica, seqFrom, seqTo, code, message } = rejection;
    const batch = this.#unacked.find((each) => each.replica === replica && each.seqFrom === seqFrom);
    if (!batch) return;
    this.#unacked.splice(this.#unacked.indexOf(batch), 1);
    const error = new HeadwaterError(code, message, { document: this.id, replica, seqFrom, seqTo });
    this.document.ledger(replica).refuse(seqFrom, seqTo, error);
    this.host.refused(new Refused(this.id, replica, seqFrom, seqTo, error, batch.bytes));
    this.#flushNow();
    this.#step(() => this.#rebuildWithout(batch));
    this.host.changed();
  }

  async #rebuildWithout(batch: OwnBatch): Promise<void> {
    await this.host.storage.append([{ document: this.id, records: [voidOf(batch.bytes)] }], { strict: true });
    const stored = await this.host.storage.load(this.id);
    if (this.#isClosed) return;
    const engine = new EngineDocument(this.document.engine.replica);
    if (stored.snapshot) engine.apply(stored.snapshot);
    for (const { bytes, info } of withoutVoided(stored)) applyOrVoid(engine, info, bytes);
    for (const bytes of this.document.take()) {
      for (const { info, bytes: block } of split(bytes)) applyOrVoid(engine, info, block);
      this.#step(() => this.#store([bytes]));
    }
    this.document.rebuild(engine);
  }

  // ---- housekeeping -------------------------------------------------------------------------------

  /** Makes a snapshot of what is stored, unless it holds own ops the server may still refuse. */
  async #compact(): Promise<void> {
    const stored = await this.host.storage.load(this.id);
    const last = stored.records.at(-1)?.position;
    if (last === undefined || this.#isClosed || this.#hasUnacked(stored)) return;
    const engine = new EngineDocument(this.document.engine.replica);
    try {
      if (stored.snapshot) engine.apply(stored.snapshot);
      for (const { bytes } of withoutVoided(stored)) engine.apply(bytes);
      if (engine.waiting() === 0) await this.host.storage.compact(this.id, engine.snapshot(), last);
    } finally {
      engine.free();
    }
  }

  #hasUnacked(stored: StoredDocument): boolean {
    if (!this.host.hasServer) return false;
    const acked = stored.cursor ? decodeVersion(stored.cursor.acked) : new Map<ReplicaId, number>();
    return withoutVoided(stored).some(({ info }) => this.host.own.has(info.replica) && info.seqTo > (acked.get(info.replica) ?? 0));
  }

  /** Runs a storage step after those before it. One that fails is reported; the next still runs. */
  #step(work: () => Promise<void>): Promise<void> {
    this.#inFlight++;
    this.#steps = this.#steps.then(work).catch((error: unknown) => this.host.failed(asFailure(error))).finally(() => { this.#inFlight--; });
    return this.#steps;
  }

  /** Everything written so far is on the device. */
  async flushed(): Promise<void> {
    await this.ready;
    this.#flushNow();
    await this.#steps;
    await this.host.durable();
  }

  /** Everything written so far is acked. */
  async synced(): Promise<void> {
    await this.flushed();
    const targets = new Map(this.#unacked.map(({ replica, seqTo }) => [replica, seqTo]));
    await Promise.all([...targets].map(([replica, seq]) => this.document.ledger(replica).acked(seq)));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#flushNow();
    this.#isClosed = true;
    this.host.stopSync(this.id);
    this.host.closed(this.id);
    const error = new HeadwaterError('closed', `document "${this.id}" was closed; what is durable is sent when it is opened again`, { document: this.id });
    void this.#step(async () => {
      await this.host.durable().catch(() => {});
      this.document.abandon(error);
      this.document.engine.free();
    });
  }

  /** Resolves when everything begun is stored. */
  get idle(): Promise<void> { return this.#steps; }
}

interface Block { info: BatchInfo; bytes: Uint8Array }

function batchOf({ info, bytes }: Block): OwnBatch {
  return { replica: info.replica, seqFrom: info.seqFrom, seqTo: info.seqTo, bytes };
}

function split(update: Uint8Array): Block[] {
  return readBlocks(update).map((info) => ({ info, bytes: update.slice(info.offset, info.offset + info.length) }));
}

/** The stored blocks, without those a void among them takes the place of. */
function withoutVoided(stored: StoredDocument): Block[] {
  const blocks = stored.records.flatMap(({ bytes }) => split(bytes));
  const voided = new Set(blocks.filter(({ info }) => info.kind === 'void').map(({ info }) => nameOf(info)));
  return blocks.filter(({ info }) => info.kind !== 'batch' || !voided.has(nameOf(info)));
}

function nameOf({ replica, seqFrom }: BatchInfo): string { return `${replica}/${seqFrom}`; }

/** An op that built on a refused one cannot be applied any more; the server will refuse it too. */
function applyOrVoid(engine: EngineDocument, info: BatchInfo, bytes: Uint8Array): void {
  try {
    engine.apply(bytes);
  } catch (error) {
    if (info.kind !== 'batch' || !(error instanceof HeadwaterError)) throw error;
    engine.apply(voidOf(bytes));
  }
}

function join(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function asFailure(error: unknown): HeadwaterError {
  if (error instanceof HeadwaterError) return error;
  return new HeadwaterError('internal', error instanceof Error ? error.message : String(error));
}
