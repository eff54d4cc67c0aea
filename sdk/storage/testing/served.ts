// A page of this folder, bundled by esbuild and served on loopback, with SQLite's WASM beside it.

import { build } from 'esbuild';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ServedPage {
  url: string;
  close(): Promise<void>;
}

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

/** A page of its own has a clock of 5 µs; another one's is coarser. */
const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/** @param scripts  by name, a file of this folder each; the page runs `page` */
export async function servedPage(scripts: Record<string, string>): Promise<ServedPage> {
  const root = rootFrom(dirname(fileURLToPath(import.meta.url)));
  const folder = mkdtempSync(join(tmpdir(), 'headwater-page-'));
  await build({
    entryPoints: Object.entries(scripts).map(([out, file]) => ({ out, in: join(root, 'sdk', 'storage', 'testing', file) })),
    bundle: true, format: 'esm', outdir: folder, charset: 'utf8', logLevel: 'error',
  });
  copyFileSync(join(root, 'node_modules/@journeyapps/wa-sqlite/dist/wa-sqlite.wasm'), join(folder, 'wa-sqlite.wasm'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><meta charset="utf-8"><script type="module" src="./page.js"></script>');
  const server = createServer((request, response) => {
    const file = join(folder, request.url === '/' ? 'index.html' : new URL(request.url!, 'http://host').pathname);
    if (!existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream', ...isolated }).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function rootFrom(at: string): string {
  return existsSync(join(at, 'asconfig.json')) ? at : rootFrom(dirname(at));
}
