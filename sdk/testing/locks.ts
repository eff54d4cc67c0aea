// Web Locks for tests: exclusive locks among everything that shares one FakeLockManager.

interface Waiting {
  grant(lock: Lock | null): void;
}

export class FakeLockManager implements LockManager {
  private readonly held = new Map<string, Waiting[]>();

  request(name: string, ...rest: unknown[]): Promise<never> {
    const callback = rest.pop() as (lock: Lock | null) => unknown;
    const { ifAvailable = false } = (rest[0] ?? {}) as LockOptions;
    return new Promise((resolve, reject) => {
      const grant = async (lock: Lock | null) => {
        try {
          resolve((await callback(lock)) as never);
        } catch (error) {
          reject(error);
        } finally {
          if (lock) this.release(name);
        }
      };
      // Never within the call itself: a browser asks another process first.
      queueMicrotask(() => this.enter(name, ifAvailable, { grant }));
    });
  }

  async query(): Promise<LockManagerSnapshot> {
    return { held: [...this.held.keys()].map((name) => ({ name, mode: 'exclusive' as const })), pending: [] };
  }

  private enter(name: string, ifAvailable: boolean, request: Waiting): void {
    const queue = this.held.get(name);
    if (!queue) {
      this.held.set(name, []);
      request.grant({ name, mode: 'exclusive' });
    } else if (ifAvailable) {
      request.grant(null);
    } else {
      queue.push(request);
    }
  }

  private release(name: string): void {
    const next = this.held.get(name)?.shift();
    if (next) next.grant({ name, mode: 'exclusive' });
    else this.held.delete(name);
  }
}
