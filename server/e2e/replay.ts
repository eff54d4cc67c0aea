// `npm run replay -- <trace.json.gz> [--kill N] [--transport uws|ws] [--database postgres://…] [--server ws://…] [--txns N]`
//
// Plays a recorded session through real clients and a real server. Ends with 0 and a summary, or with 1 and
// what is wrong in one line.

import { parseArgs } from 'node:util';
import { Progress, seconds } from './progress.js';
import { replay } from './replay-run.js';
import type { ReplayOptions, ReplayResult } from './replay-run.js';

const usage = 'usage: npm run replay -- <trace.json.gz> [--kill N] [--transport uws|ws] [--database postgres://…] [--server ws://host:port] [--txns N]';

function optionsFrom(args: string[]): ReplayOptions {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { kill: { type: 'string' }, database: { type: 'string' }, transport: { type: 'string' }, server: { type: 'string' }, txns: { type: 'string' } },
  });
  const { transport, server, database } = values;
  if (positionals.length !== 1) throw new Error(usage);
  if (transport !== undefined && transport !== 'uws' && transport !== 'ws') throw new Error(`--transport is uws or ws. ${usage}`);
  const kills = count('--kill', values.kill) ?? 0;
  if (server !== undefined && (kills > 0 || transport || database)) throw new Error('--kill, --transport and --database are for a server of our own: leave out --server');
  return { trace: positionals[0], kills, transport, server, database, txnsMax: count('--txns', values.txns) };
}

function count(flag: string, value: string | undefined): number | undefined {
  if (value !== undefined && !/^\d+$/.test(value)) throw new Error(`${flag} takes a number. ${usage}`);
  return value === undefined ? undefined : Number(value);
}

function summary({ txns, authors, ops, kills, digest, copies, playedMs }: ReplayResult): string {
  const rate = Math.round(txns / (playedMs / 1_000)).toLocaleString('en');
  return [
    `played   ${txns.toLocaleString('en')} transactions (${ops.toLocaleString('en')} ops) by ${authors} client ${authors === 1 ? 'process' : 'processes'} in ${seconds(playedMs)}, ${rate} a second, all acked`,
    `killed   the server ${kills} ${kills === 1 ? 'time' : 'times'} with SIGKILL`,
    `equal    ${copies.join(', ')}: the recorded text, digest ${digest}, no op missing, none twice`,
  ].join('\n');
}

let progress: Progress | undefined;
try {
  const options = optionsFrom(process.argv.slice(2));
  const result = await replay({
    ...options,
    look: (acked, total, note) => (progress ??= new Progress(total)).show(acked, note),
  });
  progress?.end();
  console.log(summary(result));
} catch (error) {
  progress?.end();
  console.error(`replay failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
