import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HeadwaterError } from '../core/errors.js';
import { decodeFrame, encodeFrame, messageTypes } from './frame.js';
import * as limits from './limits.js';
import { isDocumentId, utf8Length } from './limits.js';
import type { Message } from './message.js';
import { anyMessage } from './testing/any-message.js';
import { samples, sampleStamp } from './testing/samples.js';

const replica = 'a0b1c2d3e4f50617';

describe('the bytes of', () => {
  it.each(samples.map(([message, hex]) => [message.type, message, hex] as const))('%s are these', (_type, message, hex) => {
    expect(toHex(encodeFrame(message, sampleStamp))).toBe(hex);
    expect(decodeFrame(fromHex(hex))).toEqual({ message, stamp: sampleStamp });
  });

  it('every message are written down here', () => {
    expect(new Set(samples.map(([message]) => message.type))).toEqual(new Set(messageTypes));
  });
});

describe('a frame', () => {
  it('comes back as the message it was made of', () => {
    fc.assert(fc.property(anyMessage(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (message, stamp) => {
      expect(decodeFrame(encodeFrame(message, stamp))).toEqual({ message, stamp });
    }), { numRuns: 2_000 });
  });

  it('can be read at any place in a larger buffer', () => {
    const frame = encodeFrame({ type: 'push', document: 'doc', batches: Uint8Array.of(1, 2, 3) }, 1n);
    for (let shift = 0; shift < 9; shift++) {
      const larger = new Uint8Array(frame.length + 16).fill(0xff);
      larger.set(frame, shift);
      expect(decodeFrame(larger.subarray(shift, shift + frame.length)).message).toMatchObject({ type: 'push', document: 'doc' });
    }
  });

  it('gives its bytes as a view, without a copy', () => {
    const frame = encodeFrame({ type: 'push', document: 'doc', batches: new Uint8Array(1000) }, 1n);
    const { message } = decodeFrame(frame);
    expect(message.type === 'push' && message.batches.buffer).toBe(frame.buffer);
  });

  it('of a large batch does not disturb the frames after it', () => {
    const large = new Uint8Array(900_000).fill(7);
    const frames = [large, Uint8Array.of(1)].map((batches) => encodeFrame({ type: 'push', document: 'doc', batches }, 1n));
    expect(decodeFrame(frames[0]).message).toEqual({ type: 'push', document: 'doc', batches: large });
    expect(decodeFrame(frames[1]).message).toEqual({ type: 'push', document: 'doc', batches: Uint8Array.of(1) });
  });

  it('holds a long message for people cut to its limit', () => {
    const frame = encodeFrame({ type: 'error', code: 'internal', message: 'ü'.repeat(5_000) }, 0n);
    const { message } = decodeFrame(frame);
    expect(message.type === 'error' && utf8Length(message.message)).toBeLessThanOrEqual(limits.messageBytesMax);
  });

  it('with a code from a newer peer reads as internal', () => {
    const frame = encodeFrame({ type: 'error', code: 'brand_new' as 'internal', message: 'm' }, 0n);
    expect(decodeFrame(frame).message).toEqual({ type: 'error', code: 'internal', message: 'm' });
  });
});

describe('what the protocol does not allow', () => {
  const refused = (bytes: Uint8Array, reason: string) =>
    expect(() => decodeFrame(bytes)).toThrow(expect.objectContaining({ code: 'protocol_error', message: expect.stringContaining(reason) }));
  const refusedMessage = (message: Message, reason: string) => refused(encodeFrame(message, 0n), reason);
  const accepted = (message: Message) => expect(decodeFrame(encodeFrame(message, 0n)).message).toEqual(message);

  it('in a frame as such', () => {
    refused(new Uint8Array(0), 'shorter than its header');
    refused(new Uint8Array(12), 'shorter than its header');
    refused(Uint8Array.of(0, ...new Uint8Array(12)), 'type 0 is unknown');
    refused(Uint8Array.of(19, ...new Uint8Array(12)), 'type 19 is unknown');
    refused(Uint8Array.of(12, ...new Uint8Array(12)), 'the root');
    const ping = encodeFrame({ type: 'ping', nonce: 1 }, 0n);
    refused(Uint8Array.of(...ping, 0), 'payload bytes');
    refused(ping.subarray(0, ping.length - 1), 'payload bytes');
  });

  it('in size: at the limit and one over', () => {
    const push = (length: number) => encodeFrame({ type: 'push', document: 'doc', batches: new Uint8Array(length) }, 0n);
    const rest = push(0).length;
    const largest = limits.frameBytesMax - rest - (limits.frameBytesMax - rest) % 4;
    expect(decodeFrame(push(largest)).message.type).toBe('push');
    refused(push(largest + 4), 'over the limit');
    expect(() => push(limits.frameBytesCeiling)).toThrow(expect.objectContaining({ code: 'too_large' }));
  });

  it('in document ids: at the limit and one over', () => {
    for (const good of ['a', 'x'.repeat(256), 'ü'.repeat(128), '😀'.repeat(64), 'a b/c', '\u00a0']) {
      accepted({ type: 'resync', document: good });
    }
    for (const bad of ['', 'x'.repeat(257), 'ü'.repeat(128) + 'x', '😀'.repeat(64) + 'x', 'a\n', '\u0000', '\u007f', '\u0085', '\ud800']) {
      expect(isDocumentId(bad)).toBe(false);
      expect(() => encodeFrame({ type: 'resync', document: bad }, 0n)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
  });

  it('in document ids from elsewhere', () => {
    const frame = encodeFrame({ type: 'resync', document: 'doc' }, 0n);
    const with3 = (...bytes: number[]) => {
      const copy = frame.slice();
      copy.set(bytes, copy.length - 4);
      return copy;
    };
    expect(decodeFrame(with3(0x78, 0x79, 0x7a)).message).toEqual({ type: 'resync', document: 'xyz' });
    refused(with3(0x78, 0x0a, 0x7a), 'control characters');
    refused(with3(0xff, 0x79, 0x7a), 'not UTF-8');
    refused(with3(0xed, 0xa0, 0x80), 'not UTF-8');
    refused(with3(0xc0, 0x80, 0x7a), 'not UTF-8');
  });

  it('in numbers', () => {
    const document = 'doc';
    const bytes = Uint8Array.of(1, 2, 3);
    accepted({ type: 'subscribe', document, lsn: Number.MAX_SAFE_INTEGER, epoch: 'e' });
    refusedMessage({ type: 'subscribe', document, lsn: 2 ** 53, epoch: 'e' }, 'lsn is');
    refusedMessage({ type: 'changes', document, first: 0, last: 3, batches: bytes }, 'first');
    refusedMessage({ type: 'changes', document, first: 4, last: 3, batches: bytes }, 'first');
    refusedMessage({ type: 'subscribed', document, from: 4, head: 3, bytesTotal: 0, version: bytes }, 'from');
    refusedMessage({ type: 'snapshot', document, lsn: 1, offset: 1, total: 3, bytes }, 'offset');
    refusedMessage({ type: 'snapshot', document, lsn: 1, offset: 0, total: 2, bytes }, 'offset');
    refusedMessage({ type: 'snapshot', document, lsn: 1, offset: 0, total: limits.snapshotBytesMax + 1, bytes }, 'total');
    refusedMessage({ type: 'reject', document, replica, seqFrom: 0, seqTo: 1, code: 'internal', message: '' }, 'seqFrom');
    refusedMessage({ type: 'reject', document, replica, seqFrom: 2, seqTo: 1, code: 'internal', message: '' }, 'seqFrom');
    refusedMessage({ type: 'goodbye', code: 'unavailable', message: '', retryAfterMs: limits.retryAfterMsMax + 1 }, 'retryAfterMs');
    refusedMessage({ type: 'welcome', protocol: 1, epoch: 'e', pingIntervalMs: 0, frameBytesMax: 1 << 20 }, 'pingIntervalMs');
    refusedMessage({ type: 'welcome', protocol: 1, epoch: 'e', pingIntervalMs: 30_000, frameBytesMax: 100 }, 'frameBytesMax');
    refusedMessage({ type: 'welcome', protocol: 1, epoch: 'e', pingIntervalMs: 30_000, frameBytesMax: 2 ** 31 }, 'frameBytesMax');
  });

  it('in the other lengths: at the limit and one over', () => {
    const document = 'doc';
    accepted({ type: 'presence', document, replica, state: new Uint8Array(limits.presenceBytesMax) });
    refusedMessage({ type: 'presence', document, replica, state: new Uint8Array(limits.presenceBytesMax + 1) }, 'state');
    accepted({ type: 'hello', protocol: 1, replica, token: 't'.repeat(limits.tokenBytesMax) });
    refusedMessage({ type: 'hello', protocol: 1, replica, token: 't'.repeat(limits.tokenBytesMax + 1) }, 'token');
    accepted({ type: 'token', token: 't'.repeat(limits.tokenBytesMax) });
    refusedMessage({ type: 'token', token: 't'.repeat(limits.tokenBytesMax + 1) }, 'token');
    const state = new Uint8Array(0);
    accepted({ type: 'presence', document, replica, state, user: 'u'.repeat(limits.userBytesMax), name: 'n'.repeat(limits.userBytesMax) });
    refusedMessage({ type: 'presence', document, replica, state, user: 'u'.repeat(limits.userBytesMax + 1) }, 'user');
    refusedMessage({ type: 'presence', document, replica, state, name: 'n'.repeat(limits.userBytesMax + 1) }, 'name');
    accepted({ type: 'subscribe', document, lsn: 0, epoch: 'e'.repeat(limits.epochBytesMax) });
    refusedMessage({ type: 'subscribe', document, lsn: 0, epoch: 'e'.repeat(limits.epochBytesMax + 1) }, 'epoch');
    refusedMessage({ type: 'subscribe', document, lsn: 0, epoch: '' }, 'epoch');
    const entries = Array.from({ length: limits.ackEntriesMax }, () => ({ replica, seq: 1 }));
    accepted({ type: 'ack', document, entries });
    refusedMessage({ type: 'ack', document, entries: [...entries, { replica, seq: 1 }] }, 'entries is');
  });

  it('in replica ids', () => {
    refusedMessage({ type: 'presence', document: 'doc', replica: '0000000000000000', state: new Uint8Array(0) }, 'replica');
  });
});

describe('50,000 damaged frames', () => {
  it('are refused or read within the limits; none crashes or hangs', () => {
    fc.assert(fc.property(damagedFrame(), (bytes) => {
      let decoded: ReturnType<typeof decodeFrame>;
      try {
        decoded = decodeFrame(bytes);
      } catch (error) {
        if (!(error instanceof HeadwaterError) || error.code !== 'protocol_error') throw error;
        return;
      }
      holdsTheLimits(decoded.message, bytes);
    }), { numRuns: 50_000 });
  }, 60_000);
});

/** Everything in the message is inside its range, and every view inside the frame. */
function holdsTheLimits(message: Message, frame: Uint8Array): void {
  for (const value of Object.values(message) as unknown[]) {
    if (typeof value === 'number' && !(Number.isSafeInteger(value) && value >= 0)) throw new Error(`${message.type}: ${value}`);
    if (typeof value === 'string' && utf8Length(value) > limits.tokenBytesMax) throw new Error(`${message.type}: a long string`);
    if (value instanceof Uint8Array && (value.buffer !== frame.buffer || value.byteOffset < frame.byteOffset
      || value.byteOffset + value.byteLength > frame.byteOffset + frame.byteLength)) throw new Error(`${message.type}: a view outside`);
  }
  if ('document' in message && !isDocumentId(message.document)) throw new Error(`${message.type}: ${message.document}`);
  if (encodeFrame(message, 0n).length > limits.frameBytesCeiling) throw new Error(`${message.type}: grew`);
}

/** A real frame with bytes changed, words replaced by awkward ones, cut short or made longer, its header's length often kept true. */
function damagedFrame(): fc.Arbitrary<Uint8Array> {
  const awkward = fc.constantFrom(0, 1, 3, 4, 8, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff);
  const damage = fc.oneof(
    fc.record({ kind: fc.constant('byte' as const), at: fc.nat(), value: fc.nat(255) }),
    fc.record({ kind: fc.constant('word' as const), at: fc.nat(), value: awkward }),
    fc.record({ kind: fc.constant('length' as const), at: fc.nat(), value: fc.nat(40) }),
  );
  return fc.tuple(anyMessage(), fc.array(damage, { minLength: 1, maxLength: 4 }), fc.boolean()).map(([message, damages, isHeaderTrue]) => {
    let bytes = encodeFrame(message, 5n);
    for (const { kind, at, value } of damages) {
      if (bytes.length < 17) break;
      if (kind === 'byte') bytes[at % bytes.length] = value;
      if (kind === 'word') new DataView(bytes.buffer).setUint32(13 + at % (bytes.length - 16), value, true);
      if (kind === 'length') bytes = at % 2 ? bytes.slice(0, bytes.length - Math.min(value, bytes.length)) : Uint8Array.of(...bytes, ...new Uint8Array(value));
    }
    if (isHeaderTrue && bytes.length >= 13) new DataView(bytes.buffer).setUint32(9, bytes.length - 13, true);
    return bytes;
  });
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}
