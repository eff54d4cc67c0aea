// Updates as listeners get them: half the id, the least that tells what was typed, and the same document in the end.

import { describe, expect, it } from '@jest/globals';
import { EngineDocument, Kind, rootContainer } from '../../sdk/core/document.js';
import { bytesOf, type Part } from '../../sdk/testing/crafted.js';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';
import { concat } from '../../sdk/testing/text-peers.js';

const [a, b, c] = ['00000000000000a1', '00000000000000b2', '00000000000000c3'];
const nameFactor = 0x9e3779b97f4a7c15n;

/** The upper half of the id times the factor, little-endian: FORMAT.md. */
function nameOf(replica: string): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, Number(BigInt.asUintN(64, BigInt(`0x${replica}`) * nameFactor) >> 32n), true);
  return out;
}

/** Another replica with the same brief name. */
function twinOf(replica: string): string {
  let inverse = 1n;
  for (let i = 0; i < 6; i++) inverse = BigInt.asUintN(64, inverse * (2n - nameFactor * inverse));
  const product = BigInt.asUintN(64, BigInt(`0x${replica}`) * nameFactor) ^ 1n;
  return BigInt.asUintN(64, product * inverse).toString(16).padStart(16, '0');
}

/** A writer whose first updates are past: the bytes of what it does now. */
function writer(replica = a, text = 'abc') {
  const doc = new EngineDocument(replica);
  const number = doc.container(['text'], Kind.Text);
  doc.textInsert(number, 0, text);
  const first = doc.tell()!;
  return {
    doc,
    first,
    insert(index: number, some: string) { doc.textInsert(number, index, some); return doc.tell()!; },
    delete(index: number, count: number) { doc.textDelete(number, index, count); return doc.tell()!; },
    text: () => doc.textRead(number, 0, doc.textLength(number)),
  };
}

function brief(head: number, ...body: Part[]): Uint8Array {
  const bytes = bytesOf(body);
  return bytesOf(Uint8Array.of(head), bytes.length, bytes);
}

