// A device: a disk that outlives its sessions, a clock of its own, and the session that runs on it now.
//
// One session at a time. Several tabs on one disk would be several sessions here, over the one `#locks` that they share
// and a channel between them; a session that dies must then let go of its locks only.

import { Client } from '../../store/client.js';
import { openWith } from '../../store/open.js';
import type { Storage } from '../../storage/storage.js';
import { SimulatedDisk } from '../disk.js';
import { FakeLockManager } from '../locks.js';
import { DeviceStorage, type DiskFates } from './device-storage.js';
import type { Network } from './network.js';
import { Process, type Timeline } from './timeline.js';

/** `client` is what the app has; `opened` also while it is being closed. */
export interface Session { readonly process: Process; client: Client | null; opened: Client | null }

export interface DeviceOptions {
  timeline: Timeline;
  network: Network;
  fates: DiskFates;
  /** Around the storage, for a mistake that is to be found. */
  wrap(storage: Storage, process: Process): Storage;
  count(what: string): void;
}

export class Device {
  readonly disk = new SimulatedDisk();
  session: Session | null = null;
  /** The disk takes no more writes; or nothing at all. */
  isFull = false;
  isAway = false;
  #clockOffsetMs = 0;
  #starts = 0;

  constructor(readonly name: string, private readonly options: DeviceOptions) {}

  /** The session's client, once it is open and unless its process is gone. */
  get client(): Client | null { return this.session?.client ?? null; }

  start(): void {
    if (this.session) return;
    const { timeline, network, fates, wrap } = this.options;
    const process = new Process(timeline, `${this.name}.${++this.#starts}`);
    process.clockOffsetMs = this.#clockOffsetMs;
    const session: Session = (this.session = { process, client: null, opened: null });
    const storage = wrap(new DeviceStorage(this.disk.open(), process, fates), process);
    process.schedule(0, 'opening', async () => {
      const client = await openWith({ storage, server: network.transportOf(this.name, process) }, { locks: new FakeLockManager() });
      if (process.isAlive) session.client = session.opened = client;
      else await client.close();
    });
  }

  setClock(offsetMs: number): void {
    this.#clockOffsetMs = offsetMs;
    if (this.session) this.session.process.clockOffsetMs = offsetMs;
  }

  freeze(forMs: number): void {
    this.session?.process.freeze(forMs);
  }

  /** All trouble is over, whatever it was. */
  heal(): void {
    this.isFull = this.isAway = false;
    this.session?.process.thaw();
    this.start();
    const isOffline = () => this.client?.status.get().connection === 'offline';
    this.session!.process.schedule(0, 'online', () => { if (isOffline()) this.client!.connect(); });
  }

  /** @param kept  null: the process dies; a number: so much (0 to 1) of what was not synced survives a power cut */
  crash(kept: number | null): void {
    const { session, options: { network, timeline, count } } = this;
    if (!session) return;
    session.process.kill();
    this.session = null;
    network.died(session.process, kept === null);
    if (kept === null) this.disk.kill();
    else this.#cutPower(kept);
    count('crashes');
    if (session.opened?.status.get().storage === 'degraded') count('crashes while degraded');
    // What it still does reaches nobody; closing gives the engine's memory back. Its code may be running just now.
    timeline.world.schedule(0, 'buried', () => void session.opened?.close());
  }

  #cutPower(kept: number): void {
    const { unsyncedCount } = this.disk;
    const survivors = Math.floor(kept * (unsyncedCount + 1));
    if (survivors < unsyncedCount) this.options.count('tails lost');
    void this.disk.powerCut(survivors);
    this.options.count('power cuts');
  }

  /** Closes as an app does. @param then  called when it is gone */
  leave(then: () => void): void {
    const { session } = this;
    if (!session?.client) return;
    if (session.client.status.get().storage === 'degraded') this.options.count('leaves while degraded');
    const { client, process } = session;
    process.schedule(0, 'leaving', () => void client.close().then(() => {
      if (this.session !== session) return;
      process.kill();
      this.session = null;
      this.options.network.died(process, true);
      this.options.count('leaves');
      then();
    }));
    session.client = null;
  }
}
