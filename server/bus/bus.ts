// The bus: what nodes of one database tell each other about a document. Frames of the wire protocol, so that one decoder
// checks both. What it carries is a hint: a message may be lost, doubled or late, and a reader that sees a hole in the
// LSNs reads the log instead. The log is the truth.

import type { Message } from '../../sdk/wire/message.js';

/**
 * - `changes`: the log has grown; without batches when they are to be read from there
 * - `presence`: somebody on that node shows itself, or is gone
 * - `subscribe`: that node opened the document: who is here?
 * - `ping`: that node is alive; on the topic of all nodes
 */
export type BusMessage = Extract<Message, { type: 'changes' | 'presence' | 'subscribe' | 'ping' }>;

export interface BusListener {
  /** @param node  who says it; may be the listener's own node */
  heard(message: BusMessage, node: string): void;
  /** Messages may have been missed: the subscription has only now begun, or was cut. */
  missed(): void;
}

export interface Bus {
  /** What it runs on, for the log line. */
  readonly kind: string;
  /** Never waits and never throws. @param topic  a document's id, or '' for what is about no document */
  publish(node: string, topic: string, message: BusMessage): void;
  /** @returns stops listening */
  subscribe(topic: string, listener: BusListener): () => void;
  close(): Promise<void>;
}
