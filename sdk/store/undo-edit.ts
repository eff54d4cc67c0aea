// Taking one edit back: by new edits, made through the document's handles like any other.

import { HeadwaterError } from '../core/errors.js';
import type { ElementName, EngineDocument } from '../core/document.js';
import type { JsonValue } from '../core/values.js';
import type { Document } from './document.js';
import type { Edit, ElementRun, Removed, RemovedItem } from './history.js';

/** Called for every run of elements that comes back under another name. */
export type Renamed = (old: ElementRun, fresh: ElementRun) => void;

export function takeBack(document: Document<any>, edit: Edit, renamed: Renamed): void {
  switch (edit.kind) {
    case 'insert': return removeText(document, edit.path, edit.runs);
    case 'delete': return restoreText(document, edit.path, edit.parts, renamed);
    case 'items': return removeItems(document, edit.path, edit.runs);
    case 'removed': return restoreItems(document, edit.path, edit.parts, renamed);
    case 'moved': return moveBack(document, edit.path, edit.item, edit.place);
    case 'set': return restoreValue(document, edit.path, edit.key, edit.before, edit.after);
    case 'add': return addBack(document, edit.path, edit.step);
    case 'member': return restoreMember(document, edit.path, edit.value, edit.isIn);
  }
}

/** Deletes what of the runs still shows; what others wrote between it stays. */
function removeText(document: Document<any>, path: readonly string[], runs: readonly ElementRun[]): void {
  const text = document.getText(path);
  eachStretch(visiblePlaces(document.engine, text.number, runs), (index, count) => text.delete(index, count));
}

/** Places next to each other at once, from the end, so that none moves another. */
export function eachStretch(places: readonly number[], take: (index: number, count: number) => void): void {
  const down = [...places].sort((a, b) => b - a);
  for (let i = 0, count = 1; i < down.length; i += count) {
    for (count = 1; down[i + count] === down[i] - count;) count++;
    take(down[i] - count + 1, count);
  }
}

/** Where those of the runs stand that still show. */
export function visiblePlaces(engine: EngineDocument, text: number, runs: readonly ElementRun[]): number[] {
  const places: number[] = [];
  for (const { replica, elem, count } of runs) {
    for (let i = 0; i < count; i++) {
      const name = { replica, elem: elem + i };
      if (shows(engine, text, name)) places.push(engine.textResolve(text, name, false));
    }
  }
  return places;
}

function shows(engine: EngineDocument, text: number, name: ElementName): boolean {
  const before = engine.textResolve(text, name, false);
  return before >= 0 && engine.textResolve(text, name, true) > before;
}

/** Puts text back behind its tombstones, unless the server refused to delete it. What others have written between them stays there. */
function restoreText(document: Document<any>, path: readonly string[], parts: readonly Removed[], renamed: Renamed): void {
  const text = document.getText(path);
  const { engine } = document;
  for (const { run: { replica, elem, count }, text: content } of parts) {
    for (let done = 0, here = 1; done < count && here > 0; done += here) {
      const name = { replica, elem: elem + done };
      here = shows(engine, text.number, name) ? 1 : engine.behind(text.number, name, count - done, (some) => {
        const index = engine.textResolve(text.number, name, false);
        text.insert(index, content.slice(done, done + some));
        renamed({ ...name, count: some }, engine.textElements(text.number, index, index + some)[0]);
      });
    }
  }
}

function removeItems(document: Document<any>, path: readonly string[], runs: readonly ElementRun[]): void {
  const list = document.getList(path);
  for (const { replica, elem, count } of runs) {
    for (let i = 0; i < count; i++) {
      const index = document.engine.listFind(list.number, { replica, elem: elem + i });
      if (index >= 0) list.delete(index);
    }
  }
}

function restoreItems(document: Document<any>, path: readonly string[], parts: readonly RemovedItem[], renamed: Renamed): void {
  const list = document.getList(path);
  const { engine } = document;
  for (const { item, place, value } of parts) {
    if (engine.listFind(list.number, item) < 0) engine.behind(list.number, place, 1, () => {
      const index = engine.textResolve(list.number, place, false);
      list.insert(index, value);
      renamed({ ...item, count: 1 }, engine.textElements(list.number, index, index + 1)[0]);
    });
  }
}

/** Unless it is gone, or stands there. */
function moveBack(document: Document<any>, path: readonly string[], item: ElementName, place: ElementName): void {
  const list = document.getList(path);
  const { engine } = document;
  const from = engine.listFind(list.number, item);
  if (from < 0) return;
  engine.behind(list.number, place, 1, () => {
    const index = engine.textResolve(list.number, place, false);
    const to = index > from ? index - 1 : index;
    if (to !== from) list.move(from, to);
  });
}

/** Unless somebody has changed it since. */
function restoreValue(document: Document<any>, path: readonly string[], key: string, before: JsonValue | undefined, after: JsonValue | undefined): void {
  const map = document.getMap(path);
  if (!isSame(map.get(key), after)) return;
  if (before !== undefined) map.set(key, before);
  else map.unset(key);
}

function addBack(document: Document<any>, path: readonly string[], step: number): void {
  try {
    document.getCounter(path).increment(-step);
  } catch (error) {
    // Others have counted so far meanwhile that there is no room to go back.
    if (!(error instanceof HeadwaterError) || error.code !== 'invalid_argument') throw error;
  }
}

function restoreMember(document: Document<any>, path: readonly string[], value: JsonValue, isIn: boolean): void {
  const set = document.getSet(path);
  if (isIn) set.delete(value);
  else set.add(value);
}

/** Equal as JSON, whatever the order of keys. */
function isSame(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  const [some, others] = [a as Record<string, JsonValue>, b as Record<string, JsonValue>];
  const keys = Object.keys(some);
  return keys.length === Object.keys(others).length && keys.every((key) => Object.hasOwn(others, key) && isSame(some[key], others[key]));
}

