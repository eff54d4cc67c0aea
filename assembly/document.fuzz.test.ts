// Whole documents: maps, counters, sets and texts, nested, against the naive models, under any delivery.
//
// Each replica writes to its engine and to models of the same containers. Updates travel as batches, exports and
// snapshots, which are merged into documents that have other ops. One observed reader also replays the events it is told
// on plain strings. ROUNDS sets the number of documents, SEED replays a run.

import { describe, expect, it } from '@jest/globals';
import { EngineDocument, Kind, type EngineEvent } from '../sdk/core/document.js';
import { NaiveCounter, NaiveMap, NaiveSet, canonical } from '../sdk/testing/models/document.js';
import { Random, seedFromEnv } from '../sdk/testing/seed.js';
import { concat, outsidePair } from '../sdk/testing/text-peers.js';

const seed = seedFromEnv();
const rounds = Number(process.env.ROUNDS ?? 120);
const ids = ['00000000000000a1', '8000000000000000', 'ffffffffffffffff', '7fffffffffffffff'];
const paths = [[], ['m'], ['m', 'n']];
const keys = ['a', 'b', 'é', '\ufeffc', 'n'];
const values = [null, true, 0, -1, 1.5, 'x', '😀', [1, [2]], { b: 1, a: { c: [] } }, 2 ** 53 - 1, -(2 ** 53 - 1)];

type Apply = (author: Writer) => void;

/** An engine document and the models of all its containers. */
class Writer {
  readonly doc: EngineDocument;
  readonly maps: NaiveMap[];
  readonly counters: NaiveCounter[];
  readonly sets: NaiveSet[];
  /** What this writer did, as ops for others' models, by seq. */
  readonly done: { seqTo: number; apply: Apply }[] = [];
  readonly seen = new Map<Writer, number>();
  stamp = 0n;

  constructor(readonly id: string) {
    this.doc = new EngineDocument(id);
    this.maps = paths.map(() => new NaiveMap(id));
    this.counters = paths.map(() => new NaiveCounter(id));
    this.sets = paths.map(() => new NaiveSet(id));
  }

  at(path: number, name: string, kind: Kind): number { return this.doc.container([...paths[path], name], kind); }

  map(path: number): number { return this.doc.container(paths[path], Kind.Map); }

  /** The models take in what the engine has of everybody. */
  follow(writers: Writer[]): void {
    for (const writer of writers) {
      if (writer === this) continue;
      let next = this.seen.get(writer) ?? 0;
      for (; next < writer.done.length && writer.done[next].seqTo <= this.doc.seqOf(writer.id); next++) writer.done[next].apply(this);
      this.seen.set(writer, next);
    }
  }
}

describe('a document', () => {
  it(`holds what the models hold, on ${rounds} random histories`, () => {
    for (let round = 0; round < rounds; round++) {
      const random = new Random(seed).stream(`document ${round}`);
      try {
        live(random);
      } catch (error) {
        throw new Error(`document ${round} of SEED=${seed}: ${String(error)}`, { cause: error });
      }
    }
  }, 120_000);
});

function live(random: Random): void {
  const writers = ids.slice(0, 3).map((id) => new Writer(id));
  const reader = new Reader(ids[3]);
  const sent: Uint8Array[] = [];
  for (let step = 0; step < 120; step++) {
    const writer = random.pick(writers);
    write(writer, random);
    if (random.chance(0.5)) sent.push(...[writer.doc.take()].filter((update) => update !== null));
    if (random.chance(0.3) && sent.length > 0) receive(random.pick(writers), random.shuffle(sent).slice(0, 1 + random.int(6)), writers);
    if (random.chance(0.1)) receive(random.pick(writers), [give(random.pick(writers), random.pick(writers), random)], writers);
    if (random.chance(0.1)) reader.apply(random.chance(0.5) ? writer.doc.snapshot() : writer.doc.export(reader.doc.version()));
  }
  for (const writer of writers) receive(writer, random.shuffle(writers.map((other) => other.doc.export())), writers);
  reader.apply(writers[0].doc.export(reader.doc.version()));
  for (const { doc } of [...writers, reader]) {
    expect(doc.digest()).toBe(writers[0].doc.digest());
    expect(JSON.stringify(doc.toJSON())).toBe(JSON.stringify(writers[0].doc.toJSON()));
    roundTrips(doc);
  }
  for (const { doc } of [...writers, reader]) doc.free();
}

function give(from: Writer, to: Writer, random: Random): Uint8Array {
  return random.chance(0.5) ? from.doc.snapshot() : from.doc.export(to.doc.version());
}

function receive(writer: Writer, updates: Uint8Array[], writers: Writer[]): void {
  writer.doc.apply(concat(updates));
  writer.follow(writers);
  agrees(writer);
}

function roundTrips(doc: EngineDocument): void {
  const copy = new EngineDocument('00000000000000c0');
  copy.apply(doc.snapshot());
  expect(copy.digest()).toBe(doc.digest());
  expect(JSON.stringify(copy.toJSON())).toBe(JSON.stringify(doc.toJSON()));
  const again = new EngineDocument('00000000000000c0');
  again.apply(copy.snapshot());
  expect(again.digest()).toBe(doc.digest());
  copy.free();
  again.free();
}

function write(writer: Writer, random: Random): void {
  const path = random.int(paths.length);
  const apply = [writeMap, writeMap, writeCounter, writeSet, writeText, writeList][random.int(6)](writer, path, random);
  if (apply) writer.done.push({ seqTo: writer.doc.seqOf(writer.id), apply });
}

