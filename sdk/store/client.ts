// The client: documents, the device's storage, the line to the server, and what an app wants to know of them.

import { clockErrorMsMax, type ClockSample, type ClockState, type DeviceClock } from '../core/clock.js';
import { decodeVersion, encodeVersion } from '../core/codec.js';
import { asHeadwaterError, HeadwaterError } from '../core/errors.js';
import { newReplicaId, type ReplicaId } from '../core/replica.js';
import type { JsonValue } from '../core/values.js';
import { checkDocumentId, isDocumentId } from '../wire/limits.js';
import { writeClockState } from '../storage/clock-state.js';
import { askToPersist } from '../storage/persist.js';
import type { ReplicaClaim } from '../storage/replicas.js';
import type { ResilientStorage } from '../storage/resilient.js';
import type { Cursor } from '../storage/storage.js';
import { Connection, type ConnectionOptions, type ConnectionPorts, type ConnectionStatus, type OwnBatch } from '../sync/connection.js';
import { TabsConnection, type Line, type TabChannel, type TabPorts, type TabsHost } from '../sync/tabs-connection.js';
import { Awake } from './awake.js';
import { nameOf, splitUpdate, type Block } from './blocks.js';
import type { Counter } from './counter.js';
import { Document, type Fields } from './document.js';
import { Presence } from './presence.js';
import type { Writers } from './recorder.js';
import { Inbox, type Refused, type RejectedList } from './rejected.js';
import { Replication, type ReplicationHost } from './replication.js';
import type { DocumentSet } from './set.js';
import { StatusBoard, type Status } from './status.js';
import type { Text } from './text.js';
import type { Correction } from './restamp.js';
import { Undo, checkUndoOptions, undoKey, type UndoOptions } from './undo.js';
import { laterWrite, type Write } from './write.js';

/** What `open` has made ready. */
export interface ClientParts {
  /** Names the store on this device. */
  name: string;
  storage: ResilientStorage;
  claim: ReplicaClaim;
  clock: DeviceClock;
  /** Null is a client without a server. */
  ports: ConnectionPorts | null;
  token: ConnectionOptions['token'];
  /** Null is a client that is alone with its line, as where there are no Web Locks. */
  tabs: TabPorts | null;
  /** Bytes of engine memory. */
  memoryLimit: number;
}

interface Opened { document: Document<any>; replication: Replication }

/** A line between the tabs of this device that does not keep a process alive. */
function channelOf(name: string): BroadcastChannel | null {
  if (typeof BroadcastChannel === 'undefined') return null;
  const channel = new BroadcastChannel(name);
  (channel as { unref?(): void }).unref?.();
  return channel;
}

/** A session's note that it has un-acked ops in a document. */
interface Mark { key: string; tab: ReplicaId; id: string }

const pendingPrefix = 'pending/';
const removedPrefix = 'removed/';
/** Documents opened at a time to send what earlier sessions left: a device may hold thousands. */
const resumedMax = 16;
/** A note that all may have been sent. */
const allSent = new Uint8Array(0);
/** The other tabs have heard by then, and what they had on its way to the storage is there. */
const tabsHearMs = 50;

export class Client {
  readonly replica: ReplicaId;
  /** Writes the server refused, oldest first: to be looked at, written again or let go. Every tab has the same. */
  readonly rejected: RejectedList;
  readonly status: { get(): Status; subscribe(listener: (status: Status) => void): () => void };
  readonly #board = new StatusBoard(() => this.#readStatus());
  readonly #line: Line | null;
  /** The same, where tabs share one. */
  readonly #tabs: TabsConnection | null;
  readonly #opened = new Map<string, Opened>();
  /** Documents that are closed and still store what they had. */
  readonly #closing = new Map<string, Promise<void>>();
  /** Closed documents of which this session may have stored ops. */
  readonly #touched = new Set<string>();
  /** The ids that this session has written under. */
  readonly #authors: Set<ReplicaId>;
  /** Documents opened only to send what an earlier session left, or to look at them: by how many visits. */
  readonly #visits = new Map<string, number>();
  readonly #presences = new Map<string, Presence<any>>();
  readonly #undos = new Map<string, Undo>();
  readonly #host: ReplicationHost;
  readonly #inbox: Inbox;
  /** Between the inboxes of this device's tabs. */
  readonly #inboxes: TabChannel | undefined;
  #resuming: Promise<unknown> = Promise.resolve();
  #settling: Promise<void> = Promise.resolve();
  /** The server has told the time, and since then the line has been good, for all this tab knows. */
  #isSending = false;
  /** Where tabs share a line: what may still come from one that has not heard. */
  readonly #stampedAgain = new Map<string, OwnBatch>();
  /** Counts the times the line was lost. */
  #losses = 0;
  #lineStatus: ConnectionStatus = { connection: 'offline' };
  #error: HeadwaterError | undefined;
  #pending = 0;
  #isPersisted: boolean | undefined;
  #closed: Promise<void> | null = null;

