// Clients and a real server in one process, for tests: everything is what ships, but for the wire between.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type ServerOptions } from '../../../server/server.js';
import type { ClockPort } from '../../core/clock.js';
import { decodeVersion, firstStampMs } from '../../core/codec.js';
import type { ReplicaId } from '../../core/replica.js';
import { MemoryDisk, MemoryStorage } from '../../storage/memory.js';
import { FaultyStorage } from '../../testing/faults.js';
import type { Link, Transport } from '../../sync/transport.js';
import { loopback } from '../../sync/loopback.js';
import { splitUpdate } from '../blocks.js';
import type { Client } from '../client.js';
import type { Document } from '../document.js';
import { openWith, type OpenOptions, type OpenParts } from '../open.js';

type Server = Awaited<ReturnType<typeof createServer>>;

/** A server that can be stopped, put back and started again, and whose lines can be cut. */
export class TestServer {
  readonly transport: Transport;
  /** The server hears, and its answers are lost. */
  mute = false;
  readonly #links = new Set<Link>();
  readonly #folder = mkdtempSync(join(tmpdir(), 'headwater-store-'));
  #server: Server | null = null;
  #file = 0;

  private constructor(private readonly options: ServerOptions) {
    const wire = loopback();
    wire.accept((link, setEvents) => {
      if (!this.#server) return link.close(1006, 'the server is away');
      this.#links.add(link);
      setEvents(this.#server.accept(this.#muted(link)));
    });
    this.transport = wire.transport;
  }

  #muted(link: Link): Link {
    return {
      get bufferedBytes() { return link.bufferedBytes; },
      send: (frame) => { if (!this.mute) link.send(frame); },
      close: (code, reason) => link.close(code, reason),
    };
  }

  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const server = new TestServer(options);
    await server.resume();
    return server;
  }

  get file(): string { return join(this.#folder, `${this.#file}.db`); }

  async resume(): Promise<void> {
    this.#server = await createServer({ database: `sqlite:${this.file}`, logLevel: 'silent', console: false, ...this.options });
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    await server?.close();
  }

  /** From now on another database: none at all, or what `file` held. */
  forget(): void { this.#file++; }

  cut(): void {
    for (const link of this.#links) link.close(1006, 'cut');
    this.#links.clear();
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The hardware of a device: its wall clock can be put anywhere. */
export class TestClock implements ClockPort {
  constructor(public offMs = 0) {}
  now(): number { return Date.now() + this.offMs; }
  ticks(): number { return performance.now(); }
}

/** First stamps of what a document holds, in the order of its log, in ms from now; of one replica or of all. */
export function stampsOf(client: Client, id: string, replica?: ReplicaId): number[] {
  const blocks = splitUpdate(client.document(id).export()).filter((block) => block.kind === 'batch' && block.replica === (replica ?? block.replica));
  const nowMs = Date.now();
  return blocks.flatMap(({ bytes }) => firstStampMs(bytes) ?? []).map((ms) => ms - nowMs);
}

/** A device: a disk that outlives its sessions. */
export class Device {
  constructor(readonly server: TestServer | null, readonly disk = new MemoryDisk()) {}

  storage(): FaultyStorage { return new FaultyStorage(new MemoryStorage(this.disk)); }

  open(options: OpenOptions & OpenParts = {}): Promise<Client> {
    const { locks, channel, ports, clock, retryMs = [20], ...rest } = options;
    return openWith({ storage: this.storage(), ...(this.server && { server: this.server.transport }), ...rest }, { locks, channel, ports, clock, retryMs });
  }
}

/** A server, and clients that are closed with it. */
export class World {
  readonly clients: Client[] = [];

  private constructor(readonly server: TestServer) {}

  static async start(options: ServerOptions = {}): Promise<World> { return new World(await TestServer.start(options)); }

  device(): Device { return new Device(this.server); }

  async open(device = this.device(), options: Parameters<Device['open']>[0] = {}): Promise<Client> {
    const client = await device.open(options);
    this.clients.push(client);
    return client;
  }

  /** Resolves when all these clients hold a document in the same state, with nothing un-acked. */
  async agree(id: string, clients: readonly Client[] = this.clients): Promise<void> {
    await Promise.all(clients.map((client) => client.document(id).ready));
    const isSettled = (client: Client) => client.pending === 0 && client.status.get().connection === 'live';
    await until(`${clients.length} clients agree on ${id}`, () => clients.every(isSettled)
      && new Set(clients.map((client) => client.document(id).digest())).size === 1).catch((error: Error) => {
      throw new Error(`${error.message}:\n${clients.map((client) => inWords(client, id)).join('\n')}`);
    });
  }

  async close(): Promise<void> {
    for (const client of this.clients) await client.close();
    await this.server.close();
  }
}

/** Runs `edit` under a clock an hour ahead, one that nobody sets right: the server refuses what it stamps. */
export function inAnHour<T>(document: Document<any>, edit: () => T): T {
  const { clock } = document;
  document.clock = { now: () => clock.now() + 3_600_000 };
  try {
    return edit();
  } finally {
    document.clock = clock;
  }
}

function inWords(client: Client, id: string): string {
  const document = client.document(id);
  const version = [...decodeVersion(document.version())].map(([replica, seq]) => `${replica.slice(0, 4)}:${seq}`).sort().join(' ');
  const { connection, pending, storage, error } = client.status.get();
  return `${document.replica.slice(0, 4)} ${connection} ${storage} ${error?.code} ${error?.message} pending ${pending} digest ${document.digest().slice(0, 4)} at ${version}`;
}

/** Resolves when `isTrue`; fails with what it waited for. */
export async function until(what: string, isTrue: () => boolean, timeoutMs = 5000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await pause(2);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

