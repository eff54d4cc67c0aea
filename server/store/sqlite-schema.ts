// The tables of the embedded store, as a list of migrations. `user_version` counts how many have run; a
// released migration is never edited, a change is a new one at the end.
//
// `log.position` is the global order of commits: SQLite has one writer, so row ids grow in commit order and
// whoever reads the whole log can use them as a cursor. `lsn` is dense within a document.

import { HeadwaterError } from '../../sdk/core/errors.js';
import type { Driver } from '../../sdk/driver/sqlite.js';

const migrations = [
  `create table meta (name text primary key, value text not null) without rowid;

   create table documents (
     number integer primary key,
     id text not null unique,
     head integer not null default 0
   );

   create table log (
     position integer primary key autoincrement,
     document integer not null references documents (number),
     lsn integer not null,
     replica text not null,
     seq_from integer not null,
     seq_to integer not null,
     void_code text,
     checksum integer not null,
     bytes blob not null,
     unique (document, lsn),
     unique (document, replica, seq_to)
   );

   create table authors (
     document integer not null,
     replica text not null,
     seq integer not null,
     primary key (document, replica)
   ) without rowid;

   create table snapshots (
     document integer not null references documents (number),
     lsn integer not null,
     checksum integer not null,
     bytes blob not null,
     primary key (document, lsn)
   );

   create table corrupt (
     document text not null,
     kind text not null,
     lsn integer not null,
     reason text not null,
     bytes blob not null,
     primary key (document, kind, lsn)
   );`,

  // What admins decided, by the document's id: it may be decided before there is one. The version grows with each decision.
  `create table acl (
     document text not null,
     user text not null,
     level text not null,
     primary key (document, user)
   ) without rowid;

   create table dismissals (
     user text primary key,
     tokens_before integer not null,
     sockets_before integer not null
   ) without rowid;

   create table access_version (version integer not null);
   insert into access_version values (0);`,

  // Compaction. The log begins after 'floor', and the snapshot there stands for what was before; the others are old enough
  // to take its place some time after 'aging_since'. Up to 'compacted' an author's seqs are no longer in the log.
  `alter table log add column at_ms integer not null default 0;
   alter table documents add column floor integer not null default 0;
   alter table authors add column compacted integer not null default 0;
   alter table snapshots add column aging_since integer default 0;
   create index snapshots_aging on snapshots (aging_since) where aging_since is not null;`,
];

/** @throws HeadwaterError `storage_failed` when a newer Headwater wrote the file */
export function migrate(driver: Driver): void {
  const version = Number(driver.prepare('pragma user_version').get()!.user_version);
  if (version > migrations.length) {
    throw new HeadwaterError(
      'storage_failed',
      `the database has schema ${version}, this server knows up to ${migrations.length}: run the newer version that wrote it`,
    );
  }
  for (let next = version; next < migrations.length; next += 1) {
    driver.exec(`begin immediate; ${migrations[next]} pragma user_version = ${next + 1}; commit;`);
  }
}
