// What a hostile or broken peer may send, byte by byte: refused, or taken for what it says, but never harmful.
// Some of these once trapped, overflowed the stack, or left a document that could not be read again.

import { beforeEach, describe, expect, it } from '@jest/globals';
import { EngineDocument, Kind, rootContainer } from '../../sdk/core/document.js';
import { voidOf } from '../../sdk/core/codec.js';
import * as engine from '../../sdk/core/wasm.js';
import { batch, bytesOf, fixed64, snapshot, voidBlock, type Part } from '../../sdk/testing/crafted.js';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';
import { concat } from '../../sdk/testing/text-peers.js';

const [a, b, c] = ['00000000000000a1', '00000000000000b2', '00000000000000c3'];
const textTable: Part = [8, 1, 0, Kind.Text, 'text'];
const insertFirst = (text: string): Part => [0x00, 1, text];
const insertNewest = (text: string): Part => [0x18, text];

let doc: EngineDocument;

beforeEach(() => { doc = new EngineDocument(b); });

function refuses(update: Uint8Array, code = 'invalid_update'): void {
  const [digest, json] = [doc.digest(), doc.toJSON()];
  expect(() => doc.apply(update)).toThrow(expect.objectContaining({ code }));
  expect([doc.digest(), doc.toJSON()]).toEqual([digest, json]);
  const reloaded = new EngineDocument(c);
  reloaded.apply(doc.snapshot());
  expect(reloaded.digest()).toBe(digest);
}

function write(text: string): EngineDocument {
  const author = new EngineDocument(a);
  author.textInsert(author.container(['text'], Kind.Text), 0, text);
  doc.apply(author.take()!);
  return author;
}

describe('a batch that overlaps what is known', () => {
  it('may not claim elements its author never had', () => {
    const author = new EngineDocument(a);
    for (let i = 0; i < 3; i++) author.mapSet(rootContainer, 'k', i, 1);
    doc.apply(author.take()!);
    refuses(batch(a, 1, 5, 0, insertNewest('abcde')));
    refuses(batch(a, 1, 5, textTable, [0x08, 1, 'abcde']));
  });

  it('may not go on after elements that were voided', () => {
    doc.apply(voidBlock(a, 1, 5, 5));
    refuses(batch(a, 1, 7, textTable, insertFirst('abcdefg')));
  });

  it('may not go on in another container than it began in', () => {
    write('abc');
    const other: Part = [8, 1, 0, Kind.Text, 'other'];
    refuses(batch(a, 1, 5, other, [0x00, 1, 'abcde']));
  });

  it('may not cut a surrogate pair', () => {
    write('a\ufffd');
    refuses(batch(a, 1, 3, textTable, insertFirst('a😀')), 'invalid_update');
    doc = new EngineDocument(b);
    write('ab');
    refuses(batch(a, 1, 4, textTable, insertFirst('a😀c')));
  });
});

describe('a surrogate pair', () => {
  it.each<[string, Part]>([
    ['deleted in half, the first', [0x10 | 1, 1, 1, 1]],
    ['deleted in half, the second', [0x10 | 1, 1, 2, 1]],
    ['deleted with its neighbour', [0x10 | 1, 1, 0, 2]],
    ['parted by a left origin', [0x10, 1, 1, 'x']],
    ['parted by a right origin', [0x50, 1, 0, 1, 2, 'x']],
  ])('is not %s, while it stands and after it is gone', (_name, op) => {
    const author = write('a😀b');
    const hostile = batch(c, 1, 1, 1, 1, fixed64(a), op);
    refuses(hostile);
    author.textDelete(author.container(['text'], Kind.Text), 1, 2);
    doc.apply(author.take()!);
    refuses(hostile);
    const reloaded = new EngineDocument(b);
    reloaded.apply(doc.snapshot());
    doc = reloaded;
    refuses(hostile);
  });
});

