// One step of the session in the making: the state so far and the effects so far.
//
// The reducers below session.ts write to a Turn instead of returning pairs, so that they read top-down;
// from outside `step` is still a pure function, since a Turn lives and dies within it. It also keeps the
// sums over documents (`behind`, `inFlightBytes`) true, so that no event has to look at all of them.

import type { ReplicaId } from '../core/replica.js';
import type { BatchQueue } from './batch-queue.js';
import { isBehind, type DocumentState, type Effect, type SessionState } from './session-state.js';

export class Turn {
  readonly effects: Effect[] = [];

  constructor(public state: SessionState) {}

  emit(...effects: Effect[]): void {
    this.effects.push(...effects);
  }

  set(patch: Partial<SessionState>): void {
    this.state = { ...this.state, ...patch };
  }

  document(id: string): DocumentState | undefined {
    return this.state.documents.get(id);
  }

  setDocument(id: string, patch: Partial<DocumentState>): DocumentState {
    const before = this.state.documents.get(id)!;
    const after = { ...before, ...patch };
    this.#write(id, before, after);
    return after;
  }

  addDocument(id: string, document: DocumentState): void {
    this.#write(id, undefined, document);
  }

  removeDocument(id: string): void {
    this.#write(id, this.state.documents.get(id), undefined);
  }

  setQueue(id: string, queue: BatchQueue): void {
    if (queue !== this.state.documents.get(id)!.queue) this.setDocument(id, { queue });
  }

  acked(document: string, version: ReadonlyMap<ReplicaId, number>): void {
    this.emit({ type: 'acked', document, version });
  }

  #write(id: string, before: DocumentState | undefined, after: DocumentState | undefined): void {
    const documents = this.state.documents.with(id, after);
    const behind = this.state.behind + countBehind(after) - countBehind(before);
    const inFlightBytes = this.state.inFlightBytes + (after?.queue.inFlightBytes ?? 0) - (before?.queue.inFlightBytes ?? 0);
    this.set({ documents, behind, inFlightBytes });
  }
}

function countBehind(document: DocumentState | undefined): number {
  return document && isBehind(document) ? 1 : 0;
}
