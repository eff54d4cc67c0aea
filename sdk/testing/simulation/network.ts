// Lines between devices and the server. A line carries whole frames in their order, as a WebSocket does; it can be cut on
// both sides or on one, and what lies behind a partition is held until that ends, as TCP would send it again.
//
// A line that drops a frame has died without a word, and drops all that follow it in that direction. Frames that are
// doubled or overtaken are worse than any WebSocket does; what is promised must hold all the same. Only acks and rejects
// keep their order among each other: an ack covers what was pushed before it, so one that overtakes a reject would lie. A
// line that has done any of this does not heal by itself, and is cut when the weather turns (`heal`).

import type { Random } from '../seed.js';
import { decodeFrame } from '../../wire/frame.js';
import type { Message } from '../../wire/message.js';
import type { Link, LinkEvents, Transport } from '../../sync/transport.js';
import type { Process, Timeline } from './timeline.js';

export interface NetworkFates {
  chance(rate: 'drop' | 'duplicate' | 'reorder'): boolean;
  count(what: string): void;
  /** A device is about to read this reject. */
  rejected(device: string, message: Message): void;
}

/** Who takes the lines: a server's process, and its `accept`. Null while there is none. */
export interface Listening { process: Process; accept(link: Link): LinkEvents }

const silent: LinkEvents = { open() {}, frame() {}, close() {} };

export class Network {
  listening: Listening | null = null;
  readonly #lines = new Set<Line>();
  /** Devices that no frame gets to or from, each with the number of its partition. */
  readonly #partitions = new Map<string, number>();
  #partitionCount = 0;

  constructor(readonly timeline: Timeline, readonly random: Random, readonly meanMs: number, readonly fates: NetworkFates) {}

  get latencyMs(): number { return this.meanMs * (0.5 + this.random.unit()); }

  transportOf(device: string, process: Process): Transport {
    return { connect: (events) => this.#dial(device, process, events) };
  }

  /** Behind a partition nobody answers; where no server is, the line is refused. */
  #dial(device: string, process: Process, events: LinkEvents): Link {
    const line = new Line(this, device, process, events);
    this.#lines.add(line);
    const { listening } = this;
    if (this.isHeld(device)) this.fates.count('dials in vain');
    else if (!listening) line.client.hear(1006, 'refused');
    else listening.process.schedule(this.latencyMs, 'accepted', () => this.#accept(line, listening));
    return line.client;
  }

  #accept(line: Line, { process, accept }: Listening): void {
    if (line.client.isClosed) return;
    line.server = new End(this, line, process, silent);
    line.server.events = accept(line.server);
    line.server.events.open();
    line.client.later('opened', () => line.client.events.open());
  }

