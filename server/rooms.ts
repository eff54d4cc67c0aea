// The rooms that are open. A document is loaded once however many ask for it at the same time, and put away when
// nobody has listened or written for a while.

import { HeadwaterError } from '../sdk/core/errors.js';
import type { Lsn } from '../sdk/wire/message.js';
import { Gate } from './flow.js';
import { Heads } from './heads.js';
import type { Node } from './nodes.js';
import { Room, type RoomContext } from './room.js';

/** Heads asked for in one query. */
const headsMax = 1_000;
/** Rooms that miss something at the same time are looked after together. */
const headDelayMs = 10;

export class Rooms {
  private readonly opening = new Map<string, Promise<Room>>();
  private readonly rooms = new Map<string, Room>();
  private isClosed = false;
  private readonly context: RoomContext;
  private readonly loading: Gate;
  /** Whose head is to be looked at; null while nothing is planned. */
  private unsure: Set<Room> | null = null;

  constructor(context: Omit<RoomContext, 'lookAtHead' | 'heads'>) {
    this.context = { ...context, lookAtHead: (room) => this.lookAtHead(room), heads: new Heads(context.store) };
    this.loading = new Gate(context.limits.roomsLoadingMax, context.limits.roomsWaitingMax);
  }

  get size(): number {
    return this.rooms.size;
  }

  /** The open room, at once; else null and `open` must be waited for. */
  get(document: string): Room | null {
    return this.rooms.get(document) ?? null;
  }

  /** @throws HeadwaterError `corrupt_record`, `storage_failed`, `unavailable`, `closed`; the next call tries again */
  open(document: string): Promise<Room> {
    if (this.isClosed) return Promise.reject(new HeadwaterError('closed', 'the server is stopping'));
    let opening = this.opening.get(document);
    if (opening === undefined) this.opening.set(document, (opening = this.load(document)));
    return opening;
  }

  /** Compares every open room with the log: no hint is certain to come. */
  async checkHeads(rooms: Iterable<Room> = this.rooms.values()): Promise<void> {
    const all = [...rooms];
    for (let start = 0; start < all.length; start += headsMax) await this.compare(all.slice(start, start + headsMax));
  }

  /** What nodes say was missed, by every room. */
  catchUp(): void {
    for (const room of this.rooms.values()) room.catchUp();
  }

  /** The log of a document is gone up to `floor`. */
  noteCompacted(document: string, floor: Lsn): void {
    this.rooms.get(document)?.noteCompacted(floor);
  }

  leaveNode(node: Node): void {
    for (const room of this.rooms.values()) room.leaveNode(node);
  }

  private lookAtHead(room: Room): void {
    if (this.unsure !== null) return void this.unsure.add(room);
    const unsure = (this.unsure = new Set([room]));
    setTimeout(() => {
      this.unsure = null;
      void this.checkHeads(unsure);
    }, headDelayMs).unref();
  }

  private async compare(rooms: readonly Room[]): Promise<void> {
    try {
      const heads = await this.context.store.heads(rooms.map(({ document }) => document));
      rooms.forEach((room, i) => this.rooms.get(room.document) === room && room.noteHead(heads[i]));
    } catch (cause) {
      this.context.log.warn({ rooms: rooms.length, reason: (cause as Error).message }, 'the heads of the log cannot be read');
    }
  }

  /** Puts away what has been idle for `roomIdleMs`. */
  sweep(): void {
    const before = this.context.now() - this.context.limits.roomIdleMs;
    for (const room of this.rooms.values()) {
      if (room.isIdle && room.lastUsedMs <= before) void this.evict(room);
    }
  }

  /** Waits until all that was taken in is answered, then writes snapshots. Gives up at `deadlineMs`; the log has it all. */
  async close(deadlineMs: number): Promise<void> {
    this.isClosed = true;
    await Promise.allSettled(this.opening.values());
    while ([...this.rooms.values()].some((room) => !room.isQuiet) && this.context.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const room of this.rooms.values()) {
      if (room.isQuiet && this.context.now() < deadlineMs) await this.evict(room);
      else room.abandon();
    }
  }

  private async load(document: string): Promise<Room> {
    try {
      const room = await this.loading.pass(() => Room.open(document, this.context));
      this.rooms.set(document, room);
      return room;
    } catch (cause) {
      this.opening.delete(document);
      throw cause;
    }
  }

  /** Gone from the map before its snapshot is stored: the store does things in order, so a reopen reads it. */
  private evict(room: Room): Promise<void> {
    this.rooms.delete(room.document);
    this.opening.delete(room.document);
    return room.close();
  }
}
