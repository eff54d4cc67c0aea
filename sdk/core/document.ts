// One document in the engine: synchronous, without storage or network. The store (sdk/store) gives it its public
// face on a client; the server's rooms use it as it is.

import { EventKind, Kind, Status } from '../../assembly/abi.js';
import { LiteEngineDocument, type ElementName, type ElementRun, type EngineEvent } from './lite-document.js';
import { outboxUnits, outboxView, outboxWords, putBytes, putUnits } from './memory.js';
import { replicaFromWords, replicaToWords, type ReplicaId } from './replica.js';
import { failure } from './status.js';
import { decodeRun, putRun, type JsonValue } from './values.js';
import * as engine from './wasm.js';

export * from './lite-document.js';

/** Up to so many bytes are kept as a string, one character each: a tenth of what a small array of bytes takes. */
const stringBytesMax = 4096;

export class EngineDocument extends LiteEngineDocument {
  /** What makes the document again, while it sleeps. */
  #asleep: string | Uint8Array | null;
  #seqAsleep = 0;
  #isObserved = false;

  constructor(replica: ReplicaId, isAsleep = false) {
    super(replica, isAsleep);
    this.#asleep = isAsleep ? '' : null;
  }

  // ---- sleep --------------------------------------------------------------------------------------

  override get isAsleep(): boolean { return this.#asleep !== null; }
  protected override get isBlank(): boolean { return this.#asleep === ''; }
  override get isFreed(): boolean { return this.#asleep === null && super.isFreed; }

  /**
   * Frees the engine's memory and keeps bytes in its place, the log included. Own ops have to be taken before. Container
   * numbers asked for before are void. O(document).
   *
   * @returns false when it cannot: blocks wait in it, or there is no room for the bytes
   */
  override sleep(): boolean {
    if (this.isFreed || this.waiting() > 0) return false;
    if (this.isAsleep) return true;
    const handle = this.live();
    this.#seqAsleep = this.ownSeq;
    // Nothing is changed: should memory run out, no document is lost.
    engine.workOn(null);
    try {
      engine.document_sleep(handle);
    } catch {
      return false;
    }
    const bytes = outboxView();
    this.#asleep = bytes.length > stringBytesMax ? bytes.slice() : String.fromCharCode(...bytes);
    this.generation++;
    super.free();
    return true;
  }

  /**
   * Makes it the same document again. Calls do not do that by themselves: what they bring lies in the inbox, where this
   * needs room.
   *
   * @throws HeadwaterError `out_of_memory`; it still sleeps
   */
  override wake(): void {
    const asleep = this.#asleep;
    if (asleep === null) return;
    const { generation } = this;
    this.begin();
    if (asleep.length > 0) this.#applyAsleep(typeof asleep === 'string' ? bytesOf(asleep) : asleep);
    this.#asleep = null;
    this.generation = generation;
    if (this.#isObserved) super.observe(true);
  }

  #applyAsleep(bytes: Uint8Array): void {
    const { generation } = this;
    this.apply(bytes);
    if (this.generation === generation) return;
    putBytes(bytes);
    engine.document_relog(this.work(), bytes.length);
  }

  override free(): void {
    this.#asleep = null;
    super.free();
  }

  override observe(isObserved: boolean): void {
    this.#isObserved = isObserved;
    if (!this.isAsleep) super.observe(isObserved);
  }

  // What is known of it while it sleeps.
  override get ownSeq(): number { return this.isAsleep ? this.#seqAsleep : super.ownSeq; }
  override take(): Uint8Array | null { return this.isAsleep ? null : super.take(); }
  override tell(): Uint8Array | null { return this.isAsleep ? null : super.tell(); }
  override waiting(): number { return this.isAsleep ? 0 : super.waiting(); }
  override memoryBytes(): number { return this.#asleep?.length ?? super.memoryBytes(); }

  /** The first ms that is later than every stamp in it. */
  get stampAfterMs(): number { return engine.document_stamp_after(this.live()); }

  protected override event(kind: number, container: number, a: number, b: number, c: number): EngineEvent {
    switch (kind as EventKind) {
      case EventKind.TextInsert:
        engine.text_units(this.live(), b, c);
        return { kind: 'insert', container, index: a, text: outboxUnits() };
      case EventKind.TextDelete: return { kind: 'delete', container, index: a, count: b };
      case EventKind.ListInsert:
        engine.list_items(this.live(), b, c);
        return { kind: 'items', container, index: a, values: decodeRun(outboxView()) };
      default: return super.event(kind, container, a, b, c);
    }
  }

  // ---- text ---------------------------------------------------------------------------------------

  textLength(container: number): number { return engine.text_length(this.work(), container); }

  /** Runs of characters that the text is kept in, deleted ones included. */
  textSpans(container: number): number { return engine.text_spans(this.work(), container) >>> 0; }

  textInsert(container: number, index: number, text: string): void {
    checkIndex(index);
    const unit = text.length === 1 ? text.charCodeAt(0) : 0xd800;
    if ((unit & 0xf800) !== 0xd800) return this.check(engine.text_insert_unit(this.work(), container, index, unit), index);
    putUnits(text);
    this.check(engine.text_insert(this.work(), container, index, text.length), index);
  }

  textDelete(container: number, index: number, count: number): void {
    checkIndex(index);
    checkIndex(count);
    this.check(engine.text_delete(this.work(), container, index, count), index);
  }

  /** Units from … to; the caller has checked the range. */
  textRead(container: number, from: number, to: number): string {
    engine.text_read(this.work(), container, from, to);
    return outboxUnits();
  }

  /** The name of the element at `index`, null at the end of the text. */
  textElement(container: number, index: number): ElementName | null {
    if (!engine.text_element(this.work(), container, index)) return null;
    const out = outboxView();
    const view = new DataView(out.buffer, out.byteOffset, 12);
    return { replica: replicaFromWords(view.getUint32(4, true), view.getUint32(0, true)), elem: view.getUint32(8, true) };
  }

  /** The names of the elements from … to, in runs that count up, or of the items there; the caller has checked the range. */
  textElements(container: number, from: number, to: number, areItems = false): ElementRun[] {
    engine.text_elements(this.live(), container, from, to, areItems);
    const words = outboxWords();
    const runs: ElementRun[] = [];
    for (let at = 0; at < words.length; at += 4) {
      runs.push({ replica: replicaFromWords(words[at + 1], words[at]), elem: words[at + 2], count: words[at + 3] });
    }
    return runs;
  }

  /**
   * Runs an insertion or a move that goes right behind elements `name` …, tombstones or not, wherever its index points.
   *
   * @param insert  is given how many of `count` elements follow each other, not called when they are not here
   * @returns that number
   */
  behind(container: number, { replica, elem }: ElementName, count: number, insert: (count: number) => void): number {
    const [high, low] = replicaToWords(replica);
    const here = engine.text_anchor(this.live(), container, high, low, elem, count);
    try {
      if (here > 0) insert(here);
    } finally {
      engine.text_anchor(this.live(), container, high, low, elem, 0);
    }
    return here;
  }

  /** Where an element stands, or would stand were it not deleted; -1 when it is not here. O(log n). */
  textResolve(container: number, name: ElementName, isAfter: boolean): number {
    const [high, low] = replicaToWords(name.replica);
    return engine.text_resolve(this.live(), container, high, low, name.elem, isAfter);
  }

  // ---- list ---------------------------------------------------------------------------------------

  listLength(container: number): number { return engine.text_length(this.work(), container); }

  listInsert(container: number, index: number, values: readonly unknown[]): void {
    checkIndex(index);
    this.check(engine.list_insert(this.work(), container, index, putRun(values)), index);
  }

  listDelete(container: number, index: number, count: number): void {
    checkIndex(index);
    checkIndex(count);
    this.check(engine.list_delete(this.work(), container, index, count), index);
  }

  /** After it the item from `from` stands at `to`. */
  listMove(container: number, from: number, to: number, nowMs: number): void {
    checkIndex(from);
    checkIndex(to);
    this.check(engine.list_move(this.work(), container, from, to, nowMs), from);
  }

  /** Where an item stands, by what made it; -1 when it is deleted or not here. */
  listFind(container: number, { replica, elem }: ElementName): number {
    const [high, low] = replicaToWords(replica);
    return engine.list_find(this.live(), container, high, low, elem);
  }

  /** Values from … to, frozen; the caller has checked the range. */
  listRead(container: number, from: number, to: number): JsonValue[] {
    engine.list_read(this.work(), container, from, to);
    return decodeRun(outboxView());
  }

  // ---- both ---------------------------------------------------------------------------------------

  override sequenceToJSON(container: number, kind: Kind): JsonValue {
    const length = this.textLength(container);
    return kind === Kind.Text ? this.textRead(container, 0, length) : this.listRead(container, 0, length);
  }

  override sequenceClear(container: number, kind: Kind): number {
    const count = this.textLength(container);
    if (count > 0 && kind === Kind.Text) this.textDelete(container, 0, count);
    else if (count > 0) this.listDelete(container, 0, count);
    return count;
  }
}

/** What is no u32 would cross the border as another number. */
function checkIndex(index: number): void {
  if (index >>> 0 !== index) throw failure(Status.IndexOutOfRange, { index });
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
