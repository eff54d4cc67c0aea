// The engine: compiled by asc as written, then made small and fast by Binaryen.
//
// asc's own -O3 inlines again and again, cold decoders into cold decoders: 58 KB. One round of inlining, here, keeps the
// speed at 46 KB. What JavaScript calls is exported under names of one or two characters; calls.ts, written beside the
// WASM, gives them their own names back as bindings of a module, which a bundler shortens once more.
import binaryen from 'assemblyscript/binaryen';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const asc = join(root, 'node_modules', 'assemblyscript', 'bin', 'asc.js');
const { Features } = binaryen;

/** What is called from many places and mostly not at a keystroke: not copied to where it is called. */
const calledOnly = ['*/arena/arenaAdopt', '*/arena/arenaRelease', '*/arena/arenaUnblock', '*/scratch/scratch*', '*/bytes/readFixed*', '*/mailbox/sendView'];

const features = Features.MutableGlobals | Features.BulkMemory | Features.BulkMemoryOpt | Features.SignExt | Features.NontrappingFPToInt;

/** The whole engine and the lite one, which has some of its calls under the same names. */
export function buildEngine() {
  const module = compiled('index', 'release', 'engine');
  const exported = exportsOf(module);
  const names = exported.filter(({ kind, name }) => kind === binaryen.ExternalFunction && !name.startsWith('__')).map(({ name }) => name);
  const id = callsIdOf(names);
  write(module, exported, names, id, 'engine', 70);
  const lite = compiled('lite', 'lite', 'lite');
  write(lite, exportsOf(lite), names, id, 'lite', 0);
  writeFileSync(inBuild('calls.ts'), callsModule(names, id));
}

function inBuild(name) {
  return join(root, 'build', 'engine', name);
}

function compiled(entry, target, name) {
  execFileSync(process.execPath, [asc, `assembly/${entry}.ts`, '--config', 'asconfig.json', '--target', target, '--debug'], { cwd: root, stdio: 'inherit' });
  const module = binaryen.readBinary(readFileSync(inBuild(`${name}.wasm`)));
  module.setFeatures(features);
  return module;
}

function write(module, exported, names, id, name, inlineSize) {
  renameExports(module, exported, names, id);
  optimize(module, inlineSize);
  writeFileSync(inBuild(`${name}.wasm`), module.emitBinary());
  module.dispose();
}

/** Up to the inline size, a callee without loops or calls of its own is copied to where it is called. Names are there for `calledOnly`. */
function optimize(module, inlineSize) {
  for (const pattern of inlineSize > 0 ? calledOnly : []) {
    binaryen.setPassArgument('no-inline', pattern);
    module.runPasses(['no-inline']);
  }
  binaryen.setOptimizeLevel(3);
  binaryen.setShrinkLevel(inlineSize > 0 ? 0 : 1);
  binaryen.setFlexibleInlineMaxSize(inlineSize);
  binaryen.setLowMemoryUnused(true);
  module.optimize();
  module.runPasses(['strip-debug', 'strip-producers']);
}

function exportsOf(module) {
  return Array.from({ length: module.getNumExports() }, (_, i) => binaryen.getExportInfo(module.getExportByIndex(i)));
}

/** Calls get their numbers, the memory the name of what they are; the runtime's own exports go. */
function renameExports(module, exported, names, id) {
  for (const { name } of exported) module.removeExport(name);
  for (const { kind, name, value } of exported) {
    if (kind === binaryen.ExternalMemory) module.addMemoryExport(value, id);
    else if (names.includes(name)) module.addFunctionExport(value, names.indexOf(name).toString(36));
  }
}

/** One engine's calls have other numbers and arguments than the next one's: a file of another version must not fit. */
function callsIdOf(names) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return `_${createHash('sha256').update([version, ...names, readFileSync(inBuild('engine.d.ts'))].join('\n')).digest('hex').slice(0, 5)}`;
}

function callsModule(names, id) {
  const types = names.map((name) => `Engine['${name}']`);
  return `// Generated: what the engine can be called for, once \`bind\` has been given them.
import type { instantiate } from './engine.js';

type Engine = Awaited<ReturnType<typeof instantiate>>;

export let [${names.join(', ')}] = [] as unknown as [${types.join(', ')}];

export let memory: WebAssembly.Memory;

/** What the memory is exported as, of these calls alone. */
export const callsId = '${id}';

export function bind(lookup: (name: string) => unknown): void {
  memory = lookup(callsId) as WebAssembly.Memory;
  [${names.join(', ')}] = Array.from({ length: ${names.length} }, (_, number) => lookup(number.toString(36))) as [${types.join(', ')}];
}
`;
}
