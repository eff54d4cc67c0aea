// A document as it is stored: a snapshot of what the server has committed, and blocks in the order they came.
//
// The snapshot holds no un-acked op. So when the server refuses one, the document can be read again without it.

import { HeadwaterError } from '../core/errors.js';
import { EngineDocument } from '../core/document.js';
import type { ReplicaId } from '../core/replica.js';
import type { Storage, StoredDocument } from '../storage/storage.js';
import { isOverlapping, isSameBytes, nameOf, splitUpdate, voidFor, type Block } from './blocks.js';

/** A version vector, or whatever else tells a replica's seq. */
export type Version = Pick<ReadonlyMap<ReplicaId, number>, 'get'>;

const everything: Version = { get: () => Infinity };

export function isAbove(version: Version, { replica, seqTo }: Block): boolean {
  return seqTo > (version.get(replica) ?? 0);
}

/** The stored blocks. A void takes the place of the batch it stands for, so that what came after that still comes after. */
export function storedBlocks(stored: StoredDocument): Block[] { return withVoids(writtenBlocks(stored)); }

/** The same in the order they were stored: batches as they were written, and the voids of those that were refused. */
export function writtenBlocks(stored: StoredDocument): Block[] {
  return latest(stored.records.reduce<Block[]>((before, { bytes }) => {
    const blocks = splitUpdate(bytes);
    return blocks.length > 1 ? rewritten(before, blocks) : [...before, ...blocks];
  }, []));
}

/** A batch that comes again was stamped again (restamp.ts): it takes its own place. */
function latest(blocks: readonly Block[]): Block[] {
  const places = new Map<string, number>();
  return blocks.reduce<Block[]>((before, block) => {
    const name = nameOf(block.replica, block.seqFrom);
    const place = block.kind === 'batch' ? places.get(name) : undefined;
    if (place !== undefined) before[place] = block;
    else if (before.push(block) && block.kind === 'batch') places.set(name, before.length - 1);
    return before;
  }, []);
}

/** The records in which own ops were written again: voids of the old ones, and the new ones. */
function recordsOfAgain(stored: StoredDocument): Block[][] {
  return stored.records.map(({ bytes }) => splitUpdate(bytes)).filter((blocks) => blocks.length > 1);
}

/** By the name of each batch that was written again: the last batch written in its stead, if it took any. */
export function writtenAgain(stored: StoredDocument): Map<string, Block | undefined> {
  return new Map(recordsOfAgain(stored).flatMap((blocks) => {
    const last = blocksOf(blocks).at(-1);
    return blocks.filter(({ kind }) => kind === 'void').map((block) => [nameOf(block.replica, block.seqFrom), last] as const);
  }));
}

/** The batches that were written in the stead of others. */
export function blocksOfAgain(stored: StoredDocument): Block[] { return recordsOfAgain(stored).flatMap(blocksOf); }

/** Everything that is stored, in the order it was; what was written again and gone since, too. */
export function allBlocks(stored: StoredDocument): Block[] {
  return stored.records.flatMap(({ bytes }) => {
    const blocks = splitUpdate(bytes);
    return blocks.length > 1 ? blocksOf(blocks) : blocks;
  });
}

function blocksOf(blocks: readonly Block[]): Block[] { return blocks.filter(({ kind }) => kind !== 'void'); }

/** A record of several blocks is own ops that were written again (conflict.ts): those its voids name are gone, as are the voids. */
function rewritten(before: Block[], blocks: readonly Block[]): Block[] {
  const gone = new Set(blocks.filter(({ kind }) => kind === 'void').map(({ replica, seqFrom }) => nameOf(replica, seqFrom)));
  return [...before.filter(({ replica, seqFrom }) => !gone.has(nameOf(replica, seqFrom))), ...blocksOf(blocks)];
}

