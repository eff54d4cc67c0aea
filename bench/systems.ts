// The systems of a run: Headwater, and the rivals, installed on first use into rivals/node_modules.
//
// A rival that cannot be installed or loaded is left out and named; the others still race.

import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { headwater } from './headwater.js';
import { installed, versionIn } from './install.js';
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
  installed(folder, 'the rivals into bench/rivals/node_modules (once, about 130 MB)');
  const rivals = await Promise.all(rivalNames.map(loadRival));
  return [headwater, ...rivals.filter((rival) => rival !== null)];
}

async function loadRival(name: string): Promise<System | null> {
  try {
    const adapter = await import(pathToFileURL(join(folder, `${name}.js`)).href) as { default: System };
    return { ...adapter.default, title: `${adapter.default.title} ${versionIn(folder, packages[name])}` };
  } catch (error) {
    console.error(`without ${name}, which does not load: ${String(error).split('\n')[0]}`);
    return null;
  }
}
