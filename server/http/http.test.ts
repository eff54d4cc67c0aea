// The HTTP API against a real server with real clients beside it.

import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HeadwaterError } from '../../sdk/core/errors.js';
import { createDocument, open, type Client } from '../../sdk/index.js';
import { decodeFrame } from '../../sdk/wire/frame.js';
import type { Message } from '../../sdk/wire/message.js';
import { until } from '../bus/conformance.js';
import { silentLog } from '../log.js';
import { createServer, type Server, type ServerOptions } from '../server.js';
import { claimsOf, hmacToken, secret } from '../testing/tokens.js';
import { TestWebSocket } from '../transport/ws.js';
import { openApi } from './openapi.js';
import { routes } from './routes.js';

const toClose: (() => unknown)[] = [];
let database: string;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-http-'));
  database = `sqlite:${join(folder, 'data.db')}`;
  toClose.push(() => rm(folder, { recursive: true, force: true }));
});
afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

async function start(options: ServerOptions = {}): Promise<Server> {
  const server = await createServer({ database, log: silentLog, console: false, ...options });
  await server.listen(0);
  toClose.push(() => server.close());
  return server;
}

async function connect(server: Server, name = 'ann', token?: string): Promise<Client> {
  const client = await open({ name, token, server: `ws://127.0.0.1:${server.port}`, storage: 'memory', WebSocket: TestWebSocket as never });
  toClose.push(() => client.close());
  return client;
}

async function ask(server: Server, method: string, path: string, body?: unknown, token?: string) {
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    body: body === undefined || body instanceof Uint8Array || typeof body === 'string' ? (body as never) : JSON.stringify(body),
  });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const isJson = answer.headers.get('content-type')?.startsWith('application/json');
  return { status: answer.status, headers: answer.headers, bytes, json: isJson ? JSON.parse(new TextDecoder().decode(bytes)) : null };
}

function framesOf(bytes: Uint8Array): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 13 + new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(9, true);
    messages.push(decodeFrame(bytes.slice(at, end), 1 << 30).message);
    at = end;
  }
  return messages;
}

