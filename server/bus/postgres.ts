// The bus over NOTIFY, for nodes that share a Postgres and have no Redis. One channel a database; every node hears all.
//
// A notification has at most 8,000 bytes: larger changes go without their batches, to be read from the log, and whatever
// else is larger goes in parts. What is said while a statement is on its way goes with the next. Nothing waits for Postgres:
// what cannot be said is dropped, and the periodic look at the log's heads (rooms.ts) makes up for it.

import type { Log } from '../log.js';
import { openPostgresPool } from '../store/postgres.js';
import type { PostgresPool } from '../store/postgres-pool.js';
import { textsOf } from '../store/postgres-values.js';
import type { Bus, BusListener, BusMessage } from './bus.js';
import { Envelopes } from './envelope.js';
import { Listeners } from './listeners.js';

export interface PostgresBusOptions {
  /** As the store's. */
  url: string;
  epoch: string;
  secret: string;
  log: Log;
}

/** Of a payload, before base64 makes it a third longer. */
const partBytesMax = 5_700;
/** Batches up to this size are told, larger ones read from the log. */
const batchBytesMax = 5_000;
const waitingBytesMax = 8 << 20;
/** A listener that has not heard its own node for this long has lost its connection. */
const silenceMsMax = 3_000;
const beatMs = 1_000;

export class PostgresBus implements Bus {
  readonly kind = 'postgres';
  /** Messages that were not said because Postgres was not to be had. */
  dropped = 0;
  private readonly listeners = new Listeners();
  private readonly envelopes: Envelopes;
  private readonly channel: string;
  private readonly parts = new Parts();
  private waiting: string[] = [];
  private waitingBytes = 0;
  private isSaying = false;
  private isClosed = false;
  private isDown = false;
  private heardMs = 0;
  private isHearing = false;
  private leave: (() => Promise<void>) | null = null;
  private readonly beating: ReturnType<typeof setInterval>;

  /** Listens in the background, and anew whenever it must. @throws HeadwaterError `storage_failed` when the library is not installed */
  static async open(options: PostgresBusOptions): Promise<PostgresBus> {
    return new PostgresBus(await openPostgresPool(options.url, 1), options);
  }

  private constructor(private readonly pool: PostgresPool, private readonly options: PostgresBusOptions) {
    this.envelopes = new Envelopes(options.secret);
    this.channel = `headwater:${options.epoch}`;
    this.beating = setInterval(() => this.beat(), beatMs);
    this.beating.unref();
    void this.listen();
  }

  publish(node: string, topic: string, message: BusMessage): void {
    const told = message.type === 'changes' && message.batches.length > batchBytesMax ? { ...message, batches: new Uint8Array(0) } : message;
    const topicBytes = Buffer.from(topic);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(topicBytes.length);
    const payloads = this.parts.cut(Buffer.concat([length, topicBytes, this.envelopes.seal(node, topic, told)]));
    const bytes = payloads.reduce((total, payload) => total + payload.length, 0);
    if (this.isDown || this.waitingBytes + bytes > waitingBytesMax) {
      this.dropped += 1;
      return;
    }
    this.waitingBytes += bytes;
    this.waiting.push(...payloads);
    void this.sayAll();
  }

  subscribe(topic: string, listener: BusListener): () => void {
    this.listeners.add(topic, listener);
    if (this.isHearing) queueMicrotask(() => listener.missed());
    return () => void this.listeners.delete(topic, listener);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearInterval(this.beating);
    this.listeners.clear();
    await this.leave?.();
    await this.pool.close();
  }

  private async sayAll(): Promise<void> {
    if (this.isSaying) return;
    this.isSaying = true;
    await Promise.resolve();
    while (this.waiting.length > 0 && !this.isClosed) {
      const payloads = this.waiting;
      this.waiting = [];
      this.waitingBytes = 0;
      try {
        await this.pool.once((sql) => sql`select pg_notify(${this.channel}, payload) from unnest(${textsOf(payloads)}::text[]) as payload`);
        this.note(false);
      } catch (cause) {
        this.dropped += payloads.length;
        this.note(true, (cause as Error).message);
      }
    }
    this.isSaying = false;
  }

  /** What is heard of itself shows that it hears. While nothing can be said, this alone is tried. */
  private beat(): void {
    this.waiting.push('');
    void this.sayAll();
    if (this.leave !== null && Date.now() - this.heardMs > silenceMsMax) void this.listen();
  }

  private async listen(): Promise<void> {
    const stale = this.leave;
    this.leave = null;
    this.isHearing = false;
    void stale?.();
    while (!this.isClosed) {
      try {
        const leave = await this.pool.listen(this.channel, (payload) => this.hear(payload), () => this.begin());
        if (this.isClosed) return void leave();
        this.leave = leave;
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, beatMs).unref());
      }
    }
  }

  private begin(): void {
    this.heardMs = Date.now();
    this.isHearing = true;
    for (const listener of this.listeners.all) listener.missed();
  }

  private hear(payload: string): void {
    this.heardMs = Date.now();
    const whole = payload === '' ? null : this.parts.join(payload);
    if (whole === null || this.isClosed) return;
    const topicEnd = 2 + (whole.length < 2 ? 0 : whole.readUInt16BE());
    const topic = whole.toString('utf8', 2, topicEnd);
    const opened = this.envelopes.open(topic, whole.subarray(topicEnd));
    if (opened === null) return this.options.log.warn({ bytes: whole.length }, 'a notification that no node of this database sent: dropped');
    for (const listener of this.listeners.of(topic)) listener.heard(opened.message, opened.node);
  }

  private note(isDown: boolean, reason?: string): void {
    if (isDown && !this.isDown) this.options.log.warn({ reason }, 'postgres takes no notifications; nodes learn from the log until it does');
    this.isDown = isDown;
  }
}

// A payload: `sender:part of parts:base64`.

const heardMax = 1_000;

/** Cuts what is too long for one notification, and puts it together again. Notifications of one sender come in order. */
class Parts {
  private readonly sender = Math.random().toString(36).slice(2, 10);
  private readonly heard = new Map<string, Buffer[]>();

  cut(bytes: Buffer): string[] {
    const count = Math.ceil(bytes.length / partBytesMax);
    return Array.from({ length: count }, (_, i) =>
      `${this.sender}:${i + 1}/${count}:${bytes.toString('base64', i * partBytesMax, (i + 1) * partBytesMax)}`);
  }

  /** @returns null while more is to come, and for what is no part */
  join(payload: string): Buffer | null {
    const [, sender, part, parts, text] = /^(\w{1,16}):(\d{1,4})\/(\d{1,4}):(.*)$/s.exec(payload) ?? [];
    if (sender === undefined) return null;
    const bytes = Buffer.from(text, 'base64');
    if (parts === '1') return bytes;
    const before = part === '1' ? [] : this.heard.get(sender);
    this.heard.delete(sender);
    if (before === undefined || before.length !== Number(part) - 1) return null;
    if (part === parts) return Buffer.concat([...before, bytes]);
    if (this.heard.size < heardMax) this.heard.set(sender, [...before, bytes]);
    return null;
  }
}
