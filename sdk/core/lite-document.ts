// One document in the engine, but for its texts and lists (document.ts): synchronous, without storage or network.

import { EventKind, Kind, Mail, Status } from '../../assembly/abi.js';
import { HeadwaterError } from './errors.js';
import { mail, outboxCopy, outboxString, outboxView, outboxWords, putBytes, putString } from './memory.js';
import { replicaFromWords, replicaToWords, type ReplicaId } from './replica.js';
import { failure } from './status.js';
import { toJSON } from './json.js';
import { decodeValue, decodeValues, isForbiddenKey, putValue, type JsonValue } from './values.js';
import * as engine from './wasm.js';
import type { DocumentHandle, Held } from './wasm.js';

export { Kind } from '../../assembly/abi.js';

/** The root map's container number. */
export const rootContainer = 0;

export interface SnapshotOptions {
  /** False leaves out what was deleted: smaller, for replicas that start from it. See FORMAT.md. */
  history?: boolean;
}

export interface ApplyResult {
  /** Blocks that changed something, those that had waited included. */
  applied: number;
  duplicates: number;
  /** Blocks kept until what they build on arrives. */
  waiting: number;
}

/** What a peer's ops changed, in order. Positions are those at that moment; a moved item goes and comes. */
export type EngineEvent =
  | { kind: 'insert'; container: number; index: number; text: string }
  | { kind: 'items'; container: number; index: number; values: JsonValue[] }
  | { kind: 'delete'; container: number; index: number; count: number }
  | { kind: 'key'; container: number; key: string }
  | { kind: 'counter' | 'set'; container: number };

/** An element of a text, by its name everywhere. */
export interface ElementName { replica: ReplicaId; elem: number }

/** Elements elem, elem + 1 … of one replica. */
export interface ElementRun extends ElementName { count: number }

/** Under a document that is freed, or asleep. */
const nothing: Held = { handle: 0 as unknown as DocumentHandle, isFreed: true };

/** What lite has: all but texts and lists. */
export class LiteEngineDocument {
  /** Grows when a snapshot took the document's place: container numbers asked for before are void. */
  generation = 0;
  #held = nothing;
  #keys: Map<string, number> | null = null;
  /** The same the other way round. */
  #names: string[] | null = null;
  #replica: ReplicaId;

  /** @param isAsleep  it takes no memory of the engine before it is woken, where it can be */
  constructor(replica: ReplicaId, isAsleep = false) {
    replicaToWords(replica);
    this.#replica = replica;
    if (!isAsleep) this.begin();
  }

