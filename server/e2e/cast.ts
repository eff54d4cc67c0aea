// The authors of a replay, each a process of its own, and what they report.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { AuthorOptions, AuthorResult, Order, Report } from './replay-author.js';

const script = fileURLToPath(new URL('./replay-author.js', import.meta.url));

interface Member {
  process: ChildProcess;
  replica: string | undefined;
  played: number;
  acked: number;
  connection: string;
  result: AuthorResult | undefined;
}

export class Cast {
  readonly #members: Member[];
  readonly #failed: Promise<never>;
  #changed: () => void = () => {};
  #fail: (error: Error) => void = () => {};
  #isOver = false;

  constructor(authors: number, options: Omit<AuthorOptions, 'author'>) {
    this.#failed = new Promise((_, reject) => { this.#fail = reject; });
    this.#failed.catch(() => {});
    this.#members = Array.from({ length: authors }, (_, author) => this.#hire({ ...options, author }));
  }

  get acked(): number {
    return this.#members.reduce((sum, { acked }) => sum + acked, 0);
  }

  get results(): AuthorResult[] {
    return this.#members.flatMap(({ result }) => result ?? []);
  }

  /** Every author as one short note, for a progress line. */
  get note(): string {
    return this.#members.map(({ played, acked, connection }) => `${played - acked} waiting (${connection})`).join(', ');
  }

  /** Resolves when every author has a replica id; then they are told each other's, and begin. */
  async start(): Promise<void> {
    await this.#until(() => this.#members.every(({ replica }) => replica !== undefined), () => {});
    const replicas = this.#members.map(({ replica }) => replica!);
    for (const { process } of this.#members) process.send({ type: 'start', replicas } satisfies Order);
  }

  /** Resolves when all have finished. `look` is called with every report; if none comes forward for `stallMs`, it throws. */
  async finished(look: () => void, stallMs: number): Promise<void> {
    let best = -1;
    let movedMs = Date.now();
    const timer = setInterval(() => {
      if (this.acked > best) [best, movedMs] = [this.acked, Date.now()];
      if (Date.now() - movedMs > stallMs) this.#fail(new Error(`nothing was acked for ${stallMs / 1_000} s: ${this.#standings()}`));
    }, 500);
    await this.#until(() => this.results.length === this.#members.length, look).finally(() => clearInterval(timer));
  }

  async leave(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#members.map(({ process }) => left(process)));
  }

  #standings(): string {
    return this.#members.map(({ played, acked, connection }, author) => `author ${author} has played ${played}, ${acked} acked (${connection})`).join(', ');
  }

  #hire(options: AuthorOptions): Member {
    const child = fork(script, [JSON.stringify(options)], { execArgv: ['--no-warnings'] });
    const member: Member = { process: child, replica: undefined, played: 0, acked: 0, connection: 'starting', result: undefined };
    child.on('message', (report: Report) => this.#hear(member, report, options.author));
    child.on('exit', (code, signal) => {
      if (!this.#isOver) this.#fail(new Error(`author ${options.author} ended early with ${signal ?? code}`));
    });
    return member;
  }

  #hear(member: Member, report: Report, author: number): void {
    if (report.type === 'failed') this.#fail(new Error(`author ${author}: ${report.message}`));
    else if (report.type === 'ready') member.replica = report.replica;
    else if (report.type === 'finished') member.result = report.result;
    else Object.assign(member, { played: report.played, acked: report.acked, connection: report.connection });
    this.#changed();
  }

  async #until(isSo: () => boolean, look: () => void): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      this.#changed = () => { look(); if (isSo()) resolve(); };
      this.#changed();
    });
    await Promise.race([reached, this.#failed]);
  }
}

function left(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    child.once('exit', () => { clearTimeout(timer); resolve(); });
    if (child.connected) child.send({ type: 'leave' } satisfies Order);
  });
}
