// The fast transport: uWebSockets.js (npm: uws-pack, prebuilt for Node 18–22).
//
// Its traps, each answered here: an ArrayBuffer given to a handler dies when the handler returns, so frames are
// copied; a response must not be touched after onAborted; a closed WebSocket throws on any use; and past
// maxBackpressure messages vanish, published ones too, with only `dropped` to tell of it.

import * as uws from 'uWebSockets.js';
import {
  closeGraceMs, closeText, deafEvents, faultAnswer, splitProtocols, tooLargeAnswer,
  type HttpAnswer, type RequestHead, type SendResult, type ServerTransport, type Socket, type SocketEvents,
  type TransportHandlers, type TransportLimits, type UpgradeAnswer,
} from './transport.js';
import { portError } from './port-error.js';

interface UserData {
  socket: UwsSocket;
  /** Until it is open: a token is not to be kept for as long as a socket lasts. */
  verdict: (UpgradeAnswer & { accept: true }) | null;
}

// The type file of the package lacks this form of listen, and has the constant inside an enum that is not there.
type ListenOnHost = (host: string, port: number, options: number, done: (token: uws.us_listen_socket | false) => void) => void;
const exclusivePort = 1;

const results: readonly SendResult[] = ['buffered', 'sent', 'dropped'];
const decoder = new TextDecoder();
let nextSocket = 0;

export class UwsTransport implements ServerTransport {
  readonly name = 'uws';
  /** Made by listen: closing an app that never listened is a crash in the library. */
  private app: uws.TemplatedApp | null = null;
  private listening: uws.us_listen_socket | null = null;

  constructor(private readonly limits: TransportLimits) {}

  listen(port: number, host: string, handlers: TransportHandlers): Promise<number> {
    const app = (this.app = uws.App());
    app.ws<UserData>('/*', {
      maxPayloadLength: this.limits.frameBytesMax,
      maxBackpressure: this.limits.backpressureBytesMax,
      closeOnBackpressureLimit: false,
      compression: 0, // off: small binary frames gain nothing from it
      // Sessions ping by themselves, and notice silence by themselves.
      sendPingsAutomatically: false,
      idleTimeout: 0,
      upgrade: (response, request, context) => upgrade(response, request, context, handlers, app),
      open: (ws) => open(ws, handlers),
      message: (ws, bytes) => ws.getUserData().socket.events.frame(new Uint8Array(bytes.slice(0))),
      dropped: (ws) => ws.getUserData().socket.lag(),
      drain: (ws) => ws.getUserData().socket.events.drain(),
      close: (ws, code, reason) => ws.getUserData().socket.ended(code, decoder.decode(reason)),
    });
    app.any('/*', (response, request) => answer(response, request, handlers, this.limits.httpBodyBytesMax));
    return this.bind(app, port, host);
  }

  publish(topic: string, frame: Uint8Array, except?: Socket): void {
    if (except instanceof UwsSocket && except.publish(topic, frame)) return;
    this.app?.publish(topic, frame, true);
  }

  stopListening(): void {
    if (this.listening !== null) uws.us_listen_socket_close(this.listening);
    this.listening = null;
  }

  async close(): Promise<void> {
    this.stopListening();
    const { app } = this;
    this.app = null;
    app?.close();
  }

  private bind(app: uws.TemplatedApp, port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      // The library binds with SO_REUSEPORT when it may; two servers would then share a port without a word.
      const listen = app.listen as unknown as ListenOnHost;
      listen.call(app, host, port, exclusivePort, (token) => {
        if (token === false) return reject(portError(port, host));
        this.listening = token;
        resolve(uws.us_socket_local_port(token as unknown as uws.us_socket));
      });
    });
  }
}

class UwsSocket implements Socket {
  events: SocketEvents = deafEvents;
  private ws: uws.WebSocket<UserData> | null = null;
  private isLagging = false;
  private isInOwnTopic = false;
  /** No document has such a name: ids are free of control characters. */
  private readonly ownTopic = `\0${nextSocket++}`;

  constructor(readonly remoteAddress: string, private readonly app: uws.TemplatedApp) {}

  get bufferedBytes(): number {
    return this.ws?.getBufferedAmount() ?? 0;
  }

  send(frame: Uint8Array): SendResult {
    return this.ws === null ? 'dropped' : results[this.ws.send(frame, true)];
  }

  /**
   * By a topic that only this socket is in: the library writes once per socket for all that was published in a turn,
   * but twice when a `send` comes behind a published frame, corked or not (measured: 4.5 µs per write).
   */
  sendBehind(frame: Uint8Array): void {
    if (this.ws === null) return;
    if (!this.isInOwnTopic) this.isInOwnTopic = this.ws.subscribe(this.ownTopic);
    this.app.publish(this.ownTopic, frame, true);
  }

  subscribe(topic: string): void {
    this.ws?.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.ws?.unsubscribe(topic);
  }

