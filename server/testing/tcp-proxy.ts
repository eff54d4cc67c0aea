// A wire between a server and its database that a test can cut: at once, or after so many bytes in one direction. Bytes
// that were let through before a cut have arrived; those after it never do.

import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

interface Pair {
  near: Socket;
  far: Socket;
}

export class TcpProxy {
  private readonly pairs = new Set<Pair>();
  private isRefusing = false;
  private isFrozen = false;
  /** Bytes still let through towards the database, or back from it, before everything is cut. */
  private left = { up: Infinity, down: Infinity };
  cuts = 0;
  /** Ever taken. */
  connections = 0;

  private constructor(private readonly listener: Server, private readonly target: { host: string; port: number }) {
    listener.on('connection', (near) => this.join(near));
  }

  static async start(target: { host: string; port: number }): Promise<TcpProxy> {
    const listener = createServer();
    const proxy = new TcpProxy(listener, target);
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  /** All connections, now. */
  cut(): void {
    this.cuts += 1;
    this.left = { up: Infinity, down: Infinity };
    for (const { near, far } of this.pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** All connections, once `bytes` more have gone in one direction. */
  cutAfter(direction: 'up' | 'down', bytes: number): void {
    this.left[direction] = bytes;
  }

  /** Takes connections and drops them, as a proxy does whose backend is gone. */
  refuse(isRefusing: boolean): void {
    this.isRefusing = isRefusing;
    if (isRefusing) this.cut();
  }

  /** Nothing goes through and nothing is cut, as when a machine hangs. */
  freeze(isFrozen: boolean): void {
    this.isFrozen = isFrozen;
    for (const { near, far } of this.pairs) for (const socket of [near, far]) isFrozen ? socket.pause() : socket.resume();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.listener.close(resolve));
  }

  private join(near: Socket): void {
    this.connections += 1;
    if (this.isRefusing) return void near.destroy();
    const pair = { near, far: connect(this.target) };
    this.pairs.add(pair);
    this.pipe(pair, near, pair.far, 'up');
    this.pipe(pair, pair.far, near, 'down');
    if (this.isFrozen) this.freeze(true);
  }

  private pipe(pair: Pair, from: Socket, to: Socket, direction: 'up' | 'down'): void {
    from.on('error', () => undefined);
    from.on('close', () => {
      this.pairs.delete(pair);
      to.end();
    });
    from.on('data', (chunk: Buffer) => {
      const through = Math.min(chunk.length, this.left[direction]);
      this.left[direction] -= through;
      if (through > 0) to.write(chunk.subarray(0, through));
      // What was let through is given the time to arrive before the wire is cut.
      if (this.left[direction] === 0) setTimeout(() => this.cut(), 2);
    });
  }
}
