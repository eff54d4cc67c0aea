import { describe, expect, it } from '@jest/globals';
import { Random, seedFromEnv } from '../testing/seed.js';
import { Documents } from './documents.js';
import { newDocument, type DocumentState } from './session-state.js';

describe('the documents of a session', () => {
  it('agree with a plain map over random histories, and leave earlier states alone', () => {
    const random = new Random(seedFromEnv());
    let documents = Documents.none;
    const model = new Map<string, DocumentState>();
    const before: [Documents, Map<string, DocumentState>][] = [];
    for (let i = 0; i < 2000; i++) {
      const id = `d${random.int(400)}`;
      if (random.chance(0.4)) model.delete(id);
      else model.set(id, newDocument({ epoch: 'e', lsn: i }));
      documents = documents.with(id, model.get(id));
      if (i % 100 === 0) before.push([documents, new Map(model)]);
    }
    for (const [state, entries] of [...before, [documents, model] as const]) {
      expect(new Map(state)).toEqual(entries);
      expect([state.size, [...state.keys()].sort()]).toEqual([entries.size, [...entries.keys()].sort()]);
      expect(state.has('d1')).toBe(entries.has('d1'));
    }
  });
});
