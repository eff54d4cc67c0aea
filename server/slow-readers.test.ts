// Readers and writers of every speed, over real sockets: what each may cost, and that the others do not notice.

import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { newReplicaId } from '../sdk/core/replica.js';
import { decodeFrame, encodeFrame } from '../sdk/wire/frame.js';
import type { Message } from '../sdk/wire/message.js';
import type { Limits } from './limits.js';
import { defaultLimits } from './limits.js';
import { silentLog } from './log.js';
import { createServer, type ServerOptions } from './server.js';
import { SlowStore } from './testing/slow-store.js';
import { Writer } from './testing/writer.js';
import { chooseTransport } from './transport/choose.js';
import { until } from './transport/conformance.js';
import type { ServerTransport, Socket } from './transport/transport.js';
import { TestWebSocket } from './transport/ws.js';

const kib = 1024;
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

/** A server whose own ends of its sockets the test can look at. */
async function start(name: 'uws' | 'ws', limits: Partial<Limits>, options: ServerOptions = {}) {
  const network = await chooseTransport({ ...defaultLimits, ...limits }, name);
  const sockets: Socket[] = [];
  const listen = network.listen.bind(network);
  network.listen = (port, host, handlers) => listen(port, host, {
    ...handlers,
    open: (socket, visit) => {
      sockets.push(socket);
      return handlers.open(socket, visit);
    },
  });
  const server = await createServer({ database: 'sqlite::memory:', log: silentLog, network: network as ServerTransport, limits, ...options });
  open.push(server);
  return { port: await server.listen(0), sockets };
}

/** Follows one log, and checks that it comes without a gap and without a double. */
class Reader {
  readonly types: Message['type'][] = [];
  readonly errors: (Message & { type: 'error' })[] = [];
  lsn = 0;
  subscribed = 0;
  acked = 0;
  closed: number | null = null;
  private epoch = '';

  private constructor(readonly socket: TestWebSocket, private readonly document: string) {
    socket.on('message', (data: Buffer) => this.hear(decodeFrame(new Uint8Array(data)).message));
    socket.on('close', (code) => (this.closed = code));
    socket.on('error', () => undefined);
  }

  static async connect(port: number, document = 'a'): Promise<Reader> {
    const reader = new Reader(new TestWebSocket(`ws://127.0.0.1:${port}`, ['headwater.v1']), document);
    open.push({ close: () => reader.socket.terminate() });
    await new Promise((resolve) => reader.socket.on('open', resolve));
    reader.send({ type: 'hello', protocol: 1, replica: newReplicaId() });
    await until(() => reader.epoch !== '');
    return reader;
  }

  async live(): Promise<this> {
    this.subscribe();
    await until(() => this.subscribed === 1);
    return this;
  }

  subscribe(document = this.document): void {
    this.send({ type: 'subscribe', document, lsn: this.lsn, epoch: this.epoch });
  }

  send(message: Message): void {
    this.socket.send(encodeFrame(message, 1n));
  }

  private hear(message: Message): void {
    this.types.push(message.type);
    if (message.type === 'welcome') this.epoch = message.epoch;
    if (message.type === 'subscribed') this.subscribed += 1;
    if (message.type === 'ack') this.acked += 1;
    if (message.type === 'error') this.errors.push(message);
    if (message.type === 'resync') this.subscribe(message.document);
    if (message.type === 'snapshot' && message.offset + message.bytes.length === message.total) this.lsn = message.lsn;
    if (message.type !== 'changes') return;
    if (message.first !== this.lsn + 1) throw new Error(`entries ${message.first}–${message.last} after ${this.lsn}`);
    this.lsn = message.last;
  }
}

/** One batch of about so many bytes that nothing can make smaller. */
function big(writer: Writer, bytes: number, key = 'blob'): Uint8Array {
  return writer.set(key, randomBytes((bytes * 3) / 4).toString('base64'));
}

