// What an app does with a document: it types, erases, counts, tags and sets fields, and remembers what it was promised.

import { decodeVersion } from '../../core/codec.js';
import type { Client } from '../../store/client.js';
import type { Document } from '../../store/document.js';
import type { Write } from '../../store/write.js';
import type { Effect, Promised, Promises } from './promises.js';

export interface Told {
  durable(write: Promised): void;
  acked(write: Promised): void;
  rejected(write: Promised): void;
}

const keys = ['a', 'b', 'c'];

/** One write, drawn from `draws`. @returns null when there was nothing to do it to */
export function writeSomething(client: Client, device: string, id: string, draws: readonly number[], promises: Promises, told: Told, atMs: number): Promised | null {
  const document = client.document(id);
  const mark = promises.nextMark();
  const effects: Effect[] = [];
  const { replica } = document;
  const seqNow = () => decodeVersion(document.version()).get(replica) ?? 0;
  const before = seqNow();
  const write = perform(document, id, mark, draws, promises, effects);
  if (!write) return null;
  const seq = seqNow();
  const promised = promises.add(before + 1, { mark, device, document: id, effects, replica, seq, atMs });
  listen(write, promised, told);
  return promised;
}

function listen(write: Write, promised: Promised, told: Told): void {
  write.durable.then(() => told.durable(promised), () => {});
  // Closing the document ends the wait without an answer; that is no refusal.
  write.acked.then(() => told.acked(promised), () => { if (write.state === 'rejected') told.rejected(promised); });
}

function perform(document: Document, id: string, mark: number, [what, where]: readonly number[], promises: Promises, effects: Effect[]): Write | null {
  if (what < 0.35) return type(document, mark, where, effects);
  if (what < 0.45) return count(document, id, promises, effects);
  if (what < 0.6) return put(document, mark, where, effects);
  if (what < 0.65) return put(document, null, where, effects);
  if (what < 0.72) return tag(document, mark, effects);
  if (what < 0.8) return erase(document, where, effects);
  if (what < 0.85) return discard(document, where, effects);
  return document.transact(() => {
    type(document, mark, where, effects);
    count(document, id, promises, effects);
    tag(document, mark, effects);
    put(document, mark, where, effects);
  });
}

/** At the border of two tokens, so that no token is ever split by another. */
function type(document: Document, mark: number, where: number, effects: Effect[]): Write {
  const text = document.getText('text');
  const borders = [0, ...[...text.toString().matchAll(/\]/g)].map(({ index }) => index + 1)];
  effects.push({ kind: 'token', mark });
  return text.insert(borders[Math.floor(where * borders.length)], `[${mark}]`);
}

function erase(document: Document, where: number, effects: Effect[]): Write | null {
  const text = document.getText('text');
  const tokens = [...text.toString().matchAll(/\[(\d+)\]/g)];
  const token = tokens[Math.floor(where * tokens.length)];
  if (!token) return null;
  effects.push({ kind: 'erase', mark: Number(token[1]) });
  return text.delete(token.index, token[0].length);
}

function count(document: Document, id: string, promises: Promises, effects: Effect[]): Write {
  const { counter, digit } = promises.nextDigit(id);
  effects.push({ kind: 'count', counter, digit });
  return document.getCounter(`count${counter}`).increment(4 ** digit);
}

function put(document: Document, mark: number | null, where: number, effects: Effect[]): Write | null {
  const key = keys[Math.floor(where * keys.length)];
  const over = (document.get()[key] as number | undefined) ?? null;
  if (mark === null && over === null) return null;
  effects.push({ kind: 'field', key, mark, over });
  return mark === null ? document.delete(key) : document.set(key, mark);
}

function tag(document: Document, mark: number, effects: Effect[]): Write {
  effects.push({ kind: 'member', mark });
  return document.getSet<number>('tags').add(mark);
}

function discard(document: Document, where: number, effects: Effect[]): Write | null {
  const tags = document.getSet<number>('tags');
  const members = tags.values();
  const mark = members[Math.floor(where * members.length)];
  if (mark === undefined) return null;
  effects.push({ kind: 'discard', mark });
  return tags.delete(mark);
}
