// toJSON: what shows of a key that holds a value, containers, or both; and that depth costs no more than it must.

import { describe, expect, it } from '@jest/globals';
import { EngineDocument, Kind, rootContainer } from './document.js';

const make = () => new EngineDocument('00000000000000a1');

describe('toJSON', () => {
  it('shows nested containers at their paths, keys sorted', () => {
    const doc = make();
    doc.textInsert(doc.container(['b', 'text'], Kind.Text), 0, 'hello');
    doc.counterAdd(doc.container(['b', 'count'], Kind.Counter), 3);
    doc.setAdd(doc.container(['a'], Kind.Set), 'x');
    doc.mapSet(rootContainer, 'c', [1], 1);
    expect(JSON.stringify(doc.toJSON())).toBe('{"a":["x"],"b":{"count":3,"text":"hello"},"c":[1]}');
  });

  it('shows a value before a container of the same key, and the container again when the value is deleted', () => {
    const doc = make();
    doc.textInsert(doc.container(['k'], Kind.Text), 0, 'text');
    doc.mapSet(rootContainer, 'k', 1, 1);
    expect(doc.toJSON()).toEqual({ k: 1 });
    doc.mapDelete(rootContainer, 'k', 2);
    expect(doc.toJSON()).toEqual({ k: 'text' });
  });

  it('shows null, which is a value, also beside a container', () => {
    const doc = make();
    doc.mapSet(rootContainer, 'k', null, 1);
    doc.textInsert(doc.container(['k'], Kind.Text), 0, 'text');
    expect(doc.toJSON()).toEqual({ k: null });
  });

  it('shows the first kind that is not empty', () => {
    const doc = make();
    const counter = doc.container(['k'], Kind.Counter);
    doc.counterAdd(counter, 2);
    const text = doc.container(['k'], Kind.Text);
    doc.textInsert(text, 0, 'a');
    expect(doc.toJSON()).toEqual({ k: 'a' });
    doc.textDelete(text, 0, 1);
    expect(doc.toJSON()).toEqual({ k: 2 });
    doc.counterAdd(counter, -2);
    expect(doc.toJSON()).toEqual({ k: '' });
  });

  it('does not show containers that were only named', () => {
    const doc = make();
    doc.container(['a', 'b', 'c'], Kind.Text);
    expect(doc.toJSON()).toEqual({});
  });

  it('reads 64 levels of maps in a moment', () => {
    const doc = make();
    const path = Array.from({ length: 64 }, (_, depth) => `k${depth}`);
    doc.counterAdd(doc.container(path, Kind.Counter), 1);
    const started = performance.now();
    expect(JSON.stringify(doc.toJSON())).toContain('"k63":1');
    expect(performance.now() - started).toBeLessThan(200);
  });
});
