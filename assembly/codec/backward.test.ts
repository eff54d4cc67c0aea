// Text typed from its end to its start, as a caret that stands still does: two bytes a character, and the same document.

import { describe, expect, it } from '@jest/globals';
import { EngineDocument, Kind } from '../../sdk/core/document.js';
import { readBlocks, voidOf } from '../../sdk/core/codec.js';
import { batch, type Part } from '../../sdk/testing/crafted.js';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';

const [a, b, c] = ['00000000000000a1', '00000000000000b2', '00000000000000c3'];
const textTable: Part = [8, 1, 0, Kind.Text, 'text'];
const beforeNewest = 0x38;
const beforeNewestByte = 0x58;

const textOf = (doc: EngineDocument) => doc.container(['text'], Kind.Text);
const read = (doc: EngineDocument) => doc.textRead(textOf(doc), 0, doc.textLength(textOf(doc)));

function peer(replica: string, start?: Uint8Array): EngineDocument {
  const doc = new EngineDocument(replica);
  if (start) doc.apply(start);
  return doc;
}

function typeBackwards(doc: EngineDocument, index: number, letters: readonly string[]): void {
  for (const letter of letters) doc.textInsert(textOf(doc), index, letter);
}

describe('text typed backwards', () => {
  it('takes two bytes a character in a flushed run', () => {
    const author = peer(a);
    author.textInsert(textOf(author), 0, 'some text');
    const start = author.take()!;
    typeBackwards(author, 4, Array.from({ length: 2000 }, (_, i) => String.fromCharCode(97 + i % 26)));
    const run = author.take()!;
    expect(run.length).toBeLessThan(2.02 * 2000);
    const reader = peer(b, start);
    reader.apply(run);
    expect([read(reader), reader.digest()]).toEqual([read(author), author.digest()]);
  });

  it('is written so, byte by byte', () => {
    const author = peer(a);
    typeBackwards(author, 0, ['c', 'b', 'é', '😀', 'xy', 'w']);
    const ops: Part = [0x00, 1, 'c', Uint8Array.of(beforeNewestByte, 98), beforeNewest, 'é', beforeNewest, '😀', 0x20, 2, 'xy', 0x20, 2, 'w'];
    expect(author.take()).toEqual(batch(a, 1, 8, textTable, ops));
  });

  it('is told in full where the newest element is of an earlier batch', () => {
    const author = peer(a);
    typeBackwards(author, 0, ['b']);
    author.take();
    typeBackwards(author, 0, ['a']);
    expect(author.take()).toEqual(batch(a, 2, 1, 0, [0x20, 1, 'a']));
  });

  it('comes to the same document whole, in keystrokes, and from the middle on', () => {
    const author = peer(a);
    author.textInsert(textOf(author), 0, '[]');
    const start = author.take()!;
    author.tell();
    const keystrokes: Uint8Array[] = [];
    for (const letter of ['e', 'd', 'ö', 'b', 'a']) {
      author.textInsert(textOf(author), 1, letter);
      keystrokes.push(author.tell()!);
    }
    // Told one by one and exported in one: the log holds them as they were told.
    const whole = peer(c, start);
    typeBackwards(whole, 1, ['z', 'y', 'x']);
    const typed = whole.take()!;
    const parts = peer(b, start);
    for (const update of [...keystrokes.slice(0, 2), author.snapshot(), ...keystrokes, typed, typed]) parts.apply(update);
    author.apply(typed);
    whole.apply(author.snapshot());
    expect([parts, whole].map(read)).toEqual([read(author), read(author)]);
    expect([parts.digest(), whole.digest()]).toEqual([author.digest(), author.digest()]);
  });

  it('is read on from its middle by whoever had the front of the batch', () => {
    const ops: readonly Part[] = [[0x00, 1, 'c'], Uint8Array.of(beforeNewestByte, 98), Uint8Array.of(beforeNewestByte, 97), [beforeNewest, 'é']];
    const whole = peer(b, batch(a, 1, 4, textTable, ops));
    for (let known = 1; known < 4; known++) {
      const reader = peer(b, batch(a, 1, known, textTable, ops.slice(0, known)));
      reader.apply(batch(a, 1, 4, textTable, ops));
      expect([read(reader), reader.digest()]).toEqual(['éabc', whole.digest()]);
    }
  });

  it('goes on from the middle of a batch only where its left origin is known', () => {
    const front = batch(a, 1, 2, textTable, [0x00, 1, 'c'], Uint8Array.of(beforeNewestByte, 98));
    const starter = peer(c, peer(b, front).snapshot({ history: false }));
    const whole = batch(a, 1, 3, textTable, [0x00, 1, 'c'], Uint8Array.of(beforeNewestByte, 98), Uint8Array.of(beforeNewestByte, 97));
    expect(() => starter.apply(whole)).toThrow(expect.objectContaining({ code: 'history_compacted' }));
    expect(read(starter)).toBe('bc');
  });

  it('is understood by the parts that read blocks without a document', () => {
    const author = peer(a);
    typeBackwards(author, 0, ['c', 'b', 'é', '😀', 'w']);
    const run = author.take()!;
    expect(readBlocks(run)).toMatchObject([{ replica: a, seqFrom: 1, seqTo: 6, length: run.length }]);
    const voided = peer(b, voidOf(run));
    expect([voided.seqOf(a), read(voided)]).toEqual([6, '']);
  });

  it.each<[string, Part]>([
    ['before there is a newest element', [Uint8Array.of(beforeNewestByte, 98)]],
    ['with a byte that is no character', [[0x00, 1, 'c'], Uint8Array.of(beforeNewestByte, 0xc3)]],
    ['as values', [[0x00, 1, 'c'], Uint8Array.of(beforeNewestByte | 128, 0)]],
    ['as a move', [[0x00, 1, 'c'], Uint8Array.of(beforeNewestByte | 7, 1, 0)]],
    ['without its text', [[0x00, 1, 'c'], Uint8Array.of(beforeNewestByte)]],
    ['between the halves of a pair', [[0x00, 1, '😀'], Uint8Array.of(beforeNewestByte, 98)]],
  ])('is refused %s', (_name, ops) => {
    for (const units of [1, 2, 3]) expect(() => peer(b, batch(a, 1, units, textTable, ops))).toThrow(expect.objectContaining({ code: 'invalid_update' }));
  });

  const rounds = 300;
  const seed = seedFromEnv();
  it(`by three at once, flushed at any moment, comes to one document in ${rounds} random histories`, () => {
    const all = new Random(seed);
    for (let round = 0; round < rounds; round++) {
      const random = all.stream(`backward ${round}`);
      const peers = [a, b, c].map((replica) => peer(replica));
      const sent: Uint8Array[] = [];
      for (let step = 0; step < 12; step++) {
        const doc = random.pick(peers);
        const length = doc.textLength(textOf(doc));
        if (random.chance(0.25)) for (const update of sent) doc.apply(update);
        else if (length > 2 && random.chance(0.3)) doc.textDelete(textOf(doc), random.int(length), 1);
        else typeBackwards(doc, random.int(length + 1), Array.from({ length: 1 + random.int(6) }, () => random.pick(['a', 'b', 'é', 'long'])));
        if (random.chance(0.6)) sent.push(doc.take() ?? new Uint8Array(0));
      }
      for (const doc of peers) sent.push(doc.take() ?? new Uint8Array(0));
      for (const doc of peers) for (const update of random.shuffle([...sent, ...sent])) doc.apply(update);
      expect([seed, round, ...peers.map(read)]).toEqual([seed, round, ...Array(3).fill(read(peers[0]!))]);
      expect([seed, round, ...peers.map((doc) => doc.digest())]).toEqual([seed, round, ...Array(3).fill(peers[0]!.digest())]);
      peers.forEach((doc) => doc.free());
    }
  });
});

