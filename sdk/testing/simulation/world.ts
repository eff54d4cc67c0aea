// One run: devices, a server, the network between them, and what befalls them, all from one seed in one process.
//
// Trouble comes by the seed's schedule and by its rates. Then all of it ends, and whatever the state of things is by then,
// within sixty simulated seconds everybody must agree, and every promise must have been kept.

import { Exchange } from '../../store/exchange.js';
import type { Storage } from '../../storage/storage.js';
import type { Message } from '../../wire/message.js';
import type { Store } from '../../../server/store/store.js';
import { Random } from '../seed.js';
import { Device } from './device.js';
import type { CallFate, DiskFates } from './device-storage.js';
import { enterSimulation } from './globals.js';
import { judge, shownBy, shownByLog } from './judge.js';
import { Network } from './network.js';
import { planOf, type Cuts, type Plan, type Step } from './plan.js';
import { Promises, type Promised } from './promises.js';
import { ServerHost } from './server-host.js';
import { Timeline, type Process } from './timeline.js';
import { Troubles } from './troubles.js';
import { fairRates, type Rate, type Weather } from './weather.js';
import { writeSomething } from './workload.js';

/** A bug put in on purpose, to see that it is found. See mistakes.ts. */
export interface Mistake {
  readonly name: string;
  readonly about: string;
  storage?(storage: Storage, process: Process): Storage;
  store?(store: Store, process: Process): Store;
  /** Changes shipping code for the length of a run. @returns changes it back */
  install?(): () => void;
}

export interface Verdict {
  seed: number;
  plan: Plan;
  /** What is broken; empty when all is well. */
  broken: string[];
  hash: string;
  /** What happened, and how often. */
  counts: Map<string, number>;
  /** The run in words, when it was asked for. */
  tail: string[];
  healedInMs: number;
}

export const healMsMax = 60_000;
const lookMs = 250;

export async function runSeed(seed: number, options: { cuts?: Cuts; mistake?: Mistake; isTold?: boolean } = {}): Promise<Verdict> {
  return new World(planOf(seed, options.cuts), options.mistake ?? { name: 'none', about: '' }, options.isTold ?? false).run();
}

export class World {
  readonly timeline = new Timeline();
  readonly promises = new Promises();
  readonly devices: Device[];
  readonly server: ServerHost;
  readonly network: Network;
  readonly broken: string[] = [];
  readonly #random: Random;
  readonly #counts = new Map<string, number>();
  readonly #streams = new Map<string, Random>();
  readonly #leave: () => void;
  readonly #uninstall: () => void;
  #rates: Weather['rates'];
  #healedAtMs = 0;