describe.each(['uws', 'ws'] as const)('on %s', (name) => {
  it('readers that never read cost no more than their budget, and the others nothing', async () => {
    const limits = { backpressureBytesMax: 256 * kib };
    const { port, sockets } = await start(name, limits);
    const author = await Reader.connect(port);
    const stalled = await Promise.all(Array.from({ length: 12 }, async () => (await Reader.connect(port)).live()));
    const reading = await Promise.all(Array.from({ length: 3 }, async () => (await Reader.connect(port)).live()));
    for (const { socket } of stalled) socket.pause();
    const writer = new Writer();
    let most = 0;
    for (let edit = 1; edit <= 150; edit++) {
      author.send({ type: 'push', document: 'a', batches: big(writer, 64 * kib) });
      await until(() => author.acked === edit);
      most = Math.max(most, ...sockets.map(({ bufferedBytes }) => bufferedBytes));
    }
    await until(() => reading.every(({ lsn }) => lsn === 150));
    // The last frame that still fits may begin just under the budget.
    expect(most).toBeGreaterThan(limits.backpressureBytesMax / 2);
    expect(most).toBeLessThan(limits.backpressureBytesMax + 66 * kib);
    expect(reading.flatMap(({ types }) => types)).not.toContain('resync');
    for (const { socket } of stalled) socket.resume();
    await until(() => stalled.every(({ lsn }) => lsn === 150), 10_000);
    expect(stalled.every(({ types }) => types.includes('resync'))).toBe(true);
  }, 30_000);

  it.each(['log', 'snapshot'] as const)('a catch-up by %s goes no faster than its reader reads', async (way) => {
    const limits = { backpressureBytesMax: 256 * kib, chunkBytesMax: 64 * kib, snapshotBytesMin: way === 'log' ? 1e9 : 7e6 };
    const { port, sockets } = await start(name, limits);
    const author = await Reader.connect(port);
    const writer = new Writer();
    for (let edit = 1; edit <= 160; edit++) {
      author.send({ type: 'push', document: 'a', batches: big(writer, 64 * kib, `blob ${edit}`) });
      await until(() => author.acked === edit);
    }
    const reader = await Reader.connect(port);
    reader.socket.pause();
    reader.subscribe();
    let most = 0;
    for (let look = 0; look < 100; look++) {
      most = Math.max(most, sockets[1].bufferedBytes);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    // What waits has to drain to a chunk before the next is sent.
    expect(most).toBeGreaterThan(32 * kib);
    expect(most).toBeLessThan(2 * 66 * kib);
    reader.socket.resume();
    await until(() => reader.lsn === 160, 10_000);
    expect(reader.types).not.toContain('resync');
    expect(reader.types.includes('snapshot')).toBe(way === 'snapshot');
    expect(reader.subscribed).toBe(1);
  }, 30_000);

  it('who cannot be told of an error, because it does not read, is closed', async () => {
    const { port, sockets } = await start(name, { backpressureBytesMax: 64 * kib, documentsPerSocketMax: 1 });
    const [author, deaf] = [await Reader.connect(port), await (await Reader.connect(port)).live()];
    deaf.socket.pause();
    const writer = new Writer();
    for (let edit = 1; sockets[1].bufferedBytes <= 64 * kib; edit++) {
      author.send({ type: 'push', document: 'a', batches: big(writer, 64 * kib) });
      await until(() => author.acked === edit);
    }
    deaf.subscribe('one too many');
    await new Promise((resolve) => setTimeout(resolve, 50));
    deaf.socket.resume();
    await until(() => deaf.closed !== null, 5_000);
    expect([4429, 1006]).toContain(deaf.closed);
    expect(deaf.errors).toEqual([]);
  }, 30_000);
});

describe('a server that has enough to do', () => {
  it('refuses writes for now, past the bytes it keeps for all, and takes them later', async () => {
    const store = await SlowStore.open();
    const { port } = await start('uws', { uncommittedBytesMax: 100 * kib }, { store });
    const [ada, bob] = [await (await Reader.connect(port, 'a')).live(), await (await Reader.connect(port, 'b')).live()];
    const [first, second] = [new Writer(), new Writer()];
    const go = store.hold();
    const [half, rest] = [big(first, 60 * kib), big(second, 60 * kib)];
    ada.send({ type: 'push', document: 'a', batches: half });
    await new Promise((resolve) => setTimeout(resolve, 20));
    bob.send({ type: 'push', document: 'b', batches: rest });
    await until(() => bob.errors.length === 1);
    expect(bob.errors[0]).toMatchObject({ code: 'rate_limited', document: 'b' });
    go();
    await until(() => ada.acked === 1);
    bob.subscribe();
    await until(() => bob.subscribed === 2);
    bob.send({ type: 'push', document: 'b', batches: rest });
    await until(() => bob.acked === 1 && bob.lsn === 1);
    expect(bob.closed).toBeNull();
  });

  it('takes writes up to the very last byte of it', async () => {
    const store = await SlowStore.open();
    const [first, second] = [big(new Writer(), 30 * kib), big(new Writer(), 30 * kib)];
    const { port } = await start('uws', { uncommittedBytesMax: first.length + second.length }, { store });
    const [ada, bob] = [await (await Reader.connect(port, 'a')).live(), await (await Reader.connect(port, 'b')).live()];
    const go = store.hold();
    ada.send({ type: 'push', document: 'a', batches: first });
    bob.send({ type: 'push', document: 'b', batches: second });
    await new Promise((resolve) => setTimeout(resolve, 20));
    go();
    await until(() => ada.acked === 1 && bob.acked === 1);
    expect([...ada.errors, ...bob.errors]).toEqual([]);
  });

  it('loads so many documents at once, lets so many wait, and asks the rest to come again', async () => {
    const store = await SlowStore.open();
    let go = () => {};
    const gate = new Promise<void>((resolve) => (go = resolve));
    let [reading, most] = [0, 0];
    const { readSnapshot } = store;
    store.readSnapshot = async (document) => {
      most = Math.max(most, (reading += 1));
      await gate;
      reading -= 1;
      return readSnapshot.call(store, document);
    };
    const { port } = await start('uws', { roomsLoadingMax: 2, roomsWaitingMax: 1 }, { store });
    const readers: Reader[] = [];
    for (const document of ['a', 'b', 'c', 'd']) {
      const reader = await Reader.connect(port, document);
      reader.subscribe();
      readers.push(reader);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await until(() => readers[3].errors.length === 1);
    expect(readers[3].errors[0]).toMatchObject({ code: 'unavailable', document: 'd' });
    go();
    await until(() => readers.slice(0, 3).every(({ subscribed }) => subscribed === 1));
    expect(most).toBe(2);
    readers[3].subscribe();
    await until(() => readers[3].subscribed === 1);
  });
});
