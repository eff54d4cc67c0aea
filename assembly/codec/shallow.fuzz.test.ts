// Snapshots without history: who starts from one shows what everybody shows, for ever after, or is told that it cannot.

import { describe, expect, it } from '@jest/globals';
import { EngineDocument, Kind, rootContainer } from '../../sdk/core/document.js';
import { HeadwaterError } from '../../sdk/core/errors.js';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';
import { outsidePair } from '../../sdk/testing/text-peers.js';

const seed = seedFromEnv();
const rounds = Number(process.env.ROUNDS ?? 1_500);
const id = (i: number) => `${(0x9e37_79b9 * (i + 1)) >>> 0}`.padStart(8, '0').slice(0, 8) + '0000000a';
const shallow = { history: false };
const text = (doc: EngineDocument) => doc.container(['text'], Kind.Text);
const content = (doc: EngineDocument) => doc.textRead(text(doc), 0, doc.textLength(text(doc)));

function load(replica: string, ...updates: Uint8Array[]): EngineDocument {
  const doc = new EngineDocument(replica);
  updates.forEach((update) => doc.apply(update));
  return doc;
}

/** @param reach  only so far into the text, where others write too */
function edit(doc: EngineDocument, random: Random, reach = Infinity): void {
  const length = Math.min(reach, doc.textLength(text(doc)));
  const at = outsidePair(content(doc), random.int(length + 1));
  const list = doc.container(['list'], Kind.List);
  const items = doc.listLength(list);
  switch (random.int(13)) {
    case 10: doc.listInsert(list, random.int(items + 1), [random.int(9), `${random.int(9)}`]); break;
    case 11: if (items > 0) doc.listDelete(list, random.int(items), 1); break;
    case 12: if (items > 0) doc.listMove(list, random.int(items), random.int(items), 1 + random.int(9)); break;
    case 0: doc.mapSet(rootContainer, random.pick(['k', 'l']), random.int(9), 1 + random.int(9)); break;
    case 1: doc.setAdd(doc.container(['set'], Kind.Set), random.int(5)); break;
    case 2: doc.setDelete(doc.container(['set'], Kind.Set), random.int(5)); break;
    case 3: doc.counterAdd(doc.container(['n'], Kind.Counter), random.int(5)); break;
    case 4: case 5: case 6: {
      const end = outsidePair(content(doc), Math.min(length, at + 1 + random.int(4)));
      if (end > at) doc.textDelete(text(doc), at, end - at);
      break;
    }
    default: doc.textInsert(text(doc), at, random.pick(['a', 'bc', 'def', '😀', random.string(3) || 'x']));
  }
}

/** What a document lacks of another, update by update, as the network would bring it. */
function exchange(from: EngineDocument, to: EngineDocument): void { to.apply(from.export(to.version())); }

