import { describe, expect, it } from '@jest/globals';
import type { Message } from '../wire/message.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import type { OwnBatch } from './batch-queue.js';
import { inFlightBytesMax } from './outgoing.js';
import { initialSession, isLive, step, type Effect, type SessionEvent, type SessionState } from './session.js';
import { decode, ModelServer, ownBatch, type ModelBatch, type ModelLink } from './testing/model-server.js';

// Devices with a disk each, one server, and a network that cuts, loses, repeats and delays. Every step of
// the session is the real one; the rest is a model. Safety is checked at every effect, progress after healing.

const document = 'doc';

describe('the session under random weather', () => {
  const seed = seedFromEnv();
  const runs = process.env.SEED ? 1 : Number(process.env.RUNS ?? 150);

  it(`loses no own batch, believes no early ack, and converges (${runs} worlds)`, () => {
    for (let run = 0; run < runs; run++) {
      const world = new World(new Random((seed + run) >>> 0));
      try {
        world.storm(400);
        world.heal();
      } catch (error) {
        throw new Error(`SEED=${(seed + run) >>> 0}: ${(error as Error).message}\n${world.trace.slice(-40).join('\n')}`, { cause: error });
      }
    }
  });

  it('does the same every time for the same seed', () => {
    const traces = [1, 2].map(() => {
      const world = new World(new Random(seed));
      world.storm(200);
      return world.trace;
    });
    expect(traces[0]).toEqual(traces[1]);
  });
});

/** One connection of a device: what is on its way, in order, each direction. */
interface Wire {
  link: ModelLink;
  up: Message[];
  down: Message[];
}

class Device {
  session: SessionState;
  wire: Wire | null = null;
  isOpening = false;
  readonly timers = new Set<string>();
  readonly inbox: SessionEvent[] = [];
  // The disk. It survives a restart of the device; so do the ids of replicas that wrote here.
  readonly stored: ModelBatch[] = [];
  readonly seqs = new Map<string, number>();
  cursor: { epoch: string; lsn: number } | null = null;
  /** What the server said it has committed, and in which log it said so. */
  acked = new Map<string, number>();
  ackedEpoch = '';
  failsNext = false;
  replica: string;

  constructor(readonly name: number, private replicas = 0) {
    this.replica = this.nextReplica();
    this.session = initialSession(this.replica);
  }

  nextReplica(): string {
    return `${this.name}0000000000000${(++this.replicas).toString(16).padStart(2, '0')}`;
  }

  has(replica: string, seq: number): boolean {
    return (this.seqs.get(replica) ?? 0) >= seq;
  }

  store(batch: ModelBatch): void {
    if (this.has(batch.replica, batch.seqTo)) return;
    this.stored.push(batch);
    this.seqs.set(batch.replica, batch.seqTo);
  }

  isOwn(batch: ModelBatch): boolean {
    return batch.replica[0] === String(this.name);
  }

  /** Un-acked is a question put to the stored batches. */
  unacked(): OwnBatch[] {
    return this.stored.filter((batch) => this.isOwn(batch) && batch.seqTo > (this.acked.get(batch.replica) ?? 0)).map(ownBatch);
  }
}

class World {
  readonly trace: string[] = [];
  private readonly server = new ModelServer();
  private readonly devices = [1, 2, 3].map((name) => new Device(name));
  private epochs = 1;

  constructor(private readonly random: Random) {
    this.server.logMax = random.pick([0, 3, Infinity]);
    for (const device of this.devices) this.start(device);
  }

  storm(steps: number): void {
    // Rates differ from world to world, and some kinds of trouble are absent or constant.
    const rates = this.actions.map(() => (this.random.chance(0.2) ? 0 : this.random.unit()));
    const total = rates.reduce((sum, rate) => sum + rate, 0);
    for (let i = 0; i < steps; i++) {
      let at = this.random.unit() * total;
      const action = this.actions.find((_, k) => (at -= rates[k]) < 0) ?? this.deliverUp;
      action.call(this, this.random.pick(this.devices));
    }
  }

