// The whole server over real sockets, both transports, and a loopback link: what a client can see of it.

import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EngineDocument } from '../sdk/core/document.js';
import { newReplicaId } from '../sdk/core/replica.js';
import { decodeFrame, encodeFrame } from '../sdk/wire/frame.js';
import type { Message } from '../sdk/wire/message.js';
import { silentLog } from './log.js';
import { createServer, type Server, type ServerOptions } from './server.js';
import { SlowStore } from './testing/slow-store.js';
import { join, Writer } from './testing/writer.js';
import { TestWebSocket } from './transport/ws.js';

type MessageOf<Type extends Message['type']> = Extract<Message, { type: Type }>;

let folder: string;
let database: string;
const open: { close(): unknown }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(joinPath(tmpdir(), 'headwater-server-'));
  database = `sqlite:${joinPath(folder, 'data.db')}`;
});

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
  await rm(folder, { recursive: true });
});

async function start(options: ServerOptions = {}): Promise<Server> {
  const server = await createServer({ database, log: silentLog, ...options });
  open.push(server);
  await server.listen(0);
  return server;
}

/** A client by hand: it sends literal messages and checks the order of what it receives. */
class TestClient {
  readonly messages: Message[] = [];
  readonly replica = newReplicaId();
  readonly state = new EngineDocument(this.replica);
  closed: number | null = null;
  epoch = 'none';
  /** Per document, the LSN this client holds everything up to. */
  readonly lsn = new Map<string, number>();
  private snapshot: Uint8Array[] = [];

  private constructor(readonly socket: TestWebSocket) {
    socket.on('message', (data: Buffer) => this.receive(new Uint8Array(data)));
    socket.on('close', (code) => (this.closed = code));
    socket.on('error', () => undefined);
  }

  static async connect(port: number, options: { greet?: boolean } = {}): Promise<TestClient> {
    const client = new TestClient(new TestWebSocket(`ws://127.0.0.1:${port}`, ['headwater.v1']));
    open.push({ close: () => client.socket.terminate() });
    await new Promise<void>((resolve, reject) => {
      client.socket.on('open', () => resolve());
      client.socket.on('error', reject);
    });
    if (options.greet ?? true) {
      client.send({ type: 'hello', protocol: 1, replica: client.replica });
      client.epoch = (await client.next('welcome')).epoch;
    }
    return client;
  }

  send(message: Message): void {
    this.socket.send(encodeFrame(message, 1n));
  }

  async subscribe(document: string, lsn = 0, epoch = this.epoch): Promise<MessageOf<'subscribed'>> {
    this.send({ type: 'subscribe', document, lsn, epoch });
    return this.next('subscribed');
  }

  of<Type extends Message['type']>(type: Type): MessageOf<Type>[] {
    return this.messages.filter((message): message is MessageOf<Type> => message.type === type);
  }

  /** The next message of a type that has not been asked for yet. */
  async next<Type extends Message['type']>(type: Type): Promise<MessageOf<Type>> {
    await until(() => this.of(type).length > 0);
    const message = this.of(type)[0];
    this.messages.splice(this.messages.indexOf(message), 1);
    return message;
  }

  private receive(bytes: Uint8Array): void {
    const { message } = decodeFrame(bytes);
    this.messages.push(message);
    if (message.type === 'subscribed' && message.from === 0) this.lsn.set(message.document, 0);
    if (message.type === 'changes') this.take(message.document, message.first, message.last, message.batches);
    if (message.type === 'snapshot') this.takeSnapshot(message);
  }

  /** Strict: the server sends no entry twice and leaves none out. */
  private take(document: string, first: number, last: number, bytes: Uint8Array): void {
    const lsn = this.lsn.get(document) ?? 0;
    if (first !== lsn + 1) throw new Error(`changes ${first}..${last} of ${document} after ${lsn}`);
    this.state.apply(bytes, { wait: false });
    this.lsn.set(document, last);
  }

  private takeSnapshot({ document, lsn, offset, total, bytes }: MessageOf<'snapshot'>): void {
    expect(offset).toBe(this.snapshot.reduce((sum, piece) => sum + piece.length, 0));
    this.snapshot.push(bytes);
    if (offset + bytes.length < total) return;
    this.state.apply(join(...this.snapshot.splice(0)), { wait: false });
    this.lsn.set(document, lsn);
  }
}

