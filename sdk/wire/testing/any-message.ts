// Any message the protocol allows, for the random tests of this folder.

import fc from 'fast-check';
import { errorCodes } from '../../core/errors.js';
import { isDocumentId } from '../limits.js';
import type { Message } from '../message.js';

export function anyMessage(): fc.Arbitrary<Message> {
  const document = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(isDocumentId);
  const integer = fc.oneof(fc.nat(5), fc.maxSafeNat());
  const positive = integer.map((n) => Math.max(1, n));
  const u32 = fc.nat(0xffffffff);
  const id = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map((n) => n.toString(16).padStart(16, '0'));
  const bytes = fc.uint8Array({ maxLength: 40 });
  const words = fc.string({ unit: 'grapheme', maxLength: 30 });
  const epoch = fc.string({ minLength: 1, maxLength: 30 });
  const code = fc.constantFrom(...errorCodes);
  const pair = fc.tuple(positive, positive).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const all: fc.Arbitrary<Message>[] = [
    fc.record({ type: fc.constant('hello' as const), protocol: fc.nat(0xffff), replica: id, token: words }, { requiredKeys: ['type', 'protocol', 'replica'] }),
    fc.record({ type: fc.constant('welcome' as const), protocol: fc.nat(0xffff), epoch, pingIntervalMs: fc.integer({ min: 1000, max: 600_000 }), frameBytesMax: fc.integer({ min: 16_384, max: 1 << 24 }) }),
    fc.record({ type: fc.constant('subscribe' as const), document, lsn: integer, epoch }),
    fc.tuple(document, pair, integer, bytes).map(([id_, [from, head], bytesTotal, version]) => ({ type: 'subscribed' as const, document: id_, from, head, bytesTotal, version })),
    fc.record({ type: fc.constant('unsubscribe' as const), document }),
    fc.tuple(document, pair, bytes).map(([id_, [first, last], batches]) => ({ type: 'changes' as const, document: id_, first, last, batches })),
    fc.tuple(document, integer, fc.nat(1000), fc.nat(1000), bytes).map(([id_, lsn, offset, more, piece]) => ({ type: 'snapshot' as const, document: id_, lsn, offset, total: offset + piece.length + more, bytes: piece })),
    fc.record({ type: fc.constant('push' as const), document, batches: bytes }),
    fc.record({ type: fc.constant('ack' as const), document, entries: fc.array(fc.record({ replica: id, seq: integer }), { maxLength: 5 }) }),
    fc.tuple(document, id, pair, code, words).map(([id_, author, [seqFrom, seqTo], code_, message]) => ({ type: 'reject' as const, document: id_, replica: author, seqFrom, seqTo, code: code_, message })),
    fc.record({ type: fc.constant('presence' as const), document, replica: id, state: bytes, user: epoch, name: epoch }, { requiredKeys: ['type', 'document', 'replica', 'state'] }),
    fc.record({ type: fc.constant('ping' as const), nonce: u32 }),
    fc.record({ type: fc.constant('pong' as const), nonce: u32 }),
    fc.record({ type: fc.constant('resync' as const), document }),
    fc.record({ type: fc.constant('error' as const), code, message: words, document }, { requiredKeys: ['type', 'code', 'message'] }),
    fc.record({ type: fc.constant('goodbye' as const), code, message: words, retryAfterMs: fc.nat(600_000) }),
    fc.record({ type: fc.constant('renew' as const), expiresInMs: u32 }),
    fc.record({ type: fc.constant('token' as const), token: words }),
  ];
  return fc.oneof(...all);
}
