// The session's documents: a map that is never changed, cheap to make a changed copy of.
//
// A plain Map copied at each step costs what all documents cost: opening 10,000 took 17 s. Here the entries lie in shards
// by a hash of the id, and a change copies one shard and the list of shards. Few documents are one shard.

import type { DocumentState } from './session-state.js';

type Shard = ReadonlyMap<string, DocumentState>;

const shardCount = 128;
const emptyShard: Shard = new Map();

export class Documents implements Iterable<[string, DocumentState]> {
  readonly #shards: readonly Shard[];

  private constructor(shards: readonly Shard[], readonly size: number) {
    this.#shards = shards;
  }

  static readonly none = new Documents([], 0);

  get(id: string): DocumentState | undefined { return this.#shardOf(id).get(id); }

  has(id: string): boolean { return this.#shardOf(id).has(id); }

  /** With the document as it is now; undefined takes it out. O(documents / 128) */
  with(id: string, document: DocumentState | undefined): Documents {
    const before = this.#shardOf(id);
    const shard = new Map(before);
    if (document) shard.set(id, document);
    else shard.delete(id);
    const size = this.size + shard.size - before.size;
    if (!this.#isSpread) return new Documents(size < shardCount ? [shard] : spread(shard), size);
    const shards = [...this.#shards];
    shards[hashOf(id)] = shard;
    return new Documents(shards, size);
  }

  #shardOf(id: string): Shard {
    return this.#isSpread ? this.#shards[hashOf(id)] : this.#shards[0] ?? emptyShard;
  }

  get #isSpread(): boolean { return this.#shards.length === shardCount; }

  *keys(): Generator<string> {
    for (const shard of this.#shards) yield* shard.keys();
  }

  *[Symbol.iterator](): Generator<[string, DocumentState]> {
    for (const shard of this.#shards) yield* shard;
  }
}

function spread(all: Shard): Shard[] {
  const shards = Array.from({ length: shardCount }, () => new Map<string, DocumentState>());
  for (const [id, document] of all) shards[hashOf(id)].set(id, document);
  return shards;
}

function hashOf(id: string): number {
  let hash = 0;
  for (let i = 0; i < id.length; i++) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) | 0;
  return (hash >>> 0) % shardCount;
}
