// The fields of every message, in the order of its table in frame.fbs: what table.ts writes and reads by.
//
// Each field has its name in the message, its kind (table.ts says how each lies in the bytes) and its bounds: of a
// number, or of the length of a text, of bytes, of a list. Only ever added to, like the tables: schema.test.ts holds this
// list to frame.fbs.

import * as limits from './limits.js';
import type { Message, MessageType } from './message.js';
import type { Field } from './table.js';

type FieldsOf<T extends MessageType> = readonly Field<Exclude<keyof Extract<Message, { type: T }>, 'type'>>[];

const document = ['document', 'id', 1, limits.documentIdBytesMax] as const;
const epoch = ['epoch', 'text', 1, limits.epochBytesMax] as const;
const code = ['code', 'code', 0, limits.messageBytesMax] as const;
const token = ['token', 'text', 0, limits.tokenBytesMax] as const;
const message = ['message', 'sentence', 0, limits.messageBytesMax] as const;

/** A type's number on the wire is its place here, from 1. */
export const schema: { readonly [T in MessageType]: FieldsOf<T> } = {
  hello: [['protocol', 'u16'], ['replica', 'replica'], [...token, 'optional']],
  welcome: [
    ['protocol', 'u16'], epoch,
    ['pingIntervalMs', 'u32', limits.pingIntervalMsMin, limits.pingIntervalMsMax],
    ['frameBytesMax', 'u32', limits.frameBytesFloor, limits.frameBytesCeiling],
  ],
  subscribe: [document, ['lsn', 'u64'], epoch],
  subscribed: [document, ['from', 'u64'], ['head', 'u64'], ['bytesTotal', 'u64'], ['version', 'bytes']],
  unsubscribe: [document],
  changes: [document, ['first', 'u64', 1], ['last', 'u64'], ['batches', 'bytes']],
  snapshot: [document, ['lsn', 'u64'], ['offset', 'u64'], ['total', 'u64', 0, limits.snapshotBytesMax], ['bytes', 'bytes']],
  push: [document, ['batches', 'bytes']],
  ack: [document, ['entries', 'acks', 0, limits.ackEntriesMax]],
  reject: [document, ['replica', 'replica'], ['seqFrom', 'u64', 1], ['seqTo', 'u64'], code, message],
  presence: [
    document, ['replica', 'replica'], ['state', 'bytes', 0, limits.presenceBytesMax],
    ['user', 'text', 1, limits.userBytesMax, 'optional'], ['name', 'text', 1, limits.userBytesMax, 'optional'],
  ],
  ping: [['nonce', 'u32']],
  pong: [['nonce', 'u32']],
  resync: [document],
  error: [code, message, [...document, 'optional']],
  goodbye: [code, message, ['retryAfterMs', 'u32', 0, limits.retryAfterMsMax]],
  renew: [['expiresInMs', 'u32']],
  token: [token],
};
