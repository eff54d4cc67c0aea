// When memory runs out: a typed error, one document lost and its memory back, the others whole. See `exhausted` in wasm.ts.

import { afterEach, describe, expect, it } from '@jest/globals';
import { createDocument, open, setMemoryLimit } from '../index.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import { EngineDocument, Kind, rootContainer } from './document.js';
import { HeadwaterError } from './errors.js';
import { newReplicaId } from './replica.js';
import * as engine from './wasm.js';

const full = expect.objectContaining({ code: 'out_of_memory' });
const closed = expect.objectContaining({ code: 'closed' });
const text = (doc: EngineDocument) => doc.container(['text'], Kind.Text);
const set = (doc: EngineDocument) => doc.container(['set'], Kind.Set);

let hogs: EngineDocument[] = [];

/** No block of 1 KB or more is left when this returns. */
function fill(): void {
  setMemoryLimit(1);
  for (let bytes = 1 << 20; bytes >= 256;) {
    const hog = attempt(() => new EngineDocument(newReplicaId()));
    if (hog === null) { bytes /= 2; continue; }
    hogs.push(hog);
    if (attempt(() => hog.mapSet(rootContainer, 'k', 'x'.repeat(Math.min(bytes, 250_000)), 1)) === null) bytes /= 2;
  }
}

/** null when memory ran out. */
function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof HeadwaterError) || error.code !== 'out_of_memory') throw error;
    return null;
  }
}

function empty(): void {
  setMemoryLimit(0);
  hogs.forEach((hog) => hog.free());
  hogs = [];
}

afterEach(empty);

const long = 'many words '.repeat(20_000);

function written(work: (doc: EngineDocument) => void): EngineDocument {
  const doc = new EngineDocument('00000000000000a1');
  work(doc);
  return doc;
}

const inserted = () => written((doc) => doc.textInsert(text(doc), 0, long));

describe('a call that finds no memory', () => {
  const update = inserted().take()!;
  const snapshot = inserted().snapshot();
  const calls: [string, () => EngineDocument, (doc: EngineDocument) => unknown][] = [
    ['typing', () => written((doc) => text(doc)), (doc) => { for (let i = 0; i < 100_000; i++) doc.textInsert(text(doc), i, 'x'); }],
    ['inserting text', () => written((doc) => text(doc)), (doc) => doc.textInsert(text(doc), 0, 'words '.repeat(1000))],
    ['deleting here and there', inserted, (doc) => { for (let i = 0; i < 100_000; i++) doc.textDelete(text(doc), i, 1); }],
    ['setting a key', () => written(() => {}), (doc) => doc.mapSet(rootContainer, 'k', 'x'.repeat(9_000), 1)],
    ['setting many keys', () => written(() => {}), (doc) => { for (let i = 0; i < 10_000; i++) doc.mapSet(rootContainer, `k${i}`, 1, 1); }],
    ['adding to a set', () => written((doc) => set(doc)), (doc) => { for (let i = 0; i < 10_000; i++) doc.setAdd(set(doc), i); }],
    ['counting', () => written(() => {}), (doc) => { for (let i = 0; i < 10_000; i++) doc.counterAdd(doc.container([`n${i}`], Kind.Counter), 1); }],
    ['naming containers', () => written(() => {}), (doc) => { for (let i = 0; i < 10_000; i++) doc.container([`n${i}`], Kind.Text); }],
    ['applying a batch', () => written(() => {}), (doc) => doc.apply(update)],
    ['applying a snapshot', () => written(() => {}), (doc) => doc.apply(snapshot)],
    ['merging a snapshot', () => written((doc) => doc.setAdd(set(doc), 1)), (doc) => doc.apply(snapshot)],
    ['taking', inserted, (doc) => doc.take()],
    ['exporting', inserted, (doc) => doc.export()],
    ['writing a snapshot', inserted, (doc) => doc.snapshot()],
    ['reading a text', inserted, (doc) => doc.textRead(text(doc), 0, long.length)],
  ];

  it.each(calls)('%s: closes its document and gives its memory back', (_name, make, work) => {
    engine.document_lose(0); // what earlier tests left in scratch
    const bystander = written((doc) => doc.setAdd(set(doc), 'whole'));
    const digest = bystander.digest();
    const before = engine.memory_used();
    const doc = make();
    fill();
    expect(() => work(doc)).toThrow(full);
    expect(() => work(doc)).toThrow(closed);
    expect([doc.isFreed, bystander.isFreed, bystander.digest()]).toEqual([true, false, digest]);
    empty();
    engine.document_lose(0);
    // The inbox and the outbox keep the room they once had.
    expect(engine.memory_used() - before).toBeLessThanOrEqual(2 * 1024 * 1024);
    const again = make();
    work(again);
    [again, bystander].forEach((each) => each.free());
  });

  it('works again once others were closed', () => {
    const two = written(() => {});
    fill();
    expect(() => two.apply(update)).toThrow(full);
    for (const hog of hogs.splice(0, hogs.length / 2)) hog.free();
    const three = written((doc) => doc.textInsert(text(doc), 0, long.slice(0, 30_000)));
    expect(three.textLength(text(three))).toBe(30_000);
    three.free();
  });

  it('for the bytes of a call has harmed no document', () => {
    const doc = written((each) => each.setAdd(set(each), 1));
    fill();
    expect(() => doc.apply(new Uint8Array(30_000_000))).toThrow(full);
    expect(doc.setSize(set(doc))).toBe(1);
    doc.free();
  });

  it('for a new document leaves nothing behind', () => {
    fill();
    const used = engine.memory_used();
    for (let i = 0; i < 100; i++) expect(() => new EngineDocument(newReplicaId())).toThrow(full);
    expect(engine.memory_used()).toBe(used);
  });
});

