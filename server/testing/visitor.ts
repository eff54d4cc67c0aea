// Somebody at the other end of a real socket, by hand: sends literal messages, remembers what comes.

import { request as httpRequest } from 'node:http';
import { newReplicaId } from '../../sdk/core/replica.js';
import { decodeFrame, encodeFrame } from '../../sdk/wire/frame.js';
import type { Message } from '../../sdk/wire/message.js';
import { TestWebSocket } from '../transport/ws.js';

export type MessageOf<Type extends Message['type']> = Extract<Message, { type: Type }>;

export interface VisitorOptions {
  /** In hello. */
  token?: string;
  /** In the handshake. */
  handshakeToken?: string;
  headers?: Record<string, string>;
  replica?: string;
}

export class Visitor {
  readonly messages: Message[] = [];
  readonly replica: string;
  epoch = 'none';
  /** The close code, or the HTTP status of a refused handshake. */
  closed: number | null = null;
  reason = '';
  private readonly socket: TestWebSocket;
  private isOpen = false;
  private nonce = 0;

  constructor(port: number, private readonly options: VisitorOptions = {}) {
    this.replica = options.replica ?? newReplicaId();
    const { handshakeToken, headers } = options;
    const protocols = ['headwater.v1', ...(handshakeToken === undefined ? [] : [`headwater.token.${handshakeToken}`])];
    this.socket = new TestWebSocket(`ws://127.0.0.1:${port}`, protocols, { headers });
    this.socket.on('open', () => (this.isOpen = true));
    this.socket.on('message', (data: Buffer) => this.messages.push(decodeFrame(new Uint8Array(data)).message));
    this.socket.on('close', (code, reason) => this.ended(code, reason.toString()));
    this.socket.on('unexpected-response', (request, answer) => (this.ended(answer.statusCode!, ''), request.destroy()));
    this.socket.on('error', () => undefined);
  }

  /** The handshake is over. */
  opened(): Promise<void> {
    return until(() => this.isOpen || this.closed !== null);
  }

  /** Says hello. @returns 'welcome', or the code it was closed with */
  async enter(): Promise<'welcome' | number> {
    await this.opened();
    if (this.closed !== null) return this.closed;
    const { token } = this.options;
    this.send({ type: 'hello', protocol: 1, replica: this.replica, ...(token !== undefined && { token }) });
    await until(() => this.of('welcome').length > 0 || this.closed !== null);
    if (this.closed !== null) return this.closed;
    this.epoch = (await this.next('welcome')).epoch;
    return 'welcome';
  }

  send(message: Message): void {
    this.sendBytes(encodeFrame(message, 1n));
  }

  sendBytes(bytes: Uint8Array): void {
    this.socket.send(bytes);
  }

  subscribe(document: string, lsn = 0): void {
    this.send({ type: 'subscribe', document, lsn, epoch: this.epoch });
  }

  /** Everything sent before has been taken in, and what the server said before is here. */
  async settled(): Promise<void> {
    const nonce = (this.nonce += 1);
    this.send({ type: 'ping', nonce });
    await until(() => this.closed !== null || this.of('pong').some((pong) => pong.nonce === nonce));
  }

  of<Type extends Message['type']>(type: Type): MessageOf<Type>[] {
    return this.messages.filter((message): message is MessageOf<Type> => message.type === type);
  }

  /** The first message of a type; it is here no longer. */
  async next<Type extends Message['type']>(type: Type, timeoutMs?: number): Promise<MessageOf<Type>> {
    await until(() => this.of(type).length > 0, timeoutMs);
    const [message] = this.of(type);
    this.messages.splice(this.messages.indexOf(message), 1);
    return message;
  }

  async gone(timeoutMs?: number): Promise<number> {
    await until(() => this.closed !== null, timeoutMs);
    return this.closed!;
  }

  leave(): void {
    this.socket.terminate();
  }

  private ended(code: number, reason: string): void {
    this.closed ??= code;
    this.reason ||= reason;
  }
}

export interface Answer { status: number; headers: NodeJS.Dict<string | string[]>; body: any }

export function ask(
  port: number, method: string, path: string, { token, headers, body }: { token?: string; headers?: Record<string, string>; body?: unknown } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const all = { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    const request = httpRequest({ port, host: '127.0.0.1', method, path, headers: all, agent: false }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => (text += chunk));
      answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body: parsed(text) }));
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export async function until(claim: () => boolean | Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await claim())) {
    if (Date.now() > deadline) throw new Error(`not so after ${timeoutMs} ms: ${claim}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
