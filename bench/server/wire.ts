// What a client of any measured server looks like to the load: one small interface, so that all are given the same work.
//
// The work: clients share rooms; each types one character after another into the text of its room, into a run of its own.
// Headwater's speaker is below; the rivals' are plain JavaScript in server-rivals/, beside their node_modules.

import '../../sdk/core/embedded.js';
import { EngineDocument, Kind, rootContainer } from '../../sdk/core/document.js';
import { joinBytes } from '../../sdk/core/bytes.js';
import { readBlocks } from '../../sdk/core/codec.js';
import type { ReplicaId } from '../../sdk/core/replica.js';
import { decodeFrame, encodeFrame } from '../../sdk/wire/frame.js';
import { protocolVersion, subprotocol, type Lsn, type Message } from '../../sdk/wire/message.js';

export interface Wire {
  /** The subprotocol to ask for; '' for none. */
  readonly protocol: string;
  path(room: string): string;
  /** One client's end of a connection. @param author  its number within the room, from 0; −1 for one who only reads */
  speaker(room: string, author: number, events: SpeakerEvents): Speaker;
  /** The text that updates, in any order, add up to. */
  textOf(updates: readonly Uint8Array[]): string;
  /** Whether the server keeps what was written, for those who come later. */
  readonly keeps: boolean;
}

export interface SpeakerEvents {
  send(frame: Uint8Array): void;
  /** It has been let in, and has what the room had. */
  ready(): void;
  /** Edits `from`..`to` of an author of the room, counted from 1, have come. */
  delivered(author: number, from: number, to: number): void;
  /** Everything it wrote up to `edit` is safe, as far as this server can promise. */
  acked(edit: number): void;
  failed(reason: string): void;
}

export interface Speaker {
  /** When set, everything that came is kept here. */
  kept: Uint8Array[] | null;
  open(): void;
  hear(frame: Uint8Array): void;
  /** Its next edit, as a frame: a character typed; or a key set to a text of `bytes`, where the load is about bytes. */
  edit(bytes: number): Uint8Array;
}

export const headwaterWire: Wire = {
  protocol: subprotocol,
  keeps: true,
  path: () => '/',
  speaker: (room, author, events) => new HeadwaterSpeaker(room, author, events),
  textOf(updates) {
    const document = new EngineDocument(replicaOf(0xffff));
    for (const update of updates) document.apply(update);
    const text = JSON.stringify(document.toJSON());
    document.free();
    return text;
  },
};

class HeadwaterSpeaker implements Speaker {
  kept: Uint8Array[] | null = null;
  private readonly replica: ReplicaId;
  private document: EngineDocument | null = null;
  private pieces: Uint8Array[] = [];
  private epoch = '';
  private lsn = 0;
  /** Where the catch-up ends. */
  private head = 0;
  private isReady = false;
  /** Asked to be told again from where it stands; what comes before the answer is not for it. */
  private isComingBack = false;

  constructor(private readonly room: string, author: number, private readonly events: SpeakerEvents) {
    this.replica = replicaOf(author < 0 ? 0xfffe : author);
  }

  open(): void {
    this.say({ type: 'hello', protocol: protocolVersion, replica: this.replica });
  }

  edit(bytes: number): Uint8Array {
    const document = (this.document ??= new EngineDocument(this.replica));
    const text = document.container(['text'], Kind.Text);
    if (bytes > 0) document.mapSet(rootContainer, 'blob', blob(bytes), Date.now());
    else document.textInsert(text, document.textLength(text), 'x');
    return encodeFrame({ type: 'push', document: this.room, batches: document.take()! }, 0n);
  }

  hear(frame: Uint8Array): void {
    const { message } = decodeFrame(frame);
    switch (message.type) {
      case 'welcome': return this.subscribe(message.epoch);
      case 'subscribed': return this.arrive(message.from, message.head);
      case 'snapshot': return this.takeSnapshot(message);
      case 'changes': return this.takeChanges(message);
      case 'ack': return this.takeAck(message);
      case 'ping': return this.say({ type: 'pong', nonce: message.nonce });
      case 'resync': return this.subscribe(this.epoch);
      default: return this.events.failed(JSON.stringify(message));
    }
  }

  private subscribe(epoch: string): void {
    if (this.isComingBack) return;
    [this.epoch, this.isComingBack] = [epoch, true];
    this.say({ type: 'subscribe', document: this.room, lsn: this.lsn, epoch });
  }

  private arrive(lsn: Lsn, head: Lsn): void {
    [this.lsn, this.head, this.isComingBack] = [lsn, head, false];
    this.readyAt(lsn);
  }

  private readyAt(lsn: Lsn): void {
    this.lsn = lsn;
    if (this.isReady || lsn < this.head) return;
    this.isReady = true;
    this.events.ready();
  }

  private takeSnapshot({ lsn, offset, total, bytes }: Message & { type: 'snapshot' }): void {
    this.pieces.push(bytes.slice());
    if (offset + bytes.length < total) return;
    this.kept?.push(joinBytes(this.pieces.splice(0)));
    this.readyAt(lsn);
  }

  private takeChanges({ first, last, batches }: Message & { type: 'changes' }): void {
    if (this.isComingBack || last <= this.lsn) return;
    if (first > this.lsn + 1) return this.subscribe(this.epoch);
    for (const [author, from, to] of editsIn(this.room, batches)) this.events.delivered(author, from, to);
    this.kept?.push(batches.slice());
    this.readyAt(last);
  }

  private takeAck({ entries }: Message & { type: 'ack' }): void {
    for (const { replica, seq } of entries) if (replica === this.replica) this.events.acked(seq);
  }

  private say(message: Message): void {
    this.events.send(encodeFrame(message, 0n));
  }
}

type Edits = readonly (readonly [author: number, from: number, to: number])[];
const lastOf = new Map<string, { bytes: Uint8Array; edits: Edits }>();

/** All readers of a room are sent the same bytes; they are looked into once. */
function editsIn(room: string, bytes: Uint8Array): Edits {
  const last = lastOf.get(room);
  if (last !== undefined && Buffer.compare(last.bytes, bytes) === 0) return last.edits;
  const edits = readBlocks(bytes).map(({ replica, seqFrom, seqTo }) => [authorOf(replica), seqFrom, seqTo] as const);
  lastOf.set(room, { bytes: bytes.slice(), edits });
  return edits;
}

/** Not to be told from random ones by their length on the wire; the author's number is the first four digits. */
function replicaOf(author: number): ReplicaId {
  return `${author.toString(16).padStart(4, '0')}a1b2c3d4e5f6`;
}

function authorOf(replica: ReplicaId): number {
  return parseInt(replica.slice(0, 4), 16);
}

let turn = 0;

/** Another text each time, so that no layer can know it already. */
export function blob(bytes: number): string {
  turn += 1;
  return String(turn).padStart(8, '0').repeat(Math.ceil(bytes / 8)).slice(0, bytes);
}
