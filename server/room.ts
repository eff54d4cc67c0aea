// A room: one document in memory and everybody who listens to it.
//
// The order of things is the promise of the server: apply in the engine, commit to the log, publish, ack. Nobody
// sees an op that is not on disk, and nobody is told "acked" about one. What the engine holds beyond the log is
// only what is being committed right now; if that fails the memory is thrown away and read again from the log.

import { joinBytes } from '../sdk/core/bytes.js';
import { HeadwaterError, type ErrorCode } from '../sdk/core/errors.js';
import type { ReplicaId } from '../sdk/core/replica.js';
import type { Lsn, Message } from '../sdk/wire/message.js';
import type { BusMessage } from './bus/bus.js';
import type { EngineDocument } from '../sdk/core/document.js';
import type { Block, DocumentState, Engine } from './engine.js';
import type { CommitSink, GroupCommit } from './group-commit.js';
import type { Heads } from './heads.js';
import { Held } from './held.js';
import type { Limits } from './limits.js';
import { corruptAt, loadDocument, type LoadedDocument } from './load.js';
import { LogTail } from './log-tail.js';
import { askBefore, type ServerHooks } from './hooks.js';
import type { Log } from './log.js';
import type { Node, Nodes } from './nodes.js';
import { Presence, type PresenceVerdict, type Shown, type ShownBy } from './presence.js';
import { Acks, Answer, Push, type Author, type Rejection } from './push.js';
import { SnapshotPlan } from './snapshots.js';
import { checksum } from './store/checksum.js';
import type { Append, Appended, LoggedRange, Projected, Store } from './store/store.js';

/** What a room stands on. `broadcast` sends one frame to all who have joined, but for `except`. */
export interface RoomContext {
  store: Store;
  engine: Engine;
  commits: GroupCommit;
  nodes: Nodes;
  limits: Limits;
  log: Log;
  now(): number;
  /** Others may have written what this room has not heard of: calls `noteHead` soon. */
  lookAtHead(room: Room): void;
  /** The log has grown by what this room put there. */
  grown(room: Room): void;
  /** The same, entry by entry. */
  committed(grown: { document: string; first: Lsn; last: Lsn }): void;
  /** A batch was refused. */
  refused(code: ErrorCode): void;
  hooks: Pick<ServerHooks, 'beforeApply'>;
  heads: Heads;
  broadcast(message: Message & { document: string }, except?: object): void;
}

interface Pending {
  append: Append;
  pushes: Push[];
  /** Set when the entry is a void: what to tell the author once it is logged. */
  rejection: Rejection | null;
  lsn: Lsn;
  generation: number;
}

/** Entries that have become part of the log; `own` when this room put them there. */
interface LogRun {
  first: Lsn;
  blocks: readonly Uint8Array[];
  own: readonly Pending[] | null;
}

const gone = new Uint8Array(0);

/** What an engine says about a batch, as opposed to about itself. The batch is refused for ever. */
const verdicts: readonly ErrorCode[] = [
  'invalid_update', 'invalid_argument', 'index_out_of_range', 'clock_drift', 'depends_on_rejected', 'too_large', 'replica_conflict',
];

export class Room implements CommitSink<Pending> {
  /** The last entry published here. The log may be a moment ahead of it. */
  head: Lsn;
  lastUsedMs: number;
  /** The log is damaged here, or gone up to here; who stands before it must start from the snapshot. */
  unreadableUpTo: Lsn = 0;
  snapshotLsn: Lsn;
  private readonly listeners = new Set<object>();
  private readonly presence: Presence<object>;
  private state: DocumentState;
  private committedSeqs: Map<ReplicaId, number>;
  private tail: LogTail;
  private readonly snapshots: SnapshotPlan;
  private readonly held = new Held<Pending>();
  private inbox: Push[] = [];
  private taking: Push | null = null;
  private inFlight: Pending[] = [];
  private runs: LogRun[] = [];
  private isGrowing = false;
  private growing: Promise<void> = Promise.resolve();
  /** Counts reloads: what was begun before one must not go on after it. */
  private generation = 0;
  private reloading: Promise<void> | null = null;
  private failuresInARow = 0;
  private isAbandoned = false;
  private isClosed = false;
  /** Authors that wrote under an id of another: under which, and whether all else they have may build on that. */
  private readonly conflicts = new WeakMap<object, { replicas: Set<ReplicaId>; isOpen: boolean }>();
  private readonly leaveBus: () => void;

