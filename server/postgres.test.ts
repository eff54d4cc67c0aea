// Servers on one Postgres, with real sockets, a database that answers and one that is cut off in every way.

import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { open, type Client } from '../sdk/index.js';
import { until } from './bus/conformance.js';
import { LocalBus } from './bus/local.js';
import { engine } from './engine.js';
import { defaultLimits } from './limits.js';
import { loadDocument } from './load.js';
import { silentLog } from './log.js';
import { createServer, type Server, type ServerOptions } from './server.js';
import { openPostgresStore } from './store/postgres.js';
import { connectBeside, dropSchema, findPostgres, schemaName, withSchema } from './testing/postgres.js';
import { TcpProxy } from './testing/tcp-proxy.js';
import { Writer } from './testing/writer.js';
import { TestWebSocket } from './transport/ws.js';

const database = await findPostgres('server/postgres');
const url = database?.url ?? '';
const toClose: (() => unknown)[] = [];
let schema: string;
let sql: ReturnType<typeof connectBeside>;

if (database === null) {
  it.skip('needs a Postgres', () => undefined);
} else {
  afterAll(() => database.stop());
  beforeEach(() => {
    schema = schemaName('server');
    sql = connectBeside(url, schema);
  });
  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close();
    await sql.end();
    await dropSchema(url, schema);
  });
  describe('two nodes on one Postgres', nodes);
  describe('documents as plain data', plainData);
  describe('a Postgres that comes and goes under load', outages);
}

/** With nothing between the nodes: what is found is found in the log. */
async function startNode(options: ServerOptions = {}): Promise<Server> {
  const server = await createServer({ bus: new LocalBus(), database: withSchema(url, schema), log: silentLog, console: false, limits: { headCheckMs: 100 }, ...options });
  await server.listen(0);
  toClose.push(() => server.close());
  return server;
}

async function connect(server: Server): Promise<Client> {
  const client = await open({ server: `ws://127.0.0.1:${server.port}`, storage: 'memory', WebSocket: TestWebSocket as never });
  toClose.push(() => client.close());
  return client;
}

/** What the log holds by itself, taken in by a fresh engine. */
async function logged(document: string) {
  const store = await openPostgresStore(withSchema(url, schema), { readOnly: true });
  const { state, lsn } = await loadDocument(store, engine, document);
  const found = { lsn, digest: state.digest(), data: state.toJSON() };
  state.free();
  await store.close();
  return found;
}

async function row(id: string) {
  const [found] = await sql`select data, version, head::int, projected_lsn::int as projected from documents where id = ${id}`;
  return found ?? { data: null, version: null, head: 0, projected: 0 };
}

