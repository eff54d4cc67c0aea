// A real server: its own process, a database in a temporary folder, a port of its own. Kill it, start it again.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.js';

export interface ServerProcessOptions {
  transport?: 'uws' | 'ws';
  /** Instead of a SQLite file in the process's folder. */
  database?: string;
  /** Further flags of `headwater serve`. */
  flags?: string[];
  /** Beside that of this process. */
  environment?: Record<string, string>;
}

export interface StoredDocument {
  id: string;
  lsn: number;
  data: Readonly<Record<string, unknown>>;
  digest: string;
}

const cli = fileURLToPath(new URL('../cli.js', import.meta.url));
const startMsMax = 15_000;
const logLinesMax = 40;

export class ServerProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'headwater-'));
  readonly file = join(this.folder, 'data.db');
  readonly database: string;
  #child: ChildProcess | undefined;
  #log: string[] = [];

  private constructor(readonly port: number, readonly options: ServerProcessOptions) {
    this.database = options.database ?? `sqlite:${this.file}`;
  }

  static async start(options: ServerProcessOptions = {}): Promise<ServerProcess> {
    const server = new ServerProcess(await freePort(), options);
    await server.resume();
    return server;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What the process last printed: for the message of a failure. */
  get log(): string {
    return this.#log.join('\n');
  }

  /** Starts the process on the files and the port it had. Resolves when it answers. */
  async resume(): Promise<void> {
    const { transport, flags = [], environment } = this.options;
    const args = ['serve', '--port', String(this.port), '--database', this.database, ...(transport ? ['--transport', transport] : []), ...flags];
    const child = spawn(process.execPath, ['--no-warnings', cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    this.#child = child;
    const keep = (chunk: Buffer) => { this.#log = [...this.#log, chunk.toString().trimEnd()].slice(-logLinesMax); };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    await this.#answering(child);
  }

  /** As a power cut would, as far as the process is concerned. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Lets the server drain. @returns its exit code */
  async stop(): Promise<number | null> {
    return this.#end('SIGTERM');
  }

  async document(id: string): Promise<StoredDocument> {
    return storedDocument(this.http, id);
  }

  /** Runs another command of the CLI on this database, with the server stopped. @returns what it printed */
  async command(name: string, ...args: string[]): Promise<string> {
    const child = spawn(process.execPath, ['--no-warnings', cli, name, '--database', this.database, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString(); });
    child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString(); });
    const code = await exited(child);
    if (code !== 0) throw new Error(`headwater ${name} ended with ${code}: ${err || out}`);
    return out;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = exited(child);
    child.kill(signal);
    return ended;
  }

  async #answering(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + startMsMax;
    while (Date.now() < deadline) {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${this.log}`);
      if (await fetch(`${this.http}/health`).then(() => true, () => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`the server did not answer within ${startMsMax} ms:\n${this.log}`);
  }
}

/** What a server has of a document, over its HTTP API. */
export async function storedDocument(http: string, id: string): Promise<StoredDocument> {
  const answer = await fetch(`${http}/v1/documents/${encodeURIComponent(id)}`);
  if (!answer.ok) throw new Error(`GET /v1/documents/${id} answered ${answer.status}: ${await answer.text()}`);
  return await answer.json() as StoredDocument;
}

function exited(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}
