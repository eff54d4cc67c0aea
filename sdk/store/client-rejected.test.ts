import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { backup, restore } from './backup.js';
import type { Client } from './client.js';
import { rejectedMax } from './rejected.js';
import { World, inAnHour, pause, until } from './testing/harness.js';
import { Browser } from './testing/tabs.js';

// What the server refused is kept: with what it had changed, across reloads and tabs, until it is written again or let go.

let world: World;
beforeEach(async () => { world = await World.start(); });
afterEach(() => world.close());

/** Makes an edit that is refused, since it sets a field by a clock an hour ahead. */
async function refuse(client: Client, edit: () => void, mark = 'from the future'): Promise<void> {
  const before = client.rejected.get();
  const write = inAnHour(client.document('d'), () => client.document('d').transact(() => {
    client.document('d').set('mark', mark);
    edit();
  }));
  // Where it was so large that it went in parts, its last one builds on the first.
  expect(['clock_drift', 'depends_on_rejected']).toContain(await write.acked.then(() => 'acked', ({ code }) => code));
  await until('it is in the inbox', () => client.rejected.get() !== before);
}

/** The parts of the changes that are for people. */
function shown(client: Client): unknown[] {
  return client.rejected.map(({ changes }) => changes.map((change) => ('splices' in change
    ? [change.path.join('/'), ...change.splices.map(({ index, deleted, inserted }) => [index, deleted, inserted])]
    : change.kind === 'value' ? [change.path.join('/'), change.key, change.before, change.after] : [change.path.join('/'), change.kind === 'counter' ? change.amount : [change.added, change.deleted]])));
}

