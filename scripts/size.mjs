// `npm run size`: what a browser downloads, minified and gzipped, against the budgets; and which folder it comes from.
// Measured on the compiled modules, which are what an app's bundler gets.
//
// What is over its budget says so; the run ends with 1 when that has also grown by more than 1 % over sizes.json, so that a
// budget not yet reached is never moved away from. `--accept` writes the sizes of this run there.
//
// `charset: 'utf8'` for the reason in console.mjs: the engine travels as a Latin-1 string.
import './build.mjs';
import { build } from 'esbuild';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const kilobyte = 1024;
const committedPath = join(root, 'scripts', 'sizes.json');
const committed = JSON.parse(readFileSync(committedPath, 'utf8'));
const sizes = {};

const bundles = [
  { name: 'engine + all types', about: 'createDocument alone, WASM included', budgetKB: 24, source: "export { createDocument } from './build/js/sdk/index.js'", external: ['dexie'] },
  { name: 'client with sync', about: 'all of headwater but Dexie', budgetKB: 40, source: "export * from './build/js/sdk/index.js'", external: ['dexie'] },
  { name: 'lite', about: 'createDocument of headwater/lite, WASM included', budgetKB: 12, source: "export { createDocument } from './build/js/sdk/lite.js'", external: [] },
  { name: 'Dexie', about: 'its own share', source: "export { Dexie } from 'dexie'", external: [] },
];

for (const bundle of bundles) show(bundle, await bundled(bundle));
showEngine();
if (process.argv.includes('--accept')) writeFileSync(committedPath, `${JSON.stringify(sizes, null, 2)}\n`);

async function bundled({ source, external }) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: root, loader: 'ts' },
    bundle: true, minify: true, format: 'esm', platform: 'browser', target: ['es2022'], charset: 'utf8', legalComments: 'none',
    external, metafile: true, write: false, logLevel: 'warning',
  });
  return { bytes: outputFiles[0].contents, inputs: Object.values(metafile.outputs)[0].inputs };
}

function show({ name, about, budgetKB }, { bytes, inputs }) {
  const gzipBytes = gzipSync(bytes, { level: 9 }).length;
  const gzipKB = gzipBytes / kilobyte;
  const isOver = budgetKB !== undefined && gzipKB > budgetKB;
  const isWorse = isOver && gzipBytes > (committed[name] ?? 0) * 1.01;
  const verdict = budgetKB === undefined ? '' : `of ${budgetKB} KB  ${isWorse ? `OVER BUDGET AND GROWN from ${committed[name]} B to ${gzipBytes} B` : isOver ? 'OVER BUDGET' : 'ok'}`;
  if (budgetKB !== undefined) sizes[name] = gzipBytes;
  console.log(`${name.padEnd(20)} ${gzipKB.toFixed(1).padStart(6)} KB gzip  ${(bytes.length / kilobyte).toFixed(1).padStart(6)} KB minified  ${verdict}  (${about})`);
  if (budgetKB !== undefined) showFolders(inputs);
  if (isWorse) process.exitCode = 1;
}

/** Minified bytes by folder; the files that weigh most are named. */
function showFolders(inputs) {
  const folders = new Map();
  for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
    if (bytesInOutput === 0) continue;
    const folder = folderOf(file);
    folders.set(folder, [...(folders.get(folder) ?? []), { name: file.split('/').at(-1), bytes: bytesInOutput }]);
  }
  const sum = (files) => files.reduce((total, { bytes }) => total + bytes, 0);
  for (const [folder, files] of [...folders].sort(([, a], [, b]) => sum(b) - sum(a))) {
    const largest = files.sort((a, b) => b.bytes - a.bytes).slice(0, 4).map(({ name, bytes }) => `${name} ${bytes}`);
    console.log(`  ${String(sum(files)).padStart(7)} B  ${folder.padEnd(20)} ${largest.join(', ')}`);
  }
}

function folderOf(file) {
  const parts = file.replace(/^build\/js\//, '').split('/');
  const at = parts.lastIndexOf('node_modules');
  return at >= 0 ? parts[at + 1] : parts.slice(0, 2).join('/').replace(/^<.*/, 'entry');
}

function showEngine() {
  const bytes = readFileSync(join(root, 'build', 'engine', 'engine.wasm'));
  const gzipKB = gzipSync(bytes, { level: 9 }).length / kilobyte;
  console.log(`${'WASM alone'.padEnd(20)} ${gzipKB.toFixed(1).padStart(6)} KB gzip  ${(bytes.length / kilobyte).toFixed(1).padStart(6)} KB raw`);
}
