import { describe, expect, it } from '@jest/globals';
import { Random, seedFromEnv } from '../testing/seed.js';
import { decodeVersion, encodeVersion, readBlocks, voidOf } from './codec.js';
import { EngineDocument, Kind, rootContainer } from './document.js';
import * as engine from './wasm.js';

// Documents that sleep at random moments, each next to a twin that never does: same author, same ops, same answers.

const seed = seedFromEnv();
const ids = ['00000000000000a1', '8000000000000000', 'ffffffffffffffff'];

class Twins {
  sleeper: EngineDocument;
  waker: EngineDocument;

  constructor(readonly id: string) {
    this.sleeper = new EngineDocument(id, true);
    this.waker = new EngineDocument(id);
    this.sleeper.wake();
  }

  both(work: (document: EngineDocument) => void): void {
    work(this.sleeper);
    work(this.waker);
  }

  /** One update of both's own ops; their bytes may differ in what they say they have seen. */
  take(): Uint8Array | null {
    const taken = this.waker.take();
    expect(this.sleeper.take() === null).toBe(taken === null);
    return taken;
  }

  sleep(): boolean {
    this.take();
    const before = this.answers(this.sleeper);
    if (!this.sleeper.sleep()) return false;
    expect([this.sleeper.isAsleep, this.sleeper.ownSeq, this.sleeper.take()]).toEqual([true, this.waker.ownSeq, null]);
    this.sleeper.wake();
    expect(this.answers(this.sleeper)).toEqual(before);
    return true;
  }

  answers(document: EngineDocument): unknown {
    const since = new Map([...decodeVersion(document.version())].map(([replica, seq], i) => [replica, i % 2 === 0 ? seq >> 1 : seq]));
    return [document.digest(), document.version(), batchesOf(document.export()), batchesOf(document.export(encodeVersion(since))), document.logBytes(), document.ownSeq, document.toJSON()];
  }

  check(): void {
    expect([this.sleeper.digest(), this.sleeper.toJSON(), this.sleeper.ownSeq]).toEqual([this.waker.digest(), this.waker.toJSON(), this.waker.ownSeq]);
  }

  free(): void { this.both((document) => document.free()); }
}

describe('a document that sleeps', () => {
  const runs = process.env.SEED ? 1 : Number(process.env.RUNS ?? 40);
  it.each(Array.from({ length: runs }, (_, i) => (seed + i) >>> 0))('is the same as one that does not (%i)', (runSeed) => {
    const random = new Random(runSeed);
    const peers = ids.map((id) => new Twins(id));
    const messages: { bytes: Uint8Array; from: Twins }[] = [];
    let slept = 0;
    const stranger = new EngineDocument('00000000000000ff');
    /** A batch that a server would not have, as others get to see it. */
    const refused = () => {
      stranger.textInsert(stranger.container(['text'], Kind.Text), 0, 'refused');
      return voidOf(stranger.take()!);
    };
    for (let i = 0; i < 150; i++) {
      const peer = random.shuffle(peers)[0];
      const kind = random.int(10);
      if (kind < 5) edit(peer, random, i);
      else if (kind < 8) deliver(peer, messages, random);
      else if (kind === 8 && random.chance(0.2)) peer.both((document) => document.trim());
      else if (peer.sleep()) slept++;
      const taken = peer.take();
      if (taken) messages.push({ bytes: taken, from: peer });
      if (random.chance(0.1)) messages.push({ bytes: refused(), from: peer });
      peer.check();
    }
    for (const peer of peers) {
      for (const { bytes } of messages) peer.both((document) => document.apply(bytes));
      peer.sleep();
      peer.check();
      peer.free();
    }
    stranger.free();
    expect(slept).toBeGreaterThan(2);
  });

  it('takes no memory of the engine, and as much as before when it wakes, a thousand times', () => {
    const document = new EngineDocument(ids[0]);
    const text = (each = document) => each.container(['text'], Kind.Text);
    for (let i = 0; i < 100; i++) document.textInsert(text(), 0, 'some words ');
    document.take();
    const rouse = () => {
      document.sleep();
      const asleep = engine.memory_used();
      document.wake();
      return asleep;
    };
    rouse();
    const asleep = rouse();
    const awake = engine.memory_used();
    for (let i = 0; i < 1_000; i++) expect(rouse()).toBe(asleep);
    expect([engine.memory_used(), document.textLength(text())]).toEqual([awake, 1_100]);
    expect(awake - asleep).toBeGreaterThan(5_000);
    document.free();
  });

  it('stays awake while blocks wait in it', () => {
    const [author, reader] = [new EngineDocument(ids[0]), new EngineDocument(ids[1])];
    author.mapSet(rootContainer, 'a', 1, 1);
    const first = author.take()!;
    author.mapSet(rootContainer, 'b', 2, 2);
    reader.apply(author.take()!);
    expect([reader.waiting(), reader.sleep(), reader.isAsleep]).toEqual([1, false, false]);
    reader.apply(first);
    expect([reader.toJSON(), reader.sleep(), reader.isAsleep]).toEqual([{ a: 1, b: 2 }, true, true]);
    for (const each of [author, reader]) each.free();
  });

  it('gives, awake again, the batches it had above what is only state', () => {
    const [author, reader] = [new EngineDocument(ids[0]), new EngineDocument(ids[1])];
    const updates = Array.from({ length: 40 }, (_, i) => {
      author.mapSet(rootContainer, `k${i % 3}`, i, i + 1);
      return author.take()!;
    });
    for (const update of updates.slice(0, 20)) reader.apply(update);
    reader.trim();
    for (const update of updates.slice(20)) reader.apply(update);
    const since = encodeVersion(new Map([[ids[0], 20]]));
    const before = reader.export(since);
    reader.sleep();
    reader.wake();
    expect([reader.export(since), readBlocks(before).length, readBlocks(reader.export()).map(({ kind }) => kind)]).toEqual([before, 20, ['snapshot']]);
    for (const each of [author, reader]) each.free();
  });
});