  /** @throws HeadwaterError when the document cannot be loaded whole */
  static async open(document: string, context: RoomContext): Promise<Room> {
    const loaded = await loadDocument(context.store, context.engine, document);
    return new Room(document, context, loaded);
  }

  private constructor(readonly document: string, private readonly context: RoomContext, loaded: LoadedDocument) {
    this.head = loaded.lsn;
    this.state = loaded.state;
    this.snapshotLsn = loaded.snapshotLsn;
    this.committedSeqs = context.engine.decodeVersion(loaded.state.version());
    this.tail = new LogTail(loaded.lsn, context.limits.tailBytesMax);
    this.snapshots = new SnapshotPlan(context.limits, loaded.snapshotBytes);
    this.snapshots.noteGrowth(loaded.lsn - loaded.snapshotLsn, 0);
    this.presence = new Presence(context.limits.presencePerSocketMax);
    this.lastUsedMs = context.now();
    this.leaveBus = context.nodes.subscribe(document, { heard: (message, from) => this.hear(message, from), missed: () => this.catchUp() });
    this.catchUp();
  }

  // ── listening ─────────────────────────────────────────────────────────────────────────────────

  enter(listener: object): void {
    this.listeners.add(listener);
    const conflict = this.conflicts.get(listener);
    if (conflict) conflict.isOpen = false;
  }

  /** Everybody else hears that the listener's replicas are gone. */
  leave(listener: object): void {
    this.listeners.delete(listener);
    this.lastUsedMs = this.context.now();
    for (const replica of this.presence.removeAll(listener)) this.tellPresence({ replica, state: gone, by: undefined }, listener);
  }

  /** Committed version vector: own ops at or below it are acked. A copy. */
  version(): Uint8Array {
    return this.context.engine.encodeVersion(this.committedSeqs);
  }

  /** Entries after `lsn` from memory; null when they must be read from the store. */
  tailSince(lsn: Lsn): Uint8Array[] | null {
    return this.tail.since(lsn);
  }

  setPresence(owner: object, replica: ReplicaId, state: Uint8Array, isOwn: boolean, by?: ShownBy): PresenceVerdict {
    const verdict = this.presence.set(owner, replica, state, isOwn, by);
    if (verdict === 'taken-in') this.tellPresence({ replica, state, by }, owner);
    return verdict;
  }

  /** Somebody who does not answer is not here, whatever TCP believes; heard again, it is here as it was. */
  setSilent(owner: object, isSilent: boolean): void {
    for (const shown of this.presence.setSilent(owner, isSilent)) this.tellPresence(isSilent ? { ...shown, state: gone } : shown, owner);
  }

  presenceEntries(): Shown[] {
    return this.presence.entries();
  }

  /** The document as plain data, with everything applied; for people and tests, not for sync. */
  async describe(): Promise<{ id: string; lsn: Lsn; data: unknown; digest: string }> {
    while (this.reloading !== null) await this.reloading;
    return { id: this.document, lsn: this.head, data: this.state.toJSON(), digest: this.state.digest() };
  }

  // ── pushing ───────────────────────────────────────────────────────────────────────────────────

  /**
   * Resolves when every block of `bytes` has been answered. Keeps `bytes`. Never rejects.
   *
   * @param mayWrite  whether the author may write now
   */
  push(author: Author, bytes: Uint8Array, mayWrite = true): Promise<void> {
    return new Promise((resolve) => this.receive(author, bytes, mayWrite, resolve));
  }

  /** The same, where a promise per push would be felt. @param settled  called once */
  receive(author: Author, bytes: Uint8Array, mayWrite: boolean, settled: () => void): void {
    this.inbox.push(new Push(author, bytes, mayWrite, settled));
    this.lastUsedMs = this.context.now();
    void this.takeAll();
  }

