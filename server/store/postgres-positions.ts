// How far whoever reads the whole log may go: never past what may still be filled in.
//
// Positions come from a sequence, and a transaction that has drawn one may commit after a later one is visible. A
// transaction draws after it has got its id; so when `mark` is a transaction id given out after position p was drawn,
// every transaction that holds a position up to p has a smaller id, and is over once the oldest open one is `mark` or
// younger. Such a pair is taken, and becomes the new bound as soon as that has come to pass.

import type { Sql } from './postgres-pool.js';

export class SettledPositions {
  private settled = 0;
  private pending: { position: number; mark: bigint } | null = null;

  /** The last position below which nothing can appear any more. It may be a moment behind; it never goes back. */
  async bound(sql: Sql): Promise<number> {
    const pending = (this.pending ??= await takeMark(sql));
    const [{ oldest }] = await sql`select pg_snapshot_xmin(pg_current_snapshot())::text as oldest`;
    if (BigInt(oldest) > pending.mark) {
      this.settled = Math.max(this.settled, pending.position);
      if (this.pending === pending) this.pending = null;
    }
    return this.settled;
  }
}

/** Two statements, in this order: the id must be the younger of the two. */
async function takeMark(sql: Sql): Promise<{ position: number; mark: bigint }> {
  const [{ last, isCalled }] = await sql`
    select last_value as last, is_called as "isCalled" from changes_position_seq`;
  const [{ mark }] = await sql`select pg_current_xact_id()::text as mark`;
  return { position: isCalled ? Number(last) : 0, mark: BigInt(mark) };
}
