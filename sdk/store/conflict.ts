// Two writers under one replica id, as after a copied profile: the later one takes a new id and writes again.
//
// The server's log has the other's ops under the numbers of ours, so ours must go, and cannot be sent as they are. What
// they did is what the document shows beyond them: that difference is written as new ops, under an id of our own.

import { EngineDocument, Kind, rootContainer } from '../core/document.js';
import type { ReplicaId } from '../core/replica.js';
import type { JsonValue } from '../core/values.js';
import type { StoredDocument } from '../storage/storage.js';
import { splitUpdate, type Block } from './blocks.js';
import { spliceBetween, spliceBetweenValues } from './delta.js';
import type { Taking } from './refusals.js';
import { buildDocument, isAbove, storedBlocks, withVoids } from './stored-form.js';

/**
 * Replaces the ops of a replica from a seq on by new ones of `fresh`, in the document and in what is stored; one storage step.
 * The new ones are stored before the old ones go, so that dying in between may write twice, but loses nothing.
 *
 * @returns the last seq of the new ops; null when the device cannot be read now
 */
export async function writeAgain(taking: Taking, from: { replica: ReplicaId; seqFrom: number }, fresh: ReplicaId): Promise<number | null> {
  const { document, storage, recorder, position } = taking;
  // What the other writer has there comes again with the log.
  const isOurs = (block: Block) => block.replica === from.replica && block.seqTo >= from.seqFrom;
  const stored = await storage.load(document.id);
  if (document.isClosed || !taking.canRead()) return null;
  taking.flush();
  recorder.drop(isOurs);
  const blocks = withVoids([...storedBlocks(stored), ...recorder.unstored]).filter((block) => !isOurs(block));
  const engine = buildDocument(fresh, stored.snapshot, blocks, position.committed);
  writeDifference(engine, document.engine, Date.now());
  document.rebuild(engine);
  position.forget();
  taking.flush();
  const seq = document.engine.seqOf(fresh);
  await recorder.store();
  await dropOurs(taking, stored, isOurs);
  return seq;
}

/** A snapshot without them takes the place of the records, but for those of other replicas that are not acked. */
async function dropOurs({ document, storage, position }: Taking, stored: StoredDocument, isOurs: (block: Block) => boolean): Promise<void> {
  const isKept = (block: Block) => isAbove(position.committed, block) && !isOurs(block) && block.kind !== 'snapshot';
  const kept = stored.records.filter(({ bytes }) => splitUpdate(bytes).some(isKept)).map(({ position: at }) => at);
  const rest = storedBlocks(stored).filter((block) => !isOurs(block) && !isKept(block));
  const last = stored.records.at(-1)?.position;
  const engine = buildDocument(document.replica, stored.snapshot, rest, position.committed);
  try {
    if (last !== undefined) await storage.compact(document.id, engine.snapshot(), last, kept);
  } finally {
    engine.free();
  }
}

/** Writes into `target` what it takes to show what `shown` shows. `shown` has everything `target` has. */
export function writeDifference(target: EngineDocument, shown: EngineDocument, nowMs: number): void {
  const containers = shown.containers();
  const pathOf = (number: number): string[] => (number === rootContainer ? [] : [...pathOf(containers[number].parent), containers[number].key]);
  containers.forEach(({ kind, exists }, number) => {
    if (!exists && number !== rootContainer) return;
    const at = target.container(pathOf(number), kind);
    if (kind === Kind.Map) writeMap(target, at, shown, number, nowMs);
    else if (kind === Kind.Text) writeText(target, at, shown, number);
    else if (kind === Kind.List) writeList(target, at, shown, number);
    else if (kind === Kind.Counter) writeCounter(target, at, shown, number);
    else if (kind === Kind.Set) writeSet(target, at, shown, number);
  });
}

function writeMap(target: EngineDocument, at: number, shown: EngineDocument, number: number, nowMs: number): void {
  for (const key of shown.mapKeys(number)) {
    const value = shown.mapGet(number, key);
    if (JSON.stringify(value) !== JSON.stringify(target.mapGet(at, key))) target.mapSet(at, key, value, nowMs);
  }
  for (const key of target.mapKeys(at)) if (shown.mapGet(number, key) === undefined) target.mapDelete(at, key, nowMs);
}

function writeText(target: EngineDocument, at: number, shown: EngineDocument, number: number): void {
  const splice = spliceBetween(textOf(target, at), textOf(shown, number));
  if (!splice) return;
  if (splice.deleted > 0) target.textDelete(at, splice.index, splice.deleted);
  if (splice.inserted !== '') target.textInsert(at, splice.index, splice.inserted);
}

function textOf(document: EngineDocument, number: number): string { return document.textRead(number, 0, document.textLength(number)); }

/** What was moved is deleted and inserted: items have other names under another id. */
function writeList(target: EngineDocument, at: number, shown: EngineDocument, number: number): void {
  const splice = spliceBetweenValues(valuesOf(target, at), valuesOf(shown, number));
  if (!splice) return;
  target.listDelete(at, splice.index, splice.deleted);
  target.listInsert(at, splice.index, splice.inserted);
}

function valuesOf(document: EngineDocument, number: number): JsonValue[] { return document.listRead(number, 0, document.listLength(number)); }

function writeCounter(target: EngineDocument, at: number, shown: EngineDocument, number: number): void {
  const step = shown.counterValue(number) - target.counterValue(at);
  if (step !== 0) target.counterAdd(at, step);
}

function writeSet(target: EngineDocument, at: number, shown: EngineDocument, number: number): void {
  for (const value of shown.setValues(number)) if (!target.setHas(at, value)) target.setAdd(at, value);
  for (const value of target.setValues(at)) if (!shown.setHas(number, value)) target.setDelete(at, value);
}
