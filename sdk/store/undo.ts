// Undo and redo of a user's own edits, across documents, reloads and tabs.
//
// A step is what was edited in one go: within a transaction, or with pauses shorter than `captureMs`. Undoing makes new
// edits that take it back where it still stands: text the user typed goes, whatever others wrote inside it stays; text that
// was deleted comes back where it was; a value is put back unless somebody has changed it since. Those edits are a step of
// the other stack, so redoing is undoing the undo, with the same care.
//
// Both stacks are one small value on the device, written when it is quiet. Tabs of one device share them.

import { HeadwaterError } from '../core/errors.js';
import type { ReplicaId } from '../core/replica.js';
import type { JsonValue } from '../core/values.js';
import type { Document } from './document.js';
import { History, isEmpty, merge, refuse, rename, type Edit, type ElementRun } from './history.js';
import type { Storage } from '../storage/storage.js';
import { Listeners } from './observable.js';
import { takeBack } from './undo-edit.js';

export interface UndoOptions {
  /** Which stacks: managers of one name share them, in every tab of this device. */
  name?: string;
  /** Ids of the documents whose edits can be undone; all when left out. */
  documents?: readonly string[];
  /** Edits with shorter pauses between them are one step. 500 ms when left out. */
  captureMs?: number;
}

export interface UndoEvent {
  kind: 'edit' | 'undo' | 'redo' | 'clear';
  /** What `selection` was when the step began, or ended: for the editor to show again. */
  selection: JsonValue | null;
}

interface Entry { document: string; edit: Edit }

export interface Step {
  entries: Entry[];
  /** What was selected before the step, and after it. */
  before: JsonValue | null;
  after: JsonValue | null;
}

export interface Stacks { undo: Step[]; redo: Step[] }

/** What a manager needs of its client. */
export interface UndoHost {
  document(id: string): Document<any>;
  readonly storage: Pick<Storage, 'readMeta' | 'writeMeta'>;
  now(): number;
  /** Between the tabs of this device; null where there is none. */
  readonly channel: BroadcastChannel | null;
}

/** What the stacks are called on the device. */
export function undoKey({ name, documents }: UndoOptions): string {
  return `undo/${name ?? [...documents ?? []].sort().join(' ')}`;
}

/** Older steps go when there are more, or when together they are larger. */
const stepsMax = 500;
const bytesMax = 1 << 20;
/** How long it must be quiet before the stacks are saved. */
const saveMs = 200;

export class Undo {
  /** Resolves when what earlier sessions left is there. */
  readonly ready: Promise<void>;
  /** What is selected now: editors keep it up to date, as cursors, and get it back when a step is undone. */
  selection: JsonValue | null = null;
  #stacks: Stacks = { undo: [], redo: [] };
  readonly #listeners = new Listeners<[UndoEvent]>();
  readonly #stops = new Map<Document<any>, () => void>();
  readonly #ready = new WeakSet<Document<any>>();
  /** Where edits go now: while undoing, to a step of the other stack. */
  #target: Step | null = null;
  #isOpen = false;
  #lastAt = 0;
  #lastTransaction = '';
  #saveTimer: ReturnType<typeof setTimeout> | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #isBusy = false;

  constructor(readonly options: UndoOptions, private readonly host: UndoHost) {
    this.ready = this.#load(true).catch(() => {});
    const { channel } = host;
    if (channel) channel.onmessage = ({ data }) => { if (data === undoKey(options)) void this.reload().catch(() => {}); };
  }

