// One message ↔ one frame.
//
//   byte 0      1            9                13
//        │ type │ u64 stamp  │ payload length │ payload: a FlatBuffers table (frame.fbs)
//
// Little endian. Every value of a payload is held to its place and its limit as it is read: what comes out of
// decodeFrame is a message the protocol allows, whoever sent the bytes.

import { HeadwaterError } from '../core/errors.js';
import * as limits from './limits.js';
import { checkDocumentId } from './limits.js';
import type { Message, MessageType } from './message.js';
import { schema } from './schema.js';
import { malformed, readTable, writeTable } from './table.js';

export const messageTypes = Object.keys(schema) as readonly MessageType[];

const headerBytes = 13;

/**
 * The frame of `message`. A copy. O(its bytes).
 *
 * @param stamp  the sender's HLC stamp, by which the other end sees the clocks' offset
 * @throws HeadwaterError `invalid_argument` if the document id cannot be one, `too_large` past `limits.frameBytesCeiling`
 */
export function encodeFrame(message: Message, stamp: bigint): Uint8Array {
  if ('document' in message && message.document !== undefined) checkDocumentId(message.document);
  const frame = writeTable(schema[message.type], message, headerBytes);
  if (frame.length > limits.frameBytesCeiling) {
    throw new HeadwaterError('too_large', `a frame of ${frame.length} bytes is over the limit of ${limits.frameBytesCeiling}`, { type: message.type });
  }
  const view = new DataView(frame.buffer);
  view.setUint8(0, messageTypes.indexOf(message.type) + 1);
  view.setBigUint64(1, stamp, true);
  view.setUint32(9, frame.length - headerBytes, true);
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
  if (bytes.length > frameBytesMax) throw malformed(`${bytes.length} bytes are over the limit of ${frameBytesMax}`);
  if (bytes.length < headerBytes) throw malformed('it is shorter than its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const type = messageTypes[view.getUint8(0) - 1];
  if (!type) throw malformed(`type ${view.getUint8(0)} is unknown`);
  const payload = bytes.subarray(headerBytes);
  if (view.getUint32(9, true) !== payload.length) throw malformed(`its header names other than ${payload.length} payload bytes`);
  const message = { type, ...readTable(schema[type], payload) } as Message;
  const wrong = misfit(message);
  if (wrong) throw malformed(`${wrong} does not fit the rest of ${type}`);
  return { message, stamp: view.getBigUint64(1, true) };
}

/** The field that only another field shows to be out of bounds. */
function misfit(message: Message): string | false {
  switch (message.type) {
    case 'subscribed': return message.from > message.head && 'from';
    case 'changes': return message.first > message.last && 'first';
    case 'snapshot': return message.offset + message.bytes.length > message.total && 'offset';
    case 'reject': return message.seqFrom > message.seqTo && 'seqFrom';
    default: return false;
  }
}
