// The bus of a single process: a function call. Several servers in one process may share it.

import type { Bus, Growth } from './bus.js';

export class LocalBus implements Bus {
  private readonly listeners = new Map<string, Set<(growth: Growth) => void>>();

  publish(growth: Growth): void {
    for (const listener of [...(this.listeners.get(growth.document) ?? [])]) listener(growth);
  }

  subscribe(document: string, listener: (growth: Growth) => void): () => void {
    let listeners = this.listeners.get(document);
    if (listeners === undefined) this.listeners.set(document, (listeners = new Set()));
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(document) === listeners) this.listeners.delete(document);
    };
  }

  async close(): Promise<void> {
    this.listeners.clear();
  }
}
