// What both transports must do, on real sockets: order, copies, budgets, topics, refusals, plain HTTP.

import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { TestWebSocket } from './ws.js';
import type { RequestHead, ServerTransport, Socket, SocketEvents, TransportHandlers, TransportLimits, Visit } from './transport.js';

const limits: TransportLimits = { frameBytesMax: 4_096, backpressureBytesMax: 256 * 1024, httpBodyBytesMax: 100_000 };
const protocol = 'test.v1';

/** The server's side of one connection, as the test sees it. */
class Peer implements SocketEvents {
  readonly frames: Uint8Array[] = [];
  lags = 0;
  drains = 0;
  closed: [code: number, reason: string] | null = null;

  constructor(readonly socket: Socket, readonly visit: Visit) {}
  frame(bytes: Uint8Array): void { this.frames.push(bytes); }
  lagging(): void {
    this.lags += 1;
    this.socket.unsubscribe('t');
  }
  drain(): void { this.drains += 1; }
  close(code: number, reason: string): void { this.closed = [code, reason]; }
}

export function transportConformance(name: string, make: (limits: TransportLimits) => Promise<ServerTransport>): void {
  describe(`transport: ${name}`, () => {
    let transport: ServerTransport;
    let port: number;
    const peers: Peer[] = [];
    const clients: TestWebSocket[] = [];
    let heads: RequestHead[] = [];

    const handlers: TransportHandlers = {
      upgrade(head, protocols) {
        heads.push(head);
        const visit = { address: 'somewhere', token: protocols.at(-1)! };
        if (head.origin === 'http://close.example') return { accept: true, protocol, visit, close: { code: 4403, reason: 'not you' } };
        if (head.origin === 'http://evil.example') return { accept: false, status: 403, message: 'not from here' };
        return protocols.includes(protocol)
          ? { accept: true, protocol, visit } : { accept: false, status: 400, message: 'which protocol?' };
      },
      open(socket, visit) {
        const peer = new Peer(socket, visit);
        peers.push(peer);
        return peer;
      },
      async answer({ path, query, method, authorization, forwardedFor }, sent) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (path === '/broken') throw new Error('a secret');
        if (path === '/echo') return { status: 200, body: `${method} ${authorization} ${forwardedFor} ${Buffer.from(sent)}` };
        if (path === '/query') return { status: 200, body: query };
        return { status: path === '/there' ? 200 : 404, headers: { 'x-test': 'yes' }, body: `body of ${path}` };
      },
    };

    beforeEach(async () => {
      transport = await make(limits);
      port = await transport.listen(0, '127.0.0.1', handlers);
    });

    afterEach(async () => {
      for (const client of clients.splice(0)) client.terminate();
      peers.length = 0;
      heads = [];
      await transport.close();
    });

    const dial = (options: { origin?: string; protocols?: string[] } = {}) => {
      const client = new TestWebSocket(`ws://127.0.0.1:${port}/sync`, options.protocols ?? [protocol, 'other'], {
        ...(options.origin !== undefined && { origin: options.origin }),
      });
      clients.push(client);
      client.on('error', () => undefined);
      return client;
    };

    const open = async () => {
      const client = dial();
      const received: Buffer[] = [];
      client.on('message', (data: Buffer) => received.push(data));
      await new Promise<void>((resolve) => client.on('open', () => resolve()));
      await until(() => peers.length >= clients.length);
      return { client, received, peer: peers[peers.length - 1] };
    };

    it('carries whole frames both ways, in order', async () => {
      const { client, received, peer } = await open();
      for (let i = 0; i < 100; i += 1) client.send(new Uint8Array([i, 255]));
      await until(() => peer.frames.length === 100);
      expect(peer.frames.map((frame) => [...frame])).toEqual(Array.from({ length: 100 }, (_, i) => [i, 255]));
      for (let i = 0; i < 100; i += 1) expect(peer.socket.send(new Uint8Array([i]))).not.toBe('dropped');
      await until(() => received.length === 100);
      expect(received.map((frame) => frame[0])).toEqual(Array.from({ length: 100 }, (_, i) => i));
    });

    it('gives frames that stay as they are when later ones arrive', async () => {
      const { client, peer } = await open();
      for (const byte of [1, 2, 3]) {
        client.send(new Uint8Array(64).fill(byte));
        await until(() => peer.frames.length === byte);
      }
      expect(peer.frames.map((frame) => frame[63])).toEqual([1, 2, 3]);
    });

    it('echoes only the chosen subprotocol and knows where a peer is', async () => {
      const { client, peer } = await open();
      expect(client.protocol).toBe(protocol);
      expect(peer.visit).toEqual({ address: 'somewhere', token: 'other' });
      expect(peer.socket.remoteAddress).toMatch(/127\.0\.0\.1$|^::1$|0000:7f00:0001$/);
      expect(heads[0]).toMatchObject({ path: '/sync', host: `127.0.0.1:${port}`, origin: '' });
    });

    it('refuses an upgrade with a plain HTTP answer', async () => {
      for (const [options, status] of [[{ protocols: ['other'] }, 400], [{ origin: 'http://evil.example' }, 403]] as const) {
        const client = dial(options as { origin?: string; protocols?: string[] });
        expect(await new Promise((resolve) => client.on('unexpected-response', (_, answer) => resolve(answer.statusCode)))).toBe(status);
      }
      expect(peers).toEqual([]);
    });

    it('lets in, only to close with a code, whoever is to know why', async () => {
      const client = dial({ origin: 'http://close.example' });
      client.on('open', () => client.send(new Uint8Array([1])));
      expect(await new Promise((resolve) => client.on('close', (code, reason) => resolve([code, reason.toString()])))).toEqual([4403, 'not you']);
      expect(peers).toEqual([]);
    });

    it('takes a frame at the limit, and closes only the socket that sends one byte more', async () => {
      const good = await open();
      const bad = await open();
      bad.client.send(new Uint8Array(limits.frameBytesMax));
      await until(() => bad.peer.frames.length === 1);
      bad.client.send(new Uint8Array(limits.frameBytesMax + 1));
      await until(() => bad.peer.closed !== null);
      expect(bad.peer.frames.length).toBe(1);
      good.client.send(new Uint8Array([1]));
      await until(() => good.peer.frames.length === 1);
    });

    it('publishes to those in the topic, in order with what it sends to each', async () => {
      const [one, two, three] = [await open(), await open(), await open()];
      one.peer.socket.subscribe('t');
      two.peer.socket.subscribe('t');
      transport.publish('t', new Uint8Array([1]));
      one.peer.socket.send(new Uint8Array([2]));
      transport.publish('t', new Uint8Array([3]), one.peer.socket);
      transport.publish('t', new Uint8Array([4]), three.peer.socket);
      two.peer.socket.unsubscribe('t');
      transport.publish('t', new Uint8Array([5]));
      one.peer.socket.send(new Uint8Array([9]));
      two.peer.socket.send(new Uint8Array([9]));
      three.peer.socket.send(new Uint8Array([9]));
      await until(() => [one, two, three].every(({ received }) => received.at(-1)?.[0] === 9));
      expect(one.received.map((frame) => frame[0])).toEqual([1, 2, 4, 5, 9]);
      expect(two.received.map((frame) => frame[0])).toEqual([1, 3, 4, 9]);
      expect(three.received.map((frame) => frame[0])).toEqual([9]);
    });

    it('sends behind what has been published, to one, in order with everything else', async () => {
      const [one, two] = [await open(), await open()];
      for (const { peer } of [one, two]) peer.socket.subscribe('t');
      transport.publish('t', new Uint8Array([1]));
      one.peer.socket.sendBehind(new Uint8Array([2]));
      transport.publish('t', new Uint8Array([3]));
      one.peer.socket.sendBehind(new Uint8Array([4]));
      one.peer.socket.send(new Uint8Array([5]));
      one.peer.socket.sendBehind(new Uint8Array([9]));
      two.peer.socket.sendBehind(new Uint8Array([9]));
      await until(() => [one, two].every(({ received }) => received.at(-1)?.[0] === 9));
      expect(one.received.map((frame) => frame[0])).toEqual([1, 2, 3, 4, 5, 9]);
      expect(two.received.map((frame) => frame[0])).toEqual([1, 3, 9]);
      one.peer.socket.close(1000, '');
      one.peer.socket.sendBehind(new Uint8Array([6]));
    });

    it('does not give a new subscriber what was published before', async () => {
      const { received, peer } = await open();
      peer.socket.subscribe('other');
      transport.publish('t', new Uint8Array([1]));
      peer.socket.subscribe('t');
      transport.publish('t', new Uint8Array([2]));
      await until(() => received.length > 0);
      expect(received.map((frame) => frame[0])).toEqual([2]);
    });

    it.each(['sent', 'sent behind', 'published'])('drops what is %s past the byte budget, reports it, and reports the drain', async (way) => {
      const slow = await open();
      const fast = await open();
      slow.client.pause();
      slow.peer.socket.subscribe('t');
      fast.peer.socket.subscribe('t');
      const frame = new Uint8Array(4_000);
      let count = 0;
      while (slow.peer.lags === 0 && count < 20_000) {
        if (way === 'sent') slow.peer.socket.send(frame);
        else if (way === 'sent behind') slow.peer.socket.sendBehind(frame);
        else transport.publish('t', frame);
        count += 1;
        expect(slow.peer.socket.bufferedBytes).toBeLessThan(limits.backpressureBytesMax + 3 * 4_100);
        if (count % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      expect(slow.peer.lags).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      slow.peer.drains = 0;
      slow.client.resume();
      await until(() => slow.peer.drains > 0 && slow.peer.socket.bufferedBytes === 0);
      await until(() => way !== 'published' || fast.received.length === count);
      // It left the topic when it lagged, so only what is sent reaches it now.
      const before = slow.received.length;
      transport.publish('t', new Uint8Array([7]));
      slow.peer.socket.send(new Uint8Array([8]));
      slow.peer.socket.sendBehind(new Uint8Array([9]));
      await until(() => slow.received.at(-1)?.[0] === 9);
      expect(slow.received.slice(before).filter((data) => data.length === 1).map((data) => data[0])).toEqual([8, 9]);
    });

    it('closes with a code and a reason, and is silent afterwards', async () => {
      const { client, peer } = await open();
      const closed = new Promise((resolve) => client.on('close', (code, reason) => resolve([code, reason.toString()])));
      peer.socket.subscribe('t');
      peer.socket.close(4400, 'x'.repeat(200));
      expect(await closed).toEqual([4400, `${'x'.repeat(120)}…`]);
      await until(() => peer.closed !== null);
      transport.publish('t', new Uint8Array([1]));
      expect(peer.socket.send(new Uint8Array([1]))).toBe('dropped');
      expect(peer.socket.bufferedBytes).toBe(0);
      peer.socket.subscribe('t');
      peer.socket.close(4400, 'again');
    });

    it('cuts a peer that does not answer the close', async () => {
      const { client, peer } = await open();
      client.pause();
      peer.socket.close(4504, 'silent');
      await until(() => peer.closed !== null, 5_000);
    });

    it('tells when a peer goes away without a word', async () => {
      const { client, peer } = await open();
      client.terminate();
      await until(() => peer.closed !== null);
    });

    it('survives a peer that speaks no WebSocket', async () => {
      await new Promise<void>((resolve) => {
        const raw = connect(port, '127.0.0.1', () => raw.write('\x16\x03\x01 nonsense\r\n\r\n'));
        raw.on('error', () => undefined);
        raw.on('close', () => resolve());
        setTimeout(() => raw.destroy(), 300);
      });
      await open();
    });

    it('answers GET and HEAD', async () => {
      expect(await http('GET', '/there?query=1')).toMatchObject({ status: 200, body: 'body of /there' });
      expect((await http('GET', '/there')).headers['x-test']).toBe('yes');
      expect(await http('HEAD', '/there')).toMatchObject({ status: 200, body: '' });
      expect(await http('GET', '/missing')).toMatchObject({ status: 404 });
    });

    it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('hands on the body of a %s, in pieces or in one', async (method) => {
      const headers = { authorization: 'Bearer x', 'x-forwarded-for': '1.2.3.4', 'transfer-encoding': 'chunked' };
      const { body } = await http(method, '/echo', headers, ['a', 'ü'.repeat(10_000), 'c']);
      expect(body === `${method} Bearer x 1.2.3.4 a${'ü'.repeat(10_000)}c`).toBe(true);
      expect((await http(method, '/echo')).body).toBe(`${method}   `);
    });

    it('takes a body at the limit, and refuses one byte more without keeping it', async () => {
      const whole = await http('POST', '/echo', {}, ['x'.repeat(limits.httpBodyBytesMax)]);
      expect([whole.status, whole.body.length]).toEqual([200, 'POST   '.length + limits.httpBodyBytesMax]);
      expect(await http('POST', '/echo', {}, ['x'.repeat(limits.httpBodyBytesMax), 'x'])).toMatchObject({ status: 413 });
      expect((await http('POST', '/echo', {}, ['still there'])).body).toBe('POST   still there');
    });

    it('forgets a request whose body never ends', async () => {
      const raw = connect(port, '127.0.0.1', () => raw.write('POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc'));
      raw.on('error', () => undefined);
      await new Promise((resolve) => setTimeout(resolve, 20));
      raw.destroy();
      expect(await http('GET', '/there')).toMatchObject({ status: 200 });
    });

    it('answers a failed handler without saying why', async () => {
      expect(await http('GET', '/broken')).toMatchObject({ status: 500, body: 'internal error\n' });
    });

    it('survives a request that is aborted while it is being answered', async () => {
      for (let i = 0; i < 20; i += 1) {
        const aborted = httpRequest({ port, host: '127.0.0.1', path: '/there' });
        aborted.on('error', () => undefined);
        aborted.end();
        setTimeout(() => aborted.destroy(), 2);
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
      expect(await http('GET', '/there')).toMatchObject({ status: 200 });
    });

    it('says that a port is taken, and what to do', async () => {
      const second = await make(limits);
      await expect(second.listen(port, '127.0.0.1', handlers)).rejects.toThrow(/cannot listen on .*--port/);
      await second.close();
    });

    it('takes nobody new after stopListening and keeps those it has', async () => {
      const { client, peer } = await open();
      transport.stopListening();
      await new Promise((resolve) => setTimeout(resolve, 10));
      const late = dial();
      await new Promise((resolve) => late.on('close', resolve));
      client.send(new Uint8Array([1]));
      await until(() => peer.frames.length === 1);
    });

    function http(
      method: string, path: string, headers: Record<string, string> = {}, pieces: readonly string[] = [],
    ): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> {
      return new Promise((resolve, reject) => {
        const request = httpRequest({ port, host: '127.0.0.1', method, path, headers, agent: false }, (answer) => {
          let body = '';
          answer.on('data', (chunk) => (body += chunk));
          answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body }));
        });
        request.on('error', reject);
        for (const piece of pieces) request.write(piece);
        request.end();
      });
    }
  });
}

export async function until(claim: () => boolean, timeoutMs = 3_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!claim()) {
    if (Date.now() > deadline) throw new Error(`not so after ${timeoutMs} ms: ${claim}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