  /** The weather clears: in bounded time everybody is live and has everything. */
  heal(): void {
    for (let round = 0; round < 60; round++) {
      for (const device of this.devices) {
        device.failsNext = false;
        if (device.session.phase === 'offline') this.event(device, { type: 'connect' });
        this.openLink(device);
        for (const timer of [...device.timers]) if (timer !== 'connect' && timer !== 'ping') this.fire(device, timer);
        while (device.wire && (device.wire.up.length > 0 || device.wire.down.length > 0)) {
          this.deliverUp(device);
          this.server.commit();
          this.deliverDown(device);
        }
        // A server that dropped something for a slow reader says so when it drains.
        if (round < 3 && device.wire) device.wire.down.push({ type: 'resync', document });
      }
    }
    const { log } = this.server.room(document);
    const committed = new Set(log.map((batch) => `${batch.replica} ${batch.seqTo}`));
    for (const device of this.devices) {
      this.must(isLive(device.session, document), `device ${device.name} is ${device.session.phase}, not live`);
      this.must((device.cursor?.lsn ?? 0) === log.length, `device ${device.name} stands at ${device.cursor?.lsn ?? 0} of ${log.length}`);
      for (const batch of device.stored) {
        this.must(committed.has(`${batch.replica} ${batch.seqTo}`), `${batch.replica} ${batch.seqTo} of device ${device.name} is lost`);
      }
      this.must(device.stored.length === log.length, `device ${device.name} has ${device.stored.length} of ${log.length}`);
      this.must(device.unacked().length === 0, `device ${device.name} still waits for acks`);
      const { queue } = device.session.documents.get(document)!;
      this.must(queue.first === queue.end && device.session.inFlightBytes === 0, `device ${device.name} still holds batches`);
    }
  }

  private readonly actions: ((device: Device) => void)[] = [
    this.write, this.write, this.deliverUp, this.deliverUp, this.deliverDown, this.deliverDown, this.deliverDown,
    this.openLink, this.openLink, this.commit, this.commit, this.fireAny, this.fireAny,
    this.cut, this.dropDown, this.repeatUp, this.repeatDown, this.crash, this.crashAfterCommit, this.restore,
    this.restart, this.newTab, this.failHost, this.hint, this.toggleApp, this.reopen,
  ];

  // ── what can happen ───────────────────────────────────────────────────────────────────────────

  private write(device: Device): void {
    const count = this.random.between(1, 3);
    const batches = Array.from({ length: count }, () => {
      const seqFrom = (device.seqs.get(device.replica) ?? 0) + 1;
      const batch = { replica: device.replica, seqFrom, seqTo: seqFrom + this.random.int(3), deps: Object.fromEntries(device.seqs) };
      device.store(batch);
      return batch;
    });
    this.event(device, { type: 'push', document, batches: batches.map(ownBatch) });
  }

  private deliverUp(device: Device): void {
    const message = device.wire?.up.shift();
    if (message) this.server.receive(device.wire!.link, message);
  }

  private deliverDown(device: Device): void {
    const message = device.wire?.down.shift();
    if (message) this.event(device, { type: 'message', message });
  }

  private openLink(device: Device): void {
    if (!device.isOpening) return;
    device.isOpening = false;
    const down: Message[] = [];
    device.wire = { link: this.server.connect((message) => down.push(message)), up: [], down };
    this.event(device, { type: 'linkOpened' });
  }

  private commit(): void {
    this.server.commit();
  }

  private cut(device: Device): void {
    if (!device.wire && !device.isOpening) return;
    this.hangUp(device);
    this.event(device, { type: 'linkClosed', code: 1006, reason: '' });
  }

  /** Only log entries: what a server drops for a slow reader. Everything else is ordered and whole on a link. */
  private dropDown(device: Device): void {
    const { down } = device.wire ?? { down: [] };
    const at = down.findIndex((message) => message.type === 'changes');
    if (at >= 0) down.splice(at, 1);
  }

  private repeatDown(device: Device): void {
    const first = device.wire?.down[0];
    if (first?.type === 'changes' || first?.type === 'ack') device.wire!.down.unshift(first);
  }

  private repeatUp(device: Device): void {
    const first = device.wire?.up[0];
    if (first?.type === 'push') device.wire!.up.unshift(first);
  }

  private crash(): void {
    this.server.crash();
    for (const device of this.devices) this.cut(device);
  }

  /** The transaction went through; nobody was told. */
  private crashAfterCommit(): void {
    this.server.commit(false);
    this.crash();
  }

  private restore(): void {
    if (!this.random.chance(0.2)) return;
    this.server.restore(`epoch-${++this.epochs}`, this.random.int(4));
    for (const device of this.devices) this.cut(device);
  }

  /** The process ends and starts again: only the disk is left. */
  private restart(device: Device): void {
    this.hangUp(device);
    device.timers.clear();
    device.failsNext = false;
    this.start(device);
  }

  /** A new session of the same device pushes what the last one left, and builds on it. */
  private newTab(device: Device): void {
    if (!this.random.chance(0.3)) return;
    device.replica = device.nextReplica();
    this.restart(device);
  }

  private failHost(device: Device): void {
    device.failsNext = this.random.chance(0.3);
  }

  private hint(device: Device): void {
    this.event(device, { type: this.random.chance(0.5) ? 'online' : 'offline' });
  }

