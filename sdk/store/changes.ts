// What a batch changed, in words an app can show, and in names that last, so that it can be written again.
//
// A refused batch says what to do next to which elements, and those may be gone with another refused one; so it is read
// while everything it was written on can still be put together (`describe`). Written again (`writeChanges`) it is new ops on
// what is there now: text goes right behind the neighbour it stood behind, what it deleted is deleted if it still shows, a
// counter counts what it counted. Elements get new names by that; `renameIn` tells changes that were made upon these.

import { EngineDocument, Kind, rootContainer, type ElementName, type ElementRun, type EngineEvent } from '../core/document.js';
import type { JsonValue } from '../core/values.js';
import { nameOf, voidFor, type Block } from './blocks.js';
import { composeSplices, type Run, type Splice } from './delta.js';
import { cut, translated } from './history.js';
import { eachStretch, visiblePlaces } from './undo-edit.js';

/** What came in place of what, at an index of what stood there before. */
export interface Replaced<R extends Run> {
  index: number;
  deleted: R;
  inserted: R;
  /** By names: the neighbours that stood on, what was deleted, the places of what was inserted. */
  left: ElementName | null;
  right: ElementName | null;
  gone: ElementRun[];
  fresh: ElementRun[];
  /** Of a list: what stands in these places. What is gone elsewhere was moved. */
  items?: ElementRun[];
}

/** What a batch did to one container, or to one key of a map. */
export type Change = { path: readonly string[] } & (
  | { kind: 'value'; key: string; before?: JsonValue; after?: JsonValue }
  | { kind: 'text'; splices: Replaced<string>[] }
  | { kind: 'list'; splices: Replaced<JsonValue[]>[] }
  | { kind: 'counter'; amount: number }
  | { kind: 'set'; added: JsonValue[]; deleted: JsonValue[] }
);

/** Elements that were written again have other names now. */
export interface Rename { path: readonly string[]; old: ElementRun; fresh: ElementRun }

// ---- reading ----------------------------------------------------------------------------------------

/**
 * What each of `wanted` changed when it was written.
 *
 * @param written  blocks in the order they came, those that were refused since as they were written
 * @returns by the names of the batches; one that cannot be applied has none. O(document), for all of them
 */
export function describe(snapshot: Uint8Array | null, written: readonly Block[], wanted: readonly Block[]): Map<string, Change[]> {
  const [before, after] = [new EngineDocument('f'.repeat(16)), new EngineDocument('f'.repeat(16))];
  const names = new Set(wanted.map(({ replica, seqFrom }) => nameOf(replica, seqFrom)));
  const found = new Map<string, Change[]>();
  try {
    if (snapshot) for (const engine of [before, after]) engine.apply(snapshot);
    for (const block of written) {
      const name = nameOf(block.replica, block.seqFrom);
      const isWanted = block.kind === 'batch' && names.has(name) && !found.has(name);
      after.observe(isWanted);
      const isIn = apply(after, block);
      if (isWanted && isIn) found.set(name, changesOf(before, after));
      apply(before, block);
    }
    return found;
  } finally {
    before.free();
    after.free();
  }
}

/** What builds on something that is not here is passed over. */
function apply(engine: EngineDocument, block: Block): boolean {
  try {
    engine.apply(block.bytes);
    return true;
  } catch {
    if (block.kind === 'batch') engine.apply(voidFor(block).bytes);
    return false;
  }
}

/** What the last apply made of `before`. */
function changesOf(before: EngineDocument, after: EngineDocument): Change[] {
  const containers = after.containers();
  const touched = new Map<number, EngineEvent[]>();
  for (const event of after.events()) {
    const events = touched.get(event.container);
    if (events) events.push(event);
    else touched.set(event.container, [event]);
  }
  return [...touched].flatMap(([number, events]): Change[] => {
    const path = pathIn(containers, number);
    const { kind } = containers[number];
    const was = before.container(path, kind);
    switch (kind) {
      case Kind.Map: return keysOf(events).map((key) => ({ path, kind: 'value', key, before: before.mapGet(was, key), after: after.mapGet(number, key) }));
      case Kind.Counter: return [{ path, kind: 'counter', amount: after.counterValue(number) - before.counterValue(was) }];
      case Kind.Set: return [{ path, kind: 'set', added: notIn(before, was, after.setValues(number)), deleted: notIn(after, number, before.setValues(was)) }];
      case Kind.List: return [{ path, kind: 'list', splices: replaced<JsonValue[]>(before, was, after, number, events, (engine, at, from, to) => engine.listRead(at, from, to)) }];
      default: return [{ path, kind: 'text', splices: replaced<string>(before, was, after, number, events, (engine, at, from, to) => engine.textRead(at, from, to)) }];
    }
  });
}

