// The machine the server runs on: its log outlives every server that is started on it.

import { createServer } from '../../../server/server.js';
import { engine } from '../../../server/engine.js';
import { silentLog } from '../../../server/log.js';
import { MemoryLog } from '../../../server/testing/memory-log.js';
import type { ServerTransport } from '../../../server/transport/transport.js';
import type { Store } from '../../../server/store/store.js';
import type { DiskFates } from './device-storage.js';
import type { Network } from './network.js';
import { ServerStore } from './server-store.js';
import { Process, type Timeline } from './timeline.js';

/** Lines come through `accept`; there is nothing to listen on. */
const noNetwork: ServerTransport = {
  name: 'ws', listen: async () => 0, publish() {}, stopListening() {}, close: async () => {},
};

export interface ServerHostOptions {
  timeline: Timeline;
  network: Network;
  limits: Record<string, number>;
  fates: DiskFates;
  /** Around the store, for a mistake that is to be found. */
  wrap(store: Store, process: Process): Store;
}

export class ServerHost {
  readonly log = new MemoryLog('simulated-epoch');
  process: Process | null = null;
  /** The store takes no writes. */
  isFull = false;
  #clockOffsetMs = 0;
  #server: Awaited<ReturnType<typeof createServer>> | null = null;
  #starts = 0;
  readonly #made = new Map<Process | null, { free(): void }[]>();
  readonly #create = engine.create;

  constructor(private readonly options: ServerHostOptions) {
    engine.create = () => this.#noted(this.#create());
  }

  start(): void {
    if (this.process) return;
    const { timeline, network, limits, fates, wrap } = this.options;
    const process = (this.process = new Process(timeline, `server-${++this.#starts}`));
    process.clockOffsetMs = this.#clockOffsetMs;
    const store = wrap(new ServerStore(this.log, process, fates), process);
    process.schedule(0, 'starting', async () => {
      const server = await createServer({ store, network: noNetwork, log: silentLog, now: () => process.wallMs, console: false, metrics: false, limits: { headCheckMs: 0, ...limits } });
      this.#server = server;
      network.listening = { process, accept: (link) => server.accept(link) };
    });
  }

  setClock(offsetMs: number): void {
    this.#clockOffsetMs = offsetMs;
    if (this.process) this.process.clockOffsetMs = offsetMs;
  }

  freeze(forMs: number): void {
    this.process?.freeze(forMs);
  }

  heal(): void {
    this.isFull = false;
    this.process?.thaw();
    this.start();
  }

  /** Dies as it stands; what it had not committed is gone. */
  crash(): void { if (this.process) this.#down(this.process); }

  /** Drains and says goodbye. @param then  called when it is down, however that came */
  stop(then: () => void): void {
    const { process } = this;
    const server = this.#server;
    if (!process || !server) return then();
    this.options.network.listening = null;
    this.#server = null;
    process.schedule(0, 'stopping', () => void server.close().then(() => {
      if (process.isAlive) this.#down(process);
      then();
    }));
  }

  /** Frees what the engine holds for servers; the run is over. */
  dispose(): void {
    engine.create = this.#create;
    for (const process of this.#made.keys()) this.#free(process);
  }

  #down(process: Process): void {
    this.process = null;
    this.#server = null;
    this.options.network.listening = null;
    process.kill();
    this.options.network.died(process, true);
    // Its own code may still be running, and look at its documents, to the end of this moment.
    process.timeline.world.schedule(0, 'freed', () => this.#free(process));
  }

  /** Documents of a server that is gone are memory of the engine that nobody else gives back. */
  #noted<D extends { free(): void }>(document: D): D {
    const { current } = this.options.timeline;
    this.#made.set(current, [...(this.#made.get(current) ?? []), document]);
    return document;
  }

  #free(process: Process | null): void {
    for (const document of this.#made.get(process) ?? []) document.free();
    this.#made.delete(process);
  }
}