describe.each(['uws', 'ws'] as const)('documents over HTTP, on %s', (transport) => {
  it('are changed by a merge patch, which clients see as edits, and which goes on from theirs', async () => {
    const server = await start({ transport });
    const ann = await connect(server);
    ann.text('a').insert(0, 'hello');
    await ann.document('a').set('title', 'one').acked;
    const heard: unknown[] = [];
    ann.text('a').subscribe(({ delta, local }) => heard.push([delta, local]));
    const name = Object.keys(ann.document('a').toJSON() as object).find((key) => key !== 'title')!;
    const answer = await ask(server, 'PATCH', '/v1/documents/a', { title: 'two', [name]: 'hello, world', more: { x: 1 } });
    expect([answer.status, answer.json.data]).toEqual([200, { title: 'two', [name]: 'hello, world', more: { x: 1 } }]);
    await until(() => ann.document('a').digest() === answer.json.digest);
    expect([ann.text('a').toString(), ann.document('a').get()]).toEqual(['hello, world', { title: 'two', more: { x: 1 } }]);
    expect(heard).toEqual([[[{ retain: 5 }, { insert: ', world' }], false]]);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(server, 'PATCH', '/v1/documents/a', { [`field${i}`]: i })));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(Object.keys((await ask(server, 'GET', '/v1/documents/a')).json.data).length).toBe(23);
    expect((await ask(server, 'PATCH', '/v1/documents/new', { made: 'here' })).json.data).toEqual({ made: 'here' });
  });

  it('are emptied for everybody, and may be written on', async () => {
    const server = await start({ transport });
    const ann = await connect(server);
    ann.text('a').insert(0, 'gone');
    await ann.document('a').set('title', 'gone').acked;
    expect((await ask(server, 'DELETE', '/v1/documents/a')).json.data).toEqual({});
    await until(() => ann.text('a').toString() === '');
    await ann.document('a').set('title', 'again').acked;
    expect((await ask(server, 'GET', '/v1/documents/a')).json.data).toEqual({ title: 'again' });
    expect((await ask(server, 'DELETE', '/v1/documents/nothing')).status).toBe(404);
  });

  it('are there as they were, by LSN and by time', async () => {
    const server = await start({ transport, limits: { snapshotEntriesMin: 4 } });
    const ann = await connect(server);
    const digests: string[] = [];
    for (let i = 1; i <= 10; i += 1) {
      await ann.document('a').set('count', i).acked;
      digests.push(ann.document('a').digest());
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    const between = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await ann.document('a').set('count', 99).acked;
    for (const lsn of [1, 3, 4, 7, 10]) expect((await ask(server, 'GET', `/v1/documents/a?lsn=${lsn}`)).json).toEqual({ id: 'a', lsn, data: { count: lsn }, digest: digests[lsn - 1] });
    expect((await ask(server, 'GET', `/v1/documents/a?at=${between}`)).json).toMatchObject({ lsn: 10, data: { count: 10 } });
    expect((await ask(server, 'GET', '/v1/documents/a?lsn=0')).json.data).toEqual({});
    expect((await ask(server, 'GET', '/v1/documents/a?lsn=999')).json).toMatchObject({ lsn: 11, data: { count: 99 } });
    for (const bad of ['lsn=x', 'lsn=-1', 'at=yesterday']) expect((await ask(server, 'GET', `/v1/documents/a?${bad}`)).status).toBe(400);
    const { json } = await ask(server, 'GET', '/v1/documents/a/history?after=8&limit=2');
    expect(json).toMatchObject({ head: 11, entries: [{ lsn: 9, replica: ann.replica, seqFrom: 9, seqTo: 9 }, { lsn: 10 }] });
    expect(Math.abs(Date.parse(json.entries[0].at) - Date.now())).toBeLessThan(60_000);
  });

  it('are exported as what any replica takes', async () => {
    const server = await start({ transport });
    const ann = await connect(server);
    await ann.text('a').insert(0, 'some text').acked;
    await ann.text('a').delete(0, 5).acked;
    const [whole, brief] = [await ask(server, 'GET', '/v1/documents/a/export'), await ask(server, 'GET', '/v1/documents/a/export?history=false')];
    expect([whole.headers.get('content-type'), whole.headers.get('headwater-lsn')]).toEqual(['application/octet-stream', '2']);
    const [one, two] = [createDocument({ id: 'a' }), createDocument({ id: 'a' })];
    one.import(whole.bytes);
    two.import(brief.bytes);
    expect([one.digest(), two.toJSON()]).toEqual([ann.document('a').digest(), one.toJSON()]);
    const early = createDocument({ id: 'a' });
    early.import((await ask(server, 'GET', '/v1/documents/a/export?lsn=1')).bytes);
    expect(Object.values(early.toJSON() as object)).toEqual(['some text']);
  });

  it('are pushed and pulled without a socket', async () => {
    const server = await start({ transport });
    const ann = await connect(server);
    const mine = createDocument({ id: 'a', replica: '00000000000000aa' });
    mine.set('from', 'http');
    const bytes = mine.export();
    const first = await ask(server, 'POST', '/v1/documents/a/push', bytes);
    expect(first.json).toEqual({ id: 'a', lsn: 1, acked: [{ replica: '00000000000000aa', seq: 1 }], rejected: [] });
    expect((await ask(server, 'POST', '/v1/documents/a/push', bytes)).json).toMatchObject({ lsn: 1, acked: [{ seq: 1 }] });
    await until(() => ann.document('a').get().from === 'http');
    await ann.document('a').set('back', true).acked;
    const epoch = (await ask(server, 'GET', '/v1/documents/a/pull')).headers.get('headwater-epoch')!;
    const pulled = framesOf((await ask(server, 'GET', `/v1/documents/a/pull?lsn=1&epoch=${epoch}`)).bytes);
    expect(pulled).toMatchObject([{ type: 'subscribed', from: 1, head: 2 }, { type: 'changes', first: 2, last: 2 }]);
    for (const message of pulled) if (message.type === 'changes') mine.import(message.batches);
    expect(mine.digest()).toBe(ann.document('a').digest());
    expect(framesOf((await ask(server, 'GET', '/v1/documents/a/pull?lsn=1&epoch=other')).bytes)).toMatchObject([{ type: 'subscribed', from: 0 }, { type: 'changes', first: 1, last: 2 }]);
    expect((await ask(server, 'POST', '/v1/documents/a/push', new Uint8Array(0))).status).toBe(400);
    expect((await ask(server, 'POST', '/v1/documents/a/push', Uint8Array.of(1, 2, 3))).json.code).toBe('protocol_error');
    const other = createDocument({ id: 'a', replica: '00000000000000aa' });
    other.set('from', 'another writer');
    expect((await ask(server, 'POST', '/v1/documents/a/push', other.export())).json).toMatchObject({ acked: [], rejected: [{ code: 'replica_conflict' }] });
  });

  it('say what is wrong with a patch', async () => {
    const server = await start({ transport });
    for (const body of ['', '[1]', 'null', '{"a":', '{"__proto__":1}']) {
      expect([body, (await ask(server, 'PATCH', '/v1/documents/a', body)).json]).toMatchObject([body, { code: 'invalid_argument' }]);
    }
    expect((await ask(server, 'GET', '/v1/documents/a')).status).toBe(404);
  });
});

