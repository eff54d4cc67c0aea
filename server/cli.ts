#!/usr/bin/env node
// headwater, the command. Says in one line what went wrong and what to do about it; a stack trace helps nobody here.

import { parseArgs } from 'node:util';
import { HeadwaterError } from '../sdk/core/errors.js';
import { configFromEnvironment, type ServerConfigInput } from './config.js';
import { inspect } from './inspect.js';
import { serve } from './main.js';
import { compact } from './compact.js';
import { migrate } from './migrate.js';

const help = `headwater — a local-first sync server

  headwater serve [flags]                   start the server
  headwater inspect [database] [document]   what a database holds: documents, positions, state
  headwater migrate [database]              bring a database up to this version; serve does so too
  headwater compact [database]              let go of old log entries that snapshots stand for; serve does so too

Flags of serve, each with its mirror in the environment:
  --port <n>           port to listen on, 0 for any        HEADWATER_PORT        8787
  --host <name>        loopback only without accounts      HEADWATER_HOST        127.0.0.1
  --database <url>     sqlite:<file>, made when missing,   HEADWATER_DATABASE    sqlite:./data/headwater.db
                       or postgres://…?schema=<name>
  --redis <url>        redis://…, between several nodes    HEADWATER_REDIS       none
  --transport <name>   uws or ws                           HEADWATER_TRANSPORT   first that loads
  --log-level <name>   debug, info, warn, error, silent    HEADWATER_LOG_LEVEL   info
  --console <bool>     serve the console's page at /       HEADWATER_CONSOLE     true

Flags of inspect, migrate and compact:
  --database <url>     the same, instead of the first argument
  --json               machine-readable (inspect)
  --retention <time>   younger log entries stay: 7d, 12h, 30m (compact; 7d)

  headwater --help, headwater --version
`;

const later = ['token'];

const flags = {
  port: { type: 'string' },
  host: { type: 'string' },
  database: { type: 'string' },
  redis: { type: 'string' },
  transport: { type: 'string' },
  'log-level': { type: 'string' },
  console: { type: 'string' },
  json: { type: 'boolean' },
  retention: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

async function main(): Promise<void> {
  const { values, positionals } = parse();
  const [command, ...rest] = positionals;
  if (values.version) return print(await version());
  if (values.help || command === undefined || command === 'help') return print(help);
  if (command === 'serve') return serve(serveOptions(values));
  if (command === 'inspect') return print(await inspect(inspectOptions(values, rest)));
  if (command === 'compact') return compact(inspectOptions(values, rest).database, values.retention, (line) => process.stderr.write(line)).then(print);
  if (command === 'migrate') return print(await migrate(inspectOptions(values, rest).database));
  if (later.includes(command)) throw usage(`${command} is not in this version`);
  throw usage(`there is no command ${command}`);
}

type Values = ReturnType<typeof parse>['values'];

function parse() {
  try {
    return parseArgs({ args: process.argv.slice(2), options: flags, allowPositionals: true });
  } catch (cause) {
    throw usage((cause as Error).message.split('. ')[0]);
  }
}

function serveOptions({ port, host, database, redis, transport, console, 'log-level': logLevel }: Values): ServerConfigInput {
  const given = { port, host, database, redis, transport, console, logLevel };
  const flagged = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...configFromEnvironment(process.env), ...flagged };
}

function inspectOptions(values: Values, rest: string[]) {
  const fromEnvironment = configFromEnvironment(process.env).database;
  const [database, document] = values.database === undefined ? rest : [values.database, ...rest];
  return { database: database ?? fromEnvironment ?? 'sqlite:./data/headwater.db', document, json: values.json ?? false };
}

async function version(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  for (const up of ['../../../package.json', '../package.json']) {
    const text = await readFile(new URL(up, import.meta.url), 'utf8').catch(() => null);
    if (text !== null) return `headwater ${JSON.parse(text).version}\n`;
  }
  return 'headwater\n';
}

function usage(message: string): HeadwaterError {
  return new HeadwaterError('invalid_argument', `${message}; headwater --help lists what there is`);
}

function print(text: string): void {
  process.stdout.write(text);
}

main().then(
  () => process.exit(0),
  (cause) => {
    process.stderr.write(`headwater: ${cause instanceof HeadwaterError ? cause.message : (cause as Error).stack}\n`);
    process.exit(1);
  },
);
