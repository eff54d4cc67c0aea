// Listeners: a set of functions, called in the order they came.
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

  emit(...args: T): void {
    if (this.#listeners.size === 0) return;
    for (const listener of [...this.#listeners]) {
      try {
        listener(...args);
      } catch (error) {
        queueMicrotask(() => { throw error; });
      }
    }
  }

  clear(): void { this.#listeners.clear(); }
}
