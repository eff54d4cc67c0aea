// The transport that runs everywhere: the ws package on node:http.
//
// ws has no topics and no byte budget; both are added here so that it behaves like uWebSockets.js: a socket
// past its budget drops what comes next, leaves its topics and reports that it lags.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { portError } from './port-error.js';
import { Topics } from './topics.js';
import {
  closeGraceMs, closeText, deafEvents, faultAnswer, splitProtocols, tooLargeAnswer,
  type HttpAnswer, type RequestHead, type SendResult, type ServerTransport, type Socket, type SocketEvents,
  type TransportHandlers, type TransportLimits, type UpgradeAnswer,
} from './transport.js';

/** The package's client, for tests of both transports: this file is its only door. */
export { WebSocket as TestWebSocket };

export class WsTransport implements ServerTransport {
  readonly name = 'ws';
  private readonly topics = new Topics();
  private readonly sockets = new Set<WebSocket>();
  private server: Server | null = null;

  constructor(private readonly limits: TransportLimits) {}

  listen(port: number, host: string, handlers: TransportHandlers): Promise<number> {
    const server = createServer((request, response) => void answer(request, response, handlers, this.limits.httpBodyBytesMax));
    const sockets = new WebSocketServer({
      noServer: true,
      maxPayload: this.limits.frameBytesMax,
      perMessageDeflate: false,
      handleProtocols: (_offered, request) => (request as WithProtocol).chosen || false,
    });
    server.on('upgrade', (request: WithProtocol, stream, head) => {
      const verdict = handlers.upgrade(headOf(request), splitProtocols(request.headers['sec-websocket-protocol'] ?? ''));
      if (!verdict.accept) return refuse(stream, verdict.status, verdict.message);
      request.chosen = verdict.protocol;
      sockets.handleUpgrade(request, stream, head, (ws) => this.open(ws, request, verdict, handlers));
    });
    this.server = server;
    return bind(server, port, host);
  }

  publish(topic: string, frame: Uint8Array, except?: Socket): void {
    for (const socket of this.topics.membersOf(topic)) if (socket !== except) socket.send(frame);
  }

  stopListening(): void {
    this.server?.close();
  }

  async close(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (server === null) return;
    for (const ws of this.sockets) ws.terminate();
    server.close();
    server.closeAllConnections();
  }

  private open(ws: WebSocket, request: IncomingMessage, { close, visit }: UpgradeAnswer & { accept: true }, handlers: TransportHandlers): void {
    this.sockets.add(ws);
    ws.binaryType = 'nodebuffer';
    const address = request.socket.remoteAddress ?? '';
    const socket = new WsSocket(ws, address, this.topics, this.limits.backpressureBytesMax);
    if (close !== undefined) socket.close(close.code, close.reason);
    const events = close === undefined ? handlers.open(socket, visit) : deafEvents;
    socket.events = events;
    // A text frame is bytes like any other; what they mean is for the frame codec to refuse.
    ws.on('message', (data: Buffer) => events.frame(ownBytes(data)));
    ws.on('error', () => undefined); // 'close' follows and says it all
    ws.on('close', (code, reason) => {
      this.sockets.delete(ws);
      this.topics.removeAll(socket);
      events.close(code, reason.toString());
    });
  }
}

interface WithProtocol extends IncomingMessage {
  chosen: string;
}

class WsSocket implements Socket {
  events: SocketEvents = deafEvents;
  private draining = false;

  constructor(
    private readonly ws: WebSocket,
    readonly remoteAddress: string,
    private readonly topics: Topics,
    private readonly budgetBytes: number,
  ) {}

  get bufferedBytes(): number {
    return this.ws.bufferedAmount;
  }

  send(frame: Uint8Array): SendResult {
    if (this.ws.readyState !== this.ws.OPEN) return 'dropped';
    if (this.ws.bufferedAmount > this.budgetBytes) return this.lag();
    this.ws.send(frame, { binary: true }, () => this.noticeDrain());
    if (this.ws.bufferedAmount === 0) return 'sent';
    this.draining = true;
    return 'buffered';
  }

  sendBehind(frame: Uint8Array): void {
    this.send(frame);
  }

  subscribe(topic: string): void {
    if (this.ws.readyState === this.ws.OPEN) this.topics.add(topic, this);
  }

  unsubscribe(topic: string): void {
    this.topics.remove(topic, this);
  }

  close(code: number, reason: string): void {
    this.ws.close(code, closeText(reason));
    setTimeout(() => this.ws.terminate(), closeGraceMs).unref();
  }

  private lag(): SendResult {
    this.topics.removeAll(this);
    this.events.lagging();
    return 'dropped';
  }

  private noticeDrain(): void {
    if (!this.draining || this.ws.bufferedAmount > 0) return;
    this.draining = false;
    this.events.drain();
  }
}

/** ws may hand out a view into a pooled buffer; a copy of a small frame is cheaper than keeping the pool alive. */
function ownBytes(data: Buffer): Uint8Array {
  return new Uint8Array(data);
}

function bind(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(portError(port, host, cause.code)));
    server.listen(port, host, () => resolve((server.address() as { port: number }).port));
  });
}

async function answer(
  request: IncomingMessage, response: ServerResponse, handlers: TransportHandlers, bodyBytesMax: number,
): Promise<void> {
  const reply = await replyTo(request, handlers, bodyBytesMax);
  const body = Buffer.from(reply.body ?? '');
  response.writeHead(reply.status, { ...reply.headers, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function replyTo(request: IncomingMessage, handlers: TransportHandlers, bodyBytesMax: number): Promise<HttpAnswer> {
  try {
    const body = await readBody(request, bodyBytesMax);
    return body === null ? tooLargeAnswer : await handlers.answer(headOf(request), body);
  } catch {
    return faultAnswer;
  }
}

/** Null when it is too large; the rest of it is not waited for. */
async function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array | null> {
  if (request.method === 'GET' || request.method === 'HEAD') return new Uint8Array(0);
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bytesMax) return null;
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}

function refuse(stream: Duplex, status: number, message: string): void {
  stream.on('error', () => undefined);
  const length = Buffer.byteLength(message);
  stream.end(`HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n${message}`);
}

function headOf(request: IncomingMessage): RequestHead {
  const { headers, url = '/' } = request;
  const mark = url.indexOf('?');
  return {
    method: request.method ?? 'GET',
    path: mark === -1 ? url : url.slice(0, mark),
    query: mark === -1 ? '' : url.slice(mark + 1),
    host: headers.host ?? '',
    origin: headers.origin ?? '',
    authorization: headers.authorization ?? '',
    forwardedFor: String(headers['x-forwarded-for'] ?? ''),
    remoteAddress: request.socket.remoteAddress ?? '',
  };
}
