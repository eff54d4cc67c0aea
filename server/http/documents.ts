// Documents over HTTP: read, changed, as they were, and as bytes for those who speak the protocol without a socket.

import { joinBytes } from '../../sdk/core/bytes.js';
import { encodeFrame } from '../../sdk/wire/frame.js';
import { stampOf } from '../../sdk/core/clock.js';
import type { Lsn, Message } from '../../sdk/wire/message.js';
import { allows } from '../access/level.js';
import { stateAt } from '../history.js';
import { emptyDocument, patchDocument, patchFrom } from '../patch.js';
import { Answer as PushAnswer } from '../push.js';
import type { Room } from '../room.js';
import type { DocumentRow } from '../store/store.js';
import type { HttpAnswer } from '../transport/transport.js';
import { Answer, bytes, json, notFound } from './answers.js';
import { demand, type Asked } from './asked.js';

const listedMax = 10_000;
/** Levels asked for at a time: a store may be far away. */
const askedAtOnce = 256;
const historyMax = 1_000;
/** Of log in one answer to a pull; more comes with the next. */
const pulledBytesMax = 4 << 20;

export async function listDocuments({ store, access, identity, query }: Asked): Promise<HttpAnswer> {
  const rows = await store.listDocuments(query.get('after') ?? '', numberIn(query, 'limit', listedMax, listedMax));
  if (access === null || identity === null) return json(200, rows);
  const readable: DocumentRow[] = [];
  for (let i = 0; i < rows.length; i += askedAtOnce) {
    const some = rows.slice(i, i + askedAtOnce);
    const held = await Promise.all(some.map(({ id }) => access.levelOf(identity, id)));
    readable.push(...some.filter((_, at) => allows(held[at], 'read')));
  }
  return json(200, readable);
}

/** As it is, or with `lsn` or `at` as it was. */
export async function readDocument(asked: Asked, id: string): Promise<HttpAnswer> {
  await demand(asked, id, 'read');
  const room = await existing(asked, id);
  const lsn = await askedLsn(asked, id, room.head);
  if (lsn === null) return json(200, await room.describe());
  const state = await stateAt(asked.store, asked.engine, id, lsn);
  try {
    return json(200, { id, lsn, data: state.toJSON(), digest: state.digest() });
  } finally {
    state.free();
  }
}

export async function patchOne(asked: Asked, id: string): Promise<HttpAnswer> {
  await demand(asked, id, 'write');
  const patch = patchFrom(asked.body);
  const room = await asked.scribe.write(id, asked.identity?.user ?? null, (state) => patchDocument(state, patch, asked.now()));
  return json(200, await room.describe());
}

/** What everybody sees is empty afterwards. The log remembers, and who writes on meanwhile is not stopped. */
export async function deleteOne(asked: Asked, id: string): Promise<HttpAnswer> {
  await demand(asked, id, 'write');
  await existing(asked, id);
  const room = await asked.scribe.write(id, asked.identity?.user ?? null, (state) => emptyDocument(state, asked.now()));
  return json(200, await room.describe());
}

export async function readHistory(asked: Asked, id: string): Promise<HttpAnswer> {
  await demand(asked, id, 'read');
  const room = await existing(asked, id);
  const after = numberIn(asked.query, 'after', 0);
  const entries = await asked.store.readHistory(id, after, numberIn(asked.query, 'limit', 100, historyMax));
  const shown = entries.map(({ atMs, voidCode, ...entry }) => ({
    ...entry, at: atMs === 0 ? null : new Date(atMs).toISOString(), ...(voidCode && { refused: voidCode }),
  }));
  return json(200, { id, head: room.head, entries: shown });
}

