import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageTypes } from './frame.js';
import { schema } from './schema.js';
import type { Field, Kind } from './table.js';

const typeOf: Record<Kind, string> = {
  u16: 'uint16', u32: 'uint32', u64: 'uint64', replica: 'uint64',
  text: 'string', id: 'string', code: 'string', sentence: 'string', bytes: '[ubyte]', acks: '[AckEntry]',
};

describe('the schema and frame.fbs', () => {
  const source = readFileSync(besideTheSource('sdk/wire/frame.fbs'), 'utf8').replace(/\/\/.*/g, '');
  const blocks = [...source.matchAll(/(struct|table) (\w+) \{([^}]*)\}/g)];

  it('name the same tables in the same order, with the same fields', () => {
    const tables = blocks.filter(([, keyword]) => keyword === 'table');
    expect(tables.map(([, , name]) => name)).toEqual(messageTypes.map((type) => `${type[0].toUpperCase()}${type.slice(1)}Table`));
    tables.forEach(([, , , body], i) => {
      expect(lines(body)).toEqual(schema[messageTypes[i]].map(declared));
    });
  });

  it('know one struct, a replica and its seq', () => {
    const structs = blocks.filter(([, keyword]) => keyword === 'struct');
    expect(structs.map(([, , name, body]) => [name, ...lines(body)])).toEqual([['AckEntry', 'replica: uint64;', 'seq: uint64;']]);
  });
});

function lines(body: string): string[] {
  return body.trim().split('\n').map((line) => line.trim());
}

/** A field as frame.fbs would declare it: whatever is no number must be there, unless it is optional. */
function declared([name, kind, , , optional]: Field): string {
  const type = typeOf[kind];
  const required = type.startsWith('uint') || optional ? '' : ' (required)';
  return `${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}: ${type}${required};`;
}

/** The compiled test runs below the root; what it reads is the source. */
function besideTheSource(path: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, path))) {
    if (dirname(folder) === folder) throw new Error(`no ${path} above this test`);
    folder = dirname(folder);
  }
  return join(folder, path);
}
