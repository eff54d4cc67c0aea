// A transport within one process, for tests and for a server embedded beside its client.
//
// Each connect makes a pair of links. Frames are copied and delivered in order from the microtask queue,
// never from within send, as on a network; what was sent before a close arrives before it.

import type { Link, LinkEvents, Transport } from './transport.js';

export interface Loopback {
  transport: Transport;
  /** Who takes the links; the listener must call `setEvents` before it returns. Without one, connecting fails. */
  accept(listener: AcceptListener): void;
}

export type AcceptListener = (link: Link, setEvents: (events: LinkEvents) => void) => void;

export function loopback(): Loopback {
  let listener: AcceptListener | null = null;
  return {
    accept(next) {
      listener = next;
    },
    transport: {
      connect(events) {
        const client = new End(events);
        const server = new End(silent);
        client.pair(server);
        queueMicrotask(() => {
          if (!listener) return client.close(1006, 'nothing listens');
          listener(server, (serverEvents) => { server.events = serverEvents; });
          server.open();
          client.open();
        });
        return client;
      },
    },
  };
}

const silent: LinkEvents = { open() {}, frame() {}, close() {} };

class End implements Link {
  bufferedBytes = 0;
  #peer!: End;
  #isClosed = false;

  constructor(public events: LinkEvents) {}

  pair(peer: End): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  open(): void {
    if (!this.#isClosed) this.events.open();
  }

  send(frame: Uint8Array): void {
    if (this.#isClosed) return;
    const copy = frame.slice();
    this.bufferedBytes += copy.length;
    queueMicrotask(() => {
      this.bufferedBytes -= copy.length;
      if (!this.#peer.#isClosed) this.#peer.events.frame(copy);
    });
  }

  close(code = 1000, reason = ''): void {
    if (this.#isClosed) return;
    queueMicrotask(() => this.#peer.#end(code, reason));
    this.#isClosed = true;
    queueMicrotask(() => this.events.close(code, reason));
  }

  #end(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.events.close(code, reason);
  }
}
