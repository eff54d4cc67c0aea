// What a server can be told, by option, flag or environment, and what holds when it is told nothing.
// Every flag `--some-name` has its mirror HEADWATER_SOME_NAME; a flag wins.

import { z } from 'zod';
import { HeadwaterError } from '../sdk/core/errors.js';
import { defaultLimits, type Limits } from './limits.js';
import { logLevels } from './log.js';
import { isLoopbackName, normalOrigin } from './origin.js';

const limitNames = Object.keys(defaultLimits) as (keyof Limits)[];
const limit = z.number().int().nonnegative();

const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);
/** One, or several. */
const list = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
const origins = list.transform((given, context) => given.map((text) => {
  try {
    return normalOrigin(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'an origin looks like https://app.example, without a path; * is all' });
    return z.NEVER;
  }
}));

const schema = z.strictObject({
  /**
   * `sqlite:<file>`; the folder is made. `sqlite::memory:` forgets everything when it stops.
   * `postgres://user:password@host/database?schema=name` is for many nodes; the schema is made, `public` when none is named.
   */
  database: z.string().default('sqlite:./data/headwater.db'),
  /** `redis://…`: tells the other nodes of the same database at once what was written here. Without it they look every few seconds. */
  redis: z.string().regex(/^rediss?:\/\/./, 'must look like redis://127.0.0.1:6379').optional(),
  port: z.coerce.number().int().min(0).max(65_535).default(8787),
  host: z.string().min(1).default('127.0.0.1'),
  /** Which WebSocket library; by default the first of uws and ws that loads. */
  transport: z.enum(['uws', 'ws']).optional(),
  logLevel: z.enum(logLevels).default('info'),
  /** Whether the console's page is served at `/`. */
  console: flag.default(true),
  /** Secrets of tokens by HS256, or `file:<path>`; several while they are being changed. */
  jwtSecret: list.default([]),
  /** Public keys in PEM, or files of them. */
  jwtPublicKey: list.default([]),
  /** A file or URL of a JSON Web Key Set. */
  jwks: z.string().min(1).optional(),
  /** What a token's `iss` and `aud` must be. */
  jwtIssuer: z.string().min(1).optional(),
  jwtAudience: z.string().min(1).optional(),
  /** Pages that may use the server; by default those of this machine, and with accounts those of the server's own host. */
  origins: origins.optional(),
  /** Told over HTTP of every document that grows; signed with the secret. */
  webhook: list.default([]),
  webhookSecret: z.string().min(16, 'has at least 16 characters').optional(),
  /** What the server measures of itself, at /metrics. */
  metrics: flag.default(true),
  /** There is a proxy before the server, and its X-Forwarded-For is true. */
  trustProxy: flag.default(false),
  limits: z.strictObject(Object.fromEntries(limitNames.map((name) => [name, limit.optional()]))).default({}),
});

export type ServerConfig = Omit<z.output<typeof schema>, 'limits'> & { limits: Limits };

/** Everything optional; see the schema in config.ts. */
export interface ServerConfigInput {
  database?: string;
  redis?: string;
  port?: number | string;
  host?: string;
  transport?: 'uws' | 'ws';
  logLevel?: (typeof logLevels)[number];
  console?: boolean | string;
  jwtSecret?: string | string[];
  jwtPublicKey?: string | string[];
  jwks?: string;
  jwtIssuer?: string;
  jwtAudience?: string;
  origins?: string | string[];
  webhook?: string | string[];
  webhookSecret?: string;
  metrics?: boolean | string;
  trustProxy?: boolean | string;
  limits?: Partial<Limits>;
}

/** @throws HeadwaterError `invalid_argument` that names the option */
export function parseConfig(input: ServerConfigInput): ServerConfig {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw invalid(parsed.error.issues[0]);
  const config = { ...parsed.data, limits: { ...defaultLimits, ...parsed.data.limits } as Limits };
  if (!isPostgres(config.database)) sqlitePath(config.database);
  if (config.webhook.length > 0 && config.webhookSecret === undefined) throw new HeadwaterError('invalid_argument', 'webhook needs a webhookSecret, with which the calls are signed', { option: 'webhookSecret' });
  for (const url of config.webhook) if (!URL.canParse(url) || !/^https?:/.test(url)) throw new HeadwaterError('invalid_argument', `webhook: not a URL of http or https`, { option: 'webhook' });
  return config;
}

export function isPostgres(database: string): boolean {
  return /^postgres(ql)?:\/\/./.test(database);
}

/** @throws HeadwaterError `invalid_argument` */
export function sqlitePath(database: string): string {
  if (database.startsWith('sqlite:') && database.length > 'sqlite:'.length) {
    return database.slice('sqlite:'.length).replace(/^\/\/(?=\/|\.)/, '');
  }
  throw new HeadwaterError('invalid_argument', `database must look like sqlite:./data.db or postgres://user@host/database, not ${scheme(database)}`);
}

/**
 * Without accounts anybody who reaches the server may read and write everything, so nobody but this machine does.
 *
 * @throws HeadwaterError `not_authorized`
 */
export function assertLoopback(host: string): void {
  if (isLoopbackName(host)) return;
  throw new HeadwaterError(
    'not_authorized',
    `not listening on ${host}: no authentication is configured, so the server stays on loopback; use --host 127.0.0.1, or say who may come in: --jwt-secret, --jwt-public-key or --jwks`,
    { host },
  );
}

const singles = ['database', 'redis', 'port', 'host', 'transport', 'logLevel', 'console', 'jwks', 'jwtIssuer', 'jwtAudience', 'trustProxy', 'webhookSecret', 'metrics'];
/** Their parts stand apart by white space or commas. */
const lists = ['jwtSecret', 'jwtPublicKey', 'origins', 'webhook'];

/** The environment's part: HEADWATER_LOG_LEVEL is logLevel. Unset and empty are the same. */
export function configFromEnvironment(environment: NodeJS.ProcessEnv): ServerConfigInput {
  const input: Record<string, string | string[]> = {};
  for (const name of singles) {
    const value = environment[environmentName(name)];
    if (value) input[name] = value;
  }
  for (const name of lists) {
    const value = environment[environmentName(name)];
    if (value) input[name] = value.includes('-----BEGIN') ? [value] : value.split(/[\s,]+/).filter((part) => part !== '');
  }
  return input as ServerConfigInput;
}

export function environmentName(option: string): string {
  return `HEADWATER_${option.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function invalid(issue: z.core.$ZodIssue): HeadwaterError {
  const option = issue.path.join('.') || ('keys' in issue ? String(issue.keys) : 'options');
  return new HeadwaterError('invalid_argument', `${option}: ${issue.message}`, { option });
}

/** A URL may hold a password; only its scheme is repeated. */
function scheme(database: string): string {
  return `${database.split(':', 1)[0].slice(0, 20)}:…`;
}
