// The bytes themselves: literal blocks, version vectors, frame heads, checksums; and files of released formats that
// must load for ever (assembly/codec/golden).

import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checksum, decodeVersion, encodeVersion, readBlocks, voidOf } from './codec.js';
import { stampOf, stampToMs } from './clock.js';
import { EngineDocument, Kind, rootContainer } from './document.js';
import { isReplicaId, newReplicaId, replicaFromWords, replicaToWords } from './replica.js';

const a = '00000000000000a1';
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const invalid = expect.objectContaining({ code: 'invalid_update' });

function sample(): { doc: EngineDocument; first: Uint8Array; keystroke: Uint8Array; mixed: Uint8Array } {
  const doc = new EngineDocument(a);
  const text = doc.container(['text'], Kind.Text);
  doc.textInsert(text, 0, 'hi');
  const first = doc.take()!;
  doc.textInsert(text, 2, '!');
  const keystroke = doc.take()!;
  doc.textDelete(text, 0, 1);
  doc.mapSet(rootContainer, 'title', 'é', 1000);
  doc.counterAdd(doc.container(['n'], Kind.Counter), -3);
  doc.setAdd(doc.container(['tags'], Kind.Set), 'x');
  return { doc, first, keystroke, mixed: doc.take()! };
}

describe('the format', () => {
  it('writes a first batch, a keystroke and a mixed batch as these bytes', () => {
    const { first, keystroke, mixed } = sample();
    expect(hex(first)).toBe(hex(bytes('10 18 a100000000000000 01 02 08 01 00 01 04 74657874 00 01 02 6869')));
    expect(hex(keystroke)).toBe(hex(bytes('10 0e a100000000000000 03 01 00 18 01 21')));
    expect(hex(mixed)).toBe(hex(bytes('10 39 a100000000000000 04 04 0c 0000e80300000000 02 00 04 01 6e 00 05 04 74616773'
      + '09 03 01 02 00 05 7469746c65 00 04 05 02 c3a9 04 01 05 05 02 03 05 01 78')));
  });

  it('tells listeners a keystroke and a line break as these bytes', () => {
    const { doc } = sample();
    doc.tell();
    const text = doc.container(['text'], Kind.Text);
    const typed = ['!', '\n'].map((character) => {
      doc.textInsert(text, doc.textLength(text), character);
      return hex(doc.tell()!);
    });
    expect(typed).toEqual(['a1a98de38008', hex(bytes('90 08 a98de380 09 18 01 0a'))]);
  });

  it('writes a snapshot as these bytes', () => {
    expect(hex(sample().doc.snapshot())).toBe(hex(bytes('12 54 dda72ec1 0000e80300000000 01 a100000000000000 07 03 01 06 00'
      + '03 00 01 04 74657874 00 04 01 6e 00 05 04 74616773 01 05 7469746c65 00 00 04 05 02 c3a9'
      + '02 02 00 00 02 03 04 00 00 00 02 6921 00 01 00 05 01 03 05 01 78 01 00 07')));
  });

  it('writes a list, a move in it and its snapshot as these bytes', () => {
    const doc = new EngineDocument(a);
    const list = doc.container(['list'], Kind.List);
    doc.listInsert(list, 0, [1, 'x', null]);
    expect(hex(doc.take()!)).toBe(hex(bytes('10 1c a100000000000000 01 03 08 01 00 03 04 6c697374 80 01 06 03 02 05 01 78 00')));
    doc.listMove(list, 0, 2, 1000);
    doc.listDelete(list, 0, 1);
    doc.listInsert(list, 2, [true]);
    const moved = doc.take()!;
    expect(hex(moved)).toBe(hex(bytes('10 1c a100000000000000 04 03 04 0000e80300000000 1f 03 00 09 03 01 98 01 02')));
    expect(hex(doc.snapshot())).toBe(hex(bytes('12 36 4544261c 0000e80300000000 01 a100000000000000 06 05 01 0a 00'
      + '01 00 03 04 6c697374 00 02 02 00 00 02 05 06 00 00 00 04 00 03 02 02 01 06 03 00')));
    expect([doc.digest(), hex(voidOf(moved))]).toEqual(['fe9242cc00f7a65b', '110ba100000000000000040302']);
  });

  it('has the same digest for the same ops for ever', () => {
    expect(sample().doc.digest()).toBe('65a98643c8526320');
  });

  it('writes a void as these bytes', () => {
    expect(hex(voidOf(sample().first))).toBe('110ba100000000000000010202');
  });
});

describe('a golden file', () => {
  const folder = [1, 2, 3, 4].map((up) => join(dirname(fileURLToPath(import.meta.url)), ...Array<string>(up).fill('..'), 'assembly/codec/golden'))
    .find((path) => existsSync(join(path, 'v1-mixed.bin')))!;

  it.each(readdirSync(folder).filter((name) => name.endsWith('.bin')))('%s loads', (name) => {
    const wanted = JSON.parse(readFileSync(join(folder, name.replace('.bin', '.json')), 'utf8')) as { digest: string; json: unknown };
    for (const before of [false, true]) {
      const doc = new EngineDocument('ffffffffffffffff');
      doc.observe(before);
      doc.apply(readFileSync(join(folder, name)));
      expect([doc.digest(), doc.toJSON()]).toEqual([wanted.digest, wanted.json]);
    }
  });
});

