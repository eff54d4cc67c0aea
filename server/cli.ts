#!/usr/bin/env node
// headwater, the command. Says in one line what went wrong and what to do about it; a stack trace helps nobody here.

import { parseArgs } from 'node:util';
import { HeadwaterError } from '../sdk/core/errors.js';
import { token, type TokenCommand } from './access/token-command.js';
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
  headwater token --user <id> [flags]       a token to develop with

Flags of serve, each with its mirror in the environment:
  --port <n>           port to listen on, 0 for any        HEADWATER_PORT        8787
  --host <name>        loopback only without accounts      HEADWATER_HOST        127.0.0.1
  --database <url>     sqlite:<file>, made when missing,   HEADWATER_DATABASE    sqlite:./data/headwater.db
                       or postgres://…?schema=<name>
  --redis <url>        redis://…, between several nodes    HEADWATER_REDIS       none
  --transport <name>   uws or ws                           HEADWATER_TRANSPORT   first that loads
  --log-level <name>   debug, info, warn, error, silent    HEADWATER_LOG_LEVEL   info
  --console <bool>     serve the console's page at /       HEADWATER_CONSOLE     true
  --metrics <bool>     OpenMetrics at /metrics             HEADWATER_METRICS     true
  --webhook <url>      told where a document stands when   HEADWATER_WEBHOOK     none
                       it has grown; may be repeated
  --webhook-secret <text>   signs those calls              HEADWATER_WEBHOOK_SECRET

Who may come in. With any of the first three the server may listen on every host; several keys while they change:
  --jwt-secret <text>       HS256, 32 bytes at least, or file:<path>      HEADWATER_JWT_SECRET
  --jwt-public-key <file>   PEM of an RSA, P-256, P-384 or Ed25519 key    HEADWATER_JWT_PUBLIC_KEY
  --jwks <file or url>      a JSON Web Key Set                            HEADWATER_JWKS
  --jwt-issuer <text>       what iss must be                              HEADWATER_JWT_ISSUER
  --jwt-audience <text>     what aud must be                              HEADWATER_JWT_AUDIENCE
  --origins <origin>        pages that may connect; * is all              HEADWATER_ORIGINS
  --trust-proxy <bool>      X-Forwarded-For is a proxy's, and true        HEADWATER_TRUST_PROXY   false

Flags of inspect, migrate and compact:
  --database <url>     the same, instead of the first argument
  --json               machine-readable (inspect)
  --retention <time>   younger log entries stay: 7d, 12h, 30m (compact; 7d)

Flags of token:
  --secret <text>            the server's, or file:<path>     HEADWATER_JWT_SECRET
  --user <id>                whose it is
  --name <text>              what others see
  --permission <p>=<level>   as 'todo-*=write'; none, read, write or admin; may be repeated
  --expires <time>           90s, 30m, 1h, 7d                 1h
  --jwt-issuer, --jwt-audience as the server asks for them

  headwater --help, headwater --version
`;

const flags = {
  port: { type: 'string' },
  host: { type: 'string' },
  database: { type: 'string' },
  redis: { type: 'string' },
  transport: { type: 'string' },
  'log-level': { type: 'string' },
  console: { type: 'string' },
  metrics: { type: 'string' },
  webhook: { type: 'string', multiple: true },
  'webhook-secret': { type: 'string' },
  'jwt-secret': { type: 'string', multiple: true },
  'jwt-public-key': { type: 'string', multiple: true },
  jwks: { type: 'string' },
  'jwt-issuer': { type: 'string' },
  'jwt-audience': { type: 'string' },
  origins: { type: 'string', multiple: true },
  'trust-proxy': { type: 'string' },
  secret: { type: 'string' },
  user: { type: 'string' },
  name: { type: 'string' },
  permission: { type: 'string', multiple: true },
  expires: { type: 'string' },
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
  if (command === 'token') return print(await token(tokenOptions(values)));
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

const serveFlags = [
  'port', 'host', 'database', 'redis', 'transport', 'console', 'log-level', 'jwt-secret', 'jwt-public-key', 'jwks', 'jwt-issuer', 'jwt-audience',
  'origins', 'trust-proxy', 'metrics', 'webhook', 'webhook-secret',
] as const;

function serveOptions(values: Values): ServerConfigInput {
  const flagged = serveFlags.flatMap((flag) => (values[flag] === undefined ? [] : [[optionOf(flag), values[flag]]]));
  return { ...configFromEnvironment(process.env), ...Object.fromEntries(flagged) };
}

/** --log-level is logLevel. */
function optionOf(flag: string): string {
  return flag.replace(/-[a-z]/g, (letter) => letter[1].toUpperCase());
}

function tokenOptions({ secret, user, name, permission = [], expires = '1h', ...values }: Values): TokenCommand {
  const { jwtSecret, jwtIssuer, jwtAudience } = configFromEnvironment(process.env);
  return {
    secret: secret ?? jwtSecret?.[0], user, name, permission, expires,
    issuer: values['jwt-issuer'] ?? jwtIssuer, audience: values['jwt-audience'] ?? jwtAudience,
  };
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
