// A document's blocks on their way to the device's storage.
//
// What comes while a storage step runs is the next step, all of it together, and the cursor stored with it is taken at
// the same moment: it claims no log entry whose record is not stored with it or before it.

import type { HeadwaterError } from '../core/errors.js';
import type { ReplicaId } from '../core/replica.js';
import type { Cursor, MetaWrite, Storage } from '../storage/storage.js';
import type { Block } from './blocks.js';
import { Steps } from './steps.js';

/** Replicas of ours, and from which seq on their ops were never sent: the clock they are stamped by may still be found wrong. */
export type Writers = ReadonlyMap<ReplicaId, number>;

export interface RecorderHost {
  readonly storage: Storage;
  readonly hasServer: boolean;
  /** Notes that a document has un-acked ops of these writers, so that another session finds it; null: that it has none. */
  markPending(document: string, writers: Writers | null): Promise<void>;
  /** Whether this session has given itself that id. */
  isAuthor(replica: ReplicaId): boolean;
  /** Whether the server is there, and what is stored is sent at once. */
  readonly isSending: boolean;
  /** Called before own ops are stored: what is known of the clock goes first. */
  reserveClock(): Promise<void>;
  /** Notes were stored with a document's blocks. */
  noted(keys: readonly string[]): void;
  failed(error: HeadwaterError): void;
}

export interface RecorderEvents {
  cursor(): Cursor | null;
  /** Own blocks are stored, in this order. */
  stored(ours: Block[]): void;
  /** Whether the server has answered everything. */
  isSettled(): boolean;
  /** Makes one snapshot of the records. */
  compact(): Promise<void>;
  /** What could wait has been done. */
  rested(): void;
}

/** Records after which a snapshot is made of them, in a quiet moment. */
const compactAfterRecords = 400;
/** What can wait, waits this long: a cursor without records, taking back the mark, compaction. */
const quietMs = 1000;

export class Recorder {
  /** Stored records, as far as is known. */
  records = 0;
  /** An earlier session, or this one, has noted that there are un-acked ops. */
  isMarked = false;
  /** Of this session. */
  readonly #writers = new Map<ReplicaId, number>();
  readonly #steps: Steps;
  #unstored: { block: Block; isOurs: boolean }[] = [];
  #storing: { block: Block; isOurs: boolean }[] = [];
  /** To be stored with the next blocks, in one go. */
  #notes: MetaWrite[] | undefined;
  #isScheduled = false;
  #isCursorDirty = false;
  #isClosed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly document: string, private readonly host: RecorderHost, private readonly events: RecorderEvents) {
    this.#steps = new Steps((error) => host.failed(error));
  }

  /** @param isOurs  to be sent, and so stored strictly */
  keep(blocks: readonly Block[], isOurs: boolean): void {
    for (const block of blocks) this.#unstored.push({ block, isOurs });
    if (blocks.length > 0) this.#schedule();
  }

  /** Values of the device that go with the blocks kept in this turn: all of them are stored, or none. */
  note(notes: readonly MetaWrite[]): void {
    (this.#notes ??= []).push(...notes);
    this.#schedule();
  }

  /** Of this session, and still to be stored. */
  isUnstoredOwn(block: Block): boolean { return this.host.isAuthor(block.replica) && this.#unstored.some((each) => each.block === block); }

  /** Written by this session, and not sent. */
  isUnsent(block: Block): boolean { return block.seqFrom >= (this.#writers.get(block.replica) ?? Infinity) || this.isUnstoredOwn(block); }

  /** What was stored until now is about to be sent. The note is seen to. */
  sending(): void { this.#writers.clear(); }

  /** Blocks that are not stored yet. */
  get unstored(): Block[] { return [...this.#storing, ...this.#unstored].map(({ block }) => block); }

  /** Own blocks that are not stored and shall not be. */
  takeOurs(isTaken: (block: Block) => boolean): Block[] {
    const taken = this.#unstored.filter(({ block, isOurs }) => isOurs && isTaken(block));
    this.#unstored = this.#unstored.filter((each) => !taken.includes(each));
    return taken.map(({ block }) => block);
  }

  /** Puts other blocks of the same names in the place of those that are not stored. @returns whether there was one */
  replace(block: Block): boolean {
    const at = this.#unstored.findIndex((each) => each.block.replica === block.replica && each.block.seqFrom === block.seqFrom);
    if (at !== -1) this.#unstored[at] = { ...this.#unstored[at], block };
    return at !== -1;
  }

  /** Runs a step of storage after those before it. */
  step(work: () => Promise<void>): Promise<void> { return this.#steps.add(work); }

  get idle(): Promise<void> { return this.#steps.idle; }

  /** Nothing is being stored, nor is to be. */
  get isAtRest(): boolean {
    return this.#steps.isIdle && this.#unstored.length === 0 && this.#storing.length === 0 && !this.#notes && this.#timer === undefined && !this.#isCursorDirty;
  }

  /** The cursor has moved, or an ack came: to be stored when it is quiet, if no record takes it along before. */
  cursorMoved(): void {
    this.#isCursorDirty = true;
    this.restLater();
  }

  /** There is something that waits for a quiet moment. */
  get isRestDue(): boolean { return this.#isCursorDirty || this.records > compactAfterRecords || (this.isMarked && this.host.hasServer); }

  restLater(): void {
    this.#timer ??= this.#isClosed ? undefined : setTimeout(() => {
      this.#timer = undefined;
      void this.step(() => this.#rest()).then(() => this.events.rested());
    }, quietMs);
  }

  /** Stores what is left. @returns when that is over */
  close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    return this.step(() => this.#rest());
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void this.step(() => this.store());
  }

  /** One storage step; call it only from within one. */
  async store(): Promise<void> {
    this.#isScheduled = false;
    if (this.#unstored.some(({ isOurs }) => isOurs)) await this.#prepare();
    const taken = (this.#storing = this.#unstored.splice(0));
    const cursor = this.events.cursor() ?? undefined;
    const ours = taken.filter(({ isOurs }) => isOurs).map(({ block }) => block);
    this.#isCursorDirty = false;
    this.records += taken.length;
    const meta = this.#notes;
    this.#notes = undefined;
    if (taken.length > 0 || cursor || meta) {
      const append = { document: this.document, records: taken.map(({ block }) => block.bytes), cursor, meta };
      await this.host.storage.append([append], { strict: ours.length > 0 });
    }
    this.#storing = [];
    if (meta) this.host.noted(meta.map(([key]) => key));
    if (ours.length > 0) this.events.stored(ours);
  }

  async #prepare(): Promise<void> {
    await this.host.reserveClock();
    const noted = this.#writers.size;
    for (const { block: { replica, seqFrom } } of this.host.isSending ? [] : this.#unstored) {
      if (this.host.isAuthor(replica) && !this.#writers.has(replica)) this.#writers.set(replica, seqFrom);
    }
    if (this.isMarked && this.#writers.size === noted) return;
    this.isMarked = true;
    await this.host.markPending(this.document, this.#writers);
  }

  async #rest(): Promise<void> {
    if (this.#isCursorDirty || this.#unstored.length > 0) await this.store();
    if (!this.events.isSettled() || this.#unstored.length > 0) return;
    if (this.isMarked && this.host.hasServer) {
      this.isMarked = false;
      await this.host.markPending(this.document, null);
    }
    if (this.records <= compactAfterRecords || this.#isClosed) return;
    this.records = 0;
    await this.events.compact();
  }
}
