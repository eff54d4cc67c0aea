// The server: one store, one bus, one transport, rooms between them, and a connection per socket.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stampOf } from '../sdk/core/clock.js';
import { HeadwaterError } from '../sdk/core/errors.js';
import { encodeFrame } from '../sdk/wire/frame.js';
import * as closeCodes from '../sdk/wire/close-codes.js';
import { subprotocol, type Lsn, type Message } from '../sdk/wire/message.js';
import { negotiate } from '../sdk/wire/version.js';
import { Access, type AccessHooks } from './access/access.js';
import { addressOf } from './access/address.js';
import { HeadCount } from './access/head-count.js';
import { tokenSettings } from './access/settings.js';
import type { TokenVerifier } from './access/tokens.js';
import type { Bus } from './bus/bus.js';
import { openBus } from './bus/choose.js';
import { assertLoopback, parseConfig, type ServerConfig, type ServerConfigInput } from './config.js';
import { Compaction } from './compaction.js';
import { Connection } from './connection.js';
import { engine } from './engine.js';
import { Budget } from './flow.js';
import { GroupCommit } from './group-commit.js';
import { answerRequest } from './http/http.js';
import { Scribe } from './http/scribe.js';
import { createLog, type Log } from './log.js';
import type { ServerHooks } from './hooks.js';
import type { Gauges, Metrics } from './metrics.js';
import { Nodes } from './nodes.js';
import { refusalOf } from './origin.js';
import { Projector } from './projector.js';
import { Rooms } from './rooms.js';
import { openStore } from './store/open.js';
import type { Store } from './store/store.js';
import { chooseTransport } from './transport/choose.js';
import { LinkSocket, type Link, type LinkEvents } from './transport/link-socket.js';
import { Topics } from './transport/topics.js';
import { Webhook } from './webhooks.js';
import type { RequestHead, ServerTransport, Socket, UpgradeAnswer, Visit } from './transport/transport.js';

export interface ServerOptions extends ServerConfigInput, AccessHooks, ServerHooks {
  /** Instead of opening `database`. The server closes it. */
  store?: Store;
  /** Instead of its own. Several servers of one process may share one; the server does not close it. */
  bus?: Bus;
  /** Instead of a WebSocket library's. The server closes it. */
  network?: ServerTransport;
  log?: Log;
  /** Milliseconds since 1970. */
  now?: () => number;
}

export interface Server {
  /** 0 until it listens. */
  readonly port: number;
  /** What it runs on, for a log line. */
  readonly transport: string;
  /**
   * @param port  0 for any free one
   * @returns the port
   * @throws HeadwaterError `not_authorized` for a host beyond loopback, `unavailable` when the port cannot be had
   */
  listen(port?: number, host?: string): Promise<number>;
  /** Takes a link within this process. @returns what the link's owner calls with what the other end sends */
  accept(link: Link): LinkEvents;
  /** Takes nothing new, commits and acks what it has, says goodbye, stores snapshots. Once; later calls wait for it. */
  close(): Promise<void>;
}

const sweepMs = 1_000;
/** Clients come back spread over this time, so that a restart is not a stampede. */
const returnSpreadMs = 2_000;

/** @throws HeadwaterError `invalid_argument`, `storage_failed`, `unavailable` */
export async function createServer(options: ServerOptions = {}): Promise<Server> {
  const { store: givenStore, bus, network, log: givenLog, now = Date.now, authenticate, authorize, beforeApply, afterCommit, ...input } = options;
  const config = parseConfig(input);
  const verifier = await openVerifier(config);
  const log = givenLog ?? createLog(config.logLevel);
  const transport = network ?? (await chooseTransport(config.limits, config.transport));
  const opened = givenStore ?? (await openStore(config.database));
  let server: HeadwaterServer | null = null;
  const metrics = config.metrics ? await openMetrics(() => server!.gauges, log) : null;
  const store = metrics?.watch(opened) ?? opened;
  log.info({ store: store.kind, transport: transport.name }, `storing with ${store.kind}, serving with ${transport.name}`);
  const hasAccounts = verifier !== null || authenticate !== undefined;
  const access = hasAccounts ? { records: store, verifier, hooks: { authenticate, authorize }, now } : null;
  const ownBus = bus === undefined ? await openBus(config, store, log) : null;
  return (server = new HeadwaterServer(config, store, (bus ?? ownBus)!, ownBus, transport, log, now, access, { beforeApply, afterCommit }, metrics));
}

/** Who wants to be measured installs the library; nobody else needs it. */
async function openMetrics(gauges: () => Gauges, log: Log): Promise<Metrics | null> {
  try {
    const { Metrics } = await import('./metrics.js');
    return new Metrics(gauges);
  } catch {
    log.debug({}, 'no metrics: npm install prom-client');
    return null;
  }
}

/** The library of tokens is loaded where there are any. */
async function openVerifier(config: ServerConfig): Promise<TokenVerifier | null> {
  const settings = tokenSettings(config, config.limits);
  if (settings === null) return null;
  const { TokenVerifier } = await import('./access/tokens.js');
  return new TokenVerifier(settings);
}