  constructor(readonly plan: Plan, private readonly mistake: Mistake, isTold: boolean) {
    this.timeline.isTold = isTold;
    const { seed, weather, limits, devices } = plan;
    this.#random = new Random(seed);
    this.#rates = weather.rates;
    this.#leave = enterSimulation(this.timeline, this.#random);
    const unwatch = this.#watchMoves();
    const uninstall = mistake.install?.() ?? (() => {});
    this.#uninstall = () => {
      uninstall();
      unwatch();
    };
    const fates = { chance: (rate: Rate) => this.chance(rate), count: (what: string) => this.count(what), rejected: (device: string, message: Message) => this.#noteConflict(device, message) };
    this.network = new Network(this.timeline, this.#random.stream('network'), weather.networkMs, fates);
    this.server = new ServerHost({ timeline: this.timeline, network: this.network, limits, fates: this.#serverFates(), wrap: (store, process) => mistake.store?.(store, process) ?? store });
    this.devices = Array.from({ length: devices }, (_, i) => this.#newDevice(`device-${i}`));
  }

  async run(): Promise<Verdict> {
    let healedInMs = 0;
    try {
      await this.#suffer();
      healedInMs = await this.#heal();
      if (this.broken.length === 0) await this.#judge();
    } finally {
      await this.#end();
    }
    if (this.timeline.error) this.broken.push(`an error nobody caught: ${(this.timeline.error as Error).stack ?? String(this.timeline.error)}`);
    return { seed: this.plan.seed, plan: this.plan, broken: this.broken, hash: this.timeline.hash.hex, counts: this.#counts, tail: this.timeline.tail, healedInMs };
  }

  count(what: string, by = 1): void { this.#counts.set(what, (this.#counts.get(what) ?? 0) + by); }

  chance(rate: Rate): boolean {
    const probability = this.#rates[rate];
    return probability > 0 && this.stream(rate).chance(probability);
  }

  /** Each concern draws from its own numbers: a fault left out does not change what the others do. */
  stream(name: string): Random {
    let stream = this.#streams.get(name);
    if (!stream) this.#streams.set(name, (stream = this.#random.stream(name)));
    return stream;
  }

  /** What a device that refuses has not stored is written under another name, and no message tells. */
  #watchMoves(): () => void {
    const real = Exchange.prototype.rewritten;
    const { promises } = this;
    const tell = (fresh: string) => {
      this.count('written again before stored');
      this.timeline.tell(`written again as ops of ${fresh.slice(0, 4)}`);
    };
    Exchange.prototype.rewritten = function (gone, again, fresh) {
      for (const { replica, seqFrom, seqTo } of gone) promises.move(this.document.id, replica, seqFrom, seqTo, fresh, again.at(-1)?.seqTo ?? 0);
      tell(fresh);
      real.call(this, gone, again, fresh);
    };
    return () => { Exchange.prototype.rewritten = real; };
  }

  #noteConflict(device: string, message: Message): void {
    if (message.type === 'reject') this.count(`rejects: ${message.code}`);
    if (message.type === 'reject' && message.code === 'replica_conflict') this.promises.rename(device, message.document, message.replica, message.seqFrom);
  }

  // ── trouble ───────────────────────────────────────────────────────────────────────────────────

  async #suffer(): Promise<void> {
    const troubles = new Troubles(this);
    this.server.start();
    for (const device of this.devices) device.start();
    for (const step of this.plan.steps) {
      this.timeline.world.schedule(step.atMs, `step ${step.index}: ${step.kind}`, () => (step.kind === 'write' ? this.#write(step) : troubles.befall(step, step.kind)));
    }
    await this.timeline.runUntil(this.plan.lengthMs);
  }

  #write({ device: at, draws }: Step): void {
    const device = this.devices[at];
    const { session } = device;
    if (!session?.client) return this.count('writes skipped');
    session.process.schedule(0, 'write', () => {
      const { client } = session;
      if (!client) return;
      const id = this.plan.documents[Math.floor(draws[2] * this.plan.documents.length)];
      const told = { durable: this.#toldBy(session.process, 'durable'), acked: this.#toldBy(session.process, 'acked'), rejected: this.#toldBy(session.process, 'rejected') };
      const write = writeSomething(client, device.name, id, draws, this.promises, told, this.timeline.nowMs);
      if (write) this.timeline.tell(`write ${write.mark}: ${write.effects.map(({ kind }) => kind).join(' ')}`);
      this.count(write ? 'writes' : 'writes skipped');
    });
  }

  /** What the app hears, if it lives to hear it. */
  #toldBy(process: Process, level: 'durable' | 'acked' | 'rejected'): (write: Promised) => void {
    const field = ({ durable: 'isDurable', acked: 'isAcked', rejected: 'isRejected' } as const)[level];
    return (write) => {
      if (!process.isAlive) return;
      write[field] = true;
      this.count(level);
      this.timeline.tell(`write ${write.mark} is ${level}`);
      const isLogged = () => write.isRenamed || this.server.log.seqOf(write.document, write.replica) >= write.seq;
      if (level === 'acked' && !isLogged()) this.broken.push(`write ${write.mark} was acked before op ${write.replica.slice(0, 4)}:${write.seq} was in the log`);
    };
  }

  // ── healing ───────────────────────────────────────────────────────────────────────────────────

  /** @returns how long it took */
  async #heal(): Promise<number> {
    this.#healedAtMs = this.timeline.nowMs;
    this.timeline.tell('everything heals');
    this.#rates = fairRates;
    this.network.heal();
    this.server.heal();
    for (const device of this.devices) device.heal();
    // Documents that nobody opens are sent all the same.
    await this.#until(() => this.#whoIsMissing());
    await this.#untilAllAgree();
    // In haste somebody may look right who is not: what is settled must stay so, and a new device must find the same.
    const newcomer = this.#newDevice('newcomer');
    this.devices.push(newcomer);
    newcomer.start();
    await this.#untilAllAgree();
    return this.timeline.nowMs - this.#healedAtMs;
  }

  #untilAllAgree(): Promise<void> {
    return this.#until(() => {
      this.#openAll();
      return this.#whoDisagrees();
    });
  }