  /**
   * Writes as `replica`, on the state as it is now. O(document): the room's own state is everybody's, so a copy is written in.
   * Not to be called again with the same replica before it has resolved.
   *
   * @throws HeadwaterError what refused it, `unavailable` when it was not stored, and whatever `change` throws
   */
  async edit(replica: ReplicaId, user: string | null, change: (state: EngineDocument) => void): Promise<void> {
    while (this.reloading !== null) await this.reloading;
    const bytes = this.write(replica, change);
    if (bytes === null) return;
    const answer = new Answer(user);
    await this.push(answer, bytes);
    if (answer.error !== null) throw answer.error;
  }

  private write(replica: ReplicaId, change: (state: EngineDocument) => void): Uint8Array | null {
    const copy = this.context.engine.author(replica);
    try {
      copy.apply(this.state.snapshot(), { wait: false });
      change(copy);
      return copy.take();
    } finally {
      copy.free();
    }
  }

  /** One push after another. It runs through without waiting, unless a repeated batch must be looked up. */
  private async takeAll(): Promise<void> {
    if (this.taking !== null || this.reloading !== null) return;
    while (this.inbox.length > 0 && this.reloading === null) {
      const push = (this.taking = this.inbox.shift()!);
      try {
        for (const wait of this.take(push)) await wait;
      } catch (cause) {
        push.fail(this.document, 'unavailable', (cause as Error).message);
      }
      push.release();
      this.taking = null;
    }
  }

  private *take(push: Push): Generator<Promise<void>> {
    for (const block of this.readPush(push)) {
      if (push.hasFailed) return;
      const bytes = push.bytes.subarray(block.offset, block.offset + block.length);
      const known = this.state.seqOf(block.replica);
      const conflict = this.conflicts.get(push.author);
      if (conflict?.replicas.has(block.replica) || (conflict?.isOpen && block.seqTo > known)) this.rejectConflict(push, block);
      else if (block.seqTo <= known) yield* this.repeat(push, block, bytes);
      else if (!push.mayWrite) yield* this.forbid(push, block, bytes);
      // An author never cuts its ops anew: what begins inside a logged batch is another writer's.
      else if (block.seqFrom <= known) this.rejectConflict(push, block);
      else yield* this.takeAsked(push, block, bytes);
    }
  }

  /** Who may only read leaves nothing in the log, not even a void. But what is there was allowed once, and is acked. */
  private *forbid(push: Push, block: Block, bytes: Uint8Array): Generator<Promise<void>> {
    if (this.context.store.isShared && !push.hasRefreshed) {
      push.hasRefreshed = true;
      yield this.refresh();
      if (push.hasFailed) return;
    }
    const { replica, seqFrom, seqTo } = block;
    if (seqTo <= this.state.seqOf(replica)) return yield* this.repeat(push, block, bytes);
    push.author.rejected(this.document, { replica, seqFrom, seqTo, code: 'not_authorized', message: 'you may read this document, not write it' });
  }

  /** What seems to be missing may have come in by another node, where this author was before. */
  /** The app has a say first. While it thinks others may have brought the batch. */
  private *takeAsked(push: Push, block: Block, bytes: Uint8Array): Generator<Promise<void>> {
    const { beforeApply } = this.context.hooks;
    let refusal: HeadwaterError | null = null;
    if (beforeApply !== undefined && block.kind === 'batch') {
      const { replica, seqFrom, seqTo } = block;
      yield askBefore(beforeApply, { document: this.document, user: push.author.user ?? null, replica, seqFrom, seqTo, bytes })
        .then((answer) => void (refusal = answer));
      if (push.hasFailed) return;
      if (seqTo <= this.state.seqOf(replica)) return yield* this.repeat(push, block, bytes);
      if (seqFrom <= this.state.seqOf(replica)) return this.rejectConflict(push, block);
    }
    yield* this.takeNew(push, () => (refusal === null ? this.applyNew(push, block, bytes) : this.refuse(push, block, bytes, refusal)));
  }

