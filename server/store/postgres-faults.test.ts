// Postgres when it fails: connections cut at any byte, statements that hang, replicas, full servers. What was acked is in
// the log, once; what was not is answered with an error that says to try again, and trying again works.

import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { connectBeside, dropSchema, findPostgres, schemaName, withSchema } from '../testing/postgres.js';
import { TcpProxy } from '../testing/tcp-proxy.js';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';
import { ada, bob, entry } from './conformance.js';
import { openPostgresStore, type PostgresStoreOptions } from './postgres.js';
import type { Appended, Store } from './store.js';

const database = await findPostgres('store/postgres-faults');
const url = database?.url ?? '';
const toClose: (() => unknown)[] = [];
let schema: string;
let sql: ReturnType<typeof connectBeside>;
let proxy: TcpProxy;

if (database === null) {
  it.skip('needs a Postgres', () => undefined);
} else {
  afterAll(() => database.stop());
  beforeEach(async () => {
    schema = schemaName('faults');
    sql = connectBeside(url, schema);
    const { hostname, port } = new URL(url);
    proxy = await TcpProxy.start({ host: hostname, port: Number(port || 5432) });
  });
  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close();
    await proxy.close();
    await sql.end();
    await dropSchema(url, schema);
  });
  describe('a connection that is cut', cuts);
  describe('a Postgres that does not serve', refusals);
}

async function open(options: PostgresStoreOptions = {}, change: (place: URL) => void = () => undefined): Promise<Store> {
  const place = new URL(withSchema(url, schema));
  // So that a test can end the store's connections and no others.
  place.searchParams.set('application_name', schema);
  change(place);
  const store = await openPostgresStore(place.href, options);
  toClose.push(() => store.close());
  return store;
}

const throughProxy = (place: URL) => {
  place.hostname = '127.0.0.1';
  place.port = String(proxy.port);
};

/** A user of the test's own, who may make a schema. */
async function makeRole(role: string): Promise<void> {
  const [{ name }] = await sql`select current_database() as name`;
  await sql.unsafe(`create role ${role} login password 'x'; grant create on database ${name} to ${role}`);
  toClose.unshift(() => sql.unsafe(`drop owned by ${role} cascade; drop role ${role}`));
}

/** Again and again, as a room and its clients do. */
async function insist(work: () => Promise<Appended[]>): Promise<Appended[]> {
  for (let i = 0; ; i += 1) {
    try {
      return await work();
    } catch (cause) {
      if ((cause as { code: string }).code !== 'unavailable' || i > 200) throw cause;
    }
  }
}

async function logOf(id: string): Promise<string[]> {
  const rows = await sql`select lsn::int, convert_from(bytes, 'UTF8') as text from changes join documents on number = document where id = ${id} order by lsn`;
  expect(rows.map(({ lsn }) => lsn)).toEqual(rows.map((_, i) => i + 1));
  return rows.map(({ text }) => text);
}

