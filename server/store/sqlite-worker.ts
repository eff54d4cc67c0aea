// The store's thread. Takes calls one at a time, in order, and answers each; SqliteLog does the work.

import { parentPort, workerData } from 'node:worker_threads';
import { HeadwaterError } from '../../sdk/core/errors.js';
import { unpackAppends, type Call, type PackedAppends, type Reply } from './sqlite-call.js';
import { SqliteLog } from './sqlite-log.js';
import type { LogSlice } from './store.js';

const port = parentPort!;
let log: SqliteLog;

const methods: Record<string, (...args: never[]) => unknown> = {
  async open() {
    log = await SqliteLog.open(workerData.path, { readOnly: workerData.readOnly });
    return { epoch: log.epoch, secret: log.secret, kind: log.kind };
  },
  append: (packed: PackedAppends) => log.append(unpackAppends(packed)),
};

port.on('message', async ({ id, method, args }: Call) => {
  try {
    const result = await invoke(method, args);
    port.postMessage({ id, result } satisfies Reply, transferable(method, result));
  } catch (cause) {
    port.postMessage({ id, error: describe(cause) } satisfies Reply);
  }
});

function invoke(method: string, args: unknown[]): unknown {
  if (method in methods) return methods[method](...(args as never[]));
  return (log as unknown as Record<string, (...args: unknown[]) => unknown>)[method](...args);
}

/** A slice's buffer was made for this reply; giving it away spares a copy. */
function transferable(method: string, result: unknown): ArrayBuffer[] {
  return method === 'readSince' ? [(result as LogSlice).bytes.buffer as ArrayBuffer] : [];
}

function describe(cause: unknown) {
  if (cause instanceof HeadwaterError) {
    return { code: cause.code, message: cause.message, details: cause.details };
  }
  return { code: 'storage_failed' as const, message: (cause as Error).message, details: {} };
}