describe('a map op', () => {
  it('may not be stamped so late that no clock could go on from it', () => {
    refuses(batch(a, 1, 1, 4, fixed64(0xffffffffffffffffn), [2, 0, 'k', 0, 1, 0]));
    doc.apply(batch(a, 1, 1, 4, fixed64(0x7fffffffffffffffn - 1n), [2, 0, 'k', 0, 1, 0]));
    doc.mapSet(rootContainer, 'k', 'mine', Date.now());
    expect(doc.mapGet(rootContainer, 'k')).toBe('mine');
  });

  it.each(['__proto__', 'prototype', 'constructor'])('may not name %s, at any depth', (key) => {
    refuses(batch(a, 1, 1, 4, fixed64(1n << 16n), [2, 0, key, 0, 1, 0]));
    refuses(batch(a, 1, 1, [8, 2, 0, Kind.Map, 'm', 1, Kind.Counter, key], [4, 2, 2]));
    refuses(batch(a, 1, 1, [8, 1, 0, Kind.Map, key], [4, 1, 2]));
  });

  it('is refused when it is stamped later than the reader allows, and may come again', () => {
    const author = new EngineDocument(a);
    author.mapSet(rootContainer, 'k', 1, 5000);
    const update = author.take()!;
    for (const bytes of [update, author.snapshot()]) {
      expect(() => doc.apply(bytes, { stampMax: 4999 })).toThrow(expect.objectContaining({ code: 'clock_drift' }));
    }
    expect(doc.seqOf(a)).toBe(0);
    expect(doc.apply(update, { stampMax: 5000 }).applied).toBe(1);
  });
});

describe('a set op', () => {
  it('may not remove an add that has not come', () => {
    write('x');
    refuses(batch(c, 1, 1, [9, 1, fixed64(a), 1, 0, Kind.Set, 'set'], [6, 1, 2, Uint8Array.of(3, 2), 1, 1, 1000]));
    refuses(batch(c, 1, 1, [8, 1, 0, Kind.Set, 'set'], [6, 1, 2, Uint8Array.of(3, 2), 1, 0, 1]));
  });
});

describe('a container', () => {
  it.each<[string, Part]>([
    ['under a text', [8, 2, 0, Kind.Text, 't', 1, Kind.Counter, 'c']],
    ['of an unknown kind', [8, 2, 0, Kind.Map, 't', 1, 6, 'c']],
    ['before its parent', [8, 2, 2, Kind.Counter, 'c', 0, Kind.Map, 'm']],
    ['without a key', [8, 2, 0, Kind.Map, 't', 1, Kind.Counter, '']],
    ['with a key of 1,025 bytes', [8, 2, 0, Kind.Map, 't', 1, Kind.Counter, 'k'.repeat(1025)]],
  ])('is refused %s', (_name, table) => refuses(batch(a, 1, 1, table, [4, 2, 2])));

  it('nests 64 levels deep and no deeper', () => {
    const deep = (depth: number): Part => [8, depth, ...Array.from({ length: depth }, (_, i): Part => [i, i + 1 === depth ? Kind.Counter : Kind.Map, 'k'])];
    refuses(batch(a, 1, 1, deep(65), [4, 65, 2]));
    expect(doc.apply(batch(a, 1, 1, deep(64), [4, 64, 2])).applied).toBe(1);
  });
});