describe('a brief update', () => {
  it('tells a character typed after the last in its head, the name and the seq', () => {
    const { insert } = writer();
    expect(insert(3, 'h')).toEqual(bytesOf(Uint8Array.of(0x80 + 104), nameOf(a), 4));
    expect(insert(4, ' ')).toEqual(bytesOf(Uint8Array.of(0xa0), nameOf(a), 5));
    expect(insert(5, '~')).toEqual(bytesOf(Uint8Array.of(0xfe), nameOf(a), 6));
  });

  it('is a batch with half an id for everything else', () => {
    const { insert, delete: remove } = writer();
    expect(insert(3, '\n')).toEqual(brief(0x90, nameOf(a), 4, 0x18, '\n'));
    expect(insert(4, 'é')).toEqual(brief(0x90, nameOf(a), 5, 0x18, 'é'));
    expect(insert(5, 'two')).toEqual(brief(0x80, nameOf(a), 6, 3, 0x18, 'two'));
    expect(insert(1, 'x')).toEqual(brief(0x90, nameOf(a), 9, 0x28, 8, 7, 'x'));
    expect(remove(0, 2)).toEqual(brief(0x80, nameOf(a), 10, 2, 0x09, 9, 1, 0x09, 1, 1));
  });

  it('names other replicas by half their ids, too', () => {
    const { doc, first, insert } = writer();
    const reader = writer(b, 'zz');
    reader.doc.apply(first);
    for (const update of [reader.first, reader.insert(5, '!')]) doc.apply(update);
    // On top of 3 ops of the other; after the own c, before the other's first element.
    expect(insert(3, 'x')).toEqual(brief(0x93, nameOf(a), 4, 1, nameOf(b), 1, 1, 3, 0x48, 1, 1, 0, 'x'));
  });

  it('is no mere keystroke when its author has seen something new', () => {
    const { doc, first, insert } = writer();
    const peer = new EngineDocument(b);
    peer.mapSet(rootContainer, 'k', 1, 1);
    doc.apply(peer.snapshot());
    const typed = insert(3, 'd');
    expect(typed[0] & 0xe2).toBe(0x82);
    const reader = new EngineDocument(c);
    reader.apply(first);
    expect(reader.apply(typed).waiting).toBe(1);
  });

  it('is no mere keystroke where another came between the newest element and its right origin', () => {
    const [own, peer] = [writer(a, 'a'), writer(b, 'P')];
    const again = new EngineDocument(a);
    for (const update of [peer.first, own.first]) again.apply(update);
    const text = again.container(['text'], Kind.Text);
    expect(again.textRead(text, 0, 2)).toBe('aP');
    again.mapSet(rootContainer, 'k', 1, 1);
    const seen = again.tell()!;
    again.textInsert(text, 1, 'b');
    const typed = again.tell()!;
    expect(typed[0]).toBeLessThan(0xa0);
    const reader = new EngineDocument(c);
    for (const update of [own.first, peer.first, seen, typed]) reader.apply(update);
    expect([reader.textRead(text, 0, 3), reader.digest()]).toEqual(['abP', again.digest()]);
  });

  it('is a full one when the author may be new to whoever gets it', () => {
    const { doc, first } = writer();
    expect(first).toEqual(doc.export());
  });

  it('comes to the same document as the full ones, in any order and any number of times', () => {
    const random = new Random(seedFromEnv());
    for (let round = 0; round < 200; round++) {
      const peers = [a, b, c].map((replica) => writer(replica, `${replica} 😀`));
      const updates = peers.map(({ first }) => first);
      for (let step = 0; step < 30; step++) {
        const peer = random.pick(peers);
        const length = peer.text().length;
        const update = random.chance(0.3) ? peer.delete(0, 1) : peer.insert(length, random.pick(['a', 'b', 'word', '\n', 'é']));
        updates.push(update);
        if (random.chance(0.6)) for (const other of peers) other.doc.apply(update);
      }
      for (const { doc } of peers) for (const update of updates) doc.apply(update);
      const reader = new EngineDocument('00000000000000d4');
      for (const update of random.shuffle([...updates, ...updates.slice(0, 9)])) reader.apply(update);
      expect([reader.digest(), reader.waiting()]).toEqual([peers[0].doc.digest(), 0]);
      const joined = new EngineDocument('00000000000000d5');
      joined.apply(concat(random.shuffle(updates)));
      expect(joined.digest()).toBe(peers[1].doc.digest());
      for (const { doc } of peers) doc.free();
      reader.free();
      joined.free();
    }
  });

  it('waits for an author nobody here has heard of, and says so by its brief name', () => {
    const { first, insert, text } = writer();
    const later = [insert(3, 'd'), insert(1, 'x'), insert(2, 'word')];
    const reader = new EngineDocument(b);
    for (const update of later.reverse()) expect(reader.apply(update)).toEqual({ applied: 0, duplicates: 0, waiting: 1 });
    const name = new DataView(nameOf(a).buffer).getUint32(0, true).toString(16).padStart(16, '0');
    expect(() => reader.apply(later[0], { wait: false })).toThrow(expect.objectContaining({ code: 'missing_dependency', details: { replica: name, seq: 1 } }));
    expect(reader.waiting()).toBe(3);
    expect(reader.apply(first)).toEqual({ applied: 4, duplicates: 0, waiting: 0 });
    expect([reader.textRead(reader.container(['text'], Kind.Text), 0, text().length), reader.waiting()]).toEqual([text(), 0]);
  });

  it('waits for a stranger it names, and for a second one after that', () => {
    const [one, two, three] = [writer(a, 'one'), writer(b, 'two'), writer(c, 'three')];
    for (const { first } of [one, two]) three.doc.apply(first);
    const update = three.insert(three.text().length, '!');
    const reader = new EngineDocument('00000000000000d4');
    reader.apply(three.first);
    expect(reader.apply(update).waiting).toBe(1);
    expect(reader.apply(two.first).applied).toBe(1);
    expect(reader.waiting()).toBe(1);
    expect(reader.apply(one.first).applied).toBe(2);
    expect(reader.digest()).toBe(three.doc.digest());
  });

  it('lets its author begin anew as the stranger that blocks wait for', () => {
    const { first, insert } = writer();
    const reader = new EngineDocument(b);
    reader.apply(insert(3, 'd'));
    reader.replica = a;
    expect(reader.apply(first).applied).toBe(2);
    expect(reader.waiting()).toBe(0);
  });

  it('goes out in full where two replicas here share a name', () => {
    const { doc, first, insert } = writer();
    const twin = writer(twinOf(a), 'twin');
    expect(nameOf(twin.doc.replica)).toEqual(nameOf(a));
    doc.apply(twin.first);
    expect(insert(0, 'x')[0]).toBe(0x10);
    const reader = new EngineDocument(b);
    for (const update of [first, twin.first]) reader.apply(update);
    const digest = reader.digest();
    expect(() => reader.apply(twin.insert(4, 'y'))).toThrow(expect.objectContaining({ code: 'invalid_update' }));
    expect(reader.digest()).toBe(digest);
    reader.apply(twin.doc.export(reader.version()));
    expect(reader.seqOf(twin.doc.replica)).toBe(5);
  });

  it('is kept and passed on in full where it must be readable without the document', () => {
    const { doc, first, insert } = writer();
    const reader = new EngineDocument(b);
    reader.apply(first);
    const version = reader.version();
    const update = insert(3, 'd');
    reader.apply(update);
    expect(reader.export(version)[0]).toBe(0x10);
    expect(reader.export(version)).toEqual(reader.news(false));
    expect(reader.news(true)).toEqual(update);
    expect(reader.export()).toEqual(doc.export());
  });
});