export function pathIn(containers: readonly { parent: number; key: string }[], number: number): string[] {
  const path: string[] = [];
  for (let at = number; at !== rootContainer; at = containers[at].parent) path.unshift(containers[at].key);
  return path;
}

function keysOf(events: readonly EngineEvent[]): string[] { return [...new Set(events.map((event) => (event as { key: string }).key))]; }

function notIn(engine: EngineDocument, set: number, values: JsonValue[]): JsonValue[] { return values.filter((value) => !engine.setHas(set, value)); }

type Read<R> = (engine: EngineDocument, at: number, from: number, to: number) => R;

function replaced<R extends Run>(before: EngineDocument, was: number, after: EngineDocument, number: number, events: readonly EngineEvent[], read: Read<R>): Replaced<R>[] {
  const isList = after.containers()[number].kind === Kind.List;
  const found: Replaced<R>[] = [];
  let [from, to] = [0, 0];
  let [gone, come] = [0, 0];
  const note = () => {
    if (gone + come > 0) {
      found.push({
        index: from, deleted: read(before, was, from, from + gone), inserted: read(after, number, to, to + come),
        left: elementAt(before, was, from - 1), right: elementAt(before, was, from + gone),
        gone: before.textElements(was, from, from + gone, isList), fresh: after.textElements(number, to, to + come),
        ...(isList && { items: after.textElements(number, to, to + come, true) }),
      });
    }
    from += gone;
    to += come;
    gone = come = 0;
  };
  for (const op of composeSplices(events.map(spliceOf) as Splice<R>[])) {
    if ('insert' in op) come += op.insert.length;
    else if ('delete' in op) gone += op.delete;
    else {
      note();
      from += op.retain;
      to += op.retain;
    }
  }
  note();
  return found;
}

function spliceOf(event: EngineEvent): Splice<Run> {
  if (event.kind === 'delete') return { index: event.index, deleted: event.count, inserted: '' };
  const { index, ...rest } = event as Extract<EngineEvent, { index: number }>;
  return { index, deleted: 0, inserted: 'text' in rest ? rest.text : (rest as { values: JsonValue[] }).values };
}

/** The name of what stands at an index of a text or a list. */
function elementAt(engine: EngineDocument, at: number, index: number): ElementName | null {
  if (index < 0 || index >= engine.textLength(at)) return null;
  return engine.textElements(at, index, index + 1)[0];
}

// ---- writing again ----------------------------------------------------------------------------------

/**
 * Makes these changes as new ops of `target`'s replica.
 *
 * @returns the new names of what was written again
 * @throws HeadwaterError `invalid_argument` for a counter without room
 */
export function writeChanges(target: EngineDocument, changes: readonly Change[], nowMs: number): Rename[] {
  const renames: Rename[] = [];
  for (const change of changes) {
    const { path } = change;
    const renamed: RenamedHere = (old, fresh) => void renames.push({ path, old, fresh });
    switch (change.kind) {
      case 'value': writeValue(target, path, change, nowMs); break;
      case 'counter': if (change.amount !== 0) target.counterAdd(target.container(path, Kind.Counter), change.amount); break;
      case 'set': writeSet(target, target.container(path, Kind.Set), change); break;
      case 'text': for (const splice of change.splices) writeText(target, target.container(path, Kind.Text), splice, renamed); break;
      case 'list': writeList(target, target.container(path, Kind.List), change.splices, nowMs, renamed); break;
    }
  }
  return renames;
}

function writeValue(target: EngineDocument, path: readonly string[], { key, before, after }: Extract<Change, { kind: 'value' }>, nowMs: number): void {
  const map = target.container(path, Kind.Map);
  if (after !== undefined) target.mapSet(map, key, after, nowMs);
  // Without a value before, it was said that the containers at this key are gone.
  else target.mapDelete(map, key, nowMs, before === undefined);
}

function writeSet(target: EngineDocument, set: number, { added, deleted }: Extract<Change, { kind: 'set' }>): void {
  for (const value of added) target.setAdd(set, value);
  for (const value of deleted) target.setDelete(set, value);
}

type RenamedHere = (old: ElementRun, fresh: ElementRun) => void;

