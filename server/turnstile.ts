// Frames of one socket, let through at a steady rate. What comes faster waits, in order.
//
// An honest client has little on its way unanswered, so one that waits for its answers slows down with us, and imports
// a library of documents at the rate we set. Who goes on sending regardless is over `waitingBytesMax` soon.

import type { Limits } from './limits.js';
import { TokenBucket } from './access/token-bucket.js';

export type TurnstileLimits = Pick<
  Limits, 'messagesPerSecondMax' | 'messagesAtOnceMax' | 'bytesPerSecondMax' | 'bytesAtOnceMax' | 'waitingBytesMax'
>;

/** What a waiting frame takes besides its bytes. */
const frameCost = 64;

export class Turnstile {
  private readonly messages: TokenBucket;
  private readonly bytes: TokenBucket;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** @param through  takes the next frame; @param tooMany  called when too much waits; call `close` then */
  constructor(
    private readonly limits: TurnstileLimits,
    private readonly now: () => number,
    private readonly through: (frame: Uint8Array) => void,
    private readonly tooMany: () => void,
  ) {
    this.messages = new TokenBucket(limits.messagesPerSecondMax, limits.messagesAtOnceMax, now());
    this.bytes = new TokenBucket(limits.bytesPerSecondMax, limits.bytesAtOnceMax, now());
  }

  push(frame: Uint8Array): void {
    const waitMs = this.waiting.length > 0 ? null : this.waitMsFor(frame);
    if (waitMs === 0) return this.through(frame);
    this.waiting.push(frame);
    this.waitingBytes += frame.length + frameCost;
    if (this.waitingBytes > this.limits.waitingBytesMax) return this.tooMany();
    if (waitMs !== null) this.comeBack(waitMs);
  }

  close(): void {
    this.waiting = [];
    this.waitingBytes = 0;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private comeBack(ms: number): void {
    this.timer = setTimeout(() => this.letThrough(), ms);
    this.timer.unref?.();
  }

  private letThrough(): void {
    this.timer = null;
    while (this.waiting.length > 0) {
      const waitMs = this.waitMsFor(this.waiting[0]);
      if (waitMs > 0) return this.comeBack(waitMs);
      const frame = this.waiting.shift()!;
      this.waitingBytes -= frame.length + frameCost;
      this.through(frame);
    }
  }

  /** A message is paid for only when its bytes are there too. */
  private waitMsFor(frame: Uint8Array): number {
    const now = this.now();
    const waitMs = Math.max(this.bytes.wait(frame.length, now), this.messages.wait(1, now));
    if (waitMs > 0) return waitMs;
    this.bytes.take(frame.length);
    this.messages.take(1);
    return 0;
  }
}
