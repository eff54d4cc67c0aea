// Two nodes on one Postgres and one Redis behind a balancer, under load from many clients, to which one thing after another is done: a node is
// killed, Redis is killed, Redis hangs, Postgres is cut off. After each, everybody must come to the same state in seconds,
// and in the end the database is judged.

import { ServerProcess } from '../../e2e/server-process.js';
import { Balancer } from '../balancer.js';
import { withSchema } from '../postgres.js';
import { TestRedis } from '../redis.js';
import { TcpProxy } from '../tcp-proxy.js';
import { Author, pause } from './author.js';
import { judge, type Findings } from './judge.js';

export interface NodesOptions {
  /** Of a Postgres. */
  database: string;
  schema: string;
  rounds: number;
  clients: number;
  random: () => number;
  look?: (line: string) => void;
}

export interface Recovery {
  fault: string;
  /** From the end of the fault until everything was acked and all clients of a document were equal. */
  recoveryMs: number;
  /** Acked while the fault lasted. */
  ackedMeanwhile: number;
}

export interface NodesResult extends Findings {
  acked: number;
  written: number;
  recoveries: Recovery[];
}

interface Fault {
  name: string;
  strike(): Promise<void> | void;
  mend(): Promise<void> | void;
}

const documentCount = 20;
const documentsOfOne = 2;
const paceMs = 400;
const loadMs = 1_000;
const faultMs = 2_000;
const recoveryMsMax = 60_000;

/** @throws Error when clients do not come to the same state within a minute */
export async function killNodes({ database, schema, rounds, clients, random, look }: NodesOptions): Promise<NodesResult> {
  const url = new URL(database);
  const wire = await TcpProxy.start({ host: url.hostname, port: Number(url.port || 5432) });
  url.port = String(wire.port);
  url.hostname = '127.0.0.1';
  const redis = await TestRedis.start();
  const flags = ['--redis', redis.url];
  const nodes = await Promise.all([0, 1].map(() => ServerProcess.start({ database: withSchema(url.href, schema), flags })));
  const balancer = await Balancer.start(nodes.map(({ port }) => port));
  const authors = await Promise.all(Array.from({ length: clients }, (_, i) => Author.start({
    server: balancer.url, random, paceMs,
    documents: Array.from({ length: documentsOfOne }, (_, n) => `${n % 2 === 0 ? 'counter' : 'text'} ${(i >> 1) % documentCount}`),
  })));
  const result: NodesResult = { store: '', lost: [], doubled: [], acked: 0, written: 0, recoveries: [] };
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const fault of faultsOf(nodes[round % 2], redis, wire)) {
        const recovery = await suffer(fault, authors);
        result.recoveries.push(recovery);
        look?.(`${recovery.fault}: equal again after ${recovery.recoveryMs} ms, ${recovery.ackedMeanwhile} acked meanwhile`);
      }
    }
    for (const author of authors) author.stop();
    await settled(authors);
    await Promise.all(nodes.map((node) => node.kill()));
    await judge(withSchema(database, schema), authors, result, 'at the end');
    return { ...result, acked: total(authors, 'acked'), written: total(authors, 'written') };
  } finally {
    for (const author of authors) author.stop();
    await Promise.all(authors.map(({ client }) => client.close()));
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    await redis.kill();
    await wire.close();
    await balancer.close();
  }
}

function faultsOf(node: ServerProcess, redis: TestRedis, wire: TcpProxy): Fault[] {
  return [
    { name: 'a node killed', strike: () => node.kill(), mend: () => node.resume() },
    { name: 'Redis killed', strike: () => redis.kill(), mend: () => redis.resume() },
    { name: 'Redis hanging', strike: () => redis.freeze(), mend: () => redis.unfreeze() },
    { name: 'Postgres cut off', strike: () => wire.refuse(true), mend: () => wire.refuse(false) },
    { name: 'Postgres hanging', strike: () => wire.freeze(true), mend: () => wire.freeze(false) },
  ];
}

async function suffer(fault: Fault, authors: readonly Author[]): Promise<Recovery> {
  await pause(loadMs);
  const before = total(authors, 'acked');
  await fault.strike();
  await pause(faultMs);
  const ackedMeanwhile = total(authors, 'acked') - before;
  await fault.mend();
  const mendedMs = Date.now();
  for (const author of authors) author.isResting = true;
  await settled(authors);
  const recoveryMs = Date.now() - mendedMs;
  for (const author of authors) author.isResting = false;
  return { fault: fault.name, recoveryMs, ackedMeanwhile };
}

/** Everything is acked, and everybody who has a document has it equal. */
async function settled(authors: readonly Author[]): Promise<void> {
  const deadlineMs = Date.now() + recoveryMsMax;
  for (;;) {
    if (authors.every(({ written, acked }) => written === acked) && areEqual(authors)) return;
    if (Date.now() > deadlineMs) throw new Error(`not equal after a minute: ${stateOf(authors)}`);
    await pause(20);
  }
}

function areEqual(authors: readonly Author[]): boolean {
  const digests = new Map<string, string>();
  return authors.every(({ client, options }) => options.documents.every((id) => {
    const digest = client.document(id).digest();
    if (!digests.has(id)) digests.set(id, digest);
    return digests.get(id) === digest;
  }));
}

function stateOf(authors: readonly Author[]): string {
  const counts = new Map<string, number>();
  for (const { client } of authors) {
    const { connection } = client.status.get();
    counts.set(connection, (counts.get(connection) ?? 0) + 1);
  }
  return `${total(authors, 'acked')} of ${total(authors, 'written')} acked, ${[...counts].map(([state, count]) => `${count} ${state}`).join(', ')}`;
}

function total(authors: readonly Author[], what: 'written' | 'acked'): number {
  return authors.reduce((sum, author) => sum + author[what], 0);
}
