// Two writers under one replica id, as after a copied profile: the later one takes a new id and writes again.
//
// The server's log has the other's ops under the numbers of ours, so ours must go, and cannot be sent as they are. The log
// decides: it is read from its beginning, and the document is built anew of it. Of what this device holds beyond it, what
// was refused, or lies where the log has other ops, is made again as changes (changes.ts), under an id of our own.
//
// Each tab of the device does this, one after another; the device's storage tells which were written again before, and
// each is once.

import { joinBytes } from '../core/bytes.js';
import { EngineDocument } from '../core/document.js';
import type { ReplicaId } from '../core/replica.js';
import type { StoredDocument } from '../storage/storage.js';
import { isOverlapping, isSameBytes, nameOf, splitUpdate, voidFor, type Block } from './blocks.js';
import { describe, renameIn, writeChanges, type Change, type Rename } from './changes.js';
import type { Taking } from './refusals.js';
import { allBlocks, blocksOfAgain, buildDocument, storedBlocks, writtenAgain } from './stored-form.js';

/** What an exchange knows when all that it sent is answered. */
export interface Conflict {
  /** The server's log, from its beginning. */
  log: readonly Block[];
  /** Own batches that were refused for the conflict, or not sent since. */
  refused: readonly Block[];
  /** That of what is written now: nobody else sends it. */
  replica: ReplicaId;
}

export interface WrittenAgain {
  /** New ops that the log has not, this tab's and others'. */
  blocks: Block[];
  /** Old ones that were not stored yet. */
  unstored: Block[];
  /** Each old batch, and the last of those in its stead. */
  pairs: (readonly [Block, Block | undefined])[];
}

const nobody = 'f'.repeat(16);
/** A tab that took longer to read may have been frozen, and another have done its work meanwhile. */
const readMs = 1000;

/**
 * Builds the document of the log, and replaces own ops by new ones of `fresh`; one storage step.
 *
 * The new ones go into one record with a void for each of the old ones, which says that these were written again (see
 * `storedBlocks`), and nothing is sent before that is on the disk: so whenever the device dies, either the old ones are
 * there or the new ones.
 *
 * @param take  what is known; called once nothing more can be added to it. Null: not enough
 * @returns null when not enough is known, or the device cannot be read now, and nothing has happened
 */
export async function writeAgain(taking: Taking, take: () => Conflict | null, fresh: ReplicaId): Promise<WrittenAgain | null> {
  const { document, recorder } = taking;
  const stored = await loadInTime(taking);
  if (document.isClosed || !taking.canRead()) return null;
  taking.flush();
  const conflict = take();
  if (!conflict) return null;
  const { log } = conflict;
  const written = [...allBlocks(stored), ...recorder.unstored, ...conflict.refused].filter(isFirst());
  const done = writtenAgain(stored);
  const isInLog = finder(log, isSame);
  const isGone = (block: Block) => block.kind === 'batch' && done.has(nameOf(block.replica, block.seqFrom)) && !isInLog(block);
  const gone = written.filter(isGone);
  const ours = oursOf(written.filter((block) => block.kind === 'batch' && !isInLog(block) && !isGone(block)), conflict);
  const isOurs = finder(ours, isSame);
  // The log's where ours stand came later, if they came: ours were not made upon these.
  const isInPlace = finder([...ours, ...gone], isOverlapping);
  const changes = describe(stored.snapshot, inOrder(stored.snapshot, written.filter((block) => !isInLog(block) || !isInPlace(block))), [...ours, ...gone]);
  const changesOf = ({ replica, seqFrom }: Block) => changes.get(nameOf(replica, seqFrom)) ?? [];
  // What others of the device have made again. What they have still to make again comes when they have.
  const again = blocksOfAgain(stored).filter((block) => !isInLog(block) && !isOurs(block) && !isGone(block));
  const unstored = recorder.unstored.filter((block) => !isOurs(block));
  // Another tab made these upon the log's.
  const unread = ours.filter((block) => changesOf(block).length === 0);
  if (unread.length > 0) for (const [name, made] of describe(stored.snapshot, inOrder(stored.snapshot, [...log, ...again, ...unread]), unread)) changes.set(name, made);
  const engine = buildDocument(fresh, stored.snapshot, [...log, ...again, ...unstored], taking.position.committed);
  const renames = gone.flatMap(changesOf).flatMap(nameless);
  for (const block of ours) {
    renameIn(changesOf(block), renames);
    renames.push(...writeChanges(engine, changesOf(block), document.clock.now()));
  }
  const taken = recorder.takeOurs(isOurs);
  document.rebuild(engine);
  const made = splitUpdate(document.take() ?? new Uint8Array(0));
  const isStored = finder(storedBlocks(stored).filter((block) => !isOurs(block)), isSame);
  await keep(taking, ours, made, log.filter((block) => !isStored(block)));
  const pairOf = (block: Block, end = made.at(-1)) => [block, end] as const;
  return { blocks: [...again, ...made], unstored: taken, pairs: [...gone.map((block) => pairOf(block, done.get(nameOf(block.replica, block.seqFrom)))), ...ours.map((block) => pairOf(block))] };
}

