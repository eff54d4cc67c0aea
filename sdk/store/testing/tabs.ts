// Tabs of one device in one process: they share a disk, locks and a channel, and each can be closed, killed or frozen.
//
// A frozen tab keeps its locks and its socket, and nothing runs in it: what comes waits until it thaws. A killed one says
// no goodbye; the browser takes its locks and the network closes its socket.

import type { ClockPort } from '../../core/clock.js';
import type { ConnectionPorts } from '../../sync/ports.js';
import { systemPorts } from '../../sync/ports.js';
import type { TabChannel } from '../../sync/tabs-connection.js';
import type { Link, Transport } from '../../sync/transport.js';
import { FakeLockManager } from '../../testing/locks.js';
import type { Client } from '../client.js';
import type { Device, World } from './harness.js';

/** Timers run this much faster, so that nobody waits. */
const haste = 3;

export class Browser {
  readonly locks = new FakeLockManager();
  readonly channels = new Set<{ name: string; heard(data: unknown): unknown }>();
  readonly tabs: Tab[] = [];

  constructor(readonly world: World, readonly device: Device = world.device()) {}

  async open(options: { connect?: boolean; clock?: ClockPort } = {}): Promise<Tab> {
    const tab = new Tab(this);
    const storage = this.device.storage();
    tab.client = await this.world.open(this.device, { storage, locks: tab.locks as LockManager, channel: tab.channel, ports: tab.ports, ...options });
    tab.kill = async () => {
      storage.setPlan(() => 'hang');
      this.forget(tab);
      tab.end();
    };
    tab.close = async () => {
      this.forget(tab);
      await tab.client.close();
    };
    this.tabs.push(tab);
    return tab;
  }

  private forget(tab: Tab): void {
    this.tabs.splice(this.tabs.indexOf(tab), 1);
    this.world.clients.splice(this.world.clients.indexOf(tab.client), 1);
  }

  /** Sockets of its tabs that are open. */
  get sockets(): number { return this.tabs.reduce((sum, tab) => sum + tab.sockets.size, 0); }
}

export class Tab {
  client!: Client;
  close!: () => Promise<void>;
  /** From now on nothing it does reaches anybody. */
  kill!: () => Promise<void>;
  readonly locks: Pick<LockManager, 'request'>;
  readonly sockets = new Set<Link>();
  /** What it posts to the others is lost. */
  isMute = false;
  /** What the others post does not reach it. */
  isDeaf = false;
  #isDead = false;
  #isFrozen = false;
  #waiting: (() => void)[] = [];
  readonly #endLocks: () => void;

  constructor(private readonly browser: Browser) {
    const { locks, end } = browser.locks.tab();
    this.#endLocks = end;
    this.locks = { request: ((...given: unknown[]) => this.#request(locks, given)) as LockManager['request'] };
  }

  freeze(): void { this.#isFrozen = true; }

  thaw(): void {
    this.#isFrozen = false;
    for (const run of this.#waiting.splice(0)) this.#run(run);
  }

  end(): void {
    this.#isDead = true;
    this.#endLocks();
    for (const socket of this.sockets) socket.close(1001, 'killed');
  }

  #run(run: () => void): void {
    if (this.#isFrozen) this.#waiting.push(run);
    else if (!this.#isDead) run();
  }

  #request(locks: Pick<LockManager, 'request'>, given: unknown[]): Promise<unknown> {
    const callback = given.pop() as (lock: Lock | null) => unknown;
    const ours = (lock: Lock | null) => new Promise((resolve) => this.#run(() => resolve(callback(lock))));
    const request = locks.request as (...all: unknown[]) => Promise<unknown>;
    return new Promise((resolve, reject) => {
      request(...given, ours).then((value) => this.#run(() => resolve(value)), (error) => this.#run(() => reject(error)));
    });
  }

  readonly channel = (name: string): TabChannel => {
    const end = { name, heard: (data: unknown) => this.isDeaf || this.#run(() => channel.onmessage?.({ data } as MessageEvent)) };
    const channel: TabChannel = {
      onmessage: null,
      close: () => { this.browser.channels.delete(end); },
      postMessage: (data: unknown) => {
        if (this.#isDead || this.isMute) return;
        for (const other of this.browser.channels) {
          const copy = copyOf(data);
          if (other !== end && other.name === name) setTimeout(() => other.heard(copy), 0);
        }
      },
    };
    this.browser.channels.add(end);
    return channel;
  };

  readonly ports = (transport: Transport): ConnectionPorts => ({
    ...systemPorts(this.#transport(transport)),
    setTimer: (run, ms) => setTimeout(() => this.#run(run), ms / haste),
  });

  #transport(transport: Transport): Transport {
    return {
      connect: (events) => {
        const link = transport.connect({
          open: () => this.#run(events.open),
          frame: (bytes) => this.#run(() => events.frame(bytes)),
          close: (code, reason) => {
            this.sockets.delete(link);
            this.#run(() => events.close(code, reason));
          },
        });
        this.sockets.add(link);
        return {
          get bufferedBytes() { return link.bufferedBytes; },
          send: (frame) => { if (!this.#isDead) link.send(frame); },
          close: (code, reason) => {
            this.sockets.delete(link);
            link.close(code, reason);
          },
        };
      },
    };
  }
}

/** What structuredClone gives, of this realm. */
function copyOf<T>(value: T): T {
  if (value instanceof Uint8Array) return value.slice() as T;
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, copyOf(each)])) as T;
  if (Array.isArray(value)) return value.map(copyOf) as T;
  if (typeof value === 'function') throw new DOMException('cannot be cloned', 'DataCloneError');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copyOf(each)])) as T;
}