describe('a block that waits', () => {
  it('goes on waiting for its second want when the first comes by a call that does not wait', () => {
    const [one, two] = [new EngineDocument(a), new EngineDocument(c)];
    one.counterAdd(one.container(['n'], Kind.Counter), 1);
    two.counterAdd(two.container(['n'], Kind.Counter), 1);
    const three = new EngineDocument('00000000000000d4');
    const [first, second] = [one.take()!, two.take()!];
    three.apply(concat([first, second]));
    three.counterAdd(three.container(['n'], Kind.Counter), 1);
    doc.apply(three.take()!);
    doc.apply(first, { wait: false });
    doc.apply(second, { wait: false });
    expect([doc.toJSON(), doc.waiting()]).toEqual([{ n: 3 }, 0]);
  });

  it('is refused with what it needs by a call that does not wait', () => {
    const author = write('a');
    author.textInsert(author.container(['text'], Kind.Text), 1, 'b');
    const missed = author.take()!;
    author.textInsert(author.container(['text'], Kind.Text), 2, 'c');
    expect(() => doc.apply(author.take()!, { wait: false })).toThrow(expect.objectContaining({ code: 'missing_dependency', details: { replica: a, seq: 2 } }));
    doc.apply(missed);
    expect(doc.waiting()).toBe(0);
  });

  it('and proves bad is dropped, and the document goes on', () => {
    doc.apply(batch(a, 2, 1, 0, [0x08, 9, 'x']));
    expect(doc.waiting()).toBe(1);
    const author = new EngineDocument(a);
    author.counterAdd(author.container(['n'], Kind.Counter), 1);
    expect(doc.apply(author.take()!)).toEqual({ applied: 1, duplicates: 0, waiting: 0 });
    author.counterAdd(author.container(['n'], Kind.Counter), 1);
    doc.apply(author.take()!);
    expect([doc.toJSON(), doc.waiting()]).toEqual([{ n: 2 }, 0]);
  });

  it('is applied in its turn, in whatever order they came', () => {
    const seed = seedFromEnv();
    const random = new Random(seed);
    const [author, other] = [new EngineDocument(a), new EngineDocument(c)];
    const updates: Uint8Array[] = [];
    for (let i = 0; i < 300; i++) {
      const writer = random.pick([author, other]);
      writer.textInsert(writer.container(['text'], Kind.Text), 0, `${i} `);
      updates.push(writer.take()!);
      if (random.chance(0.2)) for (const peer of [author, other]) peer.apply(concat(updates));
    }
    author.apply(concat(updates));
    while (updates.length > 0) doc.apply(updates.splice(random.int(updates.length), 1)[0]);
    expect([seed, doc.digest(), doc.waiting()]).toEqual([seed, author.digest(), 0]);
  });

  it('is one of at most 16,384, which together have at most 16 MiB', () => {
    const block = (seq: number) => batch(a, seq, 1, [8, 1, 0, Kind.Counter, 'n'], [4, 1, 2]);
    doc.apply(concat(Array.from({ length: 16_384 }, (_, i) => block(i + 2))));
    expect(() => doc.apply(block(20_000))).toThrow(expect.objectContaining({ code: 'too_large' }));
    expect(doc.waiting()).toBe(16_384);
    expect(doc.apply(block(1)).applied).toBe(16_385);
    expect(doc.toJSON()).toEqual({ n: 16_385 });
    const large = (seq: number) => batch(a, seq, 1, 4, fixed64(1n << 16n), [2, 0, 'k', 0, 262_144, Uint8Array.of(5), bytesOf('x'.repeat(262_140))]);
    for (let i = 0; i < 63; i++) doc.apply(large(20_000 + i));
    expect(() => { for (let i = 63; i < 65; i++) doc.apply(large(20_000 + i)); }).toThrow(expect.objectContaining({ code: 'too_large' }));
  });
});

