// A transport opens links to the server. It moves whole frames, in order, and knows nothing of their meaning.

export interface LinkEvents {
  open(): void;
  frame(bytes: Uint8Array): void;
  /** Called once, whoever closed it; nothing follows. */
  close(code: number, reason: string): void;
}

export interface Link {
  /** Bytes handed over and not yet on the network. */
  readonly bufferedBytes: number;
  send(frame: Uint8Array): void;
  close(code?: number, reason?: string): void;
}

export interface Transport {
  connect(events: LinkEvents): Link;
}
