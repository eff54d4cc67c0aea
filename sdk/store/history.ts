// What a user has done, in terms that outlive what others do around it: elements by their names, values by what they were.
//
// Handles tell it of every edit of theirs while somebody wants to undo; nobody pays for it otherwise. What comes from
// peers, from storage or by import is not the user's, and never passes here.

import { Kind, rootContainer, type ElementName, type ElementRun, type EngineDocument } from '../core/document.js';
import type { ReplicaId } from '../core/replica.js';
import type { JsonValue } from '../core/values.js';

export type { ElementRun } from '../core/document.js';

/** Elements that were deleted, and the text they were. */
export interface Removed { run: ElementRun; text: string }

/** An item that was deleted, where it stood, and its value. */
export interface RemovedItem { item: ElementName; place: ElementName; value: JsonValue }

/** One edit of a container at a path. */
export type Edit = { path: readonly string[] } & (
  | { kind: 'insert'; runs: ElementRun[] }
  | { kind: 'delete'; parts: Removed[] }
  | { kind: 'items'; runs: ElementRun[] }
  | { kind: 'removed'; parts: RemovedItem[] }
  | { kind: 'moved'; item: ElementName; place: ElementName }
  | { kind: 'set'; key: string; before?: JsonValue; after?: JsonValue }
  /** `ops` are its parts, by their seqs: the server may refuse some of them. */
  | { kind: 'add'; step: number; replica: ReplicaId; ops: [seq: number, step: number][] }
  | { kind: 'member'; value: JsonValue; isIn: boolean }
);

type Recorder = (edit: Edit, transaction: number) => void;

export class History {
  readonly #recorders = new Set<Recorder>();
  /** Grows with every transaction: edits of one belong together. */
  transaction = 0;

  constructor(private readonly holder: { readonly engine: EngineDocument }) {}

  get #engine(): EngineDocument { return this.holder.engine; }

  /** @returns stops it */
  record(recorder: Recorder): () => void {
    this.#recorders.add(recorder);
    return () => { this.#recorders.delete(recorder); };
  }