/** Replicas with different batches under one name: tabs have stored their own, and the log's. */
export function conflictsIn(blocks: readonly Block[]): ReplicaId[] {
  const known = new Map<string, Block>();
  const isOther = (block: Block) => {
    const name = nameOf(block.replica, block.seqFrom);
    const first = known.get(name);
    if (!first) known.set(name, block);
    return first !== undefined && !isSameBytes(first.bytes, block.bytes);
  };
  return blocks.filter((block) => block.kind === 'batch' && isOther(block)).map(({ replica }) => replica);
}

/**
 * A void takes the place of the batch it stands for, and a snapshot of the log comes before everything: it may have come
 * to a session that could not read what lies before it, and hold as refused what lies there as a batch. What it holds it settles.
 */
export function withVoids(blocks: readonly Block[]): Block[] {
  const voids = new Map(blocks.filter(({ kind }) => kind === 'void').map((block) => [nameOf(block.replica, block.seqFrom), block]));
  const standing = voids.size === 0 ? [...blocks] : blocks.map((block) => voids.get(nameOf(block.replica, block.seqFrom)) ?? block);
  const snapshots = standing.filter(({ kind }) => kind === 'snapshot');
  return snapshots.length === 0 ? standing : [...snapshots, ...standing.filter(({ kind }) => kind !== 'snapshot')];
}

/**
 * Applies blocks one by one. A batch above `committed` that cannot be applied built on a refused one: the server will
 * refuse it too, so a void takes its place here already.
 *
 * @throws HeadwaterError for any other block that is bad
 */
export function applyBlocks(apply: (block: Block) => unknown, blocks: readonly Block[], committed: Version): void {
  for (const block of blocks) {
    try {
      apply(block);
    } catch (error) {
      if (block.kind !== 'batch' || !isAbove(committed, block) || !(error instanceof HeadwaterError) || error.code === 'out_of_memory') throw error;
      apply(voidFor(block));
    }
  }
}

/**
 * What is stored as a document of the engine. The caller frees it.
 *
 * @param fit  may give another block for one that is about to be applied
 * @throws HeadwaterError when the stored form is bad
 */
export function buildDocument(replica: ReplicaId, snapshot: Uint8Array | null, blocks: readonly Block[], committed: Version, fit = (block: Block, _engine: EngineDocument) => block): EngineDocument {
  const engine = new EngineDocument(replica);
  try {
    if (snapshot) engine.apply(snapshot);
    applyBlocks((block) => engine.apply(fit(block, engine).bytes), blocks, committed);
    return engine;
  } catch (error) {
    engine.free();
    throw error;
  }
}

/** Voids that the server may not have, each once: for what the user was not allowed to write. */
export function unloggedIn(blocks: readonly Block[], committed: Version): Block[] {
  const voids = blocks.filter((block) => block.kind === 'void' && isAbove(committed, block));
  return [...new Map(voids.map((block) => [nameOf(block.replica, block.seqFrom), block])).values()];
}

/**
 * Makes one snapshot of all records, unless one of them is not committed yet or waits for something missing. Voids that are
 * not in the server's log stay records: a snapshot cannot be pushed.
 */
export async function compactStored(storage: Storage, id: string, replica: ReplicaId, committed: Version | null): Promise<void> {
  const stored = await storage.load(id);
  const last = stored.records.at(-1)?.position;
  const all = storedBlocks(stored);
  const unlogged = committed ? unloggedIn(all, committed) : [];
  const blocks = all.filter((block) => !unlogged.some((each) => isOverlapping(each, block)));
  if (last === undefined || stored.quarantined > 0 || conflictsIn(blocks).length > 0 || blocks.some((block) => committed && block.kind !== 'snapshot' && isAbove(committed, block))) return;
  const engine = buildDocument(replica, stored.snapshot, blocks, everything);
  try {
    if (engine.waiting() > 0) return;
    if (unlogged.length > 0) await storage.append([{ document: id, records: unlogged.map(({ bytes }) => bytes) }]);
    await storage.compact(id, engine.snapshot(), last);
  } finally {
    engine.free();
  }
}
