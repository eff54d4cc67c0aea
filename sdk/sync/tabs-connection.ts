// The connection of one tab among several of a device: the leader's is one to the server, a follower's is to the leader.
//
//   follower ── open, edit, presence ──▶ leader ──▶ server
//            ◀──────── news ────────────        ◀──
//      edit, presence: every tab to every tab, at once, with or without a server
//
// For whoever uses it, it is a Connection. The leader opens on its line what any tab has open and hands on to all what comes.
// Each tab takes the log in for itself and stores it with its own cursor, so that none relies on what another tab had
// still to store when it died. A new leader knows nothing: every tab tells it again what it has open, and what is un-acked.

import { joinBytes } from '../core/bytes.js';
import { asHeadwaterError } from '../core/errors.js';
import type { ReplicaId } from '../core/replica.js';
import { Connection, statusFor, type ConnectionOptions, type ConnectionStatus, type OwnBatch, type SyncHost } from './connection.js';
import type { ConnectionPorts } from './ports.js';
import type { Cursor, SessionStatus } from './session-state.js';
import { initialTabs, step, type TabsEffect, type TabsEvent, type TabsState } from './tabs.js';
import { batchesOf, isTabMessage, tabsVersion, type News, type TabContent, type TabMessage } from './tabs-message.js';

/** A BroadcastChannel, as far as it is used. */
export interface TabChannel {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** What tabs share. */
export interface TabPorts {
  /** Of the store and the server: tabs of one name are of one device. */
  name: string;
  locks: Pick<LockManager, 'request'>;
  channel(name: string): TabChannel;
}

export interface TabsHost extends SyncHost {
  /** Another tab wrote these; the device has them unless `isStored` is false. Bytes that are no update throw. */
  edited(document: string, blocks: Uint8Array, isStored: boolean): void;
  /** A document, or all that are open, are to be opened again here. @param isLeader  this tab has become it */
  again(document: string | null, isLeader: boolean): void;
  /** The leading tab has learnt how far the server's clock is ahead of this device's. */
  clock(aheadMs: number): void;
  /** What a tab has of these may be older than what stands here: some were stamped again. */
  latest(document: string, batches: readonly OwnBatch[]): OwnBatch[];
  /** A follower has ended: what it stored and could not tell is to be sent. */
  ended(): void;
}

/** What the store needs of a connection, a tab's or a Connection itself. */
export interface Line extends Pick<Connection, 'open' | 'close' | 'isLive' | 'connect' | 'disconnect' | 'dispose' | 'redial'> {
  push(document: string, batches: readonly OwnBatch[], isStored: boolean): void;
  setPresence(document: string, state: Uint8Array | null): void;
}

/** How far this tab has a document. */
interface Place { epoch: string; lsn: number; isLive: boolean; isBehind: boolean }

/** A tab that missed something asks again after this. */
const behindMs = 1000;
/** A tab that holds others up for longer is frozen. */
const aloneMs = 3000;
/** A timer that comes later than this was held up with its tab. */
const lateMs = 500;

export class TabsConnection implements Line {
  readonly #decided: Promise<void>;
  #decide!: () => void;
  #state: TabsState;
  #connection: Connection | null = null;
  readonly #places = new Map<string, Place>();
  readonly #shown = new Map<string, Uint8Array>();
  /** As leader: the tabs that have a document open; and the tabs whose end is waited for. */
  readonly #openers = new Map<string, Set<ReplicaId>>();
  readonly #followers = new Set<ReplicaId>();
  /** Tabs that have ended here: what the server still says of them was said before it heard. */
  readonly #buried = new Set<ReplicaId>();
  #news: News[] = [];
  #status: ConnectionStatus = { connection: 'offline' };
  #aheadMs: number | null = null;
  readonly #channel: TabChannel;
  /** Holds the lock that says this tab is alive. False: locks are denied here, and it leads for itself alone. */
  readonly #isPresent: Promise<boolean>;
  #leave!: () => void;
  #isAlone = false;
  #isWanted = false;
  #isDisposed = false;
  /** Numbers the requests for the leader's lock: what comes of an earlier one is of no interest. */
  #request = 0;
  #release: (() => void) | undefined;
  #timer: unknown;
  readonly #ports: ConnectionPorts | null;
  readonly #tabs: TabPorts;
  readonly #host: TabsHost;
  readonly #options: ConnectionOptions;

  /** @param ports  null: there is no server, only other tabs */
  constructor(ports: ConnectionPorts | null, tabs: TabPorts, host: TabsHost, options: ConnectionOptions) {
    this.#ports = ports;
    this.#tabs = tabs;
    this.#host = host;
    this.#options = options;
    this.#state = initialTabs(options.replica);
    this.#decided = new Promise((resolve) => { this.#decide = resolve; });
    this.#channel = tabs.channel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    const held = new Promise<void>((resolve) => { this.#leave = resolve; });
    this.#isPresent = new Promise((resolve) => {
      tabs.locks.request(this.#lockOf(options.replica), () => (resolve(true), held)).catch(() => resolve(false));
    });
  }