  /** An empty document under the engine. */
  protected begin(): void {
    const [high, low] = replicaToWords(this.#replica);
    engine.workOn(null);
    this.#held = { handle: engine.document_create(high, low), isFreed: false };
  }

  /** It is only bytes, until it is woken; document.ts. */
  get isAsleep(): boolean { return false; }

  wake(): void {}
  sleep(): boolean { return false; }

  /** Asleep, and empty. */
  protected get isBlank(): boolean { return false; }

  /** The id own ops are written under. */
  get replica(): ReplicaId { return this.#replica; }

  set replica(replica: ReplicaId) {
    const [high, low] = replicaToWords(replica);
    if (!this.isBlank) engine.document_author(this.work(), high, low);
    this.#replica = replica;
  }

  /**
   * Applies everything in `bytes` that is new. Each block is checked whole before it changes anything; blocks before a
   * bad one stand. Blocks that build on missing ops are kept, bounded, unless `wait` is false.
   *
   * @param options.stampMax  refuse ops stamped later than this, in ms since 1970, unless they follow on stamps that are here
   * @throws HeadwaterError `invalid_update`, `clock_drift`, `too_large`, `missing_dependency`, `out_of_memory`
   */
  apply(bytes: Uint8Array, options: { wait?: boolean; stampMax?: number } = {}): ApplyResult {
    putBytes(bytes);
    const status = engine.document_receive(this.work(), bytes.length, options.wait ?? true, options.stampMax ?? 0);
    if (mail(Mail.IsReplaced)) {
      this.generation++;
      this.#forgetKeys();
    }
    if (status !== Status.Ok) throw failure(status, neededOp());
    return { applied: mail(Mail.Applied), duplicates: mail(Mail.Duplicates), waiting: mail(Mail.Waiting) };
  }

  /** Own ops since the last take, as one update; null when there are none. A copy. */
  take(): Uint8Array | null {
    engine.document_take(this.work());
    const bytes = outboxCopy();
    return bytes.length === 0 ? null : bytes;
  }

  /** Own ops since the last call of this, as listeners get them: brief. Null when there are none. A copy. */
  tell(): Uint8Array | null {
    engine.document_tell(this.work());
    const bytes = outboxCopy();
    return bytes.length === 0 ? null : bytes;
  }

  /** What was new in the last `apply`, with what it set free; a snapshot when one was among that. A copy. */
  news(isBrief: boolean): Uint8Array {
    engine.document_news(this.work(), isBrief);
    return outboxCopy();
  }

  /** The version vector, encoded. A copy. */
  version(): Uint8Array {
    engine.document_version(this.work());
    return outboxCopy();
  }

  /** Highest contiguous seq applied of a replica, 0 when there is none. */
  seqOf(replica: ReplicaId): number {
    const [high, low] = replicaToWords(replica);
    return engine.document_seq(this.live(), high, low) >>> 0;
  }

  /** Highest seq of own ops: `seqOf(replica)`, at the cost of one call. */
  get ownSeq(): number { return engine.document_own_seq(this.live()) >>> 0; }

  /**
   * Everything a peer at version `since` lacks. O(missing bytes).
   *
   * @throws HeadwaterError `invalid_update` when `since` is not a version vector
   */
  export(since: Uint8Array = new Uint8Array(0)): Uint8Array {
    putBytes(since);
    if (!engine.document_export(this.work(), since.length)) throw failure(Status.InvalidUpdate);
    return outboxCopy();
  }

  /** The whole state as one block. A copy. */
  snapshot({ history = true }: SnapshotOptions = {}): Uint8Array {
    engine.document_snapshot(this.work(), !history);
    return outboxCopy();
  }

  /** 16 hex digits; equal exactly when the same ops have been applied. O(elements). */
  digest(): string {
    engine.document_digest(this.work());
    const out = outboxView();
    const view = new DataView(out.buffer, out.byteOffset, 8);
    return replicaFromWords(view.getUint32(4, true), view.getUint32(0, true));
  }

  /** Everything as plain JSON, keys sorted. */
  toJSON(): JsonValue { return toJSON(this); }

  /** Forgets batches already taken: they remain as state only, and `export` to an older peer gives a snapshot. */
  trim(): void { engine.document_trim(this.work()); }

  /** Bytes of batches held for `export`. */
  logBytes(): number { return engine.document_log_bytes(this.live()) >>> 0; }

  /** Bytes of engine memory it takes up. */
  memoryBytes(): number { return engine.document_memory(this.live()) >>> 0; }

  /** Blocks kept until what they build on arrives. */
  waiting(): number { return engine.document_waiting(this.live()); }

  free(): void {
    const held = this.#held;
    if (held.isFreed) return;
    held.isFreed = true;
    engine.document_free(held.handle);
    this.#held = nothing;
    this.#forgetKeys();
  }

  #forgetKeys(): void {
    this.#keys = null;
    this.#names = null;
  }

  /** It was freed, or lost when memory ran out. */
  get isFreed(): boolean { return this.#held.isFreed; }

  /** With true, `events` tells after each apply what changed. */
  observe(isObserved: boolean): void { engine.document_observe(this.live(), isObserved); }

  /** What the last apply changed; empty unless observed. */
  events(): EngineEvent[] {
    engine.document_events(this.live());
    const words = outboxWords();
    const events: EngineEvent[] = [];
    for (let at = 0; at < words.length; at += 5) events.push(this.event(words[at], words[at + 1], words[at + 2], words[at + 3], words[at + 4]));
    return events;
  }

  protected event(kind: number, container: number, a: number, b: number, c: number): EngineEvent {
    switch (kind as EventKind) {
      case EventKind.MapKey: return { kind: 'key', container, key: this.#keyName(a) };
      case EventKind.Counter: return { kind: 'counter', container };
      default: return { kind: 'set', container };
    }
  }

  // ---- containers ---------------------------------------------------------------------------------

  /**
   * The container of a kind at a path of keys; [] is the root map. Naming one writes no op.
   *
   * @returns its number, good while `generation` stands
   */
  container(path: readonly string[], kind: Kind): number {
    let at = rootContainer;
    path.forEach((key, depth) => {
      const isLast = depth === path.length - 1;
      at = engine.container_open(this.work(), at, this.#key(key), isLast ? kind : Kind.Map);
      if (at < 0) throw new HeadwaterError('too_large', 'containers nest deeper than 64 levels; use a shorter path');
    });
    return at;
  }

  /** Containers by number, named or not; see json.ts. */
  containers(): { kind: Kind; parent: number; key: string; exists: boolean }[] {
    const handle = this.live();
    return Array.from({ length: engine.container_count(handle) }, (_, number) => ({
      kind: engine.container_kind(handle, number) as Kind,
      parent: engine.container_parent(handle, number),
      key: number === rootContainer ? '' : this.#keyName(engine.container_key(handle, number)),
      exists: Boolean(engine.container_exists(handle, number)),
    }));
  }

  /** Grows with every change of a container. */
  changes(container: number): number { return engine.container_changes(this.live(), container); }

  #key(key: string): number {
    const keys = (this.#keys ??= new Map());
    const known = keys.get(key);
    if (known !== undefined) return known;
    checkKey(key);
    const number = engine.key_open(this.work(), putString(key));
    if (number < 0) throw badKey(key);
    keys.set(key, number);
    return number;
  }

  #keyName(number: number): string { return ((this.#names ??= [])[number] ??= this.#readKey(number)); }

  #readKey(number: number): string {
    engine.key_read(this.#held.handle, number);
    return outboxString();
  }

  // ---- map ----------------------------------------------------------------------------------------

  mapSet(container: number, key: string, value: unknown, nowMs: number): void {
    const number = this.#key(key);
    this.check(engine.map_set(this.work(), container, number, putValue(value, false), nowMs));
  }

  /**
   * @param isHolder  containers hang at the key: it is deleted even if it never had a value
   * @returns false when there was nothing to delete
   */
  mapDelete(container: number, key: string, nowMs: number, isHolder = false): boolean {
    return this.#did(engine.map_delete(this.work(), container, this.#key(key), nowMs, isHolder));
  }

  mapGet(container: number, key: string): JsonValue | undefined {
    return engine.map_get(this.live(), container, this.#key(key)) ? decodeValue(outboxView()) : undefined;
  }

  /** Grows with every change of one key. */
  mapChanges(container: number, key: string): number {
    return engine.map_changes(this.live(), container, this.#key(key));
  }

  /** Keys that have a value, sorted. */
  mapKeys(container: number): string[] {
    engine.map_keys(this.work(), container);
    return Array.from(outboxWords(), (number) => this.#keyName(number)).sort();
  }

  // ---- counter ------------------------------------------------------------------------------------

  /** @throws HeadwaterError `invalid_argument` when the step is no safe integer, or the sum would be none */
  counterAdd(container: number, step: number): void {
    if (!Number.isSafeInteger(step)) throw new HeadwaterError('invalid_argument', 'a counter takes whole numbers up to 2^53 - 1; round the step', { step });
    this.check(engine.counter_add(this.work(), container, step));
  }

  counterValue(container: number): number { return engine.counter_value(this.live(), container); }

  // ---- set ----------------------------------------------------------------------------------------

  setAdd(container: number, value: unknown): void {
    this.check(engine.set_add(this.work(), container, putValue(value, true)));
  }

  /** @returns false when it was not a member */
  setDelete(container: number, value: unknown): boolean {
    return this.#did(engine.set_delete(this.work(), container, putValue(value, true)));
  }

  setClear(container: number): boolean { return this.#did(engine.set_clear(this.work(), container)); }

  setHas(container: number, value: unknown): boolean {
    return Boolean(engine.set_has(this.live(), container, putValue(value, true)));
  }

  setSize(container: number): number { return engine.set_size(this.live(), container); }

  setValues(container: number): JsonValue[] {
    engine.set_values(this.work(), container);
    return decodeValues(outboxView());
  }

  // ---- sequences ----------------------------------------------------------------------------------

  /** A text or list as `toJSON` shows it. */
  sequenceToJSON(_container: number, _kind: Kind): JsonValue { return null; }

  /** Deletes all of a text or list. @returns how much that was */
  sequenceClear(_container: number, _kind: Kind): number { return 0; }

  // ---- calls --------------------------------------------------------------------------------------

  /** For an engine call that takes no memory. */
  protected live(): DocumentHandle {
    const held = this.#held;
    if (held.isFreed) throw new HeadwaterError('closed', 'this document is closed; open it again');
    return held.handle;
  }

  /** For one that may: should there be none left, this is the document that is lost. */
  protected work(): DocumentHandle {
    engine.workOn(this.#held);
    return this.live();
  }

  protected check(status: Status, index?: number): void {
    if (status !== Status.Ok) throw failure(status, index === undefined ? {} : { index });
  }

  /** For calls that answer Duplicate when there was nothing to do. */
  #did(status: Status): boolean {
    if (status === Status.Duplicate) return false;
    this.check(status);
    return true;
  }
}

/** What the block that could not be applied waits for. */
function neededOp(): { replica: ReplicaId; seq: number } {
  engine.receive_needed();
  const [seq, , low, high] = outboxWords();
  return { replica: replicaFromWords(high, low), seq };
}

function checkKey(key: unknown): void {
  if (typeof key !== 'string' || key.length === 0 || isForbiddenKey(key)) throw badKey(key);
}

function badKey(key: unknown): HeadwaterError {
  return new HeadwaterError('invalid_argument', 'a key is a string of 1 to 1,024 UTF-8 bytes other than "__proto__", "prototype" and "constructor"', { key });
}
