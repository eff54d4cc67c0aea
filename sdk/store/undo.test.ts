// Undo and redo as a user meets them: own edits only, around whatever others do, after reloads, from any tab.

import { afterEach, describe, expect, it } from '@jest/globals';
import { createDocument, open, type Client } from '../index.js';
import { MemoryDisk, MemoryStorage } from '../storage/memory.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import type { Text } from './text.js';

const clients: Client[] = [];

async function device(disk = new MemoryDisk()): Promise<Client> {
  const client = await open({ name: `undo ${Math.random()}`, storage: new MemoryStorage(disk) });
  clients.push(client);
  return client;
}

afterEach(async () => { await Promise.all(clients.splice(0).map((client) => client.close())); });

/** A user's document with undo, and a peer who gets and gives updates when told to. */
async function pair() {
  const client = await device();
  const document = client.document('d');
  await document.ready;
  const undo = client.undo({ captureMs: 0 });
  await undo.ready;
  await Promise.resolve();
  const peer = createDocument();
  const sync = () => {
    peer.import(document.export(peer.version()));
    document.import(peer.export(document.version()));
  };
  return { client, document, undo, peer, sync, text: document.getText('t'), theirs: peer.getText('t') };
}

describe('undo of text', () => {
  it('takes back typing and deleting, and redo does them again', async () => {
    const { text, undo } = await pair();
    text.insert(0, 'hello world');
    text.delete(0, 6);
    expect([undo.canUndo, undo.canRedo]).toEqual([true, false]);
    expect([await undo.undo(), text.toString()]).toEqual([true, 'hello world']);
    expect([await undo.undo(), text.toString()]).toEqual([true, '']);
    expect([await undo.undo(), undo.canUndo, undo.canRedo]).toEqual([false, false, true]);
    expect([await undo.redo(), text.toString()]).toEqual([true, 'hello world']);
    expect([await undo.redo(), text.toString()]).toEqual([true, 'world']);
    expect([await undo.redo(), undo.canRedo]).toEqual([false, false]);
  });

  it('happens before the call returns when the document is loaded', async () => {
    const { text, undo } = await pair();
    text.insert(0, 'now');
    void undo.undo();
    expect(text.toString()).toBe('');
  });

  it('of an insertion leaves what a peer wrote inside it', async () => {
    const { text, undo, theirs, sync } = await pair();
    text.insert(0, 'abcdef');
    sync();
    theirs.insert(3, 'PEER');
    sync();
    await undo.undo();
    expect(text.toString()).toBe('PEER');
    await undo.redo();
    expect(text.toString()).toBe('abcPEERdef');
  });

  it('of a deletion puts the text back where it was, whatever came around it', async () => {
    const { text, undo, theirs, sync } = await pair();
    text.insert(0, 'one two three');
    undo.cut();
    text.delete(4, 4);
    sync();
    theirs.insert(0, '>> ');
    theirs.insert(theirs.length, ' <<');
    sync();
    await undo.undo();
    expect(text.toString()).toBe('>> one two three <<');
  });

  it('never takes back what a peer did', async () => {
    const { text, undo, theirs, sync } = await pair();
    theirs.insert(0, 'theirs');
    sync();
    expect(undo.canUndo).toBe(false);
    text.delete(0, 3);
    sync();
    theirs.delete(0, 3);
    sync();
    await undo.undo();
    expect(text.toString()).toBe('the');
  });

  it('knows text that came back by undo as the text that was typed', async () => {
    const { text, undo } = await pair();
    text.insert(0, 'typed');
    text.delete(1, 3);
    await undo.undo();
    expect(text.toString()).toBe('typed');
    await undo.undo();
    expect(text.toString()).toBe('');
    await undo.redo();
    await undo.redo();
    expect(text.toString()).toBe('td');
    await undo.undo();
    await undo.undo();
    expect(text.toString()).toBe('');
  });

  it('handles characters of two units, and a pair deleted by a peer', async () => {
    const { text, undo, theirs, sync } = await pair();
    text.insert(0, 'a😀b😀c');
    sync();
    theirs.delete(1, 2);
    sync();
    await undo.undo();
    expect(text.toString()).toBe('');
    await undo.redo();
    expect(text.toString()).toBe('ab😀c');
  });
});