  /** @param attempt  returns what it missed */
  private *takeNew(push: Push, attempt: () => HeadwaterError | null): Generator<Promise<void>> {
    let missing = attempt();
    if (missing !== null && this.context.store.isShared && !push.hasRefreshed) {
      push.hasRefreshed = true;
      yield this.refresh();
      if (push.hasFailed) return;
      missing = attempt();
    }
    if (missing !== null) push.fail(this.document, 'missing_dependency', missing.message);
  }

  private readPush(push: Push): Block[] {
    try {
      const blocks = this.context.engine.readBlocks(push.bytes);
      if (blocks.every((block) => block.kind !== 'snapshot')) return blocks;
      push.fail(this.document, 'protocol_error', 'a snapshot cannot be pushed, only batches');
    } catch {
      push.fail(this.document, 'protocol_error', 'the pushed bytes are not batches');
    }
    return [];
  }

  /** @returns why nothing was done, when something is missing that the block builds on */
  private applyNew(push: Push, block: Block, bytes: Uint8Array): HeadwaterError | null {
    const error = this.overLimit(block) ?? this.tryApply(bytes);
    if (error === null) this.enqueue(push, block, bytes, null);
    else if (error.code === 'missing_dependency') return error;
    else if (verdicts.includes(error.code)) return this.refuse(push, block, bytes, error);
    // Not about the batch but about us: memory, or a fault. What the engine holds is not to be trusted.
    else this.reset(error);
    return null;
  }

  /** Told from the head of a block, before anything of it is decoded. A void costs nothing, however many ops it stands for. */
  private overLimit({ kind, seqFrom, seqTo, length }: Block): HeadwaterError | null {
    const { blockBytesMax, opsPerBatchMax } = this.context.limits;
    const ops = seqTo - seqFrom + 1;
    if (length > blockBytesMax) return new HeadwaterError('too_large', `a batch has at most ${blockBytesMax} bytes`, { bytes: length });
    if (kind === 'batch' && ops > opsPerBatchMax) return new HeadwaterError('too_large', `a batch has at most ${opsPerBatchMax} ops`, { ops });
    return null;
  }

  /** Refused for ever. The void takes the batch's place, so that its author's seqs stay dense for everybody. */
  private refuse(push: Push, block: Block, bytes: Uint8Array, { code, message }: HeadwaterError): HeadwaterError | null {
    let stand: Uint8Array;
    try {
      stand = this.context.engine.voidOf(bytes);
    } catch {
      push.fail(this.document, 'protocol_error', 'a batch without a readable head');
      return null;
    }
    const error = this.tryApply(stand);
    if (error?.code === 'missing_dependency') return error;
    const { replica, seqFrom, seqTo } = block;
    if (error !== null) push.fail(this.document, 'protocol_error', error.message);
    else this.enqueue(push, block, stand, { replica, seqFrom, seqTo, code, message });
    return null;
  }

  private tryApply(bytes: Uint8Array): HeadwaterError | null {
    try {
      this.state.apply(bytes, { wait: false, stampMax: this.context.now() + this.context.limits.stampAheadMsMax });
      return null;
    } catch (cause) {
      return cause instanceof HeadwaterError ? cause : new HeadwaterError('internal', String(cause));
    }
  }

  private enqueue(push: Push, block: Block, bytes: Uint8Array, rejection: Rejection | null): void {
    if (rejection !== null) this.context.refused(rejection.code);
    const voidCode = rejection?.code ?? (block.kind === 'void' ? 'invalid_update' : undefined);
    const { replica, seqFrom, seqTo } = block;
    const append: Append = { document: this.document, replica, seqFrom, seqTo, bytes, ...(voidCode && { voidCode }) };
    const pending: Pending = { append, pushes: [push], rejection, lsn: 0, generation: this.generation };
    push.hold();
    this.inFlight.push(pending);
    this.context.commits.add(this, pending);
  }

  // ── pushes seen before ────────────────────────────────────────────────────────────────────────

