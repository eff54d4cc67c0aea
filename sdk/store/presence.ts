// Presence: who is here now, and what they show of themselves. Never stored; gone when they go.

import type { ReplicaId } from '../core/replica.js';
import { isEncodedValue } from '../core/codec.js';
import { decodeValue, encodeValue, type JsonValue } from '../core/values.js';
import { checkPresence } from '../wire/limits.js';
import { Listeners } from './observable.js';

export interface Other<P> { replica: ReplicaId; value: P }

export class Presence<P = JsonValue> {
  #self: P | null = null;
  #encoded: Uint8Array | null = null;
  #others: readonly Other<P>[] = Object.freeze([]);
  #listeners = new Listeners<[]>();

  /** @param send  hands the encoded value to the connection; null takes it back */
  readonly #send: (state: Uint8Array | null) => void;

  constructor(readonly document: string, send: (state: Uint8Array | null) => void) {
    this.#send = send;
  }

  /** What this replica shows; null when nothing. */
  get self(): P | null { return this.#self; }

  /** The same as bytes, for a connection that starts. */
  get encoded(): Uint8Array | null { return this.#encoded; }

  /** The others and what they show, in the order of their replica ids; the same array until one changes. */
  get others(): readonly Other<P>[] { return this.#others; }

  /** @throws HeadwaterError `invalid_argument` unless JSON, `too_large` over 8 KiB */
  set(value: P): void {
    const encoded = encodeValue(value).slice();
    checkPresence(this.document, encoded);
    this.#show(encoded, decodeValue(encoded) as P);
  }

  /** Leaves: the others see it at once. */
  clear(): void {
    if (this.#encoded) this.#show(null, null);
  }

  #show(encoded: Uint8Array | null, value: P | null): void {
    this.#send(encoded);
    this.#encoded = encoded;
    this.#self = value;
    this.#listeners.emit();
  }

  /** Called when anybody comes, changes or goes. @returns stops it */
  subscribe(listener: () => void): () => void { return this.#listeners.add(listener); }

  /** What the connection brings. A value that is not well-formed comes from no Headwater client and is passed over. */
  received(replica: ReplicaId, state: Uint8Array | null): void {
    if (state && !isEncodedValue(state)) return;
    const others = this.#others.filter((other) => other.replica !== replica);
    if (state) others.push({ replica, value: decodeValue(state) as P });
    this.#others = Object.freeze(others.sort((a, b) => (a.replica < b.replica ? -1 : 1)));
    this.#listeners.emit();
  }
}