describe.each(['uws', 'ws'] as const)('a server on %s', (transport) => {
  it('acks a push after others can no longer lose it, and sends it to everybody who listens', async () => {
    const { port } = await start({ transport });
    const [ada, bob] = [await TestClient.connect(port), await TestClient.connect(port)];
    expect(await ada.subscribe('a')).toMatchObject({ from: 0, head: 0, bytesTotal: 0 });
    await bob.subscribe('a');
    const writer = new Writer();
    ada.send({ type: 'push', document: 'a', batches: writer.set('x', 1) });
    expect(await ada.next('ack')).toEqual({ type: 'ack', document: 'a', entries: [{ replica: writer.replica, seq: 1 }] });
    await until(() => bob.lsn.get('a') === 1);
    expect(bob.state.toJSON()).toEqual({ x: 1 });
    expect(await getJson(port, '/v1/documents/a')).toEqual({ id: 'a', lsn: 1, data: { x: 1 }, digest: writer.document.digest() });
    expect(await getJson(port, '/v1/documents')).toEqual([{ id: 'a', lsn: 1, snapshotLsn: 0 }]);
  });

  it('brings a reader that joins under load to the live frames without a gap or a double', async () => {
    const { port } = await start({ transport, limits: { chunkBytesMax: 2_000, tailBytesMax: 4_000, groupRowsMax: 20 } });
    const author = await TestClient.connect(port);
    const writer = new Writer();
    let isWriting = true;
    const writing = (async () => {
      while (isWriting) {
        for (let i = 0; i < 20; i += 1) author.send({ type: 'push', document: 'a', batches: writer.type('some words ') });
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    const readers: TestClient[] = [];
    for (let i = 0; i < 12; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      const reader = await TestClient.connect(port);
      readers.push(reader);
      await reader.subscribe('a');
    }
    isWriting = false;
    await writing;
    await until(() => author.of('ack').at(-1)?.entries[0]?.seq === writer.seq(), 20_000);
    const { lsn, digest } = await getJson(port, '/v1/documents/a') as { lsn: number; digest: string };
    await until(() => readers.every((reader) => reader.lsn.get('a') === lsn), 20_000);
    expect(new Set(readers.map((reader) => reader.state.digest()))).toEqual(new Set([digest]));
    expect(digest).toBe(writer.document.digest());
  });

  it('goes on from the LSN a client holds, and from 0 when that means nothing here', async () => {
    const { port } = await start({ transport });
    const ada = await TestClient.connect(port);
    const writer = new Writer();
    ada.send({ type: 'push', document: 'a', batches: join(writer.set('x', 1), writer.set('x', 2), writer.set('x', 3)) });
    await ada.next('ack');
    const holding = async (lsn: number, epoch?: string) => {
      const client = await TestClient.connect(port);
      client.lsn.set('a', lsn);
      client.state.apply(writer.document.export(), { wait: false });
      const answer = await client.subscribe('a', lsn, epoch);
      await until(() => client.lsn.get('a') === 3);
      return answer;
    };
    expect(await holding(2)).toMatchObject({ from: 2, head: 3 });
    expect(await holding(3)).toMatchObject({ from: 3, head: 3, bytesTotal: 0 });
    expect(await holding(2, 'another-log')).toMatchObject({ from: 0, head: 3 });
    expect(await holding(99)).toMatchObject({ from: 0, head: 3 });
  });

  it('sends a newcomer the snapshot in pieces, then the log after it', async () => {
    const limits = { chunkBytesMax: 1_000, snapshotEntriesMin: 4 };
    const { port } = await start({ transport, limits });
    const ada = await TestClient.connect(port);
    const writer = new Writer();
    for (let i = 0; i < 6; i += 1) {
      ada.send({ type: 'push', document: 'a', batches: writer.set(`key${i}`, randomText(800)) });
      await ada.next('ack');
    }
    await until(async () => ((await getJson(port, '/v1/documents')) as { snapshotLsn: number }[])[0].snapshotLsn === 4);
    const bob = await TestClient.connect(port);
    const { bytesTotal } = await bob.subscribe('a');
    await until(() => bob.lsn.get('a') === 6);
    const pieces = bob.of('snapshot');
    expect(pieces.length).toBeGreaterThan(3);
    expect(bob.state.digest()).toBe(writer.document.digest());
    const received = [...pieces.map(({ bytes }) => bytes), ...bob.of('changes').map(({ batches }) => batches)];
    expect(received.reduce((sum, { length }) => sum + length, 0)).toBe(bytesTotal);
  });

  it('answers every subscribe once, in order, however fast they come', async () => {
    const { port } = await start({ transport });
    const ada = await TestClient.connect(port);
    const writer = new Writer();
    ada.send({ type: 'push', document: 'a', batches: join(writer.set('x', 1), writer.set('x', 2)) });
    await ada.next('ack');
    for (const lsn of [2, 2, 2]) ada.send({ type: 'subscribe', document: 'a', lsn, epoch: ada.epoch });
    ada.send({ type: 'unsubscribe', document: 'a' });
    ada.lsn.set('a', 1);
    ada.state.apply(writer.document.export());
    ada.send({ type: 'subscribe', document: 'a', lsn: 1, epoch: ada.epoch });
    await until(() => ada.of('subscribed').length === 4);
    expect(ada.of('subscribed').map(({ from }) => from)).toEqual([2, 2, 2, 1]);
    await until(() => ada.lsn.get('a') === 2);
  });

  it('drops a reader that does not read, keeps its memory bounded, and lets it catch up', async () => {
    const limits = { backpressureBytesMax: 256 * 1024 };
    const { port } = await start({ transport, limits });
    const [author, slow, fast] = [await TestClient.connect(port), await TestClient.connect(port), await TestClient.connect(port)];
    await slow.subscribe('a');
    await fast.subscribe('a');
    slow.socket.pause();
    const writer = new Writer();
    for (let i = 0; i < 150; i += 1) {
      author.send({ type: 'push', document: 'a', batches: writer.set(`k${i % 5}`, randomText(60_000)) });
      await author.next('ack');
    }
    await until(() => fast.lsn.get('a') === 150);
    expect(slow.lsn.get('a') ?? 0).toBeLessThan(150);
    slow.socket.resume();
    await slow.next('resync');
    expect(await slow.subscribe('a', slow.lsn.get('a'))).toMatchObject({ head: 150 });
    await until(() => slow.lsn.get('a') === 150);
    expect(slow.state.digest()).toBe(fast.state.digest());
    author.send({ type: 'push', document: 'a', batches: writer.set('x', 'live again') });
    await until(() => slow.lsn.get('a') === 151);
  });

  it('closes who sends garbage, with a code, and nobody else notices', async () => {
    const { port } = await start({ transport, limits: { frameBytesMax: 64 * 1024 } });
    const good = await TestClient.connect(port);
    await good.subscribe('a');
    const push = encodeFrame({ type: 'push', document: 'a', batches: new Writer().set('x', 1) }, 1n);
    const cases: [Uint8Array, number[]][] = [
      [new Uint8Array(0), [4400]],
      [new Uint8Array([1, 2, 3]), [4400]],
      [push.subarray(0, push.length - 5), [4400]],
      [new Uint8Array(push.map((byte, i) => (i === 0 ? 99 : byte))), [4400]],
      [encodeFrame({ type: 'push', document: 'a', batches: new Uint8Array([9, 9, 9, 9]) }, 1n), [4400]],
      [encodeFrame({ type: 'ack', document: 'a', entries: [] }, 1n), [4400]],
      [new Uint8Array(64 * 1024 + 1), [1009, 1006]],
    ];
    for (const [bytes, codes] of cases) {
      const bad = await TestClient.connect(port);
      bad.socket.send(bytes);
      await until(() => bad.closed !== null);
      expect(codes).toContain(bad.closed);
    }
    const text = await TestClient.connect(port);
    text.socket.send('hello');
    await until(() => text.closed !== null);
    good.send({ type: 'push', document: 'a', batches: new Writer().set('x', 1) });
    await good.next('ack');
    expect(good.closed).toBeNull();
    expect(good.lsn.get('a')).toBe(1);
  });

  it('relays presence to the others, tells newcomers, and clears it when its connection goes', async () => {
    const { port } = await start({ transport });
    const [ada, bob] = [await TestClient.connect(port), await TestClient.connect(port)];
    ada.send({ type: 'subscribe', document: 'a', lsn: 0, epoch: ada.epoch });
    await bob.subscribe('a');
    const state = new Uint8Array([1, 2, 3]);
    ada.send({ type: 'presence', document: 'a', replica: ada.replica, state });
    expect(await bob.next('presence')).toEqual({ type: 'presence', document: 'a', replica: ada.replica, state });
    const late = await TestClient.connect(port);
    await late.subscribe('a');
    expect(await late.next('presence')).toMatchObject({ replica: ada.replica, state });
    // Nobody may speak for a replica that another connection brought.
    bob.send({ type: 'presence', document: 'a', replica: ada.replica, state: new Uint8Array([9]) });
    expect(await bob.next('error')).toMatchObject({ code: 'replica_conflict' });
    ada.socket.terminate();
    expect(await bob.next('presence')).toMatchObject({ replica: ada.replica, state: new Uint8Array(0) });
    expect(await late.next('presence')).toMatchObject({ replica: ada.replica, state: new Uint8Array(0) });
    expect(ada.of('presence')).toEqual([]);
  });

  it('has everything it acked after it is stopped under load, and says goodbye', async () => {
    const server = await start({ transport });
    const client = await TestClient.connect(server.port);
    await client.subscribe('a');
    const writer = new Writer();
    for (let i = 0; i < 500; i += 1) client.send({ type: 'push', document: 'a', batches: writer.type('x') });
    await client.next('ack');
    await server.close();
    await until(() => client.closed !== null);
    expect(client.of('goodbye').length).toBe(1);
    expect(client.closed).toBe(1012);
    const acked = Math.max(1, ...client.of('ack').flatMap(({ entries }) => entries.map(({ seq }) => seq)));
    const again = await start({ transport });
    const reader = await TestClient.connect(again.port);
    const { head } = await reader.subscribe('a');
    expect(head).toBeGreaterThanOrEqual(acked);
    // A stopped server has written its snapshot: the newcomer reads no log.
    await until(() => reader.lsn.get('a') === head);
    expect(reader.of('changes')).toEqual([]);
  });
});

describe('who may come in', () => {
  const attempt = (port: number, headers: Record<string, string>, protocols = ['headwater.v1']) =>
    new Promise<number>((resolve) => {
      const socket = new TestWebSocket(`ws://127.0.0.1:${port}`, protocols, { headers });
      socket.on('open', () => setTimeout(() => (resolve(101), socket.terminate()), 60));
      socket.on('close', (code) => resolve(code));
      socket.on('unexpected-response', (request, answer) => (resolve(answer.statusCode!), request.destroy()));
      socket.on('error', () => undefined);
    });

  it.each(['uws', 'ws'] as const)('on %s: this machine’s programs and pages, nobody else’s', async (transport) => {
    const { port } = await start({ transport });
    const allowed = [{}, { origin: 'http://localhost:5173' }, { origin: `http://127.0.0.1:${port}` }, { origin: 'http://[::1]:80' }, { host: 'localhost:1' }];
    const refused = [
      { origin: 'https://evil.example' }, { origin: 'null' }, { origin: 'http://localhost.evil.example' },
      { origin: 'http://127.0.0.1.evil.example' }, { origin: 'file://' }, { host: 'rebound.example:8787' },
    ];
    for (const headers of allowed) expect([headers, await attempt(port, headers as never)]).toEqual([headers, 101]);
    for (const headers of refused) expect([headers, await attempt(port, headers as never)]).toEqual([headers, 4403]);
    expect(await attempt(port, {}, ['something.else'])).toBe(4426);
    expect(await attempt(port, {}, [])).toBe(4426);
  });

  it('listens beyond loopback for nobody', async () => {
    const server = await createServer({ database, log: silentLog });
    open.push(server);
    await expect(server.listen(0, '0.0.0.0')).rejects.toMatchObject({ code: 'not_authorized' });
    await expect(server.listen(0, '192.168.1.5')).rejects.toThrow(/no authentication is configured/);
  });
});

describe('plain HTTP', () => {
  it('is alive, ready, closed to rebound names, and walks nowhere', async () => {
    const { port } = await start();
    expect(await getJson(port, '/health')).toEqual({ status: 'ok' });
    expect(await getJson(port, '/ready')).toEqual({ status: 'ready' });
    expect((await get(port, '/v1/documents', { host: 'evil.example' })).status).toBe(403);
    expect((await get(port, '/v1/documents/unknown')).status).toBe(404);
    for (const path of ['/../package.json', '/..%2fpackage.json', '/%2e%2e/%2e%2e/package.json', '/%00', '/%', '//etc/passwd', '/js/server/server.js']) {
      expect([path, (await get(port, path)).status]).toEqual([path, 404]);
    }
    const page = await get(port, '/');
    expect(page.status).toBe(200);
    expect(page.headers['x-content-type-options']).toBe('nosniff');
  });
});

describe('options', () => {
  it.each([
    [{ database: 'mysql://user:secret@host/db' }, /sqlite:/],
    [{ port: 70_000 }, /port/],
    [{ transport: 'tcp' }, /transport/],
    [{ limits: { frameBytesMax: -1 } }, /frameBytesMax/],
    [{ databse: 'x' }, /databse/],
  ])('that are wrong are named: %j', async (options, message) => {
    const failed = createServer(options as ServerOptions);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.not.toThrow(/secret/);
  });
});

describe('a log', () => {
  it('never holds what users wrote', async () => {
    const lines: string[] = [];
    const keep = (fields: object, message: string) => void lines.push(JSON.stringify(fields) + message);
    const server = await start({ log: { info: keep, warn: keep, error: keep, debug: keep } });
    const client = await TestClient.connect(server.port);
    await client.subscribe('a');
    client.send({ type: 'push', document: 'a', batches: new Writer().set('canary', 'CANARY') });
    await client.next('ack');
    client.send({ type: 'push', document: 'a', batches: new Writer().set('canary', 'CANARY', Date.now() + 1e9) });
    await client.next('reject');
    await server.close();
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('\n')).not.toMatch(/canary/i);
    expect((await readFile(joinPath(folder, 'data.db'))).includes('CANARY')).toBe(true);
  });
});

describe('a stopping server', () => {
  it('acks what it has taken in before it says goodbye', async () => {
    const store = await SlowStore.open();
    const server = await start({ store });
    const client = await TestClient.connect(server.port);
    await client.subscribe('a');
    const goOn = store.hold();
    const writer = new Writer();
    for (let i = 0; i < 10; i += 1) client.send({ type: 'push', document: 'a', batches: writer.set('x', i) });
    client.send({ type: 'ping', nonce: 1 });
    await client.next('pong');
    const closing = server.close();
    setTimeout(goOn, 50);
    await closing;
    await until(() => client.closed !== null);
    expect(client.messages.slice(-2)).toMatchObject([{ type: 'ack', entries: [{ seq: 10 }] }, { type: 'goodbye' }]);
  });

  it('does not wait for ever for a store that hangs', async () => {
    const store = await SlowStore.open();
    const server = await start({ store, limits: { drainMsMax: 300 } });
    const client = await TestClient.connect(server.port);
    const goOn = store.hold();
    client.send({ type: 'push', document: 'a', batches: new Writer().set('x', 1) });
    client.send({ type: 'ping', nonce: 1 });
    await client.next('pong');
    const before = Date.now();
    await server.close();
    expect(Date.now() - before).toBeLessThan(2_000);
    expect(client.of('ack')).toEqual([]);
    goOn();
  });
});

describe('a link within the process', () => {
  it('is served like a socket', async () => {
    const server = await createServer({ database, log: silentLog });
    open.push(server);
    const received: Message[] = [];
    let closed: number | null = null;
    const events = server.accept({
      bufferedBytes: 0,
      send: (frame) => void received.push(decodeFrame(frame.slice()).message),
      close: (code = 1000, reason = '') => queueMicrotask(() => ((closed = code), events.close(code, reason))),
    });
    const send = (message: Message) => events.frame(encodeFrame(message, 1n));
    events.open();
    send({ type: 'hello', protocol: 1, replica: newReplicaId() });
    send({ type: 'subscribe', document: 'a', lsn: 0, epoch: 'none' });
    await until(() => received.length === 2);
    send({ type: 'push', document: 'a', batches: new Writer().set('x', 1) });
    await until(() => received.length === 4);
    expect(received.map(({ type }) => type)).toEqual(['welcome', 'subscribed', 'changes', 'ack']);
    await server.close();
    expect(closed).toBe(1012);
    expect(received.at(-1)!.type).toBe('goodbye');
  });
});

interface Answer { status: number; headers: NodeJS.Dict<string | string[]>; body: string }

function get(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, headers, agent: false }, (answer) => {
      let body = '';
      answer.on('data', (chunk) => (body += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

async function getJson(port: number, path: string): Promise<unknown> {
  return JSON.parse((await get(port, path)).body);
}

/** Does not compress, so that a snapshot is as big as what went into it. */
function randomText(length: number): string {
  return randomBytes(Math.ceil((length * 3) / 4)).toString('base64').slice(0, length);
}

async function until(claim: () => boolean | Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await claim())) {
    if (Date.now() > deadline) throw new Error(`not so after ${timeoutMs} ms: ${claim}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
