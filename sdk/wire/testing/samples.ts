// One literal example of every message, with its bytes, for the tests of this folder. A change of the
// format shows here as a diff; a released format's bytes stay and must go on decoding.

import type { Message } from '../message.js';

const replica = '00112233445566aa';
const bytes = Uint8Array.of(1, 2, 3);

export const sampleStamp = 0x0123456789abcdefn;

export const samples: readonly [message: Message, hex: string][] = [
  [
    { type: 'hello', protocol: 1, replica, token: 't.o.k' },
    hex(`01 efcdab8967452301 30000000
      10000000 00000a00 14001200 08000400 0a000000 10000000 aa665544 33221100
      00000100 05000000 742e6f2e 6b000000`),
  ],
  [
    { type: 'hello', protocol: 1, replica },
    hex(`01 efcdab8967452301 20000000
      0c000000 08001400 12000400 08000000 aa665544 33221100 00000000 00000100`),
  ],
  [
    { type: 'welcome', protocol: 1, epoch: 'e1', pingIntervalMs: 30_000, frameBytesMax: 1_048_576 },
    hex(`02 efcdab8967452301 2c000000
      10000000 0c001400 12000c00 08000400 0c000000 00001000 30750000 08000000
      00000100 02000000 65310000`),
  ],
  [
    { type: 'subscribe', document: 'doc', lsn: 7, epoch: 'e1' },
    hex(`03 efcdab8967452301 38000000
      10000000 00000a00 18001400 08000400 0a000000 14000000 07000000 00000000
      00000000 0c000000 02000000 65310000 03000000 646f6300`),
  ],
  [
    { type: 'subscribed', document: 'doc', from: 7, head: 9, bytesTotal: 300, version: bytes },
    hex(`04 efcdab8967452301 50000000
      18000000 00000000 00000e00 28002400 18001000 08000400 0e000000 24000000
      2c010000 00000000 09000000 00000000 07000000 00000000 00000000 0c000000
      03000000 01020300 03000000 646f6300`),
  ],
  [
    { type: 'unsubscribe', document: 'doc' },
    hex(`05 efcdab8967452301 1c000000
      0c000000 00000600 08000400 06000000 04000000 03000000 646f6300`),
  ],
  [
    { type: 'changes', document: 'doc', first: 8, last: 9, batches: bytes },
    hex(`06 efcdab8967452301 40000000
      10000000 0c002000 1c001000 08000400 0c000000 1c000000 09000000 00000000
      08000000 00000000 00000000 0c000000 03000000 01020300 03000000 646f6300`),
  ],
  [
    { type: 'snapshot', document: 'doc', lsn: 9, offset: 2, total: 5, bytes },
    hex(`07 efcdab8967452301 50000000
      18000000 00000000 00000e00 28002400 18001000 08000400 0e000000 24000000
      05000000 00000000 02000000 00000000 09000000 00000000 00000000 0c000000
      03000000 01020300 03000000 646f6300`),
  ],
  [
    { type: 'push', document: 'doc', batches: bytes },
    hex(`08 efcdab8967452301 28000000
      0c000000 08000c00 08000400 08000000 08000000 0c000000 03000000 01020300
      03000000 646f6300`),
  ],
  [
    { type: 'ack', document: 'doc', entries: [{ replica, seq: 5 }, { replica: 'ffffffffffffffff', seq: 2 ** 53 - 1 }] },
    hex(`09 efcdab8967452301 48000000
      10000000 00000000 08000c00 08000400 08000000 08000000 28000000 02000000
      aa665544 33221100 05000000 00000000 ffffffff ffffffff ffffffff ffff1f00
      03000000 646f6300`),
  ],
  [
    { type: 'reject', document: 'doc', replica, seqFrom: 3, seqTo: 4, code: 'clock_drift', message: 'no' },
    hex(`0a efcdab8967452301 60000000
      14000000 10002c00 28001c00 14000c00 08000400 10000000 28000000 2c000000
      04000000 00000000 03000000 00000000 aa665544 33221100 00000000 1c000000
      02000000 6e6f0000 0b000000 636c6f63 6b5f6472 69667400 03000000 646f6300`),
  ],
  [
    { type: 'presence', document: 'doc', replica, state: bytes },
    hex(`0b efcdab8967452301 38000000
      10000000 00000a00 18001400 08000400 0a000000 14000000 aa665544 33221100
      00000000 0c000000 03000000 01020300 03000000 646f6300`),
  ],
  [
    { type: 'ping', nonce: 1 },
    hex(`0c efcdab8967452301 14000000
      0c000000 00000600 08000400 06000000 01000000`),
  ],
  [
    { type: 'pong', nonce: 4_294_967_295 },
    hex(`0d efcdab8967452301 14000000
      0c000000 00000600 08000400 06000000 ffffffff`),
  ],
  [
    { type: 'resync', document: 'doc' },
    hex(`0e efcdab8967452301 1c000000
      0c000000 00000600 08000400 06000000 04000000 03000000 646f6300`),
  ],
  [
    { type: 'error', code: 'not_authorized', message: 'no', document: 'doc' },
    hex(`0f efcdab8967452301 44000000
      10000000 00000a00 10000c00 08000400 0a000000 0c000000 10000000 14000000
      03000000 646f6300 02000000 6e6f0000 0e000000 6e6f745f 61757468 6f72697a
      65640000`),
  ],
  [
    { type: 'error', code: 'internal', message: 'no' },
    hex(`0f efcdab8967452301 30000000
      0c000000 08000c00 08000400 08000000 08000000 0c000000 02000000 6e6f0000
      08000000 696e7465 726e616c 00000000`),
  ],
  [
    { type: 'goodbye', code: 'unavailable', message: 'bye', retryAfterMs: 500 },
    hex(`10 efcdab8967452301 38000000
      10000000 00000a00 10000c00 08000400 0a000000 f4010000 08000000 0c000000
      03000000 62796500 0b000000 756e6176 61696c61 626c6500`),
  ],
  [
    { type: 'presence', document: 'doc', replica, state: bytes, user: 'ann', name: 'Ann' },
    hex(`0b efcdab8967452301 58000000
      18000000 00000000 00000e00 20001c00 10000c00 08000400 0e000000 1c000000
      20000000 24000000 aa665544 33221100 00000000 1c000000 03000000 416e6e00
      03000000 616e6e00 03000000 01020300 03000000 646f6300`),
  ],
  [
    { type: 'renew', expiresInMs: 30_000 },
    hex(`11 efcdab8967452301 14000000
      0c000000 00000600 08000400 06000000 30750000`),
  ],
  [
    { type: 'token', token: 't.o.k' },
    hex(`12 efcdab8967452301 20000000
      0c000000 00000600 08000400 06000000 04000000 05000000 742e6f2e 6b000000`),
  ],
];

function hex(spaced: string): string {
  return spaced.replace(/\s+/g, '');
}