class HeadwaterServer implements Server {
  port = 0;
  private readonly rooms: Rooms;
  private readonly nodes: Nodes;
  private headsCheckedMs = 0;
  private readonly projector: Projector | null;
  private readonly commits: GroupCommit;
  private readonly compaction: Compaction;
  private readonly uncommitted: Budget;
  private readonly connections = new Set<Connection>();
  /** Topics of the links within the process; the transport has its own. */
  private readonly topics = new Topics();
  private readonly sweeping: ReturnType<typeof setInterval>;
  /** Null without accounts. */
  private readonly access: Access | null;
  private readonly scribe: Scribe;
  private readonly webhooks: readonly Webhook[];
  private readonly users = new HeadCount();
  private readonly addresses = new HeadCount();
  private polledMs = 0;
  private authorizedMs = 0;
  private closing: Promise<void> | null = null;

  constructor(
    private readonly config: ServerConfig,
    private readonly store: Store,
    bus: Bus,
    /** The bus, when it is this server's to close. */
    private readonly ownBus: Bus | null,
    private readonly network: ServerTransport,
    private readonly log: Log,
    private readonly now: () => number,
    access: ConstructorParameters<typeof Access>[0] | null,
    private readonly hooks: ServerHooks,
    private readonly metrics: Metrics | null,
  ) {
    const { limits } = config;
    this.access = access && new Access(access, () => this.checkAgain());
    this.commits = new GroupCommit(store, limits);
    this.uncommitted = new Budget(limits.uncommittedBytesMax);
    this.nodes = new Nodes(bus, crypto.randomUUID(), limits, now, (node) => this.rooms.leaveNode(node), () => this.rooms.catchUp());
    this.rooms = new Rooms({
      store, engine, limits, log, now,
      commits: this.commits,
      nodes: this.nodes,
      hooks,
      grown: (room) => this.projector?.touch(room),
      committed: (grown) => this.tell(grown),
      refused: (code) => this.metrics?.rejected(code),
      broadcast: (message, except) => this.broadcast(message, except as Connection | undefined),
    });
    this.scribe = new Scribe(this.rooms);
    this.webhooks = config.webhook.map((url) => new Webhook({ url, secret: config.webhookSecret! }, log));
    this.compaction = new Compaction(store, limits, log, (document, floor) => this.rooms.noteCompacted(document, floor));
    this.projector = store.data === null ? null : new Projector(store, store.data, engine, log);
    this.sweeping = setInterval(() => this.sweep(), sweepMs);
    this.sweeping.unref();
  }

  get transport(): string {
    return this.network.name;
  }

  get gauges(): Gauges {
    let bufferedBytes = 0;
    for (const { socket } of this.connections) bufferedBytes += socket.bufferedBytes;
    return { connections: this.connections.size, rooms: this.rooms.size, nodes: this.nodes.heard, bufferedBytes, engineBytes: engine.memoryBytes() };
  }

  async listen(port = this.config.port, host = this.config.host): Promise<number> {
    if (this.closing !== null) throw new HeadwaterError('closed', 'the server was closed');
    if (this.access === null) assertLoopback(host);
    this.port = await this.network.listen(port, host, {
      upgrade: (request, protocols) => this.upgrade(request, protocols),
      open: (socket, visit) => this.open(socket, visit),
      answer: (request, body) => answerRequest(request, body, {
        rooms: this.rooms, store: this.store, engine, scribe: this.scribe, metrics: this.metrics, access: this.access, origins: this.origins, now: this.now,
        isReady: () => this.closing === null, consoleFolder: this.consoleFolder(), addressOf: (head) => this.addressOf(head),
      }),
    });
    const whom = this.access === null ? 'loopback only: no authentication is configured' : 'for who brings a token';
    this.log.info({ port: this.port, host }, `listening on http://${host}:${this.port}, ${whom}`);
    return this.port;
  }

  accept(link: Link): LinkEvents {
    const socket = new LinkSocket(link, this.topics, this.config.limits.backpressureBytesMax);
    socket.events = this.open(socket, { address: '' });
    return socket.linkEvents(this.config.limits.frameBytesMax);
  }

  close(): Promise<void> {
    this.closing ??= this.drain();
    return this.closing;
  }

  private upgrade(request: RequestHead, protocols: readonly string[]): UpgradeAnswer {
    if (this.closing !== null) return { accept: false, status: 503, message: 'stopping\n' };
    const refusal = refusalOf(request, this.origins);
    const agreed = negotiate(protocols);
    // A browser drops a connection that chose none of what it offered, before it can be told why.
    const protocol = agreed?.subprotocol ?? protocols[0] ?? '';
    const visit: Visit = { address: this.addressOf(request), ...(agreed?.token !== undefined && { token: agreed.token }) };
    if (refusal !== null) return { accept: true, protocol, visit, close: { code: closeCodes.forbiddenOrigin, reason: refusal } };
    if (agreed === null) return { accept: true, protocol, visit, close: { code: closeCodes.versionUnsupported, reason: `this server speaks ${subprotocol}` } };
    return this.hasRoomFor(visit) ? { accept: true, protocol, visit } : { accept: false, status: 429, message: 'too many connections\n' };
  }