describe('blocks', () => {
  it('are listed by their heads', () => {
    const { doc, first, keystroke } = sample();
    const update = Buffer.concat([first, voidOf(keystroke), doc.snapshot()]);
    expect(readBlocks(update)).toEqual([
      { kind: 'batch', replica: a, seqFrom: 1, seqTo: 2, offset: 0, length: 26 },
      { kind: 'void', replica: a, seqFrom: 3, seqTo: 3, offset: 26, length: 13 },
      { kind: 'snapshot', replica: '', seqFrom: 0, seqTo: 0, offset: 39, length: 86 },
    ]);
    expect(readBlocks(new Uint8Array(0))).toEqual([]);
  });

  it.each(['10', '1005', '20 00', '13 00', '10 00', '100a a100000000000000 00 01', '100a a100000000000000 01 00', '100a 0000000000000000 01 01', '12 04 00000000'])(
    'that are %s are refused', (text) => expect(() => readBlocks(bytes(text))).toThrow(invalid));
});

describe('a version vector', () => {
  it('is the same bytes from the engine and from here', () => {
    const doc = new EngineDocument('ffffffffffffffff');
    for (const replica of ['8000000000000000', a, '7fffffffffffffff', 'ffffffffffffffff']) {
      doc.replica = replica;
      for (let i = 0; i < 200; i++) doc.counterAdd(doc.container(['n'], Kind.Counter), 1);
    }
    const vector = decodeVersion(doc.version());
    expect([...vector]).toEqual([[a, 200], ['7fffffffffffffff', 200], ['8000000000000000', 200], ['ffffffffffffffff', 200]]);
    expect(hex(encodeVersion(new Map([...vector].reverse())))).toBe(hex(doc.version()));
    expect(hex(encodeVersion(new Map([[a, 300]])))).toBe('01a100000000000000ac02');
  });

  it('of nothing is no bytes or one', () => {
    expect([decodeVersion(new Uint8Array(0)).size, decodeVersion(new EngineDocument(a).version()).size, hex(encodeVersion(new Map()))]).toEqual([0, 0, '00']);
  });

  it('leaves out what is no replica and what has no ops', () => {
    expect(hex(encodeVersion(new Map([['nobody', 3], [a, 0]])))).toBe('00');
  });

  it.each(['01', '0101', '01a100000000000000', '01a10000000000000080', '00 00', 'ffffffff0f'])('of bytes %s is refused', (text) => {
    expect(() => decodeVersion(bytes(text))).toThrow(invalid);
  });
});

describe('a checksum', () => {
  it.each<[string, Uint8Array, number]>([
    ['nothing', new Uint8Array(0), 0],
    ['123456789', new TextEncoder().encode('123456789'), 0xe3069283],
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 times 255', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ])('of %s is the published CRC-32C', (_name, data, sum) => expect(checksum(data)).toBe(sum));
});

describe('a stamp', () => {
  it('is 48 bits of milliseconds over 16 of counter', () => {
    expect([stampOf(1.9), stampOf(-1), stampToMs((5n << 16n) + 65535n)]).toEqual([1n << 16n, 0n, 5]);
  });

  it('goes on from the latest seen when the clock stands still or goes back', () => {
    const [doc, other] = [new EngineDocument(a), new EngineDocument('ffffffffffffffff')];
    for (const now of [5000, 5000, 4000, 0, NaN]) doc.mapSet(rootContainer, 'k', now || 0, now);
    other.mapSet(rootContainer, 'k', 'late', 5000);
    for (const reader of [doc, other]) reader.apply((reader === doc ? other : doc).export());
    expect([doc.mapGet(rootContainer, 'k'), other.mapGet(rootContainer, 'k')]).toEqual([0, 0]);
  });

  it('that ties is decided by the replica id, compared without a sign', () => {
    const docs = ['7fffffffffffffff', 'ffffffffffffffff'].map((id) => new EngineDocument(id));
    for (const doc of docs) doc.mapSet(rootContainer, 'k', doc.replica, 1000);
    for (const [one, two] of [docs, [...docs].reverse()]) one.apply(two.export());
    expect(docs.map((doc) => doc.mapGet(rootContainer, 'k'))).toEqual(['ffffffffffffffff', 'ffffffffffffffff']);
  });

  it('counts 70,000 writes of one millisecond in order', () => {
    const doc = new EngineDocument(a);
    for (let i = 0; i < 70_000; i++) doc.mapSet(rootContainer, 'k', i, 1000);
    const reader = new EngineDocument('ffffffffffffffff');
    reader.apply(doc.export());
    expect(reader.mapGet(rootContainer, 'k')).toBe(69_999);
  });
});

describe('a replica id', () => {
  it('is 16 lower-case hex digits, not all zero', () => {
    expect(['00000000000000a1', 'ffffffffffffffff'].map(isReplicaId)).toEqual([true, true]);
    expect(['', 'A'.repeat(16), '0'.repeat(16), '0'.repeat(15), 'g'.repeat(16), 5, null].some(isReplicaId)).toBe(false);
    expect(isReplicaId(newReplicaId())).toBe(true);
    expect(replicaToWords('fedcba9876543210')).toEqual([0xfedcba98, 0x76543210]);
    expect(replicaFromWords(-1, 1)).toBe('ffffffff00000001');
    expect(() => new EngineDocument('nobody')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });
});
