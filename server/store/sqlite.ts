// The embedded store: SQLite in a worker thread, WAL, synchronous=FULL. This side turns calls into messages.
//
// An async method of `open` in the worker could let a later call overtake it, so nothing is sent before
// `open` has been answered; everything after that is synchronous over there, hence in order.

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { HeadwaterError } from '../../sdk/core/errors.js';
import { packAppends, type Call, type Reply } from './sqlite-call.js';
import type { Level } from '../access/level.js';
import type { Acl, Append, Appended, CorruptRecord, Dismissal, DocumentRow, HistoryEntry, LoggedRange, LogEntry, LogSlice, Store, StoredSnapshot } from './store.js';

interface Waiting {
  resolve(result: never): void;
  reject(error: HeadwaterError): void;
}

/**
 * Opens the database, making the file and its folder when they are missing.
 *
 * @param path  a file, or `:memory:` for a store that forgets
 * @throws HeadwaterError `storage_failed`
 */
export async function openSqliteStore(path: string, options: { readOnly?: boolean } = {}): Promise<Store> {
  if (path !== ':memory:' && !options.readOnly) makeFolder(path);
  const calls = new WorkerCalls({ path, readOnly: options.readOnly ?? false });
  try {
    const { epoch, secret, kind } = await calls.call<{ epoch: string; secret: string; kind: string }>('open');
    return new SqliteStore(calls, epoch, secret, kind, path !== ':memory:');
  } catch (cause) {
    await calls.end();
    throw cause;
  }
}

class SqliteStore implements Store {
  readonly data = null;

  /** @param isShared  another process may have the file open too */
  constructor(
    private readonly calls: WorkerCalls,
    readonly epoch: string,
    readonly secret: string,
    readonly kind: string,
    readonly isShared: boolean,
  ) {}

  append(entries: readonly Append[]): Promise<Appended[]> {
    const packed = packAppends(entries);
    const transfer = [packed.bytes.buffer as ArrayBuffer, packed.numbers.buffer as ArrayBuffer];
    return this.calls.call('append', [packed], transfer);
  }

  head(document: string): Promise<number> {
    return this.calls.call('head', [document]);
  }

  heads(documents: readonly string[]): Promise<number[]> {
    return this.calls.call('heads', [documents]);
  }

  readSince(document: string, lsn: number, bytesMax: number, through?: number): Promise<LogSlice> {
    return this.calls.call('readSince', [document, lsn, bytesMax, through]);
  }

  readAll(position: number, rowsMax: number): Promise<LogEntry[]> {
    return this.calls.call('readAll', [position, rowsMax]);
  }

  bytesSince(document: string, lsn: number): Promise<number> {
    return this.calls.call('bytesSince', [document, lsn]);
  }

  findRange(document: string, replica: string, seqFrom: number, seqTo: number): Promise<LoggedRange | null> {
    return this.calls.call('findRange', [document, replica, seqFrom, seqTo]);
  }

  readSnapshot(document: string, through?: number): Promise<StoredSnapshot | null> {
    return this.calls.call('readSnapshot', [document, through]);
  }

  writeSnapshot(document: string, lsn: number, bytes: Uint8Array): Promise<void> {
    return this.calls.call('writeSnapshot', [document, lsn, bytes]);
  }

  listDocuments(after: string, limit: number): Promise<DocumentRow[]> {
    return this.calls.call('listDocuments', [after, limit]);
  }

  readHistory(document: string, lsn: number, limit: number): Promise<HistoryEntry[]> {
    return this.calls.call('readHistory', [document, lsn, limit]);
  }

  lsnAt(document: string, timeMs: number): Promise<number> {
    return this.calls.call('lsnAt', [document, timeMs]);
  }

  compact(document: string, beforeMs: number, rowsMax: number): Promise<number> {
    return this.calls.call('compact', [document, beforeMs, rowsMax]);
  }

  findCompactable(beforeMs: number, limit: number): Promise<string[]> {
    return this.calls.call('findCompactable', [beforeMs, limit]);
  }

  corruptRecords(): Promise<CorruptRecord[]> {
    return this.calls.call('corruptRecords', []);
  }

  readAcl(document: string): Promise<Acl> {
    return this.calls.call('readAcl', [document]);
  }

  writeAcl(document: string, user: string, level: Level | null): Promise<void> {
    return this.calls.call('writeAcl', [document, user, level]);
  }

  dismiss(user: string, dismissal: Dismissal): Promise<void> {
    return this.calls.call('dismiss', [user, dismissal]);
  }

  dismissalOf(user: string): Promise<Dismissal> {
    return this.calls.call('dismissalOf', [user]);
  }

  accessVersion(): Promise<number> {
    return this.calls.call('accessVersion');
  }

  async close(): Promise<void> {
    if (this.calls.ended) return;
    await this.calls.call('close');
    await this.calls.end();
  }
}

/** Numbered calls to the worker. When the thread dies every open call fails, as does every later one. */
class WorkerCalls {
  ended = false;
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;

  constructor(data: { path: string; readOnly: boolean }) {
    this.worker = new Worker(new URL('./sqlite-worker.js', import.meta.url), {
      workerData: data,
      // Flags of the parent are not the worker's; some, like --input-type, would even stop it.
      execArgv: [],
    });
    this.worker.on('message', (reply: Reply) => this.answer(reply));
    this.worker.on('error', (cause) => this.fail(`the store's thread failed: ${(cause as Error).message}`));
    this.worker.on('exit', () => this.fail(`the store's thread has ended`));
  }

  call<Result>(method: string, args: unknown[] = [], transfer: ArrayBuffer[] = []): Promise<Result> {
    if (this.ended) return Promise.reject(new HeadwaterError('closed', 'the store is closed'));
    const id = this.nextId++;
    return new Promise<Result>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, method, args } satisfies Call, transfer);
    });
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.worker.terminate();
  }

  private answer(reply: Reply): void {
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if ('error' in reply) {
      waiting?.reject(new HeadwaterError(reply.error.code, reply.error.message, reply.error.details));
    } else {
      waiting?.resolve(reply.result as never);
    }
  }

  private fail(message: string): void {
    this.ended = true;
    for (const waiting of this.waiting.values()) waiting.reject(new HeadwaterError('storage_failed', message));
    this.waiting.clear();
  }
}

function makeFolder(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (cause) {
    throw new HeadwaterError('storage_failed', `cannot make the folder of ${path}: ${(cause as Error).message}`, { path });
  }
}
