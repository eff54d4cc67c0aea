// The server's end of the network: WebSockets that carry whole frames, topics, and plain HTTP.
//
// Two implementations stand behind it, uWebSockets.js and ws, and conformance.ts holds both to the same
// behaviour. Nothing here knows what is in a frame.

/** `dropped`: the socket was over its byte budget and the frame is gone. It has also left all its topics. */
export type SendResult = 'sent' | 'buffered' | 'dropped';

export interface Socket {
  readonly remoteAddress: string;
  /** Bytes handed over and not yet on the network. */
  readonly bufferedBytes: number;
  /** Does not keep `frame`. After close it does nothing. */
  send(frame: Uint8Array): SendResult;
  /** Where it can, in one write with what was published just before. That it was dropped is told by `lagging` alone. */
  sendBehind(frame: Uint8Array): void;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  /** Says goodbye and cuts the line soon after, whether or not the peer answers. */
  close(code: number, reason: string): void;
}

/** What happens to one socket. `close` is called once, whoever closed it; nothing follows. */
export interface SocketEvents {
  /** `bytes` belong to the receiver: a copy where the library reuses its buffer. */
  frame(bytes: Uint8Array): void;
  /** A frame, sent or published, was dropped: the socket lags. */
  lagging(): void;
  /** Buffered bytes have gone out. */
  drain(): void;
  close(code: number, reason: string): void;
}

/** Who comes, as far as the handshake shows; carried from `upgrade` to `open`. */
export interface Visit {
  address: string;
  token?: string;
}

export interface RequestHead {
  method: string;
  path: string;
  /** Behind the question mark. */
  query: string;
  /** '' when absent. */
  host: string;
  origin: string;
  authorization: string;
  forwardedFor: string;
  remoteAddress: string;
}

/**
 * A browser cannot tell a refused upgrade from a broken network, so whom we refuse for good is let in and closed
 * at once, with a code that says why; nothing it sends is looked at. Anybody else gets an HTTP answer.
 */
export type UpgradeAnswer =
  | { accept: true; protocol: string; visit: Visit; close?: { code: number; reason: string } }
  | { accept: false; status: number; message: string };

export interface HttpAnswer {
  status: number;
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
}

export interface TransportHandlers {
  upgrade(request: RequestHead, protocols: readonly string[]): UpgradeAnswer;
  open(socket: Socket, visit: Visit): SocketEvents;
  /** `body` is empty for GET and HEAD; the body of an answer to HEAD is not sent. */
  answer(request: RequestHead, body: Uint8Array): Promise<HttpAnswer> | HttpAnswer;
}

export interface TransportLimits {
  frameBytesMax: number;
  /** A request with a larger body is answered 413, and its body is not kept. */
  httpBodyBytesMax: number;
  backpressureBytesMax: number;
}

export interface ServerTransport {
  readonly name: TransportName;
  /** @param port  0 for any free one. @returns the port. @throws HeadwaterError `unavailable` when it cannot be had */
  listen(port: number, host: string, handlers: TransportHandlers): Promise<number>;
  /** One frame to every socket in the topic, but for `except`. In order with what is sent to each. */
  publish(topic: string, frame: Uint8Array, except?: Socket): void;
  /** Takes no new connections; those there stay. */
  stopListening(): void;
  /** Cuts every connection. */
  close(): Promise<void>;
}

export type TransportName = 'uws' | 'ws';

export const tooLargeAnswer: HttpAnswer = { status: 413, headers: { connection: 'close' }, body: 'the body is too large\n' };
export const faultAnswer: HttpAnswer = { status: 500, body: 'internal error\n' };

/** For a socket that nobody looks at. */
export const deafEvents: SocketEvents = { frame() {}, lagging() {}, drain() {}, close() {} };

/** How long a peer may take to answer a close before its line is cut. */
export const closeGraceMs = 2_000;

/** Close reasons have 123 bytes of room, by RFC 6455. */
export function closeText(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  return bytes.length <= 123 ? reason : new TextDecoder().decode(bytes.subarray(0, 120)).replace(/\uFFFD+$/, '') + '…';
}

export function splitProtocols(header: string): string[] {
  return header.split(',').map((name) => name.trim()).filter((name) => name !== '');
}