describe('random work in little memory', () => {
  it('loses the documents it says, and no memory', () => {
    const seed = seedFromEnv();
    const random = new Random(seed);
    let lost = 0;
    let after = 0;
    for (let round = 0; round < 40; round++) {
      const docs = Array.from({ length: 4 }, (_, i) => new EngineDocument(`00000000000000a${i}`));
      fill();
      for (const hog of hogs.splice(0, 1 + random.int(4))) hog.free();
      for (let step = 0; step < 1_500 && docs.length > 1; step++) {
        const at = random.int(docs.length);
        if (attempt(() => scribble(docs[at], random.pick(docs), random)) !== null) continue;
        expect([seed, docs.filter((doc) => doc.isFreed).length]).toEqual([seed, 1]);
        docs.splice(docs.findIndex((doc) => doc.isFreed), 1).forEach((doc) => doc.free());
        lost++;
        for (const doc of docs) doc.digest();
      }
      docs.forEach((doc) => doc.free());
      empty();
      engine.document_lose(0);
      if (round === 20) after = engine.memory_used();
    }
    expect(lost).toBeGreaterThan(30);
    expect([seed, engine.memory_used() - after < 4 * 1024 * 1024]).toEqual([seed, true]);
  });
});

function scribble(doc: EngineDocument, other: EngineDocument, random: Random): void {
  const length = doc.textLength(text(doc));
  switch (random.int(8)) {
    case 0: doc.textInsert(text(doc), random.int(length + 1), 'a longer piece of text '.repeat(random.int(40))); break;
    case 1: doc.textDelete(text(doc), random.int(length + 1), 0); break;
    case 2: doc.mapSet(rootContainer, `k${random.int(500)}`, 'v'.repeat(random.int(3_000)), 1); break;
    case 3: doc.setAdd(set(doc), random.int(1_000)); break;
    case 4: doc.counterAdd(doc.container([`c${random.int(300)}`], Kind.Counter), 1); break;
    case 5: if (random.chance(0.05)) doc.apply(other.snapshot()); break;
    case 6: if (random.chance(0.05)) doc.apply(other.export(doc.version())); break;
    default: doc.textInsert(text(doc), random.int(length + 1), 'x');
  }
}

describe('a document of an app', () => {
  it('that was lost is closed, and its client opens it again', async () => {
    const client = await open({ name: 'full', storage: 'memory' });
    const [lost, other] = [client.document('lost'), client.document('other')];
    lost.getText('text').insert(0, 'stored');
    other.getText('text').insert(0, 'stays');
    await client.flushed();
    fill();
    expect(() => lost.getText('text').insert(0, long)).toThrow(full);
    expect([lost.isClosed, other.getText('text').toString()]).toEqual([true, 'stays']);
    empty();
    const again = client.document('lost');
    await again.ready;
    expect(again.getText('text').toString()).toBe('stored');
    await client.close();
  });

  it('tells in a transaction and an import what happened', () => {
    const [edited, importing] = [createDocument(), createDocument()];
    const source = createDocument();
    source.getText('text').insert(0, long);
    const update = source.export();
    fill();
    expect(() => edited.transact(() => { edited.getText('text').insert(0, long); })).toThrow(full);
    expect(() => importing.import(update)).toThrow(full);
    expect(() => edited.set('k', 1)).toThrow(closed);
    expect([edited.isClosed, importing.isClosed, source.isClosed]).toEqual([true, true, false]);
  });

  it('says how much memory it takes', () => {
    const document = createDocument();
    const before = document.memoryBytes;
    document.getText('text').insert(0, long);
    expect(document.memoryBytes - before).toBeGreaterThan(long.length * 6);
    document.close();
    expect(() => document.memoryBytes).toThrow(closed);
  });

  it('has a memory limit that is a number of bytes', () => {
    for (const bytes of [-1, 0.5, 2 ** 32, NaN]) expect(() => setMemoryLimit(bytes)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });
});
