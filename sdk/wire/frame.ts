// One message ↔ one frame.
//
//   byte 0      1            9                13
//        │ type │ u64 stamp  │ payload length │ payload: a FlatBuffers table (frame.fbs)
//
// Little endian. The header is coded in the engine, the payload in tables.ts. Nothing of a payload is
// read before it is verified as a whole, and every value is held to its limit: what comes out of
// decodeFrame is a message the protocol allows, whoever sent the bytes.

import { HeadwaterError } from '../core/errors.js';
import { frameHeaderBytes, readFrameHeader, writeFrameHeader } from '../core/codec.js';
import { schema } from './generated/schema.js';
import { isDocumentId, limits } from './limits.js';
import type { Message, MessageType } from './message.js';
import { readMessage, writeMessage } from './tables.js';
import { verifyTable } from './verify.js';

/** A type's number on the wire is its place here, from 1. Only ever appended to. */
export const messageTypes: readonly MessageType[] = [
  'hello', 'welcome', 'subscribe', 'subscribed', 'unsubscribe', 'changes', 'snapshot', 'push',
  'ack', 'reject', 'presence', 'ping', 'pong', 'resync', 'error', 'goodbye',
];

const typeNumbers = new Map(messageTypes.map((type, index) => [type, index + 1]));

/**
 * The frame of `message`. A copy. O(its bytes).
 *
 * @param stamp  the sender's HLC stamp, by which the other end sees the clocks' offset
 * @throws HeadwaterError `invalid_argument` if the document id cannot be one, `too_large` past `limits.frameBytesCeiling`
 */
export function encodeFrame(message: Message, stamp: bigint): Uint8Array {
  if ('document' in message && message.document !== undefined && !isDocumentId(message.document)) {
    throw new HeadwaterError('invalid_argument', 'a document id is 1 to 256 bytes without control characters', { document: message.document });
  }
  const payload = writeMessage(message);
  const size = frameHeaderBytes + payload.byteLength;
  if (size > limits.frameBytesCeiling) {
    throw new HeadwaterError('too_large', `a frame of ${size} bytes is over the limit of ${limits.frameBytesCeiling}`, { type: message.type });
  }
  const frame = new Uint8Array(size);
  writeFrameHeader(frame, typeNumbers.get(message.type)!, stamp, payload.byteLength);
  frame.set(payload, frameHeaderBytes);
  return frame;
}

/**
 * The message in `bytes`, which must be one frame and nothing more. Byte fields are views into `bytes`:
 * they are good for as long as `bytes` is. O(fields), whatever the payload claims.
 *
 * @param frameBytesMax  what this end accepts
 * @throws HeadwaterError `protocol_error`
 */
export function decodeFrame(bytes: Uint8Array, frameBytesMax: number = limits.frameBytesMax): { message: Message; stamp: bigint } {
  if (bytes.byteLength > frameBytesMax) throw malformed(`a frame of ${bytes.byteLength} bytes is over the limit of ${frameBytesMax}`);
  const header = readFrameHeader(bytes);
  if (!header) throw malformed('a frame shorter than its header');
  const type = messageTypes[header.type - 1];
  if (!type) throw malformed(`unknown frame type ${header.type}`);
  const payload = bytes.subarray(frameHeaderBytes);
  if (header.length !== payload.byteLength) throw malformed(`${type}: the header names ${header.length} payload bytes, ${payload.byteLength} came`);
  const wrong = verifyTable(payload, schema[type]);
  if (wrong) throw malformed(`${type}: ${wrong}`);
  return { message: readMessage(type, payload), stamp: header.stamp };
}

function malformed(reason: string): HeadwaterError {
  return new HeadwaterError('protocol_error', `the peer sent a malformed frame: ${reason}`);
}
