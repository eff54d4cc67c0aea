// Listeners: functions, called in the order they came. And the queue that keeps what they are told in order.
//
// A listener that throws does not stop the others, nor the edit that led to the call: its error is thrown on its own,
// where the runtime reports uncaught errors.

export class Listeners<T extends unknown[]> {
  #listeners = new Set<(...args: T) => void>();
  /** The same as an array, until one comes or goes: whoever goes through it goes through those there were when it began. */
  #told: ((...args: T) => void)[] | null = null;

  get count(): number { return this.#listeners.size; }

  /** @returns stops it; harmless when called again */
  add(listener: (...args: T) => void): () => void {
    const own = (...args: T) => listener(...args);
    this.#listeners.add(own);
    this.#told = null;
    return () => {
      if (this.#listeners.delete(own)) this.#told = null;
    };
  }

  /** One that is removed meanwhile is not called any more; one that is added meanwhile, not yet. */
  emit(...args: T): void {
    for (const listener of (this.#told ??= [...this.#listeners])) {
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
    if (this.#isRunning || this.#calls.length === 0) return;
    this.#isRunning = true;
    try {
      for (let call = this.#calls.shift(); call; call = this.#calls.shift()) call();
    } finally {
      this.#isRunning = false;
    }
  }
}
