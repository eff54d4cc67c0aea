// Who listens to which topic of a bus, within this process.

import type { BusListener } from './bus.js';

export class Listeners {
  private readonly topics = new Map<string, Set<BusListener>>();

  /** @returns whether it is the topic's first */
  add(topic: string, listener: BusListener): boolean {
    const listeners = this.topics.get(topic);
    if (listeners !== undefined) return !listeners.add(listener);
    this.topics.set(topic, new Set([listener]));
    return true;
  }

  /** @returns whether it was the topic's last */
  delete(topic: string, listener: BusListener): boolean {
    const listeners = this.topics.get(topic);
    if (listeners === undefined || !listeners.delete(listener) || listeners.size > 0) return false;
    return this.topics.delete(topic);
  }

  of(topic: string): readonly BusListener[] {
    return [...(this.topics.get(topic) ?? [])];
  }

  get all(): readonly BusListener[] {
    return [...this.topics.values()].flatMap((listeners) => [...listeners]);
  }

  has(topic: string): boolean {
    return this.topics.has(topic);
  }

  clear(): void {
    this.topics.clear();
  }
}