  /** A retry is normal, and is answered as the first time; but never before that first commit is in. */
  private *repeat(push: Push, block: Block, bytes: Uint8Array): Generator<Promise<void>> {
    const pending = this.inFlight.find(({ append }) => append.replica === block.replica && append.seqFrom <= block.seqTo && block.seqFrom <= append.seqTo);
    if (pending === undefined) {
      yield this.context.store
        .findRange(this.document, block.replica, block.seqFrom, block.seqTo)
        .then((logged) => this.answerRepeat(push, block, bytes, logged));
    } else if (isOther(pending, block, bytes)) {
      this.rejectConflict(push, block);
    } else {
      push.hold();
      pending.pushes.push(push);
    }
  }

  private answerRepeat(push: Push, block: Block, bytes: Uint8Array, logged: LoggedRange | 'compacted' | null): void {
    const { replica, seqFrom, seqTo } = block;
    if (logged === 'compacted') {
      push.author.acked(this.document, [{ replica, seq: seqTo }]);
    } else if (logged?.voidCode) {
      push.author.rejected(this.document, {
        replica, seqFrom, seqTo, code: logged.voidCode, message: 'refused when it was first pushed',
      });
    } else if (logged?.checksum !== checksum(bytes)) {
      this.rejectConflict(push, block);
    } else {
      push.author.acked(this.document, [{ replica, seq: seqTo }]);
    }
  }

  /**
   * Two writers under one id. Nothing is logged: these seqs are taken, and what follows builds on the wrong ones, under
   * whatever id, until the author subscribes again: then it has heard of it.
   */
  private rejectConflict(push: Push, { replica, seqFrom, seqTo }: Block): void {
    const conflict = this.conflicts.get(push.author) ?? { replicas: new Set(), isOpen: true };
    // What comes late under an id that it has heard of says nothing about the rest.
    conflict.isOpen ||= !conflict.replicas.has(replica);
    conflict.replicas.add(replica);
    this.conflicts.set(push.author, conflict);
    this.context.refused('replica_conflict');
    push.author.rejected(this.document, {
      replica, seqFrom, seqTo, code: 'replica_conflict', message: 'another writer used this replica id: take a new one and write it again',
    });
  }

  // ── committed ─────────────────────────────────────────────────────────────────────────────────

  committed(entries: Pending[], answers: Appended[]): void {
    const logged = entries.filter((entry, i) => {
      entry.lsn = answers[i].lsn;
      return answers[i].outcome === 'appended';
    });
    if (logged.length > 0) this.growOwn(logged);
    const repeated = entries.filter((_, i) => answers[i].outcome === 'duplicate');
    if (repeated.length > 0) void this.answerLogged(repeated);
    if (answers.some(({ outcome }) => outcome === 'conflict' || outcome === 'gap')) {
      this.reset(new HeadwaterError('unavailable', 'the log has other entries of this replica'));
    }
  }

  /** Found in the log already: another node put them there, or a commit that was not heard of. Published, then acked. */
  private async answerLogged(entries: Pending[]): Promise<void> {
    const { generation } = this;
    try {
      if (this.context.store.isShared) await this.refresh();
      if (generation !== this.generation) return;
      this.answer(entries);
      this.context.grown(this);
    } catch (cause) {
      if (generation === this.generation) this.reset(cause as HeadwaterError);
    }
  }

  commitFailed(error: HeadwaterError): void {
    this.reset(error);
  }

  private growOwn(logged: Pending[]): void {
    const first = logged[0].lsn;
    const isCurrent = logged.every(({ generation }) => generation === this.generation);
    // After a reload the memory may or may not hold these; the log surely does.
    if (!isCurrent) return this.grow({ first: first + logged.length, blocks: [], own: null });
    this.failuresInARow = 0;
    this.grow({ first, blocks: logged.map(({ append }) => append.bytes), own: logged });
  }

  /** A hint from another node, or from another server in this process. */
  private hear(message: BusMessage, from: Node): void {
    if (message.type === 'changes') this.hearChanges(message);
    else if (message.type === 'presence') this.hearPresence(message, from);
    else if (message.type === 'subscribe') this.showAll();
  }

  /** Batches that are not what the range says are as good as none. */
  private hearChanges({ first, last, batches }: BusMessage & { type: 'changes' }): void {
    const blocks = blocksOf(batches, this.context.engine);
    if (blocks?.length === last - first + 1) this.grow({ first, blocks, own: null });
    else this.noteHead(last);
  }

