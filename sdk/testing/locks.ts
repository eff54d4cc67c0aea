// Web Locks for tests: exclusive locks among everything that shares one FakeLockManager.

interface Request {
  grant(lock: Lock | null): void;
  /** The lock was taken from it. */
  rob(): void;
}

interface Held { by: Request; queue: Request[] }

export class FakeLockManager implements LockManager {
  private readonly locks = new Map<string, Held>();

  request(name: string, ...rest: unknown[]): Promise<never> {
    return this.ask(name, (rest.length > 1 ? rest[0] : {}) as LockOptions, rest.at(-1) as (lock: Lock | null) => unknown).promise as Promise<never>;
  }

  /** A tab's own door to the locks; `end` takes away whatever it holds and waits for, as the browser does when it dies. */
  tab(): { locks: Pick<LockManager, 'request'>; end(): void } {
    const ends: (() => void)[] = [];
    const request = (name: string, ...rest: unknown[]) => {
      const { promise, end } = this.ask(name, (rest.length > 1 ? rest[0] : {}) as LockOptions, rest.at(-1) as (lock: Lock | null) => unknown);
      ends.push(end);
      return promise;
    };
    return { locks: { request: request as LockManager['request'] }, end: () => ends.forEach((end) => end()) };
  }

  async query(): Promise<LockManagerSnapshot> {
    return { held: [...this.locks.keys()].map((name) => ({ name, mode: 'exclusive' as const })), pending: [] };
  }

  private ask(name: string, { ifAvailable = false, steal = false }: LockOptions, callback: (lock: Lock | null) => unknown) {
    let isEnded = false;
    let request!: Request;
    const promise = new Promise((resolve, reject) => {
      const grant = async (lock: Lock | null) => {
        try {
          resolve(await callback(lock));
        } catch (error) {
          reject(error);
        } finally {
          if (lock) this.release(name, request);
        }
      };
      request = { grant, rob: () => reject(new DOMException('stolen', 'AbortError')) };
    });
    // Never within the call itself: a browser asks another process first.
    queueMicrotask(() => { if (!isEnded) this.enter(name, ifAvailable, steal, request); });
    const end = () => {
      isEnded = true;
      this.release(name, request);
    };
    return { promise, end };
  }

  private enter(name: string, ifAvailable: boolean, steal: boolean, request: Request): void {
    const held = this.locks.get(name);
    if (!held || steal) {
      this.locks.set(name, { by: request, queue: held?.queue ?? [] });
      held?.by.rob();
      request.grant({ name, mode: 'exclusive' });
    } else if (ifAvailable) {
      request.grant(null);
    } else {
      held.queue.push(request);
    }
  }

  /** Of a request that holds the lock, or waits for it. */
  private release(name: string, request: Request): void {
    const held = this.locks.get(name);
    if (!held) return;
    if (held.by !== request) {
      held.queue = held.queue.filter((each) => each !== request);
      return;
    }
    const next = held.queue.shift();
    if (!next) return void this.locks.delete(name);
    held.by = next;
    next.grant({ name, mode: 'exclusive' });
  }
}
