// What a patch makes of a document is what RFC 7396 says of its JSON; what it does to it is no more than that.

import { describe, expect, it } from '@jest/globals';
import { EngineDocument, Kind, rootContainer } from '../sdk/core/document.js';
import type { JsonValue } from '../sdk/core/values.js';
import { Random, seedFromEnv } from '../sdk/testing/seed.js';
import { emptyDocument, patchDocument, patchFrom, type Patch } from './patch.js';

const now = 1_700_000_000_000;
const replicas = ['00000000000000a1', '00000000000000b2'];

/** RFC 7396, word for word. */
function mergePatch(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, JsonValue> = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target as object } as never : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}

function sorted(json: JsonValue): JsonValue {
  if (Array.isArray(json)) return json.map(sorted);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(Object.keys(json).sort().map((key) => [key, sorted((json as Patch)[key])]));
}

function start(): EngineDocument {
  const doc = new EngineDocument(replicas[0]);
  doc.mapSet(rootContainer, 'title', 'a', now);
  doc.mapSet(rootContainer, 'plain', { a: 1, b: { c: [1] } }, now);
  doc.textInsert(doc.container(['text'], Kind.Text), 0, 'hello 😀 world');
  doc.counterAdd(doc.container(['count'], Kind.Counter), 5);
  doc.setAdd(doc.container(['tags'], Kind.Set), 'x');
  doc.setAdd(doc.container(['tags'], Kind.Set), { y: 1 });
  doc.listInsert(doc.container(['list'], Kind.List), 0, [1, { two: 2 }, 3]);
  doc.mapSet(doc.container(['map'], Kind.Map), 'in', 'side', now);
  doc.textInsert(doc.container(['map', 'note'], Kind.Text), 0, 'nested');
  return doc;
}

describe('a patch', () => {
  it('edits what is there, container by container', () => {
    const doc = start();
    doc.take();
    patchDocument(doc, {
      title: null, plain: { a: null, b: { d: 2 } }, text: 'hello 😁 world!', count: 3, tags: ['x', 'z'], list: [1, 9, 3], map: { note: 'nested, too', more: true }, fresh: { x: null, y: 1 },
    }, now);
    expect(doc.toJSON()).toEqual({
      plain: { b: { c: [1], d: 2 } }, text: 'hello 😁 world!', count: 3, tags: ['x', 'z'], list: [1, 9, 3],
      map: { in: 'side', note: 'nested, too', more: true }, fresh: { y: 1 },
    });
  });

  it('makes no op where nothing changes, and small ones where little does', () => {
    const doc = start();
    doc.take();
    patchDocument(doc, doc.toJSON() as Patch, now);
    expect(doc.take()).toBeNull();
    patchDocument(doc, { text: `hello 😀 world${'!'.repeat(3)}` }, now);
    expect(doc.take()!.length).toBeLessThan(40);
  });

  it('leaves what others write at the same time', () => {
    const [one, two] = [start(), new EngineDocument(replicas[1])];
    two.apply(one.snapshot());
    patchDocument(one, { text: 'HELLO 😀 world', tags: ['x', 'mine'], list: [0, 1, { two: 2 }, 3] }, now);
    two.textInsert(two.container(['text'], Kind.Text), 14, '?');
    two.setAdd(two.container(['tags'], Kind.Set), 'theirs');
    two.listDelete(two.container(['list'], Kind.List), 2, 1);
    const [a, b] = [one.take()!, two.take()!];
    one.apply(b);
    two.apply(a);
    expect(one.toJSON()).toMatchObject({ text: 'HELLO 😀 world?', list: [0, 1, { two: 2 }] });
    expect((one.toJSON() as { tags: JsonValue[] }).tags.map(String).sort()).toEqual(['mine', 'theirs', 'x']);
    expect(one.digest()).toBe(two.digest());
  });

  it('takes the place of a container when it is of another kind', () => {
    const doc = start();
    patchDocument(doc, { text: 7, count: 'many', tags: { a: 1 }, list: 'none', map: [1] }, now);
    expect(doc.toJSON()).toMatchObject({ text: 7, count: 'many', tags: { a: 1 }, list: 'none', map: [1] });
  });

  it('does not part a surrogate pair', () => {
    for (const [last, next] of [['😀', '😁'], ['a😀', 'a😁'], ['😀b', '🤀b'], ['x😀😀', 'x😀'], ['', '😀'], ['😀', '']]) {
      const doc = new EngineDocument(replicas[0]);
      doc.textInsert(doc.container(['text'], Kind.Text), 0, last || ' ');
      if (!last) doc.textInsert(doc.container(['text'], Kind.Text), 1, 'x');
      patchDocument(doc, { text: next || ' ' }, now);
      expect((doc.toJSON() as { text: string }).text).toBe(next || ' ');
    }
  });

  const rounds = 400;
  const seed = seedFromEnv();
  it(`is RFC 7396 on the document's JSON, in ${rounds} random cases`, () => {
    const all = new Random(seed);
    for (let round = 0; round < rounds; round += 1) {
      const random = all.stream(`patch ${round}`);
      const keys = ['a', 'b', 'text', 'count', 'list', 'map', 'plain', 'ü'];
      const value = (depth: number): JsonValue => random.pick<() => JsonValue>([
        () => random.int(100), () => 'x'.repeat(random.int(4)), () => random.chance(0.5), () => [1, random.int(3)],
        () => (depth > 2 ? 0 : Object.fromEntries(keys.filter(() => random.chance(0.3)).map((key) => [key, random.chance(0.2) ? null : value(depth + 1)]))),
      ])();
      const doc = start();
      for (let step = 0; step < 4; step += 1) {
        const patch = Object.fromEntries(keys.filter(() => random.chance(0.4)).map((key) => [key, random.chance(0.2) ? null : value(0)]));
        const wanted = mergePatch(doc.toJSON(), patch);
        patchDocument(doc, patch, now + step);
        expect([seed, round, step, patch, sorted(doc.toJSON())]).toEqual([seed, round, step, patch, sorted(wanted)]);
      }
      doc.free();
    }
  });

  it('is refused when it is no JSON object, or holds what a document cannot', () => {
    const bytes = (text: string) => new TextEncoder().encode(text);
    for (const text of ['', '[]', '1', 'null', '{', '"a"']) expect(() => patchFrom(bytes(text))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => patchFrom(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    for (const text of ['{"__proto__":1}', '{"a":{"__proto__":1}}', `{"${'k'.repeat(2000)}":1}`, '{"count":1.5}', '{"count":1e300}']) {
      const doc = start();
      expect(() => patchDocument(doc, patchFrom(bytes(text)), now)).toThrow(expect.objectContaining({ code: expect.stringMatching(/invalid_argument|too_large/) }));
    }
  });
});

describe('an emptied document', () => {
  it('holds nothing, and what others write meanwhile stays', () => {
    const [one, two] = [start(), new EngineDocument(replicas[1])];
    two.apply(one.snapshot());
    emptyDocument(one, now);
    expect(one.toJSON()).toEqual({});
    two.textInsert(two.container(['text'], Kind.Text), 5, ',');
    one.apply(two.take()!);
    expect(one.toJSON()).toEqual({ text: ',' });
  });
});