  get #name(): string { return `headwater/tabs/${tabsVersion}/${this.#tabs.name}`; }

  #lockOf(tab: ReplicaId): string { return `${this.#name}/${tab}`; }

  get #self(): ReplicaId { return this.#options.replica; }

  // ── as a connection ───────────────────────────────────────────────────────────────────────────────

  connect(): void {
    if (!this.#ports || this.#isDisposed) return;
    this.#isWanted = true;
    if (this.#connection) this.#connection.connect();
    else if (this.#state.role === 'follower') this.#ask({ type: 'connect' });
    else void this.#isPresent.then((isPresent) => this.#join(!isPresent));
  }

  /** Resolves when it is known who leads, unless this tab takes no part. */
  get decided(): Promise<void> { return this.#isWanted ? this.#decided : Promise.resolve(); }

  #join(isAlone: boolean): void {
    if (!this.#isWanted) return;
    if (isAlone) this.#channel.close();
    this.#isAlone = isAlone;
    this.#dispatch({ type: 'join' });
  }

  /** Other tabs may stay connected, and send what this one writes. */
  disconnect(): void {
    this.#isWanted = false;
    if (this.#state.role === 'follower') for (const document of this.#places.keys()) this.#post({ type: 'close', document });
    this.#dispatch({ type: 'leave' });
    this.#tellStatus({ connection: 'offline' });
  }

  open(document: string, cursor: Cursor | null, unacked: readonly OwnBatch[]): void {
    this.#places.set(document, { epoch: cursor?.epoch ?? '', lsn: cursor?.lsn ?? 0, isLive: false, isBehind: false });
    if (this.#connection) this.#serve(this.#self, document, cursor, unacked);
    else this.#ask({ type: 'open', document, cursor: cursor && { epoch: cursor.epoch, lsn: cursor.lsn }, blocks: bytesOf(unacked) });
  }

  push(document: string, batches: readonly OwnBatch[], isStored: boolean): void {
    this.#post({ type: 'edit', document, blocks: bytesOf(batches), isStored });
    if (this.#connection) this.#connection.push(document, batches);
    else this.#dispatch({ type: 'need' });
  }

  close(document: string): void {
    this.#places.delete(document);
    this.#shown.delete(document);
    if (this.#connection) this.#drop(this.#self, document);
    else this.#post({ type: 'close', document });
  }

  setPresence(document: string, state: Uint8Array | null): void {
    if (state) this.#shown.set(document, state);
    else this.#shown.delete(document);
    this.#connection?.setPresence(document, state);
    this.#post({ type: 'presence', document, state });
  }

  /** Runs `work` while no other tab is at the same with this document, unless that one is frozen; where locks are denied, at once. */
  async alone<T>(document: string, work: () => Promise<T>): Promise<T> {
    const name = `${this.#name}/alone/${document}`;
    let running: Promise<T> | undefined;
    const run = () => (running ??= work()).catch(() => {});
    const steal = () => { if (!running) this.#tabs.locks.request(name, { steal: true }, run).catch(() => {}); };
    const timer = this.#ports!.setTimer(steal, aloneMs);
    await this.#tabs.locks.request(name, run).catch(() => {});
    this.#ports!.clearTimer(timer);
    return running ?? work();
  }

  redial(): void { this.#connection?.redial(); }

  /** As leader. */
  tellClock(aheadMs: number): void {
    this.#aheadMs = aheadMs;
    this.#post({ type: 'clock', aheadMs });
  }

  /** Whether a tab is known to run; only the leader knows. */
  isAlive(tab: ReplicaId): boolean { return this.#followers.has(tab); }

  isLive(document: string): boolean {
    return this.#connection?.isLive(document) ?? this.#places.get(document)?.isLive ?? false;
  }

  dispose(): void {
    this.disconnect();
    this.#isDisposed = true;
    this.#leave();
    this.#channel.close();
  }

  // ── who leads ─────────────────────────────────────────────────────────────────────────────────────

  #dispatch(event: TabsEvent): void {
    if (this.#isDisposed) return;
    const [state, effects] = step(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: TabsEffect): void {
    switch (effect.type) {
      case 'post': return this.#post(effect.message);
      case 'request': return this.#requestLock(effect.steal);
      case 'release': return this.#releaseLock();
      case 'watch': return this.#watch(effect.ms + effect.jitterMs * this.#ports!.random());
      case 'unwatch': return this.#ports!.clearTimer(this.#timer);
      case 'lead': return this.#lead();
      case 'stepDown': return this.#stepDown();
      case 'follow': return this.#again(false);
    }
  }

  #requestLock(steal: boolean): void {
    const number = ++this.#request;
    const isCurrent = () => number === this.#request;
    const granted = () => {
      if (!isCurrent()) return undefined;
      const held = new Promise<void>((resolve) => { this.#release = resolve; });
      this.#dispatch({ type: 'granted', nowMs: this.#ports!.now() });
      return held;
    };
    if (this.#isAlone) void granted();
    else this.#tabs.locks.request(this.#name, { steal }, granted).catch(() => { if (isCurrent()) this.#dispatch({ type: 'lost' }); });
  }

  #releaseLock(): void {
    this.#request++;
    this.#release?.();
  }

  #watch(ms: number): void {
    const { clearTimer, setTimer, now } = this.#ports!;
    clearTimer(this.#timer);
    const due = now() + ms;
    this.#timer = setTimer(() => this.#dispatch({ type: 'timer', isLate: now() > due + lateMs }), ms);
  }

  #lead(): void {
    const connection = new Connection(this.#ports!, this.#hostFor(() => this.#connection === connection), this.#options);
    this.#connection = connection;
    this.#again(true);
    connection.connect();
  }

  #stepDown(): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#aheadMs = null;
    connection?.dispose();
    this.#openers.clear();
    this.#followers.clear();
    this.#buried.clear();
  }

  #again(isLeader: boolean): void {
    this.#decide();
    this.#host.again(null, isLeader);
  }

  // ── as leader ─────────────────────────────────────────────────────────────────────────────────────

  #serve(tab: ReplicaId, document: string, cursor: Cursor | null, unacked: readonly OwnBatch[]): void {
    const openers = this.#openers.get(document) ?? new Set();
    this.#openers.set(document, openers.add(tab));
    this.#connection!.open(document, cursor, unacked);
  }

  #drop(tab: ReplicaId, document: string): void {
    const openers = this.#openers.get(document);
    if (!openers?.delete(tab)) return;
    this.#connection!.setPresence(document, null, tab);
    if (openers.size > 0) return;
    this.#openers.delete(document);
    this.#connection!.close(document);
  }

  /** Greets a tab, and waits for its end: the browser gives us its lock then. */
  #meet(tab: ReplicaId): void {
    if (this.#followers.has(tab)) return;
    this.#followers.add(tab);
    this.#buried.delete(tab);
    this.#tellTabs({ type: 'status', status: statusOf(this.#status) });
    if (this.#aheadMs !== null) this.#post({ type: 'clock', aheadMs: this.#aheadMs });
    const connection = this.#connection;
    this.#tabs.locks.request(this.#lockOf(tab), () => { if (this.#connection === connection) this.#bury(tab); }).catch(() => {});
  }

  /** In every document: something it said may have come after an earlier burial. */
  #bury(tab: ReplicaId): void {
    this.#followers.delete(tab);
    this.#buried.add(tab);
    for (const document of [...this.#openers.keys()]) {
      this.#connection!.setPresence(document, null, tab);
      this.#tellTabs({ type: 'presence', document, replica: tab, state: null });
      this.#host.presence(document, tab, null);
      this.#drop(tab, document);
    }
    this.#host.ended();
  }

  /** What the server brings goes to this tab, if it has the document open, and to the others. */
  #hostFor(isCurrent: () => boolean): SyncHost {
    const bring = (news: News) => {
      if (!isCurrent()) return;
      this.#deliver(news);
      this.#tellTabs(news);
    };
    return {
      receive: (document, blocks, cursor) => bring({ type: 'changes', document, after: this.#connection!.lsnOf(document), blocks, cursor }),
      subscribed: (document, version) => bring({ type: 'subscribed', document, version }),
      acked: (document, version) => bring({ type: 'acked', document, version }),
      rejected: (document, batch) => bring({ type: 'rejected', document, batch }),
      presence: (document, replica, state, user) => {
        if (!state || !this.#buried.has(replica)) bring({ type: 'presence', document, replica, state, ...(user && { user }) });
      },
      status: (status) => bring({ type: 'status', status: statusOf(status) }),
      measured: (sample, isWelcome) => this.#host.measured?.(sample, isWelcome),
    };
  }

  /** At the end of the turn, when what is live is known. */
  #tellTabs(news: News): void {
    if (!this.#isOfInterest(news) || this.#news.push(news) > 1) return;
    queueMicrotask(() => {
      const told = this.#news.splice(0);
      const live = new Set(told.map((each) => ('document' in each ? each.document : '')).filter((id) => this.#connection?.isLive(id)));
      if (this.#connection) this.#post({ type: 'news', news: told, live: [...live] });
    });
  }

  /** An answer is, always: a tab may hold the batch and not have told us yet that it has the document open. */
  #isOfInterest(news: News): boolean {
    if (news.type === 'acked' || news.type === 'rejected') return true;
    if (news.type === 'status') return this.#followers.size > 0;
    return [...this.#openers.get(news.document) ?? []].some((tab) => tab !== this.#self);
  }

  // ── between tabs ──────────────────────────────────────────────────────────────────────────────────

  #post(content: TabContent): void {
    if (!this.#isDisposed && !this.#isAlone) this.#channel.postMessage({ ...content, from: this.#self });
  }

  #ask(content: TabContent): void {
    this.#post(content);
    this.#dispatch({ type: 'need' });
  }

  /** What another version or a stranger posts must not stop this tab. */
  #receive(data: unknown): void {
    if (!this.#isDisposed && isTabMessage(data) && data.from !== this.#self) this.#attempt(() => this.#take(data));
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#tellStatus({ ...this.#status, error: asHeadwaterError(error) });
    }
  }

  #take(message: TabMessage): void {
    const { from } = message;
    switch (message.type) {
      case 'lead': return this.#dispatch(message);
      case 'ping': this.#dispatch(message); break;
      case 'edit': this.#host.edited(message.document, message.blocks, message.isStored); break;
      case 'presence': this.#host.presence(message.document, from, message.state); break;
      case 'open': this.#showTo(message.document); break;
      case 'clock': if (!this.#connection) this.#host.clock(message.aheadMs); return;
      case 'news': return this.#readNews(message);
    }
    if (this.#connection) this.#takeAsLeader(message, this.#connection);
  }

  #takeAsLeader(message: TabMessage, connection: Connection): void {
    const { from } = message;
    this.#meet(from);
    switch (message.type) {
      case 'open': return this.#serve(from, message.document, message.cursor, this.#host.latest(message.document, batchesOf(message.blocks)));
      case 'close': return this.#drop(from, message.document);
      case 'edit': return connection.push(message.document, this.#host.latest(message.document, batchesOf(message.blocks)));
      case 'presence': return connection.setPresence(message.document, message.state, from);
      case 'connect': return connection.connect();
    }
  }

  #showTo(document: string): void {
    const state = this.#shown.get(document);
    if (state) this.#post({ type: 'presence', document, state });
  }

  #readNews({ from, news, live }: Extract<TabMessage, { type: 'news' }>): void {
    if (this.#state.role !== 'follower' || from !== this.#state.leader) return;
    for (const each of news) {
      if (each.type !== 'changes' || this.#isNext(each)) this.#attempt(() => this.#deliver(each));
      const place = 'document' in each && this.#places.get(each.document);
      if (place) place.isLive = live.includes(each.document);
    }
  }

  /** A stretch of the log that does not follow on what is here is not for us: ours is coming, or we have missed something. */
  #isNext({ document, after, blocks, cursor }: Extract<News, { type: 'changes' }>): boolean {
    const place = this.#places.get(document);
    if (!place) return false;
    if (blocks.length === 0 || after === 0 || (place.epoch === cursor.epoch && after <= place.lsn)) return true;
    this.#isBehind(document, place);
    return false;
  }

  #isBehind(document: string, place: Place): void {
    if (place.isBehind) return;
    place.isBehind = true;
    this.#ports!.setTimer(() => {
      if (place.isBehind && this.#places.get(document) === place) this.#host.again(document, false);
    }, behindMs);
  }

  #deliver(news: News): void {
    if (news.type === 'status') return this.#tellStatus(statusFor(news.status));
    const { document } = news;
    const place = this.#places.get(document);
    if (!place) return;
    switch (news.type) {
      case 'changes': return this.#takeIn(news, place);
      case 'subscribed': return this.#host.subscribed(document, news.version);
      case 'acked': return this.#host.acked(document, news.version);
      case 'rejected': return this.#host.rejected(document, news.batch);
      case 'presence': return this.#host.presence(document, news.replica, news.state, news.user);
    }
  }

  /** A throw leaves the leader's line where it was; a follower asks again later. */
  #takeIn({ document, blocks, cursor }: Extract<News, { type: 'changes' }>, place: Place): void {
    try {
      this.#host.receive(document, blocks, cursor);
      Object.assign(place, cursor, { isBehind: false });
    } catch (error) {
      if (!this.#connection) this.#isBehind(document, place);
      throw error;
    }
  }

  #tellStatus(status: ConnectionStatus): void {
    this.#status = status;
    this.#host.status(status);
  }
}

function bytesOf(batches: readonly OwnBatch[]): Uint8Array { return joinBytes(batches.map(({ bytes }) => bytes)); }

function statusOf({ connection, error, progress }: ConnectionStatus): SessionStatus {
  const said = error && { code: error.code, message: error.message, ...(error.details.document !== undefined && { document: String(error.details.document) }) };
  return { connection, error: said ?? null, progress: progress ?? null };
}