/** Few distinct times, so that stamps tie and the replica id decides. */
function writeMap(writer: Writer, path: number, random: Random): Apply | null {
  const key = random.pick(keys);
  const isDelete = random.chance(0.3);
  const before = writer.doc.mapGet(writer.map(path), key);
  const value = random.pick(values);
  if (isDelete) writer.doc.mapDelete(writer.map(path), key, 1000);
  else writer.doc.mapSet(writer.map(path), key, value, 1000);
  if (isDelete && before === undefined) return null;
  writer.stamp = nextStamp(writer);
  const op = isDelete ? writer.maps[path].delete(key, writer.stamp) : writer.maps[path].set(key, value, writer.stamp);
  return (other) => {
    other.maps[path].apply(op);
    if (op.stamp > other.stamp) other.stamp = op.stamp;
  };
}

function nextStamp(writer: Writer): bigint { return writer.stamp < 1000n << 16n ? 1000n << 16n : writer.stamp + 1n; }

function writeCounter(writer: Writer, path: number, random: Random): Apply {
  const step = random.int(2000) - 1000;
  writer.doc.counterAdd(writer.at(path, 'count', Kind.Counter), step);
  const op = writer.counters[path].increment(step);
  return (other) => other.counters[path].apply(op);
}

function writeSet(writer: Writer, path: number, random: Random): Apply | null {
  const set = writer.at(path, 'set', Kind.Set);
  const value = random.pick(values);
  const choice = random.int(10);
  if (choice < 6) writer.doc.setAdd(set, value);
  else if (choice < 9 ? !writer.doc.setDelete(set, value) : !writer.doc.setClear(set)) return null;
  const model = writer.sets[path];
  const op = choice < 6 ? model.add(value) : choice < 9 ? model.delete(value) : model.clear();
  return (other) => other.sets[path].apply(op);
}

function writeText(writer: Writer, path: number, random: Random): null {
  const text = writer.at(path, 'text', Kind.Text);
  const now = writer.doc.textRead(text, 0, writer.doc.textLength(text));
  const at = outsidePair(now, random.int(now.length + 1));
  if (random.chance(0.6)) writer.doc.textInsert(text, at, random.pick(['a', 'bc', '😀', '\ufeff']));
  else writer.doc.textDelete(text, at, outsidePair(now, Math.min(now.length, at + random.int(4))) - at);
  return null;
}

/** Beside texts, whose elements share the versions of a list's; crdt/list.fuzz.test.ts has the model. */
function writeList(writer: Writer, path: number, random: Random): Apply | null {
  const list = writer.at(path, 'list', Kind.List);
  const length = writer.doc.listLength(list);
  const choice = random.int(10);
  const [from, to] = [random.int(length), random.int(length)];
  if (length === 0 || choice < 4) writer.doc.listInsert(list, from, [random.pick(values), random.pick(values)]);
  else if (choice < 6) writer.doc.listDelete(list, from, 1);
  else if (from !== to) return moved(writer, list, from, to);
  return null;
}

function moved(writer: Writer, list: number, from: number, to: number): Apply {
  writer.doc.listMove(list, from, to, 1000);
  const stamp = (writer.stamp = nextStamp(writer));
  return (other) => { if (stamp > other.stamp) other.stamp = stamp; };
}

function agrees(writer: Writer): void {
  paths.forEach((_path, at) => {
    const { doc } = writer;
    const shown = Object.fromEntries(doc.mapKeys(writer.map(at)).map((key) => [key, doc.mapGet(writer.map(at), key)]));
    mustBe(canonical(shown), canonical(writer.maps[at].toJSON()));
    mustBe(doc.counterValue(writer.at(at, 'count', Kind.Counter)), writer.counters[at].value);
    mustBe(members(doc.setValues(writer.at(at, 'set', Kind.Set))), members(writer.sets[at].values()));
    mustBe(doc.setSize(writer.at(at, 'set', Kind.Set)), writer.sets[at].values().length);
  });
}

function members(all: readonly unknown[]): string { return all.map(canonical).sort().join(); }

function mustBe<T>(received: T, wanted: T): void {
  if (received !== wanted) expect(received).toBe(wanted);
}

/** Reads only what it is told: events applied one after another to plain strings. */
class Reader {
  readonly doc: EngineDocument;
  readonly texts = new Map<number, string>();
  readonly lists = new Map<number, unknown[]>();

  constructor(id: string) {
    this.doc = new EngineDocument(id);
    this.doc.observe(true);
  }

  apply(update: Uint8Array): void {
    this.doc.apply(update);
    for (const event of this.doc.events()) this.replay(event);
    this.doc.containers().forEach(({ kind }, number) => {
      if (kind === Kind.List) mustBe(JSON.stringify(this.lists.get(number) ?? []), JSON.stringify(this.doc.listRead(number, 0, this.doc.listLength(number))));
      if (kind === Kind.Text) mustBe(this.texts.get(number) ?? '', this.doc.textRead(number, 0, this.doc.textLength(number)));
    });
  }

  private replay(event: EngineEvent): void {
    const text = this.texts.get(event.container) ?? '';
    if (event.kind === 'insert') this.texts.set(event.container, text.slice(0, event.index) + event.text + text.slice(event.index));
    if (event.kind === 'delete') this.texts.set(event.container, text.slice(0, event.index) + text.slice(event.index + event.count));
    const list = this.lists.get(event.container) ?? [];
    if (event.kind === 'items') this.lists.set(event.container, list.toSpliced(event.index, 0, ...event.values));
    if (event.kind === 'delete') this.lists.set(event.container, list.toSpliced(event.index, event.count));
  }
}
