// Presence: who is here now, and what they show of themselves. Never stored; gone when they go.
//
// Two things are kept apart: the replica and its user, for which the server vouches, and the value, which is what somebody
// says of itself and nobody has checked. All that is read is immutable and keeps its identity until it changes, part by part: a
// peer that moves its cursor keeps its name, and the others keep everything.

import type { ReplicaId } from '../core/replica.js';
import { isEncodedValue } from '../core/codec.js';
import { decodeValue, encodeValue, type JsonValue } from '../core/values.js';
import { checkPresence } from '../wire/limits.js';
import type { User } from '../sync/session-state.js';
import { isSameBytes } from './blocks.js';
import { Listeners } from './observable.js';

/** Somebody, by the replica the server saw, and what it says of itself. */
export interface Peer<P> {
  readonly replica: ReplicaId;
  readonly value: P;
  /** Whose token it came with, as the server says. Without accounts, and for tabs of this device, there is none. */
  readonly user?: User;
}

/** All of a presence at one moment; the same object until anything changes. */
export interface Present<P> {
  readonly self: P | null;
  /** In the order of their replica ids. */
  readonly others: readonly Peer<P>[];
  /** The others, and this replica too when it shows something, in the same order. */
  readonly everyone: readonly Peer<P>[];
}

export class Presence<P = JsonValue> {
  #now: Present<P> = Object.freeze({ self: null, others: Object.freeze([]), everyone: Object.freeze([]) });
  #encoded: Uint8Array | null = null;
  #listeners = new Listeners<[]>();
  readonly #send: (state: Uint8Array | null) => void;

  /** @param send  hands the encoded value to the connection; null takes it back */
  constructor(readonly document: string, readonly replica: ReplicaId, send: (state: Uint8Array | null) => void) {
    this.#send = send;
  }

  /** What this replica shows; null when nothing. */
  get self(): P | null { return this.#now.self; }
  get others(): readonly Peer<P>[] { return this.#now.others; }
  get everyone(): readonly Peer<P>[] { return this.#now.everyone; }
  get(): Present<P> { return this.#now; }

  /** The same as bytes, for a connection that starts. */
  get encoded(): Uint8Array | null { return this.#encoded; }

  /**
   * Shows a value in place of the last; a value equal to it costs nobody anything.
   *
   * @throws HeadwaterError `invalid_argument` unless JSON, `too_large` over 8 KiB
   */
  set(value: P): void {
    const encoded = encodeValue(value).slice();
    checkPresence(this.document, encoded);
    if (!this.#encoded || !isSameBytes(encoded, this.#encoded)) this.#show(encoded);
  }

  /** Changes some fields of the value and keeps the rest; null and absent start from nothing. */
  update(partial: Partial<P>): void { this.set({ ...this.self, ...partial } as P); }

  /** Leaves: the others see it at once. */
  clear(): void {
    if (this.#encoded) this.#show(null);
  }

  /** Called when anybody comes, changes or goes. @returns stops it */
  subscribe(listener: () => void): () => void;
  /**
   * Called with the selected part when that has changed. Of an array or object that is selected anew each time, what it
   * holds is compared: `({ others }) => others.map(({ value }) => value.name)` is heard of when a name changes.
   */
  subscribe<S>(select: (now: Present<P>) => S, listener: (selected: S) => void): () => void;
  subscribe<S>(first: ((now: Present<P>) => S) | (() => void), listener?: (selected: S) => void): () => void {
    if (!listener) return this.#listeners.add(first as () => void);
    const select = first as (now: Present<P>) => S;
    let last = select(this.#now);
    return this.#listeners.add(() => {
      const next = select(this.#now);
      if (!isAlike(last, next)) listener((last = next));
    });
  }

  /** Who is here will be told anew. */
  forget(): void {
    for (const { replica } of this.others) this.received(replica, null);
  }

  /** What the connection brings. A value that is not well-formed comes from no Headwater client and is passed over. */
  received(replica: ReplicaId, state: Uint8Array | null, user?: User): void {
    if (state && !isEncodedValue(state)) return;
    const { self, others } = this.#now;
    const known = others.find((other) => other.replica === replica);
    const rest = others.filter((other) => other !== known);
    if (state) {
      const value = share(known?.value, decodeValue(state)) as P;
      const by = share(known?.user, user) as User | undefined;
      if (!known || known.value !== value || known.user !== by) this.#change(self, inOrder([...rest, Object.freeze({ replica, value, ...(by && { user: by }) })]));
    } else if (known) this.#change(self, rest);
  }

  #show(encoded: Uint8Array | null): void {
    this.#send(encoded);
    this.#encoded = encoded;
    this.#change(encoded && share(this.self, decodeValue(encoded)) as P, this.others);
  }

  #change(self: P | null, others: readonly Peer<P>[]): void {
    const own = this.everyone.find(({ replica }) => replica === this.replica);
    const mine = own && own.value === self ? own : Object.freeze({ replica: this.replica, value: self as P });
    this.#now = Object.freeze({
      self,
      others: Object.freeze(others),
      everyone: self === null ? Object.freeze(others) : Object.freeze(inOrder([...others, mine])),
    });
    this.#listeners.emit();
  }
}

function inOrder<P>(peers: Peer<P>[]): Peer<P>[] {
  return peers.sort((a, b) => (a.replica < b.replica ? -1 : 1));
}

/** `next` with every part that equals the same part of `last` put in place of its own. Both are frozen JSON. */
function share(last: unknown, next: unknown): unknown {
  if (!isPart(last) || !isPart(next) || Array.isArray(last) !== Array.isArray(next)) return next;
  const shared: Record<string, unknown> = Array.isArray(next) ? [] as never : {};
  for (const key of Object.keys(next)) shared[key] = share(last[key], next[key]);
  return isAlike(last, shared) ? last : Object.freeze(shared);
}

/** The same, or holding the same. */
function isAlike(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (!isPart(a) || !isPart(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && Object.is(a[key], b[key]));
}

function isPart(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
