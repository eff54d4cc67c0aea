// The clients of one run, in this process: rooms, authors in them, what each has been given, and when.
//
// Every reader counts every author's edits: each has to come once, in order, with none left out.

import { FrameSocket } from './socket.js';
import type { Speaker, Wire } from './wire.js';

export interface CrowdPlan {
  port: number;
  rooms: number;
  clientsPerRoom: number;
  /** In the first so many rooms everything is kept, to compare states at the end. */
  keptRooms: number;
  prefix: string;
}

export class Member {
  readonly socket: FrameSocket;
  readonly speaker: Speaker;
  readonly ready: Promise<void>;
  /** When each of its edits went out, from edit 1. */
  readonly sentMs: number[] = [0];
  acked = 0;
  /** Of each author of the room, the last edit that came. */
  private readonly heard: number[] = [];
  /** It does not read now, and is not waited for. */
  isStalled = false;

  constructor(private readonly crowd: Crowd, readonly room: string, readonly author: number, private readonly roommates: readonly Member[], wire: Wire) {
    let ready!: () => void;
    let failed!: (error: Error) => void;
    this.ready = new Promise((resolve, reject) => { ready = resolve; failed = reject; });
    const fail = (reason: string) => { failed(new Error(reason)); crowd.fail(`${room}/${author}: ${reason}`); };
    this.speaker = wire.speaker(room, author, {
      send: (frame) => this.socket.send(frame),
      ready,
      delivered: (from, first, last) => this.take(from, first, last),
      acked: (edit) => this.takeAck(edit),
      failed: fail,
    });
    this.socket = new FrameSocket(crowd.plan.port, wire.path(room), wire.protocol, {
      open: () => this.speaker.open(), frame: (bytes) => this.speaker.hear(bytes), close: fail,
    });
  }

  get edits(): number {
    return this.sentMs.length - 1;
  }

  write(bytes = 0): void {
    const frame = this.speaker.edit(bytes);
    this.sentMs.push(performance.now());
    this.crowd.edits += 1;
    this.socket.send(frame);
  }

  /** Whether it has everything its room has written. */
  hasAll(): boolean {
    return this.roommates.every(({ edits }, author) => (this.heard[author] ?? 0) === edits);
  }

  stall(isStalled: boolean): void {
    this.isStalled = isStalled;
    if (isStalled) this.socket.pause();
    else this.socket.resume();
  }

  private take(author: number, first: number, last: number): void {
    const heard = this.heard[author] ?? 0;
    if (first !== heard + 1) this.crowd.fail(`${this.room}/${this.author}: edits ${first}–${last} of ${author} after ${heard}`);
    this.heard[author] = last;
    this.crowd.deliveries += last - first + 1;
    if (author === this.author || this.crowd.latencies === null) return;
    const nowMs = performance.now();
    const { sentMs } = this.roommates[author];
    for (let edit = first; edit <= last; edit++) this.crowd.latencies.push(nowMs - sentMs[edit]);
  }

  private takeAck(edit: number): void {
    this.acked = Math.max(this.acked, edit);
    this.crowd.onAck?.(this);
  }
}

export class Crowd {
  readonly members: Member[] = [];
  edits = 0;
  deliveries = 0;
  /** From an edit's sending to its arrival at each other reader, in ms; null while nobody asks. */
  latencies: number[] | null = null;
  onAck: ((member: Member) => void) | null = null;
  private failure: string | null = null;

  constructor(private readonly wire: Wire, readonly plan: CrowdPlan) {}

  async connect(): Promise<void> {
    const { rooms, clientsPerRoom, keptRooms, prefix } = this.plan;
    for (let room = 0; room < rooms; room++) {
      const roommates: Member[] = [];
      for (let author = 0; author < clientsPerRoom; author++) {
        const member = new Member(this, `${prefix}-${room}`, author, roommates, this.wire);
        if (room < keptRooms) member.speaker.kept = [];
        roommates.push(member);
        this.members.push(member);
        // As many at once as a listening socket keeps waiting for sure.
        if (this.members.length % 50 === 0) await Promise.all(this.members.slice(-50).map(({ ready }) => ready));
      }
    }
    await Promise.all(this.members.map(({ ready }) => ready));
  }

  fail(reason: string): void {
    this.failure ??= reason;
  }

  assertWell(): void {
    if (this.failure !== null) throw new Error(this.failure);
  }

  /** Resolves when everybody has everything, and every author has been told so. @throws Error after `msMax` */
  async settle(msMax: number): Promise<void> {
    const endMs = performance.now() + msMax;
    for (;;) {
      this.assertWell();
      const behind = this.members.filter((member) => !member.isStalled && (!member.hasAll() || member.acked < member.edits));
      if (behind.length === 0) return;
      if (performance.now() > endMs) throw new Error(`${behind.length} of ${this.members.length} clients lack something ${msMax} ms after the last edit`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Every reader of a kept room, and one who comes only now, must have the same. @returns how many rooms were compared */
  async compareStates(): Promise<number> {
    const { keptRooms, clientsPerRoom } = this.plan;
    for (let room = 0; room < keptRooms; room++) {
      const members = this.members.slice(room * clientsPerRoom, (room + 1) * clientsPerRoom);
      const texts = members.map(({ speaker }) => this.wire.textOf(speaker.kept!));
      const late = await this.lateText(members[0].room);
      if (texts.some((text) => text !== texts[0])) throw new Error(`the readers of ${members[0].room} differ`);
      if (late !== null && late !== texts[0]) throw new Error(`who joins ${members[0].room} now gets something else`);
    }
    return keptRooms;
  }

  /** What the server gives to somebody who was never there; null from one that keeps nothing. */
  private async lateText(room: string): Promise<string | null> {
    if (!this.wire.keeps) return null;
    const kept: Uint8Array[] = [];
    await new Promise<void>((resolve, reject) => {
      const fail = (reason: string) => reject(new Error(`a late reader: ${reason}`));
      const speaker = this.wire.speaker(room, -1, { send: (frame) => socket.send(frame), ready: () => { resolve(); socket.end(); }, delivered() {}, acked() {}, failed: fail });
      speaker.kept = kept;
      const socket = new FrameSocket(this.plan.port, this.wire.path(room), this.wire.protocol, { open: () => speaker.open(), frame: (bytes) => speaker.hear(bytes), close: fail });
    });
    return this.wire.textOf(kept);
  }

  end(): void {
    for (const { socket } of this.members) socket.end();
  }
}
