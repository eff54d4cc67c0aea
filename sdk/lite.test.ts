// headwater/lite beside headwater: the same edits on both give the same bytes and digests, and each reads the other's; what
// holds a text is refused whole. Each build runs in a process of its own, since a thread has one engine.

import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { createDocument } from './index.js';
import { Random, seedFromEnv } from './testing/seed.js';

type Edit = [replica: number, verb: string, ...args: unknown[]];

/** Plays edits on three replicas, which now and then hear each other's; tells what each holds. The same code runs on both builds. */
const play = `
  let nowMs = 1_700_000_000_000;
  Date.now = () => nowMs++;
  const hex = (bytes) => Buffer.from(bytes).toString('hex');
  const codeOf = (work) => { try { work(); return 'ok'; } catch (error) { return error.code ?? String(error); } };
  const verbs = {
    set: (doc, key, value) => doc.set(key, value),
    delete: (doc, key) => doc.delete(key),
    nested: (doc, path, key, value) => doc.getMap(path).set(key, value),
    increment: (doc, path, step) => doc.getCounter(path).increment(step),
    add: (doc, path, value) => doc.getSet(path).add(value),
    remove: (doc, path, value) => doc.getSet(path).delete(value),
    clear: (doc, path) => doc.getSet(path).clear(),
  };
  function play(edits) {
    const docs = ['1', '2', '3'].map((digit) => headwater.createDocument({ replica: digit.repeat(16) }));
    const heard = docs.map(() => []);
    docs.forEach((doc, i) => doc.on('update', (bytes) => heard[i].push(hex(bytes))));
    const codes = edits.map(([replica, verb, ...args]) => codeOf(() => (
      verb === 'hear' ? docs[replica].import(docs[args[0]].export(docs[replica].version()))
      : verb === 'load' ? docs[replica].import(docs[args[0]].snapshot())
      : verbs[verb](docs[replica], ...args))));
    const found = docs.map((doc, i) => ({ json: doc.toJSON(), digest: doc.digest(), exported: hex(doc.export()), snapshot: hex(doc.snapshot()), version: hex(doc.version()), heard: heard[i] }));
    docs.forEach((doc) => doc.close());
    return { codes, found };
  }
`;

/** Runs code in a process that has only the named entry; the last thing it prints is its answer. */
function runOn(entry: 'index' | 'lite', code: string, input: unknown): unknown {
  const script = `const headwater = await import(${JSON.stringify(new URL(`./${entry}.js`, import.meta.url).href)});
    const input = JSON.parse(require('node:fs').readFileSync(0, 'utf8')); ${play} console.log(JSON.stringify(await (async () => { ${code} })()));`;
  const wrapped = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); ${script}`;
  const out = execFileSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', wrapped], { input: JSON.stringify(input), encoding: 'utf8', maxBuffer: 1 << 28 });
  return JSON.parse(out);
}

const values = [null, true, 0, -7, 1.5, 'word', 'naïve ☃', [1, [2]], { a: { b: 'c' } }];
const keys = ['a', 'b', 'list', 'ключ'];

function editsOf(random: Random, count: number): Edit[] {
  return Array.from({ length: count }, (): Edit => {
    const replica = random.int(3);
    const key = random.pick(keys);
    const path = random.pick([key, [key, 'deep'], [key, 'deep', 'er']]);
    switch (random.int(9)) {
      case 0: return [replica, 'delete', key];
      case 1: return [replica, 'nested', path, random.pick(keys), random.pick(values)];
      case 2: return [replica, 'increment', path, random.int(20) - 10];
      case 3: case 4: return [replica, 'add', path, random.pick(values)];
      case 5: return random.int(4) === 0 ? [replica, 'clear', path] : [replica, 'remove', path, random.pick(values)];
      case 6: return [replica, random.int(5) === 0 ? 'load' : 'hear', random.int(3)];
      default: return [replica, 'set', key, random.pick(values)];
    }
  });
}

describe('headwater/lite', () => {
  it('gives the same bytes, digests and answers as headwater for the same edits', () => {
    const random = new Random(seedFromEnv());
    const histories = Array.from({ length: 60 }, () => editsOf(random, 40));
    const code = 'return input.map(play);';
    const onLite = runOn('lite', code, histories);
    expect(onLite).toEqual(runOn('index', code, histories));
    expect(JSON.stringify(onLite)).toContain('"word"');
  });

  it('has no texts, and says nothing else is missing', () => {
    expect(runOn('lite', 'const doc = headwater.createDocument(); return [typeof doc.getText, Object.keys(headwater).sort()];', null))
      .toEqual(['undefined', ['Counter', 'Document', 'DocumentMap', 'DocumentSet', 'HeadwaterError', 'Map', 'Set', 'createDocument', 'errorCodes', 'isReplicaId', 'newReplicaId', 'setMemoryLimit']]);
  });

  it('refuses an update or a snapshot with a text in it, and changes nothing', () => {
    const document = createDocument({ replica: '5'.repeat(16) });
    const heard: Uint8Array[] = [];
    document.on('update', (bytes) => { heard.push(bytes); });
    document.set('title', 'fields first');
    document.getText('body').insert(0, 'a');
    document.getText('body').insert(1, 'b');
    document.getText('body').delete(0, 1);
    const [fields, ...texts] = [...heard, document.export(), document.snapshot()].map((bytes) => Buffer.from(bytes).toString('base64'));
    document.close();
    const code = `
      const doc = headwater.createDocument({ replica: '6'.repeat(16) });
      doc.import(Buffer.from(input.fields, 'base64'));
      doc.set('own', 1);
      const before = JSON.stringify([doc.toJSON(), doc.digest()]);
      const told = []; doc.on('update', (bytes) => told.push(bytes)); doc.subscribe(() => told.push('heard'));
      const codes = input.texts.map((text) => codeOf(() => doc.import(Buffer.from(text, 'base64'))));
      return { codes, isSame: before === JSON.stringify([doc.toJSON(), doc.digest()]), told: told.length, json: doc.toJSON() };`;
    const { codes, ...rest } = runOn('lite', code, { fields, texts }) as { codes: string[] };
    expect(rest).toEqual({ isSame: true, told: 0, json: { own: 1, title: 'fields first' } });
    // The second text op builds on the first; it waits for what was refused.
    expect(codes[0]).toBe('not_supported');
    expect(codes.slice(-2)).toEqual(['not_supported', 'not_supported']);
  });

  it('makes way for headwater until it is used, and then says so', () => {
    const code = (use: string) => `
      ${use}
      try { const main = await import(new URL('./index.js', input)); const doc = main.createDocument(); doc.getText('t').insert(0, 'whole'); const lite = headwater.createDocument(); lite.import(new main.Document('d', '1'.repeat(16)).export()); return doc.toJSON(); }
      catch (error) { return error.code; }`;
    const here = new URL('./', import.meta.url).href;
    expect(runOn('lite', code(''), here)).toEqual({ t: 'whole' });
    expect(runOn('lite', code('headwater.createDocument();'), here)).toBe('not_supported');
  });
});
