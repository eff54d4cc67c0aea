// The package as an app gets it: packed, installed, bundled by Vite and esbuild as they are out of the box, and run in
// Chromium, in Node and in the workers of both; every entry that carries or loads an engine.
//
// Without Chromium the browser half says so and is skipped; with HEADWATER_REQUIRE_BROWSER=1 its absence is a failure.

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { chromiumPath, launch } from '../../server/e2e/browser.js';
import { createDocument } from '../index.js';

const run = promisify(execFile);
const root = rootFrom(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), 'headwater-bundles-'));

function rootFrom(at: string): string {
  return existsSync(join(at, 'asconfig.json')) ? at : rootFrom(dirname(at));
}

const entries = ['main', 'slim', 'lite'] as const;
type Entry = (typeof entries)[number];
const nameOf: Record<Entry, string> = { main: 'headwater', slim: 'headwater/slim', lite: 'headwater/lite' };

const nowMs = 1_700_000_000_000;

// ---- the app --------------------------------------------------------------------------------------

/** What every place runs; `source` is what the slim entry loads its engine from. */
const appOf = (entry: Entry) => `
import * as headwater from '${nameOf[entry]}';
export async function check(source) {
  await headwater.load?.(source());
  Date.now = () => ${nowMs}; // stamps are part of the digest
  const [ada, ben] = ['1', '2'].map((digit) => headwater.createDocument({ replica: digit.repeat(16) }));
  ada.set('title', 'caf\\u00e9');
  ada.getCounter('visits').increment(2);
  ada.getText?.('body').insert(0, 'one engine');
  ben.import(ada.export());
  return { json: ben.toJSON(), digest: ben.digest() };
}
`;

const pageOf = (worker: string, source: string) => `
import { check } from './app.js';
${source}
const here = await check(source);
const worker = new Worker(${worker}, { type: 'module' });
worker.onmessage = ({ data }) => { globalThis.found = { here, inWorker: data }; };
worker.onerror = ({ message }) => { globalThis.found = { here, inWorker: message }; };
`;

const workerOf = (source: string) => `
import { check } from './app.js';
${source}
check(source).then((found) => postMessage(found));
`;

/** A page as careless as pages are: it does not say its charset. */
const html = (script: string) => `<!doctype html><title>app</title><body><script type="module" src="${script}"></script>`;

const node = `
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { check } from './app.js';
const here = await check(() => readFileSync(process.env.ENGINE_WASM));
if (!isMainThread) parentPort.postMessage(here);
else new Worker(fileURLToPath(import.meta.url)).on('message', (inWorker) => console.log(JSON.stringify({ here, inWorker })));
`;

function write(at: string, files: Record<string, string>): void {
  mkdirSync(at, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(at, name), text);
}

/** The packed package in a node_modules of its own, beside what it depends on. */
function install(): void {
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'headwater'), { recursive: true });
  const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', join(modules, 'headwater'), '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) symlinkSync(join(root, 'node_modules', name), join(modules, name));
}

const engineWasm = join(folder, 'node_modules', 'headwater', 'build', 'engine', 'engine.wasm');

/** esbuild leaves worker addresses and WASM files to the app. @returns the folder to serve */
async function withEsbuild(entry: Entry): Promise<string> {
  const app = join(folder, `esbuild-${entry}`);
  const fetched = 'const source = () => "./engine.wasm";';
  write(app, { 'app.js': appOf(entry), 'page.js': pageOf('"./worker.js"', fetched), 'worker.js': workerOf(fetched), 'node.js': node });
  const esbuild = join(root, 'node_modules', 'esbuild', 'bin', 'esbuild');
  const outdir = join(app, 'dist');
  await run(esbuild, ['page.js', 'worker.js', '--bundle', '--minify', '--format=esm', `--outdir=${outdir}`], { cwd: app });
  await run(esbuild, ['node.js', '--bundle', '--platform=node', '--format=esm', '--packages=bundle', `--outfile=${join(outdir, 'node.mjs')}`], { cwd: app });
  write(outdir, { 'index.html': html('./page.js') });
  copyFileSync(engineWasm, join(outdir, 'engine.wasm'));
  return outdir;
}