describe('an entry of the inbox', () => {
  it('says what stood there and what was wanted, by path', async () => {
    const client = await world.open();
    const document = client.document('d');
    document.update({ title: 'old', gone: { a: 1 } });
    document.getText('text').insert(0, 'hello world');
    document.getList('list').insert(0, 1, 2);
    await document.getSet('tags').add('x').acked;
    const told: number[] = [];
    client.rejected.subscribe((refused) => told.push(refused.length));
    const statuses: number[] = [];
    client.status.subscribe(({ rejected }) => statuses.push(rejected));
    await refuse(client, () => {
      document.set('title', 'new');
      document.delete('gone');
      document.getText('text').splice(0, 5, 'bye');
      document.getList('list').delete(0);
      document.getCounter(['deep', 'count']).increment(5);
      document.getSet('tags').add('y');
    });
    expect(shown(client)).toEqual([expect.arrayContaining([
      ['', 'title', 'old', 'new'], ['', 'gone', { a: 1 }, undefined], ['', 'mark', undefined, 'from the future'],
      ['text', [0, 'hello', 'bye']], ['list', [0, [1], []]], ['deep/count', 5], ['tags', [['y'], []]],
    ])]);
    const [entry] = client.rejected;
    expect(entry).toMatchObject({ document: 'd', code: 'clock_drift', error: { code: 'clock_drift' }, message: entry.error.message });
    expect(Math.abs(Date.now() - entry.when)).toBeLessThan(10_000);
    expect(client.rejected.get()).toBe(client.rejected.get());
    expect([client.rejected.get(), [...client.rejected]]).toEqual([[entry], [entry]]);
    expect([told, client.status.get().rejected]).toEqual([[1], 1]);
    await until('the status says it', () => statuses.includes(1));
  });

  it('is there after a reload, and can be written again then, on what is there by then', async () => {
    const device = world.device();
    const first = await world.open(device);
    await first.text('d').insert(0, 'one two three').acked;
    await refuse(first, () => first.text('d').splice(4, 3, 'TWO'));
    const told = shown(first);
    await first.flushed();
    await first.close();
    const peer = await world.open();
    await peer.document('d').ready;
    await until('the peer has it', () => peer.text('d').length > 0);
    await peer.text('d').insert(0, 'zero ').acked;
    const second = await world.open(device);
    expect([shown(second), second.status.get().rejected]).toEqual([told, 1]);
    const write = second.rejected[0].retry();
    await write.acked;
    expect([second.text('d').toString(), second.document('d').get().mark, second.rejected.length]).toEqual(['zero one TWO three', 'from the future', 0]);
    await world.agree('d', [second, peer]);
    await second.close();
    expect((await world.open(device)).rejected).toEqual([]);
  });

  it('leaves when what was written again is durable, not before, and comes back when that is refused', async () => {
    const device = world.device();
    const storage = device.storage();
    const client = await world.open(device, { storage });
    await client.text('d').insert(0, 'good').acked;
    await refuse(client, () => client.text('d').insert(4, ' bad'));
    const [first] = client.rejected;
    storage.delayMs = 30;
    const write = inAnHour(client.document('d'), () => first.retry());
    expect([client.text('d').toString(), client.rejected.length, first.retry() === write]).toEqual(['good bad', 1, true]);
    await write.durable;
    expect(client.rejected.length).toBe(0);
    storage.delayMs = 0;
    expect(await write.acked.then(() => 'acked', ({ code }) => code)).toBe('clock_drift');
    await until('it is back', () => client.rejected.length === 1);
    expect(client.text('d').toString()).toBe('good');
    expect(() => first.retry()).not.toThrow();
    await client.rejected[0].retry().acked;
    expect([client.text('d').toString(), client.rejected.length]).toEqual(['good bad', 0]);
    await world.agree('d', [client, await world.open()]);
  });

  it('is gone for good when it is discarded, or its document removed', async () => {
    const device = world.device();
    const client = await world.open(device);
    await client.text('d').insert(0, 'good').acked;
    await refuse(client, () => client.text('d').insert(4, ' bad'));
    await client.rejected[0].discard();
    expect(client.rejected).toEqual([]);
    await refuse(client, () => client.text('d').insert(4, ' bad'), 'again');
    await client.flushed();
    await client.remove('d');
    expect(client.rejected).toEqual([]);
    await client.close();
    expect((await world.open(device)).rejected).toEqual([]);
    expect(await device.storage().metaKeys('rejected/')).toEqual([]);
  });

  it('goes with a backup', async () => {
    const client = await world.open();
    await client.text('d').insert(0, 'good').acked;
    await refuse(client, () => client.text('d').insert(4, ' bad'));
    const file = await backup(client);
    const other = await world.open();
    expect(await restore(other, file)).toEqual(['d']);
    expect(shown(other)).toEqual(shown(client));
    await restore(other, file);
    await other.rejected[0].retry().acked;
    expect([other.text('d').toString(), other.rejected.length]).toEqual(['good bad', 0]);
    const bytes = new Uint8Array(await file.arrayBuffer());
    bytes[bytes.length - 30] ^= 1;
    await expect(restore(other, bytes)).rejects.toMatchObject({ code: 'invalid_update' });
  });

  it('can be written again where the document is not open, and is sent', async () => {
    const device = world.device();
    const client = await world.open(device);
    await client.text('d').insert(0, 'good').acked;
    await refuse(client, () => client.text('d').insert(4, ' bad'));
    client.document('d').close();
    const write = client.rejected[0].retry();
    expect(write.state).toBe('local');
    await write.acked;
    expect([write.state, client.rejected.length]).toEqual(['acked', 0]);
    await until('it is closed again', () => !client.document('d').isClosed);
    await client.document('d').ready;
    expect(client.text('d').toString()).toBe('good bad');
  });
});

describe('a process that dies after it heard of a refusal and before that is stored', () => {
  it('leaves the write un-acked, whatever was stored meanwhile, and the next session is told', async () => {
    const device = world.device();
    const storage = device.storage();
    const client = await world.open(device, { storage });
    await client.text('d').insert(0, 'good').acked;
    await client.flushed();
    storage.delayMs = 60;
    storage.setPlan((_, call) => (call === 'load' ? 'hang' : null));
    const refused = inAnHour(client.document('d'), () => client.document('d').set('mark', 1));
    await refused.durable;
    // One is on its way to the disk while the refusal comes, and the next one waits in line with the position.
    const first = client.counter('d').increment();
    await new Promise((resolve) => { setImmediate(resolve); });
    const second = client.counter('d').increment();
    expect(await refused.acked.then(() => 'acked', ({ code }) => code)).toBe('clock_drift');
    expect(first.state).toBe('local');
    await second.durable;
    expect(client.rejected).toEqual([]);
    storage.setPlan(() => 'hang');
    client.disconnect();
    world.clients.splice(world.clients.indexOf(client), 1);
    const next = await world.open(device);
    await next.document('d').ready;
    await until('it is told again', () => next.rejected.length === 1);
    expect([next.rejected[0].code, next.document('d').toJSON()]).toEqual(['clock_drift', { counter: 2, text: 'good' }]);
    await world.agree('d', [next, await world.open()]);
  });
});

