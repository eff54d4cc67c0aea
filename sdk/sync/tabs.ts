// Which tab of a device talks to the server: a pure state machine.
//
//   step(state, event) → [state, effects]
//
//   apart ──join──▶ follower ──lock granted──▶ leader
//     ▲                ▲  │ no answer: steal      │
//     └──── leave ─────┴──┴─────── lock lost ─────┘
//
// The leader holds a Web Lock; the browser gives it to the next tab when the leader ends, however that ends. A tab that is
// frozen keeps its lock and answers nobody, so followers ask, and take the lock from a leader that is silent. It hears of
// that when it thaws; until then it may act as one, which does no harm: followers go by the term, and what it still sends
// to the server the server knows by (replica, seq).

import type { ReplicaId } from '../core/replica.js';

export interface TabsState {
  readonly self: ReplicaId;
  readonly role: 'apart' | 'follower' | 'leader';
  /** Who is followed, or this tab; null while nobody is known. */
  readonly leader: ReplicaId | null;
  /** The highest known. Each leader's is above those it has heard of. */
  readonly term: number;
  /** The leader has been asked for a sign of life. */
  readonly isAsked: boolean;
}

export type TabsEvent =
  /** This tab wants the server; wants it no longer. */
  | { type: 'join' } | { type: 'leave' }
  | { type: 'granted'; nowMs: number }
  /** Somebody has taken the lock. */
  | { type: 'lost' }
  | { type: 'lead'; from: ReplicaId; term: number }
  | { type: 'ping' }
  /** Something was asked of the leader. */
  | { type: 'need' }
  /** `isLate`: this tab itself did not run for a while, so silence says nothing. */
  | { type: 'timer'; isLate: boolean };

export type TabsEffect =
  | { type: 'request'; steal: boolean } | { type: 'release' }
  | { type: 'post'; message: { type: 'ping' } | { type: 'lead'; term: number } }
  /** One timer; set again it replaces the earlier one. */
  | { type: 'watch'; ms: number; jitterMs: number } | { type: 'unwatch' }
  /** Opens the connection; closes it. */
  | { type: 'lead' } | { type: 'stepDown' }
  /** There is another leader: it has to be told what is open here. */
  | { type: 'follow' };

/** A leader that is alive answers within this; the jitter lets one follower go first. */
export const answerMs = 600;
const answerJitterMs = 200;
/** Between one sign of life and the next question. */
export const restMs = 2000;

export function initialTabs(self: ReplicaId): TabsState {
  return { self, role: 'apart', leader: null, term: 0, isAsked: false };
}

export function step(state: TabsState, event: TabsEvent): [TabsState, readonly TabsEffect[]] {
  switch (event.type) {
    case 'join': return state.role === 'apart' ? seek(state) : [state, []];
    case 'leave': return leave(state);
    case 'granted': return granted(state, event.nowMs);
    case 'lost': return state.role === 'leader' ? seek(state, { type: 'stepDown' }) : [state, []];
    case 'lead': return heard(state, event.from, event.term);
    case 'ping': return [state, state.role === 'leader' ? [saysLead(state)] : []];
    case 'need': return state.isAsked ? [state, []] : ask(state);
    case 'timer': return state.isAsked && !event.isLate ? steal(state) : ask(state);
  }
}

/** Queues for the lock, and asks who has it. */
function seek(state: TabsState, ...before: TabsEffect[]): [TabsState, readonly TabsEffect[]] {
  const [asking, effects] = ask({ ...state, role: 'follower', leader: null });
  return [asking, [...before, ...effects, { type: 'request', steal: false }]];
}

function ask(state: TabsState): [TabsState, readonly TabsEffect[]] {
  if (state.role !== 'follower') return [state, []];
  return [{ ...state, isAsked: true }, [{ type: 'post', message: { type: 'ping' } }, watchAnswer]];
}

const watchAnswer: TabsEffect = { type: 'watch', ms: answerMs, jitterMs: answerJitterMs };

function steal(state: TabsState): [TabsState, readonly TabsEffect[]] {
  return [state, state.role === 'follower' ? [watchAnswer, { type: 'request', steal: true }] : []];
}

function leave(state: TabsState): [TabsState, readonly TabsEffect[]] {
  if (state.role === 'apart') return [state, []];
  const left: TabsState = { ...state, role: 'apart', leader: null, isAsked: false };
  return [left, [...(state.role === 'leader' ? [{ type: 'stepDown' } as const] : []), { type: 'unwatch' }, { type: 'release' }]];
}

/** The time of day puts the term above those this tab has not heard of, unless the clock went back; then asking finds it out. */
function granted(state: TabsState, nowMs: number): [TabsState, readonly TabsEffect[]] {
  if (state.role !== 'follower') return [state, []];
  const leading: TabsState = { ...state, role: 'leader', leader: state.self, term: Math.max(state.term + 1, nowMs), isAsked: false };
  return [leading, [{ type: 'unwatch' }, saysLead(leading), { type: 'lead' }]];
}

function heard(state: TabsState, from: ReplicaId, term: number): [TabsState, readonly TabsEffect[]] {
  if (term < state.term || (term === state.term && from !== state.leader)) {
    return [state, state.role === 'leader' ? [saysLead(state)] : []];
  }
  if (state.role === 'apart') return [{ ...state, term }, []];
  const following: TabsState = { ...state, role: 'follower', leader: from, term, isAsked: false };
  const effects: TabsEffect[] = [{ type: 'watch', ms: restMs, jitterMs: 0 }];
  if (from !== state.leader || term !== state.term) effects.push({ type: 'follow' });
  if (state.role === 'leader') effects.unshift({ type: 'stepDown' }, { type: 'release' }, { type: 'request', steal: false });
  return [following, effects];
}

function saysLead({ term }: TabsState): TabsEffect {
  return { type: 'post', message: { type: 'lead', term } };
}
