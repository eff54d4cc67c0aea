// Snapshots and exports: what a document is, told so that another can go on from it.

import { describe, expect, it } from '@jest/globals';
import { readBlocks } from '../../sdk/core/codec.js';
import { EngineDocument, Kind, rootContainer } from '../../sdk/core/document.js';
import { Random } from '../../sdk/testing/seed.js';

const [a, b, c] = ['00000000000000a1', '8000000000000000', 'ffffffffffffffff'];

function load(replica: string, ...updates: Uint8Array[]): EngineDocument {
  const doc = new EngineDocument(replica);
  updates.forEach((update) => doc.apply(update));
  return doc;
}

function text(doc: EngineDocument): number { return doc.container(['text'], Kind.Text); }

describe('a snapshot', () => {
  it('of an empty document is known to everybody', () => {
    const { length } = new EngineDocument(a).snapshot();
    expect(length).toBeLessThan(40);
    expect(load(b).apply(new EngineDocument(a).snapshot())).toEqual({ applied: 0, duplicates: 1, waiting: 0 });
  });

  it('stands for what is applied, not for blocks that wait', () => {
    const author = new EngineDocument(a);
    author.textInsert(text(author), 0, 'one');
    const first = author.take()!;
    author.textInsert(text(author), 3, 'two');
    const reader = load(b, author.take()!);
    const early = reader.snapshot();
    expect([reader.waiting(), load(c, early).toJSON()]).toEqual([1, {}]);
    reader.apply(first);
    expect([reader.waiting(), reader.digest()]).toEqual([0, author.digest()]);
  });

  it('is the same after any number of loadings by replicas that only read', () => {
    const author = new EngineDocument(a);
    author.mapSet(rootContainer, 'key', 1, 1);
    author.setAdd(author.container(['set'], Kind.Set), 1);
    author.counterAdd(author.container(['count'], Kind.Counter), 1);
    author.textInsert(text(author), 0, 'abc');
    const bytes = author.snapshot();
    expect(load(c, load(b, bytes).snapshot()).snapshot()).toEqual(bytes);
  });

  it('sets free the blocks that waited for what it brings', () => {
    const author = new EngineDocument(a);
    author.textInsert(text(author), 0, 'one');
    const snapshot = author.snapshot();
    author.take();
    author.textInsert(text(author), 3, 'two');
    const reader = load(b, author.take()!, snapshot);
    expect([reader.waiting(), reader.digest()]).toEqual([0, author.digest()]);
  });

  it('may be gone on from, beside a peer that has the whole history', () => {
    const author = new EngineDocument(a);
    for (let i = 0; i < 50; i++) author.textInsert(text(author), i % 2 === 0 ? 0 : author.textLength(text(author)), `😀${i}`);
    author.textDelete(text(author), 0, 2);
    const late = load(b, author.snapshot());
    late.textInsert(text(late), 0, 'late');
    late.textDelete(text(late), 4, 2);
    author.textInsert(text(author), 0, 'early');
    author.apply(late.take()!);
    late.apply(author.export(late.version()));
    expect(late.digest()).toBe(author.digest());
  });

  it('of 1,000 keys after 100,000 sets in a fifth of a second is under 16 KB', () => {
    const doc = new EngineDocument(a);
    for (let i = 0; i < 100_000; i++) doc.mapSet(rootContainer, `key${i % 1000}`, i, 1_700_000_000_000 + i / 500);
    expect(doc.snapshot().length).toBeLessThan(16 * 1024);
  });

  it('of 12,000 spans loads in no time that grows with anything but them', () => {
    const random = new Random(3);
    const doc = new EngineDocument(a);
    for (let i = 0; i < 6000; i++) doc.textInsert(text(doc), random.int(doc.textLength(text(doc)) + 1), 'abcdefgh');
    const bytes = doc.snapshot();
    const times = Array.from({ length: 10 }, () => {
      const started = performance.now();
      load(b, bytes).free();
      return performance.now() - started;
    });
    expect(Math.min(...times)).toBeLessThan(500);
  });
});

describe('an export', () => {
  it('since any earlier version is just what the peer lacks', () => {
    const [author, other] = [new EngineDocument(a), new EngineDocument(b)];
    const random = new Random(5);
    const versions: { version: Uint8Array; state: Uint8Array }[] = [];
    for (let i = 0; i < 40; i++) {
      versions.push({ version: author.version(), state: author.export() });
      const doc = random.pick([author, other]);
      doc.textInsert(text(doc), random.int(doc.textLength(text(doc)) + 1), `${i}`);
      other.apply(author.export(other.version()));
      author.apply(other.export(author.version()));
    }
    for (const { version, state } of versions) {
      const peer = load(c, state);
      const { duplicates } = peer.apply(author.export(version));
      expect([peer.digest(), duplicates]).toEqual([author.digest(), 0]);
    }
    expect(author.export(author.version()).length).toBe(0);
  });

  it('after trim is a snapshot for whoever lacks what was forgotten, and batches for the others', () => {
    const author = new EngineDocument(a);
    author.textInsert(text(author), 0, 'abc');
    author.take();
    const behind = new EngineDocument(b).version();
    const level = author.version();
    author.trim();
    author.textInsert(text(author), 3, 'd');
    expect(readBlocks(author.export(behind)).map(({ kind }) => kind)).toEqual(['snapshot']);
    expect(readBlocks(author.export(level)).map(({ kind, seqFrom, seqTo }) => [kind, seqFrom, seqTo])).toEqual([['batch', 4, 4]]);
    expect(load(b, author.export(behind)).digest()).toBe(author.digest());
  });

  it.each([['cut', [1, 1, 2, 3]], ['for replica zero', [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]], ['longer than it says', [0, 0]], ['counting too many', [255, 255, 255, 255, 15]]])(
    'since a vector that is %s is refused', (_name, bytes) => {
      expect(() => new EngineDocument(a).export(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'invalid_update' }));
    });
});
