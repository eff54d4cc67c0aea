// Access over time, on real sockets: tokens that end, rights that change, users sent away, names that peers see; and the
// limits of sockets, frames and rates, each at the limit and one past it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newReplicaId } from '../../sdk/core/replica.js';
import { batch, bytesOf, fixed64, type Part } from '../../sdk/testing/crafted.js';
import { encodeFrame } from '../../sdk/wire/frame.js';
import { defaultLimits } from '../limits.js';
import { silentLog } from '../log.js';
import { createServer, type Server, type ServerOptions } from '../server.js';
import { claimsOf, hmacToken, inSeconds, secret, type Claims } from '../testing/tokens.js';
import { ask, until, Visitor, type VisitorOptions } from '../testing/visitor.js';
import { join as joined, Writer } from '../testing/writer.js';
import type { Level } from './level.js';

let folder: string;
let database: string;
const open: { close(): unknown }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-access-'));
  database = `sqlite:${join(folder, 'data.db')}`;
});
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
  await rm(folder, { recursive: true });
});

async function start(options: ServerOptions = {}): Promise<Server> {
  const server = await createServer({ database, log: silentLog, console: false, jwtSecret: secret, ...options });
  open.push(server);
  await server.listen(0);
  return server;
}

function visitorOf({ port }: { port: number }, options: VisitorOptions): Visitor {
  const visitor = new Visitor(port, options);
  open.push({ close: () => visitor.leave() });
  return visitor;
}

async function enter(server: { port: number }, token: string, replica?: string): Promise<Visitor> {
  const visitor = visitorOf(server, { token, replica });
  expect(await visitor.enter()).toBe('welcome');
  return visitor;
}

const tokenOf = (user: string, permissions: Record<string, Level> = { '*': 'write' }, more: Claims = {}) => hmacToken(claimsOf(user, permissions, more));
const admin = tokenOf('root', { '*': 'admin' });

async function follow(visitor: Visitor, document: string): Promise<void> {
  visitor.subscribe(document);
  await visitor.next('subscribed');
  await visitor.settled();
}

// ── over time ─────────────────────────────────────────────────────────────────────────────────────

describe('a token that ends', () => {
  const limits = { tokenRenewMs: 1_500, tokenGraceMs: 1_000, clockToleranceMs: 1_000 };

  it('is asked to be replaced, and the connection goes on with the next', async () => {
    const server = await start({ limits });
    const visitor = await enter(server, tokenOf('ann', { '*': 'write' }, { exp: inSeconds(3) }));
    await follow(visitor, 'a');
    expect((await visitor.next('renew')).expiresInMs).toBeLessThanOrEqual(1_500);
    visitor.send({ type: 'token', token: tokenOf('ann', { '*': 'read' }) });
    await new Promise((resolve) => setTimeout(resolve, 4_500));
    expect(visitor.closed).toBeNull();
    // With the rights of the new one.
    visitor.send({ type: 'push', document: 'a', batches: new Writer().set('x', 1) });
    expect(await visitor.next('reject')).toMatchObject({ code: 'not_authorized' });
  }, 15_000);

  it('ends the connection when no other comes, with a code that says why', async () => {
    const server = await start({ limits });
    const begun = Date.now();
    const visitor = await enter(server, tokenOf('ann', {}, { exp: inSeconds(2) }));
    expect(await visitor.gone(8_000)).toBe(4401);
    expect(Date.now() - begun).toBeGreaterThan(1_900);
    expect(visitor.of('error')).toMatchObject([{ code: 'not_authorized', message: 'the token has expired' }]);
  }, 15_000);

  it.each([
    ['another user’s', () => tokenOf('bob')], ['a forged one', () => hmacToken(claimsOf('ann', {}), 'another-secret-of-more-than-32-bytes')],
    ['one that has ended', () => tokenOf('ann', {}, { exp: inSeconds(-60) })],
  ])('is not replaced by %s', async (_, next) => {
    const visitor = await enter(await start(), tokenOf('ann'));
    visitor.send({ type: 'token', token: next() });
    expect(await visitor.gone()).toBe(4401);
  });

  it('takes what a new one does not open away from who follows it', async () => {
    const visitor = await enter(await start(), tokenOf('ann', { a: 'read', b: 'read' }));
    for (const document of ['a', 'b']) await follow(visitor, document);
    visitor.send({ type: 'token', token: tokenOf('ann', { b: 'read' }) });
    expect(await visitor.next('error')).toMatchObject({ code: 'not_authorized', document: 'a' });
    await visitor.settled();
    expect([visitor.of('error'), visitor.closed]).toEqual([[], null]);
  });
});

