// The door to Postgres: a pool of connections that is thrown away whole as soon as one of them misbehaves.
//
// Every call is one statement in its own transaction, so a lost connection can never leave one open behind it. What
// became of a statement whose connection died is unknown here; the caller repeats it, and it must be of a kind that
// may be repeated. A fresh pool instead of a mended one: a reconnecting client library carries state over from before
// the cut, and a connection that survived a failover may still be to the old primary, which takes no writes.

import { Socket } from 'node:net';
import type { Options, Sql } from 'postgres';
import { HeadwaterError } from '../../sdk/core/errors.js';

export type { Sql };
/** The library's types leave out that it can be given its sockets. */
type Library = (url: string, options: Options<never> & { socket(address: Address): Promise<Socket> }) => Sql;

export interface PoolOptions {
  /** postgres://user:password@host:port/database?… as the library takes it. */
  url: string;
  connectionsMax: number;
  /** The server gives a statement up after this long … */
  statementMsMax: number;
  /** … and this much later a connection that has not said so is taken for dead. */
  silenceMsMax: number;
  /** Run-time settings of every connection, search_path among them. */
  settings: Record<string, string>;
}

const connectMsMax = 5_000;
const pauseMsMax = 500;
const leaveMsMax = 1_000;

export class PostgresPool {
  private sql: Sql | null = null;
  private readonly retired = new Set<Sql>();
  private isClosed = false;
  private free: number;
  private readonly waiting: (() => void)[] = [];
  private readonly doorbell: Doorbell;

  /** Connects to nothing yet. @throws HeadwaterError `storage_failed` when the library is not installed */
  static async open(options: PoolOptions): Promise<PostgresPool> {
    return new PostgresPool(await loadLibrary(), options);
  }

  private constructor(private readonly library: Library, private readonly options: PoolOptions) {
    this.free = options.connectionsMax;
    this.doorbell = new Doorbell(2 * options.connectionsMax);
  }

  /**
   * One attempt.
   *
   * @throws HeadwaterError `unavailable` when another attempt may do better; whether this one had an effect is unknown
   * @throws HeadwaterError `storage_failed` when somebody has to do something first
   */
  async once<Result>(work: (sql: Sql) => Promise<Result>, msMax = this.msMax): Promise<Result> {
    await this.turn();
    try {
      return await this.attempt(work, msMax);
    } finally {
      this.free += 1;
      this.waiting.shift()?.();
    }
  }

  /**
   * Attempts until one succeeds or `patienceMs` are over. `work` must be of a kind that may be repeated.
   *
   * @param msMax  of one attempt, where it takes longer than a statement may
   */
  async insist<Result>(work: (sql: Sql) => Promise<Result>, patienceMs: number, msMax = this.msMax): Promise<Result> {
    const untilMs = Date.now() + patienceMs;
    for (let pauseMs = 10; ; pauseMs = Math.min(pauseMsMax, 2 * pauseMs)) {
      try {
        return await this.once(work, msMax);
      } catch (cause) {
        const mayPass = (cause as HeadwaterError).code === 'unavailable';
        if (!mayPass || Date.now() + pauseMs > untilMs) throw cause;
      }
      await pause(pauseMs * (0.5 + Math.random()));
    }
  }

