// Questions and answers between the bench and the processes it starts: one question, one answer, by number.

import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Question { id: number; name: string; argument: unknown }
type Answer = { id: number; result: unknown } | { id: number; error: string };

/** The other end of `answer`. */
export class Asked {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, { resolve(result: never): void; reject(error: Error): void }>();
  private nextId = 1;

  /** @param module  beside this file */
  constructor(module: string, args: readonly string[], execPath: string) {
    this.child = fork(fileURLToPath(new URL(module, import.meta.url)), args, { execPath, execArgv: ['--expose-gc', '--no-warnings'] });
    this.child.on('message', (answer: Answer) => this.take(answer));
    this.child.on('exit', (code) => this.failAll(new Error(`${module} ${args.join(' ')} ended with ${code}`)));
  }

  ask<Result>(name: string, argument?: unknown): Promise<Result> {
    const id = this.nextId++;
    return new Promise<Result>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.child.send({ id, name, argument } satisfies Question);
    });
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.disconnect();
    await ended;
  }

  private take(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('error' in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer.result as never);
  }

  private failAll(error: Error): void {
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}

/** Answers the parent's questions by name, until it hangs up; then the process ends. */
export function answer(answers: Readonly<Record<string, (argument: never) => unknown>>): void {
  process.on('message', async ({ id, name, argument }: Question) => {
    try {
      const result = await answers[name](argument as never);
      process.send?.({ id, result } satisfies Answer);
    } catch (cause) {
      process.send?.({ id, error: (cause as Error).stack ?? String(cause) } satisfies Answer);
    }
  });
  process.on('disconnect', () => process.exit(0));
}
