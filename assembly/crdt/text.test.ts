// Text, case by case: what people type, what they type at once, and what a peer may send when.

import { describe, expect, it } from '@jest/globals';
import { voidOf } from '../../sdk/core/codec.js';
import { EngineDocument, Kind } from '../../sdk/core/document.js';
import { Random } from '../../sdk/testing/seed.js';
import { concat } from '../../sdk/testing/text-peers.js';

const [a, b, c] = ['00000000000000a1', 'ffffffffffffffff', '8000000000000000'];

/** A document with one text. */
class Peer {
  readonly doc: EngineDocument;

  constructor(replica: string, ...updates: Uint8Array[]) {
    this.doc = new EngineDocument(replica);
    updates.forEach((update) => this.doc.apply(update));
  }

  get text(): number { return this.doc.container(['text'], Kind.Text); }

  insert(index: number, text: string): this {
    this.doc.textInsert(this.text, index, text);
    return this;
  }

  delete(index: number, count: number): this {
    this.doc.textDelete(this.text, index, count);
    return this;
  }

  take(): Uint8Array { return this.doc.take()!; }

  toString(): string { return this.doc.textRead(this.text, 0, this.doc.textLength(this.text)); }
}

/** Everybody gets everything, each in another order; they must agree. @returns the text */
function meet(...peers: Peer[]): string {
  const updates = peers.map((peer) => peer.doc.export());
  peers.forEach((peer, who) => [...updates.slice(who), ...updates.slice(0, who)].forEach((update) => peer.doc.apply(update)));
  for (const peer of peers) expect([`${peer}`, peer.doc.digest()]).toEqual([`${peers[0]}`, peers[0].doc.digest()]);
  return `${peers[0]}`;
}

describe('typing', () => {
  it('reads as typed, forwards, backwards and in the middle', () => {
    const peer = new Peer(a).insert(0, 'b').insert(1, 'd').insert(1, 'c').insert(0, 'a');
    expect(`${peer}`).toBe('abcd');
    expect(`${new Peer(b, peer.take())}`).toBe('abcd');
  });

  it('is one op on the wire while it goes on in one direction', () => {
    const peer = new Peer(a);
    for (let i = 0; i < 1000; i++) peer.insert(i, 'x');
    expect(peer.take().length).toBeLessThan(1030);
    for (let i = 999; i >= 500; i--) peer.delete(i, 1);
    for (let i = 0; i < 500; i++) peer.delete(0, 1);
    expect(peer.take().length).toBeLessThan(30);
  });

  it('costs at most 10 bytes of payload a keystroke, whichever way it goes', () => {
    const peer = new Peer(a).insert(0, 'hello');
    peer.take();
    const head = 2 + 8 + 1;
    for (const edit of [() => peer.insert(5, '!'), () => peer.insert(0, 'x'), () => peer.delete(3, 1), () => peer.insert(2, 'y')]) {
      edit();
      expect(peer.take().length - head).toBeLessThanOrEqual(10);
    }
  });

  it('costs at most 3 bytes a character in a run that is flushed at once, also when mistakes are taken back', () => {
    const words = 'the quick brown fox jumps over the lazy dog';
    const ways: ((peer: Peer, from: number) => void)[] = [
      (peer, from) => { [...words].forEach((letter, i) => peer.insert(from + i, letter)); },
      // Every eighth letter is mistyped and taken back.
      (peer, from) => { [...words].forEach((letter, i) => (i % 8 === 7 ? peer.insert(from + i, '#').delete(from + i, 1) : peer).insert(from + i, letter)); },
    ];
    for (const way of ways) {
      for (const from of [0, 3, 6]) {
        const peer = new Peer(a).insert(0, 'before');
        peer.take();
        way(peer, from);
        const update = peer.take();
        expect(update.length / words.length).toBeLessThanOrEqual(3);
      }
    }
  });

  it('takes a paste of 100,000 units of one to three bytes, cut into batches between characters', () => {
    const book = 'aé漢😀'.repeat(20_000);
    const peer = new Peer(a).insert(0, 'ab').insert(1, book);
    const update = peer.take();
    expect(`${new Peer(b, update)}` === `a${book}b`).toBe(true);
    expect(new Peer(b, update).doc.digest()).toBe(peer.doc.digest());
  });

  it('deletes in two texts at once without taking one for the other', () => {
    const doc = new EngineDocument(a);
    const [left, right] = ['left', 'right'].map((key) => doc.container([key], Kind.Text));
    doc.textInsert(left, 0, 'a');
    doc.textInsert(right, 0, 'b');
    doc.textDelete(left, 0, 1);
    doc.textDelete(right, 0, 1);
    const reader = new Peer(b, doc.take()!);
    expect(reader.doc.digest()).toBe(doc.digest());
  });

  it('deletes in two texts at once, the later character first', () => {
    const doc = new EngineDocument(a);
    const [left, right] = ['left', 'right'].map((key) => doc.container([key], Kind.Text));
    doc.textInsert(left, 0, 'a');
    doc.textInsert(right, 0, 'b');
    doc.textDelete(right, 0, 1);
    doc.textDelete(left, 0, 1);
    expect(new Peer(b, doc.take()!).doc.digest()).toBe(doc.digest());
  });
});

