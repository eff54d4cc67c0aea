// What stands before several nodes: every connection goes to the next node that takes one.

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Balancer {
  private next = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly listener: Server, private readonly ports: readonly number[]) {
    listener.on('connection', (near) => this.forward(near, 0));
  }

  static async start(ports: readonly number[]): Promise<Balancer> {
    const listener = createServer();
    const balancer = new Balancer(listener, ports);
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    return balancer;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.listener.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.listener.close(resolve));
  }

  private forward(near: Socket, tries: number): void {
    if (tries === this.ports.length) return void near.destroy();
    near.on('error', () => undefined);
    const far = connect(this.ports[this.next++ % this.ports.length], '127.0.0.1');
    far.once('error', () => this.forward(near, tries + 1));
    far.once('connect', () => {
      far.removeAllListeners('error').on('error', () => near.destroy());
      for (const socket of [near, far]) this.sockets.add(socket);
      near.on('close', () => far.destroy()).pipe(far);
      far.on('close', () => near.destroy()).pipe(near);
    });
  }
}