describe('the OpenAPI document', () => {
  it('names every route, and every route it names is there', async () => {
    const server = await start();
    const { json } = await ask(server, 'GET', '/v1/openapi.json');
    expect(json).toEqual(JSON.parse(JSON.stringify(openApi())));
    const named = Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) => Object.keys(methods).map((method) => [method.toUpperCase(), path]));
    expect(named.length).toBe(routes.length + 4);
    for (const [method, path] of named) {
      const answer = await ask(server, method, path.replace(/\{\w+\}/g, 'x'), method === 'GET' ? undefined : '{}');
      expect([method, path, answer.status === 405 || answer.json?.message === undefined && answer.status === 404]).toEqual([method, path, false]);
      const other = await ask(server, 'OPTIONS', path.replace(/\{\w+\}/g, 'x'));
      expect([path, other.status]).toEqual([path, 405]);
    }
  });
});

describe('metrics over HTTP', () => {
  it('are for this machine without accounts', async () => {
    const server = await start();
    const ann = await connect(server);
    await ann.document('a').set('x', 1).acked;
    const { headers, bytes } = await ask(server, 'GET', '/metrics');
    const lines = new TextDecoder().decode(bytes).split('\n');
    expect(headers.get('content-type')).toContain('openmetrics');
    expect(lines).toEqual(expect.arrayContaining(['headwater_connections 1', 'headwater_rooms 1', 'headwater_commit_entries_count 1']));
  });

  it('are for admins of everything where there are accounts', async () => {
    const server = await start({ jwtSecret: secret });
    const tokenOf = (permissions: Record<string, string>) => hmacToken(claimsOf('ann', permissions));
    const statuses = [];
    for (const token of [undefined, 'junk', tokenOf({ a: 'admin' }), tokenOf({ '*': 'write' }), tokenOf({ '*': 'admin' })]) statuses.push((await ask(server, 'GET', '/metrics', undefined, token)).status);
    expect(statuses).toEqual([401, 401, 403, 403, 200]);
  });
});

describe('hooks', () => {
  it('refuse what an app does not want, for ever, and its author takes it back', async () => {
    const asked: unknown[] = [];
    const server = await start({
      async beforeApply({ document, replica, seqFrom, seqTo, user }) {
        asked.push([document, replica, seqFrom, seqTo, user]);
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (document === 'closed') throw new HeadwaterError('not_authorized', 'this list is closed');
      },
    });
    const [ann, ben] = [await connect(server), await connect(server, 'ben')];
    await ann.document('open').set('x', 1).acked;
    await expect(ann.document('closed').set('x', 1).acked).rejects.toMatchObject({ code: 'not_authorized', message: 'this list is closed' });
    await until(() => ann.document('closed').get().x === undefined);
    expect(asked).toEqual([['open', ann.replica, 1, 1, null], ['closed', ann.replica, 1, 1, null]]);
    expect((await ask(server, 'PATCH', '/v1/documents/closed', { y: 1 })).status).toBe(401);
    await until(() => ben.document('open').get().x === 1);
    expect(ben.document('closed').get()).toEqual({});
  });

  it('that fail let nothing in and refuse nothing: the author comes again', async () => {
    let failures = 2;
    const server = await start({ beforeApply: () => { if (failures-- > 0) throw new Error('the database of users is down'); } });
    const ann = await connect(server);
    await ann.document('a').set('x', 1).acked;
    expect([failures < 0, ann.rejected.length]).toEqual([true, 0]);
  });

  it('and webhooks hear what was committed', async () => {
    const told: unknown[] = [];
    const calls: string[] = [];
    const receiver = createHttpServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk)).on('end', () => { calls.push(body); response.end(); });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    toClose.push(() => receiver.close());
    const server = await start({
      afterCommit: (grown) => { told.push(grown); if (told.length === 1) throw new Error('not my day'); },
      webhook: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`, webhookSecret: 'sixteen letters!',
    });
    const ann = await connect(server);
    await ann.document('a').set('x', 1).acked;
    await ann.document('a').set('x', 2).acked;
    await until(() => told.length === 2 && calls.length > 0 && JSON.parse(calls.at(-1)!).last === 2);
    expect(told).toEqual([{ document: 'a', first: 1, last: 1 }, { document: 'a', first: 2, last: 2 }]);
    expect(JSON.parse(calls[0])).toMatchObject({ document: 'a', first: 1 });
  });
});