/** Batches as they are; a snapshot by what it makes, since the same state may be written in another order. */
function batchesOf(bytes: Uint8Array): unknown {
  if (!readBlocks(bytes).some(({ kind }) => kind === 'snapshot')) return bytes;
  const document = new EngineDocument('0000000000000001');
  document.apply(bytes);
  const digest = document.digest();
  document.free();
  return digest;
}

function edit(peer: Twins, random: Random, now: number): void {
  const [kind, at, length, value] = [random.int(8), random.unit(), random.between(1, 30), random.int(100)];
  const letters = Array.from({ length }, () => String.fromCharCode(97 + random.int(26))).join('');
  peer.both((document) => {
    const text = document.container(['text'], Kind.Text);
    const list = document.container(['a', 'list'], Kind.List);
    const place = (count: number) => Math.floor(at * (count + 1));
    switch (kind) {
      case 0: return document.mapSet(rootContainer, `k${value % 5}`, { value }, now);
      case 1: document.mapDelete(rootContainer, `k${value % 5}`, now); return;
      case 2: return document.counterAdd(document.container(['n'], Kind.Counter), value);
      case 3: return document.setAdd(document.container(['s'], Kind.Set), value % 7);
      case 4: document.setDelete(document.container(['s'], Kind.Set), value % 7); return;
      case 5: return document.textInsert(text, place(document.textLength(text)), letters);
      case 6: {
        const index = place(document.textLength(text));
        return document.textDelete(text, index, Math.min(length, document.textLength(text) - index));
      }
      default: {
        const count = document.listLength(list);
        if (count > 2 && value % 2 === 0) return document.listMove(list, Math.floor(at * count), value % count, now);
        return document.listInsert(list, place(count), [value, letters]);
      }
    }
  });
}

/** The oldest messages, or some in any order, which have to wait for others. Or a snapshot. */
function deliver(peer: Twins, messages: readonly { bytes: Uint8Array; from: Twins }[], random: Random): void {
  const some = random.chance(0.8) ? messages.slice(0, random.int(messages.length + 20)) : random.shuffle(messages).slice(0, random.int(6));
  for (const { bytes } of some) peer.both((document) => document.apply(bytes));
  if (some.length === 0 || !random.chance(0.1)) return;
  const state = some[0].from.waker.snapshot();
  peer.both((document) => document.apply(state));
}