describe('a snapshot', () => {
  /** Rows (replica × 2 + isVoid, elements), and a base of none. */
  const rows = (...list: [head: number, size: number][]): Part => [list.length, list.map(([head, size]) => [size * 2 + 1, head]), 0];
  /** One replica, one text under "text", told span by span. */
  const oneText = (replica: string, seq: number, elems: number, listed: Part, text: Part) =>
    snapshot(fixed64(0n), 1, fixed64(replica), seq, elems, listed, 1, 0, Kind.Text, 'text', 0, text);
  /** Spans (zigzag version step, length × 2 + isDeleted), no origins but the predicted ones. */
  const spans = (versions: number[], lengths: number[], visible: string, pairs: Part = 0): Part =>
    [versions.length, column(versions), column(lengths), 0, 0, 0, visible, pairs];
  const column = (numbers: number[]): Part => [bytesOf(numbers).length, bytesOf(numbers)];

  it('written by hand is read', () => {
    doc.apply(oneText(a, 3, 3, rows([0, 3]), spans([0], [6], 'abc')));
    expect(doc.toJSON()).toEqual({ text: 'abc' });
  });

  it('may not put a known element into another text', () => {
    write('abc');
    refuses(snapshot(fixed64(0n), 1, fixed64(a), 4, 4, rows([0, 4]), 1, 0, Kind.Text, 'other', 0, spans([0], [8], 'abcd')));
  });

  it('may not void what is here, nor have what is void', () => {
    write('abc');
    refuses(oneText(a, 4, 3, rows([1, 3]), 0));
    doc = new EngineDocument(b);
    doc.apply(voidBlock(a, 1, 3, 3));
    refuses(oneText(a, 4, 4, rows([0, 4]), spans([0], [8], 'abcd')));
  });

  it('may not know more ops and fewer elements', () => {
    write('abc');
    refuses(oneText(a, 5, 2, rows([0, 2]), spans([0], [4], 'ab')));
  });

  it('of a few bytes may bring 262,144 elements and 16 for each byte, no more', () => {
    const claiming = (versions: number) => oneText(a, versions, versions, rows([0, versions]), spans([0], [versions * 2 + 1], ''));
    refuses(claiming(67_108_864));
    const used = engine.memory_used();
    expect(() => doc.apply(claiming(67_108_864))).toThrow();
    expect(engine.memory_used()).toBe(used);
    // Head, length and checksum are no part of the body.
    const paid = 262_144 + 16 * (claiming(262_144).length - 6);
    refuses(claiming(paid + 1));
    doc.apply(claiming(paid));
    expect(doc.seqOf(a)).toBe(paid);
  });

  it('of many deleted elements pays for them in zero bytes, and loads', () => {
    const author = new EngineDocument(a);
    const text = author.container(['text'], Kind.Text);
    for (let i = 0; i < 20; i++) author.textInsert(text, 0, 'some words '.repeat(10_000));
    author.textDelete(text, 0, author.textLength(text) - 5);
    const bytes = author.snapshot();
    expect(bytes.length).toBeLessThan(130_000);
    doc.apply(bytes);
    expect([doc.toJSON(), doc.digest()]).toEqual([{ text: 'ords ' }, author.digest()]);
  });

  it('that voids four billion elements is compared with a void of as many in no time', () => {
    doc.apply(voidBlock(a, 1, 4_000_000_000, 4_000_000_000));
    doc.apply(oneText(a, 4_000_000_001, 4_000_000_000, rows([1, 4_000_000_000]), 0));
    expect(doc.seqOf(a)).toBe(4_000_000_001);
    refuses(oneText(a, 4_000_000_002, 4_000_000_001, rows([1, 3_999_999_999], [0, 2]), spans([0], [4], 'ab')));
  });

  it('may not say otherwise what a known element is, nor delete half a pair', () => {
    write('a😀b');
    refuses(oneText(a, 5, 5, rows([0, 5]), spans([0], [10], 'abcde')));
    refuses(oneText(a, 5, 5, rows([0, 5]), [3, 3, bytesOf([0, 0, 0]), 3, bytesOf([4, 3, 4]), 2, 6, bytesOf([1, 2, 0, 1, 3, 0]), 0, 'abcd', 0]));
  });

  it('may not part a surrogate pair', () => {
    const parted: Part = [3, 3, bytesOf([2, 3, 4]), 3, bytesOf([2, 2, 2]), 0, 0, 0, '😀x', 0];
    refuses(oneText(a, 3, 3, rows([0, 3]), parted));
  });

  it('may not call deleted pairs what is none', () => {
    for (const lv of [0, 2, 4, 2000]) refuses(oneText(a, 3, 3, rows([0, 3]), spans([0], [6], 'abc', [1, lv])));
    refuses(oneText(a, 3, 3, rows([0, 3]), spans([0], [7], '', [1, 4])));
    doc.apply(oneText(a, 3, 3, rows([0, 3]), spans([0], [7], '', [1, 2])));
  });

  it('may not keep two adds of one replica in a set', () => {
    const set = (dots: Part) => snapshot(fixed64(0n), 1, fixed64(a), 9, 0, rows(), 1, 0, Kind.Set, 'set', 0, [1, 2, Uint8Array.of(3, 2), dots]);
    refuses(set([2, 0, 3, 0, 5]));
    refuses(set([0]));
    refuses(set([1, 0, 10]));
    doc.apply(set([1, 0, 5]));
    doc.setDelete(doc.container(['set'], Kind.Set), 1);
    expect(doc.toJSON()).toEqual({ set: [] });
  });

  it('may not be stamped beyond what a clock can follow', () => {
    refuses(snapshot(fixed64(0xffffffffffffffffn), 0, rows(), 0, 0));
  });

  it.each<[string, Uint8Array]>([
    ['a bad checksum', Uint8Array.of(0x12, 5, 1, 2, 3, 4, 0)],
    ['no body', Uint8Array.of(0x12, 4, 0, 0, 0, 0)],
    ['a replica twice', snapshot(fixed64(0n), 2, fixed64(a), 1, 0, fixed64(a), 1, 0, rows(), 0, 0)],
    ['replica zero', snapshot(fixed64(0n), 1, fixed64(0n), 1, 0, rows(), 0, 0)],
    ['more elements than ops', snapshot(fixed64(0n), 1, fixed64(a), 1, 2, rows([0, 2]), 0, 0)],
    ['versions in no text', snapshot(fixed64(0n), 1, fixed64(a), 3, 3, rows([0, 3]), 0, 0)],
    ['a version twice', snapshot(fixed64(0n), 1, fixed64(a), 3, 3, rows([0, 3]), 1, 0, Kind.Text, 'text', 0, spans([0, 5], [6, 6], 'abcabc'))],
    ['a version twice and another never', snapshot(fixed64(0n), 1, fixed64(a), 4, 4, rows([0, 4]), 1, 0, Kind.Text, 'text', 0, spans([0, 3], [4, 4], 'abab'))],
    ['an origin younger than what hangs on it', snapshot(fixed64(0n), 1, fixed64(a), 3, 3, rows([0, 3]), 1, 0, Kind.Text, 'text', 0, [1, 1, 0, 1, 6, 1, 3, bytesOf([0, 2, 0]), 0, 'abc', 0])],
    ['less text than units', snapshot(fixed64(0n), 1, fixed64(a), 3, 3, rows([0, 3]), 1, 0, Kind.Text, 'text', 0, spans([0], [6], 'ab'))],
    ['something after the end', snapshot(fixed64(0n), 0, rows(), 0, 0, 1)],
  ])('with %s is refused', (_name, bytes) => refuses(bytes));
});