  private get origins() {
    return { hasAccounts: this.access !== null, allowed: this.config.origins ?? null };
  }

  private addressOf(request: RequestHead): string {
    return addressOf(request, this.config.trustProxy);
  }

  /** Told in the handshake, before a socket is paid for. */
  private hasRoomFor({ address }: Visit): boolean {
    return address === '' || this.addresses.count(address) < this.config.limits.socketsPerAddressMax;
  }

  private open(socket: Socket, visit: Visit): Connection {
    const { access } = this;
    if (visit.address !== '') this.addresses.enter(visit.address, Infinity);
    const connection = new Connection(socket, visit, {
      epoch: this.store.epoch, limits: this.config.limits, hasAccounts: access !== null, access,
      rooms: this.rooms, store: this.store, log: this.log, now: this.now, uncommitted: this.uncommitted,
      encode: (message) => this.encode(message),
      entered: (user) => this.users.enter(user, this.config.limits.socketsPerUserMax),
      left: (user) => this.users.leave(user),
      closed: (closed) => {
        this.connections.delete(closed);
        if (visit.address !== '') this.addresses.leave(visit.address);
      },
    });
    this.connections.add(connection);
    return connection;
  }

  /** Nobody waits for whoever is told, and no fault of theirs is ours. */
  private tell(grown: { document: string; first: Lsn; last: Lsn }): void {
    for (const webhook of this.webhooks) webhook.tell({ ...grown, epoch: this.store.epoch });
    const { afterCommit } = this.hooks;
    if (afterCommit === undefined) return;
    void (async () => afterCommit(grown))().catch((cause: Error) => this.log.warn({ document: grown.document, reason: cause.message }, 'afterCommit failed'));
  }

  /** Encoded once, whoever listens. */
  private broadcast(message: Message & { document: string }, except?: Connection): void {
    const frame = this.encode(message);
    this.network.publish(message.document, frame, except?.socket);
    for (const socket of this.topics.membersOf(message.document)) if (socket !== except?.socket) socket.send(frame);
  }

  private encode(message: Message): Uint8Array {
    return encodeFrame(message, stampOf(this.now()));
  }

  /** Something was decided about a document or a user. */
  private checkAgain(): void {
    for (const connection of this.connections) {
      connection.checkAgain().catch((cause) => this.log.warn({ reason: (cause as Error).message }, 'access could not be checked again'));
    }
  }

  private sweepAccess(access: Access): void {
    const { accessPollMs, authorizeMs } = this.config.limits;
    const nowMs = this.now();
    if (nowMs - this.polledMs >= accessPollMs) {
      this.polledMs = nowMs;
      access.poll().catch((cause) => this.log.warn({ reason: (cause as Error).message }, 'what admins decide could not be read'));
    }
    if (!access.isAskedAgain || nowMs - this.authorizedMs < authorizeMs) return;
    this.authorizedMs = nowMs;
    for (const connection of this.connections) void connection.checkDocuments();
  }

  private sweep(): void {
    if (this.access !== null) this.sweepAccess(this.access);
    for (const connection of this.connections) connection.tick();
    this.rooms.sweep();
    this.nodes.tick();
    this.compaction.tick(this.now());
    this.checkHeads();
  }

  private checkHeads(): void {
    const { headCheckMs } = this.config.limits;
    if (headCheckMs === 0 || this.now() - this.headsCheckedMs < headCheckMs) return;
    this.headsCheckedMs = this.now();
    void this.rooms.checkHeads();
  }

  private async drain(): Promise<void> {
    const deadlineMs = Date.now() + this.config.limits.drainMsMax;
    clearInterval(this.sweeping);
    this.nodes.close();
    this.network.stopListening();
    // What has been pushed is committed and acked before anybody is sent away.
    await Promise.race([this.commits.flushed(), pause(this.config.limits.drainMsMax)]);
    for (const connection of this.connections) connection.stop(Math.floor(Math.random() * returnSpreadMs));
    await Promise.race([this.projector?.close(), pause(Math.max(0, deadlineMs - Date.now()))]);
    await this.rooms.close(deadlineMs);
    while (this.connections.size > 0 && Date.now() < deadlineMs) await pause(5);
    await Promise.all(this.webhooks.map((webhook) => webhook.close(Math.max(0, deadlineMs - Date.now()))));
    await this.network.close();
    await this.ownBus?.close();
    await this.store.close();
    this.log.info({}, 'stopped');
  }

  /** build/console beside build/js, where this file runs from. */
  private consoleFolder(): string | null {
    const folder = fileURLToPath(new URL('../../console', import.meta.url));
    return this.config.console && existsSync(folder) ? folder : null;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
