// Presence: the last ephemeral value per replica and document, sent at most 30 times a second.
//
// The first value goes out at once; what follows within one interval waits for the timer, and only the
// last of it is sent, so the value people stop on always arrives. Nothing is stored: own values are sent
// again when the server has answered a subscribe, other replicas' values end with their leave or the link.

import type { ReplicaId } from '../core/replica.js';
import type { Message } from '../wire/message.js';
import { isSubscribed, type DocumentState, type OwnPresence } from './session-state.js';
import type { Turn } from './turn.js';

/** 1000 / 30, rounded up. */
export const presenceIntervalMs = 34;
/** In company the line is tried this often: a name that is shown is to be somebody who is there. */
const companyPingMs = 5_000;

const gone = new Uint8Array(0);

/** The app set its value, or took it back (`null`). */
export function setOwnPresence(turn: Turn, id: string, replica: ReplicaId, state: Uint8Array | null): void {
  const document = turn.document(id);
  if (!document) return;
  const isNew = !document.presence.own.has(replica);
  if (isNew && state === null) return;
  changeOwn(turn, id, document, (own) => own.set(replica, { state: state ?? gone, isDirty: true }));
  if (!turn.state.isPresenceTimerSet) flushPresence(turn);
}

/** The server answered a subscribe: it may know nothing of us. */
export function resendPresence(turn: Turn, id: string): void {
  const document = turn.document(id)!;
  if (document.presence.own.size === 0) return;
  changeOwn(turn, id, document, (own) => own.forEach((entry, replica) => own.set(replica, { ...entry, isDirty: true })));
  if (!turn.state.isPresenceTimerSet) flushPresence(turn);
}

/** Sends what is dirty, and holds back what follows for one interval. */
export function flushPresence(turn: Turn): void {
  let isSent = false;
  for (const id of turn.state.presenceDirty) {
    const document = turn.document(id);
    // A document without a subscription is picked up by resendPresence.
    if (document && isSubscribed(document)) isSent = sendDirty(turn, id, document) || isSent;
  }
  turn.set({ presenceDirty: [], isPresenceTimerSet: isSent });
  if (isSent) turn.emit({ type: 'timer', timer: 'presence', ms: presenceIntervalMs });
}

export function receivePresence(turn: Turn, { document: id, replica, state, user, name }: Extract<Message, { type: 'presence' }>): void {
  const document = turn.document(id);
  if (!document || replica === turn.state.replica) return;
  const isGone = state.length === 0;
  // An earlier link that spoke for this tab has ended; until then the server may have refused what we said.
  if (document.presence.own.has(replica)) return isGone ? resendPresence(turn, id) : undefined;
  const isKnown = document.presence.others.has(replica);
  if (isGone === isKnown) {
    const others = new Set(document.presence.others);
    if (isGone) others.delete(replica);
    else others.add(replica);
    turn.setDocument(id, { presence: { ...document.presence, others } });
    // Whoever comes is a sign of life, so putting the ping off does no harm.
    if (!isGone) turn.emit({ type: 'timer', timer: 'ping', ms: Math.min(companyPingMs, turn.state.pingIntervalMs) });
  }
  const by = user === undefined || isGone ? {} : { user: { id: user, ...(name !== undefined && { name }) } };
  if (!isGone || isKnown) turn.emit({ type: 'presence', document: id, replica, state: isGone ? null : state, ...by });
}

/** How long the line may be silent before it is tried. */
export function pingMs({ state }: Turn): number {
  const isInCompany = [...state.documents].some(([, { presence }]) => presence.others.size > 0);
  return isInCompany ? Math.min(companyPingMs, state.pingIntervalMs) : state.pingIntervalMs;
}

/** The link is lost: nobody else is known to be there, and the server forgets our leaves by itself. */
export function expirePresence(turn: Turn, id: string): void {
  const { own, others } = turn.document(id)!.presence;
  if (own.size === 0 && others.size === 0) return;
  for (const replica of others) turn.emit({ type: 'presence', document: id, replica, state: null });
  const kept = new Map([...own].filter(([, entry]) => entry.state.length > 0));
  turn.setDocument(id, { presence: { own: kept, others: new Set() } });
}

function sendDirty(turn: Turn, id: string, document: DocumentState): boolean {
  const dirty = [...document.presence.own].filter(([, entry]) => entry.isDirty);
  for (const [replica, { state }] of dirty) turn.emit({ type: 'send', message: { type: 'presence', document: id, replica, state } });
  const own = new Map(document.presence.own);
  for (const [replica, { state }] of dirty) {
    if (state.length === 0) own.delete(replica);
    else own.set(replica, { state, isDirty: false });
  }
  turn.setDocument(id, { presence: { ...document.presence, own } });
  return dirty.length > 0;
}

function changeOwn(turn: Turn, id: string, document: DocumentState, change: (own: Map<ReplicaId, OwnPresence>) => void): void {
  const own = new Map(document.presence.own);
  change(own);
  turn.setDocument(id, { presence: { ...document.presence, own } });
  if (!turn.state.presenceDirty.includes(id)) turn.set({ presenceDirty: [...turn.state.presenceDirty, id] });
}
