import { describe, expect, it } from '@jest/globals';
import { createDocument } from '../index.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import { Mirror } from './testing/mirror.js';

describe('a text', () => {
  const calls: [string, (text: ReturnType<typeof example>) => unknown, string][] = [
    ['insert at NaN', (text) => text.insert(NaN, 'x'), 'invalid_argument'],
    ['insert at 0.5', (text) => text.insert(0.5, 'x'), 'invalid_argument'],
    ['insert at Infinity', (text) => text.insert(Infinity, 'x'), 'invalid_argument'],
    ['insert at "1"', (text) => text.insert('1' as never, 'x'), 'invalid_argument'],
    ['insert at undefined', (text) => text.insert(undefined as never, 'x'), 'invalid_argument'],
    ['insert at -1', (text) => text.insert(-1, 'x'), 'index_out_of_range'],
    ['insert past the end', (text) => text.insert(7, 'x'), 'index_out_of_range'],
    ['insert far past the end', (text) => text.insert(2 ** 40, 'x'), 'index_out_of_range'],
    ['insert nothing past the end', (text) => text.insert(7, ''), 'index_out_of_range'],
    ['insert inside a pair', (text) => text.insert(2, 'x'), 'index_out_of_range'],
    ['insert many inside a pair', (text) => text.insert(2, 'xyz'), 'index_out_of_range'],
    ['insert null', (text) => text.insert(0, null as never), 'invalid_argument'],
    ['insert a number', (text) => text.insert(0, 7 as never), 'invalid_argument'],
    ['delete at -1', (text) => text.delete(-1, 1), 'index_out_of_range'],
    ['delete -1', (text) => text.delete(1, -1), 'index_out_of_range'],
    ['delete NaN', (text) => text.delete(0, NaN), 'invalid_argument'],
    ['delete 1.5', (text) => text.delete(0, 1.5), 'invalid_argument'],
    ['delete past the end', (text) => text.delete(5, 2), 'index_out_of_range'],
    ['delete 2 ** 32', (text) => text.delete(1, 2 ** 32), 'index_out_of_range'],
    ['delete half a pair', (text) => text.delete(1, 1), 'index_out_of_range'],
    ['delete the other half', (text) => text.delete(2, 1), 'index_out_of_range'],
    ['splice past the end', (text) => text.splice(5, 2, 'x'), 'index_out_of_range'],
    ['splice half a pair', (text) => text.splice(0, 2, 'x'), 'index_out_of_range'],
    ['splice inside a pair', (text) => text.splice(2, 2, 'x'), 'index_out_of_range'],
    ['splice a non-string', (text) => text.splice(0, 1, {} as never), 'invalid_argument'],
    ['update to a number', (text) => text.update(7 as never), 'invalid_argument'],
    ['slice at -1', (text) => text.slice(-1), 'index_out_of_range'],
    ['slice to NaN', (text) => text.slice(0, NaN), 'invalid_argument'],
    ['resolve nonsense', (text) => text.resolve(Uint8Array.of(7)), 'invalid_argument'],
  ];

  it.each(calls)('refuses to %s, changes nothing, and goes on', (_, call, code) => {
    const text = example();
    const mirror = new Mirror(text);
    expect(() => call(text)).toThrow(expect.objectContaining({ code }));
    expect([text.toString(), text.length, mirror.heard]).toEqual(['a😀bcd', 6, []]);
    text.insert(6, '!');
    expect([text.toString(), mirror.value]).toEqual(['a😀bcd!', 'a😀bcd!']);
  });

  it('makes U+FFFD of half a pair, and its listeners see that', () => {
    const text = createDocument().getText('t');
    const mirror = new Mirror(text);
    text.insert(0, 'a\ud83d');
    text.insert(2, '\ude00b');
    text.insert(0, '\ud83d\ude00');
    text.update(`${text.toString()}\udfff`);
    expect(text.toString()).toBe('😀a\ufffd\ufffdb\ufffd');
    expect(mirror.value).toBe(text.toString());
  });

  it('is the same string until it changes, and slices like one', () => {
    const text = example();
    expect(text.toString()).toBe(text.toString());
    expect([text.slice(3), text.slice(3, 5), text.slice(5, 3), text.slice(4, 99), text.slice(9), `${text.toJSON()}`]).toEqual(['bcd', 'bc', '', 'cd', '', 'a😀bcd']);
    text.update('a😀cd');
    expect(text.toString()).toBe('a😀cd');
  });

  it('updates by the one splice it takes, so that a peer\'s edit elsewhere stays', () => {
    const [a, b] = [createDocument(), createDocument()];
    a.getText('t').insert(0, 'the quick fox');
    b.import(a.export());
    const since = [a.version(), b.version()];
    a.getText('t').update('the quick brown fox');
    b.getText('t').insert(13, ' jumps');
    const [fromA, fromB] = [a.export(since[1]), b.export(since[0])];
    a.import(fromB);
    b.import(fromA);
    expect([a.getText('t').toString(), b.getText('t').toString()]).toEqual(['the quick brown fox jumps', 'the quick brown fox jumps']);
  });

  it('tells a listener that comes late only what comes later, and one that left nothing', () => {
    const document = createDocument();
    const text = document.getText('t');
    text.insert(0, 'abc');
    const heard: unknown[] = [];
    const stop = text.subscribe(({ delta }) => heard.push(delta));
    text.insert(3, 'd');
    stop();
    text.insert(4, 'e');
    expect(heard).toEqual([[{ retain: 3 }, { insert: 'd' }]]);
  });

  it('keeps the copies of its listeners equal to it under any edits, own and from a peer', () => {
    const random = new Random(seedFromEnv());
    for (let run = 0; run < 12; run++) {
      const documents = [createDocument(), createDocument(), createDocument()];
      const texts = documents.map((document) => document.getText(['deep', 'text']));
      const mirrors = texts.map((text) => new Mirror(text));
      for (let i = 0; i < 120; i++) {
        const at = random.int(3);
        const [document, text] = [documents[at], texts[at]];
        if (random.chance(0.25)) {
          const other = documents[random.int(3)];
          document.import(random.chance(0.1) ? other.snapshot() : other.export(document.version()));
        } else if (random.chance(0.2)) {
          document.transact(() => { for (let k = random.int(4); k > 0; k--) scribble(text, random); });
        } else {
          scribble(text, random);
        }
        expect(mirrors[at].value).toBe(text.toString());
      }
      for (const document of documents) for (const other of documents) document.import(other.export(document.version()));
      for (const document of documents) for (const other of documents) document.import(other.export(document.version()));
      expect(new Set(documents.map((document) => document.digest())).size).toBe(1);
      mirrors.forEach((mirror, i) => expect(mirror.value).toBe(texts[i].toString()));
    }
  });
});

function example() {
  const text = createDocument().getText('t');
  text.insert(0, 'a😀bcd');
  return text;
}

/** One random edit at places that split no pair. */
function scribble(text: ReturnType<typeof example>, random: Random): void {
  const points = [...text.toString()];
  const [from, to] = [random.int(points.length + 1), random.int(points.length + 1)].sort((a, b) => a - b);
  const index = points.slice(0, from).join('').length;
  const count = random.chance(0.4) ? points.slice(from, Math.min(to, from + 5)).join('').length : 0;
  text.splice(index, count, random.chance(0.8) ? random.string(random.int(4)) : '');
}
