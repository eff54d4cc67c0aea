// The session's documents: a map that is never changed, cheap to make a changed copy of.
//
// A plain Map copied at each step costs what all documents cost: opening 10,000 took 17 s. Here the entries lie in shards
// by a hash of the id, and a change copies one shard and the list of shards.

import type { DocumentState } from './session-state.js';

type Shard = ReadonlyMap<string, DocumentState>;

const shardCount = 128;
const emptyShard: Shard = new Map();

export class Documents implements Iterable<[string, DocumentState]> {
  private constructor(private readonly shards: readonly Shard[], readonly size: number) {}

  static readonly none = new Documents(new Array<Shard>(shardCount).fill(emptyShard), 0);

  get(id: string): DocumentState | undefined { return this.shards[shardOf(id)].get(id); }

  has(id: string): boolean { return this.shards[shardOf(id)].has(id); }

  /** With the document as it is now; undefined takes it out. O(documents / 128) */
  with(id: string, document: DocumentState | undefined): Documents {
    const at = shardOf(id);
    const shard = new Map(this.shards[at]);
    if (document) shard.set(id, document);
    else shard.delete(id);
    const shards = [...this.shards];
    shards[at] = shard;
    return new Documents(shards, this.size + shard.size - this.shards[at].size);
  }

  *keys(): Generator<string> {
    for (const shard of this.shards) yield* shard.keys();
  }

  *[Symbol.iterator](): Generator<[string, DocumentState]> {
    for (const shard of this.shards) yield* shard;
  }
}

function shardOf(id: string): number {
  let hash = 0;
  for (let i = 0; i < id.length; i++) hash = (Math.imul(hash, 31) + id.charCodeAt(i)) | 0;
  return (hash >>> 0) % shardCount;
}
