// Own batches of a device that refuses to store them.
//
// A session's id is used again by the next one, which knows of it what is stored. So under that id nothing is sent that may
// not be there: the number would be given out a second time, and of two ops with one name one is lost. While the device
// refuses, a document is written under an id that nobody will use again, and that may be sent at once. What was under way
// to the disk at that moment waits here until the device can be read. What turns out to be there is sent. What is not is
// taken back before it ever is, and what it did is written again under such an id.

import type { ReplicaId } from '../core/replica.js';
import type { Replacement } from '../storage/held.js';
import type { StoredDocument } from '../storage/storage.js';
import { isSameBytes, nameOf, splitUpdate, type Block } from './blocks.js';
import { writeElsewhere } from './difference.js';
import type { Taking } from './refusals.js';
import type { ReplicationHost } from './replication.js';

export interface WithheldEvents {
  /** These may be sent, in this order. */
  send(batches: readonly Block[]): void;
  /** In the place of `gone`, which nobody has seen, stand `again`, which may be sent. */
  rewritten(gone: readonly Block[], again: readonly Block[], fresh: ReplicaId): void;
}

export class Withheld {
  #batches: Block[] = [];
  readonly #taking: Taking;
  readonly #host: ReplicationHost;
  readonly #events: WithheldEvents;

  constructor(taking: Taking, host: ReplicationHost, events: WithheldEvents) {
    this.#taking = taking;
    this.#host = host;
    this.#events = events;
  }

  get batches(): readonly Block[] { return this.#batches; }

  has({ replica, seqFrom }: Block): boolean { return this.#batches.some((batch) => batch.replica === replica && batch.seqFrom === seqFrom); }

  /** Those of the session's own id, and all that come behind one: they may build on it. */
  mustWait(batches: readonly Block[]): boolean {
    return this.#batches.length > 0 || (this.#host.isDegraded() && batches.some((batch) => this.#isReused(batch)));
  }

  add(batches: readonly Block[]): void {
    this.#batches.push(...batches);
    this.retry();
  }

  /** Takes what another writer stands in the way of. */
  take(isTaken: (batch: Block) => boolean): Block[] {
    const taken = this.#batches.filter(isTaken);
    this.#batches = this.#batches.filter((batch) => !taken.includes(batch));
    return taken;
  }

  retry(): void {
    if (this.#batches.length > 0) void this.#taking.recorder.step(() => this.#release());
  }

  #isReused({ replica }: Block): boolean { return replica === this.#host.replica; }

  /** While it cannot be told what is there, nothing happens. */
  async #release(): Promise<void> {
    const { document, canRead } = this.#taking;
    if (this.#batches.length === 0) return;
    await this.#host.rewriteHeld(document.id, (device, held) => (canRead() && !document.isClosed ? this.#judge(device, held) : null));
  }

  #judge(device: StoredDocument, held: StoredDocument): Replacement | null {
    const missing = this.#missing(device);
    const kept = this.#batches.filter((batch) => !missing.includes(batch));
    this.#batches = missing;
    this.#events.send(kept);
    return missing.length > 0 ? this.#rewrite(held, missing) : null;
  }

  /** From the first one on that is not on the device: what we wrote ourselves and is not there either. None of it was ever sent. */
  #missing(device: StoredDocument): Block[] {
    const known = new Set(device.records.flatMap(({ bytes }) => splitUpdate(bytes)).map(({ replica, seqFrom }) => nameOf(replica, seqFrom)));
    const isMissing = ({ replica, seqFrom }: Block) => !known.has(nameOf(replica, seqFrom));
    const first = this.#batches.findIndex((batch) => this.#isReused(batch) && isMissing(batch));
    return first === -1 ? [] : this.#batches.slice(first).filter((batch) => isMissing(batch) && this.#host.isAuthor(batch.replica));
  }

  #rewrite(held: StoredDocument, missing: readonly Block[]): Replacement {
    const { recorder, flush } = this.#taking;
    const isTaken = (bytes: Uint8Array) => missing.some((batch) => isSameBytes(batch.bytes, bytes));
    const fresh = this.#host.newReplica();
    flush();
    const later = recorder.takeOurs(({ replica }) => this.#host.isAuthor(replica));
    let again: Block[];
    try {
      again = writeElsewhere(this.#taking, { ...held, records: held.records.filter(({ bytes }) => !isTaken(bytes)) }, fresh);
    } catch (error) {
      recorder.keep(later, true);
      throw error;
    }
    this.#batches = [];
    this.#events.rewritten([...missing, ...later], again, fresh);
    return { isTaken, records: again.map(({ bytes }) => bytes) };
  }
}
