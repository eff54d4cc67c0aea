import { describe, expect, it } from '@jest/globals';
import { createDocument } from '../index.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import { outsidePair } from '../testing/text-peers.js';
import { encodeSelection, resolveSelection } from './selection.js';

function textOf(content: string, path: string | string[] = 't') {
  const document = createDocument();
  const text = document.getText(path as never);
  if (content) text.insert(0, content);
  return { document, text };
}

/** What travels is JSON. */
const sent = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('a selection', () => {
  it.each([[1, 4], [4, 1], [3, 3], [0, 0], [6, 6], [0, 6], [6, 0]])('from %i to %i comes back with its direction, in few bytes', (anchor, head) => {
    const { text } = textOf('abcdef');
    const encoded = sent(encodeSelection(text, { anchor, head }));
    expect(resolveSelection(text, encoded)).toEqual({ anchor, head });
    expect('anchor' in encoded).toBe(anchor !== head);
    expect(JSON.stringify(encoded).length).toBeLessThanOrEqual(70);
  });

  it('holds on to what is inside it, forwards and backwards, while others type around and at its ends', () => {
    for (const [anchor, head] of [[2, 4], [4, 2]]) {
      const { document, text } = textOf('abcdef');
      const encoded = encodeSelection(text, { anchor, head });
      const peer = createDocument();
      peer.import(document.export());
      const there = peer.getText('t');
      there.insert(4, '>>');
      there.insert(2, '<<');
      there.insert(0, '__');
      document.import(peer.export(document.version()));
      for (const each of [text, there]) {
        const { anchor: from, head: to } = resolveSelection(each, sent(encoded))!;
        expect([each.slice(Math.min(from, to), Math.max(from, to)), from < to]).toEqual(['cd', anchor < head]);
      }
    }
  });

  it('that is a caret stays with the character before it', () => {
    const { text } = textOf('abcd');
    const encoded = encodeSelection(text, { anchor: 2, head: 2 });
    text.insert(2, 'X');
    expect(resolveSelection(text, encoded)).toEqual({ anchor: 2, head: 2 });
    text.insert(0, 'Y');
    expect(resolveSelection(text, encoded)).toEqual({ anchor: 3, head: 3 });
  });

  it('closes when all it held is deleted, and is never the wrong way round', () => {
    for (const [anchor, head] of [[2, 4], [4, 2]]) {
      const { text } = textOf('abcdef');
      const encoded = encodeSelection(text, { anchor, head });
      text.delete(1, 4);
      expect(resolveSelection(text, encoded)).toEqual({ anchor: 1, head: 1 });
      text.insert(1, 'new');
      const { anchor: from, head: to } = resolveSelection(text, encoded)!;
      expect(Math.sign(to - from) * Math.sign(head - anchor)).toBeGreaterThanOrEqual(0);
    }
  });

  it('in an empty text is at its start, and stays there', () => {
    const { text } = textOf('');
    const encoded = encodeSelection(text, { anchor: 0, head: 0 });
    expect(resolveSelection(text, encoded)).toEqual({ anchor: 0, head: 0 });
    text.insert(0, 'abc');
    expect(resolveSelection(text, encoded)).toEqual({ anchor: 0, head: 0 });
  });

  it('belongs to one text of its document', () => {
    const { document, text } = textOf('same', ['notes', 'body']);
    const other = document.getText('title');
    other.insert(0, 'same');
    const encoded = sent(encodeSelection(text, { anchor: 1, head: 2 }));
    expect(resolveSelection(text, encoded)).toEqual({ anchor: 1, head: 2 });
    expect(resolveSelection(other, encoded)).toBeNull();
    expect(resolveSelection(document.getText(['notes'] as never), encoded)).toBeNull();
  });

  it('is not known before its characters are here, and is then', () => {
    const { document, text } = textOf('abc');
    const peer = createDocument();
    peer.import(document.export());
    text.insert(3, 'def');
    const encodings = [[5, 5], [1, 5], [5, 1]].map(([anchor, head]) => encodeSelection(text, { anchor, head }));
    for (const encoded of encodings) expect(resolveSelection(peer.getText('t'), encoded)).toBeNull();
    peer.import(document.export(peer.version()));
    expect(encodings.map((encoded) => resolveSelection(peer.getText('t'), encoded))).toEqual([{ anchor: 5, head: 5 }, { anchor: 1, head: 5 }, { anchor: 5, head: 1 }]);
  });

  it.each([
    undefined, null, 1, 'x', [], {}, { path: 't', head: 'AA==' }, { path: ['t'] }, { path: ['t'], head: 1 }, { path: ['t'], head: '!' }, { path: ['t'], head: '' },
    { path: ['t'], head: 'Ag==' }, { path: ['t'], head: 'A'.repeat(4000) }, { path: ['t'], head: 'AA==', anchor: null }, { path: [{}], head: 'AA==' },
  ])('is not %j', (nonsense) => {
    expect(resolveSelection(textOf('abc').text, nonsense)).toBeNull();
  });

  it('needs two places in its text', () => {
    const { text } = textOf('abc');
    expect(() => encodeSelection(text, { anchor: 0, head: 4 })).toThrow(expect.objectContaining({ code: 'index_out_of_range' }));
    expect(() => encodeSelection(text, { anchor: -1, head: 0 })).toThrow(expect.objectContaining({ code: 'index_out_of_range' }));
  });

  it('holds the same characters on every replica after any edits', () => {
    const random = new Random(seedFromEnv());
    for (let round = 0; round < 20; round++) {
      const { document: a, text } = textOf(random.string(60));
      const b = createDocument();
      b.import(a.export());
      const at = () => outsidePair(text.toString(), random.int(text.length + 1));
      const held = Array.from({ length: 10 }, () => ({ anchor: at(), head: at() })).map((selection) => ({ selection, encoded: sent(encodeSelection(text, selection)) }));
      for (const document of [a, b]) {
        for (let i = 0; i < 30; i++) {
          const target = document.getText('t');
          const [from, to] = [0, 0].map(() => outsidePair(target.toString(), random.int(target.length + 1))).sort((x, y) => x - y);
          target.splice(from, random.chance(0.4) ? to - from : 0, random.string(3));
        }
      }
      a.import(b.export(a.version()));
      b.import(a.export(b.version()));
      for (const { selection, encoded } of held) {
        const [here, there] = [a, b].map((document) => resolveSelection(document.getText('t'), encoded)!);
        expect(there).toEqual(here);
        expect(Math.sign(here.head - here.anchor) * Math.sign(selection.head - selection.anchor)).toBeGreaterThanOrEqual(0);
      }
    }
  });
});