/** A snapshot, which any replica takes; with `history=false` the smaller one to start from. */
export async function exportOne(asked: Asked, id: string): Promise<HttpAnswer> {
  await demand(asked, id, 'read');
  const room = await existing(asked, id);
  const lsn = (await askedLsn(asked, id, room.head)) ?? room.head;
  const state = await stateAt(asked.store, asked.engine, id, lsn);
  try {
    return bytes(state.snapshot({ history: asked.query.get('history') !== 'false' }), { 'headwater-lsn': String(lsn) });
  } finally {
    state.free();
  }
}

// ── the protocol without a socket ─────────────────────────────────────────────────────────────────

/** Batches in the body. Answered when they are committed. */
export async function pushOne(asked: Asked, id: string): Promise<HttpAnswer> {
  await demand(asked, id, 'write');
  if (asked.body.length === 0) throw new Answer(400, 'invalid_argument', 'the body is batches, one after another');
  const room = await asked.rooms.open(id);
  const answer = new PushAnswer(asked.identity?.user ?? null);
  await room.push(answer, asked.body.slice());
  if (answer.error !== null && answer.rejections.length === 0) throw answer.error;
  return json(200, { id, lsn: room.head, acked: answer.acks, rejected: answer.rejections });
}

/** Frames as over a socket: `subscribed`, then a snapshot or changes. What is left comes with the next pull, from the LSN reached. */
export async function pullOne(asked: Asked, id: string): Promise<HttpAnswer> {
  await demand(asked, id, 'read');
  const { store, query } = asked;
  const room = await existing(asked, id);
  const lsn = numberIn(query, 'lsn', 0);
  const isKnown = query.get('epoch') === store.epoch && lsn <= room.head;
  const messages = await pulled(asked, room, isKnown && lsn >= room.unreadableUpTo ? lsn : 0);
  return bytes(joinBytes(messages.map((message) => encodeFrame(message, stampOf(asked.now())))), { 'headwater-epoch': store.epoch });
}

async function pulled({ store }: Asked, room: Room, from: Lsn): Promise<Message[]> {
  const { document, head } = room;
  const snapshot = from === 0 ? await store.readSnapshot(document, head) : null;
  const slice = await store.readSince(document, snapshot?.lsn ?? from, pulledBytesMax, head);
  const bytesTotal = (snapshot?.bytes.length ?? 0) + slice.bytes.length;
  const messages: Message[] = [{ type: 'subscribed', document, from, head, bytesTotal, version: room.version() }];
  if (snapshot !== null) messages.push({ type: 'snapshot', document, lsn: snapshot.lsn, offset: 0, total: snapshot.bytes.length, bytes: snapshot.bytes });
  if (slice.last >= slice.first) messages.push({ type: 'changes', document, first: slice.first, last: slice.last, batches: slice.bytes });
  return messages;
}

// ── what is asked for ─────────────────────────────────────────────────────────────────────────────

/** A room that somebody opened and nobody wrote in is no document yet. */
async function existing({ rooms, store }: Asked, id: string): Promise<Room> {
  const open = rooms.get(id);
  await open?.refresh();
  if ((open?.head ?? (await store.head(id))) === 0) throw notFound();
  return rooms.open(id);
}

/** Null when it is asked for as it is now. */
async function askedLsn({ query, store }: Asked, id: string, head: Lsn): Promise<Lsn | null> {
  if (query.has('lsn')) return Math.min(head, numberIn(query, 'lsn', head));
  const at = query.get('at');
  if (at === null) return null;
  const timeMs = Date.parse(at);
  if (Number.isNaN(timeMs)) throw new Answer(400, 'invalid_argument', 'at is a time like 2026-01-31T12:00:00Z');
  return store.lsnAt(id, timeMs);
}

function numberIn(query: URLSearchParams, name: string, otherwise: number, max = Number.MAX_SAFE_INTEGER): number {
  const text = query.get(name);
  if (text === null) return otherwise;
  if (/^\d{1,15}$/.test(text)) return Math.min(max, Number(text));
  throw new Answer(400, 'invalid_argument', `${name} is a whole number, not negative`);
}
