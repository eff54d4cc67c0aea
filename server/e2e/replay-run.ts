// Replays a recorded session with one client process per author against a real server, and judges the end.
//
// The recording's causality is kept: an author plays a transaction only once its own live document holds
// everything that transaction was made on (plan.ts and live-view.ts say how a position is carried over).
// The server may be killed at random moments and started again on the same files and port.

import WebSocket from 'ws';
import { decodeVersion } from '../../sdk/core/codec.js';
import { open } from '../../sdk/index.js';
import { Cast } from './cast.js';
import { databaseCopy } from './database-copy.js';
import { planOf } from './plan.js';
import { readRecording } from './recording.js';
import type { Recording } from './recording.js';
import type { AuthorResult } from './replay-author.js';
import { ServerProcess, storedDocument } from './server-process.js';
import type { StoredDocument } from './server-process.js';
import { judge } from './verdict.js';
import type { Copy } from './verdict.js';

export interface ReplayOptions {
  trace: string;
  /** How many times the server is killed with SIGKILL along the way. */
  kills?: number;
  transport?: 'uws' | 'ws';
  /** Of the server of our own; without it a SQLite file. */
  database?: string;
  /** A server that runs already, such as `ws://127.0.0.1:8787`, instead of one of our own. */
  server?: string;
  txnsMax?: number;
  random?: () => number;
  look?: (acked: number, total: number, note: string) => void;
}

export interface ReplayResult {
  txns: number;
  authors: number;
  ops: number;
  kills: number;
  digest: string;
  copies: string[];
  playedMs: number;
}

const stallMs = 60_000;
const freshMsMax = 30_000;

/** @throws Error with one sentence per thing that is wrong */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const recording = readRecording(options.trace, options.txnsMax);
  const expected = endOf(recording);
  const server = options.server ? undefined : await ServerProcess.start({ transport: options.transport, database: options.database });
  const document = server ? recording.name : `${recording.name}-${Date.now().toString(36)}`;
  const url = options.server ?? server!.url;
  const cast = new Cast(recording.authors, { trace: options.trace, txnsMax: options.txnsMax ?? null, server: url, document });
  try {
    const startedMs = Date.now();
    const kills = await perform(recording, cast, server, options);
    const playedMs = Date.now() - startedMs;
    const copies = cast.results.map(copyOf);
    if (server) copies.push(await copyAtLastAck(server, document));
    copies.push(...await copiesOver(url, document, new Map(copies[0].version)));
    await cast.leave();
    if (server) copies.push(await copyAfterRestart(server, document));
    conclude(expected, recording, cast.results, copies);
    const ops = cast.results.reduce((sum, { seqEnd }) => sum + seqEnd, 0);
    return { txns: recording.txns.length, authors: recording.authors, ops, kills, digest: copies[0].digest, copies: copies.map(({ where }) => where), playedMs };
  } finally {
    await cast.leave();
    await server?.[Symbol.asyncDispose]();
  }
}

/** Plays until every author has everything. @returns how often the server was killed */
async function perform(recording: Recording, cast: Cast, server: ServerProcess | undefined, options: ReplayOptions): Promise<number> {
  const { kills = 0, random = Math.random } = options;
  const total = recording.txns.length;
  // One random moment in each of `kills` equal parts, so that every kill falls into the run.
  const moments = Array.from({ length: kills }, (_, index) => Math.floor(((index + 0.9 * random()) / kills) * total));
  let killed = 0;
  let restarting: Promise<void> | undefined;
  let problem: unknown;
  await cast.start();
  await cast.finished(() => {
    options.look?.(cast.acked, total, `${killed} ${killed === 1 ? 'kill' : 'kills'}; ${cast.note}`);
    if (!server || restarting || cast.acked < (moments[killed] ?? Infinity)) return;
    killed++;
    restarting = revive(server, 300 * random()).catch((error: unknown) => { problem = error; }).then(() => { restarting = undefined; });
  }, stallMs);
  await restarting;
  if (problem) throw problem;
  if (killed < kills) throw new Error(`only ${killed} of ${kills} kills found their moment`);
  return killed;
}

async function revive(server: ServerProcess, pauseMs: number): Promise<void> {
  await server.kill();
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  await server.resume();
}

function copyOf({ author, text, digest, version }: AuthorResult): Copy {
  return { where: `author ${author}`, text, digest, version: new Map(version) };
}

/**
 * Kills the server the moment everything is acked and reads what is on its disk. This is the copy that tells whether an
 * ack meant "committed": later the authors, who still have everything, would have filled a gap without a word.
 */
async function copyAtLastAck(server: ServerProcess, document: string): Promise<Copy> {
  await server.kill();
  const copy = await databaseCopy(server.database, document);
  await server.resume();
  return copy;
}

/** A newcomer's copy and the running server's. */
async function copiesOver(url: string, document: string, version: ReadonlyMap<string, number>): Promise<Copy[]> {
  const fresh = await freshCopy(url, document, version);
  const stored = await storedDocument(url.replace(/^ws/, 'http'), document);
  return [fresh, { where: 'the server', text: textOf(stored.data), digest: stored.digest }];
}

/** A client that has never seen the document, given time until it has as many ops as the authors. */
async function freshCopy(server: string, id: string, version: ReadonlyMap<string, number>): Promise<Copy> {
  const client = await open({ server, storage: 'memory', WebSocket });
  try {
    const document = client.document(id);
    const holds = () => decodeVersion(document.version());
    const deadline = Date.now() + freshMsMax;
    while (Date.now() < deadline && [...version].some(([replica, seq]) => (holds().get(replica) ?? 0) < seq)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return { where: 'a fresh client', text: document.getText('text').toString(), digest: document.digest(), version: holds() };
  } finally {
    await client.close();
  }
}

/** What a server makes of the database once another has stopped in good order and every author has gone. */
async function copyAfterRestart(server: ServerProcess, document: string): Promise<Copy> {
  const code = await server.stop();
  if (code !== 0) throw new Error(`the server ended with ${code} when asked to stop:\n${server.log}`);
  await server.resume();
  const { data, digest } = await server.document(document);
  return { where: 'the server, started again', text: textOf(data), digest };
}

function conclude(expected: string, recording: Recording, results: AuthorResult[], copies: Copy[]): void {
  const wrong = judge(expected, recording.txns.length, results, copies);
  if (wrong.length > 0) throw new Error(wrong.join('; '));
}

function textOf({ text }: StoredDocument['data']): string {
  return typeof text === 'string' ? text : '';
}

/** The text a recording, or the first part of one, ends with. */
function endOf(recording: Recording): string {
  if (recording.authors > 1) return planOf(recording).text;
  if (recording.endContent !== undefined) return recording.endContent;
  return recording.txns.reduce((text, { patches }) => patches.reduce(
    (before, [position, deleted, inserted]) => before.slice(0, position) + inserted + before.slice(position + deleted), text), '');
}