  private toggleApp(device: Device): void {
    if (this.random.chance(0.2)) this.event(device, { type: device.session.phase === 'offline' ? 'connect' : 'disconnect' });
  }

  private reopen(device: Device): void {
    this.event(device, { type: 'close', document });
    this.event(device, { type: 'open', document, cursor: device.cursor, unacked: device.unacked() });
  }

  private fireAny(device: Device): void {
    const timers = [...device.timers];
    if (timers.length > 0) this.fire(device, this.random.pick(timers));
  }

  // ── the shell ─────────────────────────────────────────────────────────────────────────────────

  private start(device: Device): void {
    device.session = initialSession(device.replica);
    this.event(device, { type: 'open', document, cursor: device.cursor, unacked: device.unacked() });
    this.event(device, { type: 'connect' });
  }

  private fire(device: Device, timer: string): void {
    device.timers.delete(timer);
    this.event(device, { type: 'timer', timer: timer as 'retry' });
  }

  private hangUp(device: Device): void {
    if (device.wire) this.server.links.delete(device.wire.link);
    device.wire = null;
    device.isOpening = false;
  }

  /** As in the connection: what an effect brings about waits until the step it belongs to is over. */
  private event(device: Device, event: SessionEvent): void {
    device.inbox.push(event);
    if (device.inbox.length > 1) return;
    for (; device.inbox.length > 0; device.inbox.shift()) this.take(device, device.inbox[0]);
  }

  private take(device: Device, event: SessionEvent): void {
    this.trace.push(`${device.name} ${event.type === 'message' ? JSON.stringify(event.message, (key, value) => (key === 'batches' || key === 'bytes' || key === 'version' ? undefined : value)) : event.type === 'timer' ? event.timer : event.type}`);
    const [state, effects] = step(device.session, event);
    if (effects.some((effect) => effect.type === 'receive') && device.failsNext) {
      device.failsNext = false;
      device.inbox.splice(1, 0, { type: 'hostFailed', error: { code: 'storage_failed', message: '' } });
      return;
    }
    device.session = state;
    for (const effect of effects) this.run(device, effect);
    this.must(state.inFlightBytes <= inFlightBytesMax && state.inFlightBytes >= 0, `${state.inFlightBytes} bytes in flight`);
  }

  private run(device: Device, effect: Effect): void {
    switch (effect.type) {
      case 'dial': device.isOpening = true; return;
      case 'hangUp': return this.hangUp(device);
      case 'send': return void device.wire?.up.push(effect.message);
      case 'timer': case 'backoff': return void device.timers.add(effect.timer);
      case 'cancel': return void device.timers.delete(effect.timer);
      case 'receive': return this.receive(device, effect);
      case 'subscribed': return this.subscribed(device, effect.version);
      case 'acked': return this.acked(device, effect.version);
      case 'status': if (effect.status.error?.code === 'protocol_error') throw new Error(`device ${device.name}: ${effect.status.error.message}`); return;
      default: return;
    }
  }

  private receive(device: Device, { blocks, cursor }: Extract<Effect, { type: 'receive' }>): void {
    for (const batch of decode(blocks)) {
      this.must(device.has(batch.replica, batch.seqFrom - 1), `a hole before ${batch.replica} ${batch.seqFrom} at device ${device.name}`);
      device.store(batch);
    }
    device.cursor = cursor;
    if (cursor.epoch !== this.server.epoch) return;
    for (const batch of this.server.room(document).log.slice(0, cursor.lsn)) {
      this.must(device.has(batch.replica, batch.seqTo), `device ${device.name} stands at ${cursor.lsn} without ${batch.replica} ${batch.seqTo}`);
    }
  }

  private acked(device: Device, version: ReadonlyMap<string, number>): void {
    const { epoch } = device.session;
    const committed = this.server.room(document).version;
    for (const [replica, seq] of epoch === this.server.epoch ? version : []) {
      this.must(seq <= (committed.get(replica) ?? 0), `${replica} ${seq} was acked before it was committed`);
    }
    for (const [replica, seq] of version) device.acked.set(replica, Math.max(seq, device.acked.get(replica) ?? 0));
  }

  /** It is no ack. But in another log, what it lacks is offered again. */
  private subscribed(device: Device, version: ReadonlyMap<string, number>): void {
    const { epoch } = device.session;
    if (epoch === device.ackedEpoch) return;
    device.ackedEpoch = epoch;
    device.acked = new Map([...device.acked].map(([replica, seq]) => [replica, Math.min(seq, version.get(replica) ?? 0)]));
    this.event(device, { type: 'push', document, batches: device.unacked() });
  }

  private must(holds: boolean, message: string): void {
    if (!holds) throw new Error(message);
  }
}