describe('undo of other containers', () => {
  it('puts values back, unless somebody has changed them since', async () => {
    const { document, undo, peer, sync } = await pair();
    document.set('a', 1);
    document.set('a', { x: [1, 2] });
    document.set('b', 'mine');
    sync();
    peer.set('b', 'theirs');
    sync();
    await undo.undo();
    expect(document.get()).toEqual({ a: { x: [1, 2] }, b: 'theirs' });
    await undo.undo();
    expect(document.get()).toEqual({ a: 1, b: 'theirs' });
    await undo.undo();
    expect(document.get()).toEqual({ b: 'theirs' });
    await undo.redo();
    await undo.redo();
    expect(document.get()).toEqual({ a: { x: [1, 2] }, b: 'theirs' });
  });

  it('knows null from nothing', async () => {
    const { document, undo } = await pair();
    document.set('a', null);
    document.delete('a');
    await undo.undo();
    expect(document.get()).toEqual({ a: null });
    await undo.undo();
    expect(document.get()).toEqual({});
  });

  it('counts back and forth', async () => {
    const { document, undo, peer, sync } = await pair();
    const counter = document.getCounter('n');
    counter.increment(5);
    sync();
    peer.getCounter('n').increment(2);
    sync();
    await undo.undo();
    expect(counter.value).toBe(2);
    await undo.redo();
    expect(counter.value).toBe(7);
  });

  it('adds and removes members; adding one that is in is nothing to undo', async () => {
    const { document, undo } = await pair();
    const tags = document.getSet('tags');
    tags.add('a');
    tags.add('a');
    tags.add('b');
    tags.clear();
    await undo.undo();
    expect(tags.values()).toEqual(['a', 'b']);
    await undo.undo();
    expect(tags.values()).toEqual(['a']);
    await undo.undo();
    expect([tags.values(), undo.canUndo]).toEqual([[], false]);
  });

  it('brings a deleted field back with all that was in it', async () => {
    const { document, undo } = await pair();
    document.transact(() => {
      document.getText(['note', 'body']).insert(0, 'text');
      document.getMap(['note']).set('title', 'T');
      document.getCounter(['note', 'n']).increment(3);
      document.getSet(['note', 'tags']).add('x');
    });
    const before = document.toJSON();
    document.delete('note' as never);
    expect(document.toJSON()).toEqual({});
    await undo.undo();
    expect(document.toJSON()).toEqual(before);
    await undo.redo();
    expect(document.toJSON()).toEqual({});
  });
});

