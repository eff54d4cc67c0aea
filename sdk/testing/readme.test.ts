// The README's example, run as it stands there: the first thing a newcomer copies must work.

import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = rootFrom(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'build', 'readme');

function rootFrom(at: string): string {
  return existsSync(join(at, 'asconfig.json')) ? at : rootFrom(dirname(at));
}

function exampleOf(readme: string): string {
  const [, code] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  if (!code) throw new Error('README.md has no ts block');
  return code;
}

describe('the README', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');

  it('has an example of twenty lines that runs and merges', () => {
    const example = exampleOf(readme);
    expect(example.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(20);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'example.mjs'), `${example}console.log('end');\n`);
    const run = spawnSync(process.execPath, ['example.mjs'], { cwd: folder, encoding: 'utf8', timeout: 30_000 });
    expect(run.stderr.replace(/^\(node:\d+\).*\n.*\n/gm, '')).toBe('');
    expect(run.stdout).toContain('ben sees');
    // The server's own log may come after it.
    expect(run.stdout.split('\n')).toContain('end');
  });

  it('links only to what is there', () => {
    const links = [...readme.matchAll(/\]\(([^)h][^)]*)\)/g)].map(([, path]) => path);
    expect(links.length).toBeGreaterThan(8);
    expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
