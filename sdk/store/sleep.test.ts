import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createDocument, open } from '../index.js';
import { Awake, type Sleeper } from './awake.js';
import { World, pause, until } from './testing/harness.js';

// Documents of a client that are put aside as bytes, and come back when they are asked: nobody should notice.

let world: World;
beforeEach(async () => { world = await World.start(); });
afterEach(async () => { await world.close(); });

describe('a document that sleeps', () => {
  it('is the same object, with the same fields, digest and version', async () => {
    const client = await world.open();
    const document = client.document('d');
    document.set('a', { nested: [1, 2] });
    document.getList('list').insert(0, { item: 1 });
    const [fields, list, digest, version] = [document.get(), document.getList('list').toArray(), document.digest(), document.version()];
    expect([document.sleep(), document.isAsleep]).toEqual([true, true]);
    expect([document.get() === fields, document.isAsleep]).toEqual([true, true]);
    expect(client.document('d')).toBe(document);
    expect([document.digest(), document.version()]).toEqual([digest, version]);
    expect([document.get() === fields, document.getList('list').toArray() === list]).toEqual([true, true]);
  });

  it('wakes for a change of a peer, tells its listeners, and stores what came', async () => {
    const [one, two] = [await world.open(), await world.open()];
    const document = one.document('d');
    document.getText('text').insert(0, 'hello');
    await one.synced();
    await world.agree('d');
    const heard: unknown[] = [];
    document.subscribe((event) => heard.push(event));
    document.getText('text').subscribe(({ delta }) => heard.push(delta));
    document.on('update', (bytes) => heard.push(bytes.length > 0));
    expect(document.sleep()).toBe(true);
    two.document('d').getText('text').insert(5, '!');
    await until('the change is heard', () => heard.length > 0);
    expect(heard).toEqual([true, [{ retain: 5 }, { insert: '!' }], { local: false }]);
    expect(document.sleep()).toBe(true);
    await one.flushed();
    document.close();
    await one.document('d').ready;
    expect(one.document('d').getText('text').toString()).toBe('hello!');
  });

  it('has its edits stored and sent, and their writes come as far as they would', async () => {
    const client = await world.open();
    await client.document('d').ready;
    const write = client.document('d').set('a', 1);
    expect(client.document('d').sleep()).toBe(true);
    await write.durable;
    expect(client.document('d').isAsleep).toBe(true);
    await write.acked;
    expect([write.state, client.pending]).toEqual(['acked', 0]);
    expect(client.document('d').sleep()).toBe(true);
    const next = client.document('d').set('b', 2);
    expect(next.state).toBe('local');
    await next.acked;
    expect([write.state, next.state]).toEqual(['acked', 'acked']);
  });

  it('sleeps before it is loaded, with the edits made until then', async () => {
    const device = world.device();
    const first = await world.open(device);
    first.document('d').set('a', 1);
    await first.close();
    world.clients.length = 0;
    const client = await world.open(device);
    const document = client.document('d');
    document.set('b', 2);
    expect(document.sleep()).toBe(true);
    await document.ready;
    expect([document.get(), client.pending]).toEqual([{ a: 1, b: 2 }, expect.any(Number)]);
    await client.synced();
    expect(client.pending).toBe(0);
  });

  it('goes on where it was when nothing had gone on for long: own writes, those of peers, and after a cut', async () => {
    const [one, two] = [await world.open(), await world.open()];
    const document = one.document('d');
    const first = document.set('a', 1);
    await first.acked;
    await world.agree('d');
    document.sleep();
    await pause(1_300);
    expect(document.isAsleep).toBe(true);
    two.document('d').set('b', 2);
    await until('the change has come', () => document.get().b === 2);
    document.sleep();
    await pause(1_300);
    const second = document.set('c', 3);
    expect([first.state, second.state]).toEqual(['acked', 'local']);
    await second.acked;
    document.sleep();
    await pause(1_300);
    world.server.cut();
    two.document('d').set('e', 4);
    await until('the change has come', () => document.get().e === 4);
    await Promise.all([one.flushed(), one.synced()]);
    await world.agree('d');
    expect([one.pending, document.get()]).toEqual([0, { a: 1, b: 2, c: 3, e: 4 }]);
    document.sleep();
    await pause(1_300);
    document.close();
    expect(one.document('d')).not.toBe(document);
    await one.document('d').ready;
    expect(one.document('d').get()).toEqual({ a: 1, b: 2, c: 3, e: 4 });
  });

  it('undoes what was done before it slept, and redoes it', async () => {
    const client = await world.open();
    const undo = client.undo();
    const text = client.document('d').getText('text');
    await client.document('d').ready;
    text.insert(0, 'one ');
    undo.cut();
    text.insert(4, 'two');
    client.document('d').sleep();
    await undo.undo();
    expect(text.toString()).toBe('one ');
    client.document('d').sleep();
    await undo.redo();
    client.document('d').sleep();
    expect(text.toString()).toBe('one two');
  });

  it('keeps its cursors, and who is there', async () => {
    const [one, two] = [await world.open(), await world.open()];
    const text = one.document('d').getText('text');
    text.insert(0, 'hello');
    await world.agree('d');
    const cursor = text.cursor(2);
    const here = one.presence<string>('d');
    two.presence<string>('d').set('two');
    await until('the other is there', () => here.others.length === 1);
    expect(one.document('d').sleep()).toBe(true);
    two.presence<string>('d').set('still');
    await until('the other is heard', () => here.others[0]?.value === 'still');
    expect(one.document('d').isAsleep).toBe(true);
    two.document('d').getText('text').insert(0, '...');
    await world.agree('d');
    one.document('d').sleep();
    expect(text.resolve(cursor)).toBe(5);
  });

  it('does not sleep within a transaction, nor closed', async () => {
    const client = await world.open();
    const document = client.document('d');
    document.transact(() => {
      document.set('a', 1);
      expect(document.sleep()).toBe(false);
    });
    expect(document.sleep()).toBe(true);
    document.close();
    expect([document.sleep(), document.isClosed]).toEqual([false, true]);
    expect(() => document.get()).toThrow(expect.objectContaining({ code: 'closed' }));
  });

  it('has taken back what the server refused while it slept', async () => {
    const small = await World.start({ limits: { frameBytesMax: 16 * 1024 } });
    const client = await small.open();
    const document = client.document('d');
    await document.set('a', 'kept').acked;
    const heard: unknown[] = [];
    document.subscribe(({ local }) => heard.push([local, String(document.get().a).length]));
    const write = document.set('a', 'x'.repeat(20_000));
    expect(document.sleep()).toBe(true);
    await expect(write.acked).rejects.toThrow(expect.objectContaining({ code: 'too_large' }));
    await until('it is taken back', () => document.get().a === 'kept');
    expect([write.state, heard]).toEqual(['rejected', [[true, 20_000], [false, 4]]]);
    await small.close();
  });
});

