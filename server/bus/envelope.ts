// What a message looks like between machines, and how a node knows that another node of its database wrote it.
//
// byte 0        16        32         40
//      │ mac 16 │ node 16 │ count u64 │ frame of the wire protocol …
//
// Whoever reaches the broker may publish. So everything behind the mac is signed, with the topic, under a secret that only the
// database holds; and each node counts what it says, so that nothing can be said again. What does not fit is dropped.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { stampOf } from '../../sdk/core/clock.js';
import { decodeFrame, encodeFrame } from '../../sdk/wire/frame.js';
import type { BusMessage } from './bus.js';

const macBytes = 16;
const nodeBytes = 16;
const headBytes = macBytes + nodeBytes + 8;
const carried: readonly string[] = ['changes', 'presence', 'subscribe', 'ping'] satisfies BusMessage['type'][];

export class Envelopes {
  private sent = 0n;
  /** The last count heard of each node. */
  private readonly counts = new Map<string, bigint>();

  /** @param secret  shared by the nodes of one database, and nobody else */
  constructor(private readonly secret: string, private readonly now: () => number = Date.now) {}

  /** @param node  a UUID */
  seal(node: string, topic: string, message: BusMessage): Buffer {
    const frame = encodeFrame(message, stampOf(this.now()));
    const sealed = Buffer.allocUnsafe(headBytes + frame.length);
    sealed.write(node.replaceAll('-', ''), macBytes, nodeBytes, 'hex');
    sealed.writeBigUInt64BE((this.sent += 1n), macBytes + nodeBytes);
    sealed.set(frame, headBytes);
    this.mac(topic, sealed).copy(sealed, 0);
    return sealed;
  }

  /** @returns null for what no node of this database said, or said before */
  open(topic: string, sealed: Buffer): { message: BusMessage; node: string } | null {
    if (sealed.length < headBytes || !timingSafeEqual(sealed.subarray(0, macBytes), this.mac(topic, sealed))) return null;
    const node = uuidOf(sealed.toString('hex', macBytes, macBytes + nodeBytes));
    const count = sealed.readBigUInt64BE(macBytes + nodeBytes);
    if (count <= (this.counts.get(node) ?? 0n)) return null;
    this.counts.set(node, count);
    const message = readFrame(sealed.subarray(headBytes));
    return message && { message, node };
  }

  private mac(topic: string, sealed: Buffer): Buffer {
    const topicBytes = Buffer.from(topic);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(topicBytes.length);
    return createHmac('sha256', this.secret).update(length).update(topicBytes).update(sealed.subarray(macBytes)).digest().subarray(0, macBytes);
  }
}

function readFrame(bytes: Uint8Array): BusMessage | null {
  try {
    // A copy, aligned and its own: what it is cut from belongs to the broker's client.
    const { message } = decodeFrame(bytes.slice(), Number.MAX_SAFE_INTEGER);
    return carried.includes(message.type) ? (message as BusMessage) : null;
  } catch {
    return null;
  }
}

function uuidOf(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