  note(edit: Edit): void {
    for (const recorder of this.#recorders) recorder(edit, this.transaction);
  }

  valueSet(path: readonly string[], key: string, before: JsonValue | null | undefined, after: unknown): void {
    if (before !== undefined || after !== undefined) this.note({ path, kind: 'set', key, ...(before !== undefined && { before }), ...(after !== undefined && { after: after as JsonValue }) });
  }

  /** A counter has counted, as the op of this number. */
  added(path: readonly string[], step: number, seq = this.#engine.ownSeq): void {
    this.note({ path, kind: 'add', step, replica: this.#engine.replica, ops: [[seq, step]] });
  }

  /** A set is about to be emptied. */
  setCleared(path: readonly string[], set: number): void {
    for (const value of this.#engine.setValues(set)) this.note({ path, kind: 'member', value, isIn: false });
  }

  /** A container is about to be emptied, because the key it is at is deleted. */
  clearing(container: number, kind: Kind): void {
    const engine = this.#engine;
    const path = pathOf(engine, container);
    switch (kind) {
      case Kind.Text: return this.note(this.deletion(path, container, 0, engine.textLength(container)));
      case Kind.List: return this.note(this.itemsOut(path, container, 0, engine.listLength(container)));
      case Kind.Counter: return this.added(path, -engine.counterValue(container), engine.ownSeq + 1);
      case Kind.Set: return this.setCleared(path, container);
      case Kind.Map: return engine.mapKeys(container).forEach((key) => this.valueSet(path, key, engine.mapGet(container, key), undefined));
    }
  }

  itemsIn(path: readonly string[], list: number, index: number, count: number): void {
    if (count > 0) this.note({ path, kind: 'items', runs: this.#engine.textElements(list, index, index + count, true) });
  }

  /** Items are about to go; to be noted when they have. */
  itemsOut(path: readonly string[], list: number, index: number, count: number): Edit {
    const engine = this.#engine;
    const end = Math.min(index + count, engine.listLength(list));
    const values = index < end ? engine.listRead(list, index, end) : [];
    return { path, kind: 'removed', parts: values.map((value, i) => ({ ...this.#itemAt(list, index + i), value })) };
  }

  /** An item is about to move; to be noted when it has. */
  move(path: readonly string[], list: number, from: number): Edit | null {
    return from < this.#engine.listLength(list) ? { path, kind: 'moved', ...this.#itemAt(list, from) } : null;
  }

  #itemAt(list: number, index: number): { item: ElementName; place: ElementName } {
    const [item, place] = [true, false].map((isItem) => this.#engine.textElements(list, index, index + 1, isItem)[0]);
    return { item, place };
  }

  /** Text has come in. */
  inserted(path: readonly string[], text: number, index: number, count: number): void {
    if (count > 0) this.note({ path, kind: 'insert', runs: this.#engine.textElements(text, index, index + count) });
  }

  /** Text is about to go; to be noted when it has. */
  deletion(path: readonly string[], text: number, index: number, count: number): Edit {
    const engine = this.#engine;
    const end = Math.min(index + count, engine.textLength(text));
    const whole = index < end ? engine.textRead(text, index, end) : '';
    let at = 0;
    const parts = whole === '' ? [] : engine.textElements(text, index, end).map((run) => ({ run, text: whole.slice(at, at += run.count) }));
    return { path, kind: 'delete', parts };
  }
}

function pathOf(engine: EngineDocument, container: number): string[] {
  const containers = engine.containers();
  const path: string[] = [];
  for (let at = container; at !== rootContainer; at = containers[at].parent) path.unshift(containers[at].key);
  return path;
}

/** Does doing nothing undo it? */
export function isEmpty(edit: Edit): boolean {
  return ((edit.kind === 'delete' || edit.kind === 'removed') && edit.parts.length === 0) || (edit.kind === 'add' && edit.step === 0);
}

/** What of an edit were these ops was refused. The rest finds nothing of it where it is looked up. */
export function refuse(edit: Edit, replica: ReplicaId, seqFrom: number, seqTo: number): void {
  if (edit.kind !== 'add' || edit.replica !== replica) return;
  edit.ops = edit.ops.filter(([seq]) => seq < seqFrom || seq > seqTo);
  edit.step = edit.ops.reduce((sum, [, step]) => sum + step, 0);
}

/** Makes one edit of two where typing or holding a key down made them. @returns whether it could */
export function merge(last: Edit, next: Edit): boolean {
  if (last.path.join('\0') !== next.path.join('\0')) return false;
  if (last.kind === 'insert' && next.kind === 'insert') return mergeRuns(last.runs.at(-1)!, next.runs);
  if (last.kind === 'delete' && next.kind === 'delete' && next.parts.length === 1) return mergeParts(last.parts, next.parts[0]);
  if (last.kind === 'add' && next.kind === 'add' && last.replica === next.replica && Number.isSafeInteger(last.step + next.step)) {
    last.step += next.step;
    last.ops.push(...next.ops);
    return true;
  }
  return false;
}

function mergeRuns(last: ElementRun, [next, ...rest]: ElementRun[]): boolean {
  if (rest.length > 0 || !follows(last, next)) return false;
  last.count += next.count;
  return true;
}

/** Deleting forwards adds at the end of the last part, deleting backwards before the first. */
function mergeParts(parts: Removed[], { run, text }: Removed): boolean {
  const [first, last] = [parts[0], parts.at(-1)!];
  if (follows(last.run, run)) {
    last.run.count += run.count;
    last.text += text;
  } else if (follows(run, first.run)) {
    first.run = { ...run, count: run.count + first.run.count };
    first.text = text + first.text;
  } else {
    return false;
  }
  return true;
}

function follows(first: ElementRun, second: ElementRun): boolean {
  return first.replica === second.replica && first.elem + first.count === second.elem;
}

// ---- elements that came back under new names ------------------------------------------------------

/** Text that was deleted came back: whoever knew its elements by their old names shall know the new ones. */
export function rename(edit: Edit, path: readonly string[], old: ElementRun, fresh: ElementRun): void {
  if (edit.path.join('\0') !== path.join('\0')) return;
  if (edit.kind === 'insert' || edit.kind === 'items') edit.runs = edit.runs.flatMap((run) => cut(run, old).map((piece) => translated(piece, old, fresh)));
  if (edit.kind === 'removed') for (const part of edit.parts) part.item = translated({ ...part.item, count: 1 }, old, fresh);
  if (edit.kind === 'moved') edit.item = translated({ ...edit.item, count: 1 }, old, fresh);
  if (edit.kind === 'delete') edit.parts = edit.parts.flatMap((part) => cutPart(part, old).map(({ run, text }) => ({ run: translated(run, old, fresh), text })));
}

/** A run, cut where another one begins and ends inside it. */
export function cut(run: ElementRun, by: ElementRun): ElementRun[] {
  if (run.replica !== by.replica) return [run];
  const end = run.elem + run.count;
  const borders = [by.elem, by.elem + by.count].filter((border) => border > run.elem && border < end);
  const starts = [run.elem, ...borders];
  return starts.map((elem, i) => ({ replica: run.replica, elem, count: (starts[i + 1] ?? end) - elem }));
}

function cutPart({ run, text }: Removed, by: ElementRun): Removed[] {
  return cut(run, by).map((piece) => ({ run: piece, text: text.slice(piece.elem - run.elem, piece.elem - run.elem + piece.count) }));
}

export function translated(piece: ElementRun, old: ElementRun, fresh: ElementRun): ElementRun {
  const isInside = piece.replica === old.replica && piece.elem >= old.elem && piece.elem < old.elem + old.count;
  return isInside ? { replica: fresh.replica, elem: fresh.elem + (piece.elem - old.elem), count: piece.count } : piece;
}