function cuts(): void {
  it.each(['up', 'down'] as const)('at any byte on its way %s leaves an append once in the log', async (direction) => {
    const store = await open({ patienceMs: 5_000 }, throughProxy);
    await store.append([entry('a', ada, 1, '1')]);
    const written = ['1'];
    // From within the statement to behind its answer, over a connection that is made anew each time.
    const [bytesMax, step] = direction === 'up' ? [700, 9] : [90, 3];
    for (let bytes = 1; bytes < bytesMax; bytes += step) {
      const seq = written.length + 1;
      proxy.cutAfter(direction, bytes);
      const [{ outcome }] = await store.append([entry('a', ada, seq, `${seq}`)]);
      expect(['appended', 'duplicate']).toContain(outcome);
      written.push(`${seq}`);
    }
    expect(proxy.cuts).toBeGreaterThan(10);
    expect(await logOf('a')).toEqual(written);
  });

  it('is known to have committed when the answer to the commit never came', async () => {
    const store = await open({ patienceMs: 5_000 }, throughProxy);
    await store.append([entry('a', ada, 1, 'one')]);
    proxy.cutAfter('down', 1);
    expect(await store.append([entry('a', ada, 2, 'two')])).toEqual([{ outcome: 'duplicate', lsn: 0 }]);
    expect(await store.findRange('a', ada, 2, 2)).toMatchObject({ lsn: 2 });
    proxy.cutAfter('down', 1);
    // What another wrote under these seqs meanwhile is told apart from what was written unheard.
    expect(await store.append([entry('a', ada, 2, 'other')])).toEqual([{ outcome: 'conflict', lsn: 0 }]);
  });

  it('under load, from the wire or from the server, loses nothing and doubles nothing', async () => {
    const seed = seedFromEnv();
    const random = new Random(seed);
    const stores = [await open({ patienceMs: 200 }, throughProxy), await open({ patienceMs: 200 })];
    const ids = ['a', 'b', 'c', 'd'];
    const acked = new Map(ids.map((id) => [id, [] as string[]]));
    const untilMs = Date.now() + 6_000;
    let [isDone, failures, killed] = [false, 0, 0];
    const writer = async (replica: string, store: Store, other: Store) => {
      for (let seq = 1; Date.now() < untilMs; seq += 1) {
        const mine = ids.filter(() => random.unit() < 0.7 || seq === 1);
        // Every document its own seqs: those left out catch up with the next.
        const group = mine.map((id) => {
          const next = acked.get(id)!.filter((text) => text.startsWith(replica)).length + 1;
          return entry(id, replica, next, `${replica} ${next}`);
        });
        // An author whose node fails goes to the other.
        let tries = 0;
        await insist(() => (tries++ % 2 === 0 ? store : other).append(group).catch((cause) => {
          failures += 1;
          throw cause;
        }));
        for (const { document, bytes } of group) acked.get(document)!.push(new TextDecoder().decode(bytes));
      }
    };
    const cutter = async () => {
      while (!isDone) {
        await new Promise((resolve) => setTimeout(resolve, 20 + random.int(150)));
        const how = random.int(3);
        if (how === 0) proxy.cut();
        else if (how === 1) proxy.cutAfter(random.int(2) === 0 ? 'up' : 'down', random.int(2_000));
        else killed += (await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${schema}`).length;
      }
    };
    const cutting = cutter();
    const replicas = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(16));
    await Promise.all(replicas.map((replica, i) => writer(replica, stores[i % 2], stores[(i + 1) % 2])));
    isDone = true;
    await cutting;
    const total = [...acked.values()].reduce((sum, texts) => sum + texts.length, 0);
    // A run in which nothing was cut, or nothing got through, shows nothing.
    expect({ seed, isHard: proxy.cuts > 10 && failures + killed > 0 && total > 100 }).toEqual({ seed, isHard: true });
    for (const id of ids) {
      const found = await logOf(id);
      expect(new Set(found).size).toBe(found.length);
      expect({ seed, missing: acked.get(id)!.filter((text) => !found.includes(text)) }).toEqual({ seed, missing: [] });
      expect(found.length).toBe(acked.get(id)!.length);
    }
  });

  it('does not make a reader fail', async () => {
    const store = await open({}, throughProxy);
    await store.append([entry('a', ada, 1, 'one')]);
    for (let i = 0; i < 20; i += 1) {
      if (i % 2 === 0) proxy.cut();
      else proxy.cutAfter('down', 10 * i);
      expect(await store.head('a')).toBe(1);
      expect((await store.readSince('a', 0, 1 << 20)).last).toBe(1);
    }
  });
}

function refusals(): void {
  const times = { statementMsMax: 400, silenceMsMax: 200, patienceMs: 100 };

  it('that is a replica for a while takes writes when it is a primary again', async () => {
    const role = schemaName('role');
    await makeRole(role);
    const store = await open(times, (place) => Object.assign(place, { username: role, password: 'x' }));
    await store.append([entry('a', ada, 1, 'one')]);
    await sql.unsafe(`alter role ${role} set default_transaction_read_only = on`);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${role}`;
    await expect(store.append([entry('a', ada, 2, 'two')])).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/takes no writes/) });
    expect(await store.head('a')).toBe(1);
    await sql.unsafe(`alter role ${role} reset default_transaction_read_only`);
    // The connection to the replica is not kept.
    expect(await insist(() => store.append([entry('a', ada, 2, 'two')]))).toEqual([{ outcome: 'appended', lsn: 2 }]);
  });

  it('that has no connection left says so, and serves when it has', async () => {
    const role = schemaName('role');
    await makeRole(role);
    const store = await open(times, (place) => Object.assign(place, { username: role, password: 'x' }));
    await store.append([entry('a', ada, 1, 'one')]);
    await sql.unsafe(`alter role ${role} connection limit 0`);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${role}`;
    await expect(store.append([entry('a', ada, 2, 'two')])).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/too many connections/) });
    await sql.unsafe(`alter role ${role} connection limit -1`);
    expect(await insist(() => store.append([entry('a', ada, 2, 'two')]))).toEqual([{ outcome: 'appended', lsn: 2 }]);
  });

  it('that is locked gives a statement up in time, and holds nothing of it', async () => {
    const store = await open(times);
    await store.append([entry('a', ada, 1, 'one'), entry('b', ada, 1, 'uno')]);
    let release = () => undefined as void;
    const locked = new Promise<void>((resolve) => {
      void sql.begin(async (transaction) => {
        await transaction`select 1 from documents where id = 'b' for update`;
        resolve();
        await new Promise<void>((go) => (release = go));
      });
    });
    await locked;
    const startedMs = Date.now();
    await expect(store.append([entry('a', ada, 2, 'two'), entry('b', ada, 2, 'dos')])).rejects.toMatchObject({ code: 'unavailable' });
    expect(Date.now() - startedMs).toBeLessThan(5_000);
    expect(await store.append([entry('a', bob, 1, 'not locked')])).toEqual([{ outcome: 'appended', lsn: 2 }]);
    release();
    expect(await insist(() => store.append([entry('a', ada, 2, 'two'), entry('b', ada, 2, 'dos')]))).toMatchObject([{ lsn: 3 }, { lsn: 2 }]);
  });

  it('that hangs is not waited for for ever, and what it did meanwhile is found', async () => {
    const store = await open(times, throughProxy);
    await store.append([entry('a', ada, 1, 'one')]);
    proxy.freeze(true);
    await expect(store.append([entry('a', ada, 2, 'two')])).rejects.toMatchObject({ code: 'unavailable', message: expect.stringMatching(/no answer/) });
    proxy.freeze(false);
    await insist(() => store.append([entry('a', ada, 2, 'two')]));
    expect(await logOf('a')).toEqual(['one', 'two']);
  });

  it('behind a proxy that drops every connection is not hammered', async () => {
    const store = await open({ ...times, patienceMs: 300 }, throughProxy);
    await store.append([entry('a', ada, 1, 'one')]);
    proxy.refuse(true);
    const before = proxy.connections;
    await expect(store.append([entry('a', ada, 2, 'two')])).rejects.toMatchObject({ code: 'unavailable' });
    expect(proxy.connections - before).toBeLessThan(100);
    proxy.refuse(false);
    await insist(() => store.append([entry('a', ada, 2, 'two')]));
    expect(await logOf('a')).toEqual(['one', 'two']);
  });
}