describe('writes that build on a refused one', () => {
  it('are in the inbox too, and all together are written again in their order', async () => {
    const client = await world.open();
    const text = client.text('d');
    await text.insert(0, 'abc').acked;
    client.disconnect();
    inAnHour(client.document('d'), () => client.document('d').transact(() => {
      client.document('d').set('mark', 1);
      text.insert(3, ' BAD');
    }));
    await client.flushed();
    text.insert(7, '!');
    await client.flushed();
    text.insert(8, '?');
    await client.flushed();
    text.delete(4, 1);
    await client.flushed();
    text.insert(0, '> ');
    await client.flushed();
    client.connect();
    await client.synced().catch(() => {});
    await until('all is answered', () => client.rejected.length === 4 && client.pending === 0);
    expect(client.rejected.map(({ code }) => code)).toEqual(['clock_drift', 'depends_on_rejected', 'depends_on_rejected', 'depends_on_rejected']);
    expect(shown(client).slice(1)).toEqual([[['text', [7, '', '!']]], [['text', [8, '', '?']]], [['text', [4, 'B', '']]]]);
    expect(text.toString()).toBe('> abc');
    const writes = client.rejected.retry();
    expect(text.toString()).toBe('> abc AD!?');
    await Promise.all(writes.map(({ acked }) => acked));
    expect(client.rejected).toEqual([]);
    await world.agree('d', [client, await world.open()]);
  });

  it('find their place one by one too, also after a reload between', async () => {
    const device = world.device();
    let client = await world.open(device);
    await client.text('d').insert(0, 'abc').acked;
    client.disconnect();
    inAnHour(client.document('d'), () => client.document('d').transact(() => {
      client.document('d').set('mark', 1);
      client.text('d').insert(1, '12');
    }));
    await client.flushed();
    client.text('d').insert(2, '|');
    await client.flushed();
    client.connect();
    await until('both are refused', () => client.rejected.length === 2);
    await client.rejected[0].retry().acked;
    await client.close();
    client = await world.open(device);
    await client.document('d').ready;
    expect(client.rejected.length).toBe(1);
    await client.rejected[0].retry().acked;
    expect(client.text('d').toString()).toBe('a1|2bc');
  });
});

describe('tabs', () => {
  it('have one inbox, also those that have not opened the document', async () => {
    const browser = new Browser(world);
    const [one, two, three] = [await browser.open(), await browser.open(), await browser.open()];
    await one.client.text('d').insert(0, 'good').acked;
    await two.client.document('d').ready;
    await refuse(one.client, () => one.client.text('d').insert(4, ' bad'));
    const counts = () => [one, two, three].map(({ client }) => client.rejected.length);
    await until('all have it', () => counts().join() === '1,1,1');
    expect(shown(three.client)).toEqual(shown(one.client));
    await refuse(one.client, () => one.client.text('d').insert(0, 'worse '), 'worse');
    await until('all have both', () => counts().join() === '2,2,2');
    await three.client.rejected[1].discard();
    await until('it is gone everywhere', () => counts().join() === '1,1,1');
    const write = three.client.rejected[0].retry();
    await write.acked;
    await until('it has left everywhere', () => counts().join() === '0,0,0');
    await until('all show it', () => [one, two].every(({ client }) => client.text('d').toString() === 'good bad'));
    await pause(50);
    expect(counts()).toEqual([0, 0, 0]);
    await world.agree('d', [one.client, two.client, three.client]);
  });
});