  get canUndo(): boolean { return this.#stacks.undo.length > 0; }
  get canRedo(): boolean { return this.#stacks.redo.length > 0; }

  /** Takes back the last step. @returns false when there is none. What can be done at once is done before this returns. */
  undo(): Promise<boolean> { return this.#inTurn('undo'); }

  /** Does the last undone step again. @returns false when there is none */
  redo(): Promise<boolean> { return this.#inTurn('redo'); }

  /** The next edit begins a step of its own. */
  cut(): void { this.#isOpen = false; }

  clear(): void {
    this.#stacks = { undo: [], redo: [] };
    this.#changed('clear', null);
  }

  /** Called when something can be undone or redone that could not, and after each undo and redo. @returns stops it */
  subscribe(listener: (event: UndoEvent) => void): () => void { return this.#listeners.add(listener); }

  /** Stops recording and saves what there is. */
  async close(): Promise<void> {
    for (const stop of this.#stops.values()) stop();
    this.#stops.clear();
    this.#listeners.clear();
    if (this.#saveTimer !== undefined) await this.#save().catch(() => {});
    this.host.channel?.close();
  }

  // ---- recording ----------------------------------------------------------------------------------

  /** A document has been opened. */
  attach(document: Document<any>): void {
    if (this.options.documents && !this.options.documents.includes(document.id)) return;
    this.#stops.get(document)?.();
    this.#stops.set(document, (document.history ??= new History(document)).record((edit, transaction) => this.#record(document.id, edit, transaction)));
    document.ready.then(() => this.#ready.add(document), () => {});
  }

  detach(document: Document<any>): void {
    this.#stops.get(document)?.();
    this.#stops.delete(document);
  }

  #record(document: string, edit: Edit, transaction: number): void {
    if (isEmpty(edit)) return;
    if (this.#target) return append(this.#target, document, edit);
    const step = this.#stepAt(`${document}/${transaction}`);
    append(step, document, edit);
    step.after = this.selection;
    this.#stacks.redo = [];
    this.#changed('edit', this.selection);
  }

  /** The step an edit made now belongs to. */
  #stepAt(transaction: string): Step {
    const now = this.host.now();
    const isSame = this.#isOpen && (transaction === this.#lastTransaction || Math.abs(now - this.#lastAt) < (this.options.captureMs ?? 500));
    this.#lastAt = now;
    this.#lastTransaction = transaction;
    this.#isOpen = true;
    if (!isSame || this.#stacks.undo.length === 0) this.#stacks.undo.push({ entries: [], before: this.selection, after: this.selection });
    return this.#stacks.undo.at(-1)!;
  }

  /** The server has refused ops of a document: there is nothing to take back of them. */
  refused(document: string, replica: ReplicaId, seqFrom: number, seqTo: number): void {
    for (const { entries } of [...this.#stacks.undo, ...this.#stacks.redo]) {
      for (const entry of entries) if (entry.document === document) refuse(entry.edit, replica, seqFrom, seqTo);
    }
    this.#saveLater();
  }

  // ---- undoing ------------------------------------------------------------------------------------

  /** One at a time; nothing is waited for that need not be. */
  #inTurn(kind: 'undo' | 'redo'): Promise<boolean> {
    const turn = this.#isBusy ? this.#queue.then(() => this.#run(kind)) : this.#run(kind);
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async #run(kind: 'undo' | 'redo'): Promise<boolean> {
    this.#isBusy = true;
    try {
      const step = this.#stacks[kind].at(-1);
      if (!step) return false;
      const documents = this.#documentsOf(step);
      const late = documents.filter((document) => !this.#ready.has(document));
      if (late.length > 0) await Promise.all(late.map((document) => document.ready));
      // Another tab may have taken it meanwhile.
      if (this.#stacks[kind].at(-1) !== step) return await this.#run(kind);
      this.#takeBack(kind, step, documents);
      return true;
    } finally {
      this.#isBusy = false;
    }
  }

  #documentsOf({ entries }: Step): Document<any>[] {
    return [...new Set(entries.map(({ document }) => document))].map((id) => this.host.document(id));
  }

  #takeBack(kind: 'undo' | 'redo', step: Step, documents: Document<any>[]): void {
    const other: Step = { entries: [], before: step.after, after: step.before };
    const work = () => {
      for (const { document, edit } of [...step.entries].reverse()) {
        takeBack(this.host.document(document), edit, (old, fresh) => this.#rename(document, edit.path, old, fresh, step));
      }
    };
    this.#stacks[kind].pop();
    this.#target = other;
    try {
      documents.reduceRight<() => void>((run, document) => () => { document.transact(run); }, work)();
    } finally {
      this.#target = null;
      if (other.entries.length > 0) this.#stacks[kind === 'undo' ? 'redo' : 'undo'].push(other);
      this.cut();
      this.selection = step.before;
      this.#changed(kind, step.before);
    }
  }

  /** Elements have come back under new names; every step that knows them must know. */
  #rename(document: string, path: readonly string[], old: ElementRun, fresh: ElementRun, running: Step): void {
    for (const { entries } of [...this.#stacks.undo, ...this.#stacks.redo, running]) {
      for (const entry of entries) if (entry.document === document) rename(entry.edit, path, old, fresh);
    }
  }

  // ---- keeping ------------------------------------------------------------------------------------

  #changed(kind: UndoEvent['kind'], selection: JsonValue | null): void {
    this.#saveLater();
    this.#listeners.emit({ kind, selection });
  }

  #saveLater(): void {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => void this.#save().catch(() => {}), saveMs);
  }

  async #save(): Promise<void> {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    await this.host.storage.writeMeta(undoKey(this.options), encodeStacks(this.#stacks));
    this.host.channel?.postMessage(undoKey(this.options));
  }

  /** Another tab has saved; what this one has not saved yet goes before it. */
  async reload(): Promise<void> {
    if (this.#saveTimer !== undefined) return this.#save();
    await this.#load(false);
    this.cut();
    this.#listeners.emit({ kind: 'edit', selection: null });
  }

  /** @param isFirst  what was edited before this session's stacks were read comes after them */
  async #load(isFirst: boolean): Promise<void> {
    const bytes = await this.host.storage.readMeta(undoKey(this.options));
    const stored = bytes && decodeStacks(bytes);
    if (!stored) return;
    const own = this.#stacks.undo;
    this.#stacks = !isFirst ? stored : own.length === 0 ? stored : { undo: [...stored.undo, ...own], redo: [] };
    if (isFirst && this.canUndo) this.#listeners.emit({ kind: 'edit', selection: null });
  }
}

function append(step: Step, document: string, edit: Edit): void {
  const last = step.entries.at(-1);
  if (last?.document !== document || !merge(last.edit, edit)) step.entries.push({ document, edit });
}

// ---- as bytes -------------------------------------------------------------------------------------

const version = 1;

/** The latest steps that fit, as JSON in UTF-8. */
function encodeStacks({ undo, redo }: Stacks): Uint8Array {
  let kept = { undo: undo.slice(-stepsMax), redo: redo.slice(-stepsMax) };
  let bytes = encode(kept);
  while (bytes.length > bytesMax && kept.undo.length + kept.redo.length > 0) {
    kept = { undo: kept.undo.slice(Math.ceil(kept.undo.length / 2)), redo: kept.redo.slice(Math.ceil(kept.redo.length / 2)) };
    bytes = encode(kept);
  }
  return bytes;
}

function encode(stacks: Stacks): Uint8Array { return new TextEncoder().encode(JSON.stringify({ version, ...stacks })); }

/** Null for what another version wrote, or damage: then there is nothing to undo, and nothing else is lost. */
function decodeStacks(bytes: Uint8Array): Stacks | null {
  try {
    const { undo, redo, version: written } = JSON.parse(new TextDecoder().decode(bytes)) as Stacks & { version: number };
    return written === version && Array.isArray(undo) && Array.isArray(redo) ? { undo, redo } : null;
  } catch {
    return null;
  }
}

/** @throws HeadwaterError `invalid_argument` */
export function checkUndoOptions({ name, documents, captureMs }: UndoOptions): void {
  if (name !== undefined && (typeof name !== 'string' || name === '')) throw new HeadwaterError('invalid_argument', 'the name of an undo stack is a string', { name });
  if (documents !== undefined && !Array.isArray(documents)) throw new HeadwaterError('invalid_argument', 'documents are ids in an array', { documents });
  if (captureMs !== undefined && !(captureMs >= 0)) throw new HeadwaterError('invalid_argument', 'captureMs is a number of milliseconds', { captureMs });
}
