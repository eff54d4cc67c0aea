// Every decoder, fed what `mutants.ts` makes: none may trap, change by halves, think for long or take memory and keep it.
//
// An update goes to a document in one of several states; smaller things (version vectors, voids, cursors, values, frames) to
// what reads them. A test runs some, `npm run fuzz` as many as one likes.

import { decodeVersion, isEncodedValue, readBlocks, voidOf } from '../../core/codec.js';
import { EngineDocument, Kind, rootContainer } from '../../core/document.js';
import { HeadwaterError } from '../../core/errors.js';
import { decodeValue, encodeValue } from '../../core/values.js';
import * as engine from '../../core/wasm.js';
import { decodeCursor, encodeCursor } from '../../store/cursor.js';
import { decodeFrame, encodeFrame } from '../../wire/frame.js';
import { samples, sampleStamp } from '../../wire/testing/samples.js';
import { Random } from '../seed.js';
import { corpusOf, damage, mutateBlock, type Corpus } from './mutants.js';

/** A call may take so long, and all calls together may make the engine grow by so much. */
export const limits = { slowMs: 50, grownBytes: 32 * 1024 * 1024 };

const target = '00000000000000d4';
const text = ['text'];

type Answer = 'taken' | 'refused' | 'waiting';

export class Trials {
  readonly met = { taken: 0, refused: 0, waiting: 0, small: 0, slowestMs: 0, grownBytes: 0 };
  #random: Random;
  #corpus: Corpus;
  #base: Uint8Array = new Uint8Array(0);
  #doc: EngineDocument;
  #digest = '';
  #startBytes = engine.memory.buffer.byteLength;

  constructor(readonly seed: number) {
    this.#random = new Random(seed);
    this.#corpus = corpusOf(this.#random);
    this.#doc = this.#fresh();
  }

  /** @throws Error with the seed and the bytes, when a decoder failed */
  run(count: number): void {
    for (let i = 0; i < count; i++) {
      if (i % 5_000 === 4_999) this.#corpus = corpusOf(this.#random);
      if (i % 50 === 49) this.#renew();
      if (this.#random.chance(0.2)) this.#small();
      else this.#update();
    }
    this.#doc.free();
    this.#doc = this.#fresh();
  }

  // ---- updates ------------------------------------------------------------------------------------

  #fresh(): EngineDocument {
    const doc = new EngineDocument(target);
    doc.apply(this.#base);
    this.#digest = doc.digest();
    return doc;
  }

  #renew(): void {
    this.#doc.free();
    this.#base = this.#random.pick(this.#corpus.bases);
    this.#doc = this.#fresh();
  }

  #update(): void {
    const random = this.#random;
    const { updates } = this.#corpus;
    const mutant = mutateBlock(random.pick(updates), random.pick(updates), random);
    const answer = this.#timed(mutant, () => feed(this.#doc, mutant), () => this.#again(mutant));
    this.met[answer]++;
    const isLooked = random.chance(0.05);
    if (answer === 'refused' && isLooked && this.#doc.digest() !== this.#digest) throw this.#damning('changed what it was refused by', mutant);
    if (answer === 'refused') return;
    if (isLooked) this.#checkUp(mutant);
    this.#digest = this.#doc.digest();
  }

  /** The same bytes to a document such as they met. @returns ms */
  #again(mutant: Uint8Array): number {
    const doc = new EngineDocument(target);
    doc.apply(this.#base);
    const started = performance.now();
    feed(doc, mutant);
    const ms = performance.now() - started;
    doc.free();
    return ms;
  }