function nodes(): void {
  it('come to the state of the log, whoever writes what where, with nothing between them', async () => {
    const servers = [await startNode(), await startNode()];
    const clients = await Promise.all([0, 1, 0, 1].map((n) => connect(servers[n])));
    const ids = ['a', 'b', 'c'];
    await Promise.all(Array.from({ length: 60 }, async (_, i) => {
      const client = clients[i % 4];
      for (const id of ids) client.text(id).insert(0, `${i} `);
      client.document(ids[i % 3]).set(`key ${i % 7}`, i);
      await client.synced();
    }));
    for (const id of ids) {
      await until(() => new Set(clients.map((client) => client.document(id).digest())).size === 1);
      expect((await logged(id)).digest).toBe(clients[0].document(id).digest());
    }
    const [{ doubled }] = await sql`select count(*)::int as doubled from (
      select 1 from changes a join changes b on a.document = b.document and a.replica = b.replica
      where a.position < b.position and a.seq_from <= b.seq_to and b.seq_from <= a.seq_to) as overlapping`;
    expect(doubled).toBe(0);
  });

  it('serve a client that goes from one to the other in the middle of its work', async () => {
    // Nothing is found by looking now and then: what is missed is missed at the moment it is needed.
    const servers = [await startNode({ limits: { headCheckMs: 0 } }), await startNode({ limits: { headCheckMs: 0 } })];
    const [reader, other] = [await connect(servers[1]), await connect(servers[1])];
    await Promise.all([reader.document('a').ready, other.document('a').ready]);
    await reader.synced();
    let turn = 0;
    const port = () => servers[turn % 2].port;
    const mover = await open({
      server: 'ws://127.0.0.1:1', storage: 'memory',
      WebSocket: class extends TestWebSocket { constructor(_: string, protocols: never) { super(`ws://127.0.0.1:${port()}`, protocols); } } as never,
    });
    toClose.push(() => mover.close());
    for (; turn < 8; turn += 1) {
      mover.text('a').insert(0, `${turn}`);
      await mover.synced();
      mover.disconnect();
      mover.connect();
    }
    await mover.synced();
    // A commit here tells how much was missed, and the reader gets it.
    other.document('a').set('x', 1);
    await other.synced();
    expect((await logged('a')).data).toEqual({ text: '76543210', x: 1 });
    await until(() => reader.text('a').toString() === '76543210');
  });

  it('answers from Postgres over HTTP', async () => {
    const [server, other] = [await startNode(), await startNode({ limits: { headCheckMs: 0 } })];
    const [client, reader] = [await connect(server), await connect(other)];
    await reader.document('a').ready;
    await reader.synced();
    for (const x of [1, 2]) {
      await client.document('a').set('x', x).acked;
      // The other has the document open, and nobody has told it anything.
      for (const { port } of [server, other]) {
        expect(await (await fetch(`http://127.0.0.1:${port}/v1/documents/a`)).json()).toMatchObject({ id: 'a', lsn: x, data: { x } });
      }
    }
    expect(await (await fetch(`http://127.0.0.1:${server.port}/v1/documents`)).json()).toEqual([{ id: 'a', lsn: 2, snapshotLsn: 0 }]);
  });
}

