// Writes into documents on behalf of who comes without a replica of its own.
//
// All of a process write as one replica, so that a document's version vector grows by one for a node and not for a request;
// of one document one after another, since each goes on where the last ended.

import { newReplicaId } from '../../sdk/core/replica.js';
import type { EngineDocument } from '../../sdk/core/document.js';
import type { Room } from '../room.js';
import type { Rooms } from '../rooms.js';

export class Scribe {
  private readonly replica = newReplicaId();
  private readonly last = new Map<string, Promise<unknown>>();

  constructor(private readonly rooms: Rooms) {}

  /** @returns the room, with the change in it, committed. @throws HeadwaterError what refused it, and what `change` throws */
  write(document: string, user: string | null, change: (state: EngineDocument) => void): Promise<Room> {
    const before = this.last.get(document) ?? Promise.resolve();
    const written = before.catch(() => undefined).then(() => this.writeOne(document, user, change));
    this.last.set(document, written);
    const forget = () => void (this.last.get(document) === written && this.last.delete(document));
    written.then(forget, forget);
    return written;
  }

  private async writeOne(document: string, user: string | null, change: (state: EngineDocument) => void): Promise<Room> {
    const room = await this.rooms.open(document);
    await room.edit(this.replica, user, change);
    return room;
  }
}
