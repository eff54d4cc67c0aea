// Bundles the console page into build/console: one script with the engine in it, a style sheet, the page, its icon.
//
// `charset: 'utf8'` because the engine travels as a Latin-1 string literal: escaped to ASCII, each byte of it
// above 0x7f would take four characters instead of two.
import { build } from 'esbuild';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const page = join(root, 'server', 'console', 'page');
const target = join(root, 'build', 'console');

mkdirSync(target, { recursive: true });
await build({
  entryPoints: [join(page, 'main.ts'), join(page, 'style.css')],
  outdir: target,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022'],
  charset: 'utf8',
  legalComments: 'none',
  logLevel: 'warning',
});
// index.html last: its time says that the whole page was built.
for (const name of ['icon.svg', 'index.html']) copyFileSync(join(page, name), join(target, name));

const kilobytes = gzipSync(readFileSync(join(target, 'main.js'))).length / 1024;
console.log(`console: main.js is ${kilobytes.toFixed(1)} KB gzipped`);