describe('a document started without history', () => {
  it(`shows with everybody who has seen its start what they show, in ${rounds} random histories`, () => {
    const all = new Random(seed);
    for (let round = 0; round < rounds; round++) {
      const random = all.stream(`live ${round}`);
      const peers = [0, 1, 2].map((i) => new EngineDocument(id(i)));
      for (let i = random.int(40); i >= 0; i--) {
        edit(random.pick(peers), random);
        if (random.chance(0.4)) exchange(random.pick(peers), random.pick(peers));
      }
      for (const from of peers) for (const to of peers) exchange(from, to);
      const start = random.pick(peers).snapshot(shallow);
      const starters = [3, 4].map((i) => load(id(i), random.chance(0.2) ? load(id(5), start).snapshot(random.pick([undefined, shallow])) : start));
      peers.push(...starters);
      expect([seed, round, starters[0].toJSON()]).toEqual([seed, round, peers[0].toJSON()]);
      for (let i = random.int(40); i >= 0; i--) {
        edit(random.pick(peers), random);
        if (random.chance(0.4)) exchange(random.pick(peers), random.pick(peers));
        if (random.chance(0.05)) {
          const at = 3 + random.int(2);
          // Everybody has its ops: what it is loaded from has no batches.
          for (const to of peers) exchange(peers[at], to);
          peers[at] = load(peers[at].replica, peers[at].snapshot());
        }
      }
      for (let pass = 0; pass < 2; pass++) for (const from of peers) for (const to of peers) exchange(from, to);
      for (const peer of peers) expect([seed, round, peer.toJSON()]).toEqual([seed, round, peers[0].toJSON()]);
      expect([seed, round, peers[1].digest(), peers[4].digest()]).toEqual([seed, round, peers[0].digest(), peers[3].digest()]);
      peers.forEach((peer) => peer.free());
    }
  });

  it(`takes what was made beside its start and shows what everybody shows, or refuses it unchanged, in ${rounds} random histories`, () => {
    const all = new Random(seed);
    const met = { taken: 0, refused: 0 };
    for (let round = 0; round < rounds; round++) {
      const random = all.stream(`beside ${round}`);
      const [one, two, three] = random.shuffle([0, 1, 3]).map((i) => new EngineDocument(id(i)));
      for (let i = random.int(6); i >= 0; i--) edit(one, random);
      for (const other of [two, three]) exchange(one, other);
      for (let i = random.int(20); i >= 0; i--) {
        edit(random.pick([one, two, three]), random, 4);
        // What it writes from now on is made without having seen what the others did.
        if (random.chance(0.15)) exchange(two, one);
      }
      exchange(three, one);
      const starter = load(id(2), one.snapshot(shallow));
      if (random.chance(0.5)) edit(starter, random);
      one.apply(starter.take() ?? new Uint8Array(0));
      const [before, beside] = [[starter.toJSON(), starter.digest()], two.take() ?? new Uint8Array(0)];
      try {
        starter.apply(beside);
        one.apply(beside);
        expect([seed, round, starter.toJSON()]).toEqual([seed, round, one.toJSON()]);
        met.taken++;
      } catch (error) {
        if (!(error instanceof HeadwaterError) || error.code !== 'history_compacted') throw error;
        expect([seed, round, [starter.toJSON(), starter.digest()]]).toEqual([seed, round, before]);
        met.refused++;
      }
      [one, two, three, starter].forEach((doc) => doc.free());
    }
    expect(Math.min(met.taken, met.refused)).toBeGreaterThan(rounds / 20);
  });

  it('refuses what hangs on a deleted element, though it be the one that stayed of its run', () => {
    const [author, beside] = [load(id(0)), load(id(1))];
    author.textInsert(text(author), 0, 'abc');
    exchange(author, beside);
    author.textInsert(text(author), 2, '-');
    author.textDelete(text(author), 1, 2);
    const starter = load(id(2), author.snapshot(shallow));
    beside.textInsert(text(beside), 2, '!');
    expect(() => starter.apply(beside.take()!)).toThrow(expect.objectContaining({ code: 'history_compacted' }));
    expect(content(starter)).toBe('ac');
  });

  it('refuses what goes on typing where it cannot know that others had gone on', () => {
    const [author, beside] = [load(id(1)), load(id(0))];
    beside.textInsert(text(beside), 0, 'ab');
    author.apply(beside.take()!);
    author.textInsert(text(author), 2, 'x');
    const starter = load(id(2), author.snapshot(shallow));
    beside.textInsert(text(beside), 2, 'c');
    expect(() => starter.apply(beside.take()!)).toThrow(expect.objectContaining({ code: 'history_compacted' }));
    author.textInsert(text(author), 3, 'y');
    exchange(author, starter);
    expect(content(starter)).toBe('abxy');
  });

  it('knows the snapshot it came from, and refuses another that has news', () => {
    const author = load(id(0));
    author.textInsert(text(author), 0, 'some text');
    author.textDelete(text(author), 2, 4);
    const [first, whole] = [author.snapshot(shallow), author.snapshot()];
    const starter = load(id(1), first);
    expect([first, whole].map((bytes) => starter.apply(bytes).duplicates)).toEqual([1, 1]);
    expect(author.apply(first).duplicates).toBe(1);
    author.textInsert(text(author), 0, 'more');
    for (const news of [author.snapshot(), author.snapshot(shallow)]) expect(() => starter.apply(news)).toThrow(expect.objectContaining({ code: 'history_compacted' }));
    const other = load(id(2));
    other.setAdd(other.container(['set'], Kind.Set), 1);
    expect(() => other.apply(first)).toThrow(expect.objectContaining({ code: 'history_compacted' }));
    expect(content(starter)).toBe('soext');
  });

  it('can be an observed one, and one in which blocks wait', () => {
    const author = load(id(0));
    author.textInsert(text(author), 0, 'some 😀 text');
    author.textDelete(text(author), 5, 2);
    const start = author.snapshot(shallow);
    author.take();
    author.textInsert(text(author), 2, '!');
    const next = author.take()!;
    const observed = load(id(1));
    observed.observe(true);
    const [before, after] = [load(id(2), next, start), load(id(3), start, next)];
    observed.apply(start);
    observed.apply(next);
    expect([before, after, observed].map(content)).toEqual(Array(3).fill(content(author)));
    expect([before.digest(), observed.digest()]).toEqual([after.digest(), after.digest()]);
  });
});
