import { afterEach, describe, expect, it } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { backoffMsMax, fullJitterMs } from './backoff.js';
import { loopback } from './loopback.js';
import type { Link, LinkEvents, Transport } from './transport.js';
import { webSocketTransport, type WebSocketClass } from './websocket.js';

/** One side of a link that writes down what happens to it. */
class Side {
  readonly seen: string[] = [];
  link!: Link;
  private wake = () => {};

  readonly events: LinkEvents = {
    open: () => this.note('open'),
    frame: (bytes) => this.note(`frame ${[...bytes]}`),
    close: (code, reason) => this.note(`close ${code} ${reason}`),
  };

  async until(line: string): Promise<void> {
    while (!this.seen.includes(line)) await new Promise<void>((resolve) => { this.wake = resolve; });
  }

  private note(line: string): void {
    this.seen.push(line);
    this.wake();
  }
}

interface Pair {
  transport: Transport;
  accepted: Promise<Side>;
  dispose(): Promise<void> | void;
}

function overLoopback(): Promise<Pair> {
  const wire = loopback();
  const accepted = new Promise<Side>((resolve) => wire.accept((link, setEvents) => {
    const side = new Side();
    side.link = link;
    setEvents(side.events);
    resolve(side);
  }));
  return Promise.resolve({ transport: wire.transport, accepted, dispose() {} });
}

async function overWebSocket(): Promise<Pair> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  const accepted = new Promise<Side>((resolve) => server.on('connection', (socket) => {
    const side = new Side();
    side.link = { bufferedBytes: 0, send: (frame) => socket.send(frame), close: (code, reason) => socket.close(code, reason) };
    side.events.open();
    socket.on('message', (data: Buffer) => side.events.frame(new Uint8Array(data)));
    socket.on('close', (code, reason) => side.events.close(code, reason.toString()));
    resolve(side);
  }));
  const { port } = server.address() as { port: number };
  const transport = webSocketTransport(`ws://127.0.0.1:${port}`, { WebSocket: WebSocket as unknown as WebSocketClass });
  return { transport, accepted, dispose: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

describe.each([['the loopback', overLoopback], ['a WebSocket', overWebSocket]] as const)('%s', (_, make) => {
  let pair: Pair;

  async function connected(): Promise<[client: Side, server: Side]> {
    pair = await make();
    const client = new Side();
    client.link = pair.transport.connect(client.events);
    expect(client.seen).toEqual([]);
    await client.until('open');
    return [client, await pair.accepted];
  }

  afterEach(async () => { await pair.dispose(); });

  it('carries whole frames both ways, in order', async () => {
    const [client, server] = await connected();
    client.link.send(Uint8Array.of(1, 2));
    client.link.send(Uint8Array.of(3));
    server.link.send(Uint8Array.of(4));
    await server.until('frame 3');
    await client.until('frame 4');
    expect(server.seen).toEqual(['open', 'frame 1,2', 'frame 3']);
    client.link.close(1000);
    await server.until('close 1000 ');
  });

  it('tells both sides once who closed and why, after the frames sent before', async () => {
    const [client, server] = await connected();
    server.link.send(Uint8Array.of(9));
    server.link.close(4401, 'expired');
    await client.until('close 4401 expired');
    await server.until('close 4401 expired');
    client.link.close();
    client.link.send(Uint8Array.of(1));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(client.seen).toEqual(['open', 'frame 9', 'close 4401 expired']);
    expect(server.seen).toEqual(['open', 'close 4401 expired']);
  });

  it('can be closed by its client', async () => {
    const [client, server] = await connected();
    client.link.close(4400, 'protocol_error');
    await server.until('close 4400 protocol_error');
    await client.until('close 4400 protocol_error');
  });

  it('can be closed before it is open', async () => {
    pair = await make();
    const client = new Side();
    client.link = pair.transport.connect(client.events);
    client.link.close(1000);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(client.seen).not.toContain('open');
    expect(client.seen).toHaveLength(1);
  });
});

describe('what differs', () => {
  it('a text message reaches the session as an empty, malformed frame', async () => {
    const pair = await overWebSocket();
    const client = new Side();
    client.link = pair.transport.connect(client.events);
    await client.until('open');
    (await pair.accepted).link.send('text' as unknown as Uint8Array);
    await client.until('frame ');
    client.link.close();
    await pair.dispose();
  });

  it('a server that is not there closes with 1006', async () => {
    const nobody = new Side();
    webSocketTransport('ws://127.0.0.1:9', { WebSocket: WebSocket as unknown as WebSocketClass }).connect(nobody.events);
    await nobody.until('close 1006 ');
    loopback().transport.connect(nobody.events);
    await nobody.until('close 1006 nothing listens');
  });

  it('the loopback copies: a sender may reuse its bytes', async () => {
    const pair = await overLoopback();
    const client = new Side();
    client.link = pair.transport.connect(client.events);
    await client.until('open');
    const bytes = Uint8Array.of(1);
    client.link.send(bytes);
    expect(client.link.bufferedBytes).toBe(1);
    bytes[0] = 2;
    await (await pair.accepted).until('frame 1');
    expect(client.link.bufferedBytes).toBe(0);
  });

  it('without a WebSocket class the message says what to do', () => {
    const global = globalThis as { WebSocket?: unknown };
    const kept = global.WebSocket;
    delete global.WebSocket;
    try {
      expect(() => webSocketTransport('ws://x').connect(new Side().events)).toThrow('pass one');
    } finally {
      if (kept) global.WebSocket = kept;
    }
  });
});

describe('backoff', () => {
  it('is a random part of a wait that doubles from 1 s to 30 s', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 1000].map((attempt) => fullJitterMs(attempt, 0.5))).toEqual([500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
    expect(fullJitterMs(0, 0)).toBe(0);
    expect(fullJitterMs(2000, 0.999999)).toBeLessThan(backoffMsMax);
  });
});
