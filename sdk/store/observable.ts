// Listeners: a set of functions, called in the order they came. And the queue that keeps what they are told in order.
//
// A listener that throws does not stop the others, nor the edit that led to the call: its error is thrown on its own,
// where the runtime reports uncaught errors.

export class Listeners<T extends unknown[]> {
  #listeners = new Set<(...args: T) => void>();

  get count(): number { return this.#listeners.size; }

  /** @returns stops it; harmless when called again */
  add(listener: (...args: T) => void): () => void {
    const own = (...args: T) => listener(...args);
    this.#listeners.add(own);
    return () => { this.#listeners.delete(own); };
  }

  /** One that is removed meanwhile is not called any more; one that is added meanwhile, not yet. */
  emit(...args: T): void {
    if (this.#listeners.size === 0) return;
    for (const listener of [...this.#listeners]) {
      try {
        if (this.#listeners.has(listener)) listener(...args);
      } catch (error) {
        queueMicrotask(() => { throw error; });
      }
    }
  }

  clear(): void { this.#listeners.clear(); }
}

/**
 * Runs calls in the order they were added, also when one of them adds more: a listener that edits causes events, and
 * listeners after it must hear of the first change first.
 */
export class CallQueue {
  #calls: (() => void)[] = [];
  #isRunning = false;

  add(call: (() => void) | null): void {
    if (call) this.#calls.push(call);
  }

  run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let call = this.#calls.shift(); call; call = this.#calls.shift()) call();
    } finally {
      this.#isRunning = false;
    }
  }
}
