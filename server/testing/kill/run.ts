// A server under load that is killed with SIGKILL, round after round, and judged by what its database holds.
//
// The database is read while the server is dead: later the authors, who still have everything, would fill a gap without a
// word.

import { ServerProcess } from '../../e2e/server-process.js';
import { Author, pause } from './author.js';
import { judge, type Findings } from './judge.js';

export interface KillOptions {
  rounds: number;
  /** Instead of a SQLite file of the run's own. */
  database?: string;
  clients?: number;
  random: () => number;
  look?: (round: number, acked: number) => void;
}

export interface KillResult extends Findings {
  rounds: number;
  acked: number;
  written: number;
  /** Rounds in which something had been acked since the one before, and something was on its way when the kill came. */
  hardRounds: number;
}

const roundMs = { min: 60, spread: 250 };
const settleMsMax = 60_000;
const documents = ['counter 0', 'counter 1', 'text 0', 'text 1'];
const paceMs = 4;

/** @throws Error when the server does not come back, or the clients do not get everything acked in the end */
export async function killRounds({ rounds, database, clients = 12, random, look }: KillOptions): Promise<KillResult> {
  const server = await ServerProcess.start({ database });
  const authors = await Promise.all(Array.from({ length: clients }, () => Author.start({ server: server.url, random, documents, paceMs })));
  const result: KillResult = { store: '', rounds, acked: 0, written: 0, hardRounds: 0, lost: [], doubled: [] };
  try {
    for (let round = 1; round <= rounds; round += 1) {
      const before = total(authors, 'acked');
      await until(() => total(authors, 'acked') > before, 'nothing is acked any more');
      await pause(roundMs.min + random() * roundMs.spread);
      const onTheirWay = total(authors, 'written') - total(authors, 'acked');
      await server.kill();
      if (onTheirWay > 0) result.hardRounds += 1;
      await judge(server.database, authors, result, `after kill ${round}`);
      // What has gone wrong once goes on being wrong, and the authors may never get through again.
      if (result.lost.length + result.doubled.length > 0) return { ...result, ...tally(authors), rounds: round };
      await server.resume();
      look?.(round, total(authors, 'acked'));
    }
    for (const author of authors) author.stop();
    await until(() => authors.every(({ written, acked }) => acked === written), 'not everything was acked in the end');
    await server.kill();
    await judge(server.database, authors, result, 'at the end');
    return { ...result, ...tally(authors) };
  } finally {
    for (const author of authors) author.stop();
    await Promise.all(authors.map(({ client }) => client.close()));
    await server[Symbol.asyncDispose]();
  }
}

function tally(authors: readonly Author[]): Pick<KillResult, 'acked' | 'written'> {
  return { acked: total(authors, 'acked'), written: total(authors, 'written') };
}

function total(authors: readonly Author[], what: 'written' | 'acked'): number {
  return authors.reduce((sum, author) => sum + author[what], 0);
}

async function until(claim: () => boolean, otherwise: string): Promise<void> {
  const deadlineMs = Date.now() + settleMsMax;
  while (!claim()) {
    if (Date.now() > deadlineMs) throw new Error(otherwise);
    await pause(5);
  }
}