  /** A document that took a mutant reads back from its snapshot, and still takes edits. */
  #checkUp(mutant: Uint8Array): void {
    const copy = new EngineDocument('00000000000000d5');
    try {
      copy.apply(this.#doc.snapshot());
      if (copy.digest() !== this.#doc.digest()) throw new Error('its snapshot reads otherwise');
      this.#doc.toJSON();
      copy.mapSet(rootContainer, 'after', 1, 1);
      copy.textInsert(copy.container(text, Kind.Text), 0, 'after');
      for (const path of [[], ['m'], ['m', 'n']]) shake(copy, copy.container([...path, 'list'], Kind.List));
      this.#doc.apply(copy.take() ?? new Uint8Array(0));
      if (copy.digest() !== this.#doc.digest()) throw new Error('it parts from a good peer');
    } catch (error) {
      throw this.#damning(String(error), mutant);
    }
    copy.free();
  }

  // ---- smaller things -----------------------------------------------------------------------------

  #small(): void {
    const random = this.#random;
    const [good, read] = random.pick(decoders);
    let bytes = good(this.#doc, this.#corpus, random);
    for (let times = 1 + random.int(3); times > 0; times--) bytes = damage(bytes, random.pick(this.#corpus.updates), random);
    const work = () => {
      try {
        read(bytes, this.#doc);
      } catch (error) {
        if (!(error instanceof HeadwaterError) || !expected.includes(error.code)) throw this.#damning(String(error), bytes);
      }
    };
    this.#timed(bytes, work, () => {
      const started = performance.now();
      work();
      return performance.now() - started;
    });
    this.met.small++;
  }

  // ---- measuring ----------------------------------------------------------------------------------

  /** A slow call may be the machine's fault, or a collection's: five times slow is not. */
  #timed<T>(bytes: Uint8Array, work: () => T, again: () => number): T {
    const started = performance.now();
    const result = work();
    let ms = performance.now() - started;
    for (let times = 0; ms > limits.slowMs && times < 5; times++) ms = Math.min(ms, again());
    this.met.slowestMs = Math.max(this.met.slowestMs, Math.round(ms));
    if (ms > limits.slowMs) throw this.#damning(`takes ${Math.round(ms)} ms`, bytes);
    this.met.grownBytes = engine.memory.buffer.byteLength - this.#startBytes;
    if (this.met.grownBytes > limits.grownBytes) throw this.#damning(`has made the engine grow by ${this.met.grownBytes} bytes`, bytes);
    return result;
  }

  #damning(what: string, bytes: Uint8Array): Error {
    return new Error(`SEED=${this.seed}: ${what}, of ${Buffer.from(bytes).toString('hex')}`);
  }
}

function feed(doc: EngineDocument, mutant: Uint8Array): Answer {
  try {
    const { applied, waiting } = doc.apply(mutant);
    return applied === 0 && waiting > 0 ? 'waiting' : 'taken';
  } catch (error) {
    if (!(error instanceof HeadwaterError) || !['invalid_update', 'too_large', 'history_compacted'].includes(error.code)) throw new Error(`${String(error)}, of ${Buffer.from(mutant).toString('hex')}`);
    return 'refused';
  }
}

const expected = ['invalid_update', 'invalid_argument', 'protocol_error', 'too_large'];

type Decoder = [good: (doc: EngineDocument, corpus: Corpus, random: Random) => Uint8Array, read: (bytes: Uint8Array, doc: EngineDocument) => void];

const decoders: Decoder[] = [
  [(doc) => doc.version(), (bytes, doc) => { doc.export(bytes); }],
  [(doc) => doc.version(), (bytes) => { decodeVersion(bytes); }],
  [(_doc, { bases }) => bases[1], (bytes) => { readBlocks(bytes); }],
  [(_doc, { updates }, random) => random.pick(updates), (bytes) => { voidOf(bytes); }],
  [() => encodeCursor('after', { replica: '00000000000000a1', elem: 300 }), (bytes, doc) => {
    const { anchor } = decodeCursor(bytes);
    if (anchor) doc.textResolve(doc.container(text, Kind.Text), anchor, true);
  }],
  [() => encodeValue({ a: [1, 'é', { b: 2.5 }], c: null }).slice(), (bytes) => { if (isEncodedValue(bytes)) decodeValue(bytes); }],
  [(_doc, _corpus, random) => encodeFrame(random.pick(samples)[0], sampleStamp).slice(), (bytes) => { decodeFrame(mended(bytes)); }],
];

/** A frame whose length fits again. */
function mended(frame: Uint8Array): Uint8Array {
  const whole = frame.slice();
  if (whole.length >= 13) new DataView(whole.buffer).setUint32(9, whole.length - 13, true);
  return whole;
}

/** Every item of a list can be moved and deleted. */
function shake(doc: EngineDocument, list: number): void {
  const length = doc.listLength(list);
  if (doc.listRead(list, 0, length).length !== length) throw new Error('a list is not as long as it says');
  for (let i = 0; i < length; i += 2) doc.listMove(list, 0, length - 1, 2000);
  doc.listDelete(list, 0, length >>> 1);
}