  /**
   * Hears what is notified on a channel, on a connection beside the pool's. It may die without a word: who must not miss
   * anything notifies itself now and then, and listens anew when it does not hear that.
   *
   * @param begun  now it hears; again after a connection that was cut, with what was said in between lost
   * @returns stops listening
   */
  async listen(channel: string, heard: (payload: string) => void, begun: () => void): Promise<() => Promise<void>> {
    const sql = this.connect();
    const leave = () => sql.end({ timeout: 1 }).catch(() => undefined);
    try {
      await within(sql.listen(channel, heard, begun), this.options.statementMsMax);
      return leave;
    } catch (cause) {
      void leave();
      throw problemOf(cause).error;
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([...this.retired, ...(this.sql === null ? [] : [this.sql])].map((sql) => sql.end({ timeout: 1 })));
  }

  /** A connection for each call that runs: what waits does so here, and goes to the pool that is good by then. */
  private async turn(): Promise<void> {
    while (this.free === 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.free -= 1;
  }

  private get msMax(): number {
    return this.options.statementMsMax + this.options.silenceMsMax;
  }

  private async attempt<Result>(work: (sql: Sql) => Promise<Result>, msMax: number): Promise<Result> {
    if (this.isClosed) throw closed();
    const sql = (this.sql ??= this.connect());
    try {
      return await within(work(sql), msMax);
    } catch (cause) {
      if (cause instanceof HeadwaterError) throw cause;
      const problem = problemOf(cause);
      if (problem.isConnectionLost) this.retire(sql);
      // A closing store cuts off its own calls.
      throw this.isClosed ? closed() : problem.error;
    }
  }

  private connect(): Sql {
    const { url, connectionsMax, statementMsMax, settings } = this.options;
    return this.library(url, {
      max: connectionsMax,
      connect_timeout: connectMsMax / 1_000,
      fetch_types: false,
      onnotice: () => undefined,
      socket: (options) => this.doorbell.ring(options),
      connection: { application_name: 'headwater', statement_timeout: statementMsMax, ...settings },
    });
  }

  /** What is still running on the old connections may end; nothing new goes there. */
  private retire(sql: Sql): void {
    if (this.sql === sql) this.sql = null;
    if (this.retired.has(sql)) return;
    this.retired.add(sql);
    void sql.end({ timeout: leaveMsMax / 1_000 }).catch(() => undefined).then(() => this.retired.delete(sql));
  }
}

async function loadLibrary(): Promise<Library> {
  try {
    return (await import('postgres')).default as unknown as Library;
  } catch (cause) {
    throw new HeadwaterError(
      'storage_failed', 'a postgres:// database needs a package that is not here: `npm install postgres`', { reason: (cause as Error).message },
    );
  }
}

/** Rejects when `work` takes longer; `work` itself goes on unheard. */
async function within<Result>(work: Promise<Result>, ms: number): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Silence(`no answer within ${ms} ms`)), ms);
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

class Silence extends Error {}

interface Address {
  host: string[];
  port: number[];
  path: string | false;
}

/**
 * Makes the sockets, in place of the library, which knocks again without a pause where a proxy takes a connection and
 * drops it. Of several hosts the next one is tried each time.
 */
class Doorbell {
  private rungMs: number[] = [];
  private next = 0;

  constructor(private readonly perSecondMax: number) {}

  async ring({ host, port, path }: Address): Promise<Socket> {
    this.rungMs = this.rungMs.filter((ms) => ms > Date.now() - 1_000);
    if (this.rungMs.length >= this.perSecondMax) await pause(100);
    this.rungMs.push(Date.now());
    const socket = new Socket();
    const at = this.next++ % host.length;
    if (path) return socket.connect(path);
    // The library takes the name from here for its messages, and to check a certificate.
    return Object.assign(socket, { host: host[at], port: port[at] }).connect(port[at], host[at]);
  }
}

function closed(): HeadwaterError {
  return new HeadwaterError('closed', 'the store is closed');
}

interface Problem {
  error: HeadwaterError;
  isConnectionLost: boolean;
}

/** What an error of the library or of the database means here, and what to do about it. */
function problemOf(cause: unknown): Problem {
  const { code = '', message } = cause as { code?: string; message: string };
  // A SQLSTATE is five characters and comes with a severity; all else is about the connection.
  if (!('severity' in (cause as object))) return lost(message || code, 'is it running, and is the address right?');
  const details = { sqlState: code };
  if (code === '25006') return lost(message, 'it takes no writes: a replica, or a primary being replaced', details);
  if (/^(08|57P0|53300)/.test(code)) return lost(message, 'it is starting, stopping or full', details);
  if (/^(40|55P03|57014|53200)/.test(code)) {
    return { error: new HeadwaterError('unavailable', `Postgres gave up a statement: ${message}; it is tried again`, details), isConnectionLost: false };
  }
  return { error: new HeadwaterError('storage_failed', `Postgres refuses: ${message}${adviceFor(code)}`, details), isConnectionLost: /^28|^3D/.test(code) };
}

function lost(message: string, advice: string, details: Record<string, unknown> = {}): Problem {
  return { error: new HeadwaterError('unavailable', `Postgres cannot be reached: ${message} (${advice})`, details), isConnectionLost: true };
}

function adviceFor(sqlState: string): string {
  if (sqlState.startsWith('28')) return '; check user and password of the database URL';
  if (sqlState === '3D000') return '; make the database first: createdb';
  if (sqlState === '42501') return '; grant the user rights on the schema';
  if (sqlState === '42P01' || sqlState === '42883') return '; run `headwater migrate`';
  if (sqlState === '53100') return '; make room on its disk';
  return '';
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
