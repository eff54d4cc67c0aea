// The bus of a single process: a function call. Several servers in one process may share it.

import type { Bus, BusListener, BusMessage } from './bus.js';
import { Listeners } from './listeners.js';

export class LocalBus implements Bus {
  readonly kind = 'local';
  private readonly listeners = new Listeners();

  publish(node: string, topic: string, message: BusMessage): void {
    for (const listener of this.listeners.of(topic)) listener.heard(message, node);
  }

  subscribe(topic: string, listener: BusListener): () => void {
    this.listeners.add(topic, listener);
    return () => void this.listeners.delete(topic, listener);
  }

  async close(): Promise<void> {
    this.listeners.clear();
  }
}
