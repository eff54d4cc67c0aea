// Replicas of one list, each twice: in the engine and in the naive model. Both make the same edits, and the model takes in
// exactly the ops the engine has, so their values may be compared at any moment.

import { EngineDocument, Kind } from '../core/document.js';
import { NaiveList, type ListOp } from './models/list.js';
import type { Random } from './seed.js';
import type { JsonValue } from '../core/values.js';

/** An op, and the author's seq from which on an engine has it. */
interface Written { author: string; seqTo: number; op: ListOp }

export interface Message { bytes: Uint8Array; author: string; seqTo: number }

const ids = ['00000000000000a1', '7fffffffffffffff', '8000000000000000', 'c0ffee0000000000', 'ffffffffffffffff'];

/** The peers of one document, every op they have made, and every message they have sent. */
export class ListWorld {
  readonly written: Written[] = [];
  readonly messages: Message[] = [];
  readonly peers: ListPeer[];

  constructor(count: number, readonly random: Random) {
    this.peers = random.shuffle(ids).slice(0, count).map((id) => new ListPeer(this, id));
  }

  free(): void { this.peers.forEach((peer) => peer.engine.free()); }
}

export class ListPeer {
  engine: EngineDocument;
  readonly model: NaiveList;
  /** Messages not delivered yet, in the order they were sent. */
  inbox: Message[] = [];
  /** What an observer makes of the events it is told and the edits made here. */
  mirror: unknown[] = [];
  readonly #inModel = new Set<Written>();
  #stamp = 0n;

  constructor(private readonly world: ListWorld, readonly id: string) {
    this.engine = new EngineDocument(id);
    this.engine.observe(true);
    this.model = new NaiveList(id);
  }

  get list(): number { return this.engine.container(['list'], Kind.List); }

  get length(): number { return this.engine.listLength(this.list); }

  values(): JsonValue[] { return this.engine.listRead(this.list, 0, this.length); }

  insert(index: number, values: unknown[]): void {
    this.engine.listInsert(this.list, index, values);
    this.mirror.splice(index, 0, ...values);
    this.#note(this.model.insertValues(index, values));
  }

  delete(index: number, count: number): void {
    this.engine.listDelete(this.list, index, count);
    this.mirror.splice(index, count);
    this.#note(this.model.deleteItems(index, count));
  }

  /** At the one time there is, so that stamps tie unless a replica has seen more. */
  move(from: number, to: number): void {
    this.engine.listMove(this.list, from, to, 1000);
    this.mirror.splice(to, 0, ...this.mirror.splice(from, 1));
    if (from === to) return;
    const now = 1000n << 16n;
    this.#stamp = this.#stamp < now ? now : this.#stamp + 1n;
    this.#note([this.model.move(from, to, this.#stamp)]);
  }

  #note(ops: ListOp[]): void {
    for (const op of ops) {
      const written = { author: this.id, seqTo: this.engine.seqOf(this.id), op };
      this.world.written.push(written);
      this.#inModel.add(written);
    }
  }

  /** Sends what was written since the last flush to everybody else. */
  flush(): void {
    const bytes = this.engine.take();
    if (bytes === null) return;
    const message = { bytes, author: this.id, seqTo: this.engine.seqOf(this.id) };
    this.world.messages.push(message);
    for (const peer of this.world.peers) if (peer !== this) peer.inbox.push(message);
  }

  /** Applies an update, and hands the model every op the engine now has. */
  apply(update: Uint8Array): void {
    const { generation } = this.engine;
    this.engine.apply(update);
    this.#replay();
    if (this.engine.generation !== generation) this.mirror = this.values();
    for (const written of this.world.written) {
      if (this.#inModel.has(written) || written.seqTo > this.engine.seqOf(written.author)) continue;
      this.#inModel.add(written);
      this.model.take(written.op);
      if (written.op.kind === 'move' && written.op.stamp > this.#stamp) this.#stamp = written.op.stamp;
    }
  }

  #replay(): void {
    for (const event of this.engine.events()) {
      if (event.kind === 'items') this.mirror.splice(event.index, 0, ...event.values);
      if (event.kind === 'delete') this.mirror.splice(event.index, event.count);
    }
  }

  /** Goes on as a process does that restarts: all it has is its snapshot; blocks that waited are gone. */
  reload(): void {
    this.flush();
    const snapshot = this.engine.snapshot();
    this.engine.free();
    this.engine = new EngineDocument(this.id);
    this.apply(snapshot);
    this.engine.observe(true);
    this.mirror = this.values();
    this.inbox = this.world.messages.filter((message) => message.seqTo > this.engine.seqOf(message.author));
  }
}
