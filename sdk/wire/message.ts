// The messages of protocol headwater.v1, as values. `frame.ts` turns them into bytes and back;
// PROTOCOL.md is the contract. Every frame also carries the sender's HLC stamp in its header.

import type { ErrorCode } from '../core/errors.js';
import type { ReplicaId } from '../core/replica.js';

export const protocolVersion = 1;
export const subprotocol = 'headwater.v1';

/** A document's log position on the server: 0 is "before everything", dense, one per batch. */
export type Lsn = number;

export type Message =
  /** Client's first frame. */
  | { type: 'hello'; protocol: number; replica: ReplicaId; token?: string }
  /** Server's answer. `epoch` names the server's log: another epoch means LSNs known before are void. */
  | { type: 'welcome'; protocol: number; epoch: string; pingIntervalMs: number; frameBytesMax: number }
  /** Send me the log of `document` after `lsn` (of `epoch`), then everything new. */
  | { type: 'subscribe'; document: string; lsn: Lsn; epoch: string }
  /** Catch-up starts. It covers (from, head]; from is 0 when the client's position was unknown here.
   *  `version` is the server's version vector: own ops at or below it are acked. */
  | { type: 'subscribed'; document: string; from: Lsn; head: Lsn; bytesTotal: number; version: Uint8Array }
  | { type: 'unsubscribe'; document: string }
  /** Log entries first..last, in order: `last - first + 1` blocks concatenated. */
  | { type: 'changes'; document: string; first: Lsn; last: Lsn; batches: Uint8Array }
  /** A piece of the snapshot that stands for the log up to and including `lsn`. */
  | { type: 'snapshot'; document: string; lsn: Lsn; offset: number; total: number; bytes: Uint8Array }
  /** Own batches, concatenated, oldest first. */
  | { type: 'push'; document: string; batches: Uint8Array }
  /** Committed: everything of each replica up to and including `seq`. */
  | { type: 'ack'; document: string; entries: { replica: ReplicaId; seq: number }[] }
  /** Refused for ever: the batch seqFrom..seqTo is logged as a void. */
  | { type: 'reject'; document: string; replica: ReplicaId; seqFrom: number; seqTo: number; code: ErrorCode; message: string }
  /** Ephemeral state of one replica; empty `state` is "gone". The server says who it is; what a client says of that is not looked at. */
  | { type: 'presence'; document: string; replica: ReplicaId; state: Uint8Array; user?: string; name?: string }
  | { type: 'ping'; nonce: number }
  | { type: 'pong'; nonce: number }
  /** You lag (or a gap was seen): subscribe again from the position you hold. */
  | { type: 'resync'; document: string }
  | { type: 'error'; code: ErrorCode; message: string; document?: string }
  | { type: 'goodbye'; code: ErrorCode; message: string; retryAfterMs: number }
  /** Server's: your token expires; send another. */
  | { type: 'renew'; expiresInMs: number }
  /** Client's: from now on this one, of the same user. */
  | { type: 'token'; token: string };

export type MessageType = Message['type'];