describe('undo of lists', () => {
  it('takes back inserting, deleting and moving, in any order they were done', async () => {
    const { document, undo } = await pair();
    const list = document.getList<string>('l');
    list.insert(0, 'a', 'b', 'c', 'd');
    list.delete(1);
    list.delete(1);
    list.move(0, 1);
    list.insert(2, 'e');
    expect(list.toArray()).toEqual(['d', 'a', 'e']);
    const seen = [];
    while (await undo.undo()) seen.push(list.toArray().join(''));
    expect(seen).toEqual(['da', 'ad', 'acd', 'abcd', '']);
    const again = [];
    while (await undo.redo()) again.push(list.toArray().join(''));
    expect(again).toEqual(['abcd', 'acd', 'ad', 'da', 'dae']);
  });

  it('knows an item that came back as the item it was, wherever it has moved', async () => {
    const { document, undo } = await pair();
    const list = document.getList<string>('l');
    list.insert(0, 'a', 'b', 'c');
    list.move(0, 2);
    list.delete(2);
    await undo.undo();
    expect(list.toArray()).toEqual(['b', 'c', 'a']);
    await undo.undo();
    expect(list.toArray()).toEqual(['a', 'b', 'c']);
    await undo.undo();
    expect(list.toArray()).toEqual([]);
  });

  it('leaves what peers inserted, and follows what they moved', async () => {
    const { document, undo, peer, sync } = await pair();
    const list = document.getList<string>('l');
    list.insert(0, 'a', 'b', 'c');
    sync();
    peer.getList<string>('l').insert(1, 'P');
    peer.getList<string>('l').move(0, 3);
    sync();
    expect(list.toArray()).toEqual(['P', 'b', 'c', 'a']);
    await undo.undo();
    expect(list.toArray()).toEqual(['P']);
    await undo.redo();
    sync();
    expect([list.toArray(), peer.digest()]).toEqual([['P', 'b', 'c', 'a'], document.digest()]);
  });

  it('of everything, by chance, brings nothing else back, and redo all of it', async () => {
    const random = new Random(seedFromEnv());
    for (let round = 0; round < 40; round++) {
      const { client, document, undo } = await pair();
      const list = document.getList<number>('l');
      for (let step = 0; step < 25; step++) {
        const action = random.int(4);
        if (action > 1 || list.length < 2) list.insert(random.int(list.length + 1), step);
        else if (action === 1) list.delete(random.int(list.length));
        else list.move(random.int(list.length), random.int(list.length));
      }
      const full = list.toArray();
      const states = [full];
      while (await undo.undo()) states.push(list.toArray());
      expect(list.toArray()).toEqual([]);
      for (const state of states.reverse()) {
        expect(list.toArray()).toEqual(state);
        await undo.redo();
      }
      await client.close();
    }
  });
});

describe('steps', () => {
  it('are what is typed without a pause', async () => {
    const { client, text } = await pair();
    const undo = client.undo({ name: 'slow', captureMs: 60_000 });
    for (const character of 'word') text.insert(text.length, character);
    undo.cut();
    for (const character of ' two') text.insert(text.length, character);
    await undo.undo();
    expect(text.toString()).toBe('word');
    await undo.undo();
    expect(text.toString()).toBe('');
  });

  it('hold a transaction together, across documents too', async () => {
    const { client, document, undo } = await pair();
    const other = client.document('e');
    await other.ready;
    await Promise.resolve();
    document.transact(() => {
      document.set('x', 1);
      document.getText('t').insert(0, 'abc');
      document.set('x', 2);
    });
    await undo.undo();
    expect(document.toJSON()).toEqual({ t: '' });
    const both = client.undo({ name: 'both', captureMs: 60_000 });
    document.set('x', 3);
    other.set('x', 3);
    await both.undo();
    expect([document.get(), other.get()]).toEqual([{}, {}]);
    await both.redo();
    expect([document.get(), other.get()]).toEqual([{ x: 3 }, { x: 3 }]);
  });

  it('a new edit ends what could be redone', async () => {
    const { text, undo } = await pair();
    text.insert(0, 'a');
    await undo.undo();
    text.insert(0, 'b');
    expect([undo.canRedo, await undo.redo(), text.toString()]).toEqual([false, false, 'b']);
  });

  it('are of the documents that were asked for', async () => {
    const { client, document } = await pair();
    const only = client.undo({ documents: ['e'], captureMs: 0 });
    document.set('x', 1);
    expect(only.canUndo).toBe(false);
    client.document('e').set('x', 1);
    expect(only.canUndo).toBe(true);
    expect(client.undo({ documents: ['e'] })).toBe(only);
  });

  it('give the selection back, and tell listeners', async () => {
    const { text, undo } = await pair();
    const told: unknown[] = [];
    undo.selection = { at: 0 };
    const stop = undo.subscribe(({ kind, selection }) => told.push([kind, selection]));
    text.insert(0, 'abc');
    undo.selection = { at: 3 };
    await undo.undo();
    undo.selection = { at: 1 };
    await undo.redo();
    stop();
    undo.clear();
    expect(told).toEqual([['edit', { at: 0 }], ['undo', { at: 0 }], ['redo', { at: 0 }]]);
    expect([undo.canUndo, undo.canRedo]).toEqual([false, false]);
  });
});

