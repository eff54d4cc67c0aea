// What one document shows beyond another, written as new ops: for own ops that are gone, but for what they did.

import { EngineDocument, Kind, rootContainer, type ElementName } from '../core/document.js';
import type { ReplicaId } from '../core/replica.js';
import type { JsonValue } from '../core/values.js';
import type { StoredDocument } from '../storage/storage.js';
import { nameOf, splitUpdate, type Block } from './blocks.js';
import { spliceBetweenValues } from './delta.js';
import type { Taking } from './refusals.js';
import { buildDocument, storedBlocks, withVoids } from './stored-form.js';

/** Writes own ops that nobody has seen and that nothing holds any more but the document again, under another id. @returns the new ops, to be stored */
export function writeElsewhere({ document, recorder, position }: Taking, stored: StoredDocument, fresh: ReplicaId): Block[] {
  const blocks = withVoids([...storedBlocks(stored), ...recorder.unstored]);
  const engine = buildDocument(fresh, stored.snapshot, blocks, position.committed);
  const before = buildDocument(fresh, stored.snapshot, blocks, position.committed);
  writeDifference(engine, before, document.engine, document.clock.now());
  before.free();
  document.rebuild(engine);
  return splitUpdate(document.take() ?? new Uint8Array(0));
}

/** Writes into `target` what it takes to go from what `before` shows to what `shown` shows. `shown` has everything `before` has. */
function writeDifference(target: EngineDocument, before: EngineDocument, shown: EngineDocument, nowMs: number): void {
  const containers = shown.containers();
  const pathOf = (number: number): string[] => (number === rootContainer ? [] : [...pathOf(containers[number].parent), containers[number].key]);
  containers.forEach(({ kind, exists }, number) => {
    if (!exists && number !== rootContainer) return;
    const at = target.container(pathOf(number), kind);
    const was = before.container(pathOf(number), kind);
    if (kind === Kind.Map) writeMap(target, at, before, was, shown, number, nowMs);
    else if (kind === Kind.Text) writeText(target, at, before, was, shown, number);
    else if (kind === Kind.List) writeList(target, at, before, was, shown, number);
    else if (kind === Kind.Counter) writeCounter(target, at, shown.counterValue(number) - before.counterValue(was));
    else if (kind === Kind.Set) writeSet(target, at, before, was, shown, number);
  });
}

function writeMap(target: EngineDocument, at: number, before: EngineDocument, was: number, shown: EngineDocument, number: number, nowMs: number): void {
  for (const key of shown.mapKeys(number)) {
    const value = shown.mapGet(number, key);
    if (JSON.stringify(value) !== JSON.stringify(before.mapGet(was, key))) target.mapSet(at, key, value, nowMs);
  }
  for (const key of before.mapKeys(was)) if (shown.mapGet(number, key) === undefined) target.mapDelete(at, key, nowMs);
}

/** By the names of the elements: what is in between, and what was deleted, may be others' and must stay theirs. O(length log length) */
function writeText(target: EngineDocument, at: number, before: EngineDocument, was: number, shown: EngineDocument, number: number): void {
  const seen = new Set<string>();
  const length = shown.textLength(number);
  for (let i = 0, from = 0, place = 0; i <= length; i++) {
    const element = i < length ? shown.textElement(number, i)! : null;
    if (element) seen.add(keyOf(element));
    if (element && before.textResolve(was, element, true) === -1) continue;
    if (from < i) target.textInsert(at, place, shown.textRead(number, from, i));
    from = i + 1;
    // Next to the last neighbour that is there too; what waits for the log is not.
    if (element) place = Math.max(target.textResolve(at, element, true), 0) || place;
  }
  for (let i = 0; i < before.textLength(was); i++) {
    const element = before.textElement(was, i)!;
    if (!seen.has(keyOf(element))) deleteElement(target, at, element);
  }
}

/** Unless it is not here, or no longer. The second half of a pair goes with the first. */
function deleteElement(target: EngineDocument, at: number, element: ElementName): void {
  const index = target.textResolve(at, element, false);
  const found = index === -1 || index >= target.textLength(at) ? null : target.textElement(at, index);
  if (!found || keyOf(found) !== keyOf(element)) return;
  const isPair = (target.textRead(at, index, index + 1).charCodeAt(0) & 0xfc00) === 0xd800;
  target.textDelete(at, index, isPair ? 2 : 1);
}

function keyOf({ replica, elem }: ElementName): string { return nameOf(replica, elem); }

/** What was moved is deleted and inserted: items have other names under another id. Where some wait for the log, nothing is deleted. */
function writeList(target: EngineDocument, at: number, before: EngineDocument, was: number, shown: EngineDocument, number: number): void {
  const splice = spliceBetweenValues(valuesOf(before, was), valuesOf(shown, number));
  if (!splice) return;
  const length = target.listLength(at);
  if (length === before.listLength(was)) target.listDelete(at, splice.index, splice.deleted);
  target.listInsert(at, Math.min(splice.index, length), splice.inserted);
}

function valuesOf(document: EngineDocument, number: number): JsonValue[] { return document.listRead(number, 0, document.listLength(number)); }

function writeCounter(target: EngineDocument, at: number, step: number): void {
  if (step !== 0) target.counterAdd(at, step);
}

function writeSet(target: EngineDocument, at: number, before: EngineDocument, was: number, shown: EngineDocument, number: number): void {
  for (const value of shown.setValues(number)) if (!before.setHas(was, value)) target.setAdd(at, value);
  for (const value of before.setValues(was)) if (!shown.setHas(number, value)) target.setDelete(at, value);
}
