// Taking back what the server refused: the write is told, the inbox gets it, the document is read again without it.
//
// The engine cannot unmake an op. But nothing it holds exists only there: a document is its stored snapshot, the blocks
// after it, and what is on its way to storage; so a second one is built of these, with a void in the refused batch's
// place, and takes the first one's. Everything between the last await and that is one synchronous stretch.
//
// The void and the entry of the inbox are stored together. Until they are, what is stored says that the batch is un-acked
// (`open`), so that a session which finds it so asks again, and is answered as the first time.

import { HeadwaterError } from '../core/errors.js';
import type { Cursor, MetaWrite, Storage, StoredDocument } from '../storage/storage.js';
import type { Rejection } from '../sync/session-state.js';
import { nameOf, voidFor, type Block } from './blocks.js';
import { describe } from './changes.js';
import type { Document } from './document.js';
import type { Ledgers } from './ledger.js';
import type { LogPosition } from './log-position.js';
import type { Recorder } from './recorder.js';
import type { Refusal } from './rejected.js';
import { buildDocument, withVoids, writtenBlocks } from './stored-form.js';

/** What is needed of a document's replication. */
export interface Taking {
  readonly document: Document<any>;
  readonly storage: Storage;
  readonly recorder: Recorder;
  readonly ledgers: Ledgers;
  readonly position: LogPosition;
  /** The log's position as it may be stored. */
  cursor(): Cursor | null;
  /** Batches that have a void in the log, and no answer yet. */
  voided(): readonly Block[];
  /** Hands own ops that are still in the engine to the recorder. */
  flush(): void;
  /** Whether the stored form can be relied on just now. */
  canRead(): boolean;
  /** Resolves when every write made before is on the device's disk. */
  durable(): Promise<void>;
  /** Puts it in the inbox. @returns what is to be stored with the void */
  refused(refusal: Refusal): MetaWrite[];
}

interface Refused { batch: Block; error: HeadwaterError }

const none: readonly Refused[] = [];

export class Refusals {
  /** Whether anything was refused, in this session or before it. */
  #hasRefused = false;
  #isScheduled = false;
  /** Not in the inbox yet. */
  #taken: readonly Refused[] = none;
  readonly #taking: Taking;

  constructor(taking: Taking) {
    this.#taking = taking;
  }

  /** There is a void among the blocks that are stored. */
  noteVoids(): void { this.#hasRefused = true; }

  /** Nothing was ever refused. */
  get isUnused(): boolean { return !this.#hasRefused && !this.#isScheduled && this.#taken === none; }

  /** Batches whose refusal is not stored yet. */
  get open(): readonly Block[] { return this.#taken.map(({ batch }) => batch); }

  take(batch: Block, rejection: Rejection): void {
    // What its author may not write leaves no void in the server's log.
    if (rejection.code !== 'not_authorized') this.#taking.position.commit(batch.replica, batch.seqTo);
    const error = this.#tell(batch, rejection);
    if (this.#taken === none) this.#taken = [];
    (this.#taken as Refused[]).push({ batch, error });
    this.schedule();
  }

  #tell({ replica, seqFrom, seqTo }: Block, { code, message }: Rejection): HeadwaterError {
    const { document, ledgers } = this.#taking;
    // The engine made it, so by itself it is valid.
    const isDependent = code === 'invalid_update' && this.#hasRefused;
    const error = new HeadwaterError(isDependent ? 'depends_on_rejected' : code, message, { document: document.id, replica, seqFrom, seqTo });
    this.#hasRefused = true;
    ledgers.of(replica).refuse(seqFrom, seqTo, error);
    return error;
  }

  /** Refusals of one turn share one reading. While the device cannot be read it stays asked for; see `retry`. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    void this.#taking.recorder.step(() => this.#rebuild());
  }

  retry(): void {
    if (this.#isScheduled) void this.#taking.recorder.step(() => this.#rebuild());
  }

  /** What was refused goes to the inbox also where the document was closed meanwhile. */
  async #rebuild(): Promise<void> {
    const { document, storage, recorder, position } = this.#taking;
    if (!this.#isScheduled) return;
    const stored = await storage.load(document.id);
    if (!this.#taking.canRead()) return;
    this.#isScheduled = false;
    this.#taking.flush();
    this.#keep(stored);
    if (document.isClosed) return;
    const voided = this.#taking.voided().map(voidFor);
    const blocks = withVoids([...writtenBlocks(stored), ...recorder.unstored, ...voided]);
    document.rebuild(buildDocument(document.replica, stored.snapshot, blocks, position.committed));
  }

  #keep(stored: StoredDocument): void {
    const { document, recorder } = this.#taking;
    const taken = this.#taken;
    if (taken === none) return;
    this.#taken = none;
    const written = [...writtenBlocks(stored), ...recorder.unstored];
    const voids = new Set(written.filter(({ kind }) => kind === 'void').map(({ replica, seqFrom }) => nameOf(replica, seqFrom)));
    // Another tab has it in the inbox already, and whoever looks there may have let it go.
    const fresh = taken.filter(({ batch: { replica, seqFrom } }) => replica === document.replica || !voids.has(nameOf(replica, seqFrom)));
    const changes = describe(stored.snapshot, written, fresh.map(({ batch }) => batch));
    for (const { batch, error: { code, message } } of fresh) {
      const { replica, seqFrom, seqTo, bytes } = batch;
      recorder.keep([voidFor(batch)], false);
      recorder.note(this.#taking.refused({ document: document.id, replica, seqFrom, seqTo, code, message, bytes, changes: changes.get(nameOf(replica, seqFrom)) ?? [] }));
    }
  }
}
