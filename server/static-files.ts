// The console's files. The folder is listed once per request by name only: a path is looked up among what is
// there, never joined from what was asked, so no spelling of `..` leads anywhere.

import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import type { HttpAnswer } from './transport/transport.js';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.json': 'application/json', '.map': 'application/json', '.svg': 'image/svg+xml', '.png': 'image/png',
  '.ico': 'image/x-icon', '.wasm': 'application/wasm', '.woff2': 'font/woff2', '.txt': 'text/plain; charset=utf-8',
};

/** The file at `path` in `folder`, `/` being index.html; null when there is none. */
export async function staticFile(folder: string, path: string, host: string): Promise<HttpAnswer | null> {
  const wanted = path === '/' ? 'index.html' : decodePath(path);
  const file = (await filesOf(folder)).find((name) => name === wanted);
  if (file === undefined) return null;
  const type = types[extname(file)] ?? 'application/octet-stream';
  return { status: 200, headers: { 'content-type': type, ...pageHeaders(host) }, body: await readFile(join(folder, file)) };
}

/** The page runs its own scripts and WASM and talks to this server; nothing else, and nobody may frame it. */
function pageHeaders(host: string): Record<string, string> {
  return {
    'content-security-policy': [
      `default-src 'none'`, `script-src 'self' 'wasm-unsafe-eval'`, `style-src 'self' 'unsafe-inline'`,
      `img-src 'self' data:`, `font-src 'self'`, `worker-src 'self'`, `manifest-src 'self'`,
      `connect-src 'self' ws://${host} wss://${host}`, `base-uri 'none'`, `form-action 'none'`, `frame-ancestors 'none'`,
    ].join('; '),
    'cache-control': 'no-cache',
    ...safeHeaders,
  };
}

export const safeHeaders: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join('/'));
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path).replace(/^\//, '');
  } catch {
    return '';
  }
}
