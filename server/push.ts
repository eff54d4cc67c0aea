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
  readonly settled: Promise<void>;
  hasFailed = false;
  /** The log was looked at for what this push seemed to miss. */
  hasRefreshed = false;
  private open = 1;
  private settle!: () => void;

  constructor(readonly author: Author, readonly bytes: Uint8Array, readonly mayWrite: boolean) {
    this.settled = new Promise((resolve) => (this.settle = resolve));
  }

  hold(): void {
    this.open += 1;
  }

  /** One answer has been given, or the room is done reading the push. */
  release(): void {
    this.open -= 1;
    if (this.open === 0) this.settle();
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
  private readonly seqs = new Map<Author, Map<ReplicaId, number>>();

  add(author: Author, replica: ReplicaId, seq: number): void {
    let seqs = this.seqs.get(author);
    if (seqs === undefined) this.seqs.set(author, (seqs = new Map()));
    seqs.set(replica, Math.max(seq, seqs.get(replica) ?? 0));
  }

  send(document: string): void {
    for (const [author, seqs] of this.seqs) {
      author.acked(document, [...seqs].map(([replica, seq]) => ({ replica, seq })));
    }
  }
}
