// Memory over a long life: documents come and go, and what they took is taken again by the next.

import { describe, expect, it } from '@jest/globals';
import { EngineDocument, Kind, rootContainer } from '../../sdk/core/document.js';
import * as engine from '../../sdk/core/wasm.js';
import { readRecording } from '../../server/e2e/recording.js';
import { findTrace } from '../../server/e2e/traces.js';
import { Random } from '../../sdk/testing/seed.js';

const [a, b] = ['00000000000000a1', 'ffffffffffffffff'];

/** Somebody's hour of typing, as it was recorded; none where the recordings are not. */
function recordedSnapshot(): Uint8Array[] {
  const path = findTrace('sveltecomponent');
  if (!path) return [];
  const doc = new EngineDocument(a);
  const text = doc.container(['text'], Kind.Text);
  for (const { patches } of readRecording(path).txns) {
    for (const [index, removed, inserted] of patches) {
      if (removed > 0) doc.textDelete(text, index, removed);
      if (inserted.length > 0) doc.textInsert(text, index, inserted);
    }
  }
  return [doc.snapshot()];
}

function mapSnapshot(): Uint8Array {
  const doc = new EngineDocument(a);
  for (let i = 0; i < 1_000; i++) doc.mapSet(doc.container([`part ${i % 7}`], Kind.Map), `key ${i}`, { i }, i + 1);
  return doc.snapshot();
}

function richSnapshot(): Uint8Array {
  const random = new Random(1);
  const doc = new EngineDocument(a);
  const text = doc.container(['text'], Kind.Text);
  for (let i = 0; i < 400; i++) doc.textInsert(text, random.int(doc.textLength(text) + 1), 'ab');
  for (let i = 0; i < 100; i++) doc.textDelete(text, random.int(doc.textLength(text) - 1), 1);
  for (let i = 0; i < 30; i++) doc.mapSet(rootContainer, `key ${i}`, 'x'.repeat(i * 200), 1);
  for (let i = 0; i < 20; i++) doc.setAdd(doc.container(['set'], Kind.Set), i);
  const bytes = doc.snapshot();
  doc.free();
  return bytes;
}

/** Opens a document, edits it, receives, fails to receive, exports, and closes it. */
function live(snapshot: Uint8Array, round: number): void {
  const doc = new EngineDocument(b);
  if (round % 3 === 0) doc.textInsert(doc.container(['text'], Kind.Text), 0, 'merged into');
  doc.apply(snapshot);
  const text = doc.container(['text'], Kind.Text);
  for (let i = 0; i < 5; i++) doc.textInsert(text, i, 'z');
  doc.mapSet(rootContainer, 'key 3', round, 1);
  doc.setClear(doc.container(['set'], Kind.Set));
  doc.take();
  if (round % 7 === 0) expect(() => doc.apply(snapshot.subarray(0, snapshot.length - 9))).toThrow();
  doc.free();
}

describe('memory', () => {
  it('is where it was after 10,000 documents were loaded, edited and freed', () => {
    const small = [richSnapshot(), mapSnapshot()];
    const snapshots = [...small, ...small, ...small, ...small, ...recordedSnapshot()];
    const cycles = (count: number) => { for (let round = 0; round < count; round++) live(snapshots[round % snapshots.length], round); };
    cycles(100);
    const [used, size] = [engine.memory_used(), engine.memory.buffer.byteLength];
    cycles(10_000);
    expect([engine.memory_used(), engine.memory.buffer.byteLength]).toEqual([used, size]);
  }, 120_000);

  it('of a document does not grow by overwriting, adding and removing', () => {
    const doc = new EngineDocument(a);
    const set = doc.container(['set'], Kind.Set);
    const churn = (rounds: number) => {
      for (let i = 0; i < rounds; i++) {
        doc.mapSet(rootContainer, `k${i % 10}`, 'x'.repeat(i % 300), 1);
        doc.setAdd(set, i % 10);
        doc.setDelete(set, (i + 5) % 10);
        if (i % 100 === 99) {
          doc.take();
          doc.trim();
        }
      }
    };
    churn(10_000);
    const bytes = doc.memoryBytes();
    churn(50_000);
    expect(doc.memoryBytes()).toBe(bytes);
  });

  it('of an observed document does not grow by its own edits', () => {
    const doc = new EngineDocument(a);
    doc.observe(true);
    const churn = () => {
      for (let i = 0; i < 20_000; i++) doc.mapSet(rootContainer, 'k', i % 7, 1);
      doc.take();
      doc.trim();
    };
    churn();
    const bytes = doc.memoryBytes();
    churn();
    churn();
    expect(doc.memoryBytes()).toBe(bytes);
    expect(doc.events()).toEqual([]);
  });

  it('of a reader that only receives is given back by trim', () => {
    const [author, reader] = [new EngineDocument(a), new EngineDocument(b)];
    author.counterAdd(author.container(['n'], Kind.Counter), 1);
    reader.apply(author.take()!);
    reader.trim();
    expect(reader.logBytes()).toBe(0);
  });

  it('keeps own batches that were not taken, whatever is trimmed', () => {
    const doc = new EngineDocument(a);
    doc.counterAdd(doc.container(['n'], Kind.Counter), 1);
    doc.trim();
    expect(doc.take()).not.toBeNull();
    doc.trim();
    expect(doc.logBytes()).toBe(0);
  });
});
