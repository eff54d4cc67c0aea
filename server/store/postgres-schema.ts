// The tables in Postgres, as a list of migrations. `migrations` says which have run; a released one is never edited, a
// change is a new one at the end. All of it runs in one transaction, one node at a time.
//
// `changes.position` is the global order. It is drawn while the document's row is locked, so a document's entries have
// ascending positions; see postgres-positions.ts for when a position may be read. Functions hold what must see the
// database afresh after it has waited for a lock, which is a second statement, in one round trip.

import { HeadwaterError } from '../../sdk/core/errors.js';
import type { PostgresPool, Sql } from './postgres-pool.js';

const migrations = [
  `create table meta (name text primary key, value text not null);
   insert into meta values ('epoch', gen_random_uuid()), ('secret', gen_random_uuid());

   -- A head moves with every commit: small rows with room beside them are updated in place, big data lies elsewhere.
   create table documents (
     number bigint generated always as identity primary key,
     id text collate "C" not null unique,
     head bigint not null default 0,
     data jsonb,
     version jsonb,
     projected_lsn bigint not null default 0
   ) with (fillfactor = 60, toast_tuple_target = 128);

   create table changes (
     position bigint generated always as identity primary key,
     document bigint not null,
     lsn bigint not null,
     replica text collate "C" not null,
     seq_from bigint not null,
     seq_to bigint not null,
     void_code text,
     checksum bigint not null,
     bytes bytea not null,
     unique (document, lsn),
     unique (document, replica, seq_to)
   );

   create table authors (
     document bigint not null,
     replica text collate "C" not null,
     seq bigint not null,
     primary key (document, replica)
   ) with (fillfactor = 60);

   create table snapshots (
     document bigint not null,
     lsn bigint not null,
     checksum bigint not null,
     bytes bytea not null,
     primary key (document, lsn)
   );

   -- What the engine has packed is not packed again.
   alter table changes alter bytes set storage external;
   alter table snapshots alter bytes set storage external;

   create table rows (
     document bigint not null,
     "table" text collate "C" not null,
     id text collate "C" not null,
     data jsonb not null,
     lsn bigint not null,
     primary key (document, "table", id)
   );

   create table corrupt (
     document text not null,
     kind text not null,
     lsn bigint not null,
     reason text not null,
     bytes bytea not null,
     primary key (document, kind, lsn)
   );

   create table acl (
     document text collate "C" not null,
     "user" text collate "C" not null,
     level text not null,
     primary key (document, "user")
   );

   create table dismissals (
     "user" text primary key,
     tokens_before bigint not null,
     sockets_before bigint not null
   );

   create table access_version (version bigint not null);
   insert into access_version values (0);

   -- Appends a group, or nothing of it. Returns the heads the documents had before; null when one of them is not known
   -- yet, and {} when not every entry goes on where its author's last one ended: then the caller looks closer.
   -- Plans are kept from when the tables were empty, so the ways that suit only small ones are closed.
   create function append_entries(
     ids text[], owners int[], replicas text[], froms bigint[], tos bigint[], codes text[], crcs bigint[], sizes int[], payload bytea
   ) returns bigint[] language plpgsql
     set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
   as $$
   declare
     numbers bigint[];
     heads bigint[];
   begin
     -- Everybody locks in the order of the ids, so nobody waits in a ring.
     with locked as materialized (
       select id, number, head from documents where id = any(ids) order by id for no key update
     )
     select array_agg(locked.number order by ord), array_agg(locked.head order by ord) into numbers, heads
     from unnest(ids) with ordinality as given(id, ord) left join locked on locked.id = given.id;
     if array_position(numbers, null) is not null then return null; end if;

     if not (
       select bool_and(seq_from <= before + 1 and seq_to > before) from (
         select seq_from, seq_to, coalesce(lag(seq_to) over (partition by owner, entry.replica order by ord), authors.seq, 0) as before
         from unnest(owners, replicas, froms, tos) with ordinality as entry(owner, replica, seq_from, seq_to, ord)
         left join authors on authors.document = numbers[owner] and authors.replica = entry.replica
       ) as checked
     ) then return '{}'; end if;

     insert into changes (document, lsn, replica, seq_from, seq_to, void_code, checksum, bytes)
     select numbers[owner], heads[owner] + row_number() over (partition by owner order by ord),
       replica, seq_from, seq_to, code, crc, substr(payload, (sum(size) over (order by ord))::int - size + 1, size)
     from unnest(owners, replicas, froms, tos, codes, crcs, sizes)
       with ordinality as entry(owner, replica, seq_from, seq_to, code, crc, size, ord)
     order by ord;

     update documents set head = head + grown.entries
     from (select numbers[owner] as number, count(*) as entries from unnest(owners) as owner group by owner) as grown
     where documents.number = grown.number;

     insert into authors as known
     select numbers[owner], replica, max(seq_to) from unnest(owners, replicas, tos) as entry(owner, replica, seq_to) group by owner, replica
     on conflict (document, replica) do update set seq = excluded.seq;

     return heads;
   end $$;

   -- Derived from the log, and made again after a crash: nobody need wait for the disk. Never goes back.
   create function project_documents(ids text[], lsns bigint[], datas text[], versions text[]) returns void language plpgsql
     set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
   as $$
   begin
     perform set_config('synchronous_commit', 'off', true);
     perform 1 from documents where id = any(ids) order by id for no key update;
     update documents set data = given.data::jsonb, version = given.version::jsonb, projected_lsn = given.lsn
     from unnest(ids, lsns, datas, versions) as given(id, lsn, data, version)
     where documents.id = given.id and documents.projected_lsn < given.lsn and given.lsn <= documents.head;
   end $$;`,

  // Compaction. The log begins after 'floor', and the snapshot there stands for what was before; the others are old enough
  // to take its place some time after 'aging_since'. Up to 'compacted' an author's seqs are no longer in the log.
  `alter table changes add column at timestamptz not null default now();
   alter table documents add column floor bigint not null default 0;
   alter table authors add column compacted bigint not null default 0;
   alter table snapshots add column aging_since timestamptz default now();
   create index snapshots_aging on snapshots (aging_since) where aging_since is not null;`,
];

