// Brings one subscriber from the LSN it holds to the live frames, in pieces, as fast as it reads them.
//
// The step from catch-up to live must leave no gap and send nothing twice. It is made in one synchronous stretch:
// nothing can be published between "you hold everything up to the room's head" and joining the topic.

import { joinBytes } from '../sdk/core/bytes.js';
import { HeadwaterError } from '../sdk/core/errors.js';
import type { Lsn, Message } from '../sdk/wire/message.js';
import type { Limits } from './limits.js';
import { corruptAt } from './load.js';
import type { Room } from './room.js';
import type { Store, StoredSnapshot } from './store/store.js';

export interface CatchUpContext {
  store: Pick<Store, 'readSince'>;
  limits: Pick<Limits, 'chunkBytesMax'>;
  send(message: Message): void;
  /** Resolves when the socket has room for another piece. */
  ready(): Promise<void>;
  /** Joins the room's live frames. */
  join(): void;
}

export class CatchUp {
  isEnded = false;

  constructor(private readonly room: Room, private readonly context: CatchUpContext) {}

  /** Stops for good, whatever is being read at the moment. */
  end(): void {
    this.isEnded = true;
  }

  /** @throws HeadwaterError `corrupt_record` when the log cannot be read through, `storage_failed` */
  async run(from: Lsn, snapshot: StoredSnapshot | null): Promise<void> {
    if (snapshot !== null) await this.sendSnapshot(snapshot);
    let lsn = snapshot?.lsn ?? from;
    while (!this.isEnded) {
      if (lsn >= this.room.head) return this.context.join();
      const ahead = this.context.ready();
      if (ahead !== noWait) await ahead;
      if (!this.isEnded) lsn = this.sendTail(lsn) ?? (await this.sendLog(lsn));
    }
  }

  /** @returns the LSN reached, or null when memory does not go back that far */
  private sendTail(lsn: Lsn): Lsn | null {
    const blocks = this.room.tailSince(lsn);
    if (blocks === null) return null;
    this.sendChanges(lsn + 1, lsn + blocks.length, joinBytes(blocks));
    return lsn + blocks.length;
  }

  /** Only up to the room's head: what is committed beyond it is about to be published. */
  private async sendLog(lsn: Lsn): Promise<Lsn> {
    const slice = await this.context.store.readSince(this.room.document, lsn, this.context.limits.chunkBytesMax, this.room.head);
    if (this.isEnded) return lsn;
    if (slice.last >= slice.first) this.sendChanges(slice.first, slice.last, slice.bytes);
    if (slice.last < slice.first) throw corruptAt(this.room.document, slice.first);
    return slice.last;
  }

  private async sendSnapshot({ lsn, bytes }: StoredSnapshot): Promise<void> {
    const { document } = this.room;
    for (let offset = 0; offset < bytes.length && !this.isEnded; offset += this.context.limits.chunkBytesMax) {
      await this.context.ready();
      const piece = bytes.subarray(offset, offset + this.context.limits.chunkBytesMax);
      if (!this.isEnded) this.context.send({ type: 'snapshot', document, lsn, offset, total: bytes.length, bytes: piece });
    }
  }

  private sendChanges(first: Lsn, last: Lsn, batches: Uint8Array): void {
    this.context.send({ type: 'changes', document: this.room.document, first, last, batches });
  }
}

/** What `ready` returns when there is nothing to wait for: awaiting it would let a publish slip in between. */
export const noWait: Promise<void> = Promise.resolve();

/** Whether an error says that the log cannot be read before some LSN, being damaged or gone; and which. */
export function unreadableLsn(error: unknown): Lsn | null {
  const isSo = error instanceof HeadwaterError && (error.code === 'corrupt_record' || error.code === 'history_compacted');
  return isSo ? Number(error.details.lsn) : null;
}
