// A WebSocket client for a thousand sockets in one process: frames in, frames out, and nothing else.
//
// The load should cost little next to the server it measures, and a client library's event objects and buffers cost more
// than the server does. One read buffer serves all sockets; a frame handed on is a view into it, unless it came in
// pieces. Masking is by a key of zeros, which RFC 6455 allows and which leaves the payload as it is.

import { connect, type Socket } from 'node:net';

export interface FrameSocketEvents {
  open(): void;
  /** A whole binary message. The bytes are good until it returns. */
  frame(bytes: Uint8Array): void;
  close(reason: string): void;
}

const received = Buffer.alloc(256 * 1024);
const endOfHead = Buffer.from('\r\n\r\n');
const opcode = { binary: 2, close: 8, ping: 9, pong: 10 };

export class FrameSocket {
  /** What is left of a frame that has not come in whole. */
  private rest: Buffer | null = null;
  private isOpen = false;
  private isDone = false;
  private readonly socket: Socket;

  constructor(port: number, path: string, protocol: string, private readonly events: FrameSocketEvents) {
    this.socket = connect({
      port, host: '127.0.0.1',
      onread: { buffer: received, callback: (bytes) => { this.read(received.subarray(0, bytes)); return true; } },
    });
    this.socket.setNoDelay(true);
    this.socket.on('connect', () => this.socket.write(handshake(port, path, protocol)));
    this.socket.on('error', (cause) => this.done(cause.message));
    this.socket.on('close', () => this.done('cut'));
  }

  send(frame: Uint8Array): void {
    this.write(opcode.binary, frame);
  }

  /** From now on nothing is read, as by a tab that is asleep: the network fills up, then the server. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.isDone = true;
    this.socket.destroy();
  }

  private read(chunk: Buffer): void {
    const bytes = this.rest === null ? chunk : Buffer.concat([this.rest, chunk]);
    let at = 0;
    if (!this.isOpen) {
      const end = bytes.indexOf(endOfHead);
      if (end < 0) return this.keep(bytes, 0);
      if (!bytes.subarray(0, 12).equals(Buffer.from('HTTP/1.1 101'))) return this.done(bytes.toString('latin1', 0, end));
      this.isOpen = true;
      this.events.open();
      at = end + endOfHead.length;
    }
    this.rest = null;
    for (let next = this.readFrame(bytes, at); next > 0 && !this.isDone; next = this.readFrame(bytes, at)) at = next;
    this.keep(bytes, at);
  }

  /** @returns where the next frame begins, 0 when this one is not whole */
  private readFrame(bytes: Buffer, at: number): number {
    if (at + 2 > bytes.length) return 0;
    const [start, length] = payloadOf(bytes, at);
    if (start + length > bytes.length) return 0;
    const payload = bytes.subarray(start, start + length);
    const kind = bytes[at] & 15;
    if (kind === opcode.binary) this.events.frame(payload);
    else if (kind === opcode.ping) this.write(opcode.pong, payload);
    else if (kind === opcode.close) this.done(`closed with ${length >= 2 ? payload.readUInt16BE(0) : 1005}: ${payload.toString('utf8', 2)}`);
    return start + length;
  }

  private keep(bytes: Buffer, at: number): void {
    this.rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : null;
  }

  private write(kind: number, payload: Uint8Array): void {
    if (this.isDone) return;
    const head = payload.length < 126 ? 6 : payload.length < 65_536 ? 8 : 14;
    const frame = Buffer.alloc(head + payload.length);
    frame[0] = 0x80 | kind;
    frame[1] = 0x80 | (head === 6 ? payload.length : head === 8 ? 126 : 127);
    if (head === 8) frame.writeUInt16BE(payload.length, 2);
    if (head === 14) frame.writeBigUInt64BE(BigInt(payload.length), 2);
    frame.set(payload, head);
    this.socket.write(frame);
  }

  private done(reason: string): void {
    if (this.isDone) return;
    this.end();
    this.events.close(reason);
  }
}

/** Where a frame's payload starts, and how long it is; past the end when the head itself is not whole. */
function payloadOf(bytes: Buffer, at: number): [start: number, length: number] {
  const short = bytes[at + 1] & 127;
  if (short < 126) return [at + 2, short];
  const start = at + (short === 126 ? 4 : 10);
  if (start > bytes.length) return [start, 0x7fff_ffff];
  return [start, short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))];
}

function handshake(port: number, path: string, protocol: string): string {
  return [
    `GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, 'Upgrade: websocket', 'Connection: Upgrade',
    'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: bmV2ZXIgbG9va2VkIGF0IQ==',
    ...(protocol === '' ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]), '\r\n',
  ].join('\r\n');
}
