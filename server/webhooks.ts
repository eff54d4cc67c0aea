// Tells other servers over HTTP that documents have grown.
//
// What is told is where a document stands, never what is in it: whoever hears it asks. So calls that wait are joined, one a
// document, and a call that is lost costs no more than the next one brings. A call is repeated while it fails; a process that
// dies takes with it what it had still to say. Who must not miss anything reads the log by position.

import { createHmac } from 'node:crypto';
import type { Lsn } from '../sdk/wire/message.js';
import type { Log } from './log.js';

export interface WebhookOptions {
  url: string;
  /** Signs every call. */
  secret: string;
}

/** The body of a call. */
export interface Grown {
  document: string;
  /** Names the log: another epoch is another history. */
  epoch: string;
  first: Lsn;
  last: Lsn;
}

const callMsMax = 10_000;
const pauseMs = { min: 500, max: 60_000 };
const triesMax = 10;
const waitingMax = 10_000;

export class Webhook {
  private readonly waiting = new Map<string, Grown>();
  private readonly stopping = new AbortController();
  private sending: Promise<void> | null = null;

  constructor(private readonly options: WebhookOptions, private readonly log: Log) {}

  /** Never waits. */
  tell(grown: Grown): void {
    const known = this.waiting.get(grown.document);
    if (known !== undefined) known.last = Math.max(known.last, grown.last);
    else this.waiting.set(grown.document, { ...grown });
    if (this.waiting.size > waitingMax) this.drop(this.waiting.keys().next().value!, 'too many documents wait to be told of');
    this.sending ??= this.sendAll().finally(() => (this.sending = null));
  }

  /** Tries once more what waits, for at most `msMax`. */
  async close(msMax: number): Promise<void> {
    const timer = setTimeout(() => this.stopping.abort(), msMax);
    await this.sending;
    clearTimeout(timer);
    this.stopping.abort();
  }

  /** One at a time, so that of one document nothing older is told after something newer. */
  private async sendAll(): Promise<void> {
    for (const [document, grown] of this.waiting) {
      if (this.stopping.signal.aborted) return;
      this.waiting.delete(document);
      await this.send(grown);
    }
    if (this.waiting.size > 0) await this.sendAll();
  }

  private async send(grown: Grown): Promise<void> {
    for (let tries = 1; !this.stopping.signal.aborted; tries += 1) {
      const failure = await this.call(grown);
      if (failure === null) return;
      if (failure.isFinal || tries === triesMax) return this.drop(grown.document, failure.reason);
      await this.pause(Math.min(pauseMs.max, pauseMs.min * 2 ** (tries - 1)) * (0.5 + Math.random() / 2));
      // What has come meanwhile goes with it.
      const newer = this.waiting.get(grown.document);
      if (newer !== undefined) grown = { ...grown, last: newer.last };
      this.waiting.delete(grown.document);
    }
  }

  private async call(grown: Grown): Promise<{ reason: string; isFinal: boolean } | null> {
    const body = JSON.stringify(grown);
    const headers = { 'content-type': 'application/json', 'headwater-signature': signatureOf(this.options.secret, body, Date.now()) };
    try {
      const signal = AbortSignal.any([this.stopping.signal, AbortSignal.timeout(callMsMax)]);
      const { ok, status } = await fetch(this.options.url, { method: 'POST', body, headers, signal, redirect: 'error' });
      if (ok) return null;
      // Who says that a call is wrong will say so again.
      return { reason: `answered ${status}`, isFinal: status >= 400 && status < 500 && status !== 408 && status !== 429 };
    } catch (cause) {
      return { reason: (cause as Error).message, isFinal: false };
    }
  }

  private drop(document: string, reason: string): void {
    this.waiting.delete(document);
    this.log.warn({ document, url: this.options.url, reason }, 'a webhook was not told of a document');
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.stopping.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      }, { once: true });
    });
  }
}

/** `t=<ms since 1970>,v1=<HMAC-SHA-256 of "t.body" in hex>`: the receiver computes it too, and refuses old times. */
export function signatureOf(secret: string, body: string, timeMs: number): string {
  return `t=${timeMs},v1=${createHmac('sha256', secret).update(`${timeMs}.${body}`).digest('hex')}`;
}
