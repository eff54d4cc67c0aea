// Plain HTTP: is it alive, what does it hold, who may do what, and the console's page.
//
// Who asks is found out first, then what may be asked, then whether it is there. A document that may not be read and one
// that is not there get the same answer, 404. 401 is for a token that is missing or not good; 403 for somebody who is
// known, and may know of the thing, and may not do this; for a page of a site that is not on the list too.

import { isDocumentId } from '../../sdk/wire/limits.js';
import { isUserId, type Identity } from '../access/identity.js';
import { isLoopbackAddress, refusalOf } from '../origin.js';
import { safeHeaders, staticFile } from '../static-files.js';
import type { HttpAnswer, RequestHead } from '../transport/transport.js';
import { Answer, answerOf, json, notAllowed, notAMethod, notFound } from './answers.js';
import type { Asked, HttpContext } from './asked.js';
import { openApi } from './openapi.js';
import { routes } from './routes.js';

export async function answerRequest(request: RequestHead, body: Uint8Array, context: HttpContext): Promise<HttpAnswer> {
  const isReading = request.method === 'GET' || request.method === 'HEAD';
  // Health is for supervisors, which come by address and know no names; it says nothing.
  if (isReading && request.path === '/health') return json(200, { status: 'ok' });
  if (isReading && request.path === '/ready') return context.isReady() ? json(200, { status: 'ready' }) : json(503, { status: 'stopping' });
  const refusal = refusalOf(request, context.origins);
  if (refusal !== null) return json(403, { code: 'not_authorized', message: refusal });
  if (request.path === '/v1/openapi.json') return isReading ? json(200, openApi()) : notAMethod('GET, HEAD');
  if (request.path === '/metrics') return isReading ? answerKnown(request, context, (identity) => metrics(identity, context)) : notAMethod('GET, HEAD');
  if (request.path.startsWith('/v1/')) {
    return answerKnown(request, context, (identity) => route(request, { ...context, identity, query: new URLSearchParams(request.query), body }));
  }
  return isReading ? page(request, context) : notAMethod('GET, HEAD');
}

async function answerKnown(request: RequestHead, context: HttpContext, work: (identity: Identity | null) => Promise<HttpAnswer>): Promise<HttpAnswer> {
  try {
    return await work(await identify(request, context));
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

async function metrics(identity: Identity | null, { metrics: all }: HttpContext): Promise<HttpAnswer> {
  if (identity !== null && !identity.permissions.isAdminOfAll) throw notAllowed();
  if (all === null) throw new Answer(409, 'not_supported', 'metrics need the package prom-client: npm install prom-client');
  return { status: 200, headers: { 'content-type': all.contentType, 'cache-control': 'no-store', ...safeHeaders }, body: await all.render() };
}

function route({ method, path }: RequestHead, asked: Asked): Promise<HttpAnswer> {
  const wanted = method === 'HEAD' ? 'GET' : method;
  const fitting = routes.flatMap(({ method: name, path: pattern, handler }) => {
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

async function page({ path, host }: RequestHead, { consoleFolder }: HttpContext): Promise<HttpAnswer> {
  const file = consoleFolder === null ? null : await staticFile(consoleFolder, path, host);
  if (file !== null) return file;
  if (path !== '/') return answerOf(notFound());
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8', ...safeHeaders }, body: 'Headwater\n' };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
