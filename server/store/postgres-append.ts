// Group commit in one round trip: all entries of all documents in one statement (append_entries in the schema).
//
// The statement takes a group only when every entry is the next of its author, which is nearly always. Else it changes
// nothing, and what is already in the log is looked up here: a retry after a lost connection, a second node that was
// sent the same, a replica id used twice. What is left over is tried again. Looking needs no lock, because what is in
// the log stays there: a duplicate is one for ever.

import { joinBytes } from '../../sdk/core/bytes.js';
import { HeadwaterError } from '../../sdk/core/errors.js';
import { checksum } from './checksum.js';
import type { Sql } from './postgres-pool.js';
import { numbersFrom, numbersOf, textsOf } from './postgres-values.js';
import type { Append, Appended } from './store.js';

const roundsMax = 20;

/** @returns one answer per entry, in order. Repeating it is harmless */
export async function appendGroup(sql: Sql, entries: readonly Append[]): Promise<Appended[]> {
  const answers: Appended[] = entries.map(() => ({ outcome: 'gap', lsn: 0 }));
  let left = entries.map((_, i) => i);
  for (let round = 0; left.length > 0; round += 1) {
    if (round === roundsMax) throw new HeadwaterError('unavailable', 'others keep writing as the same replicas; try again');
    const group = left.map((i) => entries[i]);
    const lsns = await appendFresh(sql, group);
    if (lsns !== null) {
      left.forEach((index, i) => (answers[index] = { outcome: 'appended', lsn: lsns[i] }));
      return answers;
    }
    const outcomes = judge(group, await lookUp(sql, group));
    left = left.filter((index, i) => {
      const outcome = outcomes[i];
      if (outcome !== 'fresh') answers[index] = { outcome, lsn: 0 };
      return outcome === 'fresh';
    });
  }
  return answers;
}

/** @returns the LSNs, or null when nothing was appended because not every entry is its author's next */
async function appendFresh(sql: Sql, entries: readonly Append[]): Promise<number[] | null> {
  const ids = [...new Set(entries.map(({ document }) => document))];
  const owners = ownersOf(entries, ids);
  for (;;) {
    const [{ heads }] = await sql`
      select append_entries(${textsOf(ids)}, ${numbersOf(owners.map((owner) => owner + 1))}, ${textsOf(entries.map(({ replica }) => replica))},
        ${numbersOf(entries.map(({ seqFrom }) => seqFrom))}, ${numbersOf(entries.map(({ seqTo }) => seqTo))},
        ${textsOf(entries.map(({ voidCode }) => voidCode ?? null))}, ${numbersOf(entries.map(({ bytes }) => checksum(bytes)))},
        ${numbersOf(entries.map(({ bytes }) => bytes.length))}, ${joinBytes(entries.map(({ bytes }) => bytes))}) as heads`;
    if (heads === '{}') return null;
    if (heads !== null) return number(owners, numbersFrom(heads) as number[]);
    // In a transaction of its own: a document made within the group would be locked out of order.
    await sql`insert into documents (id) select id from unnest(${textsOf(ids)}::text[]) as id order by id on conflict do nothing`;
  }
}

function ownersOf(entries: readonly Append[], ids: readonly string[]): number[] {
  const indexes = new Map(ids.map((id, index) => [id, index]));
  return entries.map(({ document }) => indexes.get(document)!);
}

/** Dense within each document, in the order given. */
function number(owners: readonly number[], heads: number[]): number[] {
  return owners.map((owner) => (heads[owner] += 1));
}

interface Known {
  /** The last seq of the entry's author in its document. */
  seq: number;
  /** Of the entry with exactly these seqs, when it is in the log. */
  checksum: number | null;
}

async function lookUp(sql: Sql, entries: readonly Append[]): Promise<Known[]> {
  const rows = await sql`
    select coalesce(authors.seq, 0) as seq, changes.checksum
    from unnest(${textsOf(entries.map(({ document }) => document))}::text[], ${textsOf(entries.map(({ replica }) => replica))}::text[],
      ${numbersOf(entries.map(({ seqFrom }) => seqFrom))}::bigint[], ${numbersOf(entries.map(({ seqTo }) => seqTo))}::bigint[])
      with ordinality as entry(id, replica, seq_from, seq_to, ord)
    left join documents on documents.id = entry.id
    left join authors on authors.document = documents.number and authors.replica = entry.replica
    left join changes on changes.document = documents.number and changes.replica = entry.replica
      and changes.seq_to = entry.seq_to and changes.seq_from = entry.seq_from
    order by ord`;
  return rows.map((row) => ({ seq: Number(row.seq), checksum: row.checksum === null ? null : Number(row.checksum) }));
}

type Verdict = Exclude<Appended['outcome'], 'appended'> | 'fresh';

/** What becomes of each entry, given what the log held a moment ago and the entries before it. */
function judge(entries: readonly Append[], known: readonly Known[]): Verdict[] {
  const stopped = new Set<string>();
  const fresh = new Map<string, { seq: number; sums: Map<string, number> }>();
  return entries.map((entry, i) => {
    if (stopped.has(entry.document)) return 'gap';
    const key = `${entry.replica} ${entry.document}`;
    const earlier = fresh.get(key) ?? { seq: known[i].seq, sums: new Map<string, number>() };
    fresh.set(key, earlier);
    const verdict = judgeOne(entry, earlier.seq, earlier.sums.get(rangeOf(entry)) ?? known[i].checksum);
    if (verdict === 'gap' || verdict === 'conflict') stopped.add(entry.document);
    if (verdict !== 'fresh') return verdict;
    earlier.seq = entry.seqTo;
    earlier.sums.set(rangeOf(entry), checksum(entry.bytes));
    return verdict;
  });
}

/** Only equal ranges can be compared; a batch split another way is taken for the same ops. */
function judgeOne({ seqFrom, seqTo, bytes }: Append, seq: number, logged: number | null): Verdict {
  if (seqFrom > seq + 1) return 'gap';
  if (seqTo > seq) return 'fresh';
  return logged === null || logged === checksum(bytes) ? 'duplicate' : 'conflict';
}

function rangeOf({ seqFrom, seqTo }: Append): string {
  return `${seqFrom}..${seqTo}`;
}
