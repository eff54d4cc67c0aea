// Mutated updates: valid bytes, damaged in ways that still reach deep into the readers. Whatever comes, the engine never
// traps and never hangs; what it refuses has changed nothing, and what it takes leaves a document that still reads back
// from its own snapshot. MUTANTS sets how many, SEED replays a run.

import { describe, expect, it } from '@jest/globals';
import { decodeVersion, isEncodedValue, readBlocks, voidOf } from '../../sdk/core/codec.js';
import { EngineDocument, Kind, rootContainer } from '../../sdk/core/document.js';
import { HeadwaterError } from '../../sdk/core/errors.js';
import { encodeValue } from '../../sdk/core/values.js';
import * as engine from '../../sdk/core/wasm.js';
import { sealed, varint } from '../../sdk/testing/crafted.js';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';
import { concat } from '../../sdk/testing/text-peers.js';

const seed = seedFromEnv();
const mutants = Number(process.env.MUTANTS ?? 100_000);
const [a, b, c] = ['00000000000000a1', '8000000000000000', 'ffffffffffffffff'];
/** One mutant in ten thousand may meet a collection or another process; the engine itself needs microseconds. */
const slowMs = 50;

/** Documents with every kind of container, concurrent text, voids, and seqs of several replicas. */
function corpus(random: Random): { updates: Uint8Array[]; bases: Uint8Array[] } {
  const docs = [a, b, c].map((id) => new EngineDocument(id));
  const updates: Uint8Array[] = [];
  const briefs: Uint8Array[] = [];
  // Long enough that the snapshots pack it.
  docs[0].textInsert(docs[0].container(['m', 'text'], Kind.Text), 0, 'a longer text, and a longer one; '.repeat(6));
  for (let step = 0; step < 60; step++) {
    const doc = random.pick(docs);
    scribble(doc, random);
    const [update, brief] = [doc.take(), doc.tell()];
    if (update) updates.push(update);
    if (brief && brief[0] >= 0x80) briefs.push(brief);
    if (update && random.chance(0.5)) for (const other of docs) other.apply(update);
  }
  for (const doc of docs) for (const update of updates) doc.apply(update);
  const snapshots = docs.map((doc) => doc.snapshot());
  return { updates: [...updates, ...briefs, ...snapshots, ...snapshots, ...updates.slice(0, 5).map((update) => voidOf(update))], bases: [snapshots[0], concat(updates.slice(0, 30)), new Uint8Array(0)] };
}

function scribble(doc: EngineDocument, random: Random): void {
  const path = random.pick([[], ['m'], ['m', 'n']]);
  const text = doc.container([...path, 'text'], Kind.Text);
  const length = doc.textLength(text);
  const set = doc.container([...path, 'set'], Kind.Set);
  const map = doc.container(path, Kind.Map);
  try {
    switch (random.int(7)) {
      case 0: doc.textInsert(text, random.int(length + 1), random.pick(['a', 'hello', '😀'])); break;
      case 1: doc.textInsert(text, 0, random.string(5)); break;
      case 2: doc.textDelete(text, random.int(length + 1), random.int(4)); break;
      case 3: doc.mapSet(map, random.pick(['k', 'l']), { x: [1, 2.5, 'é'] }, 1000 + random.int(9)); break;
      case 4: doc.counterAdd(doc.container([...path, 'n'], Kind.Counter), random.int(100)); break;
      case 5: doc.setAdd(set, random.int(4)); break;
      default: doc.setDelete(set, random.int(4));
    }
  } catch (error) {
    // A random index may be outside the text or inside a pair: nothing is written then.
    if (!(error instanceof HeadwaterError) || error.code !== 'index_out_of_range') throw error;
  }
}