describe('an update of several blocks', () => {
  it('stands up to the first bad block', () => {
    const author = new EngineDocument(a);
    author.counterAdd(author.container(['n'], Kind.Counter), 1);
    const good = author.take()!;
    expect(() => doc.apply(concat([good, batch(a, 2, 1, 0, [7])]))).toThrow(expect.objectContaining({ code: 'invalid_update' }));
    expect(doc.toJSON()).toEqual({ n: 1 });
  });

  it('whose lengths do not add up changes nothing at all', () => {
    const author = new EngineDocument(a);
    author.counterAdd(author.container(['n'], Kind.Counter), 1);
    const good = author.take()!;
    refuses(concat([good, good.subarray(0, 5)]));
    refuses(concat([good, Uint8Array.of(0x20, 0)]));
    refuses(concat([good, Uint8Array.of(0x13, 0)]));
  });

  it('may hold a snapshot, then what came after it, then another snapshot', () => {
    const author = write('abc');
    const one = author.snapshot();
    author.textInsert(author.container(['text'], Kind.Text), 3, 'd');
    const reader = new EngineDocument(c);
    const { generation } = reader;
    reader.apply(concat([one, author.take()!, author.snapshot()]));
    expect(reader.digest()).toBe(author.digest());
    author.textInsert(author.container(['text'], Kind.Text), 4, 'e');
    const late = new EngineDocument(c);
    late.apply(concat([one, author.snapshot()]));
    expect([late.digest(), late.generation, reader.generation]).toEqual([author.digest(), generation + 1, generation + 1]);
  });
});

describe('a void', () => {
  it('is made only of a batch', () => {
    const author = write('abc');
    expect(() => voidOf(author.snapshot())).toThrow(expect.objectContaining({ code: 'invalid_update' }));
    expect(() => voidOf(voidBlock(a, 1, 1, 1))).toThrow(expect.objectContaining({ code: 'invalid_update' }));
    expect(() => voidOf(new Uint8Array(0))).toThrow(expect.objectContaining({ code: 'invalid_update' }));
  });

  it('may not void more elements than ops, nor a part', () => {
    write('abc');
    refuses(voidBlock(a, 4, 1, 2));
    refuses(voidBlock(a, 3, 2, 2));
  });
});
