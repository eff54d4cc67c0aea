import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seedFromEnv } from '../testing/seed.js';
import { decodeFrame, encodeFrame, messageTypes } from './frame.js';
import { anyMessage } from './testing/any-message.js';
import { readMessage, writeMessage } from './testing/twin.js';

const headerBytes = 13;
const run = { numRuns: 1_000, seed: seedFromEnv() | 0 };

describe('a table of ours and one of the library', () => {
  it('are the same bytes', () => {
    fc.assert(fc.property(anyMessage(), (message) => {
      expect(encodeFrame(message, 0n).subarray(headerBytes)).toEqual(writeMessage(message));
    }), run);
  });

  it('are read by the library as by us', () => {
    fc.assert(fc.property(anyMessage(), (message) => {
      const payload = encodeFrame(message, 0n).subarray(headerBytes);
      expect(readMessage(message.type, payload)).toEqual(message);
      expect(decodeFrame(framed(messageTypes.indexOf(message.type) + 1, writeMessage(message))).message).toEqual(message);
    }), run);
  });
});

function framed(type: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headerBytes + payload.length);
  frame[0] = type;
  new DataView(frame.buffer).setUint32(9, payload.length, true);
  frame.set(payload, headerBytes);
  return frame;
}
