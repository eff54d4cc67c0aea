// A SQLite that fails when a test says so, around a real one. Every statement is one step, so is every commit, and so is every
// answer: what fails there is done, and nobody knows.

import type { SqliteDatabase, TransactionOptions, Work } from '../storage/sqlite-work.js';

export type SqliteFault = 'UnknownError' | 'QuotaExceededError';

/** @param step  1 for the first statement since the plan was set */
export type SqlitePlan = (step: number) => SqliteFault | null;

export class FaultySqlite {
  steps = 0;
  /** Every transaction so far, in order. */
  readonly transactions: TransactionOptions[] = [];
  #plan: SqlitePlan = () => null;

  constructor(private readonly open: () => Promise<SqliteDatabase>) {}

  setPlan(plan: SqlitePlan): void {
    this.#plan = plan;
    this.steps = 0;
  }

  readonly connect = async (): Promise<SqliteDatabase> => {
    const db = await this.open();
    return {
      transaction: async (work, options) => {
        this.transactions.push(options);
        const result = await db.transaction(() => this.#watched(work()), options);
        this.#step();
        return result;
      },
      close: () => db.close(),
    };
  };

  *#watched<T>(work: Work<T>): Work<T> {
    let step = work.next();
    while (!step.done) {
      this.#step();
      step = work.next(yield step.value);
    }
    this.#step();
    return step.value;
  }

  #step(): void {
    const name = this.#plan(++this.steps);
    if (name) throw Object.assign(new Error('injected'), { name });
  }
}
