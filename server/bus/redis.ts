// The bus over Redis: one channel a document, named after the database's epoch, so that databases may share a Redis.
//
// Redis may be slow, full, gone or restarted, and no write waits for it: what cannot be said now is not said, and the
// periodic look at the log's heads (rooms.ts) makes up for it.

import { Redis } from 'ioredis';
import { HeadwaterError } from '../../sdk/core/errors.js';
import type { Log } from '../log.js';
import type { Bus, BusListener, BusMessage } from './bus.js';
import { Envelopes } from './envelope.js';
import { Listeners } from './listeners.js';

export interface RedisBusOptions {
  /** `redis://…` or `rediss://…`. */
  url: string;
  /** Names the database. */
  epoch: string;
  /** What only the nodes of the database know. */
  secret: string;
  log: Log;
}

/** Bytes on their way to a Redis that does not answer; what comes on top is dropped. */
const unansweredBytesMax = 8 << 20;
const retryMsMax = 2_000;

export class RedisBus implements Bus {
  readonly kind = 'redis';
  /** Messages that were not said because Redis was not to be had. */
  dropped = 0;
  private readonly listeners = new Listeners();
  private readonly envelopes: Envelopes;
  private readonly publisher: Redis;
  private readonly subscriber: Redis;
  private unanswered = 0;

  /** Connects in the background, and again whenever it must. @throws HeadwaterError `invalid_argument` for what is no Redis URL */
  constructor(private readonly options: RedisBusOptions) {
    if (!/^rediss?:\/\//.test(options.url)) throw new HeadwaterError('invalid_argument', 'redis must look like redis://127.0.0.1:6379');
    this.envelopes = new Envelopes(options.secret);
    this.publisher = this.connect({ enableOfflineQueue: false, maxRetriesPerRequest: 0 });
    this.subscriber = this.connect({ autoResubscribe: true });
    this.subscriber.on('messageBuffer', (channel: Buffer, sealed: Buffer) => this.hear(channel.toString(), sealed));
    // ioredis subscribes again to what it had; what was said in between is lost.
    this.subscriber.on('ready', () => setImmediate(() => this.listeners.all.forEach((listener) => listener.missed())));
  }

  publish(node: string, topic: string, message: BusMessage): void {
    const sealed = this.envelopes.seal(node, topic, message);
    if (this.publisher.status !== 'ready' || this.unanswered + sealed.length > unansweredBytesMax) {
      this.dropped += 1;
      return;
    }
    this.unanswered += sealed.length;
    const answered = () => void (this.unanswered -= sealed.length);
    this.publisher.publish(this.channelOf(topic), sealed).then(answered, answered);
  }

  subscribe(topic: string, listener: BusListener): () => void {
    if (this.listeners.add(topic, listener)) {
      this.subscriber.subscribe(this.channelOf(topic)).then(() => this.listeners.of(topic).forEach((each) => each.missed()), ignore);
    }
    return () => {
      if (this.listeners.delete(topic, listener)) this.subscriber.unsubscribe(this.channelOf(topic)).catch(ignore);
    };
  }

  async close(): Promise<void> {
    this.listeners.clear();
    this.publisher.disconnect();
    this.subscriber.disconnect();
  }

  private hear(channel: string, sealed: Buffer): void {
    const topic = channel.slice(this.channelOf('').length);
    const opened = this.envelopes.open(topic, sealed);
    if (opened === null) return this.options.log.warn({ bytes: sealed.length }, 'a message on the bus that no node of this database said: dropped');
    for (const listener of this.listeners.of(topic)) listener.heard(opened.message, opened.node);
  }

  private channelOf(topic: string): string {
    return `headwater:${this.options.epoch}:${topic}`;
  }

  private connect(options: object): Redis {
    const redis = new Redis(this.options.url, { ...options, disconnectTimeout: 200, retryStrategy: (times) => Math.min(retryMsMax, 50 * 2 ** times) });
    let isDown = false;
    redis.on('error', (error: Error) => {
      if (!isDown) this.options.log.warn({ reason: error.message }, 'redis is not to be had; nodes learn from the database until it is');
      isDown = true;
    });
    redis.on('ready', () => {
      if (isDown) this.options.log.info({}, 'redis is back');
      isDown = false;
    });
    return redis;
  }
}

function ignore(): void {
  // The connection was cut: ioredis does it again.
}
