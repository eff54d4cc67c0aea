// The transport over a WebSocket: one binary message is one frame.

import * as closeCodes from '../wire/close-codes.js';
import { offeredSubprotocols } from '../wire/version.js';
import type { Link, LinkEvents, Transport } from './transport.js';

/** What is used of a WebSocket: the browser's, Node's, or that of the `ws` package. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly readyState: number;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: Uint8Array): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

export interface WebSocketOptions {
  /** Needed where there is no global WebSocket, as in Node 20. */
  WebSocket?: WebSocketClass;
  /** Also offers the token in the handshake, for a proxy that lets nobody in without; hello carries it anyway. */
  token?: () => string | undefined;
}

const readyStateOpen = 1;

/** @param url  ws:// or wss://; a URL ends up in logs, so no token belongs in it */
export function webSocketTransport(url: string, options: WebSocketOptions = {}): Transport {
  return {
    connect(events: LinkEvents): Link {
      const Socket = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketClass }).WebSocket;
      if (!Socket) throw new TypeError('there is no WebSocket here: pass one as the WebSocket option');
      return linkOf(new Socket(url, offeredSubprotocols(options.token?.())), events);
    },
  };
}

function linkOf(socket: WebSocketLike, events: LinkEvents): Link {
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => events.open();
  // A text message is none of ours. An empty frame is what the session calls malformed, and so is this.
  socket.onmessage = ({ data }) => events.frame(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(0));
  socket.onclose = ({ code, reason }) => events.close(code, String(reason ?? ''));
  // A close event with the code always follows; without a listener the `ws` package would throw.
  socket.onerror = () => {};
  return {
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    send(frame) {
      if (socket.readyState === readyStateOpen) socket.send(frame);
    },
    close(code: number = closeCodes.normal, reason = '') {
      socket.close(code, reason);
    },
  };
}