function writeText(target: EngineDocument, text: number, splice: Replaced<string>, renamed: RenamedHere): void {
  // First what comes in: its neighbour may be one that goes.
  if (splice.inserted !== '') insertAt(target, text, splice, (index) => {
    target.textInsert(text, index, splice.inserted);
    renameAll(splice.fresh, target.textElements(text, index, index + splice.inserted.length), renamed);
  });
  eachStretch(visiblePlaces(target, text, splice.gone), (index, count) => target.textDelete(text, index, count));
}

/** Right behind the left neighbour, deleted or not; else before the right one; else where the index points. */
function insertAt(target: EngineDocument, at: number, { left, right, index }: Pick<Replaced<Run>, 'left' | 'right' | 'index'>, insert: (index: number) => void): void {
  if (left && target.behind(at, left, 1, () => insert(target.textResolve(at, left, true))) > 0) return;
  const place = left === null ? 0 : right ? target.textResolve(at, right, false) : target.textLength(at);
  insert(place >= 0 ? place : Math.min(index, target.textLength(at)));
}

/** Runs of the same elements. What was inserted at once has names that count up. */
function renameAll(old: readonly ElementRun[], [{ replica, elem }]: readonly ElementRun[], renamed: RenamedHere): void {
  let done = 0;
  for (const run of old) {
    renamed(run, { replica, elem: elem + done, count: run.count });
    done += run.count;
  }
}

/** An item that went in one place and came in another was moved. */
function writeList(target: EngineDocument, list: number, splices: readonly Replaced<JsonValue[]>[], nowMs: number, renamed: RenamedHere): void {
  const come = new Set(splices.flatMap(({ items }) => singles(items!)).map(keyOf));
  const gone = splices.flatMap((splice) => singles(splice.gone));
  const moved = new Set(gone.map(keyOf).filter((key) => come.has(key)));
  for (const splice of splices) placeItems(target, list, splice, moved, nowMs, renamed);
  for (const item of gone) {
    const at = moved.has(keyOf(item)) ? -1 : target.listFind(list, item);
    if (at >= 0) target.listDelete(list, at, 1);
  }
}

/** Each right behind the one before. */
function placeItems(target: EngineDocument, list: number, { inserted, items, fresh, ...from }: Replaced<JsonValue[]>, moved: ReadonlySet<string>, nowMs: number, renamed: RenamedHere): void {
  const places = singles(fresh);
  let { left } = from;
  singles(items!).forEach((item, i) => {
    const isMoved = moved.has(keyOf(item));
    const at = isMoved ? target.listFind(list, item) : -1;
    // Deleted meanwhile: deleting wins over moving.
    if (isMoved && at < 0) return;
    insertAt(target, list, { ...from, left }, (index) => {
      const to = isMoved && at < index ? index - 1 : index;
      if (!isMoved) target.listInsert(list, to, [inserted[i]]);
      else if (at !== to) target.listMove(list, at, to, nowMs);
      [left] = target.textElements(list, to, to + 1);
    });
    renamed(places[i], { ...left!, count: 1 });
    // Inserted and moved at once, it was in another place.
    if (!isMoved && keyOf(item) !== keyOf(places[i])) renamed(item, { ...left!, count: 1 });
  });
}

/** Elements one by one. */
function singles(runs: readonly ElementRun[]): ElementRun[] {
  return runs.flatMap(({ replica, elem, count }) => Array.from({ length: count }, (_, i) => ({ replica, elem: elem + i, count: 1 })));
}

function keyOf({ replica, elem }: ElementName): string { return nameOf(replica, elem); }

// ---- names ------------------------------------------------------------------------------------------

/** Puts new names in place of old ones in changes that were made upon these elements. @returns whether there were any */
export function renameIn(changes: readonly Change[], renames: readonly Rename[]): boolean {
  let isChanged = false;
  const renamed = (name: ElementRun, { old, fresh }: Rename): ElementRun => {
    const now = translated(name, old, fresh);
    isChanged ||= now !== name;
    return now;
  };
  for (const change of changes) {
    if (change.kind !== 'text' && change.kind !== 'list') continue;
    const here = renames.filter(({ path }) => path.join('\0') === change.path.join('\0'));
    const one = (name: ElementName | null) => name && here.reduce((now, rename) => renamed(now, rename), { ...name, count: 1 });
    const all = (runs: ElementRun[]) => here.reduce((now, rename) => now.flatMap((run) => cut(run, rename.old).map((piece) => renamed(piece, rename))), runs);
    for (const splice of here.length > 0 ? change.splices : []) {
      splice.left = one(splice.left);
      splice.right = one(splice.right);
      splice.gone = all(splice.gone);
      if (splice.items) splice.items = all(splice.items);
    }
  }
  return isChanged;
}