/** Under the names of what another tab has made again stand others' elements in the log. Nothing is found by such a name. */
function nameless(change: Change): Rename[] {
  if (change.kind !== 'text' && change.kind !== 'list') return [];
  const places = change.splices.flatMap(({ fresh }) => fresh);
  return places.map((old) => ({ path: change.path, old, fresh: { ...old, replica: nobody } }));
}

/** Each behind what it builds on, so that what one changes is its own; those that build on something missing are left out. */
function inOrder(snapshot: Uint8Array | null, blocks: readonly Block[]): Block[] {
  const engine = new EngineDocument(nobody);
  if (snapshot) engine.apply(snapshot);
  const ordered: Block[] = [];
  const isIn = (block: Block) => {
    try {
      engine.apply(block.bytes, { wait: false });
      return ordered.push(block) > 0;
    } catch {
      return false;
    }
  };
  for (let [left, before] = [[...blocks], Infinity]; left.length < before;) [left, before] = [left.filter((block) => !isIn(block)), left.length];
  engine.free();
  return ordered;
}

async function loadInTime({ document, storage }: Taking): Promise<StoredDocument> {
  for (;;) {
    const startedMs = Date.now();
    const stored = await storage.load(document.id);
    if (Date.now() - startedMs < readMs) return stored;
  }
}

/** In this order: what a record writes again is taken out of what stands before it, the log's under the same names too. */
async function keep({ document, storage, cursor, durable }: Taking, ours: readonly Block[], made: readonly Block[], log: readonly Block[]): Promise<void> {
  const voids = ours.map(voidFor);
  // Never one block alone: that would be a void, or a batch, like any other.
  const again = joinBytes([...voids, ...(made.length > 0 ? made : voids)].map(({ bytes }) => bytes));
  const records = [...(ours.length > 0 ? [again] : []), ...log.map(({ bytes }) => bytes)];
  await storage.append([{ document: document.id, records, cursor: cursor() ?? undefined }], { strict: true });
  await durable();
}

/** Of batches that are not in the log: those that never will be; of the rest the server has still to say. What a snapshot of the log may hold is, unless it was refused. */
function oursOf(batches: readonly Block[], { log, refused, replica }: Conflict): Block[] {
  const base = new EngineDocument(nobody);
  for (const { kind, bytes } of log) if (kind === 'snapshot') base.apply(bytes);
  const isRefused = finder(refused, isSame);
  const isTaken = finder(log, isOverlapping);
  const ours = batches.filter((block) => isRefused(block) || isTaken(block) || (block.replica === replica && block.seqTo > base.seqOf(block.replica)));
  base.free();
  return ours;
}

/** Whether one of `blocks` is the like of another. */
function finder(blocks: readonly Block[], isAlike: (a: Block, b: Block) => boolean): (block: Block) => boolean {
  const ofReplica = new Map<ReplicaId, Block[]>();
  for (const block of blocks) {
    const known = ofReplica.get(block.replica);
    if (known) known.push(block);
    else ofReplica.set(block.replica, [block]);
  }
  return (block) => ofReplica.get(block.replica)?.some((each) => isAlike(each, block)) ?? false;
}

function isSame(a: Block, b: Block): boolean { return a.seqFrom === b.seqFrom && isSameBytes(a.bytes, b.bytes); }

/** For a filter that leaves out what came before. */
function isFirst(): (block: Block) => boolean {
  const seen = new Map<string, Block[]>();
  return (block) => {
    const name = nameOf(block.replica, block.seqFrom);
    const known = seen.get(name) ?? [];
    seen.set(name, [...known, block]);
    return !known.some((each) => isSame(each, block));
  };
}
