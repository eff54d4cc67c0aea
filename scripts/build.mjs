// Builds what is missing or older than its source, in order: the engine (asc), its embedding, the
// TypeScript tree (tsc), the console page (esbuild). `--force` builds all of it.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildEngine } from './engine.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const force = process.argv.includes('--force');
const path = (...parts) => join(root, ...parts);

/** Newest modification time, in ms, of a file or of every file under a folder that passes. */
function newest(at, passes) {
  const info = statSync(at);
  if (!info.isDirectory()) return passes(at) ? info.mtimeMs : 0;
  return Math.max(0, ...readdirSync(at).map((name) => newest(join(at, name), passes)));
}

/** The engine is built from its sources, not from the tests and pages beside them. */
const isEngineSource = (at) => /(?<!\.test)\.(ts|json|mjs)$/.test(at);

function isStale(target, sources, passes) {
  if (force || !existsSync(path(target))) return true;
  const built = statSync(path(target)).mtimeMs;
  return sources.some((source) => existsSync(path(source)) && newest(path(source), passes) > built);
}

function run(script, args) {
  execFileSync(process.execPath, [path('node_modules', script), ...args], { cwd: root, stdio: 'inherit' });
}

function step(name, target, sources, build, passes = () => true) {
  if (!isStale(target, sources, passes)) return;
  const started = Date.now();
  try {
    build();
  } catch (error) {
    // What a failed step left behind must not look fresh to the next run.
    rmSync(path(target), { force: true });
    console.error(`the ${name} step failed`);
    process.exit(error.status || 1);
  }
  if (!existsSync(path(target))) throw new Error(`the ${name} step wrote no ${target}`);
  console.log(`built ${name} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/**
 * The mask that spares most bytes: in UTF-8 a character above 0x7f takes two, and WASM is full of zeros and high bytes
 * that another mask makes low. sdk/core/latin1.ts takes it off.
 */
const engineMask = 57;

/** A string literal with one Latin-1 character per masked byte: after gzip +2 % of the bytes, where base64 costs +34 %. */
function latin1Literal(bytes) {
  let out = '';
  for (const byte of bytes) {
    const masked = byte ^ engineMask;
    if (masked === 0x5c) out += '\\\\';
    else if (masked === 0x27) out += "\\'";
    else if (masked === 0x0a) out += '\\n';
    else if (masked === 0x0d) out += '\\r';
    else if (masked === 0x00) out += '\\x00';
    else out += String.fromCharCode(masked);
  }
  return `'${out}'`;
}

mkdirSync(path('build', 'engine'), { recursive: true });

step('engine', 'build/engine/calls.ts', ['assembly', 'asconfig.json', 'scripts/engine.mjs'], buildEngine, isEngineSource);

for (const [name, embedded] of [['engine', 'embedded'], ['lite', 'embedded-lite']]) {
  step(embedded, `build/engine/${embedded}.ts`, [`build/engine/${name}.wasm`], () => {
    const literal = latin1Literal(readFileSync(path(`build/engine/${name}.wasm`)));
    writeFileSync(path(`build/engine/${embedded}.ts`),
      `// Generated from ${name}.wasm: its bytes under a mask, one Latin-1 character each.\nexport const engineLatin1 = ${literal};\n`);
  });
}

step('typescript', 'build/tsconfig.tsbuildinfo', ['sdk', 'server', 'bench', 'tla', 'assembly', 'build/engine/embedded.ts', 'build/engine/embedded-lite.ts', 'tsconfig.json'], () =>
{
  mkdirSync(path('build', 'js', 'build', 'engine'), { recursive: true });
  copyFileSync(path('build/engine/engine.d.ts'), path('build/js/build/engine/engine.d.ts'));
  run('typescript/bin/tsc', ['-p', 'tsconfig.json']);
});

if (existsSync(path('server/console/page'))) {
  step('console', 'build/console/index.html', ['server/console/page', 'build/js/sdk'], () =>
    execFileSync(process.execPath, [path('scripts', 'console.mjs')], { cwd: root, stdio: 'inherit' }));
}
