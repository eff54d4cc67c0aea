import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Level } from '../../server/access/level.js';
import type { Transport } from '../sync/transport.js';
import type { Client } from './client.js';
import { Device, World, pause, until } from './testing/harness.js';

// A client and its rights: what it may not write is taken back and stays back, what it may not read waits, and a token that
// is refused ends the attempts without ending anything that was written.

/** By user and document; who is not here may write everything. */
const rights = new Map<string, Level>();
/** Tokens that are good, each of the user it begins with. */
const isGood = (token: string | null) => token !== null && !expired.has(token);
const expired = new Set<string>();
let dials = 0;
let world: World;

beforeEach(async () => {
  rights.clear();
  expired.clear();
  dials = 0;
  world = await World.start({
    limits: { authorizeMs: 100 },
    authenticate: ({ token }) => (isGood(token) ? { user: token!.split('-')[0], name: token!.split('-')[0].toUpperCase() } : null),
    authorize: ({ user, document }) => rights.get(`${user} ${document}`) ?? 'write',
  });
});
afterEach(() => world.close());

/** Counts how often a client dials. */
function counting(transport: Transport): Transport {
  return { connect: (events) => (dials++, transport.connect(events)) };
}

function openAs(user: string, device: Device = world.device()): Promise<Client> {
  return world.open(device, { token: user, server: counting(world.server.transport) });
}

const codeOf = (write: { acked: Promise<void> }) => write.acked.then(() => 'acked', (error: { code: string }) => error.code);

describe('who may only read', () => {
  beforeEach(() => void rights.set('ann d', 'read'));

  it('has its writes taken back, with their code, and goes on reading', async () => {
    const [ann, bob] = [await openAs('ann'), await openAs('bob')];
    await bob.document('d').set('title', 'bobs').acked;
    const document = ann.document('d');
    await until('ann has it', () => document.get().title === 'bobs');
    const write = document.set('title', 'anns');
    expect(document.get().title).toBe('anns');
    expect(await codeOf(write)).toBe('not_authorized');
    await until('it is taken back', () => document.get().title === 'bobs');
    await until('it is in the inbox', () => ann.rejected.length === 1);
    expect(ann.rejected).toMatchObject([{ document: 'd', error: { code: 'not_authorized' } }]);
    expect([ann.pending, ann.status.get().connection, ann.status.get().error]).toEqual([0, 'live', undefined]);
    await bob.document('d').set('title', 'bobs second').acked;
    await until('ann goes on reading', () => document.get().title === 'bobs second');
    expect(await codeOf(ann.document('other').set('mine', true))).toBe('acked');
  });

  it('keeps them back over reloads, is not told again, and may write again when it may', async () => {
    const device = world.device();
    const first = await openAs('ann', device);
    const text = first.document('d').getText('text');
    expect(await Promise.all([text.insert(0, 'one'), text.insert(3, 'two'), text.insert(6, 'three')].map(codeOf))).toEqual(Array(3).fill('not_authorized'));
    await until('they are taken back', () => text.toString() === '');
    await first.close();
    const second = await openAs('ann', device);
    await second.document('d').ready;
    await until('it is live', () => second.status.get().connection === 'live');
    expect([second.document('d').getText('text').toString(), second.rejected.length, second.pending]).toEqual(['', 1, 0]);
    expect(await codeOf(second.document('d').getText('text').insert(0, 'four'))).toBe('not_authorized');
    await until('it is in the inbox', () => second.rejected.length === 2);
    rights.delete('ann d');
    await pause(1_200);
    expect(await codeOf(second.document('d').getText('text').insert(0, 'five'))).toBe('acked');
    expect(second.rejected).toHaveLength(2);
    const [bob, again] = [await openAs('bob'), await openAs('ann', new Device(world.server, device.disk))];
    await second.close();
    for (const client of [bob, again]) await until('all have it', () => client.document('d').getText('text').toString() === 'five');
    await world.agree('d', [bob, again]);
  }, 15_000);

  it('after writing offline for a while has only those documents taken back', async () => {
    const ann = await openAs('ann');
    await ann.document('d').ready;
    ann.disconnect();
    const forbidden: { acked: Promise<void> }[] = [];
    for (let i = 0; i < 50; i++) {
      forbidden.push(ann.document('d').set(`k${i}`, i));
      // A batch of its own.
      await ann.flushed();
    }
    const allowed = Array.from({ length: 50 }, (_, i) => ann.document('e').set(`k${i}`, i));
    await ann.flushed();
    ann.connect();
    expect(new Set(await Promise.all(forbidden.map(codeOf)))).toEqual(new Set(['not_authorized']));
    expect(new Set(await Promise.all(allowed.map(codeOf)))).toEqual(new Set(['acked']));
    await until('it is empty', () => Object.keys(ann.document('d').get()).length === 0);
    await until('all are in the inbox', () => ann.rejected.length === 50);
    expect([ann.rejected.length, ann.pending, Object.keys(ann.document('e').get()).length]).toEqual([50, 0, 50]);
  });

  it('whose right to write ends in the middle keeps what was acked', async () => {
    rights.delete('ann d');
    const ann = await openAs('ann');
    const document = ann.document('d');
    await document.set('a', 1).acked;
    rights.set('ann d', 'read');
    await pause(1_200);
    expect(await codeOf(document.set('a', 2))).toBe('not_authorized');
    await until('it is taken back', () => document.get().a === 1);
    rights.delete('ann d');
    await pause(1_200);
    expect(await codeOf(document.set('b', 3))).toBe('acked');
    const bob = await openAs('bob');
    await world.agree('d', [ann, bob]);
    expect(bob.document('d').get()).toEqual({ a: 1, b: 3 });
  }, 15_000);
});