  /** That node has looked who it is. */
  private hearPresence(message: BusMessage & { type: 'presence' }, from: Node): void {
    const { replica, state, user, name } = message;
    const by = user === undefined ? undefined : { user, ...(name !== undefined && { name }) };
    if (this.presence.setElsewhere(from, replica, state, by)) this.context.broadcast(message);
  }

  /** For a node that has only now begun to listen. */
  private showAll(): void {
    for (const listener of this.listeners) {
      for (const shown of this.presence.entriesOf(listener)) this.context.nodes.publish(this.document, presenceMessage(this.document, shown));
    }
  }

  /** Hints may have been missed: asks who is here, says who is here, and looks at the log. */
  catchUp(): void {
    this.context.nodes.publish(this.document, { type: 'subscribe', document: this.document, lsn: this.head, epoch: this.context.store.epoch });
    this.showAll();
    this.context.lookAtHead(this);
  }

  /** A node is gone, and whoever was connected there. */
  leaveNode(node: Node): void {
    for (const replica of this.presence.removeAll(node)) this.context.broadcast(presenceMessage(this.document, { replica, state: gone, by: undefined }));
  }

  /** Resolves when everything that is in the log at the time of the call is here. @throws HeadwaterError `unavailable` */
  async refresh(): Promise<void> {
    if (!this.context.store.isShared) return;
    const head = await this.context.heads.of(this.document);
    while (this.reloading !== null) await this.reloading;
    this.noteHead(head);
    await this.growing;
  }

  /** The log is known to reach up to `lsn`. */
  noteHead(lsn: Lsn): void {
    if (lsn > this.head && !this.isClosed) this.grow({ first: lsn + 1, blocks: [], own: null });
  }

  private grow(run: LogRun): void {
    this.runs.push(run);
    if (!this.isGrowing && this.reloading === null) this.growing = this.growAll();
  }

  /** Publishes runs in LSN order. A hole before one means others wrote too; it is read from the log first. */
  private async growAll(): Promise<void> {
    const { generation } = this;
    this.isGrowing = true;
    while (this.runs.length > 0) {
      const run = this.runs[0];
      if (run.first <= this.head + 1) {
        this.runs.shift();
        this.publishRun(run);
      } else {
        try {
          await this.readUpTo(run.first - 1);
        } catch (cause) {
          if (generation === this.generation) this.reset(cause as HeadwaterError);
        }
      }
      if (generation !== this.generation) return;
    }
    this.isGrowing = false;
  }

  private publishRun({ first, blocks, own }: LogRun): void {
    const fresh = blocks.slice(this.head + 1 - first);
    if (own === null && fresh.length > 0 && !this.applyForeign(joinBytes(fresh))) return;
    this.advance(fresh, own !== null);
    if (own !== null) this.answer(own);
    if (own !== null) this.context.grown(this);
    if (own !== null && blocks.length > 0) this.context.committed({ document: this.document, first, last: first + blocks.length - 1 });
    this.snapshotIfDue();
  }

  /** Reads (head, through] from the log, as others wrote it, and publishes it here. */
  private async readUpTo(through: Lsn): Promise<void> {
    const { generation } = this;
    while (this.head < through) {
      const slice = await this.context.store.readSince(this.document, this.head, this.context.limits.chunkBytesMax, through);
      if (generation !== this.generation) return;
      if (slice.last < slice.first) throw corruptAt(this.document, slice.first);
      if (!this.applyForeign(slice.bytes)) return;
      const blocks = this.context.engine.readBlocks(slice.bytes);
      this.advance(blocks.map(({ offset, length }) => slice.bytes.subarray(offset, offset + length)));
    }
  }

  private applyForeign(bytes: Uint8Array): boolean {
    try {
      this.state.apply(bytes, { wait: false });
      for (const { replica, seqTo } of this.context.engine.readBlocks(bytes)) this.noteCommitted(replica, seqTo);
      this.held.discard();
      return true;
    } catch (cause) {
      this.reset(cause as HeadwaterError);
      return false;
    }
  }

