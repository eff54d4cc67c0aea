// Bytes that an attacker would try: good ones, damaged, with lengths and checksums that fit again, so that the damage gets past
// the door and into the parser.

import { readBlocks, voidOf } from '../../core/codec.js';
import { EngineDocument, Kind } from '../../core/document.js';
import { HeadwaterError } from '../../core/errors.js';
import { sealed, varint } from '../crafted.js';
import type { Random } from '../seed.js';
import { concat } from '../text-peers.js';

const ids = ['00000000000000a1', '8000000000000000', 'ffffffffffffffff'];

export interface Corpus { updates: Uint8Array[]; bases: Uint8Array[] }

/** Documents with every kind of container, concurrent text, voids, and seqs of several replicas. */
export function corpusOf(random: Random): Corpus {
  const docs = ids.map((id) => new EngineDocument(id));
  const updates: Uint8Array[] = [];
  const briefs: Uint8Array[] = [];
  // Long enough that the snapshots pack it.
  docs[0].textInsert(docs[0].container(['m', 'text'], Kind.Text), 0, 'a longer text, and a longer one; '.repeat(6));
  docs[0].listInsert(docs[0].container(['m', 'list'], Kind.List), 0, Array.from({ length: 12 }, (_, n) => ({ name: `item ${n}`, done: false })));
  for (let step = 0; step < 60; step++) {
    const doc = random.pick(docs);
    scribble(doc, random);
    const [update, brief] = [doc.take(), doc.tell()];
    if (update) updates.push(update);
    if (brief && brief[0] >= 0x80) briefs.push(brief);
    if (update && random.chance(0.5)) for (const other of docs) other.apply(update);
  }
  for (const doc of docs) for (const update of updates) doc.apply(update);
  const snapshots = [...docs.map((doc) => doc.snapshot()), docs[0].snapshot({ history: false })];
  for (const doc of docs) doc.free();
  return { updates: [...updates, ...briefs, ...snapshots, ...snapshots, ...updates.slice(0, 5).map((update) => voidOf(update))], bases: [snapshots[0], concat(updates.slice(0, 30)), new Uint8Array(0), snapshots[3]] };
}

function scribble(doc: EngineDocument, random: Random): void {
  const path = random.pick([[], ['m'], ['m', 'n']]);
  const text = doc.container([...path, 'text'], Kind.Text);
  const length = doc.textLength(text);
  const set = doc.container([...path, 'set'], Kind.Set);
  const map = doc.container(path, Kind.Map);
  const list = doc.container([...path, 'list'], Kind.List);
  const items = doc.listLength(list);
  try {
    switch (random.int(11)) {
      case 0: doc.textInsert(text, random.int(length + 1), random.pick(['a', 'hello', '😀'])); break;
      case 1: doc.textInsert(text, 0, random.string(5)); break;
      case 2: doc.textDelete(text, random.int(length + 1), random.int(4)); break;
      case 3: doc.mapSet(map, random.pick(['k', 'l']), { x: [1, 2.5, 'é'] }, 1000 + random.int(9)); break;
      case 4: doc.counterAdd(doc.container([...path, 'n'], Kind.Counter), random.int(100)); break;
      case 5: doc.setAdd(set, random.int(4)); break;
      case 6: doc.setDelete(set, random.int(4)); break;
      case 7: doc.listInsert(list, random.int(items + 1), [random.pick([1, 'two', { three: [3] }]), null]); break;
      case 8: doc.listDelete(list, random.int(items + 1), random.int(3)); break;
      default: doc.listMove(list, random.int(items), random.int(items), 1000 + random.int(9));
    }
  } catch (error) {
    // A random index may be outside the text or inside a pair: nothing is written then.
    if (!(error instanceof HeadwaterError) || error.code !== 'index_out_of_range') throw error;
  }
}

/** Damages the body of one block, and makes its length and checksum fit again. */
export function mutateBlock(update: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  if (update[0] >= 0x80) return damage(update, other, random);
  const { kind, offset, length } = random.pick(readBlocks(update));
  const whole = update.subarray(offset, offset + length);
  let head = 1;
  while (whole[head++] >= 128);
  let body: Uint8Array = whole.slice(kind === 'snapshot' ? head + 4 : head);
  for (let times = 1 + random.int(3); times > 0; times--) body = damage(body, other, random);
  if (random.chance(0.02)) return damage(whole.slice(), other, random);
  return kind === 'snapshot' ? sealed(body) : concat([whole.subarray(0, 1), varint(body.length), body]);
}

export function damage(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const at = random.int(bytes.length + 1);
  const insert = (some: Uint8Array) => concat([bytes.subarray(0, at), some, bytes.subarray(at)]);
  const out = bytes.slice();
  switch (random.int(9)) {
    case 0: out[at % Math.max(bytes.length, 1)] ^= 1 << random.int(8); return out;
    case 1: out[at % Math.max(bytes.length, 1)] += random.chance(0.5) ? 1 : 255; return out;
    case 2: out[at % Math.max(bytes.length, 1)] = random.pick([0, 1, 127, 128, 255]); return out;
    case 3: return bytes.slice(0, at);
    case 4: return concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.int(4))]);
    case 5: return insert(random.bytes(1 + random.int(4)));
    case 6: return insert(varint(random.pick([2n ** 28n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])));
    case 7: { const from = random.int(other.length); return insert(other.subarray(from, from + random.int(20))); }
    default: { const from = random.int(bytes.length + 1); return insert(bytes.subarray(from, from + random.int(20))); }
  }
}