  /** @param complaint  in words why it is not so yet; null when it is */
  async #until(complaint: () => string | null): Promise<void> {
    const { timeline } = this;
    const deadlineMs = this.#healedAtMs + healMsMax;
    while (timeline.error === null && this.broken.length === 0) {
      await timeline.runUntil(timeline.nowMs + lookMs);
      const words = complaint();
      if (words === null) return;
      if (timeline.nowMs >= deadlineMs) this.broken.push(`not converged ${healMsMax / 1000} s after the last trouble: ${words}`);
    }
  }

  /** A durable write that has not come to the log. */
  #whoIsMissing(): string | null {
    const missing = this.promises.writes.find((write) => write.isDurable && !write.isRenamed && this.server.log.seqOf(write.document, write.replica) < write.seq);
    return missing ? `write ${missing.mark} of ${missing.device} in "${missing.document}" was durable and is not in the log` : null;
  }

  #openAll(): void {
    for (const { session } of this.devices) {
      const client = session?.client;
      if (!client) continue;
      for (const id of this.plan.documents) session.process.schedule(0, 'open', () => void (client.isClosed || client.document(id)));
    }
  }

  /** In words, or null when everybody is live and shows what the log says. */
  #whoDisagrees(): string | null {
    const notLive = this.devices.map(({ name, client }) => {
      const status = client?.status.get();
      const isWell = status?.connection === 'live' && status.pending === 0 && status.storage === 'ok';
      return isWell ? null : `${name} is ${JSON.stringify(status ?? 'not open')}`;
    }).find((words) => words !== null);
    if (notLive) return notLive;
    for (const id of this.plan.documents) {
      const { digest } = shownByLog(this.server.log, id);
      const other = this.devices.find(({ client }) => client!.document(id).digest() !== digest);
      if (other) return `${other.name} shows "${id}" otherwise than the log`;
    }
    return null;
  }

  // ── judging ───────────────────────────────────────────────────────────────────────────────────

  async #judge(): Promise<void> {
    for (const id of this.plan.documents) {
      const shown = this.devices.map(({ client }) => shownBy(client!.document(id)));
      if (new Set(shown.map(({ digest }) => digest)).size > 1) this.broken.push(`digests of "${id}" differ`);
      this.broken.push(...judge(this.promises, this.server.log, id, shown[0]));
    }
  }

  // ── ending ────────────────────────────────────────────────────────────────────────────────────

  async #end(): Promise<void> {
    this.count('simulated seconds', Math.round(this.timeline.nowMs / 1000));
    this.count('happenings', this.timeline.count);
    this.count('server snapshots', [...this.server.log.shelves.values()].filter(({ snapshot }) => snapshot).length);
    for (const device of this.devices) if (device.session) device.crash(null);
    this.server.crash();
    await this.timeline.runUntil(this.timeline.nowMs + 1);
    this.server.dispose();
    this.#uninstall();
    this.#leave();
  }

  // ── who they are ──────────────────────────────────────────────────────────────────────────────

  #newDevice(name: string): Device {
    const { timeline, network, mistake } = this;
    const device: Device = new Device(name, {
      timeline, network, fates: this.#deviceFates(() => device), count: (what) => this.count(what),
      wrap: (storage, process) => mistake.storage?.(storage, process) ?? storage,
    });
    return device;
  }

  #deviceFates(device: () => Device): DiskFates {
    return {
      latencyMs: () => this.#latencyOf('disk', this.plan.weather.diskMs),
      fateOf: (isWrite) => this.#counted('disk', this.#fateOfDevice(device(), isWrite)),
      crash: () => {
        const random = this.stream('crash-at-write');
        device().crash(random.chance(0.3) ? random.unit() : null);
        this.timeline.world.schedule(random.between(10, 5_000), 'restart', () => device().start());
      },
    };
  }

  #fateOfDevice(device: Device, isWrite: boolean): CallFate {
    if (device.isAway) return 'io-error';
    if (device.isFull && isWrite) return 'quota';
    if (isWrite && this.chance('crash-at-write')) return this.stream('crash-at-write').chance(0.5) ? 'crash-before' : 'crash-after';
    if (this.chance('io-error')) return 'io-error';
    return isWrite && this.chance('lost-answer') ? 'lost-answer' : 'done';
  }

  #serverFates(): DiskFates {
    return {
      latencyMs: () => this.#latencyOf('store', this.plan.weather.storeMs),
      fateOf: (isWrite) => this.#counted('store', this.#fateOfServer(isWrite)),
      crash: () => {
        this.count('server crashes');
        this.server.crash();
        this.timeline.world.schedule(this.stream('server-crash-at-commit').between(10, 5_000), 'restart', () => this.server.start());
      },
    };
  }

  #fateOfServer(isWrite: boolean): CallFate {
    if (!isWrite) return 'done';
    if (this.server.isFull) return 'quota';
    if (this.chance('server-crash-at-commit')) return this.stream('server-crash-at-commit').chance(0.5) ? 'crash-before' : 'crash-after';
    if (this.chance('server-fails')) return 'io-error';
    return this.chance('server-lost-answer') ? 'lost-answer' : 'done';
  }

  #counted(whose: 'disk' | 'store', fate: CallFate): CallFate {
    if (fate !== 'done') this.count(`${whose}: ${fate}`);
    return fate;
  }

  #latencyOf(name: string, meanMs: number): number { return meanMs * (0.2 + 1.6 * this.stream(name).unit()); }
}
