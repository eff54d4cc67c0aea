// Own ops stamped by a clock that was off, stamped again before anybody but this device has seen them.
//
// Only what was never sent: a batch keeps its name (replica, seq), its place and all it does, so what builds on it, undo steps
// and the promises of its writes stand as they are; only when it was written is said anew. It gets the stamp it would have had
// by the right clock, after everything that stands before it here: the blocks are applied in the order they were stored in,
// which is the order this device came to know of them, and a later write never falls behind what it was made upon.

import type { ClockState } from '../core/clock.js';
import { firstStampMs, withFirstStamp } from '../core/codec.js';
import type { EngineDocument } from '../core/document.js';
import { type Block } from './blocks.js';
import type { Taking } from './refusals.js';
import { buildDocument, isAbove, storedBlocks, withVoids } from './stored-form.js';

/** How far the clock turned out to be off. */
export interface Correction {
  /** From the old time to the right one, in ms. */
  movedMs: number;
  /** When that was known, by the right clock: what was stamped since is right. */
  knownMs: number;
  /** As it was then. */
  state: Readonly<ClockState>;
}

/**
 * Stamps again what is stored or about to be, in the document and on the device; one storage step.
 *
 * @param isMeant  which batches this is about
 * @returns the new batches of those that were stored
 */
export async function stampAgain(taking: Taking, correction: Correction, isMeant: (block: Block) => boolean): Promise<Block[]> {
  const { document, storage, recorder, position } = taking;
  const stored = await storage.load(document.id);
  if (document.isClosed || !taking.canRead()) return [];
  taking.flush();
  const blocks = withVoids([...storedBlocks(stored), ...recorder.unstored]);
  const open = new Set(blocks.filter((block) => block.kind === 'batch' && isAbove(position.committed, block) && isMeant(block)));
  const again: Block[] = [];
  if (open.size === 0) return again;
  const nowMs = document.clock.now();
  const fit = (block: Block, engine: EngineDocument): Block => {
    const fresh = open.has(block) ? stampedRight(block, correction, nowMs, engine.stampAfterMs, again.length > 0) : block;
    if (fresh !== block) again.push(fresh);
    return fresh;
  };
  document.rebuild(buildDocument(document.replica, stored.snapshot, blocks, position.committed, fit));
  const ofStored = again.filter((block) => !recorder.replace(block));
  if (ofStored.length > 0) await storage.append([{ document: document.id, records: ofStored.map(({ bytes }) => bytes) }], { strict: true });
  return ofStored;
}

/** @param afterMs  later than all that stands before it */
function stampedRight(block: Block, correction: Correction, nowMs: number, afterMs: number, hasMoved: boolean): Block {
  const ms = firstStampMs(block.bytes);
  if (ms === null) return block;
  const rightMs = Math.min(rightTime(ms, correction, nowMs), nowMs);
  // Unless something before it was moved, it stands behind that already.
  if (rightMs === ms && (!hasMoved || ms >= afterMs)) return block;
  return { ...block, bytes: withFirstStamp(block.bytes, Math.floor(Math.max(rightMs, afterMs))) };
}

/** What was stamped before the clock began to run as it did, or since it is right, is left alone. */
function rightTime(ms: number, { movedMs, knownMs, state: { fromMs } }: Correction, nowMs: number): number {
  const isRight = ms <= fromMs || ms + movedMs <= fromMs || (ms >= knownMs && ms <= nowMs);
  return isRight ? ms : ms + movedMs;
}
