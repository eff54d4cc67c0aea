// SQLite in a browser, as the page sees it: a worker that has the files (sqlite-worker.ts), one per storage.

import { RemoteStorage } from './remote.js';
import type { Storage } from './storage.js';

export interface SqliteBrowserOptions {
  /** For bundlers that do not see `new Worker(new URL(…))` in a package: makes a worker of `headwater/storage-sqlite-worker`. */
  worker?: (options: { name: string }) => Worker;
  /** Waits before another worker is tried; their number bounds the tries. */
  backoffMs?: readonly number[];
}

/**
 * A storage for `open({ storage })` in the origin private file system, shared by all tabs. Opens at its first use.
 *
 * @param path  of the database file
 */
export function sqliteStorage(path: string, { worker = defaultWorker, backoffMs }: SqliteBrowserOptions = {}): Storage {
  // The name of a worker is what it knows before its first message.
  return new RemoteStorage('sqlite', () => worker({ name: path }), backoffMs);
}

function defaultWorker({ name }: { name: string }): Worker {
  return new Worker(new URL('./sqlite-worker.js', import.meta.url), { type: 'module', name });
}
