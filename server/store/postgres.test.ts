// The store in Postgres against the conformance suite, and against what only many nodes over one database can suffer.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBeside, dropSchema, findPostgres, schemaName, withSchema } from '../testing/postgres.js';
import { ada, bob, entry, storeConformance, type StoreUnderTest } from './conformance.js';
import { migratePostgres, openPostgresStore } from './postgres.js';
import type { LogEntry, Store } from './store.js';

const database = await findPostgres('store/postgres');
const url = database?.url ?? '';
if (database === null) {
  it.skip('needs a Postgres', () => undefined);
} else {
  afterAll(() => database.stop());
  storeConformance('postgres', openInSchema);
  describe('a Postgres store', aPostgresStore);
}

async function openInSchema(): Promise<StoreUnderTest> {
  const schema = schemaName('conformance');
  const sql = connectBeside(url, schema);
  let store = await openPostgresStore(withSchema(url, schema));
  return {
    store,
    async reopen() {
      await store.close();
      return (store = await openPostgresStore(withSchema(url, schema)));
    },
    async corrupt(kind, document, lsn) {
      await sql`update ${sql(kind === 'log' ? 'changes' : 'snapshots')} set bytes = '\\x00ff' || substr(bytes, 3)
        where lsn = ${lsn} and document = (select number from documents where id = ${document})`;
    },
    async dispose() {
      await store.close();
      await sql.end();
      await dropSchema(url, schema);
    },
  };
}