describe('concurrent typing', () => {
  it('keeps all runs whole when three replicas type forwards at one place', () => {
    const start = new Peer(a).insert(0, '[]').take();
    const peers = [a, b, c].map((id) => new Peer(id, start));
    peers.forEach((peer, who) => [...'123'].forEach((digit, i) => peer.insert(1 + i, 'abc'[who] + digit[0]).delete(1 + i, 1)));
    expect(meet(...peers)).toMatch(/^\[(123){3}\]$/);
  });

  it('keeps all runs whole when three replicas type backwards at one place', () => {
    const start = new Peer(a).insert(0, '[]').take();
    const peers = [a, b, c].map((id) => new Peer(id, start));
    peers.forEach((peer, who) => { for (let i = 0; i < 4; i++) peer.insert(1, 'abc'[who]); });
    expect([...meet(...peers).matchAll(/a{4}|b{4}|c{4}/g)].length).toBe(3);
  });

  it('puts the lower replica id first, compared without a sign', () => {
    expect(meet(new Peer(a).insert(0, 'a'), new Peer(b).insert(0, 'b'), new Peer(c).insert(0, 'c'))).toBe('acb');
  });

  it('puts whoever aimed at the end before whoever aimed at what stands there', () => {
    const x = new Peer(a).insert(0, 'x').take();
    const w = new Peer(b).insert(0, 'w').take();
    expect(meet(new Peer('000000000000000e', x).insert(1, 'e'), new Peer('000000000000000d', x, w).insert(1, 'm'))).toBe('xemw');
  });

  it('keeps an insertion at the edge of a range that is deleted at the same time, or inside it', () => {
    const start = new Peer(a).insert(0, 'abcdef').take();
    for (const index of [1, 2, 3, 4, 5]) {
      const deleter = new Peer(a, start).delete(1, 4);
      const writer = new Peer(b, start).insert(index, 'X');
      expect(meet(deleter, writer)).toBe('aXf');
    }
  });

  it('deletes once what several delete', () => {
    const start = new Peer(a).insert(0, 'abcdef').take();
    expect(meet(new Peer(a, start).delete(0, 4), new Peer(b, start).delete(2, 4), new Peer(c, start).delete(3, 1))).toBe('');
  });

  it('reads the same in whatever order batches come', () => {
    const one = new Peer(a).insert(0, 'one');
    const batches = [one.take(), one.delete(1, 1).take(), one.insert(0, '>').take(), one.insert(3, '<').take()];
    const random = new Random(7);
    for (let run = 0; run < 24; run++) {
      const reader = new Peer(b);
      random.shuffle(batches).forEach((update) => reader.doc.apply(update));
      expect(reader.doc.digest()).toBe(one.doc.digest());
    }
  });
});

describe('the known counter-examples', () => {
  it('backward typing: two runs typed from their ends stay two runs, however their letters arrive', () => {
    const peers = [new Peer(a), new Peer(b)];
    const letters = peers.flatMap((peer, who) => [...(who ? 'bread ' : 'milk ')].reverse().map((letter) => peer.insert(0, letter).take()));
    const random = new Random(11);
    for (let run = 0; run < 24; run++) {
      const reader = new Peer(c, ...random.shuffle(letters));
      expect(`${reader}`).toBe('milk bread ');
    }
  });

  it('backward typing against forward typing: neither run is cut', () => {
    const start = new Peer(a).insert(0, '[]').take();
    const [forward, backward] = [new Peer(a, start), new Peer(b, start)];
    [...'12345'].forEach((digit, i) => forward.insert(1 + i, digit));
    [...'54321'].forEach((digit) => backward.insert(1, digit));
    expect(meet(forward, backward)).toBe('[1234512345]');
  });

  it('three replicas: one who goes on with another\'s run lets nobody in between', () => {
    const one = new Peer(a).insert(0, 'mi');
    const seen = one.take();
    const three = new Peer(c, seen).insert(2, 'nt');
    one.insert(2, 'lk');
    expect(meet(one, new Peer(b).insert(0, 'eggs'), three)).toBe('milknteggs');
  });

  it('three replicas: an answer written backwards into another\'s run does not open it to the third', () => {
    const one = new Peer(c).insert(0, 'x');
    const two = new Peer(a, one.take());
    [...'cba'].forEach((letter) => two.insert(0, letter));
    expect(meet(one.insert(1, 'yz'), two, new Peer(b).insert(0, '123'))).toBe('abcxyz123');
  });

  it('surrogate pairs: an emoji stays whole between what others write on both its sides while it is deleted', () => {
    const start = new Peer(a).insert(0, 'a😀b').take();
    const [left, right] = [new Peer(b, start).insert(1, '👍'), new Peer(c, start).insert(3, '👎')];
    expect(meet(left, right, new Peer(a, start).delete(1, 2))).toBe('a👍👎b');
  });

  it('the edge of a deleted range: who deleted it and wrote there, and who wrote at both edges, all keep their words', () => {
    const start = new Peer(a).insert(0, 'abcdef').take();
    const deleter = new Peer(a, start).delete(1, 4).insert(1, 'XX');
    const [left, right] = [new Peer(b, start).insert(1, 'LL'), new Peer(c, start).insert(5, 'RR')];
    expect(meet(deleter, left, right)).toBe('aXXLLRRf');
  });
});

