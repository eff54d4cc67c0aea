// The ledgers of a document: how far its writes have come, on this device and at the server.
//
// A write is a seq of its replica; the ledger knows which seqs are stored and acked, so a write costs at most one small
// object, and promises exist only where somebody asked for them.

import { HeadwaterError } from '../core/errors.js';
import type { ReplicaId } from '../core/replica.js';
import { rejected, type Write, type WriteState } from './write.js';

/** One per replica that a document was written under in this session. */
export class Ledgers {
  readonly #ledgers = new Map<ReplicaId, Ledger>();

  constructor(readonly hasServer: boolean) {}

  of(replica: ReplicaId): Ledger {
    let ledger = this.#ledgers.get(replica);
    if (!ledger) this.#ledgers.set(replica, ledger = new Ledger(this.hasServer));
    return ledger;
  }

  /** Nobody waits for anything. */
  get isAtRest(): boolean { return [...this.#ledgers.values()].every((ledger) => ledger.isAtRest); }

  /** No write will get further than it has. */
  close(error: HeadwaterError): void {
    for (const ledger of this.#ledgers.values()) ledger.close(error);
  }
}

interface Waiting { seq: number; resolve(): void; reject(error: HeadwaterError): void }

interface Refusal { seqFrom: number; seqTo: number; error: HeadwaterError }

/** How far one replica's ops of one document have come. */
export class Ledger {
  durableSeq = 0;
  ackedSeq = 0;
  readonly #durable = new WaitingList();
  readonly #acked = new WaitingList();
  #refusals: Refusal[] = [];
  #movedFrom = Infinity;
  #closed: HeadwaterError | null = null;

  /** @param hasServer  whether there is one: waiting for what cannot come would be for ever */
  constructor(readonly hasServer: boolean) {}

  write(seq: number): Write { return new LedgerWrite(this, seq); }

  get isAtRest(): boolean { return this.#durable.isEmpty && this.#acked.isEmpty; }

  refusalOf(seq: number): HeadwaterError | undefined {
    return this.#refusals.find((refusal) => refusal.seqFrom <= seq && seq <= refusal.seqTo)?.error;
  }

  durable(seq: number): Promise<void> { return this.#wait(this.#durable, seq, this.durableSeq); }

  acked(seq: number): Promise<void> {
    if (!this.hasServer) return rejected(new HeadwaterError('not_attached', 'there is no server to ack this write; give open() a server'));
    const refusal = this.refusalOf(seq);
    return refusal ? rejected(refusal) : this.#wait(this.#acked, seq, this.ackedSeq);
  }

  /** Not what was moved: that is durable where it went. */
  markDurable(seq: number): void {
    this.#release(Math.min(seq, this.#movedFrom - 1));
  }

  #release(seq: number): void {
    this.durableSeq = Math.max(this.durableSeq, seq);
    this.#durable.release(this.durableSeq);
  }

  markAcked(seq: number): void {
    this.ackedSeq = Math.max(this.ackedSeq, seq);
    this.#acked.release(this.ackedSeq);
  }

  /** The server (or what the server refused) takes a stretch of ops with it. */
  refuse(seqFrom: number, seqTo: number, error: HeadwaterError): void {
    this.#refusals.push({ seqFrom, seqTo, error });
    this.#acked.reject(seqFrom, seqTo, error);
  }

  /** What is left up to `seqTo` was written again, and stands where `other` comes to `seq`. */
  follow(other: Ledger, seqTo: number, seq: number, seqFrom = this.ackedSeq + 1): void {
    other.acked(seq).then(() => this.markAcked(seqTo), (error: HeadwaterError) => { if (error.code !== 'closed') this.refuse(seqFrom, seqTo, error); });
  }

  /**
   * The last ones, which came no further than memory, are ops of `other` now, and stand where those come to `seq`.
   *
   * @param sentSeq  the last one before that the server has still to answer, 0 when there is none; what was written again may
   *                 have come to nothing, and be acked before that
   */
  move(seqFrom: number, seqTo: number, other: Ledger, seq: number, sentSeq: number): void {
    this.#movedFrom = Math.min(this.#movedFrom, seqFrom);
    other.durable(seq).then(() => this.#release(seqTo), () => {});
    void this.acked(sentSeq).catch(() => {}).then(() => this.follow(other, seqTo, seq, seqFrom));
  }

  close(error: HeadwaterError): void {
    this.#closed = error;
    for (const list of [this.#durable, this.#acked]) list.reject(0, Infinity, error);
  }

  #wait(list: WaitingList, seq: number, reached: number): Promise<void> {
    if (seq <= reached) return Promise.resolve();
    if (this.#closed) return rejected(this.#closed);
    const promise = new Promise<void>((resolve, reject) => list.add({ seq, resolve, reject }));
    // Somebody who only looks at `state` must not meet an unhandled rejection.
    promise.catch(() => {});
    return promise;
  }
}

class LedgerWrite implements Write {
  constructor(readonly ledger: Ledger, readonly seq: number) {}

  get state(): WriteState {
    const { ledger, seq } = this;
    if (ledger.refusalOf(seq)) return 'rejected';
    if (ledger.hasServer && seq <= ledger.ackedSeq) return 'acked';
    return seq <= ledger.durableSeq ? 'durable' : 'local';
  }

  get durable(): Promise<void> { return this.ledger.durable(this.seq); }
  get acked(): Promise<void> { return this.ledger.acked(this.seq); }
}

/** Who waits, in the order of their seqs. Those before `#first` have been answered; they go when they are the half of it. */
class WaitingList {
  #list: Waiting[] = [];
  #first = 0;

  get isEmpty(): boolean { return this.#first === this.#list.length; }

  /** Mostly they come in order; the few that do not are moved back to their place. */
  add(waiting: Waiting): void {
    let at = this.#list.length;
    while (at > this.#first && this.#list[at - 1].seq > waiting.seq) at--;
    if (at === this.#list.length) this.#list.push(waiting);
    else this.#list.splice(at, 0, waiting);
  }

  release(reached: number): void {
    while (this.#first < this.#list.length && this.#list[this.#first].seq <= reached) this.#list[this.#first++].resolve();
    if (this.#first * 2 < this.#list.length) return;
    this.#list = this.#list.slice(this.#first);
    this.#first = 0;
  }

  reject(seqFrom: number, seqTo: number, error: HeadwaterError): void {
    const isMeant = ({ seq }: Waiting) => seqFrom <= seq && seq <= seqTo;
    const waiting = this.#list.slice(this.#first);
    this.#list = waiting.filter((each) => !isMeant(each));
    this.#first = 0;
    for (const each of waiting.filter(isMeant)) each.reject(error);
  }
}
