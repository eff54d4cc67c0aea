// The systems of a run: Headwater, and the rivals, installed on first use into rivals/node_modules.
//
// A rival that cannot be installed or loaded is left out and named; the others still race.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { headwater } from './headwater.js';
import type { System } from './system.js';

// From build/js/bench up to the repository: adapters are not compiled, they stand beside their node_modules.
const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const folder = join(repository, 'bench', 'rivals');

const packages: Readonly<Record<string, string>> = {
  yjs: 'yjs',
  'json-joy': 'json-joy',
  'diamond-types': 'diamond-types-node',
  loro: 'loro-crdt',
  automerge: '@automerge/automerge',
};

export const rivalNames: readonly string[] = Object.keys(packages);

/** Headwater first, then every rival that is here. */
export async function loadSystems(): Promise<System[]> {
  if (!isInstalled()) install();
  const rivals = await Promise.all(rivalNames.map(loadRival));
  return [headwater, ...rivals.filter((rival) => rival !== null)];
}

async function loadRival(name: string): Promise<System | null> {
  try {
    const adapter = await import(pathToFileURL(join(folder, `${name}.js`)).href) as { default: System };
    return { ...adapter.default, title: `${adapter.default.title} ${versionOf(packages[name])}` };
  } catch (error) {
    console.error(`without ${name}, which does not load: ${String(error).split('\n')[0]}`);
    return null;
  }
}

function versionOf(name: string): string {
  const file = join(folder, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** npm writes its own lockfile into node_modules last, so an interrupted or outdated install is seen. */
function isInstalled(): boolean {
  const done = join(folder, 'node_modules', '.package-lock.json');
  return existsSync(done) && statSync(done).mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs;
}

function install(): void {
  console.error('installing the rivals into bench/rivals/node_modules (once, about 130 MB) …');
  const options = { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] as ('ignore' | 'inherit')[], shell: process.platform === 'win32' };
  const { status } = spawnSync('npm', ['ci', '--no-progress', '--loglevel=error'], options);
  if (status !== 0) console.error('npm ci failed there: Headwater runs without the rivals it could not install');
}
