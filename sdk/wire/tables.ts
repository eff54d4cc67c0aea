// Messages ↔ FlatBuffers tables: the one file that imports the library (the generated classes aside).
//
// Writing trusts its caller. Reading is called after verify.ts has found the payload well formed, and
// judges what structure cannot show: numbers past their range, ids, text that is not UTF-8.

import { Builder, ByteBuffer, Encoding } from 'flatbuffers';
import { errorCodes, HeadwaterError, type ErrorCode } from '../core/errors.js';
import { isReplicaId, type ReplicaId } from '../core/replica.js';
import * as table from './generated/frame.js';
import { isDocumentId, limits, utf8Length } from './limits.js';
import type { Message, MessageType } from './message.js';

type MessageOf<T extends MessageType> = Extract<Message, { type: T }>;
type Writers = { [T in MessageType]: (builder: Builder, message: MessageOf<T>) => number };
type Readers = { [T in MessageType]: (payload: ByteBuffer) => MessageOf<T> };

const builderBytesKept = 64 * 1024;
// One builder for the many small messages; a big one would otherwise keep its megabytes for ever.
const shared = new Builder(1024);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The payload of `message`. A view, good until the next call. */
export function writeMessage(message: Message): Uint8Array {
  const bytes = opaqueBytes(message);
  const builder = bytes < builderBytesKept / 2 ? shared : new Builder(bytes + 2 * limits.frameOverheadBytes);
  builder.clear();
  const write = writers[message.type] as (builder: Builder, message: Message) => number;
  builder.finish(write(builder, message));
  return builder.asUint8Array();
}

/** The message in a verified payload. @throws HeadwaterError `protocol_error` */
export function readMessage(type: MessageType, payload: Uint8Array): Message {
  return readers[type](new ByteBuffer(payload));
}

const writers: Writers = {
  hello(b, { protocol, replica, token }) {
    return table.HelloTable.createHelloTable(b, protocol, BigInt('0x' + replica), token === undefined ? 0 : b.createString(token));
  },
  welcome(b, { protocol, epoch, pingIntervalMs, frameBytesMax }) {
    return table.WelcomeTable.createWelcomeTable(b, protocol, b.createString(epoch), pingIntervalMs, frameBytesMax);
  },
  subscribe(b, { document, lsn, epoch }) {
    return table.SubscribeTable.createSubscribeTable(b, b.createString(document), BigInt(lsn), b.createString(epoch));
  },
  subscribed(b, { document, from, head, bytesTotal, version }) {
    return table.SubscribedTable.createSubscribedTable(b, b.createString(document), BigInt(from), BigInt(head), BigInt(bytesTotal), b.createByteVector(version));
  },
  unsubscribe(b, { document }) {
    return table.UnsubscribeTable.createUnsubscribeTable(b, b.createString(document));
  },
  changes(b, { document, first, last, batches }) {
    return table.ChangesTable.createChangesTable(b, b.createString(document), BigInt(first), BigInt(last), b.createByteVector(batches));
  },
  snapshot(b, { document, lsn, offset, total, bytes }) {
    return table.SnapshotTable.createSnapshotTable(b, b.createString(document), BigInt(lsn), BigInt(offset), BigInt(total), b.createByteVector(bytes));
  },
  push(b, { document, batches }) {
    return table.PushTable.createPushTable(b, b.createString(document), b.createByteVector(batches));
  },
  ack(b, { document, entries }) {
    const id = b.createString(document);
    table.AckTable.startEntriesVector(b, entries.length);
    // The builder fills its buffer from the end: the last entry goes in first.
    for (let i = entries.length - 1; i >= 0; i--) {
      table.AckEntry.createAckEntry(b, BigInt('0x' + entries[i].replica), BigInt(entries[i].seq));
    }
    return table.AckTable.createAckTable(b, id, b.endVector());
  },
  reject(b, { document, replica, seqFrom, seqTo, code, message }) {
    return table.RejectTable.createRejectTable(b, b.createString(document), BigInt('0x' + replica), BigInt(seqFrom), BigInt(seqTo), b.createString(code), b.createString(clip(message)));
  },
  presence(b, { document, replica, state }) {
    return table.PresenceTable.createPresenceTable(b, b.createString(document), BigInt('0x' + replica), b.createByteVector(state));
  },
  ping: (b, { nonce }) => table.PingTable.createPingTable(b, nonce),
  pong: (b, { nonce }) => table.PongTable.createPongTable(b, nonce),
  resync: (b, { document }) => table.ResyncTable.createResyncTable(b, b.createString(document)),
  error(b, { code, message, document }) {
    return table.ErrorTable.createErrorTable(b, b.createString(code), b.createString(clip(message)), document === undefined ? 0 : b.createString(document));
  },
  goodbye(b, { code, message, retryAfterMs }) {
    return table.GoodbyeTable.createGoodbyeTable(b, b.createString(code), b.createString(clip(message)), retryAfterMs);
  },
};