  /** One frame per flush for everybody; more only when a frame would grow past its limit. */
  private advance(blocks: readonly Uint8Array[], isOwn = false): void {
    for (const frame of pieces(blocks, this.context.limits.blockBytesMax)) {
      const first = this.head + 1;
      this.head += frame.length;
      for (const block of frame) this.tail.append(block);
      const batches = frame.length === 1 ? frame[0] : joinBytes(frame);
      this.snapshots.noteGrowth(frame.length, batches.length);
      const changes = { type: 'changes', document: this.document, first, last: this.head, batches } as const;
      this.context.broadcast(changes);
      if (isOwn) this.context.nodes.publish(this.document, changes);
    }
  }

  private answer(entries: readonly Pending[]): void {
    const done = new Set(entries);
    this.inFlight = this.inFlight.filter((pending) => !done.has(pending));
    const acks = new Acks();
    for (const { append, pushes, rejection } of entries) {
      this.noteCommitted(append.replica, append.seqTo);
      for (const push of pushes) {
        if (rejection === null) acks.add(push.author, append.replica, append.seqTo);
        else push.author.rejected(this.document, rejection);
      }
    }
    acks.send(this.document);
    for (const { pushes } of entries) for (const push of pushes) push.release();
    this.held.release(entries);
  }

  private noteCommitted(replica: ReplicaId, seq: number): void {
    if (seq > (this.committedSeqs.get(replica) ?? 0)) this.committedSeqs.set(replica, seq);
  }

  // ── failing and starting again ────────────────────────────────────────────────────────────────

  /** Throws the memory away. Authors are told to come again; what they pushed may or may not be in the log. */
  private reset(error: HeadwaterError): void {
    const { code } = error;
    this.context.log.warn({ document: this.document, code, reason: error.message }, 'reading a document again from its log');
    this.generation += 1;
    this.context.commits.drop(this);
    const pushes = [...this.inFlight.flatMap((pending) => pending.pushes), ...this.inbox];
    if (this.taking !== null) this.taking.fail(this.document, 'unavailable', 'the write was not stored; try again');
    this.inFlight = [];
    this.inbox = [];
    this.runs = [];
    this.isGrowing = false;
    this.held.discard();
    for (const push of pushes) {
      push.fail(this.document, 'unavailable', 'the write was not stored; try again');
      push.release();
    }
    this.failuresInARow += 1;
    // A reset during a reload: the loop below is already trying.
    this.reloading ??= this.reload();
  }

  private async reload(): Promise<void> {
    const stale = this.state;
    while (!this.isAbandoned) {
      await pause(Math.min(this.context.limits.reloadDelayMsMax, 25 * 2 ** this.failuresInARow));
      try {
        const loaded = await loadDocument(this.context.store, this.context.engine, this.document);
        stale.free();
        return this.restart(loaded);
      } catch (cause) {
        this.failuresInARow += 1;
        this.context.log.error({ document: this.document, reason: (cause as Error).message }, 'a document cannot be read');
      }
    }
  }

  /** What the log gained in the meantime has not been published yet: the failed commit may have succeeded. */
  private restart(loaded: LoadedDocument): void {
    this.state = loaded.state;
    this.committedSeqs = this.context.engine.decodeVersion(loaded.state.version());
    this.reloading = null;
    if (loaded.lsn > this.head) {
      this.runs.unshift({ first: loaded.lsn + 1, blocks: [], own: null });
      this.context.grown(this);
    }
    this.growing = this.growAll();
    void this.takeAll();
  }

  // ── snapshots and eviction ────────────────────────────────────────────────────────────────────

  private snapshotIfDue(): void {
    if (this.snapshots.isDue() && this.reloading === null) void this.writeSnapshot(() => this.takeState(() => this.trimmedSnapshot()));
  }

  private trimmedSnapshot(): Uint8Array {
    const bytes = this.state.snapshot();
    this.state.trim();
    return bytes;
  }

