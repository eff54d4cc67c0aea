// The systems of a run: Headwater, and the rivals, installed on first use into rivals/node_modules.
//
// A rival that cannot be installed or loaded is left out and named; the others still race.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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

/** By versions, not by times: a fresh checkout is newer than what it was given. npm writes its own lockfile last, so an interrupted install is seen. */
function isInstalled(): boolean {
  if (!existsSync(join(folder, 'node_modules', '.package-lock.json'))) return false;
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  return Object.entries(dependencies).every(([name, version]) => existsSync(join(folder, 'node_modules', name)) && versionOf(name) === version);
}

/** Without a network npm tries for minutes; the counts of a run need no rival. */
const installMsMax = 120_000;

function install(): void {
  console.error('installing the rivals into bench/rivals/node_modules (once, about 130 MB) …');
  const options = { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] as ('ignore' | 'inherit')[], shell: process.platform === 'win32', timeout: installMsMax };
  const { status } = spawnSync('npm', ['ci', '--no-progress', '--loglevel=error', '--no-audit', '--fetch-retries=1', '--fetch-timeout=20000'], options);
  if (status !== 0) console.error('npm ci failed there (can the registry be reached?): Headwater runs without the rivals it could not install');
}
