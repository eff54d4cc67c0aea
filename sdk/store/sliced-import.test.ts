import { describe, expect, it } from '@jest/globals';
import { createDocument, importSliced } from '../index.js';
import { concat } from '../testing/text-peers.js';
import { Mirror } from './testing/mirror.js';

const author = createDocument();
const updates: Uint8Array[] = [];
author.on('update', (update) => updates.push(update));
for (let i = 0; i < 20_000; i++) author.getText('t').insert(i, 'x');
const bytes = concat(updates);

/** A pause after every step. */
const sliceMs = 0;

describe('a sliced import', () => {
  it('brings what an import brings, in many transactions, and says how far it is', async () => {
    const reader = createDocument();
    const [told, progress]: [Uint8Array[], number[]] = [[], []];
    const mirror = new Mirror(reader.getText('t'));
    reader.on('update', (update) => told.push(update));
    await importSliced(reader, bytes, { sliceMs, onProgress: ({ done, total }) => { progress.push(done); expect(total).toBe(bytes.length); } });
    expect(progress.length).toBeGreaterThan(5);
    expect(progress).toEqual([...new Set(progress)].sort((a, b) => a - b));
    expect([progress.at(-1), told.length, reader.digest()]).toEqual([bytes.length, progress.length, author.digest()]);
    expect(mirror.value).toBe(author.getText('t').toString());
    expect(Buffer.compare(concat(told), bytes)).toBe(0);
  });

  it('lets timers and edits in between', async () => {
    const reader = createDocument();
    const text = reader.getText('t');
    let turns = 0;
    const timer = setInterval(() => { turns++; text.insert(0, '-'); }, 0);
    await importSliced(reader, bytes, { sliceMs, onProgress: () => { text.insert(text.length, '+'); } });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
    const other = createDocument();
    other.import(concat([bytes, reader.export(author.version())]));
    expect(reader.digest()).toBe(other.digest());
  });

  it('takes a block that is longer than a step whole, and no bytes at all', async () => {
    const [reader, empty] = [createDocument(), createDocument()];
    const progress: unknown[] = [];
    const paste = createDocument();
    paste.getText('t').insert(0, 'a book '.repeat(10_000));
    await importSliced(reader, concat([author.snapshot(), paste.export()]), { sliceMs });
    expect(reader.getText('t').length).toBe(author.getText('t').length + 70_000);
    await importSliced(empty, new Uint8Array(0), { onProgress: (state) => progress.push(state) });
    expect([empty.version(), progress]).toEqual([createDocument().version(), [{ done: 0, total: 0 }]]);
  });

  it('that is aborted keeps what it has, and is finished by another', async () => {
    const reader = createDocument();
    const control = new AbortController();
    const onProgress = ({ done }: { done: number }) => { if (done > bytes.length / 3) control.abort(); };
    await expect(importSliced(reader, bytes, { sliceMs, onProgress, signal: control.signal })).rejects.toMatchObject({ name: 'AbortError' });
    const { length } = reader.getText('t');
    expect(length).toBeGreaterThan(5_000);
    expect(length).toBeLessThan(15_000);
    await expect(importSliced(reader, bytes, { signal: control.signal })).rejects.toMatchObject({ name: 'AbortError' });
    expect(reader.getText('t').length).toBe(length);
    await importSliced(reader, bytes);
    expect(reader.getText('t').length).toBe(20_000);
  });

  it('ends with `closed` when the document is closed meanwhile', async () => {
    const reader = createDocument();
    await expect(importSliced(reader, bytes, { sliceMs, onProgress: () => reader.close() })).rejects.toMatchObject({ code: 'closed' });
  });

  it('stops at a bad block, and what came before it stands', async () => {
    const reader = createDocument();
    const bad = concat([...updates.slice(0, 300), Uint8Array.of(255, 1, 2), bytes]);
    await expect(importSliced(reader, bad, { sliceMs })).rejects.toMatchObject({ code: 'invalid_update' });
    expect(reader.getText('t').length).toBe(300);
    await expect(importSliced(reader, 'text' as never)).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('has its own copy of the bytes', async () => {
    const reader = createDocument();
    const mine = bytes.slice();
    const whole = importSliced(reader, mine, { sliceMs });
    mine.fill(0);
    await whole;
    expect(reader.getText('t').length).toBe(20_000);
  });
});
