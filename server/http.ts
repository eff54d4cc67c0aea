// Plain HTTP: is it alive, what does it hold, who may do what, and the console's page.
//
// Who asks is found out first, then what may be asked, then whether it is there. A document that may not be read and one
// that is not there get the same answer, 404. 401 is for a token that is missing or not good; 403 for somebody who is
// known, and may know of the thing, and may not do this; for a page of a site that is not on the list too.

import { HeadwaterError } from '../sdk/core/errors.js';
import { isDocumentId } from '../sdk/wire/limits.js';
import type { Access } from './access/access.js';
import { isUserId, type Identity } from './access/identity.js';
import { allows, isLevel, levels, type Level } from './access/level.js';
import { isLoopbackAddress, refusalOf, type OriginRule } from './origin.js';
import type { Rooms } from './rooms.js';
import { safeHeaders, staticFile } from './static-files.js';
import type { DocumentRow, Store } from './store/store.js';
import type { HttpAnswer, RequestHead } from './transport/transport.js';

export interface HttpContext {
  rooms: Rooms;
  store: Store;
  /** Null: no accounts, whoever gets here may do everything. */
  access: Access | null;
  origins: OriginRule;
  /** Whether new work is taken: false from the first signal to stop. */
  isReady(): boolean;
  /** The console's folder, or null for none. */
  consoleFolder: string | null;
  addressOf(request: RequestHead): string;
}

/** A request to the API by somebody known; `identity` is null without accounts. */
interface Asked extends HttpContext {
  identity: Identity | null;
  body: Uint8Array;
}

type Handler = (asked: Asked, ...named: string[]) => Promise<HttpAnswer>;

/** `:document` and `:user` name what a handler gets, in order. */
const routes: readonly [method: string, path: string, handler: Handler][] = [
  ['GET', '/v1/documents', listDocuments],
  ['GET', '/v1/documents/:document', describeDocument],
  ['GET', '/v1/documents/:document/access', readAccess],
  ['PUT', '/v1/documents/:document/access/:user', writeAccess],
  ['DELETE', '/v1/documents/:document/access/:user', dropAccess],
  ['POST', '/v1/users/:user/disconnect', (asked, user) => dismiss(asked, user, false)],
  ['POST', '/v1/users/:user/revoke', (asked, user) => dismiss(asked, user, true)],
];

const listedMax = 10_000;
/** Levels asked for at a time: a store may be far away. */
const askedAtOnce = 256;

export async function answerRequest(request: RequestHead, body: Uint8Array, context: HttpContext): Promise<HttpAnswer> {
  const isReading = request.method === 'GET' || request.method === 'HEAD';
  // Health is for supervisors, which come by address and know no names; it says nothing.
  if (isReading && request.path === '/health') return json(200, { status: 'ok' });
  if (isReading && request.path === '/ready') return context.isReady() ? json(200, { status: 'ready' }) : json(503, { status: 'stopping' });
  const refusal = refusalOf(request, context.origins);
  if (refusal !== null) return json(403, { code: 'not_authorized', message: refusal });
  if (request.path.startsWith('/v1/')) return answerApi(request, body, context);
  return isReading ? page(request, context) : notAMethod('GET, HEAD');
}

async function answerApi(request: RequestHead, body: Uint8Array, context: HttpContext): Promise<HttpAnswer> {
  try {
    const identity = await identify(request, context);
    return await route(request, { ...context, identity, body });
  } catch (cause) {
    return answerOf(cause);
  }
}

async function identify(request: RequestHead, { access, addressOf }: HttpContext): Promise<Identity | null> {
  if (access !== null) return access.authenticate(bearer(request.authorization), addressOf(request));
  if (isLoopbackAddress(request.remoteAddress)) return null;
  throw new Answer(403, 'not_authorized', 'only from this machine');
}

function bearer(authorization: string): string | null {
  return /^Bearer +([^ ]+) *$/i.exec(authorization)?.[1] ?? null;
}

function route({ method, path }: RequestHead, asked: Asked): Promise<HttpAnswer> {
  const wanted = method === 'HEAD' ? 'GET' : method;
  const fitting = routes.flatMap(([name, pattern, handler]) => {
    const named = namesIn(pattern, path);
    return named === null ? [] : [{ name, handler, named }];
  });
  if (fitting.length === 0) throw notFound();
  const found = fitting.find(({ name }) => name === wanted);
  if (found === undefined) return Promise.resolve(notAMethod(fitting.map(({ name }) => name).join(', ')));
  return found.handler(asked, ...found.named);
}

/** What stands in a path where a pattern has a name; null when it does not fit. What cannot be a name is nothing that is there. */
function namesIn(pattern: string, path: string): string[] | null {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  if (wanted.length !== given.length) return null;
  const names: string[] = [];
  for (const [i, part] of wanted.entries()) {
    if (!part.startsWith(':')) {
      if (part !== given[i]) return null;
      continue;
    }
    const name = decode(given[i]);
    if (name === null || !(part === ':document' ? isDocumentId(name) : isUserId(name) || name === '*')) return null;
    names.push(name);
  }
  return names;
}

