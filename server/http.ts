// Plain HTTP: is it alive, what does it hold, and the console's page. Reading only.

import { HeadwaterError } from '../sdk/core/errors.js';
import { isDocumentId } from '../sdk/wire/limits.js';
import { isLoopbackAddress, refusalOf } from './origin.js';
import type { Rooms } from './rooms.js';
import { safeHeaders, staticFile } from './static-files.js';
import type { Store } from './store/store.js';
import type { HttpAnswer, RequestHead } from './transport/transport.js';

export interface HttpContext {
  rooms: Rooms;
  store: Store;
  /** Whether new work is taken: false from the first signal to stop. */
  isReady(): boolean;
  /** The console's folder, or null for none. */
  consoleFolder: string | null;
}

const listedMax = 10_000;

export async function answerGet(request: RequestHead, context: HttpContext): Promise<HttpAnswer> {
  // Health is for supervisors, which come by address and know no names; it says nothing.
  if (request.path === '/health') return json(200, { status: 'ok' });
  if (request.path === '/ready') return context.isReady() ? json(200, { status: 'ready' }) : json(503, { status: 'stopping' });
  const refusal = refusalOf(request);
  if (refusal !== null) return json(403, { code: 'not_authorized', message: refusal });
  if (request.path.startsWith('/v1/')) return answerApi(request, context);
  return page(request, context);
}

async function answerApi({ path, remoteAddress }: RequestHead, context: HttpContext): Promise<HttpAnswer> {
  if (!isLoopbackAddress(remoteAddress)) return json(403, { code: 'not_authorized', message: 'only from this machine' });
  try {
    if (path === '/v1/documents') return json(200, await context.store.listDocuments('', listedMax));
    const id = path.startsWith('/v1/documents/') ? decode(path.slice('/v1/documents/'.length)) : null;
    if (id === null) return notFound();
    return await describeDocument(id, context);
  } catch (cause) {
    const code = cause instanceof HeadwaterError ? cause.code : 'internal';
    return json(code === 'closed' ? 503 : 500, { code, message: (cause as Error).message });
  }
}

async function describeDocument(id: string, { rooms, store }: HttpContext): Promise<HttpAnswer> {
  if (!isDocumentId(id) || (rooms.get(id) === null && (await store.head(id)) === 0)) return notFound();
  const room = await rooms.open(id);
  return json(200, await room.describe());
}

async function page({ path, host }: RequestHead, { consoleFolder }: HttpContext): Promise<HttpAnswer> {
  const file = consoleFolder === null ? null : await staticFile(consoleFolder, path, host);
  if (file !== null) return file;
  if (path !== '/') return notFound();
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8', ...safeHeaders }, body: 'Headwater\n' };
}

function notFound(): HttpAnswer {
  return json(404, { code: 'not_found', message: 'nothing here' });
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
