// Replicas of one text, each twice: in the engine and in the naive FugueMax tree. Both make the same edits, and the
// tree takes in exactly the batches the engine has, so their texts may be compared at any moment.

import { EngineDocument, Kind } from '../core/document.js';
import { NaiveText, type NaiveOp } from './models/fugue-max.js';
import type { Random } from './seed.js';

/** One batch, as ops for the tree. */
interface Part { ops: NaiveOp[]; author: string; seqTo: number }

/** What one take gave, and the batches in it: what is received between two edits ends a batch. */
export interface Message { bytes: Uint8Array; parts: Part[]; author: string; seqTo: number }

// The high bit is set in most: a signed compare would order them wrongly.
const ids = ['00000000000000a1', '7fffffffffffffff', '8000000000000000', 'c0ffee0000000000', '0000000100000000', 'ffffffffffffffff'];

/** The peers of one document, and every message they have sent. */
export class TextWorld {
  readonly messages: Message[] = [];
  readonly peers: TextPeer[];
  /** Messages are what listeners get, or what is stored and sent to servers. */
  readonly isBrief: boolean;

  constructor(count: number, readonly random: Random) {
    this.isBrief = random.chance(0.5);
    this.peers = random.shuffle(ids).slice(0, count).map((id) => new TextPeer(this, id));
  }

  free(): void { this.peers.forEach((peer) => peer.engine.free()); }
}

export class TextPeer {
  engine: EngineDocument;
  readonly tree: NaiveText;
  /** Messages not delivered yet, in the order they were sent. */
  inbox: Message[] = [];
  #text: number;
  #written: NaiveOp[] = [];
  #parts: Part[] = [];
  readonly #inTree = new Set<Part>();

  constructor(private readonly world: TextWorld, readonly id: string) {
    this.engine = new EngineDocument(id);
    this.tree = new NaiveText(id);
    this.#text = this.engine.container(['text'], Kind.Text);
  }

  text(): string { return this.engine.textRead(this.#text, 0, this.engine.textLength(this.#text)); }

  /** The visible elements in order, by name: equal letters hide a wrong order, names do not. */
  names(): string {
    return Array.from({ length: this.engine.textLength(this.#text) }, (_, index) => {
      const { replica, elem } = this.engine.textElement(this.#text, index)!;
      return `${replica}:${elem + 1}`;
    }).join(' ');
  }

  /** The same of the tree, which counts from 1. */
  treeNames(): string { return this.tree.order().filter((name) => !name.startsWith('-')).join(' '); }

  insert(index: number, text: string): void {
    this.engine.textInsert(this.#text, index, text);
    this.#written.push(...this.tree.insert(index, text));
  }

  delete(index: number, count: number): void {
    this.engine.textDelete(this.#text, index, count);
    this.#written.push(...this.tree.delete(index, count));
  }

  /** Sends what was written since the last flush to everybody else. */
  flush(): void {
    const bytes = this.world.isBrief ? this.engine.tell() : this.engine.take();
    if (bytes === null) return;
    this.#endPart();
    const message = { bytes, parts: this.#parts, author: this.id, seqTo: this.engine.seqOf(this.id) };
    this.#parts = [];
    this.world.messages.push(message);
    for (const peer of this.world.peers) if (peer !== this) peer.inbox.push(message);
  }

  #endPart(): void {
    if (this.#written.length === 0) return;
    const part = { ops: this.#written, author: this.id, seqTo: this.engine.seqOf(this.id) };
    this.#written = [];
    this.#parts.push(part);
    this.#inTree.add(part);
  }

  /** Applies an update, and hands the tree every batch the engine now has. */
  apply(update: Uint8Array): void {
    this.#endPart();
    const { generation } = this.engine;
    this.engine.apply(update);
    if (this.engine.generation !== generation) this.#text = this.engine.container(['text'], Kind.Text);
    for (const part of this.world.messages.flatMap((message) => message.parts)) {
      if (this.#inTree.has(part) || part.seqTo > this.engine.seqOf(part.author)) continue;
      this.#inTree.add(part);
      part.ops.forEach((op) => this.tree.apply(op));
    }
  }

  /** Goes on as a process does that restarts: all it has is its snapshot; blocks that waited are gone. */
  reload(): void {
    this.flush();
    const snapshot = this.engine.snapshot();
    this.engine.free();
    this.engine = new EngineDocument(this.id);
    this.apply(snapshot);
    this.#text = this.engine.container(['text'], Kind.Text);
    this.inbox = this.world.messages.filter((message) => message.seqTo > this.engine.seqOf(message.author));
  }
}

/** The index itself, or the one after it when it lies inside a surrogate pair. */
export function outsidePair(text: string, index: number): number {
  const isInside = index > 0 && index < text.length && isHigh(text.charCodeAt(index - 1)) && !isHigh(text.charCodeAt(index));
  return isInside && (text.charCodeAt(index) & 0xfc00) === 0xdc00 ? index + 1 : index;
}

function isHigh(unit: number): boolean { return (unit & 0xfc00) === 0xd800; }

/** Joins updates into one, as any transport or store may. */
export { joinBytes as concat } from '../core/bytes.js';
