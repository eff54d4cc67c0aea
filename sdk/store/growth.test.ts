// What grows with what: sixteen times the updates may cost sixteen times the work, and not its square. The bounds lie between
// one law and the next, and minima of processor time are compared, so that a busy machine passes.

import { describe, expect, it } from '@jest/globals';
import { createDocument, type Document } from '../index.js';
import { Random } from '../testing/seed.js';
import { concat } from '../testing/text-peers.js';

const [small, large] = [2_000, 32_000];
/** 16 would be linear, 256 quadratic. */
const linearMax = 110;

/** Inserts of a character at random places, each an update. */
function edit(document: Document, count: number, after: () => void = () => {}): Document {
  const random = new Random(3);
  const text = document.getText('t');
  for (let i = 0; i < count; i++) {
    text.insert(random.int(text.length + 1), 'x');
    after();
  }
  return document;
}

function updatesOf(count: number): Uint8Array[] {
  const author = createDocument();
  const updates: Uint8Array[] = [];
  author.on('update', (bytes) => updates.push(bytes));
  edit(author, count);
  return updates;
}

/** How many times the work at `small` the work at `large` takes. */
function growth(prepare: (count: number) => () => unknown): number {
  const [few, many] = [prepare(small), prepare(large)];
  const least = [few, many].map((work) => Math.min(...Array.from({ length: 5 }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return user + system;
  })));
  return least[1] / least[0];
}

const works: [string, (count: number) => () => unknown][] = [
  ['making updates for a listener', (count) => () => {
    const document = createDocument();
    document.on('update', () => {});
    edit(document, count).close();
  }],
  ['exporting after each edit what it added', (count) => () => {
    const document = createDocument();
    let since = document.version();
    edit(document, count, () => {
      document.export(since);
      since = document.version();
    }).close();
  }],
  ['importing one by one', (count) => {
    const updates = updatesOf(count);
    return () => {
      const reader = createDocument();
      updates.forEach((update) => reader.import(update));
      reader.close();
    };
  }],
  ['importing all joined', (count) => {
    const joined = concat(updatesOf(count));
    return () => read(joined).close();
  }],
  ['importing backwards, so that all but one wait', (count) => {
    const joined = concat(updatesOf(count / 2).reverse());
    return () => read(joined).close();
  }],
  ['importing all twice, with a listener', (count) => {
    const updates = updatesOf(count);
    return () => {
      const reader = createDocument();
      reader.on('update', () => {});
      [...updates, ...updates].forEach((update) => reader.import(update));
      reader.close();
    };
  }],
  ['loading a snapshot, and merging one', (count) => {
    const bytes = edit(createDocument(), count).snapshot();
    const used = () => edit(createDocument(), 1);
    return () => [createDocument(), used()].forEach((reader) => {
      reader.import(bytes);
      reader.close();
    });
  }],
];

function read(bytes: Uint8Array): Document {
  const reader = createDocument();
  reader.import(bytes);
  return reader;
}

describe('the work of n updates', () => {
  it.each(works)('grows as n when %s', (_name, prepare) => {
    expect(growth(prepare)).toBeLessThan(linearMax);
  });
});

describe('a position', () => {
  it('is found in no more steps than the logarithm of the text has', () => {
    const resolving = (document: Document) => {
      const text = document.getText('t');
      const random = new Random(9);
      const cursors = Array.from({ length: 4_000 }, () => text.cursor(random.int(text.length)));
      return () => { for (const cursor of cursors) text.resolve(cursor); };
    };
    // 16 times the spans.
    expect(growth((count) => resolving(edit(createDocument(), count * 4)))).toBeLessThan(8);
  });
});