  readonly #parts: ClientParts;
  readonly #awake: Awake;

  /** Apps call `open`. */
  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.replica = parts.claim.replica;
    this.#awake = new Awake(parts.memoryLimit);
    this.#authors = new Set([this.replica]);
    this.status = { get: () => this.#board.get(), subscribe: (listener) => this.#board.subscribe(listener) };
    const { ports, tabs, token } = parts;
    const options = { replica: this.replica, token };
    const host = this.#lineHost();
    this.#tabs = tabs && new TabsConnection(ports, tabs, host, options);
    this.#line = this.#tabs ?? (ports && new Connection(ports, host, options));
    this.#host = this.#hostFor(parts);
    this.#inboxes = tabs?.channel(`headwater/rejected/${tabs.name}`);
    if (this.#inboxes) this.#inboxes.onmessage = ({ data }) => this.#heard(data);
    this.rejected = this.#inbox = this.#newInbox(parts);
    parts.clock.onGap = () => this.#line?.redial();
  }

  get isClosed(): boolean { return this.#closed !== null; }

  /** Bytes of engine memory that its documents take; see `memoryLimit` in `open`. */
  get memoryBytes(): number { return this.#awake.bytes; }

  // ---- documents ----------------------------------------------------------------------------------

  /** The document of an id; the same object until it is closed. It loads by itself; editing need not wait. */
  document<T extends object = Fields>(id: string): Document<T> {
    this.#visits.delete(id);
    return this.#open(id).document as Document<T>;
  }

  /** The text of a document that is one text. */
  text(id: string): Text { return this.document(id).getText('text'); }
  counter(id: string): Counter { return this.document(id).getCounter('counter'); }
  set<V = JsonValue>(id: string): DocumentSet<V> { return this.document(id).getSet<V>('set'); }

  /** Ids of the documents on this device, sorted. */
  async documents(): Promise<string[]> {
    this.#checkOpen();
    const stored = await this.#parts.storage.documents();
    const edited = [...this.#opened.values()].map(({ document }) => document).filter((document) => !document.isEmpty);
    return [...new Set([...stored, ...edited.map(({ id }) => id)])].sort();
  }

  /** Removes a document from this device, and what of it is not acked; the server keeps what it has. */
  async remove(id: string): Promise<void> {
    this.#checkId(id);
    this.#opened.get(id)?.document.close();
    const removed = (this.#closing.get(id) ?? Promise.resolve()).then(() => this.#removeStored(id));
    this.#settleBefore(id, removed.catch(() => {}));
    await removed;
  }

  /** The note comes first: whoever writes here again must not give out numbers that the server knows. */
  async #removeStored(id: string): Promise<void> {
    const { storage } = this.#parts;
    await storage.writeMeta(removedPrefix + id, new Uint8Array(0));
    await this.#inbox.discardOf(id);
    await storage.remove(id);
    await Promise.all((await this.#marks()).filter((mark) => mark.id === id).map(({ key }) => storage.writeMeta(key, null)));
  }

  #open(id: string): Opened {
    this.#checkId(id);
    let opened = this.#opened.get(id);
    if (!opened) {
      const document = new Document<any>(id, this.replica, true);
      document.clock = this.#parts.clock;
      const isReplicaUsed = this.#parts.claim.isUsed || this.#touched.has(id);
      opened = { document, replication: new Replication(document, this.#host, { isReplicaUsed, after: this.#closing.get(id) ?? Promise.resolve() }) };
      this.#opened.set(id, opened);
      for (const undo of this.#undos.values()) undo.attach(document);
      opened.replication.ready.catch((error: unknown) => this.#fail(asHeadwaterError(error)));
    }
    return opened;
  }

  #checkId(id: string): void {
    this.#checkOpen();
    checkDocumentId(id);
  }

  // ---- undo ---------------------------------------------------------------------------------------

  /** Undo and redo of what is edited from now on, and of what earlier sessions and other tabs left. One per name. */
  undo(options: UndoOptions = {}): Undo {
    this.#checkOpen();
    checkUndoOptions(options);
    const key = undoKey(options);
    let undo = this.#undos.get(key);
    if (!undo) {
      undo = new Undo(options, {
        document: (id) => this.document(id),
        storage: this.#parts.storage,
        now: Date.now,
        channel: channelOf(`headwater/${this.#parts.name}/undo`),
      });
      this.#undos.set(key, undo);
      for (const { document } of this.#opened.values()) undo.attach(document);
    }
    return undo;
  }

  // ---- refused writes -----------------------------------------------------------------------------

  #newInbox({ storage }: ClientParts): Inbox {
    return new Inbox({
      storage,
      writeAgain: (refused, notes) => this.#writeAgain(refused, notes),
      changed: () => this.#board.changed(),
      failed: (error) => this.#fail(error),
      post: (keys) => this.#inboxes?.postMessage(keys),
    });
  }

  /** At once where its document is loaded; else when it is, and it stays open until that is acked. */
  #writeAgain({ document: id, changes }: Refused, notes: Parameters<Replication['writeAgain']>[1]): Write {
    this.#checkOpen();
    const replication = this.#opened.get(id)?.replication;
    if (replication?.isLoaded) {
      const write = replication.writeAgain(changes, notes);
      if (this.#visits.has(id)) void this.visit(id, () => write.acked.catch(() => {}));
      return write;
    }
    return laterWrite(new Promise((resolve, reject) => {
      this.visit(id, async (_, opened) => {
        const write = opened.writeAgain(changes, notes);
        resolve(write);
        await write.acked.catch(() => {});
      }).catch(reject);
    }));
  }

  /** Another tab says that these have changed on the device. */
  #heard(keys: unknown): void {
    if (this.#closed || !Array.isArray(keys) || !keys.every((key) => typeof key === 'string')) return;
    this.#inbox.heard(keys).catch((error: unknown) => this.#fail(asHeadwaterError(error)));
  }

  /** What earlier sessions left in the inbox. */
  async loadRejected(): Promise<void> { await this.#inbox.load().catch((error: unknown) => this.#fail(asHeadwaterError(error))); }

  /** For a backup. */
  get inbox(): Inbox { return this.#inbox; }

  // ---- presence -----------------------------------------------------------------------------------

  /** Who is at a document. Opens it, since the server tells only those who follow it. */
  presence<P = JsonValue>(documentId: string): Presence<P> {
    this.document(documentId);
    return this.#presenceOf(documentId) as Presence<P>;
  }

  /** Kept from the first value that comes: who was there before the app asks is there. */
  #presenceOf(id: string): Presence<any> {
    let presence = this.#presences.get(id);
    if (!presence) this.#presences.set(id, presence = new Presence<any>(id, this.replica, (state) => this.#sendPresence(id, state)));
    return presence;
  }

  /** Before the document is loaded and subscribed to, nothing goes out; `startSync` sends what is shown then. */
  #sendPresence(id: string, state: Uint8Array | null): void {
    this.#checkOpen();
    if (this.#opened.has(id)) this.#line?.setPresence(id, state);
  }

  // ---- going on and off ---------------------------------------------------------------------------

  /** Own ops that the server has not acked. */
  get pending(): number { return this.#pending; }

  /** Resolves when all local writes made so far are stored on this device. */
  async flushed(): Promise<void> {
    this.#checkOpen();
    await Promise.all([...this.#replications.map((replication) => replication.flushed()), ...this.#closing.values()]);
    await this.#parts.storage.durable();
  }

  /** Resolves when all local writes made so far are acked; rejects when the server refused one. */
  async synced(): Promise<void> {
    this.#checkOpen();
    if (!this.#parts.ports) throw new HeadwaterError('not_attached', 'there is no server to sync with; give open() a server');
    await this.#tabs?.decided;
    await Promise.all([...this.#replications.map((replication) => replication.synced()), this.#resuming]);
  }

  connect(): void {
    this.#checkOpen();
    this.#line?.connect();
  }

  disconnect(): void { this.#line?.disconnect(); }

  /** Stores what is left, leaves, and frees everything. What is not acked is sent by the next session. */
  close(): Promise<void> { return (this.#closed ??= this.#close()); }

  async #close(): Promise<void> {
    for (const { document } of [...this.#opened.values()]) document.close();
    this.#line?.disconnect();
    await Promise.all([...this.#undos.values()].map((undo) => undo.close()));
    await Promise.all(this.#closing.values());
    // The other tabs look for what this one left when it has gone.
    this.#line?.dispose();
    await this.#parts.storage.close();
    this.#inboxes?.close();
    this.#parts.claim.release();
    this.#board.close();
  }

  /** Notes of sessions that had un-acked ops in a document, each session's its own: none may take back another's. */
  async #marks(): Promise<Mark[]> {
    const keys = await this.#parts.storage.metaKeys(pendingPrefix).catch(() => [] as string[]);
    const parts = keys.map((key) => ({ key, tab: key.slice(pendingPrefix.length, pendingPrefix.length + 16), id: key.slice(pendingPrefix.length + 17) }));
    return parts.filter(({ id }) => isDocumentId(id));
  }

  /** What a note says. */
  async #writersOf(key: string): Promise<Map<ReplicaId, number>> {
    return decodeVersion(await this.#parts.storage.readMeta(key).catch(() => undefined) ?? allSent);
  }

  /** Sends what earlier sessions left un-acked, also in documents nobody opens now. */
  async resume(): Promise<void> {
    if (!this.#parts.ports) return;
    // Ours may be of an earlier session under this id.
    const isNow = (id: string) => this.#opened.get(id)?.replication.recorder.isMarked === true;
    const marks = (await this.#marks()).filter(({ tab, id }) => tab !== this.replica || !isNow(id));
    this.#resuming = this.#each(marks.map(({ id }) => id), (id) => this.#resumeOne(id, marks.filter((mark) => mark.id === id && !this.#tabs?.isAlive(mark.tab))));
  }

  /** Some of these documents at a time. What fails for one, fails for one. */
  async #each(ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
    const left = [...new Set(ids)];
    const next = async () => {
      for (let id = left.shift(); id !== undefined && !this.#closed; id = left.shift()) await work(id).catch(() => {});
    };
    await Promise.all(Array.from({ length: Math.min(resumedMax, left.length) }, next));
  }

  /** Opened already, it may lack what a tab stored and did not live to tell. */
  #resumeOne(id: string, marks: readonly Mark[]): Promise<void> {
    this.#opened.get(id)?.replication.reload();
    return this.visit(id, async (_, replication) => {
      const others = marks.filter(({ tab }) => tab !== this.replica);
      if (others.length < marks.length) {
        replication.recorder.isMarked = true;
        replication.recorder.restLater();
      }
      await replication.answered();
      if (replication.exchange.isSettled) await Promise.all(others.map(({ key }) => this.#parts.storage.writeMeta(key, null)));
    });
  }

  /** Opens a document for as long as `work` takes, unless the app has it open anyway. */
  async visit<T>(id: string, work: (document: Document<any>, replication: Replication) => Promise<T>): Promise<T> {
    const isVisit = !this.#opened.has(id) || this.#visits.has(id);
    if (isVisit) this.#visits.set(id, (this.#visits.get(id) ?? 0) + 1);
    const { document, replication } = this.#open(id);
    try {
      await document.ready;
      return await work(document, replication);
    } finally {
      if (isVisit && this.#isLastVisit(id)) document.close();
    }
  }

  #isLastVisit(id: string): boolean {
    const left = (this.#visits.get(id) ?? 0) - 1;
    if (left > 0) this.#visits.set(id, left);
    return left === 0 && this.#visits.delete(id);
  }

  // ---- the clock ----------------------------------------------------------------------------------

  /** The server has told the time. What is not sent yet is stamped by it before anything is sent. */
  async #measured(sample: ClockSample, isWelcome: boolean): Promise<void> {
    const { clock } = this.#parts;
    const { state } = clock;
    const movedMs = clock.measure(sample);
    // The line that it came by was given up at that.
    if (movedMs === null) return;
    this.#tabs?.tellClock(clock.aheadMs);
    if (!isWelcome) return;
    const isOff = Math.abs(movedMs) > clockErrorMsMax;
    const correction = isOff ? { movedMs, state: { ...state }, knownMs: clock.now() } : null;
    const losses = this.#losses;
    this.#settling = this.#settling.then(() => this.#settle(correction));
    await this.#settling;
    if (losses !== this.#losses) return;
    await this.#noteSending();
    await this.#storeClock(clock.settle());
  }

  /** What has not been sent is stamped again. */
  async #settle(correction: Correction | null): Promise<void> {
    if (!correction) return;
    if (this.#tabs) await new Promise((resolve) => setTimeout(resolve, tabsHearMs));
    const marks = await this.#marks();
    await this.#each([...marks.map(({ id }) => id), ...this.#busy.map(({ id }) => id)], async (id) => {
      const notes = await Promise.all(marks.filter((mark) => mark.id === id).map(({ key }) => this.#writersOf(key)));
      await this.#correct(id, correction, notes);
    });
  }

  #correct(id: string, correction: Correction, notes: readonly Writers[]): Promise<void> {
    const isNoted = ({ replica, seqFrom }: Block) => notes.some((writers) => seqFrom >= (writers.get(replica) ?? Infinity));
    return this.visit(id, async (_, { exchange, recorder }) => {
      const again = await exchange.stampAgain(correction, (block) => isNoted(block) || recorder.isUnsent(block));
      for (const block of this.#tabs ? again : []) this.#stampedAgain.set(`${id}/${nameOf(block.replica, block.seqFrom)}`, block);
    });
  }

  /** From here on nothing that is stored may be stamped again. */
  async #noteSending(): Promise<void> {
    this.#startSending();
    const { storage } = this.#parts;
    await Promise.all((await this.#marks()).map(async ({ key }) => {
      if ((await storage.readMeta(key))?.length) await storage.writeMeta(key, allSent);
    })).catch(() => {});
  }

  #stopSending(): void {
    this.#losses++;
    this.#isSending = false;
  }

  #startSending(): void {
    this.#isSending = true;
    for (const { recorder } of this.#busy) recorder.sending();
  }

  /** Another tab has heard the time; it sees to what is stored. */
  #clockTold(aheadMs: number): void {
    const { clock } = this.#parts;
    const state = { ...clock.state };
    const movedMs = clock.adopt(aheadMs);
    this.#startSending();
    if (Math.abs(movedMs) <= clockErrorMsMax) return;
    const correction = { movedMs, state, knownMs: clock.now() };
    for (const { exchange, recorder } of this.#busy) {
      void exchange.stampAgain(correction, (block) => recorder.isUnstoredOwn(block));
    }
  }

  /** A device that cannot keep it goes without. */
  async #storeClock(state: ClockState | null): Promise<void> {
    if (state) await writeClockState(this.#parts.storage, state).catch(() => {});
  }

  // ---- wiring -------------------------------------------------------------------------------------

  get #replications(): Replication[] { return [...this.#opened.values()].map(({ replication }) => replication); }

  /** Those of which something may be unsent. */
  get #busy(): Replication[] { return this.#replications.filter(({ isAtRest }) => !isAtRest); }

  #lineHost(): TabsHost {
    const to = (document: string) => this.#opened.get(document)?.replication.exchange;
    return {
      receive: (document, blocks, cursor) => to(document)?.receive(blocks, cursor),
      subscribed: (document, version) => to(document)?.subscribed(version),
      acked: (document, version) => to(document)?.acked(version),
      rejected: (document, rejection) => to(document)?.rejected(rejection),
      presence: (document, replica, state, user) => { if (this.#opened.has(document)) this.#presenceOf(document).received(replica, state, user); },
      status: (line) => {
        this.#lineStatus = line;
        if (line.connection === 'offline' || line.connection === 'connecting') this.#stopSending();
        this.#board.changed();
      },
      edited: (document, blocks, isStored) => to(document)?.edited(splitUpdate(blocks), isStored),
      again: (document, isLeader) => this.#syncAgain(document, isLeader),
      measured: (sample, isWelcome) => this.#measured(sample, isWelcome),
      clock: (aheadMs) => this.#clockTold(aheadMs),
      latest: (document, batches) => batches.map((batch) => this.#stampedAgain.get(`${document}/${nameOf(batch.replica, batch.seqFrom)}`) ?? batch),
      ended: () => void this.resume(),
    };
  }

  /** Who leads the tabs knows nothing of what is open here. What a tab that ended had stored is sent by who leads next. */
  #syncAgain(document: string | null, isLeader: boolean): void {
    for (const [id, presence] of this.#presences) if (id === (document ?? id)) presence.forget();
    for (const [id, { replication }] of this.#opened) {
      if (id !== (document ?? id)) continue;
      replication.recorder.isMarked = false;
      replication.exchange.again();
    }
    if (isLeader) this.#resuming = this.resume().then(() => this.#resuming);
  }

  #hostFor({ storage, ports, clock }: ClientParts): ReplicationHost {
    const line = this.#line;
    const isSending = () => this.#isSending;
    return {
      storage,
      get isSending() { return isSending(); },
      hasServer: ports !== null,
      replica: this.replica,
      newReplica: () => this.#newReplica(),
      alone: (document, work) => this.#tabs?.alone(document, work) ?? work(),
      isAuthor: (replica) => this.#authors.has(replica),
      isDegraded: () => storage.status.storage === 'degraded',
      rewriteHeld: (document, rewrite) => storage.rewriteHeld(document, rewrite),
      durable: () => storage.durable(),
      isUnread: (document) => storage.status.unread.includes(document),
      isRemoved: async (document) => (await storage.readMeta(removedPrefix + document)) !== undefined,
      startSync: (document, cursor, unacked) => this.#startSync(document, cursor, unacked),
      push: (document, batches) => line?.push(document, batches, storage.status.storage === 'ok'),
      reserveClock: async () => { for (let state = clock.reserve(); state; state = clock.reserve()) await this.#storeClock(state); },
      stopSync: (document) => line?.close(document),
      isLive: (document) => line?.isLive(document) ?? false,
      markPending: async (document, writers) => {
        // There is something worth keeping now.
        if (storage.kind !== 'memory') void askToPersist().then((isPersisted) => this.#persisted(isPersisted));
        const key = [pendingPrefix, this.replica, '/', document].join('');
        // Of an earlier session under this id it names lower seqs.
        const all = writers && new Map([...writers, ...await this.#writersOf(key)]);
        await storage.writeMeta(key, all && (this.#isSending ? allSent : encodeVersion(all)));
      },
      changed: (pendingOps) => {
        this.#pending += pendingOps;
        this.#board.changed();
      },
      refused: (refusal) => {
        const { document, replica, seqFrom, seqTo } = refusal;
        for (const undo of this.#undos.values()) undo.refused(document, replica, seqFrom, seqTo);
        return this.#inbox.take(refusal);
      },
      noted: (keys) => void storage.durable().then(() => this.#inboxes?.postMessage(keys), () => {}),
      failed: (error) => this.#fail(error),
      closed: (document, idle) => this.#forget(document, idle),
      grew: (document) => this.#awake.grew(document),
    };
  }

  #startSync(document: string, cursor: Cursor | null, unacked: readonly OwnBatch[]): void {
    this.#line?.open(document, cursor, unacked);
    const shown = this.#presences.get(document)?.encoded;
    if (shown) this.#line?.setPresence(document, shown);
  }

  #forget(id: string, idle: Promise<void>): void {
    const opened = this.#opened.get(id);
    if (opened) this.#awake.forget(opened.document);
    this.#opened.delete(id);
    this.#touched.add(id);
    this.#presences.delete(id);
    this.#settleBefore(id, idle);
  }

  /** Whoever opens this document again waits until this is over. */
  #settleBefore(id: string, settled: Promise<void>): void {
    // It may have been opened and closed before those before it were done.
    const idle = Promise.all([this.#closing.get(id), settled]).then(() => {});
    this.#closing.set(id, idle);
    void idle.then(() => {
      if (this.#closing.get(id) === idle) this.#closing.delete(id);
    });
  }

  /** The storage has failed, or works again: then what could not be read is read, and what was left un-acked is looked for. */
  storageChanged(): void {
    this.#board.changed();
    const { storage, unread } = this.#parts.storage.status;
    if (this.#closed) return;
    if (storage !== 'ok') return this.#replications.forEach((replication) => replication.stepAside());
    for (const id of unread) this.#opened.get(id)?.replication.reload();
    for (const { exchange } of this.#replications) exchange.withheld.retry();
    void this.resume();
  }

  #newReplica(): ReplicaId {
    const replica = newReplicaId();
    this.#authors.add(replica);
    return replica;
  }

  #persisted(isPersisted: boolean): void {
    if (this.#isPersisted === isPersisted) return;
    this.#isPersisted = isPersisted;
    this.#board.changed();
  }

  #fail(error: HeadwaterError): void {
    this.#error = error;
    this.#board.changed();
  }

  #readStatus(): Status {
    const { storage, error: storageError } = this.#parts.storage.status;
    const { connection, progress } = this.#lineStatus;
    const error = this.#lineStatus.error ?? storageError ?? this.#error;
    return { connection, pending: this.pending, rejected: this.rejected.length, storage, persisted: this.#isPersisted, ...(error && { error }), ...(progress && { progress }) };
  }

  #checkOpen(): void {
    if (this.#closed) throw new HeadwaterError('closed', 'this client is closed; open() another');
  }
}