  isHeld(device: string): boolean { return this.#partitions.has(device); }

  partition(device: string, forMs: number): void {
    const number = ++this.#partitionCount;
    this.#partitions.set(device, number);
    this.timeline.world.schedule(forMs, 'end of partition', () => { if (this.#partitions.get(device) === number) this.#rejoin(device); });
  }

  #rejoin(device: string): void {
    this.#partitions.delete(device);
    for (const line of this.#lines) if (line.device === device) for (const send of line.held.splice(0)) send();
  }

  /** @param sides  who is told: a side that is not goes on believing in the line */
  cut(device: string, sides: readonly ('client' | 'server')[] = ['client', 'server']): void {
    for (const line of this.#lines) if (line.device === device) line.cut(sides);
  }

  /** @param isTold  whether the other side hears of it, as when a process dies and its machine goes on */
  died(process: Process, isTold: boolean): void {
    for (const line of this.#lines) {
      if (line.client.process === process) line.cut(isTold ? ['server'] : []);
      if (line.server?.process === process) line.cut(isTold ? ['client'] : []);
    }
  }

  heal(): void {
    for (const device of [...this.#partitions.keys()]) this.#rejoin(device);
    for (const line of this.#lines) if (line.isFaulty) line.cut(['client', 'server']);
  }

  forget(line: Line): void { this.#lines.delete(line); }
}

class Line {
  readonly client: End;
  server: End | null = null;
  /** It has dropped, doubled or turned round a frame. */
  isFaulty = false;
  isCut = false;
  /** What waits for the end of a partition. */
  readonly held: (() => void)[] = [];

  constructor(readonly network: Network, readonly device: string, process: Process, events: LinkEvents) {
    this.client = new End(network, this, process, events);
  }

  peerOf(end: End): End | null { return end === this.client ? this.server : this.client; }

  cut(sides: readonly ('client' | 'server')[]): void {
    this.isCut = true;
    for (const side of sides) this[side]?.hear(1006, 'cut');
    if (sides.length === 2) this.network.forget(this);
  }
}

class End implements Link {
  bufferedBytes = 0;
  isClosed = false;
  /** A frame was dropped: nothing more gets through. */
  #isMute = false;
  #arrivalMs = 0;

  constructor(private readonly network: Network, private readonly line: Line, readonly process: Process, public events: LinkEvents) {}

  send(frame: Uint8Array): void {
    if (this.isClosed || this.#isMute || !this.process.isAlive) return;
    const bytes = frame.slice();
    this.network.timeline.hash.bytes(bytes);
    const { fates } = this.network;
    if (fates.chance('drop')) {
      this.line.isFaulty = this.#isMute = true;
      return fates.count('frames dropped');
    }
    this.bufferedBytes += bytes.length;
    this.#carry(bytes, bytes.length);
    if (isAnswer(bytes) || !fates.chance('duplicate')) return;
    this.line.isFaulty = true;
    fates.count('frames doubled');
    this.#carry(bytes.slice(), 0);
  }

  close(code = 1000, reason = ''): void {
    if (this.isClosed || !this.process.isAlive) return;
    this.isClosed = true;
    this.process.schedule(0, 'closed', () => this.events.close(code, reason));
    if (!this.line.isCut) this.#toPeer('hung up', false, (peer) => peer.end(code, reason));
    if (this.line.held.length === 0) this.network.forget(this.line);
  }

  /** Learns in a while that the line is gone. */
  hear(code: number, reason: string): void { this.later('lost', () => this.end(code, reason)); }

  later(label: string, run: () => void): void {
    this.process.schedule(this.network.latencyMs, label, () => { if (!this.isClosed) run(); });
  }

  end(code: number, reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.events.close(code, reason);
  }

  #carry(bytes: Uint8Array, buffered: number): void {
    this.#toPeer(this.network.timeline.isTold ? inWords(bytes) : 'frame', !isAnswer(bytes), (peer) => {
      this.bufferedBytes -= buffered;
      if (this.line.isCut) return;
      this.network.fates.count('frames delivered');
      if (bytes[0] === rejectByte) this.network.fates.rejected(this.line.device, messageOf(bytes));
      peer.events.frame(bytes);
    });
  }

  /** In order, behind a partition, unless it overtakes. What is sent to the dead comes back as a lost line. */
  #toPeer(label: string, mayOvertake: boolean, run: (peer: End) => void): void {
    const { network, line } = this;
    const peer = line.peerOf(this);
    if (line.isCut || !peer?.process.isAlive) return this.isClosed ? undefined : this.hear(1006, 'reset');
    if (network.isHeld(line.device)) return void line.held.push(() => this.#toPeer(label, mayOvertake, run));
    const { nowMs } = network.timeline;
    const atMs = nowMs + network.latencyMs;
    const isEarly = mayOvertake && atMs < this.#arrivalMs && network.fates.chance('reorder');
    if (isEarly) {
      line.isFaulty = true;
      network.fates.count('frames overtaking');
    }
    const arrivalMs = isEarly ? atMs : Math.max(atMs, this.#arrivalMs);
    this.#arrivalMs = Math.max(this.#arrivalMs, arrivalMs);
    peer.process.schedule(arrivalMs - nowMs, label, () => { if (!peer.isClosed) run(peer); else this.bufferedBytes = 0; });
  }
}

function messageOf(bytes: Uint8Array): Message { return decodeFrame(bytes, frameBytesMax).message; }

// The type is a frame's first byte; to read the rest of every frame only for that would cost a tenth of a run.
const ackByte = 9;
const rejectByte = 10;

function isAnswer(bytes: Uint8Array): boolean { return bytes[0] === ackByte || bytes[0] === rejectByte; }

function inWords(bytes: Uint8Array): string {
  const fields = Object.entries(messageOf(bytes)).map(([key, value]) => `${key} ${value instanceof Uint8Array ? `${value.length} bytes` : JSON.stringify(value)}`);
  return fields.join(', ');
}

const frameBytesMax = 2 ** 24;