/** Damages the body of one block, and makes its length and checksum fit again. */
function mutateBlock(update: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
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

function damage(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
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

describe('the engine, fed damaged updates', () => {
  it(`neither traps nor hangs nor changes by halves, ${mutants} times`, () => {
    const random = new Random(seed);
    let material = corpus(random);
    let doc: EngineDocument | null = null;
    let digest = '';
    const met = { taken: 0, refused: 0, waiting: 0, slowest: 0, grown: 0 };
    for (let i = 0; i < mutants; i++) {
      if (i % 5000 === 4999) material = corpus(random);
      if (doc === null || i % 50 === 0) {
        doc?.free();
        doc = new EngineDocument('00000000000000d4');
        doc.apply(random.pick(material.bases));
        digest = doc.digest();
      }
      const mutant = mutateBlock(random.pick(material.updates), random.pick(material.updates), random);
      const before = engine.memory.buffer.byteLength;
      const result = feed(doc, mutant);
      met.slowest = Math.max(met.slowest, result.ms);
      met.grown = Math.max(met.grown, engine.memory.buffer.byteLength - before);
      met[result.kind]++;
      if (result.ms > slowMs && feedAgain(mutant) > slowMs) throw damning(`takes ${result.ms} ms`, mutant);
      if (result.kind === 'refused' && random.chance(0.2) && doc.digest() !== digest) throw damning('changed what it was refused by', mutant);
      if (result.kind !== 'refused') {
        if (random.chance(0.2)) checkUp(doc, mutant);
        digest = doc.digest();
      }
    }
    doc?.free();
    process.stdout.write(`${JSON.stringify({ ...met, slowest: Math.round(met.slowest) })}\n`);
    expect(met.taken).toBeGreaterThan(mutants / 100);
    expect(met.refused).toBeGreaterThan(mutants / 10);
  }, 600_000);

  it('answers damaged vectors, values and heads without a trap', () => {
    const random = new Random(seed).stream('small');
    const { bases } = corpus(random);
    const doc = new EngineDocument(a);
    doc.apply(bases[0]);
    const vector = doc.version();
    const value = encodeValue({ a: [1, 'é', { b: 2.5 }], c: null }).slice();
    for (let i = 0; i < mutants / 5; i++) {
      calmly(() => doc.export(damage(vector, value, random)));
      calmly(() => decodeVersion(damage(vector, value, random)));
      calmly(() => readBlocks(damage(bases[1], vector, random)));
      calmly(() => voidOf(damage(bases[1].slice(0, 60), vector, random)));
      isEncodedValue(damage(value, vector, random));
    }
    doc.free();
  });
});

function feed(doc: EngineDocument, mutant: Uint8Array): { kind: 'taken' | 'refused' | 'waiting'; ms: number } {
  const started = performance.now();
  try {
    const { applied, waiting } = doc.apply(mutant);
    return { kind: applied === 0 && waiting > 0 ? 'waiting' : 'taken', ms: performance.now() - started };
  } catch (error) {
    if (!(error instanceof HeadwaterError) || !['invalid_update', 'too_large'].includes(error.code)) throw damning(String(error), mutant);
    return { kind: 'refused', ms: performance.now() - started };
  }
}

/** The same bytes once more, to an empty document: slow twice is not the machine's fault. */
function feedAgain(mutant: Uint8Array): number {
  const doc = new EngineDocument(c);
  const { ms } = feed(doc, mutant);
  doc.free();
  return ms;
}

/** A document that took a mutant reads back from its snapshot, and still takes edits. */
function checkUp(doc: EngineDocument, mutant: Uint8Array): void {
  const copy = new EngineDocument('00000000000000d5');
  try {
    copy.apply(doc.snapshot());
    if (copy.digest() !== doc.digest()) throw new Error('its snapshot reads otherwise');
    doc.toJSON();
    copy.mapSet(rootContainer, 'after', 1, 1);
    copy.textInsert(copy.container(['text'], Kind.Text), 0, 'after');
    doc.apply(copy.take() ?? new Uint8Array(0));
    if (copy.digest() !== doc.digest()) throw new Error('it parts from a good peer');
  } catch (error) {
    throw damning(String(error), mutant);
  }
  copy.free();
}

function calmly(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof HeadwaterError) || error.code !== 'invalid_update') throw error;
  }
}

function damning(what: string, mutant: Uint8Array): Error {
  return new Error(`SEED=${seed}: ${what}, of ${Buffer.from(mutant).toString('hex')}`);
}