describe('a surrogate pair', () => {
  it('is not taken apart: an index inside it is refused, and nothing has changed', () => {
    const peer = new Peer(a).insert(0, 'a😀b');
    const before = peer.doc.digest();
    const calls = [() => peer.insert(2, 'x'), () => peer.insert(2, 'xy'), () => peer.insert(2, ''), () => peer.delete(2, 1), () => peer.delete(1, 1), () => peer.delete(0, 2)];
    for (const call of calls) expect(call).toThrow(expect.objectContaining({ code: 'index_out_of_range' }));
    expect([`${peer}`, peer.doc.digest()]).toEqual(['a😀b', before]);
    expect(`${peer.delete(1, 2)}`).toBe('ab');
  });

  it('that is half missing is a U+FFFD', () => {
    const peer = new Peer(a).insert(0, '\ud83d').insert(1, '\ude00').insert(2, 'x\ude00\ud83dx').insert(0, '\ud83d\ud83d\ude00');
    expect(`${peer}`).toBe('\ufffd😀\ufffd\ufffdx\ufffd\ufffdx');
    expect(`${new Peer(b, peer.take())}`).toBe(`${peer}`);
  });

  it('survives a deletion of its neighbours by others, character by character', () => {
    const start = new Peer(a).insert(0, '😀😀😀').take();
    expect(meet(new Peer(a, start).delete(0, 2), new Peer(b, start).delete(4, 2))).toBe('😀');
  });
});

describe('an index outside the text', () => {
  it.each([[0, 4], [3, 1], [4, 0], [-1, 1], [1, -1], [2 ** 32, 1], [2 ** 31, 2 ** 31]])('is refused: delete(%i, %i)', (index, count) => {
    const peer = new Peer(a).insert(0, 'abc');
    expect(() => peer.delete(index, count)).toThrow(expect.objectContaining({ code: 'index_out_of_range' }));
    expect(`${peer}`).toBe('abc');
  });

  it.each([4, -1, 2 ** 32, NaN, 0.5])('is refused: insert(%d)', (index) => {
    const peer = new Peer(a).insert(0, 'abc');
    for (const text of ['x', 'xyz', '']) expect(() => peer.insert(index, text)).toThrow(expect.objectContaining({ code: 'index_out_of_range' }));
    expect(`${peer}`).toBe('abc');
  });
});

describe('an element', () => {
  it('is where its character goes, whoever edits, and keeps its place when it is deleted', () => {
    const peer = new Peer(a).insert(0, 'hello world');
    const at = (index: number) => peer.doc.textElement(peer.text, index)!;
    const where = (name: ReturnType<typeof at>, isAfter = false) => peer.doc.textResolve(peer.text, name, isAfter);
    const w = at(6);
    expect(w).toEqual({ replica: a, elem: 6 });
    const other = new Peer(b, peer.take()).insert(0, '>> ').insert(9, 'big ');
    peer.doc.apply(other.take());
    expect([`${peer}`, where(w), where(w, true)]).toEqual(['>> hello big world', 13, 14]);
    peer.delete(10, 5);
    expect([where(w), where(w, true)]).toEqual([10, 10]);
    peer.insert(10, '!');
    expect(`${peer}`.slice(where(w))).toBe('rld');
  });

  it('is none at the end of the text, and nowhere when it is unknown or in another text', () => {
    const peer = new Peer(a).insert(0, 'ab');
    expect(peer.doc.textElement(peer.text, 2)).toBeNull();
    expect(peer.doc.textResolve(peer.text, { replica: a, elem: 2 }, false)).toBe(-1);
    expect(peer.doc.textResolve(peer.text, { replica: b, elem: 0 }, false)).toBe(-1);
    const other = peer.doc.container(['other'], Kind.Text);
    expect(peer.doc.textResolve(other, { replica: a, elem: 0 }, false)).toBe(-1);
  });
});

