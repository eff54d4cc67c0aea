import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { doorViolations, importsOf, layerViolations, type Sources } from './layers.js';

describe('the house', () => {
  const sources = readSources(['assembly', 'sdk', 'server']);

  it('is read at all', () => {
    expect(sources.size).toBeGreaterThan(20);
    expect(importsOf(sources.get('sdk/storage/dexie.ts')!)).toContain('dexie');
  });

  it('imports only downward', () => {
    expect(layerViolations(sources)).toEqual([]);
  });

  it('has one door per dependency', () => {
    expect(doorViolations(sources)).toEqual([]);
  });
});

describe('the layer check', () => {
  const check = (file: string, specifier: string) => layerViolations(tree({ [file]: `import { x } from '${specifier}';` }));

  it.each([
    ['sdk/core/wasm.ts', '../../assembly/abi.js'],
    ['sdk/core/wasm.ts', '../../build/engine/engine.js'],
    ['sdk/core/wasm.ts', './memory.js'],
    ['sdk/wire/frame.ts', '../core/codec.js'],
    ['sdk/sync/session.ts', '../wire/frame.js'],
    ['sdk/store/client.ts', '../sync/session.js'],
    ['sdk/index.ts', './store/client.js'],
    ['sdk/bindings/react/hooks.ts', '../../index.js'],
    ['sdk/bindings/vue/use.ts', '../../cursors/index.js'],
    ['sdk/editors/quill.ts', '../cursors/index.js'],
    ['server/console/page/main.ts', '../../../sdk/editors/index.js'],
    ['server/room.ts', '../sdk/core/codec.js'],
    ['server/store/sqlite-log.ts', '../../sdk/driver/sqlite.js'],
    ['sdk/storage/sqlite-file.ts', '../driver/sqlite.js'],
    ['server/store/sqlite.ts', '../room.js'],
    ['server/e2e/replay.ts', '../../sdk/index.js'],
    ['server/console/page/main.ts', '../../../sdk/index.js'],
    ['sdk/storage/dexie.test.ts', '../store/client.js'],
    ['sdk/testing/world.ts', '../../server/server.js'],
    ['sdk/core/x.ts', 'node:fs'],
  ])('lets %s import %s', (file, specifier) => {
    expect(check(file, specifier)).toEqual([]);
  });

  it.each([
    ['assembly/index.ts', '../sdk/core/errors.js', 'upward'],
    ['sdk/core/codec.ts', '../wire/frame.js', 'upward'],
    ['sdk/wire/frame.ts', '../sync/session.js', 'upward'],
    ['sdk/sync/session.ts', '../store/client.js', 'upward'],
    ['sdk/store/client.ts', '../index.js', 'upward'],
    ['sdk/store/client.ts', '../bindings/react/hooks.js', 'upward'],
    ['sdk/sync/session.ts', '../storage/storage.js', 'sideways'],
    ['sdk/bindings/vue/use.ts', '../../editors/quill.js', 'sideways'],
    ['sdk/sync/session.ts', '../../assembly/abi.js', 'only sdk/core'],
    ['sdk/store/client.ts', '../../server/room.js', 'no layer'],
    ['sdk/store/client.ts', '../testing/seed.js', 'only tests'],
    ['sdk/storage/memory.ts', './conformance.js', 'only tests'],
    ['sdk/storage/memory.ts', './dexie.test.js', 'only tests'],
    ['server/room.ts', '../sdk/store/client.js', 'stands on'],
    ['server/room.ts', '../sdk/index.js', 'stands on'],
    ['server/room.ts', './e2e/replay.js', 'above the server'],
    ['server/e2e/replay.ts', '../../sdk/store/client.js', 'public door'],
    ['server/console/page/main.ts', '../../../sdk/editors/remote-cursors.js', 'public door'],
    ['sdk/helpers.ts', './core/codec.js', 'no layer'],
  ])('does not let %s import %s', (file, specifier, reason) => {
    expect(check(file, specifier)).toEqual([expect.stringContaining(reason)]);
  });

  it('sees every kind of import, over several lines too, and none in comments', () => {
    const source = [
      "import a from 'a';", "import type { B } from \"b\";", "import 'c';", 'import {', '  d,', "} from './d.js';",
      "export * from './e.js';", "export { f } from './f.js';", "const g = await import('g');", "const h = require('h');",
      "new Worker(new URL('./i.js', import.meta.url));", "// import no from 'no1';", " * import('no2')", 'const text = `from`;',
    ].join('\n');
    expect(importsOf(source).sort()).toEqual(['./d.js', './e.js', './f.js', './i.js', 'a', 'b', 'c', 'g', 'h']);
  });
});

describe('the door check', () => {
  it('allows one door each, tests aside', () => {
    const sources = tree({
      'sdk/storage/dexie.ts': "import { Dexie } from 'dexie';",
      'sdk/storage/dexie.test.ts': "import { Dexie } from 'dexie';",
      'sdk/wire/testing/twin.ts': "import { Builder } from 'flatbuffers';",
      'server/e2e/page.test.ts': "import { chromium } from 'playwright-core';",
      'server/a.ts': "import { readFile } from 'node:fs/promises';\nimport fs from 'fs';",
      'server/b.ts': "import { readFile } from 'node:fs/promises';\nimport fs from 'fs';",
    });
    expect(doorViolations(sources)).toEqual([]);
  });

  it.each([
    ['dexie', 'dexie', 'sdk/store/a.ts', 'sdk/storage/dexie.ts'],
    ['a path inside a package', 'pino/file', 'server/log.ts', 'server/main.ts'],
    ['node:sqlite', 'node:sqlite', 'server/store/a.ts', 'server/store/b.ts'],
    ['a scoped package', '@scope/name/part', 'server/a.ts', 'server/b.ts'],
  ])('reports a second door to %s', (_, specifier, ...files) => {
    const sources = tree(Object.fromEntries(files.map((file) => [file, `const x = await import('${specifier}');`])));
    expect(doorViolations(sources)).toEqual([expect.stringContaining(files.join(', '))]);
  });

  it('reports flatbuffers and playwright-core outside tests', () => {
    expect(doorViolations(tree({ 'sdk/wire/table.ts': "import 'flatbuffers';" }))).toHaveLength(1);
    expect(doorViolations(tree({ 'server/a.ts': "import 'playwright-core';" }))).toHaveLength(1);
  });
});

function tree(files: Record<string, string>): Sources {
  return new Map(Object.entries(files));
}

function readSources(folders: string[]): Sources {
  const root = repositoryRoot(dirname(fileURLToPath(import.meta.url)));
  const sources = new Map<string, string>();
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts') || name.endsWith('.d.ts')) continue;
      const path = `${folder}/${name.replaceAll('\\', '/')}`;
      sources.set(path, readFileSync(join(root, path), 'utf8'));
    }
  }
  return sources;
}

/** The compiled test runs somewhere below the root; the sources it reads are the ones in git. */
function repositoryRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'sdk/testing/layers.test.ts'))) return folder;
  if (dirname(folder) === folder) throw new Error('no repository above this test');
  return repositoryRoot(dirname(folder));
}