const readers: Readers = {
  hello(payload) {
    const t = table.HelloTable.getRootAsHelloTable(payload);
    const token = t.token(Encoding.UTF8_BYTES);
    const hello = { type: 'hello' as const, protocol: t.protocol(), replica: replicaOf(t.replica()) };
    return token === null ? hello : { ...hello, token: text(token, limits.tokenBytesMax, 'token') };
  },
  welcome(payload) {
    const t = table.WelcomeTable.getRootAsWelcomeTable(payload);
    return {
      type: 'welcome', protocol: t.protocol(), epoch: epochOf(t.epoch(Encoding.UTF8_BYTES)),
      pingIntervalMs: within(t.pingIntervalMs(), limits.pingIntervalMsMin, limits.pingIntervalMsMax, 'ping interval'),
      frameBytesMax: within(t.frameBytesMax(), limits.frameBytesFloor, limits.frameBytesCeiling, 'frame bytes'),
    };
  },
  subscribe(payload) {
    const t = table.SubscribeTable.getRootAsSubscribeTable(payload);
    return { type: 'subscribe', document: documentOf(t), lsn: integer(t.lsn()), epoch: epochOf(t.epoch(Encoding.UTF8_BYTES)) };
  },
  subscribed(payload) {
    const t = table.SubscribedTable.getRootAsSubscribedTable(payload);
    const head = integer(t.head());
    const from = within(integer(t.from()), 0, head, 'from');
    return { type: 'subscribed', document: documentOf(t), from, head, bytesTotal: integer(t.bytesTotal()), version: t.versionArray()! };
  },
  unsubscribe: (payload) => ({ type: 'unsubscribe', document: documentOf(table.UnsubscribeTable.getRootAsUnsubscribeTable(payload)) }),
  changes(payload) {
    const t = table.ChangesTable.getRootAsChangesTable(payload);
    const last = integer(t.last());
    const first = within(integer(t.first()), 1, last, 'first');
    return { type: 'changes', document: documentOf(t), first, last, batches: t.batchesArray()! };
  },
  snapshot(payload) {
    const t = table.SnapshotTable.getRootAsSnapshotTable(payload);
    const bytes = t.bytesArray()!;
    const total = within(integer(t.total()), bytes.length, limits.snapshotBytesMax, 'snapshot total');
    const offset = within(integer(t.offset()), 0, total - bytes.length, 'snapshot offset');
    return { type: 'snapshot', document: documentOf(t), lsn: integer(t.lsn()), offset, total, bytes };
  },
  push(payload) {
    const t = table.PushTable.getRootAsPushTable(payload);
    return { type: 'push', document: documentOf(t), batches: t.batchesArray()! };
  },
  ack(payload) {
    const t = table.AckTable.getRootAsAckTable(payload);
    const count = within(t.entriesLength(), 0, limits.ackEntriesMax, 'ack entries');
    const entries = Array.from({ length: count }, (_, i) => {
      const entry = t.entries(i)!;
      return { replica: replicaOf(entry.replica()), seq: integer(entry.seq()) };
    });
    return { type: 'ack', document: documentOf(t), entries };
  },
  reject(payload) {
    const t = table.RejectTable.getRootAsRejectTable(payload);
    const seqTo = integer(t.seqTo());
    const seqFrom = within(integer(t.seqFrom()), 1, seqTo, 'seqFrom');
    return { type: 'reject', document: documentOf(t), replica: replicaOf(t.replica()), seqFrom, seqTo, ...codeAndMessage(t) };
  },
  presence(payload) {
    const t = table.PresenceTable.getRootAsPresenceTable(payload);
    const state = t.stateArray()!;
    within(state.length, 0, limits.presenceBytesMax, 'presence bytes');
    return { type: 'presence', document: documentOf(t), replica: replicaOf(t.replica()), state };
  },
  ping: (payload) => ({ type: 'ping', nonce: table.PingTable.getRootAsPingTable(payload).nonce() }),
  pong: (payload) => ({ type: 'pong', nonce: table.PongTable.getRootAsPongTable(payload).nonce() }),
  resync: (payload) => ({ type: 'resync', document: documentOf(table.ResyncTable.getRootAsResyncTable(payload)) }),
  error(payload) {
    const t = table.ErrorTable.getRootAsErrorTable(payload);
    const error = { type: 'error' as const, ...codeAndMessage(t) };
    return t.document(Encoding.UTF8_BYTES) === null ? error : { ...error, document: documentOf(t) };
  },
  goodbye(payload) {
    const t = table.GoodbyeTable.getRootAsGoodbyeTable(payload);
    return { type: 'goodbye', ...codeAndMessage(t), retryAfterMs: within(t.retryAfterMs(), 0, limits.retryAfterMsMax, 'retryAfterMs') };
  },
};

