// A document and the server's log: what comes is taken in, what is un-acked is sent, what was refused is taken back.
//
// Un-acked is a question put to the records: what lies above what the server is known to have committed is sent,
// whichever replica of this device wrote it.

import { HeadwaterError } from '../core/errors.js';
import { joinBytes } from '../core/bytes.js';
import { decodeVersion, encodeVersion } from '../core/codec.js';
import type { ReplicaId } from '../core/replica.js';
import type { Cursor } from '../storage/storage.js';
import type { Rejection } from '../sync/session-state.js';
import { isOverlapping, isSameBytes, nameOf, opsOf, splitUpdate, voidFor, type Block } from './blocks.js';
import { writeAgain } from './conflict.js';
import type { Document } from './document.js';
import type { Ledgers } from './ledger.js';
import { LogPosition } from './log-position.js';
import type { Recorder } from './recorder.js';
import { Refusals, type Taking } from './refusals.js';
import type { ReplicationHost } from './replication.js';
import { stampAgain, type Correction } from './restamp.js';
import { isAbove } from './stored-form.js';
import { Unacked } from './unacked.js';
import { Withheld } from './withheld.js';

const none: readonly Block[] = [];

/** What is to be kept of an exchange in which nothing goes on; null is nothing. */
export type ExchangeRest = { readonly position: LogPosition; readonly served: Map<ReplicaId, number> } | null;

export class Exchange {
  readonly position: LogPosition;
  readonly refusals: Refusals;
  readonly withheld: Withheld;
  readonly #unacked = new Unacked();
  readonly #taking: Taking;
  /** Stored batches that wait for something this device does not hold. */
  #stranded: Block[] = [];
  /** Voids for what we were not allowed to write. The server has neither these nor that. */
  #unlogged: Block[] = [];
  #pendingOps = 0;
  #isOpen = false;
  #hasStartedOver = false;
  /** Replicas of ours that somebody else wrote under too, until our ops are written again. Nothing is sent as long. */
  readonly #conflicts = new Set<ReplicaId>();
  /** What is to be written again then: refused for it, or held back. */
  #refusedForIt: Block[] = [];
  /** The log, read from its beginning then; null before everything that was sent is answered. */
  #log: Block[] | null = null;
  #logCursor: { epoch: string; lsn: number } | null = null;
  /** What the server had when it last answered a subscribe, and what has come since. */
  #served: Map<ReplicaId, number>;
  /** The log is left alone until the server has said what became of those of our ops that it has. */
  #isHeldUp = false;
  /** Un-acked batches of which the log says that they were refused; why, the answers say, which follow. */
  #refused: readonly Block[] = none;

  /** @param flush  hands own ops that are still in the engine to the recorder */
  readonly document: Document<any>;
  readonly #recorder: Recorder;
  readonly #ledgers: Ledgers;
  readonly #host: ReplicationHost;
  readonly #flush: () => void;