// ── documents ─────────────────────────────────────────────────────────────────────────────────────

async function listDocuments({ store, access, identity }: Asked): Promise<HttpAnswer> {
  const rows = await store.listDocuments('', listedMax);
  if (access === null || identity === null) return json(200, rows);
  const readable: DocumentRow[] = [];
  for (let i = 0; i < rows.length; i += askedAtOnce) {
    const some = rows.slice(i, i + askedAtOnce);
    const held = await Promise.all(some.map(({ id }) => access.levelOf(identity, id)));
    readable.push(...some.filter((_, at) => allows(held[at], 'read')));
  }
  return json(200, readable);
}

async function describeDocument(asked: Asked, id: string): Promise<HttpAnswer> {
  await demand(asked, id, 'read');
  const { rooms, store } = asked;
  // A room that somebody opened and nobody wrote in is no document yet.
  const open = rooms.get(id);
  await open?.refresh();
  if ((open?.head ?? (await store.head(id))) === 0) throw notFound();
  const room = await rooms.open(id);
  return json(200, await room.describe());
}

// ── who may do what ───────────────────────────────────────────────────────────────────────────────

async function readAccess(asked: Asked, id: string): Promise<HttpAnswer> {
  const access = await demandAdmin(asked, id);
  return json(200, { document: id, access: [...(await access.readAcl(id))].map(([user, level]) => ({ user, level })) });
}

async function writeAccess(asked: Asked, id: string, user: string): Promise<HttpAnswer> {
  const access = await demandAdmin(asked, id);
  const level = levelIn(asked.body);
  await access.writeAcl(id, user, level);
  return json(200, { document: id, user, level });
}

async function dropAccess(asked: Asked, id: string, user: string): Promise<HttpAnswer> {
  const access = await demandAdmin(asked, id);
  await access.writeAcl(id, user, null);
  return json(200, { document: id, user, level: null });
}

async function dismiss(asked: Asked, user: string, isRevoked: boolean): Promise<HttpAnswer> {
  const access = accounts(asked);
  if (!asked.identity!.permissions.isAdminOfAll) throw notAllowed();
  await access.dismiss(user, isRevoked);
  return json(200, { user, revoked: isRevoked });
}

/** Who may not even read is told what it would be told of nothing. */
async function demand({ access, identity }: Asked, id: string, needed: Level): Promise<void> {
  if (access === null || identity === null) return;
  const held = await access.levelOf(identity, id);
  if (!allows(held, 'read')) throw notFound();
  if (!allows(held, needed)) throw notAllowed();
}

async function demandAdmin(asked: Asked, id: string): Promise<Access> {
  await demand(asked, id, 'admin');
  return accounts(asked);
}

function accounts({ access }: Asked): Access {
  if (access !== null) return access;
  throw new Answer(409, 'not_supported', 'this server has no accounts; start it with --jwt-secret, --jwt-public-key or --jwks');
}

function levelIn(body: Uint8Array): Level {
  let level: unknown;
  try {
    level = (JSON.parse(new TextDecoder().decode(body)) as { level?: unknown } | null)?.level;
  } catch {
    level = undefined;
  }
  if (isLevel(level)) return level;
  throw new Answer(400, 'invalid_argument', `the body is { "level": … } with one of ${levels.join(', ')}`);
}

// ── answers ───────────────────────────────────────────────────────────────────────────────────────

/** Thrown where it is known, answered at the door. */
class Answer extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

function notFound(): Answer {
  return new Answer(404, 'not_found', 'nothing here');
}

function notAllowed(): Answer {
  return new Answer(403, 'not_authorized', 'this needs more rights than you have here');
}

function notAMethod(allowed: string): HttpAnswer {
  const answer = json(405, { code: 'not_supported', message: `only ${allowed}` });
  return { ...answer, headers: { ...answer.headers, allow: allowed } };
}

function answerOf(cause: unknown): HttpAnswer {
  if (cause instanceof Answer) return json(cause.status, { code: cause.code, message: cause.message });
  const code = cause instanceof HeadwaterError ? cause.code : 'internal';
  const answer = json(statuses[code] ?? 500, { code, message: (cause as Error).message });
  return code === 'not_authorized' ? { ...answer, headers: { ...answer.headers, 'www-authenticate': 'Bearer' } } : answer;
}

const statuses: Readonly<Record<string, number>> = { not_authorized: 401, closed: 503, unavailable: 503 };

async function page({ path, host }: RequestHead, { consoleFolder }: HttpContext): Promise<HttpAnswer> {
  const file = consoleFolder === null ? null : await staticFile(consoleFolder, path, host);
  if (file !== null) return file;
  if (path !== '/') return answerOf(notFound());
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8', ...safeHeaders }, body: 'Headwater\n' };
}

function json(status: number, value: unknown): HttpAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...safeHeaders },
    body: JSON.stringify(value),
  };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