describe('a void', () => {
  it('takes a batch\'s place: what followed it goes on, in snapshots and merges too', () => {
    const peer = new Peer(a).insert(0, 'one');
    const [first, second] = [peer.take(), peer.insert(0, 'two').take()];
    const third = new Peer(a, first, voidOf(second)).insert(3, '!').take();
    const whole = new Peer(b, first, voidOf(second), third);
    expect(`${whole}`).toBe('one!');
    expect(whole.doc.seqOf(a)).toBe(7);
    const other = new Peer(c).insert(0, 'c');
    const late = new Peer(c, other.take(), whole.doc.snapshot());
    const fresh = new Peer(c, whole.doc.snapshot(), other.doc.export());
    whole.doc.apply(other.doc.export());
    for (const doc of [late.doc, fresh.doc]) expect(doc.digest()).toBe(whole.doc.digest());
    expect(new Peer(b, late.doc.snapshot()).doc.digest()).toBe(whole.doc.digest());
  });

  it('makes invalid what hangs on it, and nothing else', () => {
    const peer = new Peer(a).insert(0, 'one');
    const [first, second] = [peer.take(), peer.insert(3, 'two').take()];
    const inside = peer.insert(4, '-').take();
    const reader = new Peer(b, first, voidOf(second));
    const before = reader.doc.digest();
    expect(() => reader.doc.apply(inside)).toThrow(expect.objectContaining({ code: 'invalid_update' }));
    expect(reader.doc.digest()).toBe(before);
    reader.doc.apply(voidOf(inside));
    expect(reader.doc.seqOf(a)).toBe(7);
  });

  it('is known the second time', () => {
    const update = new Peer(a).insert(0, 'x').take();
    const reader = new Peer(b, voidOf(update));
    expect(reader.doc.apply(concat([update, voidOf(update)]))).toEqual({ applied: 0, duplicates: 2, waiting: 0 });
  });

  it('of many in a row merges, without a stack frame for each', () => {
    const doc = new EngineDocument(b);
    const peer = new Peer(a);
    const voids: Uint8Array[] = [];
    for (let i = 0; i < 20_000; i++) voids.push(voidOf(peer.insert(0, 'x').take()));
    doc.apply(concat(voids));
    const other = new Peer(c).insert(0, 'c');
    other.doc.apply(doc.snapshot());
    expect(other.doc.seqOf(a)).toBe(20_000);
  });
});

describe('a replica', () => {
  it('goes on with its seqs when it comes back from a snapshot', () => {
    const first = new Peer(a).insert(0, 'abc').delete(1, 1);
    const again = new Peer(a, first.doc.snapshot()).insert(2, 'd');
    expect([again.doc.seqOf(a), `${again}`]).toEqual([5, 'acd']);
    const reader = new Peer(b, first.take(), again.take());
    expect(reader.doc.digest()).toBe(again.doc.digest());
  });

  it('can take another id mid-life', () => {
    const peer = new Peer(a).insert(0, 'abc');
    peer.doc.replica = b;
    peer.insert(1, '-').delete(0, 1);
    peer.doc.replica = a;
    peer.insert(3, '!');
    const update = peer.take();
    expect([peer.doc.seqOf(a), peer.doc.seqOf(b)]).toEqual([4, 2]);
    expect(new Peer(c, update).doc.digest()).toBe(peer.doc.digest());
  });
});

describe('a batch that is partly known', () => {
  it('gives its new part, wherever it is cut', () => {
    for (let cut = 1; cut < 9; cut++) {
      const whole = new Peer(a).insert(0, 'ab').insert(2, 'cdef').delete(1, 3);
      const part = new Peer(a);
      [...'abcdef'].slice(0, cut).forEach((letter, i) => part.insert(i, letter));
      for (let i = 6; i < cut; i++) part.delete(1, 1);
      const reader = new Peer(b, part.take());
      expect(reader.doc.seqOf(a)).toBe(cut);
      reader.doc.apply(whole.take());
      expect(reader.doc.digest()).toBe(whole.doc.digest());
    }
  });

  it('gives its new part of a backspaced run too', () => {
    for (let cut = 1; cut < 6; cut++) {
      const start = new Peer(a).insert(0, 'abcdef').take();
      const [whole, part] = [new Peer(a, start), new Peer(a, start)];
      for (let i = 5; i >= 0; i--) whole.delete(i, 1);
      for (let i = 5; i > 5 - cut; i--) part.delete(i, 1);
      const reader = new Peer(b, start, part.take(), whole.take());
      expect(reader.doc.digest()).toBe(whole.doc.digest());
    }
  });
});