describe('what an admin decides', () => {
  const grant = (server: { port: number }, document: string, user: string, level: Level | null) =>
    ask(server.port, level === null ? 'DELETE' : 'PUT', `/v1/documents/${document}/access/${user}`, { token: admin, body: { level } });

  it('is kept, listed, and taken back', async () => {
    const server = await start();
    await grant(server, 'a', 'ann', 'write');
    await grant(server, 'a', '*', 'none');
    const listed = async () => (await ask(server.port, 'GET', '/v1/documents/a/access', { token: admin })).body;
    expect(await listed()).toEqual({ document: 'a', access: [{ user: '*', level: 'none' }, { user: 'ann', level: 'write' }] });
    expect((await grant(server, 'a', '*', null)).body).toEqual({ document: 'a', user: '*', level: null });
    expect(await listed()).toEqual({ document: 'a', access: [{ user: 'ann', level: 'write' }] });
    for (const body of [undefined, {}, { level: 'owner' }, [], null, { level: null }]) {
      expect((await ask(server.port, 'PUT', '/v1/documents/a/access/ann', { token: admin, body })).status).toBe(400);
    }
    for (const path of ['/v1/documents//access/ann', '/v1/documents/a/access/', '/v1/documents/a/access/%00', `/v1/documents/${'x'.repeat(257)}/access/ann`, '/v1/documents/%E0%A4%A/access/ann']) {
      expect([path, (await ask(server.port, 'PUT', path, { token: admin, body: { level: 'read' } })).status]).toEqual([path, 404]);
    }
  });

  it('lets the next write through, or not, between two ops of one upload', async () => {
    const server = await start();
    const visitor = await enter(server, tokenOf('ann', {}));
    await grant(server, 'a', 'ann', 'write');
    await follow(visitor, 'a');
    const writer = new Writer();
    let isUploading = true;
    const uploading = (async () => {
      for (let i = 0; isUploading; i += 1) {
        visitor.send({ type: 'push', document: 'a', batches: writer.set('n', i) });
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    await until(() => visitor.of('ack').length > 20);
    await grant(server, 'a', 'ann', 'read');
    const afterGrant = visitor.of('reject').length;
    await until(() => visitor.of('reject').length > 20);
    isUploading = false;
    await uploading;
    await visitor.settled();
    // Once the admin has the answer no write gets through; what is in the log is a beginning of what was written.
    const acked = Math.max(...visitor.of('ack').flatMap(({ entries }) => entries.map(({ seq }) => seq)));
    expect(Math.min(...visitor.of('reject').map(({ seqFrom }) => seqFrom))).toBe(acked + 1);
    expect(afterGrant).toBeLessThan(20);
    expect((await ask(server.port, 'GET', '/v1/documents/a', { token: admin })).body.data.n).toBe(acked - 1);
  });

  it('leaves no trace of a reader’s writes, of whatever replica', async () => {
    const server = await start();
    const [writer, reader] = [await enter(server, tokenOf('ann')), await enter(server, tokenOf('bob', { '*': 'read' }))];
    const [anns, bobs] = [new Writer(), new Writer()];
    writer.send({ type: 'push', document: 'a', batches: anns.set('x', 1) });
    await writer.next('ack');
    await follow(reader, 'a');
    const forged = new Writer(anns.replica);
    forged.document.apply(anns.document.export());
    reader.send({ type: 'push', document: 'a', batches: joined(forged.set('x', 2), bobs.set('y', 1), bobs.set('y', 2), forged.set('x', 3)) });
    await until(() => reader.of('reject').length === 4);
    expect(reader.of('reject').map(({ replica, seqFrom, code }) => [replica, seqFrom, code])).toEqual([
      [anns.replica, 2, 'not_authorized'], [bobs.replica, 1, 'not_authorized'], [bobs.replica, 2, 'not_authorized'], [anns.replica, 3, 'not_authorized'],
    ]);
    // Her next op has the number he tried to take.
    writer.send({ type: 'push', document: 'a', batches: anns.set('x', 4) });
    await writer.next('ack');
    expect((await ask(server.port, 'GET', '/v1/documents/a', { token: admin })).body).toMatchObject({ lsn: 2, data: { x: 4 }, digest: anns.document.digest() });
    reader.send({ type: 'push', document: 'a', batches: Uint8Array.of(9, 9, 9) });
    expect(await reader.gone()).toBe(4400);
  });

  it('is no reason to take back what was allowed when it was written: it is acked when it is pushed again', async () => {
    const server = await start();
    const visitor = await enter(server, tokenOf('ann'));
    const writer = new Writer();
    const first = writer.set('x', 1);
    visitor.send({ type: 'push', document: 'a', batches: first });
    await visitor.next('ack');
    await grant(server, 'a', 'ann', 'read');
    visitor.send({ type: 'push', document: 'a', batches: joined(first, writer.set('x', 2)) });
    expect([await visitor.next('ack'), await visitor.next('reject')]).toMatchObject([
      { entries: [{ replica: writer.replica, seq: 1 }] }, { seqFrom: 2, code: 'not_authorized' },
    ]);
  });

  it.each([['its own node', 1], ['another node of the database', 2]])('acts on what is open at %s within 5 seconds', async (_, nodes) => {
    const servers = [await start(), ...(nodes === 2 ? [await start()] : [])];
    const visitor = await enter(servers.at(-1)!, tokenOf('ann', { a: 'read', b: 'write' }));
    for (const document of ['a', 'b']) await follow(visitor, document);
    const begun = Date.now();
    await grant(servers[0], 'a', 'ann', 'none');
    expect(await visitor.next('error', 5_000)).toMatchObject({ code: 'not_authorized', document: 'a' });
    expect(Date.now() - begun).toBeLessThan(5_000);
    // No change and no presence of it comes any more; the other document goes on.
    const writer = await enter(servers.at(-1)!, tokenOf('bob'));
    await follow(writer, 'a');
    writer.send({ type: 'push', document: 'a', batches: new Writer().set('secret', 1) });
    writer.send({ type: 'presence', document: 'a', replica: writer.replica, state: Uint8Array.of(0) });
    await writer.next('ack');
    await writer.settled();
    visitor.send({ type: 'push', document: 'b', batches: new Writer().set('x', 1) });
    await visitor.next('ack');
    await visitor.settled();
    expect([...visitor.of('changes').filter(({ document }) => document === 'a'), ...visitor.of('presence')]).toEqual([]);
    // Given back, the document is offered.
    await grant(servers[0], 'a', 'ann', 'write');
    expect(await visitor.next('resync', 5_000)).toEqual({ type: 'resync', document: 'a' });
    await follow(visitor, 'a');
  }, 20_000);

  it.each([['disconnect', 1], ['revoke', 1], ['disconnect', 2], ['revoke', 2]])('%s ends a user’s connections within 5 seconds, on %i node(s)', async (deed, nodes) => {
    const servers = [await start(), ...(nodes === 2 ? [await start()] : [])];
    const old = tokenOf('ann', { '*': 'write' }, { iat: inSeconds(-100) });
    const [first, second, other] = [await enter(servers[0], old), await enter(servers.at(-1)!, old), await enter(servers.at(-1)!, tokenOf('bob'))];
    expect((await ask(servers[0].port, 'POST', `/v1/users/ann/${deed}`, { token: admin })).status).toBe(200);
    const code = deed === 'revoke' ? 4401 : 4503;
    expect([await first.gone(5_000), await second.gone(5_000)]).toEqual([code, code]);
    await other.settled();
    expect(other.closed).toBeNull();
    for (const { port } of servers) {
      const again = new Visitor(port, { token: old });
      expect(await again.enter()).toBe(deed === 'revoke' ? 4401 : 'welcome');
      again.leave();
      expect((await ask(port, 'GET', '/v1/documents', { token: old })).status).toBe(deed === 'revoke' ? 401 : 200);
      expect((await ask(port, 'GET', '/v1/documents', { token: tokenOf('ann', {}, { iat: inSeconds(1) }) })).status).toBe(200);
    }
  }, 20_000);
});

describe('presence', () => {
  it('says whose it is by the token, whatever is said in it', async () => {
    const server = await start();
    const [ann, bob] = [await enter(server, tokenOf('ann', { '*': 'read' }, { name: 'Ann' })), await enter(server, tokenOf('bob'))];
    await follow(bob, 'a');
    await follow(ann, 'a');
    ann.send({ type: 'presence', document: 'a', replica: ann.replica, state: Uint8Array.of(0), user: 'root', name: 'Your admin' });
    expect(await bob.next('presence')).toEqual({ type: 'presence', document: 'a', replica: ann.replica, state: Uint8Array.of(0), user: 'ann', name: 'Ann' });
    // A newcomer hears the same, and whoever has no name has none.
    bob.send({ type: 'presence', document: 'a', replica: bob.replica, state: Uint8Array.of(1), name: 'Ann' });
    const late = await enter(server, tokenOf('eve'));
    await follow(late, 'a');
    expect(new Map(late.of('presence').map(({ user, name }) => [user, name]))).toEqual(new Map([['ann', 'Ann'], ['bob', undefined]]));
  });

  it('of a replica is its user’s: nobody else takes it over by saying hello with it', async () => {
    const server = await start();
    const [ann, watcher] = [await enter(server, tokenOf('ann')), await enter(server, tokenOf('bob'))];
    for (const each of [ann, watcher]) await follow(each, 'a');
    ann.send({ type: 'presence', document: 'a', replica: ann.replica, state: Uint8Array.of(0) });
    await watcher.next('presence');
    const thief = await enter(server, tokenOf('eve'), ann.replica);
    await follow(thief, 'a');
    for (const state of [Uint8Array.of(1), new Uint8Array(0)]) {
      thief.send({ type: 'presence', document: 'a', replica: ann.replica, state });
      expect(await thief.next('error')).toMatchObject({ code: 'replica_conflict' });
    }
    const again = await enter(server, tokenOf('ann'), ann.replica);
    await follow(again, 'a');
    again.send({ type: 'presence', document: 'a', replica: ann.replica, state: Uint8Array.of(2) });
    await again.settled();
    await watcher.settled();
    expect(watcher.of('presence').map(({ state, user }) => [state[0], user])).toEqual([[2, 'ann']]);
  });

  it('has no names without accounts', async () => {
    const server = await start({ jwtSecret: [] });
    const [one, two] = [visitorOf(server, {}), visitorOf(server, {})];
    for (const each of [one, two]) {
      await each.enter();
      await follow(each, 'a');
    }
    one.send({ type: 'presence', document: 'a', replica: one.replica, state: Uint8Array.of(0), user: 'root', name: 'Root' });
    expect(await two.next('presence')).toEqual({ type: 'presence', document: 'a', replica: one.replica, state: Uint8Array.of(0) });
  });
});

describe('an app’s own rules', () => {
  it('say who somebody is, or that it cannot be said now', async () => {
    const server = await start({
      jwtSecret: [],
      async authenticate({ token }) {
        if (token === 'broken') throw new Error('the directory is away');
        return token === 'cookie' ? { user: 'ann', permissions: { a: 'write' } } : null;
      },
    });
    const codes = await Promise.all(['cookie', 'nothing', 'broken', undefined].map((token) => visitorOf(server, { token }).enter()));
    expect(codes).toEqual(['welcome', 4401, 4503, 4401]);
    const statuses = await Promise.all(['cookie', 'nothing', 'broken', undefined].map(async (token) => (await ask(server.port, 'GET', '/v1/documents', { token })).status));
    expect(statuses).toEqual([200, 401, 503, 401]);
  });

  it('have the last word on a level, and are asked again', async () => {
    const asked: unknown[] = [];
    let level: Level = 'write';
    const server = await start({
      authorize(request) {
        asked.push(request);
        return request.document === 'a' ? level : request.level;
      },
    });
    const visitor = await enter(server, tokenOf('ann', { b: 'read' }, { team: 7 }));
    for (const document of ['a', 'b']) await follow(visitor, document);
    visitor.send({ type: 'push', document: 'a', batches: new Writer().set('x', 1) });
    await visitor.next('ack');
    expect(asked).toMatchObject([{ user: 'ann', document: 'a', level: 'none', claims: { team: 7 } }, { document: 'b', level: 'read' }]);
    level = 'none';
    expect(await visitor.next('error', 5_000)).toMatchObject({ code: 'not_authorized', document: 'a' });
    expect((await ask(server.port, 'GET', '/v1/documents/a', { token: tokenOf('ann') })).status).toBe(404);
  }, 10_000);

  it('that fail turn nobody away for good', async () => {
    const server = await start({ authorize: () => { throw new Error('the directory is away'); } });
    const visitor = await enter(server, tokenOf('ann'));
    visitor.subscribe('a');
    expect(await visitor.next('error')).toMatchObject({ code: 'unavailable', document: 'a' });
    visitor.send({ type: 'push', document: 'a', batches: new Writer().set('x', 1) });
    await visitor.settled();
    expect([visitor.of('ack'), visitor.of('reject'), visitor.closed]).toEqual([[], [], null]);
    expect((await ask(server.port, 'GET', '/v1/documents/a', { token: tokenOf('ann') })).status).toBe(503);
  });

  it('without a check of who it is keep the server on loopback', async () => {
    const server = await createServer({ database: 'sqlite::memory:', log: silentLog, authorize: () => 'read' });
    open.push(server);
    await expect(server.listen(0, '0.0.0.0')).rejects.toMatchObject({ code: 'not_authorized' });
  });
});

// ── limits ────────────────────────────────────────────────────────────────────────────────────────

describe('at the limit and one past it:', () => {
  it('sockets of a user', async () => {
    const server = await start({ limits: { socketsPerUserMax: 2 } });
    const two = [await enter(server, tokenOf('ann')), await enter(server, tokenOf('ann'))];
    const third = visitorOf(server, { token: tokenOf('ann') });
    expect(await third.enter()).toBe(4429);
    expect(third.of('error')).toMatchObject([{ code: 'rate_limited' }]);
    await enter(server, tokenOf('bob'));
    two[0].leave();
    await until(async () => (await visitorOf(server, { token: tokenOf('ann') }).enter()) === 'welcome');
  });

  it.each(['uws', 'ws'] as const)('sockets of an address, on %s', async (transport) => {
    const server = await start({ transport, trustProxy: true, limits: { socketsPerAddressMax: 2 } });
    const from = (address: string) => visitorOf(server, { token: tokenOf('ann'), headers: { 'x-forwarded-for': address } });
    const two = [from('spoofed, 203.0.113.7'), from('203.0.113.7')];
    for (const each of two) expect(await each.enter()).toBe('welcome');
    expect(await from('203.0.113.7').enter()).toBe(429);
    expect(await from('203.0.113.8').enter()).toBe('welcome');
    // One household has a whole /64.
    const six = ['2001:db8::1', '2001:db8:0:0:ffff::2', '2001:DB8::3', '2001:db8:0:1::1'].map(from);
    expect([await six[0].enter(), await six[1].enter(), await six[2].enter(), await six[3].enter()]).toEqual(['welcome', 'welcome', 429, 'welcome']);
    two[0].leave();
    await until(async () => (await from('203.0.113.7').enter()) === 'welcome');
  });

  it('what a proxy says is not believed unless there is one, and this machine is not counted', async () => {
    const server = await start({ limits: { socketsPerAddressMax: 1 } });
    for (let i = 0; i < 3; i += 1) {
      expect(await visitorOf(server, { token: tokenOf('ann'), headers: { 'x-forwarded-for': '203.0.113.7' } }).enter()).toBe('welcome');
    }
  });

  it('documents of a socket', async () => {
    const server = await start({ limits: { documentsPerSocketMax: 2 } });
    const visitor = await enter(server, tokenOf('ann', { a: 'read' }));
    for (const document of ['a', 'b']) visitor.subscribe(document);
    await until(() => visitor.of('subscribed').length + visitor.of('error').length === 2);
    visitor.subscribe('c');
    await until(() => visitor.of('error').length === 2);
    expect(visitor.of('error').map(({ code, document }) => [code, document])).toEqual([['not_authorized', 'b'], ['too_large', 'c']]);
  });

  it('a frame before welcome', async () => {
    const hello = encodeFrame({ type: 'hello', protocol: 1, replica: newReplicaId(), token: 'x'.repeat(4_000) }, 1n);
    const codes: number[] = [];
    for (const helloBytesMax of [hello.length, hello.length - 1]) {
      const visitor = visitorOf(await start({ limits: { helloBytesMax } }), {});
      await visitor.opened();
      visitor.sendBytes(hello);
      codes.push(await visitor.gone());
    }
    expect(codes).toEqual([4401, 4413]);
  });

  it('a frame, and the time to say who one is', async () => {
    const server = await start({ limits: { frameBytesMax: 32_768, helloTimeoutMs: 300 } });
    const visitor = await enter(server, tokenOf('ann'));
    const push = (bytes: number) => encodeFrame({ type: 'push', document: 'a', batches: new Uint8Array(bytes) }, 1n);
    const spare = 32_768 - push(0).length;
    const silent = visitorOf(server, {});
    const begun = Date.now();
    expect(await silent.gone()).toBe(4408);
    expect(Date.now() - begun).toBeGreaterThan(250);
    visitor.sendBytes(push(spare + 4));
    expect([1009, 1006]).toContain(await visitor.gone());
  });

  it.each<[string, keyof typeof defaultLimits, number, number, number]>([
    // A bucket of 20 frames, or of 2,000 bytes, that fills so slowly that one more comes through after a second.
    ['messages', 'messagesAtOnceMax', 20, 1, 20], ['bytes', 'bytesAtOnceMax', 2_000, 100, 20],
  ])('%s a second', async (_, name, brim, rate, frames) => {
    const rates = { [name]: brim, [name.replace('AtOnce', 'PerSecond')]: rate };
    const server = await start({ limits: rates, jwtSecret: [] });
    const visitor = visitorOf(server, {});
    await visitor.enter();
    const hello = encodeFrame({ type: 'hello', protocol: 1, replica: visitor.replica }, 1n).length;
    const ping = encodeFrame({ type: 'ping', nonce: 1 }, 1n).length;
    const atOnce = name === 'messagesAtOnceMax' ? frames - 1 : Math.floor((brim - hello) / ping);
    const begun = Date.now();
    for (let nonce = 1; nonce <= atOnce + 1; nonce += 1) visitor.send({ type: 'ping', nonce });
    await until(() => visitor.of('pong').length >= atOnce);
    expect(Date.now() - begun).toBeLessThan(200);
    await until(() => visitor.of('pong').length === atOnce + 1);
    expect(Date.now() - begun).toBeGreaterThan(80);
    expect(visitor.of('pong').map(({ nonce }) => nonce)).toEqual(Array.from({ length: atOnce + 1 }, (_, i) => i + 1));
  });

  it('what waits for its turn', async () => {
    const server = await start({ limits: { messagesAtOnceMax: 1, messagesPerSecondMax: 1, waitingBytesMax: 3 * (33 + 64) }, jwtSecret: [] });
    const [patient, flooding] = [visitorOf(server, {}), visitorOf(server, {})];
    const ping = encodeFrame({ type: 'ping', nonce: 1 }, 1n);
    expect(ping.length).toBe(33);
    for (const each of [patient, flooding]) await each.enter();
    for (let i = 0; i < 3; i += 1) for (const each of [patient, flooding]) each.sendBytes(ping);
    flooding.sendBytes(ping);
    expect(await flooding.gone()).toBe(4429);
    await until(() => patient.of('pong').length === 3);
    expect(patient.closed).toBeNull();
  });
});

describe('what is in a batch, at the limit and one past it:', () => {

  async function outcome(bytes: Uint8Array, limits: ServerOptions['limits'] = {}): Promise<string> {
    const server = await start({ limits, database: 'sqlite::memory:', jwtSecret: [] });
    const visitor = visitorOf(server, {});
    await visitor.enter();
    visitor.send({ type: 'push', document: 'a', batches: bytes });
    await until(() => visitor.of('ack').length + visitor.of('reject').length > 0 || visitor.closed !== null);
    return visitor.of('reject')[0]?.code ?? (visitor.closed === null ? 'acked' : String(visitor.closed));
  }

  const author = '00000000000000a1';
  /** One key of the root map; the value as FORMAT.md spells it. */
  const mapSet = (key: string, value: Part) => {
    const bytes = bytesOf(value);
    return batch(author, 1, 1, 4, fixed64(BigInt(Date.now()) << 16n), 2, 0, key, 0, bytes.length, bytes);
  };
  /** Lists within lists around a null. */
  const nested = (levels: number): Part => Array.from({ length: levels }, () => [6, 1]).flat().concat(0);
  /** Maps within maps, and a counter at their end. */
  const path = (keys: number): Part => Array.from({ length: keys }, (_, i) => [i, i === keys - 1 ? 4 : 0, 'k']);
  const typed = (units: number) => {
    const writer = new Writer();
    return writer.type('x'.repeat(units));
  };

  it('ops', async () => {
    expect([await outcome(typed(100), { opsPerBatchMax: 100 }), await outcome(typed(101), { opsPerBatchMax: 100 })]).toEqual(['acked', 'too_large']);
  });

  it.each<[string, (over: number) => Uint8Array]>([
    ['bytes of a key', (over) => mapSet('k'.repeat(1_024 + over), [5, 'v'])],
    ['bytes of a value', (over) => mapSet('k', [5, 'v'.repeat(262_144 - 4 + over)])],
    ['levels of a value', (over) => mapSet('k', nested(64 + over))],
    ['keys of a path', (over) => batch(author, 1, 1, 8, 64 + over, path(64 + over), 4, 64 + over, 2)],
  ])('%s, which the engine fixes', async (_, made) => {
    expect([await outcome(made(0)), await outcome(made(1))]).toEqual(['acked', 'invalid_update']);
  });

  it('bytes', async () => {
    const { length } = typed(5_000);
    expect([await outcome(typed(5_000), { blockBytesMax: length }), await outcome(typed(5_000), { blockBytesMax: length - 1 })]).toEqual(['acked', 'too_large']);
  });
});