describe('undo after a reload', () => {
  it('goes on where the last session was, in documents nobody has opened yet', async () => {
    const disk = new MemoryDisk();
    const first = await device(disk);
    const undo = first.undo({ captureMs: 0 });
    first.text('d').insert(0, 'one');
    first.text('d').insert(3, ' two');
    await undo.undo();
    await first.close();

    const second = await device(disk);
    const again = second.undo({ captureMs: 0 });
    await again.ready;
    expect([again.canUndo, again.canRedo]).toEqual([true, true]);
    await again.redo();
    expect(second.text('d').toString()).toBe('one two');
    await again.undo();
    await again.undo();
    expect(second.text('d').toString()).toBe('');
  });

  it('keeps what was edited before the old stacks were read', async () => {
    const disk = new MemoryDisk();
    const first = await device(disk);
    first.undo({ captureMs: 0 });
    first.text('d').insert(0, 'old ');
    await first.close();
    const second = await device(disk);
    const undo = second.undo({ captureMs: 0 });
    await second.document('d').ready;
    second.text('d').insert(4, 'new');
    await undo.ready;
    await undo.undo();
    expect(second.text('d').toString()).toBe('old ');
    await undo.undo();
    expect(second.text('d').toString()).toBe('');
  });

  it('starts with nothing when what is stored is damaged', async () => {
    const disk = new MemoryDisk();
    await new MemoryStorage(disk).writeMeta('undo/', new TextEncoder().encode('{"version":1,"undo":'));
    const client = await device(disk);
    const undo = client.undo();
    await undo.ready;
    expect(undo.canUndo).toBe(false);
  });

  it('is shared by the tabs of a device', async () => {
    const disk = new MemoryDisk();
    const name = `tabs ${Math.random()}`;
    const tabs = await Promise.all([0, 1].map(() => open({ name, storage: new MemoryStorage(disk) })));
    clients.push(...tabs);
    const [one, two] = tabs.map((tab) => tab.undo({ captureMs: 0 }));
    await Promise.all([one.ready, two.ready]);
    tabs[0].text('d').insert(0, 'from the first tab');
    const told = new Promise<void>((resolve) => { two.subscribe(() => resolve()); });
    await tabs[0].flushed();
    await told;
    expect(two.canUndo).toBe(true);
    await two.undo();
    expect(tabs[1].text('d').toString()).toBe('');
  });
});

describe('undo, whatever a peer does meanwhile', () => {
  it('of everything leaves just what the peer wrote, and redo of everything brings it all back', async () => {
    const seed = seedFromEnv();
    const random = new Random(seed);
    for (let round = 0; round < 60; round++) {
      const { client, document, undo, peer, sync, text, theirs } = await pair();
      for (let step = 0; step < 30; step++) {
        if (random.chance(0.5)) scribble(text, random, 'abc');
        else if (random.chance(0.5)) theirs.insert(random.int(theirs.length + 1), 'P');
        if (random.chance(0.3)) sync();
        if (random.chance(0.1)) await undo.undo();
        if (random.chance(0.1)) await undo.redo();
      }
      sync();
      const full = text.toString();
      let steps = 0;
      while (await undo.undo()) steps++;
      expect(text.toString().replaceAll('P', '')).toBe('');
      expect(text.length).toBe(full.replace(/[^P]/g, '').length);
      while (steps-- > 0) await undo.redo();
      expect(text.toString()).toBe(full);
      sync();
      expect(peer.digest()).toBe(document.digest());
      await client.close();
      peer.close();
    }
  }, 30_000);
});

function scribble(text: Text, random: Random, letters: string): void {
  const index = random.int(text.length + 1);
  // The peer's letters are not the user's to delete here: who undoes a deletion makes them his own.
  const own = /^[^P]+/.exec(text.slice(index))?.[0].length ?? 0;
  if (random.chance(0.4) && own > 0) text.delete(index, 1 + random.int(own));
  else text.insert(index, random.pick([...letters]).repeat(1 + random.int(3)));
}

