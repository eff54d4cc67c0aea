// Taking back what the server refused: the write is told, the app gets the bytes, the document is read again without them.
//
// The engine cannot unmake an op. But nothing it holds exists only there: a document is its stored snapshot, the blocks
// after it, and what is on its way to storage; so a second one is built of these, with a void in the refused batch's
// place, and takes the first one's. Everything between the last await and that is one synchronous stretch.

import { HeadwaterError } from '../core/errors.js';
import type { Storage } from '../storage/storage.js';
import type { Rejection } from '../sync/session-state.js';
import { voidFor, type Block } from './blocks.js';
import type { Document } from './document.js';
import type { Ledgers } from './ledger.js';
import type { LogPosition } from './log-position.js';
import type { Recorder } from './recorder.js';
import type { Refused } from './rejected.js';
import { buildDocument, storedBlocks, withVoids } from './stored-form.js';

/** What is needed of a document's replication. */
export interface Taking {
  readonly document: Document<any>;
  readonly storage: Storage;
  readonly recorder: Recorder;
  readonly ledgers: Ledgers;
  readonly position: LogPosition;
  /** Hands own ops that are still in the engine to the recorder. */
  flush(): void;
  /** Whether the stored form can be relied on just now. */
  canRead(): boolean;
  /** Resolves when every write made before is on the device's disk. */
  durable(): Promise<void>;
  refused(refused: Refused): void;
}

export class Refusals {
  /** Whether anything was refused, in this session or before it. */
  #hasRefused = false;
  #isScheduled = false;
  readonly #taking: Taking;

  constructor(taking: Taking) {
    this.#taking = taking;
  }

  /** There is a void among the blocks that are stored. */
  noteVoids(): void { this.#hasRefused = true; }

  take(batch: Block, rejection: Rejection): void {
    const { recorder, position } = this.#taking;
    position.commit(batch.replica, batch.seqTo);
    this.#tell(batch, rejection);
    recorder.keep([voidFor(batch)], false);
    this.schedule();
  }

  #tell({ replica, seqFrom, seqTo, bytes }: Block, { code, message }: Rejection): void {
    const { document, ledgers } = this.#taking;
    // The engine made it, so by itself it is valid.
    const isDependent = code === 'invalid_update' && this.#hasRefused;
    const error = new HeadwaterError(isDependent ? 'depends_on_rejected' : code, message, { document: document.id, replica, seqFrom, seqTo });
    this.#hasRefused = true;
    ledgers.of(replica).refuse(seqFrom, seqTo, error);
    this.#taking.refused({ document: document.id, replica, seqFrom, seqTo, error, bytes });
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

  async #rebuild(): Promise<void> {
    const { document, storage, recorder, position } = this.#taking;
    if (!this.#isScheduled) return;
    const stored = await storage.load(document.id);
    if (document.isClosed || !this.#taking.canRead()) return;
    this.#isScheduled = false;
    this.#taking.flush();
    const blocks = withVoids([...storedBlocks(stored), ...recorder.unstored]);
    document.rebuild(buildDocument(document.replica, stored.snapshot, blocks, position.committed));
  }
}