type Text = string | Uint8Array | null;

function documentOf(t: { document(encoding: Encoding): Text }): string {
  const id = text(t.document(Encoding.UTF8_BYTES), limits.documentIdBytesMax, 'document id');
  if (!isDocumentId(id)) throw malformed('a document id is empty or holds control characters');
  return id;
}

function epochOf(bytes: Text): string {
  const epoch = text(bytes, limits.epochBytesMax, 'epoch');
  if (epoch === '') throw malformed('the epoch is empty');
  return epoch;
}

/** A code from a newer peer is some fault we have no name for; the message still says which. */
function codeAndMessage(t: { code(encoding: Encoding): Text; message(encoding: Encoding): Text }): { code: ErrorCode; message: string } {
  const code = text(t.code(Encoding.UTF8_BYTES), limits.messageBytesMax, 'code') as ErrorCode;
  return { code: errorCodes.includes(code) ? code : 'internal', message: text(t.message(Encoding.UTF8_BYTES), limits.messageBytesMax, 'message') };
}

function text(bytes: Text, bytesMax: number, name: string): string {
  const utf8Bytes = bytes as Uint8Array;
  within(utf8Bytes.length, 0, bytesMax, `${name} bytes`);
  try {
    return utf8.decode(utf8Bytes);
  } catch {
    throw malformed(`${name} is not UTF-8`);
  }
}

function replicaOf(value: bigint): ReplicaId {
  const replica = value.toString(16).padStart(16, '0');
  if (!isReplicaId(replica)) throw malformed('a replica id is zero');
  return replica;
}

function integer(value: bigint): number {
  const number = Number(value);
  if (number > limits.integerMax) throw malformed(`${value} is past 2^53 - 1`);
  return number;
}

function within(value: number, min: number, max: number, name: string): number {
  if (value < min || value > max) throw malformed(`${name} is ${value}, not within ${min} to ${max}`);
  return value;
}

function opaqueBytes(message: Message): number {
  switch (message.type) {
    case 'changes': case 'push': return message.batches.length;
    case 'snapshot': return message.bytes.length;
    case 'subscribed': return message.version.length;
    case 'ack': return 16 * message.entries.length;
    default: return 0;
  }
}

function clip(message: string): string {
  return utf8Length(message) <= limits.messageBytesMax ? message : message.slice(0, Math.floor(limits.messageBytesMax / 3));
}

function malformed(reason: string): HeadwaterError {
  return new HeadwaterError('protocol_error', `the peer sent a malformed frame: ${reason}`);
}