async function withVite(entry: Entry): Promise<string> {
  const app = join(folder, `vite-${entry}`);
  const fetched = entry === 'slim' ? 'import address from "headwater/engine.wasm?url";\nconst source = () => address;' : 'const source = () => null;';
  write(app, {
    'app.js': appOf(entry), 'page.js': pageOf('new URL("./worker.js", import.meta.url)', fetched), 'worker.js': workerOf(fetched), 'index.html': html('./page.js'),
    'package.json': '{ "type": "module" }',
  });
  await run(process.execPath, [join(root, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--logLevel', 'warn'], { cwd: app, env: { ...process.env, NODE_ENV: 'production' } });
  return join(app, 'dist');
}

// ---- where it runs --------------------------------------------------------------------------------

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

/** Serves a folder; no type says a charset. */
async function serve(at: string): Promise<Server> {
  const server = createServer((request, response) => {
    const file = join(at, request.url === '/' ? 'index.html' : new URL(request.url!, 'http://host').pathname);
    if (!existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' }).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function foundInBrowser(browser: Browser, at: string): Promise<unknown> {
  const server = await serve(at);
  const page = await browser.newPage();
  try {
    const failed = new Promise<never>((_, reject) => page.on('pageerror', reject));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const found = page.waitForFunction(() => (globalThis as unknown as { found?: unknown }).found);
    return await (await Promise.race([found, failed])).jsonValue();
  } finally {
    await page.close();
    server.close();
  }
}

/** What every place should find: the same as here. */
function expected(hasText: boolean): { here: unknown; inWorker: unknown } {
  const clock = jest.spyOn(Date, 'now').mockReturnValue(nowMs);
  const document = createDocument({ replica: '1'.repeat(16) });
  document.set('title', 'caf\u00e9');
  document.getCounter('visits').increment(2);
  if (hasText) document.getText('body').insert(0, 'one engine');
  const found = { json: document.toJSON(), digest: document.digest() };
  document.close();
  clock.mockRestore();
  return { here: found, inWorker: found };
}

async function script(code: string): Promise<unknown> {
  const { stdout } = await run(process.execPath, ['--no-warnings', '--input-type=module', '-e', code], { cwd: folder, env: { ...process.env, ENGINE_WASM: engineWasm } });
  return JSON.parse(stdout);
}

// ---- tests ----------------------------------------------------------------------------------------

const built = new Map<string, string>();

beforeAll(async () => {
  install();
  await Promise.all(entries.map(async (entry) => {
    built.set(`esbuild ${entry}`, await withEsbuild(entry));
    built.set(`vite ${entry}`, await withVite(entry));
  }));
}, 120_000);

afterAll(() => { rmSync(folder, { recursive: true, force: true }); });

if (!chromiumPath) {
  if (process.env.HEADWATER_REQUIRE_BROWSER === '1') throw new Error('no Chromium found, and HEADWATER_REQUIRE_BROWSER asks for one (set CHROMIUM_PATH)');
  process.stderr.write('no Chromium found: bundles are not tried in a browser (set CHROMIUM_PATH)\n');
}

(chromiumPath ? describe : describe.skip)('bundled for a browser, page and worker', () => {
  let browser: Browser;
  beforeAll(async () => { browser = await launch(); });
  afterAll(async () => { await browser.close(); });

  it.each(entries.flatMap((entry) => [`esbuild ${entry}`, `vite ${entry}`]))('%s runs without plugin or charset', async (name) => {
    expect(await foundInBrowser(browser, built.get(name)!)).toEqual(expected(!name.endsWith('lite')));
  });
});

describe('in Node, main thread and worker', () => {
  it.each(entries)('%s runs, as installed and bundled', async (entry) => {
    const env = { ...process.env, ENGINE_WASM: engineWasm };
    const app = join(folder, `node-${entry}`);
    write(app, { 'app.js': appOf(entry), 'node.js': node, 'package.json': '{ "type": "module" }' });
    for (const file of [join(app, 'node.js'), join(built.get(`esbuild ${entry}`)!, 'node.mjs')]) {
      const { stdout } = await run(process.execPath, [file], { env });
      expect(JSON.parse(stdout)).toEqual(expected(entry !== 'lite'));
    }
  });
});

describe('the engine as a file of its own', () => {
  const prelude = `
    import { readFileSync } from 'node:fs';
    let instances = 0;
    const { Instance } = WebAssembly;
    WebAssembly.Instance = class extends Instance { constructor(...args) { super(...args); instances++; } };
    const slim = await import('headwater/slim');
    const bytes = readFileSync(process.env.ENGINE_WASM);
    const codeOf = async (work) => { try { await work(); return 'ok'; } catch (error) { return error instanceof slim.HeadwaterError ? error.code : String(error); } };
    const print = (value) => console.log(JSON.stringify(value));
  `;

  it('says so when it is used before it is loaded', async () => {
    expect(await script(`${prelude} print([await codeOf(() => slim.createDocument()), await codeOf(() => slim.load(bytes)), await codeOf(() => slim.createDocument())]);`))
      .toEqual(['not_loaded', 'ok', 'ok']);
  });

  it.each([
    ['bytes', 'bytes'], ['a promise of bytes', 'Promise.resolve(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))'],
    ['a module', 'new WebAssembly.Module(bytes)'], ['a response', 'new Response(bytes)'],
    ['a typed response', 'new Response(bytes, { headers: { "content-type": "application/wasm" } })'],
    ['an address', '"data:application/wasm;base64," + bytes.toString("base64")'],
  ])('comes as %s', async (_, source) => {
    expect(await script(`${prelude} await slim.load(${source}); print([slim.createDocument().getText('t').length, instances]);`)).toEqual([0, 1]);
  });

  it('refuses what is not this version\'s engine, and takes it when it comes', async () => {
    const tries = ['new Uint8Array(8)', 'Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)', 'new Response("", { status: 404 })', 'bytes'];
    expect(await script(`${prelude} const codes = []; for (const source of [${tries.join(', ')}]) codes.push(await codeOf(() => slim.load(source))); print(codes);`))
      .toEqual(['invalid_argument', 'invalid_argument', 'unavailable', 'ok']);
  });

  it.each([
    ['headwater first', `const main = await import('headwater'); await slim.load('data:,never asked for');`],
    ['slim first', `await slim.load(bytes); const main = await import('headwater');`],
    ['both at once', `const [main] = await Promise.all([import('headwater'), slim.load(bytes), slim.load(bytes)]);`],
  ])('is one engine for all entries of a thread: %s', async (_, order) => {
    expect(await script(`${prelude} ${order} const one = main.createDocument(); one.set('a', 1); const two = slim.createDocument(); two.import(one.export()); print([instances, one.digest() === two.digest(), main.Document === slim.Document]);`))
      .toEqual([1, true, true]);
  });
});

it('packs no test, and each engine once', () => {
  const files = readdirSync(join(folder, 'node_modules', 'headwater'), { recursive: true, encoding: 'utf8' });
  expect(files.filter((file) => /\.test\.|testing|engine\.debug/.test(file))).toEqual([]);
  expect(files.filter((file) => file.endsWith('.wasm'))).toEqual(['build/engine/engine.wasm']);
});
