// A link within the process as a socket: the same byte budget, the same topics, no network.
//
// A link does not tell when it drains, so a socket that holds something back looks again until it has.

import { Topics } from './topics.js';
import type { SendResult, Socket, SocketEvents } from './transport.js';

/** The shape of a link in sdk/sync/transport.ts; the server takes it as it comes. */
export interface Link {
  readonly bufferedBytes: number;
  send(frame: Uint8Array): void;
  close(code?: number, reason?: string): void;
}

export interface LinkEvents {
  open(): void;
  frame(bytes: Uint8Array): void;
  close(code: number, reason: string): void;
}

const lookAgainMs = 10;

export class LinkSocket implements Socket {
  readonly remoteAddress = 'in-process';
  events!: SocketEvents;
  private isClosed = false;
  private looking: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly link: Link, private readonly topics: Topics, private readonly budgetBytes: number) {}

  get bufferedBytes(): number {
    return this.isClosed ? 0 : this.link.bufferedBytes;
  }

  send(frame: Uint8Array): SendResult {
    if (this.isClosed) return 'dropped';
    if (this.link.bufferedBytes > this.budgetBytes) return this.lag();
    this.link.send(frame);
    if (this.link.bufferedBytes === 0) return 'sent';
    this.lookLater();
    return 'buffered';
  }

  sendBehind(frame: Uint8Array): void {
    this.send(frame);
  }

  subscribe(topic: string): void {
    if (!this.isClosed) this.topics.add(topic, this);
  }

  unsubscribe(topic: string): void {
    this.topics.remove(topic, this);
  }

  close(code: number, reason: string): void {
    if (!this.isClosed) this.link.close(code, reason);
  }

  /** The other end's events, as the link's owner will call them. */
  linkEvents(frameBytesMax: number): LinkEvents {
    return {
      open: () => undefined,
      frame: (bytes) => {
        if (this.isClosed) return;
        if (bytes.length > frameBytesMax) this.link.close(1009, 'frame too large');
        else this.events.frame(bytes);
      },
      close: (code, reason) => this.ended(code, reason),
    };
  }

  private ended(code: number, reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (this.looking !== null) clearTimeout(this.looking);
    this.topics.removeAll(this);
    this.events.close(code, reason);
  }

  private lag(): SendResult {
    this.topics.removeAll(this);
    this.lookLater();
    this.events.lagging();
    return 'dropped';
  }

  private lookLater(): void {
    if (this.looking !== null) return;
    this.looking = setTimeout(() => {
      this.looking = null;
      if (this.isClosed) return;
      if (this.link.bufferedBytes > 0) this.lookLater();
      this.events.drain();
    }, lookAgainMs);
    this.looking.unref();
  }
}