describe('who may not even read', () => {
  it('is told of the document, loses nothing, and goes on when it may', async () => {
    rights.set('ann d', 'none');
    const ann = await openAs('ann');
    const write = ann.document('d').set('title', 'anns');
    await until('it is refused', () => ann.status.get().error !== undefined);
    expect(ann.status.get()).toMatchObject({ connection: 'live', error: { code: 'not_authorized', details: { document: 'd' } } });
    await pause(50);
    expect([ann.pending, ann.rejected, ann.document('d').get()]).toEqual([1, [], { title: 'anns' }]);
    rights.delete('ann d');
    expect(await codeOf(write)).toBe('acked');
    expect(ann.status.get()).toMatchObject({ connection: 'live', pending: 0 });
    expect(ann.status.get().error).toBeUndefined();
  });
});

describe('a token that is refused', () => {
  it('ends the attempts until the app connects with another; nothing that was written is lost', async () => {
    expired.add('ann-1');
    let token = 'ann-1';
    const ann = await world.open(world.device(), { token: async () => token, server: counting(world.server.transport) });
    const write = ann.document('d').set('title', 'anns');
    await until('it is refused', () => ann.status.get().error !== undefined);
    expect(ann.status.get()).toMatchObject({ connection: 'offline', error: { code: 'not_authorized' }, pending: 1 });
    await pause(1_500);
    expect(dials).toBe(1);
    token = 'ann-2';
    ann.connect();
    expect(await codeOf(write)).toBe('acked');
    expect(ann.status.get().error).toBeUndefined();
  });

  it('that was good is replaced by a fresh one, without the app', async () => {
    let tokens = 0;
    const ann = await world.open(world.device(), { token: () => `ann-${++tokens}`, server: counting(world.server.transport) });
    await ann.document('d').set('n', 1).acked;
    expired.add('ann-1');
    world.server.cut();
    expect(await codeOf(ann.document('d').set('n', 2))).toBe('acked');
    expect([dials, tokens]).toEqual([2, 2]);
  });
});

describe('peers', () => {
  it('are seen with the user the server knows, whatever they say', async () => {
    const [ann, bob] = [await openAs('ann'), await openAs('bob')];
    const seen = bob.presence<{ name: string }>('d');
    ann.presence<{ name: string }>('d').set({ name: 'the admin' });
    await until('bob sees ann', () => seen.others.length === 1);
    expect(seen.others).toEqual([{ replica: ann.replica, value: { name: 'the admin' }, user: { id: 'ann', name: 'ANN' } }]);
    const [{ user }] = seen.others;
    ann.presence<{ name: string }>('d').set({ name: 'somebody else' });
    await until('bob sees that', () => seen.others[0].value.name === 'somebody else');
    expect(seen.others[0].user).toBe(user);
  });
});

describe('compaction', () => {
  it('leaves what stands for forbidden writes, so that what follows them can still be pushed', async () => {
    rights.set('ann d', 'read');
    const device = world.device();
    const [ann, bob] = [await openAs('ann', device), await openAs('bob')];
    await bob.document('d').set('n', 0).acked;
    await until('ann has it', () => ann.document('d').get().n === 0);
    expect(await codeOf(ann.document('d').set('n', -1))).toBe('not_authorized');
    // More records than are kept as they are.
    for (let i = 1; i <= 420; i++) await bob.document('d').set('n', i).acked;
    await until('ann has all', () => ann.document('d').get().n === 420);
    const records = async () => (await device.storage().load('d')).records.length;
    const deadline = Date.now() + 8_000;
    while ((await records()) > 100 && Date.now() < deadline) await pause(50);
    expect(await records()).toBeLessThan(100);
    await ann.close();
    rights.delete('ann d');
    const again = await openAs('ann', device);
    expect(await codeOf(again.document('d').set('m', 1))).toBe('acked');
    await world.agree('d', [again, bob]);
    expect(bob.document('d').get()).toEqual({ n: 420, m: 1 });
  }, 30_000);
});
