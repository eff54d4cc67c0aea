// What the server needs of the engine, as an interface, and the real one. Rooms take it as an argument, so their
// tests can fail and delay it at will; this file is where sdk/core comes in.

import '../sdk/core/embedded.js';
import { EngineDocument } from '../sdk/core/document.js';
import { engineBytes } from '../sdk/core/memory.js';
import { decodeVersion, encodeVersion, readBlocks, voidOf, type BatchInfo } from '../sdk/core/codec.js';
import { newReplicaId, type ReplicaId } from '../sdk/core/replica.js';

/** One document in memory. Everything is synchronous. See sdk/core/document.ts for what throws when. */
export interface DocumentState {
  apply(bytes: Uint8Array, options?: { wait?: boolean; stampMax?: number }): unknown;
  seqOf(replica: ReplicaId): number;
  version(): Uint8Array;
  snapshot(options?: { history?: boolean }): Uint8Array;
  digest(): string;
  toJSON(): unknown;
  /** Forgets the batches as their authors made them; the store has those. */
  trim(): void;
  free(): void;
}

/** A block's head and where it lies in the bytes it was read from. */
export type Block = BatchInfo;

export interface Engine {
  create(): DocumentState;
  /** A document to write in. */
  author(replica: ReplicaId): EngineDocument;
  /** @throws HeadwaterError `invalid_update` */
  readBlocks(update: Uint8Array): Block[];
  voidOf(batch: Uint8Array): Uint8Array;
  /** Of all documents together, with what is kept to be used again. */
  memoryBytes(): number;
  encodeVersion(vector: ReadonlyMap<ReplicaId, number>): Uint8Array;
  decodeVersion(bytes: Uint8Array): Map<ReplicaId, number>;
}

export const engine: Engine = {
  // The server writes no ops of its own; the id only fills the place.
  create: () => new EngineDocument(newReplicaId()),
  author: (replica) => new EngineDocument(replica),
  readBlocks,
  voidOf,
  memoryBytes: engineBytes,
  encodeVersion,
  decodeVersion,
};