function aPostgresStore(): void {
  const schema = schemaName('store');
  const place = withSchema(url, schema);
  const sql = connectBeside(url, schema);
  let [one, two]: Store[] = [];

  beforeAll(async () => {
    // Three nodes on an empty database at once.
    const stores = await Promise.all([openPostgresStore(place), openPostgresStore(place), openPostgresStore(place)]);
    expect(new Set(stores.map(({ epoch }) => epoch)).size).toBe(1);
    await stores[2].close();
    [one, two] = stores;
  });
  afterAll(async () => {
    await Promise.all([one.close(), two.close()]);
    await sql.end();
    await dropSchema(url, schema);
  });

  it('is migrated once, whoever starts', async () => {
    const { found, known } = await migratePostgres(place);
    expect(found).toBe(known);
    expect((await sql`select version from migrations order by version`).map(({ version }) => version)).toEqual(Array.from({ length: known }, (_, i) => i + 1));
  });

  it('gives dense LSNs when two nodes append to the same documents, in any order', async () => {
    const ids = Array.from({ length: 10 }, (_, i) => `dense ${i}`);
    const append = (store: Store, replica: string, seq: number, order: string[]) =>
      store.append(order.flatMap((id) => [entry(id, replica, 2 * seq - 1, 'x'), entry(id, replica, 2 * seq, 'y')]));
    const rounds = Array.from({ length: 30 }, (_, i) => i + 1);
    const answers = await Promise.all(rounds.flatMap((seq) => [
      append(one, ada, seq, ids), append(two, bob, seq, [...ids].reverse()),
    ]));
    expect(new Set(answers.flat().map(({ outcome }) => outcome))).toEqual(new Set(['appended']));
    expect(await one.heads(ids)).toEqual(ids.map(() => 120));
    const rows = await sql`select document, array_agg(lsn::int order by position) as lsns from changes
      join documents on number = document where id like 'dense %' group by document`;
    expect(rows.length).toBe(10);
    // Positions and LSNs of a document ascend together.
    for (const { lsns } of rows) expect(lsns).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
  });

  it('takes an entry once when two nodes are given the same at the same time', async () => {
    const same = (replica: string) => Array.from({ length: 40 }, (_, i) => [entry('same', replica, i + 1, `${replica} ${i}`)]);
    const answers = await Promise.all([...same(ada).flatMap((group) => [one.append(group), two.append(group)])]);
    const outcomes = answers.flat().map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'appended').length).toBe(40);
    expect(outcomes.filter((outcome) => outcome === 'duplicate').length).toBe(40);
    expect(await one.head('same')).toBe(40);
  });

  it('reads no position past one that an open transaction may still fill', async () => {
    await one.append([entry('open', ada, 1, 'first')]);
    const start = (await readUntil(two, 0, 'open 1')).at(-1)!.position;
    await sql`insert into documents (id) values ('slow')`;
    let release = () => undefined as void;
    const held = new Promise<void>((resolve) => (release = resolve));
    let isIn = () => undefined as void;
    const inserted = new Promise<void>((resolve) => (isIn = resolve));
    // A node that has drawn its positions and is slow to commit.
    const slow = sql.begin(async (transaction) => {
      await transaction`select append_entries('{slow}', '{1}', ${`{${ada}}`}, '{1}', '{1}', '{NULL}', '{0}', '{1}', '\\x01')`;
      isIn();
      await held;
    });
    await inserted;
    await one.append([entry('open', ada, 2, 'second')]);
    const seen: LogEntry[] = [];
    for (let turn = 0; turn < 20; turn += 1) seen.push(...await two.readAll(seen.at(-1)?.position ?? start, 1_000));
    release();
    await slow;
    const after = await readUntil(two, start, 'open 2');
    expect(after.map(({ document, lsn }) => `${document} ${lsn}`)).toEqual(['slow 1', 'open 2']);
    // Whatever was seen before is the beginning of what there is now.
    expect(after.slice(0, seen.length)).toEqual(seen);
  });

  it('commits to the disk even where the database was told not to', async () => {
    const role = schemaName('lazy');
    await sql.unsafe(`create role ${role} login superuser password 'x'; alter role ${role} set synchronous_commit = off`);
    const lazy = new URL(place);
    Object.assign(lazy, { username: role, password: 'x' });
    const store = await openPostgresStore(lazy.href);
    await store.append([entry('lazy', ada, 1, 'x')]);
    // What the backend that appends was told when it connected.
    await sql.unsafe(`create function commit_setting() returns trigger language plpgsql as $$
      begin insert into meta values ('commit', current_setting('synchronous_commit')); return new; end $$;
      create trigger note before insert on changes for each row when (new.seq_to = 2) execute function commit_setting()`);
    await store.append([entry('lazy', ada, 2, 'x')]);
    await store.close();
    expect((await sql`select value from meta where name = 'commit'`)[0].value).toBe('on');
    await sql.unsafe(`drop trigger note on changes; drop function commit_setting; drop role ${role}`);
  });

  it('can be opened to read by many, and takes no write then', async () => {
    const reader = await openPostgresStore(place, { readOnly: true });
    expect(await reader.head('same')).toBe(40);
    await expect(reader.append([entry('same', ada, 41, 'x')])).rejects.toMatchObject({ code: 'storage_failed' });
    await reader.close();
  });

  it('refuses a schema from the future, one that was never migrated, and one with tables of others', async () => {
    const [future, empty, others] = [schemaName('future'), schemaName('empty'), schemaName('others')];
    await sql.unsafe(`create schema ${future}; create table ${future}.migrations (version int); insert into ${future}.migrations values (999);
      create schema ${others}; create table ${others}.documents (title text)`);
    await expect(openPostgresStore(withSchema(url, future))).rejects.toThrow(/schema version 999/);
    await expect(openPostgresStore(withSchema(url, empty), { readOnly: true })).rejects.toThrow(/headwater migrate/);
    await expect(openPostgresStore(withSchema(url, others))).rejects.toThrow(/\?schema=/);
    expect((await sql`select column_name from information_schema.columns where table_schema = ${others}`).length).toBe(1);
    for (const schema of [future, empty, others]) await dropSchema(url, schema);
  });

  it('says what to do when there is no database, no such user, or nobody there', async () => {
    const elsewhere = (change: (parts: URL) => void) => {
      const parts = new URL(url);
      parts.password = 'sesame';
      change(parts);
      return openPostgresStore(parts.href, { patienceMs: 100 });
    };
    await expect(elsewhere((parts) => (parts.pathname = '/headwater_no_such_database'))).rejects.toMatchObject({ code: 'storage_failed', message: expect.stringMatching(/createdb/) });
    await expect(elsewhere((parts) => (parts.port = '1'))).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/is it running/) });
    await expect(elsewhere((parts) => (parts.username = 'headwater_no_such_user'))).rejects.toMatchObject({ code: 'storage_failed', message: expect.stringMatching(/user and password/) });
    await expect(elsewhere((parts) => (parts.port = '1'))).rejects.not.toThrow(/sesame/);
  });
}

/** Everything after a position, read until it holds what is looked for: others in this database may hold the bound back. */
async function readUntil(store: Store, after: number, last: string) {
  const entries: LogEntry[] = [];
  for (let turn = 0; turn < 500 && !entries.some(({ document, lsn }) => `${document} ${lsn}` === last); turn += 1) {
    const page = await store.readAll(entries.at(-1)?.position ?? after, 1_000);
    entries.push(...page);
    if (page.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return entries;
}
