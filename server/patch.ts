// A change given as plain JSON, made into ops: each as small as what it changes, so that what others do meanwhile stays.
//
// It is a JSON merge patch (RFC 7396): null deletes, an object changes the keys it names, anything else takes the place of
// what was. Where a container stands, the value becomes edits of that: a text is spliced where it differs, a counter moved
// by the difference, a set's members added and removed, a list's items inserted and deleted.

import { clearContainers } from '../sdk/core/clear.js';
import { Kind, rootContainer, type EngineDocument } from '../sdk/core/document.js';
import { HeadwaterError } from '../sdk/core/errors.js';
import { containerToJSON, isEmpty } from '../sdk/core/json.js';
import { encodeValue, type JsonValue } from '../sdk/core/values.js';

export type Patch = { readonly [key: string]: JsonValue };

/** @throws HeadwaterError `invalid_argument` for what cannot stand in a document; what was done before then is done */
export function patchDocument(state: EngineDocument, patch: Patch, nowMs: number): void {
  patchMap(state, rootContainer, patch, nowMs);
}

/** Deletes every field and empties every container. Others see it as any edit, and may go on writing. */
export function emptyDocument(state: EngineDocument, nowMs: number): void {
  const keys = state.containers().filter(({ parent, exists }, number) => exists && number !== rootContainer && parent === rootContainer).map(({ key }) => key);
  for (const key of new Set([...state.mapKeys(rootContainer), ...keys])) remove(state, rootContainer, key, nowMs);
}

/** @throws HeadwaterError `invalid_argument` unless it is a JSON object */
export function patchFrom(body: Uint8Array): Patch {
  let patch: unknown;
  try {
    patch = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new HeadwaterError('invalid_argument', 'the body is a JSON object: the fields to change, null for those to delete');
  }
  if (isObject(patch as JsonValue)) return patch as Patch;
  throw new HeadwaterError('invalid_argument', 'the body is a JSON object: the fields to change, null for those to delete');
}

function patchMap(state: EngineDocument, map: number, patch: Patch, nowMs: number): void {
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) remove(state, map, key, nowMs);
    else put(state, map, key, value, nowMs);
  }
}

function remove(state: EngineDocument, map: number, key: string, nowMs: number): void {
  if (state.mapGet(map, key) !== undefined) state.mapDelete(map, key, nowMs);
  clearContainers(state, map, key, nowMs, null);
}

function put(state: EngineDocument, map: number, key: string, value: JsonValue, nowMs: number): void {
  const held = state.mapGet(map, key);
  const container = held === undefined ? shownContainer(state, map, key) : null;
  if (container !== null && edit(state, container.number, container.kind, value, nowMs)) return show(state, map, key, container.number, nowMs);
  const merged = isObject(value) ? merge(held, value) : value;
  if (!isSame(held, merged)) state.mapSet(map, key, merged, nowMs);
}

/** Where the key was deleted once, an empty container does not show; a value does. */
function show(state: EngineDocument, map: number, key: string, container: number, nowMs: number): void {
  const json = containerToJSON(state, container);
  if (isEmpty(json) && state.mapChanges(map, key) > 0) state.mapSet(map, key, json, nowMs);
}

/** The container that shows at a key, as toJSON chooses: the first that holds something, else the first. */
function shownContainer(state: EngineDocument, map: number, key: string): { number: number; kind: Kind } | null {
  const found = state.containers()
    .map((container, number) => ({ ...container, number }))
    .filter(({ parent, key: name, exists, number }) => exists && number !== rootContainer && parent === map && name === key)
    .sort((a, b) => a.kind - b.kind);
  return found.find(({ number }) => !isEmpty(containerToJSON(state, number))) ?? found[0] ?? null;
}

/** @returns false when the value is not of the container's kind */
function edit(state: EngineDocument, container: number, kind: Kind, value: JsonValue, nowMs: number): boolean {
  if (kind === Kind.Map && isObject(value)) patchMap(state, container, value, nowMs);
  else if (kind === Kind.Text && typeof value === 'string') editText(state, container, value);
  else if (kind === Kind.Counter && typeof value === 'number') editCounter(state, container, value);
  else if (kind === Kind.Set && Array.isArray(value)) editSet(state, container, value);
  else if (kind === Kind.List && Array.isArray(value)) editList(state, container, value);
  else return false;
  return true;
}

function editText(state: EngineDocument, container: number, next: string): void {
  const last = state.textRead(container, 0, state.textLength(container));
  const { start, end } = difference(last.length, next.length, (i, j) => last.charCodeAt(i) === next.charCodeAt(j), (i) => isHigh(last.charCodeAt(i)));
  if (last.length > start + end) state.textDelete(container, start, last.length - start - end);
  if (next.length > start + end) state.textInsert(container, start, next.slice(start, next.length - end));
}

function editCounter(state: EngineDocument, container: number, next: number): void {
  const step = next - state.counterValue(container);
  if (step !== 0) state.counterAdd(container, step);
}

function editSet(state: EngineDocument, container: number, next: readonly JsonValue[]): void {
  const wanted = new Set(next.map(nameOf));
  for (const value of state.setValues(container)) if (!wanted.has(nameOf(value))) state.setDelete(container, value);
  for (const value of next) if (!state.setHas(container, value)) state.setAdd(container, value);
}

function editList(state: EngineDocument, container: number, next: readonly JsonValue[]): void {
  const last = state.listRead(container, 0, state.listLength(container));
  const { start, end } = difference(last.length, next.length, (i, j) => isSame(last[i], next[j]), () => false);
  if (last.length > start + end) state.listDelete(container, start, last.length - start - end);
  if (next.length > start + end) state.listInsert(container, start, next.slice(start, next.length - end));
}

/** How much is equal at the start and at the end. @param isTied  whether what is at i must not be parted from what follows */
function difference(last: number, next: number, isEqual: (i: number, j: number) => boolean, isTied: (i: number) => boolean): { start: number; end: number } {
  const shorter = Math.min(last, next);
  let start = 0;
  while (start < shorter && isEqual(start, start)) start += 1;
  if (start > 0 && isTied(start - 1)) start -= 1;
  let end = 0;
  while (end < shorter - start && isEqual(last - 1 - end, next - 1 - end)) end += 1;
  if (end > 0 && last - end > 0 && isTied(last - end - 1)) end -= 1;
  return { start, end };
}

/** Into a plain value: RFC 7396, where what is null is not there. */
function merge(held: JsonValue | undefined, patch: Patch): JsonValue {
  const merged: Record<string, JsonValue> = Object.assign(Object.create(null), isObject(held) ? held : {});
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = isObject(value) ? merge(merged[key], value) : value;
  }
  return { ...merged };
}

function isObject(value: JsonValue | undefined): value is Patch {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSame(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && nameOf(a) === nameOf(b));
}

/** Equal for values that are equal as members of a set. */
function nameOf(value: JsonValue): string {
  return Buffer.from(encodeValue(value, true)).toString('latin1');
}

function isHigh(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800;
}