describe('a client', () => {
  const words = 'some words to fill it with '.repeat(100);

  it('keeps its documents under its memory limit, and shows all of them', async () => {
    const memoryLimit = 200_000;
    const client = await open({ memoryLimit });
    for (let i = 0; i < 100; i++) {
      client.text(`d${i}`).insert(0, `${i} ${words}`);
      expect(client.memoryBytes).toBeLessThan(memoryLimit + 60_000);
    }
    await client.flushed();
    expect(client.memoryBytes).toBeLessThanOrEqual(memoryLimit);
    for (let i = 0; i < 100; i++) expect(client.text(`d${i}`).toString()).toBe(`${i} ${words}`);
    expect(client.memoryBytes).toBeLessThanOrEqual(memoryLimit);
    expect((await client.documents()).length).toBe(100);
    await client.close();
  });

  it('puts aside what was not used for longest', async () => {
    const client = await open({ memoryLimit: 200_000 });
    for (let i = 0; i < 100; i++) {
      client.text(`d${i}`).insert(0, words);
      expect(client.document('d0').isAsleep).toBe(false);
      client.text('d0').slice(0, 1);
    }
    const awake = Array.from({ length: 100 }, (_, i) => i).filter((i) => !client.document(`d${i}`).isAsleep);
    expect(awake.slice(0, 2)).toEqual([0, expect.any(Number)]);
    expect(awake[1]).toBeGreaterThan(80);
    await client.close();
  });

  it('has at most 256 documents awake', async () => {
    const client = await open();
    for (let i = 0; i < 1_000; i++) client.document(`d${i}`).set('n', i);
    await client.flushed();
    const awake = Array.from({ length: 1_000 }, (_, i) => client.document(`d${i}`)).filter(({ isAsleep }) => !isAsleep);
    expect(awake.length).toBe(256);
    await client.close();
  });

  it.each([0, -1, NaN, '1'])('takes no memory limit of %p', async (memoryLimit) => {
    await expect(open({ memoryLimit: memoryLimit as number })).rejects.toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });
});

describe('room', () => {
  class Stub implements Sleeper {
    isAsleep = false;
    constructor(readonly memoryBytes: number, readonly usedAt: number, private readonly can = true) {}
    sleep(): boolean { return (this.isAsleep = this.can); }
  }

  it('is made until there is enough, and leaves who cannot sleep and who has just come', () => {
    const awake = new Awake(100);
    const all = [new Stub(40, 1, false), new Stub(40, 3), new Stub(20, 2), new Stub(50, 4)];
    for (const each of all) awake.grew(each);
    expect([all.map(({ isAsleep }) => isAsleep), awake.bytes, awake.count]).toEqual([[false, true, true, false], 90, 2]);
    const large = new Stub(500, 0);
    awake.grew(large);
    expect([all.map(({ isAsleep }) => isAsleep), large.isAsleep, awake.bytes]).toEqual([[false, true, true, true], false, 540]);
    awake.forget(large);
    expect([awake.bytes, awake.count]).toEqual([40, 1]);
  });
});

it('a document that no client holds does not go to sleep by itself', () => {
  const document = createDocument();
  document.set('a', 1);
  expect(document.isAsleep).toBe(false);
  document.close();
});
