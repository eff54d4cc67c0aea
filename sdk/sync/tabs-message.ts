// What tabs of one device tell each other, and the check of what comes.
//
// Whatever runs on this origin may post here, an app's older or newer version among them. The channel's name carries the
// version of these messages, so two versions do not hear each other; what is misshapen all the same is passed over.

import { readBlocks } from '../core/codec.js';
import { isReplicaId, type ReplicaId } from '../core/replica.js';
import { isDocumentId } from '../wire/limits.js';
import type { OwnBatch } from './batch-queue.js';
import type { Cursor, Rejection, SessionStatus, User } from './session-state.js';

/** Of these messages: part of the names of channel and locks. */
export const tabsVersion = 1;

/** What the server brought, from the leader to all. */
export type News =
  /** Entries of the log after `after` up to `cursor`. */
  | { type: 'changes'; document: string; after: number; blocks: Uint8Array; cursor: Cursor }
  | { type: 'subscribed' | 'acked'; document: string; version: ReadonlyMap<ReplicaId, number> }
  | { type: 'rejected'; document: string; batch: Rejection }
  | { type: 'presence'; document: string; replica: ReplicaId; state: Uint8Array | null; user?: User }
  | { type: 'status'; status: SessionStatus };

export type TabContent =
  | { type: 'ping' }
  | { type: 'lead'; term: number }
  /** To the leader: bring me this document's log from there, and send what the server has not acked. */
  | { type: 'open'; document: string; cursor: Cursor | null; blocks: Uint8Array }
  | { type: 'close'; document: string }
  | { type: 'connect' }
  /** To all: the device has stored these, or `isStored` is false. */
  | { type: 'edit'; document: string; blocks: Uint8Array; isStored: boolean }
  | { type: 'presence'; document: string; state: Uint8Array | null }
  /** From the leader: the server's clock is so far ahead of this device's wall clock. */
  | { type: 'clock'; aheadMs: number }
  /** `live` are those of its documents that are. */
  | { type: 'news'; news: News[]; live: string[] };

export type TabMessage = TabContent & { from: ReplicaId };

/** The batches of an update, those that can be pushed. Copies. @throws HeadwaterError `invalid_update` */
export function batchesOf(update: Uint8Array): OwnBatch[] {
  return readBlocks(update).filter(({ kind }) => kind !== 'snapshot').map(({ replica, seqFrom, seqTo, offset, length }) => (
    { replica, seqFrom, seqTo, bytes: update.slice(offset, offset + length) }
  ));
}

type Fields = Record<string, unknown>;

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isBytes = (value: unknown) => value instanceof Uint8Array;
const isCursor = (value: unknown) => isShaped(value, { epoch: isString, lsn: isCount });
const isString = (value: unknown) => typeof value === 'string';
const isVersion = (value: unknown) => value instanceof Map && [...value].every(([replica, seq]) => isReplicaId(replica) && isCount(seq));

const isUser = (value: unknown) => value === undefined || isShaped(value, { id: isString, name: (name) => name === undefined || isString(name) });
const isState = (value: unknown) => value === null || isBytes(value);

type Shape = Record<string, (value: unknown) => boolean>;

const newsShapes: Record<string, Shape> = {
  changes: { document: isDocumentId, after: isCount, blocks: isBytes, cursor: isCursor },
  subscribed: { document: isDocumentId, version: isVersion },
  acked: { document: isDocumentId, version: isVersion },
  rejected: { document: isDocumentId, batch: (value) => isShaped(value, { replica: isReplicaId, seqFrom: isCount, seqTo: isCount, code: isString }) },
  presence: { document: isDocumentId, replica: isReplicaId, state: isState, user: isUser },
  status: { status: (value) => isShaped(value, { connection: isString }) },
};

const shapes: Record<string, Shape> = {
  ping: {},
  lead: { term: isCount },
  open: { document: isDocumentId, cursor: (value) => value === null || isCursor(value), blocks: isBytes },
  close: { document: isDocumentId },
  connect: {},
  edit: { document: isDocumentId, blocks: isBytes },
  presence: { document: isDocumentId, state: isState },
  clock: { aheadMs: (value) => Number.isFinite(value) },
  news: { live: Array.isArray, news: (value) => Array.isArray(value) && value.every((each) => isOneOf(each, newsShapes)) },
};

export function isTabMessage(value: unknown): value is TabMessage {
  return isShaped(value, { from: isReplicaId }) && isOneOf(value, shapes);
}

function isOneOf(value: unknown, known: Record<string, Shape>): boolean {
  const type = (value as Fields | null)?.type;
  return isString(type) && Object.hasOwn(known, type as string) && isShaped(value, known[type as string]);
}

function isShaped(value: unknown, shape: Shape): boolean {
  return typeof value === 'object' && value !== null && Object.entries(shape).every(([key, isFit]) => isFit((value as Fields)[key]));
}