/** What the schema is at, and what this version knows. */
export interface SchemaVersion {
  found: number;
  known: number;
}

/** Brings the schema up to date, making it when it is missing. Any number of nodes may do so at once. */
export async function migrate(pool: PostgresPool, schema: string): Promise<SchemaVersion> {
  const { found, known } = await schemaVersion(pool, schema);
  if (found < known) await pool.insist((sql) => migrateAll(sql, schema), patienceMs, migrationMsMax);
  return { found, known };
}

const patienceMs = 10_000;
/** A big table takes its time. */
const migrationMsMax = 24 * 3_600_000;

/** @throws HeadwaterError `storage_failed` when a newer Headwater has migrated it, or the database is not fit */
export async function schemaVersion(pool: PostgresPool, schema: string): Promise<SchemaVersion> {
  return pool.insist(async (sql) => {
    const [database] = await sql`
      select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding,
        current_setting('search_path') as path, to_regclass(${`${quoted(schema)}.migrations`}) is not null as "isMade"`;
    assertFit(database as never, schema);
    if (!database.isMade) return { found: 0, known: migrations.length };
    const [{ found }] = await sql`select coalesce(max(version), 0) as found from migrations`;
    assertKnown(Number(found), schema);
    return { found: Number(found), known: migrations.length };
  }, patienceMs);
}

async function migrateAll(sql: Sql, schema: string): Promise<void> {
  try {
    await sql.begin(async (transaction) => {
      await transaction`set local statement_timeout = 0`;
      // Held until the commit; another node waits here, and then finds everything done.
      await transaction`select pg_advisory_xact_lock(hashtext('headwater'), hashtext(${schema}))`;
      await transaction.unsafe(`create schema if not exists ${quoted(schema)};
        create table if not exists migrations (version int primary key, at timestamptz not null default now())`);
      const [{ found }] = await transaction`select coalesce(max(version), 0) as found from migrations`;
      assertKnown(Number(found), schema);
      for (let next = Number(found); next < migrations.length; next += 1) {
        await transaction.unsafe(migrations[next]);
        await transaction`insert into migrations (version) values (${next + 1})`;
      }
    });
  } catch (cause) {
    if ((cause as { code?: string }).code !== '42P07') throw cause;
    throw new HeadwaterError(
      'storage_failed', `the schema ${schema} has tables of others (${(cause as Error).message}): name one for Headwater alone, postgres://…?schema=headwater`, { schema },
    );
  }
}

function assertFit({ version, encoding, path }: { version: number; encoding: string; path: string }, schema: string): void {
  if (version < 130_000) throw new HeadwaterError('storage_failed', `Postgres ${Math.floor(version / 10_000)} is too old: 13 or newer is needed`, { schema });
  if (encoding !== 'UTF8') throw new HeadwaterError('storage_failed', `the database is encoded in ${encoding}: make one in UTF8`, { schema });
  if (path !== quoted(schema)) {
    throw new HeadwaterError('storage_failed', 'search_path does not arrive: a pooler in between drops it; connect to Postgres itself, or let it pass', { schema });
  }
}

function assertKnown(found: number, schema: string): void {
  if (found <= migrations.length) return;
  throw new HeadwaterError(
    'storage_failed', `the database has schema version ${found}, this server knows up to ${migrations.length}: run the newer version that wrote it`, { schema },
  );
}

export function quoted(name: string): string {
  return `"${name.replace(/"/g, '""')}"`;
}