  constructor(document: Document<any>, recorder: Recorder, ledgers: Ledgers, host: ReplicationHost, flush: () => void, rest: ExchangeRest = null, isOpen = false) {
    this.position = rest?.position ?? new LogPosition();
    this.#served = rest?.served ?? new Map();
    this.#isOpen = isOpen;
    this.document = document;
    this.#recorder = recorder;
    this.#ledgers = ledgers;
    this.#host = host;
    this.#flush = flush;
    this.#taking = {
      document, recorder, ledgers, flush, storage: host.storage, position: this.position, cursor: () => this.cursor, voided: () => this.#voided,
      canRead: () => !host.isUnread(document.id), durable: () => host.durable(), refused: (refused) => host.refused(refused),
    };
    this.refusals = new Refusals(this.#taking);
    this.withheld = new Withheld(this.#taking, host, {
      send: (batches) => this.#send(batches),
      rewritten: (...what) => this.rewritten(...what),
    });
  }

  /** Everything has been answered, and nothing waits, nor may lie where it could not be read. */
  get isSettled(): boolean {
    return this.#unacked.isEmpty && this.#conflicts.size === 0 && this.#stranded.length === 0 && this.refusals.open.length === 0 && this.withheld.batches.length === 0
      && !this.#host.isUnread(this.document.id);
  }

  /** Nothing goes on, nor can anything but what `rest` says be told from one that is new. */
  get isAtRest(): boolean {
    const isBusy = this.#pendingOps !== 0 || this.#hasStartedOver || this.#isHeldUp || this.#conflicts.size > 0 || this.#refused.length > 0;
    return this.#isOpen && this.isSettled && !isBusy && this.refusals.isUnused && !this.position.isPromised;
  }

  get rest(): ExchangeRest { return this.position.isBlank && this.#served.size === 0 ? null : { position: this.position, served: this.#served }; }

  /** As it may be stored. Committed is not answered: of what a later session still finds un-acked, some may have been refused. */
  get cursor(): Cursor | null {
    const unanswered = this.#unacked.list().filter(({ replica, seqFrom }) => seqFrom <= this.position.seqOf(replica));
    return this.position.cursor([...this.refusals.open, ...unanswered]);
  }

  /** The last un-acked seq of each replica. */
  get ends(): Map<ReplicaId, number> {
    const waiting = [...this.withheld.batches, ...this.#refusedForIt];
    return new Map([...this.#unacked.ends(), ...waiting.map(({ replica, seqTo }): [ReplicaId, number] => [replica, seqTo])]);
  }

  /** Own ops were made, or answered. */
  count(ops: number): void {
    if (!this.#host.hasServer || ops === 0) return;
    this.#pendingOps += ops;
    this.#host.changed(ops);
  }

  // ---- coming and going ---------------------------------------------------------------------------

  /** Subscribes, from where we stand unless that cannot be relied on. */
  open(isPositionGood: boolean): void {
    this.#isOpen = true;
    if (!isPositionGood) this.position.forget();
    this.again();
  }

  /** The server is to be reached another way. */
  again(): void {
    this.#isHeldUp = false;
    if (this.#log) this.#log = [];
    if (this.#isOpen && this.#host.hasServer) this.#host.startSync(this.document.id, this.cursor, this.#unacked.list());
  }

  close(): void {
    this.#isOpen = false;
    this.count(-this.#pendingOps);
    this.#host.stopSync(this.document.id);
  }

  /** Takes the log in from its beginning. Once: a server whose log does not add up is not asked for ever. */
  #startOver(): void {
    if (this.#hasStartedOver) return;
    this.#hasStartedOver = true;
    queueMicrotask(() => {
      if (!this.#isOpen) return;
      this.#host.stopSync(this.document.id);
      this.open(false);
    });
  }

  // ---- to the server ------------------------------------------------------------------------------

  /** Batches that are stored now. They were counted when they were made. */
  send(batches: readonly Block[]): void {
    if (this.#host.hasServer && this.withheld.mustWait(batches)) this.withheld.add(batches);
    else this.#send(batches);
  }

  #send(batches: readonly Block[]): void {
    if (this.#conflicts.size > 0) return void this.#refusedForIt.push(...batches);
    if (this.#host.hasServer) this.#unacked.add(batches);
    if (this.#isOpen && batches.length > 0) this.#host.push(this.document.id, batches);
  }

  /** Where the device refuses: what some of ours did was written again. */
  rewritten(gone: readonly Block[], again: readonly Block[], fresh: ReplicaId): void {
    const sum = (blocks: readonly Block[]) => blocks.reduce((ops, block) => ops + opsOf(block), 0);
    this.count(sum(again) - sum(gone));
    const [other, seq, sent] = [this.#ledgers.of(fresh), again.at(-1)?.seqTo ?? 0, this.#unacked.ends()];
    for (const [replica, seqTo] of new Map(gone.map((block) => [block.replica, block.seqTo]))) {
      this.#ledgers.of(replica).move(gone.find((block) => block.replica === replica)!.seqFrom, seqTo, other, seq, sent.get(replica) ?? 0);
    }
    this.#host.durable().then(() => other.markDurable(seq), () => {});
    this.#send(again);
    this.#answered();
  }

  /**
   * Sends stored batches that the server is not known to have. One that waits for something missing, waits here too, and
   * comes after those that came meanwhile: what it waits for is among them.
   *
   * @param isOthers  another tab sends them; what waited is sent all the same
   */
  adopt(batches: readonly Block[], isOthers = false): void {
    const waited = this.#stranded.splice(0);
    const all = [...batches.filter((batch) => !this.withheld.has(batch)), ...waited];
    this.#stranded = all.filter((batch) => !this.#holds(batch));
    if (!this.#host.hasServer) return;
    const held = all.filter((batch) => this.#holds(batch));
    if (!isOthers && this.withheld.mustWait(held)) return this.#withhold(held);
    this.count(this.#unacked.add(held));
    const ours = isOthers ? waited.filter((batch) => held.includes(batch)) : held;
    if (this.#isOpen && ours.length > 0) this.#host.push(this.document.id, ours);
  }

  /** Stored, as it seems, while the device refuses. */
  #withhold(batches: readonly Block[]): void {
    // A record whose first commit was lost on the way back may be stored twice.
    const byName = new Map(batches.map((batch) => [nameOf(batch.replica, batch.seqFrom), batch]));
    const news = [...byName.values()].filter(({ replica, seqFrom }) => !this.#unacked.find(replica, seqFrom));
    this.count(news.reduce((ops, batch) => ops + opsOf(batch), 0));
    this.withheld.add(news);
  }

  /** Blocks that another tab wrote and the leader sends. Should they not be stored, they are stored here. */
  edited(blocks: readonly Block[], isStored: boolean): void {
    const news = blocks.filter((block) => !this.#holds(block));
    if (news.length > 0) this.document.receive(joinBytes(news.map(({ bytes }) => bytes)));
    if (!isStored) this.#recorder.keep(news, false);
    if (blocks.filter((block) => this.#unacked.replace(block)).length > 0) this.refusals.schedule();
    this.adopt(news.filter((block) => isAbove(this.position.committed, block)), true);
  }

  /** Voids that are stored, and not known to be in the log. */
  keepUnlogged(voids: readonly Block[]): void { this.#unlogged = [...voids]; }

  /** Something may be written, or is to be sent that may follow on them. Should it be forbidden still, only they hear of it. */
  #offerUnlogged(): void {
    if (this.#unlogged.length === 0) return;
    this.count(this.#unacked.addBefore(this.#unlogged.splice(0)));
    // Anew, for they go before all that is on its way, whichever replica that is of.
    queueMicrotask(() => {
      if (!this.#isOpen) return;
      this.#host.stopSync(this.document.id);
      this.again();
    });
  }

  /** The server was put back to an earlier day. What our log holds of the rest, we bring; a snapshot cannot be pushed. */
  #offerAgain(version: ReadonlyMap<ReplicaId, number>): void {
    const { id } = this.document;
    const held = splitUpdate(this.document.engine.export(encodeVersion(version)));
    const lost = held.filter((block) => block.kind !== 'snapshot' && block.seqTo <= this.position.seqOf(block.replica));
    this.position.lower(version);
    this.count(this.#unacked.addBefore(lost));
    this.#host.push(id, lost);
    if (held.some(({ kind }) => kind === 'snapshot')) {
      this.#host.failed(new HeadwaterError('unavailable', `the server has lost ops of "${id}" that are kept here only in a snapshot; export it and import it into a new document`, { document: id }));
    }
  }

  // ---- from the server ----------------------------------------------------------------------------

  /**
   * New entries of the log; without any, the server does not know our position. An exception means the position stays;
   * what was applied until then is stored all the same, since the next time it will be no news.
   *
   * Under the names of un-acked ops of ours the log may hold voids, or another writer's ops, and these must not come to lie
   * upon ours. The answers to our pushes say which it is and are on their way, so the log is left alone until they have come.
   */
  receive(bytes: Uint8Array, cursor: { epoch: string; lsn: number }): void {
    const blocks = splitUpdate(bytes);
    for (const { replica, seqTo } of blocks) this.#served.set(replica, Math.max(seqTo, this.#served.get(replica) ?? 0));
    if (this.#conflicts.size > 0) return this.#readLog(blocks, cursor);
    this.#isHeldUp ||= blocks.some((block) => (block.kind === 'snapshot' ? this.#isAnswerDue : this.#isAnothers(block)));
    if (this.#isHeldUp && bytes.length > 0) return;
    const news = blocks.filter((block) => !this.#holds(block));
    const voids = blocks.filter((block) => block.kind === 'void' && this.#holds(block));
    const unheard = voids.flatMap((block) => this.#unheardOf(block));
    // Somebody else writes under our id: before our next number is given out twice.
    if (news.some(({ replica }) => replica === this.document.replica)) this.#takeNewReplica();
    try {
      if (news.length > 0) this.document.receive(bytes);
    } catch (error) {
      this.#recorder.keep(news.filter((block) => this.#holds(block)), false);
      throw error;
    }
    for (const { kind, replica, seqTo } of blocks) if (kind !== 'snapshot') this.position.commit(replica, seqTo);
    this.position.move(cursor);
    this.#recorder.keep(news, false);
    if (voids.length > unheard.length) this.#refused = [...this.#voided, ...voids.flatMap(({ replica, seqFrom }) => this.#unacked.find(replica, seqFrom) ?? [])];
    for (const batch of unheard) this.refusals.take(batch, unheardOf(batch));
    this.adopt([]);
    if (news.some((block) => block.kind !== 'snapshot' && !this.#holds(block))) this.#startOver();
    this.#afterProgress();
  }

  get #voided(): readonly Block[] {
    if (this.#refused.length > 0) this.#refused = this.#refused.filter((block) => this.#unacked.find(block.replica, block.seqFrom) === block);
    return this.#refused;
  }

  /** The server has ops under the names of un-acked ones of ours. */
  get #isAnswerDue(): boolean {
    return this.#unacked.list().some(({ replica, seqFrom }) => seqFrom <= (this.#served.get(replica) ?? 0));
  }

  /** A batch that is ours by its name, and not by its bytes; or that cuts our seqs in another way: an author never cuts its ops anew. */
  #isAnothers(block: Block): boolean {
    const known = this.#knownSeq(block.replica);
    if (block.seqFrom > known || block.seqTo <= this.position.seqOf(block.replica)) return false;
    if (block.replica === this.document.replica) this.#flush();
    const isMeant = (each: Block) => each.kind === 'batch' && isOverlapping(each, block);
    const ours = this.#unacked.findWithin(block) ?? this.withheld.batches.find(isMeant) ?? this.#recorder.unstored.find(isMeant);
    return ours !== undefined && (ours.seqFrom !== block.seqFrom || ours.seqTo !== block.seqTo || (block.kind === 'batch' && !isSameBytes(ours.bytes, block.bytes)));
  }

  /** An answer came. What was refused is taken back before the log goes on. */
  #answered(): void {
    this.#recorder.cursorMoved();
    if (this.#conflicts.size > 0) return this.#goOn();
    if (!this.#isHeldUp || this.#isAnswerDue) return;
    void this.#recorder.step(async () => {
      if (!this.#isHeldUp) return;
      this.#hasStartedOver = false;
      this.#startOver();
    });
  }

  /**
   * The batch that a void of the log stands for, when we still hold it and wait for no answer: a server may drop frames of
   * a slow reader, and an ack of later ops covers an earlier reject that never came.
   */
  #unheardOf({ replica, seqFrom }: Block): Block[] {
    if (this.#unacked.find(replica, seqFrom)) return [];
    const since = decodeVersion(this.document.version()).set(replica, seqFrom - 1);
    const held = splitUpdate(this.document.engine.export(encodeVersion(since)));
    return held.filter((block) => block.kind === 'batch' && block.replica === replica && block.seqFrom === seqFrom);
  }

  #knownSeq(replica: ReplicaId): number { return this.document.engine.seqOf(replica); }

  /** A snapshot may always be news. */
  #holds({ kind, replica, seqTo }: Block): boolean { return kind !== 'snapshot' && seqTo <= this.#knownSeq(replica); }

  /** The server has answered a subscribe, and this is what it has. */
  subscribed(version: ReadonlyMap<ReplicaId, number>): void {
    if (this.position.isLostBy(version)) this.#offerAgain(version);
    this.#unlogged = this.#unlogged.filter((block) => isAbove(version, block));
    if (!this.#unacked.isEmpty) this.#offerUnlogged();
    // It has ops under our id that we have not: they were lost here. No number may be given out twice.
    if ((version.get(this.document.replica) ?? 0) > this.#knownSeq(this.document.replica)) this.#takeNewReplica();
    this.#served = new Map(version);
    this.position.promise(version);
    this.#afterProgress();
  }

  #takeNewReplica(): void {
    this.#flush();
    this.document.setReplica(this.#host.newReplica());
  }

  #afterProgress(): void {
    this.#recorder.cursorMoved();
    if (this.position.isPromised) queueMicrotask(() => this.#checkPromise());
  }

  /** Once live we must hold what the server had. If not, our position was not one of this log, or a record of ours is gone. */
  #checkPromise(): void {
    if (this.#conflicts.size > 0) return this.#goOn();
    if (!this.#isOpen || this.#isHeldUp || !this.position.isPromised || !this.#host.isLive(this.document.id)) return;
    if (!this.position.settle((replica) => this.#knownSeq(replica))) this.#startOver();
  }

  acked(version: ReadonlyMap<ReplicaId, number>): void {
    // Answers come in order: theirs would have come before.
    for (const block of this.#voided) if (block.seqTo <= (version.get(block.replica) ?? 0)) this.rejected(unheardOf(block));
    for (const [replica, seq] of version) {
      this.position.commit(replica, seq);
      this.#ledgers.of(replica).markAcked(seq);
    }
    this.count(-this.#unacked.settle(version));
    this.#offerUnlogged();
    this.#answered();
  }

  rejected(rejection: Rejection): void {
    if (rejection.code === 'not_authorized') return this.#forbidden(rejection);
    if (rejection.code === 'replica_conflict') return this.#resolveConflict(rejection);
    const batch = this.#unacked.take(rejection.replica, rejection.seqFrom);
    if (!batch) return;
    this.count(-opsOf(batch));
    this.refusals.take(batch, rejection);
    this.#answered();
  }

  /** The server has nothing of it. The void is for the day when it may be written on. */
  #forbidden(rejection: Rejection): void {
    for (const block of this.#unacked.list().filter((each) => isOverlapping(each, rejection))) {
      this.#unacked.take(block.replica, block.seqFrom);
      this.count(-opsOf(block));
      if (block.kind === 'batch') this.refusals.take(block, rejection);
      this.#unlogged.push(block.kind === 'batch' ? voidFor(block) : block);
    }
    this.#answered();
  }

  /** Also where this tab has not that batch, or no longer: what it shows may be of another than the log. */
  #resolveConflict({ replica, seqFrom }: Rejection): void {
    const batch = this.#unacked.take(replica, seqFrom);
    if (batch) this.#refusedForIt.push(batch);
    this.conflict(replica);
    this.#answered();
  }

  /** Somebody else wrote under this id too. */
  conflict(replica: ReplicaId): void {
    this.#conflicts.add(replica);
    this.position.conflict(replica, true);
  }

  /** First all answers, since what is acked is not written again; then the log; then, when it is whole, what is left. */
  #goOn(): void {
    // What was acked behind something that is not here any more.
    this.count(-this.#unacked.settle(new Map()));
    if (!this.#unacked.isEmpty) return;
    if (this.#log) return void this.#recorder.step(() => this.#writeAgain());
    this.#log = [];
    this.#hasStartedOver = false;
    this.#startOver();
  }

  #readLog(blocks: readonly Block[], cursor: { epoch: string; lsn: number }): void {
    // Empty, it says that another log begins.
    if (blocks.length === 0) this.#log &&= [];
    this.#log?.push(...blocks);
    this.#logCursor = cursor;
    this.#afterProgress();
  }

  /** The device, which could not be read, can be. */
  retry(): void {
    this.refusals.retry();
    this.withheld.retry();
    void this.#recorder.step(() => this.#writeAgain());
  }

  async #writeAgain(): Promise<void> {
    if (!this.#isLogRead) return;
    let refused: Block[] = [];
    const done = await this.#host.alone(this.document.id, () => writeAgain(this.#taking, () => {
      if (!this.#isLogRead) return null;
      refused = [...this.#refusedForIt.splice(0), ...this.withheld.take(({ replica }) => this.#conflicts.has(replica))];
      return { log: this.#endConflict(), refused, replica: this.document.replica };
    }, this.#host.newReplica()));
    if (!done) return;
    this.count(-[...refused, ...done.unstored].reduce((ops, block) => ops + opsOf(block), 0));
    for (const [old, last] of done.pairs) {
      const ledger = this.#ledgers.of(old.replica);
      ledger.markDurable(old.seqTo);
      ledger.follow(this.#ledgers.of(last?.replica ?? old.replica), old.seqTo, last?.seqTo ?? 0);
    }
    this.adopt(done.blocks);
    this.#afterProgress();
  }

  get #isLogRead(): boolean {
    return this.#isOpen && this.#conflicts.size > 0 && this.#log !== null && this.#unacked.isEmpty && this.position.isPromised
      && this.#host.isLive(this.document.id) && this.position.isWithin(this.#log);
  }

  /** @returns the log; from now on we stand at its end */
  #endConflict(): readonly Block[] {
    const log = this.#log!;
    for (const replica of this.#conflicts) this.position.conflict(replica, false);
    for (const { kind, replica, seqTo } of log) if (kind !== 'snapshot') this.position.commit(replica, seqTo);
    this.position.move(this.#logCursor!);
    this.#conflicts.clear();
    this.#log = null;
    return log;
  }

  /** The clock was off: own ops that were not sent yet are stamped again. @returns those that were stored */
  async stampAgain(correction: Correction, isMeant: (block: Block) => boolean): Promise<Block[]> {
    let again: Block[] = [];
    await this.#recorder.step(async () => {
      again = await stampAgain(this.#taking, correction, (block) => !this.withheld.has(block) && isMeant(block));
      for (const block of again) this.#unacked.replace(block);
      if (this.#isOpen && again.length > 0) this.#host.push(this.document.id, again);
    });
    return again;
  }
}

function unheardOf(block: Block): Rejection {
  return { ...block, code: 'invalid_update', message: 'the server refused this op, and its reason was lost on the way' };
}
