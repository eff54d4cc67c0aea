// Messages ↔ FlatBuffers tables by the library and the classes its compiler generates: what table.ts is held to.
//
// It trusts its caller and the bytes: limits and damage are table.ts's business, and are tested there.

import { Builder, ByteBuffer } from 'flatbuffers';
import type { ErrorCode } from '../../core/errors.js';
import type { Message, MessageType } from '../message.js';
import * as table from './generated/frame.js';

type MessageOf<T extends MessageType> = Extract<Message, { type: T }>;
type Writers = { [T in MessageType]: (builder: Builder, message: MessageOf<T>) => number };
type Readers = { [T in MessageType]: (payload: ByteBuffer) => MessageOf<T> };

/** The payload of `message`. */
export function writeMessage(message: Message): Uint8Array {
  const builder = new Builder(1024);
  const write = writers[message.type] as (builder: Builder, message: Message) => number;
  builder.finish(write(builder, message));
  return builder.asUint8Array();
}

/** The message in a payload. */
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
    return table.RejectTable.createRejectTable(b, b.createString(document), BigInt('0x' + replica), BigInt(seqFrom), BigInt(seqTo), b.createString(code), b.createString(message));
  },
  presence(b, { document, replica, state, user, name }) {
    return table.PresenceTable.createPresenceTable(
      b, b.createString(document), BigInt('0x' + replica), b.createByteVector(state), textOf(b, user), textOf(b, name),
    );
  },
  ping: (b, { nonce }) => table.PingTable.createPingTable(b, nonce),
  pong: (b, { nonce }) => table.PongTable.createPongTable(b, nonce),
  resync: (b, { document }) => table.ResyncTable.createResyncTable(b, b.createString(document)),
  error(b, { code, message, document }) {
    return table.ErrorTable.createErrorTable(b, b.createString(code), b.createString(message), document === undefined ? 0 : b.createString(document));
  },
  goodbye(b, { code, message, retryAfterMs }) {
    return table.GoodbyeTable.createGoodbyeTable(b, b.createString(code), b.createString(message), retryAfterMs);
  },
  renew: (b, { expiresInMs }) => table.RenewTable.createRenewTable(b, expiresInMs),
  token: (b, { token }) => table.TokenTable.createTokenTable(b, b.createString(token)),
};

const readers: Readers = {
  hello(payload) {
    const t = table.HelloTable.getRootAsHelloTable(payload);
    const hello = { type: 'hello' as const, protocol: t.protocol(), replica: replicaOf(t.replica()) };
    const token = t.token();
    return token === null ? hello : { ...hello, token };
  },
  welcome(payload) {
    const t = table.WelcomeTable.getRootAsWelcomeTable(payload);
    return { type: 'welcome', protocol: t.protocol(), epoch: t.epoch(), pingIntervalMs: t.pingIntervalMs(), frameBytesMax: t.frameBytesMax() };
  },
  subscribe(payload) {
    const t = table.SubscribeTable.getRootAsSubscribeTable(payload);
    return { type: 'subscribe', document: t.document(), lsn: Number(t.lsn()), epoch: t.epoch() };
  },
  subscribed(payload) {
    const t = table.SubscribedTable.getRootAsSubscribedTable(payload);
    return { type: 'subscribed', document: t.document(), from: Number(t.from()), head: Number(t.head()), bytesTotal: Number(t.bytesTotal()), version: t.versionArray()! };
  },
  unsubscribe: (payload) => ({ type: 'unsubscribe', document: table.UnsubscribeTable.getRootAsUnsubscribeTable(payload).document() }),
  changes(payload) {
    const t = table.ChangesTable.getRootAsChangesTable(payload);
    return { type: 'changes', document: t.document(), first: Number(t.first()), last: Number(t.last()), batches: t.batchesArray()! };
  },
  snapshot(payload) {
    const t = table.SnapshotTable.getRootAsSnapshotTable(payload);
    return { type: 'snapshot', document: t.document(), lsn: Number(t.lsn()), offset: Number(t.offset()), total: Number(t.total()), bytes: t.bytesArray()! };
  },
  push(payload) {
    const t = table.PushTable.getRootAsPushTable(payload);
    return { type: 'push', document: t.document(), batches: t.batchesArray()! };
  },
  ack(payload) {
    const t = table.AckTable.getRootAsAckTable(payload);
    const entries = Array.from({ length: t.entriesLength() }, (_, i) => {
      const entry = t.entries(i)!;
      return { replica: replicaOf(entry.replica()), seq: Number(entry.seq()) };
    });
    return { type: 'ack', document: t.document(), entries };
  },
  reject(payload) {
    const t = table.RejectTable.getRootAsRejectTable(payload);
    return { type: 'reject', document: t.document(), replica: replicaOf(t.replica()), seqFrom: Number(t.seqFrom()), seqTo: Number(t.seqTo()), code: t.code() as ErrorCode, message: t.message() };
  },
  presence(payload) {
    const t = table.PresenceTable.getRootAsPresenceTable(payload);
    const [user, name] = [t.user(), t.name()];
    const presence = { type: 'presence' as const, document: t.document(), replica: replicaOf(t.replica()), state: t.stateArray()! };
    return { ...presence, ...(user !== null && { user }), ...(name !== null && { name }) };
  },
  ping: (payload) => ({ type: 'ping', nonce: table.PingTable.getRootAsPingTable(payload).nonce() }),
  pong: (payload) => ({ type: 'pong', nonce: table.PongTable.getRootAsPongTable(payload).nonce() }),
  resync: (payload) => ({ type: 'resync', document: table.ResyncTable.getRootAsResyncTable(payload).document() }),
  error(payload) {
    const t = table.ErrorTable.getRootAsErrorTable(payload);
    const error = { type: 'error' as const, code: t.code() as ErrorCode, message: t.message() };
    const document = t.document();
    return document === null ? error : { ...error, document };
  },
  goodbye(payload) {
    const t = table.GoodbyeTable.getRootAsGoodbyeTable(payload);
    return { type: 'goodbye', code: t.code() as ErrorCode, message: t.message(), retryAfterMs: t.retryAfterMs() };
  },
  renew: (payload) => ({ type: 'renew', expiresInMs: table.RenewTable.getRootAsRenewTable(payload).expiresInMs() }),
  token: (payload) => ({ type: 'token', token: table.TokenTable.getRootAsTokenTable(payload).token() }),
};

function textOf(b: Builder, text: string | undefined): number {
  return text === undefined ? 0 : b.createString(text);
}

function replicaOf(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}