describe('undo of a refused write', () => {
  it('does nothing, whatever the write did, and takes back the rest of its step', async () => {
    const client = await world.open();
    const undo = client.undo({ captureMs: 0 });
    const document = client.document('d');
    const text = document.getText('text');
    document.set('title', 'old');
    text.insert(0, 'hello world');
    document.getList('list').insert(0, 'a', 'b');
    document.getCounter('count').increment(2);
    await document.getSet('tags').add('x').acked;
    undo.clear();
    const before = document.toJSON();
    await refuse(client, () => {
      document.set('title', 'new');
      text.delete(0, 6);
      text.insert(5, '!!');
      document.getList('list').delete(0);
      document.getList('list').insert(1, 'c');
      document.getCounter('count').increment(5);
      document.getSet('tags').delete('x');
      document.getSet('tags').add('y');
    });
    expect(document.toJSON()).toEqual(before);
    while (await undo.undo());
    expect(document.toJSON()).toEqual(before);
    while (await undo.redo());
    expect(document.toJSON()).toEqual(before);
    await client.synced();
    await world.agree('d', [client, await world.open()]);
  });

  it('does not count back what was refused, only what was counted beside it', async () => {
    const client = await world.open();
    const undo = client.undo({ captureMs: 10_000 });
    const count = client.document('d').getCounter('count');
    await count.increment(1).acked;
    await refuse(client, () => count.increment(5));
    await count.increment(2).acked;
    expect(count.value).toBe(3);
    await undo.undo();
    expect(count.value).toBe(0);
  });
});

describe('much of it', () => {
  it('a batch of 30,000 ops is refused, kept over a reload and written again', async () => {
    const device = world.device();
    const client = await world.open(device);
    await client.text('d').insert(0, 'x').acked;
    await refuse(client, () => {
      const [text, map] = [client.text('d'), client.document('d').getMap('map')];
      for (let i = 0; i < 10_000; i++) {
        text.insert(i % text.length, 'ab');
        map.set(`key ${i % 3000}`, i);
        client.counter('d').increment();
      }
    });
    await until('all parts of it are answered', () => client.pending === 0, 20_000);
    await client.flushed();
    expect(client.document('d').toJSON()).toEqual({ text: 'x' });
    expect(client.rejected.reduce((ops, { seqFrom, seqTo }) => ops + seqTo - seqFrom + 1, 0)).toBe(40_001);
    await client.close();
    const next = await world.open(device);
    await next.document('d').ready;
    const startedAt = performance.now();
    await Promise.all(next.rejected.retry().map(({ acked }) => acked));
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect([next.text('d').length, next.document('d').getMap('map').keys().length, next.counter('d').value]).toEqual([20_001, 3000, 10_000]);
    await world.agree('d', [next, await world.open()]);
  }, 30_000);

  it('one in a document of 1 MB is taken back and written again', async () => {
    const client = await world.open();
    const text = client.text('d');
    const words = Array.from({ length: 16 }, (_, i) => `${i} `.repeat(32_768).slice(0, 65_536));
    for (const word of words) await text.insert(0, word).acked;
    for (let i = 0; i < 200; i++) text.insert(i * 5000, '<i>');
    await client.synced();
    const whole = text.toString();
    const startedAt = performance.now();
    await refuse(client, () => text.splice(500_000, 10, 'elsewhere'));
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect(text.toString() === whole).toBe(true);
    expect(shown(client)).toEqual([expect.arrayContaining([['text', [500_000, whole.slice(500_000, 500_010), 'elsewhere']]])]);
    await client.rejected[0].retry().acked;
    expect(text.toString() === `${whole.slice(0, 500_000)}elsewhere${whole.slice(500_010)}`).toBe(true);
    await world.agree('d', [client, await world.open()]);
  }, 30_000);

  it('what there is no room for goes, the oldest first, and the status says so', async () => {
    const device = world.device();
    const client = await world.open(device);
    const max = { ...rejectedMax };
    try {
      rejectedMax.count = 3;
      for (let i = 0; i < 5; i++) await refuse(client, () => client.text('d').insert(0, `${i}`), `mark ${i}`);
      await until('there are three', () => client.rejected.length === 3);
      expect(client.status.get()).toMatchObject({ rejected: 3, error: { code: 'too_large', details: { dropped: 1 } } });
      rejectedMax.bytes = 10;
      await refuse(client, () => client.text('d').insert(0, 'last'));
      await until('only the last one is kept', () => client.rejected.length === 1);
      expect(client.rejected[0].changes).toHaveLength(2);
      await client.flushed();
      expect(await device.storage().metaKeys('rejected/')).toHaveLength(1);
    } finally {
      Object.assign(rejectedMax, max);
    }
  });
});
