// One push on its way through a room: who sent it and how much of it still waits for an answer.

import { HeadwaterError, type ErrorCode } from '../sdk/core/errors.js';
import type { ReplicaId } from '../sdk/core/replica.js';

export interface Rejection {
  replica: ReplicaId;
  seqFrom: number;
  seqTo: number;
  code: ErrorCode;
  message: string;
}

/** Whoever pushed. Every block pushed is answered by exactly one of these, after its commit. */
export interface Author {
  /** Absent without accounts. */
  readonly user?: string | null;
  acked(document: string, entries: { replica: ReplicaId; seq: number }[]): void;
  rejected(document: string, rejection: Rejection): void;
  /** Nothing of the rest of a push was taken. `protocol_error` ends the author's connection. */
  failed(document: string, code: 'missing_dependency' | 'unavailable' | 'protocol_error', message: string): void;
}

/** An author who waits for one answer. */
export class Answer implements Author {
  error: HeadwaterError | null = null;
  readonly acks: { replica: ReplicaId; seq: number }[] = [];
  readonly rejections: Rejection[] = [];

  constructor(readonly user: string | null = null) {}

  acked(_: string, entries: { replica: ReplicaId; seq: number }[]): void {
    this.acks.push(...entries);
  }

  rejected(document: string, rejection: Rejection): void {
    this.rejections.push(rejection);
    this.error ??= new HeadwaterError(rejection.code, rejection.message, { document });
  }

  failed(document: string, code: ErrorCode, message: string): void {
    this.error ??= new HeadwaterError(code, message, { document });
  }
}

export class Push {
  hasFailed = false;
  /** The log was looked at for what this push seemed to miss. */
  hasRefreshed = false;
  private open = 1;

  /** @param settled  called once, when every block has been answered */
  constructor(readonly author: Author, readonly bytes: Uint8Array, readonly mayWrite: boolean, private readonly settled: () => void) {}

  hold(): void {
    this.open += 1;
  }

  /** One answer has been given, or the room is done reading the push. */
  release(): void {
    this.open -= 1;
    if (this.open === 0) this.settled();
  }

  /** At most one failure is reported per push: the author starts again from what is acked. */
  fail(document: string, code: Parameters<Author['failed']>[1], message: string): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    this.author.failed(document, code, message);
  }
}

/** Collects acks so that each author gets one frame per flush, whatever it pushed. */
export class Acks {
  private readonly entries = new Map<Author, { replica: ReplicaId; seq: number }[]>();

  add(author: Author, replica: ReplicaId, seq: number): void {
    const entries = this.entries.get(author);
    // Mostly an author has pushed of one replica, its own; of many tabs' there are still few.
    const entry = entries?.find((entry) => entry.replica === replica);
    if (entries === undefined) this.entries.set(author, [{ replica, seq }]);
    else if (entry === undefined) entries.push({ replica, seq });
    else entry.seq = Math.max(seq, entry.seq);
  }

  send(document: string): void {
    for (const [author, entries] of this.entries) author.acked(document, entries);
  }
}