describe('what is told, taken and new', () => {
  it('are counted apart: listeners and storage each get every op once', () => {
    const doc = new EngineDocument(a);
    doc.mapSet(rootContainer, 'x', 1, 1);
    expect(doc.tell()).toEqual(doc.export());
    doc.mapSet(rootContainer, 'x', 2, 2);
    const told = doc.tell()!;
    expect(doc.take()).toEqual(doc.export());
    expect([doc.tell(), doc.take()]).toEqual([null, null]);
    const reader = new EngineDocument(b);
    reader.apply(doc.export());
    expect(reader.apply(told)).toEqual({ applied: 0, duplicates: 1, waiting: 0 });
  });

  it('news are the blocks that were new, and those that they set free', () => {
    const { first, insert } = writer();
    const [second, third] = [insert(3, 'd'), insert(4, 'e')];
    const reader = new EngineDocument(b);
    reader.apply(first);
    reader.apply(third);
    reader.apply(concat([first, second]));
    expect(reader.news(true)).toEqual(concat([second, third]));
    reader.apply(first);
    expect(reader.news(false)).toHaveLength(0);
  });

  it('news of a snapshot are a snapshot', () => {
    const { doc, insert } = writer();
    const reader = writer(b, 'own').doc;
    reader.apply(doc.snapshot());
    const other = new EngineDocument(c);
    other.apply(reader.news(false));
    expect(other.digest()).toBe(reader.digest());
    reader.apply(insert(0, 'z'));
    expect(reader.news(false)[0]).toBe(0x10);
  });
});

describe('a damaged brief update', () => {
  const { first } = writer();
  const cases: Record<string, Uint8Array> = {
    'cut in the name': bytesOf(Uint8Array.of(0xe1), nameOf(a).subarray(0, 3)),
    'without a seq': bytesOf(Uint8Array.of(0xe1), nameOf(a)),
    'with seq 0': bytesOf(Uint8Array.of(0xe1), nameOf(a), 0),
    'with a seq past the last': bytesOf(Uint8Array.of(0xe1), nameOf(a), 2 ** 32 - 1),
    'with name 0': bytesOf(Uint8Array.of(0xe1), new Uint8Array(4), 4),
    'with the unused head': bytesOf(Uint8Array.of(0xff), nameOf(a), 4),
    'shorter than its fields': brief(0x90, nameOf(a)),
    'longer than its ops': brief(0x90, nameOf(a), 4, 0x18, 'x', 0x18, 'y'),
    'with more units than it has': brief(0x80, nameOf(a), 4, 3, 0x18, 'x'),
    'with no units': brief(0x80, nameOf(a), 4, 0),
    'with a table of more names than there are bytes': brief(0x91, nameOf(a), 4, 9, nameOf(a), 0x18, 'x'),
    'with too long a table': brief(0x91, nameOf(a), 4, 17, new Uint8Array(68).fill(1), 0x18, 'x'),
    'with its author in its table': brief(0x91, nameOf(a), 4, 1, nameOf(a), 0x18, 'x'),
  };
  it.each(Object.keys(cases))('%s is refused, and changes nothing', (name) => {
    const reader = new EngineDocument(b);
    reader.apply(first);
    const before = [reader.digest(), reader.logBytes(), reader.export()];
    expect(() => reader.apply(cases[name])).toThrow(expect.objectContaining({ code: 'invalid_update' }));
    expect([reader.digest(), reader.logBytes(), reader.export()]).toEqual(before);
  });

  it.each([['after half a pair', '😀'], ['after nothing', '']])('a keystroke %s goes by the rules of any insertion', (_, text) => {
    const author = new EngineDocument(a);
    if (text) author.textInsert(author.container(['text'], Kind.Text), 0, text);
    else author.mapSet(rootContainer, 'k', 1, 1);
    const reader = new EngineDocument(b);
    reader.apply(author.take()!);
    const typed = bytesOf(Uint8Array.of(0xe1), nameOf(a), author.ownSeq + 1);
    if (text) expect(reader.apply(typed).applied).toBe(1);
    else expect(() => reader.apply(typed)).toThrow(expect.objectContaining({ code: 'invalid_update' }));
  });

  it('strangers that wait are bounded', () => {
    const reader = new EngineDocument(b);
    const update = (seq: number) => bytesOf(Uint8Array.of(0xe1), nameOf(a), seq);
    for (let seq = 2; seq < 16_386; seq++) reader.apply(update(seq));
    expect(() => reader.apply(update(20_000))).toThrow(expect.objectContaining({ code: 'too_large' }));
    expect(reader.waiting()).toBe(16_384);
    reader.free();
  });
});
