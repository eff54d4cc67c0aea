import { describe as group, expect, it } from '@jest/globals';
import { EngineDocument } from '../core/document.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import { nameOf, splitUpdate, type Block } from './blocks.js';
import { describe, renameIn, writeChanges, type Change } from './changes.js';
import { Document } from './document.js';

// What a batch changed, read from blocks, and written again on whatever is there by then.

const replica = 'a'.repeat(16);

/** A document that keeps its batches apart. */
class Author {
  readonly document = new Document<any>('d', replica);
  readonly blocks: Block[] = [];

  write(edit: (document: Document<any>) => void): Block {
    this.document.transact(() => edit(this.document));
    const blocks = splitUpdate(this.document.take() ?? new Uint8Array(0));
    this.blocks.push(...blocks);
    return blocks[0];
  }

  changesOf(batch: Block): Change[] { return describe(null, this.blocks, [batch]).get(nameOf(batch.replica, batch.seqFrom))!; }
}

/** Everything but some batches, which were refused. */
function without(blocks: readonly Block[], refused: readonly Block[]): EngineDocument {
  const engine = new EngineDocument('b'.repeat(16));
  for (const block of blocks) if (!refused.includes(block)) engine.apply(block.bytes);
  return engine;
}

function shown(changes: readonly Change[]): unknown[] {
  return changes.map((change) => ('splices' in change
    ? { ...change, splices: (change.splices as { index: number; deleted: unknown; inserted: unknown }[]).map(({ index, deleted, inserted }) => ({ index, deleted, inserted })) }
    : change));
}

group('what a batch changed', () => {
  it('is told by path: values before and after, text and items out and in, amounts and members', () => {
    const author = new Author();
    author.write((document) => {
      document.update({ title: 'old', gone: 1 });
      document.getText('text').insert(0, 'hello world');
      document.getList('list').insert(0, 1, 2, 3);
      document.getSet('tags').add('x');
    });
    const batch = author.write((document) => {
      document.update({ title: 'new' });
      document.delete('gone');
      document.getText('text').splice(0, 5, 'bye');
      document.getText('text').insert(9, '!');
      document.getList('list').delete(1);
      document.getCounter(['deep', 'count']).increment(5);
      document.getSet('tags').add('y');
      document.getSet('tags').delete('x');
    });
    const changes = shown(author.changesOf(batch));
    expect(changes).toHaveLength(6);
    expect(changes).toEqual(expect.arrayContaining([
      { path: [], kind: 'value', key: 'title', before: 'old', after: 'new' },
      { path: [], kind: 'value', key: 'gone', before: 1, after: undefined },
      { path: ['text'], kind: 'text', splices: [{ index: 0, deleted: 'hello', inserted: 'bye' }, { index: 11, deleted: '', inserted: '!' }] },
      { path: ['list'], kind: 'list', splices: [{ index: 1, deleted: [2], inserted: [] }] },
      { path: ['deep', 'count'], kind: 'counter', amount: 5 },
      { path: ['tags'], kind: 'set', added: ['y'], deleted: ['x'] },
    ].map((change) => ('splices' in change && change.kind === 'list' ? { ...change, splices: [{ index: 1, deleted: [2], inserted: [] }] } : change))));
  });

  it('is read of one that was written on another refused one too', () => {
    const author = new Author();
    author.write((document) => document.getText('text').insert(0, 'abc'));
    const first = author.write((document) => document.getText('text').insert(3, ' BAD'));
    const second = author.write((document) => document.getText('text').insert(7, '!'));
    expect([first, second].map((batch) => shown(author.changesOf(batch)))).toEqual([
      [{ path: ['text'], kind: 'text', splices: [{ index: 3, deleted: '', inserted: ' BAD' }] }],
      [{ path: ['text'], kind: 'text', splices: [{ index: 7, deleted: '', inserted: '!' }] }],
    ]);
  });
});

group('written again', () => {
  it('goes where its neighbours are now', () => {
    const author = new Author();
    author.write((document) => document.getText('text').insert(0, 'one two three'));
    const batch = author.write((document) => document.getText('text').splice(4, 3, 'TWO'));
    const peer = new Document<any>('d', 'c'.repeat(16));
    peer.import(author.blocks[0].bytes);
    peer.getText('text').insert(0, 'zero ');
    peer.getText('text').delete(8, 1);
    writeChanges(peer.engine, author.changesOf(batch), 1);
    expect(peer.getText('text').toString()).toBe('zero oneTWO three');
    peer.close();
  });

  it('keeps a moved item one', () => {
    const author = new Author();
    author.write((document) => document.getList('list').insert(0, 'a', 'b', 'c', 'd'));
    const batch = author.write((document) => document.getList('list').move(0, 2));
    const peer = new Document<any>('d', 'c'.repeat(16));
    peer.import(author.blocks[0].bytes);
    const other = new Document<any>('d', 'e'.repeat(16));
    other.import(author.blocks[0].bytes);
    other.getList('list').move(0, 3);
    writeChanges(peer.engine, author.changesOf(batch), 1);
    expect(peer.getList('list').toArray()).toEqual(['b', 'c', 'a', 'd']);
    peer.import(other.export());
    expect([...peer.getList('list').toArray()].sort()).toEqual(['a', 'b', 'c', 'd']);
    peer.close();
    other.close();
  });

  it('gives back what there was: any batches, refused together and written again in their order', () => {
    const seed = seedFromEnv();
    for (let round = 0; round < 150; round++) again(new Random(seed + round));
  });

  function again(random: Random): void {
    const author = new Author();
    for (let i = 0; i < 12; i++) author.write((document) => { for (let n = 1 + random.int(4); n > 0; n--) edit(document, random); });
    const from = 1 + random.int(author.blocks.length - 1);
    const refused = author.blocks.slice(from);
    const changes = describe(null, author.blocks, refused);
    const engine = without(author.blocks, refused);
    const lists = refused.map(({ replica: of, seqFrom }) => changes.get(nameOf(of, seqFrom))!);
    lists.forEach((list, i) => {
      const renames = writeChanges(engine, list, 1e12 + i);
      for (const later of lists.slice(i + 1)) renameIn(later, renames);
    });
    // A container that a batch made and emptied again is not made.
    const [again, before] = [engine, author.document].map((document) => ({ text: '', list: [], tags: [], count: 0, ...(document.toJSON() as object) }));
    expect([random.seed, again]).toEqual([random.seed, before]);
    engine.free();
    author.document.close();
  }
});

let made = 0;
function edit(document: Document<any>, random: Random): void {
  const [text, list] = [document.getText('text'), document.getList<number>('list')];
  const at = (length: number) => random.int(length + 1);
  switch (random.int(9)) {
    case 0: case 1: return void text.insert(at(text.length), `<${++made}>`);
    case 2: { const from = at(text.length); return void text.delete(from, Math.min(random.int(4), text.length - from)); }
    case 3: return void list.insert(at(list.length), ++made, ++made);
    case 4: if (list.length > 0) list.delete(random.int(list.length)); return;
    case 5: if (list.length > 1) list.move(random.int(list.length), random.int(list.length)); return;
    case 6: return void (random.chance(0.7) ? document.set(random.pick(['a', 'b']), ++made) : document.delete(random.pick(['a', 'b'])));
    case 7: return void document.getCounter('count').increment(random.int(11) - 5);
    default: { const set = document.getSet<number>('tags'); const value = random.int(4); return void (set.has(value) ? set.delete(value) : set.add(value)); }
  }
}