  /**
   * What `take` makes of the state, once everything in it is in the log, and the LSN it stands for. Null when it never
   * will be: others' entries came in between, or the memory was thrown away.
   */
  private async takeState<Taken>(take: () => Taken): Promise<{ lsn: Lsn; taken: Taken } | null> {
    if (this.reloading !== null) return null;
    const taken = take();
    const last = this.inFlight.at(-1);
    if (last === undefined) return { lsn: this.head, taken };
    return (await this.held.until(last)) && last.lsn > 0 ? { lsn: last.lsn, taken } : null;
  }

  private async writeSnapshot(take: () => Promise<{ lsn: Lsn; taken: Uint8Array } | null>): Promise<void> {
    try {
      await this.snapshots.write(async () => {
        const found = await take();
        if (found === null) return null;
        await this.context.store.writeSnapshot(this.document, found.lsn, found.taken);
        this.snapshotLsn = Math.max(this.snapshotLsn, found.lsn);
        return found.taken.length;
      });
    } catch (cause) {
      this.context.log.warn({ document: this.document, reason: (cause as Error).message }, 'a snapshot was not written');
    }
  }

  /** The log is gone up to `floor`, where there is a snapshot. */
  noteCompacted(floor: Lsn): void {
    this.unreadableUpTo = Math.max(this.unreadableUpTo, floor);
    this.snapshotLsn = Math.max(this.snapshotLsn, floor);
  }

  /** As it stands in the log; null when the memory is no state of it, because others are writing too. */
  async project(): Promise<Projected | null> {
    if (this.isClosed) return null;
    const found = await this.takeState(() => ({
      data: this.state.toJSON(), version: this.context.engine.decodeVersion(this.state.version()),
    }));
    return found === null ? null : { id: this.document, lsn: found.lsn, ...found.taken };
  }

  get isIdle(): boolean {
    return this.listeners.size === 0 && this.isQuiet;
  }

  /** Nothing is being taken, committed, published or loaded. */
  get isQuiet(): boolean {
    return this.inFlight.length === 0 && this.inbox.length === 0 && this.runs.length === 0
      && this.taking === null && this.reloading === null;
  }

  /** Puts the document away; call only when quiet. Memory is free at once, the snapshot is stored when it resolves. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.leaveBus();
    const bytes = this.head > this.snapshotLsn ? this.state.snapshot() : null;
    this.state.free();
    if (bytes !== null) await this.writeSnapshot(async () => ({ lsn: this.head, taken: bytes }));
  }

  /** Stops trying to read the document again: the store is about to close. */
  abandon(): void {
    this.isAbandoned = true;
    this.leaveBus();
  }

  private tellPresence(shown: Shown, except: object): void {
    const message = presenceMessage(this.document, shown);
    this.context.broadcast(message, except);
    this.context.nodes.publish(this.document, message);
  }
}

/** Nobody needs to know who has gone. */
export function presenceMessage(document: string, { replica, state, by }: Shown): Extract<Message, { type: 'presence' }> {
  const message = { type: 'presence' as const, document, replica, state };
  if (by === undefined || state.length === 0) return message;
  return { ...message, user: by.user, ...(by.name !== undefined && { name: by.name }) };
}

/** Whether some of these seqs are on their way to the log in another batch. A void's bytes are ours, so they say nothing. */
function isOther({ append, rejection }: Pending, block: Block, bytes: Uint8Array): boolean {
  if (append.seqFrom !== block.seqFrom || append.seqTo !== block.seqTo) return true;
  return rejection === null && checksum(append.bytes) !== checksum(bytes);
}

function blocksOf(batches: Uint8Array, { readBlocks }: Engine): Uint8Array[] | null {
  try {
    return readBlocks(batches).map(({ offset, length }) => batches.subarray(offset, offset + length));
  } catch {
    return null;
  }
}

function* pieces(blocks: readonly Uint8Array[], bytesMax: number): Generator<readonly Uint8Array[]> {
  let start = 0;
  let bytes = 0;
  for (let i = 0; i < blocks.length; i += 1) {
    if (i > start && bytes + blocks[i].length > bytesMax) {
      yield blocks.slice(start, i);
      start = i;
      bytes = 0;
    }
    bytes += blocks[i].length;
  }
  if (start < blocks.length) yield blocks.slice(start);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