function outages(): void {
  it('costs no acked write and doubles none, and writing goes on within five seconds', async () => {
    const { hostname, port } = new URL(url);
    const proxy = await TcpProxy.start({ host: hostname, port: Number(port || 5432) });
    toClose.push(() => proxy.close());
    const through = new URL(withSchema(url, schema));
    Object.assign(through, { hostname: '127.0.0.1', port: String(proxy.port) });
    through.searchParams.set('application_name', schema);
    const servers = [await startNode({ database: through.href }), await startNode()];
    const clients = await Promise.all(Array.from({ length: 10 }, (_, i) => connect(servers[i % 2])));
    const written = clients.map(() => 0);
    const ackedMs = clients.map(() => 0);
    let isDone = false;
    const writers = clients.map(async (client, i) => {
      while (!isDone) {
        const write = client.document(`counter ${written[i] % 3}`).getCounter('count').increment();
        written[i] += 1;
        void write.acked.then(() => (ackedMs[i] = Date.now()));
        if (written[i] % 10 === 0) await Promise.race([write.acked, pause(200)]);
        await pause(5);
      }
    });
    for (let i = 0; i < 12; i += 1) {
      await pause(150 * Math.random());
      if (i % 3 === 0) proxy.cut();
      else if (i % 3 === 1) proxy.cutAfter(i % 2 === 0 ? 'up' : 'down', Math.floor(3_000 * Math.random()));
      else await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${schema}`;
    }
    proxy.refuse(true);
    await pause(2_500);
    proxy.refuse(false);
    const backMs = Date.now();
    await until(() => ackedMs.every((ms) => ms > backMs));
    expect(Date.now() - backMs).toBeLessThan(5_000);
    isDone = true;
    await Promise.all(writers);
    await Promise.all(clients.map((client) => client.synced()));
    const total = written.reduce((sum, count) => sum + count, 0);
    const states = await Promise.all([0, 1, 2].map((n) => logged(`counter ${n}`)));
    expect(states.reduce((sum, { data }) => sum + (data as { count: number }).count, 0)).toBe(total);
    for (const client of clients) await until(() => states.every(({ digest }, n) => client.document(`counter ${n}`).digest() === digest));
  });
}

function plainData(): void {
  it('are at most a second behind while they are written, and whole at the end', async () => {
    const servers = [await startNode(), await startNode()];
    const [ann, ben] = [await connect(servers[0]), await connect(servers[1])];
    const startedMs = Date.now();
    let behindMsMax = 0;
    const acked: [ms: number, value: number][] = [];
    let value = 0;
    const watching = (async () => {
      while (Date.now() < startedMs + 4_000) {
        const nowMs = Date.now();
        const { data } = await row('shared');
        // The oldest ack that is not in the data yet says how far behind it is.
        const oldest = acked.find(([, count]) => count > (data?.own ?? 0));
        if (oldest !== undefined) behindMsMax = Math.max(behindMsMax, nowMs - oldest[0]);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    while (Date.now() < startedMs + 4_000) {
      value += 1;
      const mine = value;
      ben.document('shared').set('other', mine);
      await ann.document('shared').set('own', mine).acked;
      acked.push([Date.now(), mine]);
    }
    await watching;
    expect(value).toBeGreaterThan(100);
    expect(behindMsMax).toBeLessThan(1_000);
    await Promise.all([ann.synced(), ben.synced()]);
    await until(() => ann.document('shared').digest() === ben.document('shared').digest());
    await eventually(async () => (await row('shared')).projected === (await row('shared')).head);
    expect((await row('shared')).data).toEqual(ann.document('shared').toJSON());
    expect((await row('shared')).version).toEqual({ [ann.replica]: value, [ben.replica]: value });
  });

  it('hold every kind of container, and what jsonb cannot hold stands as U+FFFD', async () => {
    const client = await connect(await startNode());
    const document = client.document('kinds');
    document.set('nul\0key', 'a\0b \\u0000 "quoted" {1,2} \u{1f600}');
    document.set('number', 1e-9);
    document.getText('text').insert(0, 'text');
    document.getCounter('counter').increment(3);
    document.getList('list').insert(0, 1, null, { deep: [true] });
    await client.synced();
    await eventually(async () => (await row('kinds')).projected > 0);
    expect((await row('kinds')).data).toEqual({
      'nul\ufffdkey': 'a\ufffdb \\u0000 "quoted" {1,2} \u{1f600}', number: 1e-9, text: 'text', counter: 3, list: [1, null, { deep: [true] }],
    });
  });

  it('of a node that died are written by whoever is there, and never go back', async () => {
    const store = await openPostgresStore(withSchema(url, schema));
    const writer = new Writer();
    const append = async (bytes: Uint8Array) => {
      const seq = writer.seq();
      await store.append([{ document: 'left', replica: writer.replica, seqFrom: seq, seqTo: seq, bytes }]);
    };
    await append(writer.set('x', 1));
    await startNode();
    await eventually(async () => (await row('left')).projected === 1);
    await append(writer.set('x', 2));
    expect((await row('left')).head).toBe(2);
    await store.data!.writeData([{ id: 'left', lsn: 2, data: { x: 2 }, version: new Map() }]);
    await store.data!.writeData([{ id: 'left', lsn: 1, data: { x: 1 }, version: new Map() }]);
    expect(await row('left')).toMatchObject({ data: { x: 2 }, projected: 2 });
    await store.close();
  });

  it('are written when the server stops', async () => {
    const server = await startNode({ limits: { ...defaultLimits, headCheckMs: 0 } });
    const client = await connect(server);
    await client.document('last').set('x', 1).acked;
    await client.close();
    await server.close();
    expect(await row('last')).toMatchObject({ data: { x: 1 }, head: 1, projected: 1 });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function eventually(claim: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i += 1) {
    if (await claim()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not so after ten seconds: ${claim}`);
}
