// The protocol's server at its smallest: the log in an array, commits when told to, no engine.
//
// It speaks messages, not bytes. A batch here is a line of JSON naming its replica, seqs and what it
// builds on, so that "the server had the dependencies" is something a test can check.

import { encodeVersion } from '../../core/codec.js';
import type { Message } from '../../wire/message.js';
import type { OwnBatch } from '../batch-queue.js';

export interface ModelBatch {
  replica: string;
  seqFrom: number;
  seqTo: number;
  deps: Record<string, number>;
}

export interface ModelLink {
  send(message: Message): void;
  /** Documents subscribed to. */
  documents: Set<string>;
}

interface Room {
  log: ModelBatch[];
  version: Map<string, number>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class ModelServer {
  epoch = 'epoch-1';
  /** Committed: survives everything but a restore. */
  readonly rooms = new Map<string, Room>();
  readonly links = new Set<ModelLink>();
  /** Catch-up of more entries than this starts with a snapshot. */
  logMax = Infinity;
  /** Batches refused by content. */
  refuses: (batch: ModelBatch) => boolean = () => false;
  private staged: { link: ModelLink; document: string; batch: ModelBatch }[] = [];

  connect(send: (message: Message) => void): ModelLink {
    const link = { send, documents: new Set<string>() };
    this.links.add(link);
    return link;
  }

  receive(link: ModelLink, message: Message): void {
    switch (message.type) {
      case 'hello': return link.send({ type: 'welcome', protocol: 1, epoch: this.epoch, pingIntervalMs: 30_000, frameBytesMax: 1 << 20 });
      case 'subscribe': return this.subscribe(link, message.document, message.epoch === this.epoch ? message.lsn : 0);
      case 'unsubscribe': return void link.documents.delete(message.document);
      case 'push': return this.push(link, message.document, message.batches);
      case 'ping': return link.send({ type: 'pong', nonce: message.nonce });
      case 'presence':
        for (const other of this.links) if (other.documents.has(message.document)) other.send(message);
        return;
      case 'token': return;
      default: throw new Error(`a client sent ${message.type}`);
    }
  }

  /** One transaction over everything staged; then publish, then ack. */
  commit(answer = true): void {
    const staged = this.staged;
    this.staged = [];
    for (const { link, document, batch } of staged) this.append(link, document, batch, answer);
  }

  /** Whatever is not committed is gone, and so are the links. */
  crash(): void {
    this.staged = [];
    this.links.clear();
  }

  /** Back to a backup that lacks the last `count` entries of each log. */
  restore(epoch: string, count: number): void {
    this.crash();
    this.epoch = epoch;
    for (const room of this.rooms.values()) {
      room.log.splice(Math.max(0, room.log.length - count));
      room.version.clear();
      for (const batch of room.log) room.version.set(batch.replica, batch.seqTo);
    }
  }

  room(document: string): Room {
    if (!this.rooms.has(document)) this.rooms.set(document, { log: [], version: new Map() });
    return this.rooms.get(document)!;
  }

  private subscribe(link: ModelLink, document: string, lsn: number): void {
    const { log, version } = this.room(document);
    const from = lsn <= log.length ? lsn : 0;
    const rest = log.slice(from);
    const bytesTotal = rest.length > 0 ? encode(rest).length : 0;
    link.documents.add(document);
    link.send({ type: 'subscribed', document, from, head: log.length, bytesTotal, version: encodeVersion(version) });
    if (rest.length > this.logMax) return this.sendSnapshot(link, document, encode(log));
    for (let at = from; at < log.length; at += 2) {
      const last = Math.min(log.length, at + 2);
      link.send({ type: 'changes', document, first: at + 1, last, batches: encode(log.slice(at, last)) });
    }
  }

  private sendSnapshot(link: ModelLink, document: string, bytes: Uint8Array): void {
    const lsn = this.room(document).log.length;
    for (let offset = 0; offset < bytes.length; offset += 100) {
      link.send({ type: 'snapshot', document, lsn, offset, total: bytes.length, bytes: bytes.slice(offset, offset + 100) });
    }
  }

  private push(link: ModelLink, document: string, bytes: Uint8Array): void {
    for (const batch of decode(bytes)) {
      const has = (replica: string, seq: number) => seq <= this.seqStaged(document, replica);
      const isNext = has(batch.replica, batch.seqFrom - 1) && Object.entries(batch.deps).every(([replica, seq]) => has(replica, seq));
      // Never a reject for something that is merely missing: the client is asked to start over.
      if (!isNext) return link.send({ type: 'resync', document });
      this.staged.push({ link, document, batch });
    }
  }

  private seqStaged(document: string, replica: string): number {
    const staged = this.staged.filter((entry) => entry.document === document && entry.batch.replica === replica);
    return Math.max(this.room(document).version.get(replica) ?? 0, ...staged.map((entry) => entry.batch.seqTo));
  }

  private append(link: ModelLink, document: string, batch: ModelBatch, answer: boolean): void {
    const { log, version } = this.room(document);
    const { replica, seqFrom, seqTo } = batch;
    if (seqTo > (version.get(replica) ?? 0)) {
      log.push(batch);
      version.set(replica, seqTo);
      for (const other of answer ? this.links : []) {
        if (other.documents.has(document)) other.send({ type: 'changes', document, first: log.length, last: log.length, batches: encode([batch]) });
      }
    }
    if (!answer || !this.links.has(link)) return;
    if (this.refuses(batch)) link.send({ type: 'reject', document, replica, seqFrom, seqTo, code: 'invalid_update', message: 'poison' });
    else link.send({ type: 'ack', document, entries: [{ replica, seq: seqTo }] });
  }
}

export function encode(batches: readonly ModelBatch[]): Uint8Array {
  return encoder.encode(batches.map((batch) => JSON.stringify(batch) + '\n').join(''));
}

export function decode(bytes: Uint8Array): ModelBatch[] {
  return decoder.decode(bytes).split('\n').filter(Boolean).map((line) => JSON.parse(line) as ModelBatch);
}

export function ownBatch(batch: ModelBatch): OwnBatch {
  return { replica: batch.replica, seqFrom: batch.seqFrom, seqTo: batch.seqTo, bytes: encode([batch]) };
}