  /** @returns false when this socket is not in the topic, so that everybody in it may be sent to */
  publish(topic: string, frame: Uint8Array): boolean {
    if (this.ws === null || !this.ws.isSubscribed(topic)) return false;
    this.ws.publish(topic, frame, true);
    return true;
  }

  close(code: number, reason: string): void {
    const { ws } = this;
    if (ws === null) return;
    const cut = setTimeout(() => this.ws?.close(), closeGraceMs);
    cut.unref();
    ws.end(code, closeText(reason));
  }

  open(ws: uws.WebSocket<UserData>, { close, visit }: UpgradeAnswer & { accept: true }, handlers: TransportHandlers): void {
    this.ws = ws;
    if (close === undefined) this.events = handlers.open(this, visit);
    else this.close(close.code, close.reason);
  }

  lag(): void {
    if (this.isLagging) return;
    this.isLagging = true;
    // The library is walking its topics when it reports a drop, and crashes if one is left under its feet.
    setImmediate(() => this.tellLag());
  }

  private tellLag(): void {
    this.isLagging = false;
    const { ws } = this;
    if (ws === null) return;
    for (const topic of ws.getTopics()) ws.unsubscribe(topic);
    this.isInOwnTopic = false;
    this.events.lagging();
    // Its drain may have come before this; there would be no other.
    if (this.bufferedBytes === 0) this.events.drain();
  }

  ended(code: number, reason: string): void {
    this.ws = null;
    this.events.close(code, reason);
  }
}

function open(ws: uws.WebSocket<UserData>, handlers: TransportHandlers): void {
  const data = ws.getUserData();
  const verdict = data.verdict!;
  data.verdict = null;
  data.socket.open(ws, verdict, handlers);
}

function upgrade(
  response: uws.HttpResponse, request: uws.HttpRequest, context: uws.us_socket_context_t,
  handlers: TransportHandlers, app: uws.TemplatedApp,
): void {
  const head = headOf(response, request);
  const verdict = handlers.upgrade(head, splitProtocols(request.getHeader('sec-websocket-protocol')));
  if (!verdict.accept) {
    write(response, { status: verdict.status, body: verdict.message }, false);
    return;
  }
  response.upgrade<UserData>(
    { socket: new UwsSocket(head.remoteAddress, app), verdict },
    request.getHeader('sec-websocket-key'),
    verdict.protocol,
    request.getHeader('sec-websocket-extensions'),
    context,
  );
}

async function answer(
  response: uws.HttpResponse, request: uws.HttpRequest, handlers: TransportHandlers, bodyBytesMax: number,
): Promise<void> {
  let aborted = false;
  const head = headOf(response, request);
  const body = readBody(response, head.method, bodyBytesMax, () => (aborted = true));
  const reply = await replyTo(handlers, head, body);
  if (!aborted) write(response, reply, head.method === 'HEAD');
}

async function replyTo(handlers: TransportHandlers, head: RequestHead, reading: Promise<Uint8Array | null>): Promise<HttpAnswer> {
  try {
    const body = await reading;
    return body === null ? tooLargeAnswer : await handlers.answer(head, body);
  } catch {
    return faultAnswer;
  }
}

/** Null when it is too large; never settled when the peer goes away before its end. */
function readBody(response: uws.HttpResponse, method: string, bytesMax: number, aborted: () => void): Promise<Uint8Array | null> {
  response.onAborted(aborted);
  if (method === 'GET' || method === 'HEAD') return Promise.resolve(new Uint8Array(0));
  return new Promise((resolve) => {
    let pieces: Uint8Array[] = [];
    let bytes = 0;
    response.onData((piece, isLast) => {
      bytes += piece.byteLength;
      if (bytes <= bytesMax) pieces.push(new Uint8Array(piece.slice(0)));
      else pieces = [];
      if (isLast || bytes > bytesMax) resolve(bytes > bytesMax ? null : new Uint8Array(Buffer.concat(pieces)));
    });
  });
}

function write(response: uws.HttpResponse, { status, headers = {}, body = '' }: HttpAnswer, headOnly: boolean): void {
  response.cork(() => {
    response.writeStatus(String(status));
    for (const name in headers) response.writeHeader(name, headers[name]);
    if (headOnly) response.endWithoutBody(typeof body === 'string' ? Buffer.byteLength(body) : body.length);
    // What is left of a body that was refused is not read as the next request.
    else response.end(body, headers.connection === 'close');
  });
}

function headOf(response: uws.HttpResponse, request: uws.HttpRequest): RequestHead {
  return {
    method: request.getMethod().toUpperCase(),
    path: request.getUrl(),
    query: request.getQuery() ?? '',
    host: request.getHeader('host'),
    origin: request.getHeader('origin'),
    authorization: request.getHeader('authorization'),
    forwardedFor: request.getHeader('x-forwarded-for'),
    remoteAddress: decoder.decode(response.getRemoteAddressAsText()),
  };
}
