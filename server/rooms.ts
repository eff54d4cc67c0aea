// The rooms that are open. A document is loaded once however many ask for it at the same time, and put away when
// nobody has listened or written for a while.

import { HeadwaterError } from '../sdk/core/errors.js';
import { Room, type RoomContext } from './room.js';

export class Rooms {
  private readonly opening = new Map<string, Promise<Room>>();
  private readonly rooms = new Map<string, Room>();
  private isClosed = false;

  constructor(private readonly context: RoomContext) {}

  get size(): number {
    return this.rooms.size;
  }

  /** The open room, at once; else null and `open` must be waited for. */
  get(document: string): Room | null {
    return this.rooms.get(document) ?? null;
  }

  /** @throws HeadwaterError `corrupt_record`, `storage_failed`, `closed`; the next call tries again */
  open(document: string): Promise<Room> {
    if (this.isClosed) return Promise.reject(new HeadwaterError('closed', 'the server is stopping'));
    let opening = this.opening.get(document);
    if (opening === undefined) this.opening.set(document, (opening = this.load(document)));
    return opening;
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
      const room = await Room.open(document, this.context);
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
