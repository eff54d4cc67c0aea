// The keys of an identity provider, from a file or a URL in the form of RFC 7517, kept for a while.
//
// Keys are rotated, so a token may name one that came since. Then the set is read again, but not because anybody who
// can send a token asks for it: at most once in `refreshMsMin`, and one reading for all who wait. When a reading
// fails the old keys stay: an identity provider that is down for an hour locks nobody out.

import { readFile } from 'node:fs/promises';
import { HeadwaterError } from '../../sdk/core/errors.js';
import { isLoopbackName } from '../origin.js';

export interface KeySetSettings {
  refreshMsMin: number;
  ageMsMax: number;
  timeoutMs: number;
  bytesMax: number;
}

export const keySetSettings: KeySetSettings = { refreshMsMin: 30_000, ageMsMax: 10 * 60_000, timeoutMs: 5_000, bytesMax: 1024 * 1024 };

/** Between the first readings, until one succeeds: nobody can come in before. */
const firstWaitMs = 1_000;

export class KeySet<Key> {
  private keys: readonly Key[] | null = null;
  private readMs = -Infinity;
  private triedMs = -Infinity;
  private reading: Promise<void> | null = null;

  /** @param parse  the keys among what was read that can be used; throws when it is no key set */
  constructor(
    private readonly location: string,
    private readonly parse: (set: unknown) => readonly Key[],
    private readonly settings: KeySetSettings = keySetSettings,
  ) {
    if (isUrl(location)) checkUrl(location);
  }

  /** @throws HeadwaterError `unavailable` while no reading has succeeded */
  async get(nowMs: number): Promise<readonly Key[]> {
    if (this.keys === null || nowMs - this.readMs >= this.settings.ageMsMax) await this.readOnce(nowMs);
    if (this.keys === null) throw new HeadwaterError('unavailable', 'the keys that tokens are checked by cannot be read now');
    return this.keys;
  }

  /** For a key that is not there. @returns whether the set has been read again */
  async refresh(nowMs: number): Promise<boolean> {
    const before = this.keys;
    await this.readOnce(nowMs);
    return this.keys !== before;
  }

  private async readOnce(nowMs: number): Promise<void> {
    const waitMs = this.keys === null ? firstWaitMs : this.settings.refreshMsMin;
    if (this.reading === null && nowMs - this.triedMs < waitMs) return;
    this.reading ??= this.read(nowMs).finally(() => (this.reading = null));
    await this.reading;
  }

  private async read(nowMs: number): Promise<void> {
    this.triedMs = nowMs;
    try {
      this.keys = this.parse(JSON.parse(await this.text()));
      this.readMs = nowMs;
    } catch {
      // Asked again after refreshMsMin; until then those there are stand.
    }
  }

  private async text(): Promise<string> {
    if (!isUrl(this.location)) return readFile(this.location, 'utf8');
    const answer = await fetch(this.location, { redirect: 'error', signal: AbortSignal.timeout(this.settings.timeoutMs) });
    if (!answer.ok || answer.body === null) throw new Error(`answered ${answer.status}`);
    return readBounded(answer.body, this.settings.bytesMax);
  }
}

async function readBounded(body: ReadableStream<Uint8Array>, bytesMax: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > bytesMax) throw new Error('too large');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function isUrl(location: string): boolean {
  return /^https?:\/\//i.test(location);
}

/** Whoever can change what comes over plain HTTP can make tokens. */
function checkUrl(location: string): void {
  const { protocol, hostname } = new URL(location);
  if (protocol === 'https:' || isLoopbackName(hostname)) return;
  throw new HeadwaterError('invalid_argument', `jwks: ${hostname} must be reached by https:, or anybody on the way could make tokens`);
}
