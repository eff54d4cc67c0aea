// The servers of a run: Headwater's, and the rivals', installed on first use into server-rivals/node_modules.
//
// All run on the same Node: the one that comes with the rivals, because Hocuspocus 4 needs Node 22. Where that cannot be
// had everything runs on the Node at hand, without those that do not run there.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installed, versionIn } from '../install.js';

export interface ServerSystem {
  /** `headwater`, or the name of the files in server-rivals/. */
  readonly name: string;
  readonly title: string;
}

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..', 'bench', 'server-rivals');
const packages: Readonly<Record<string, string>> = { ws: 'ws', 'y-websocket': '@y/websocket-server', hocuspocus: '@hocuspocus/server' };
const needsNode22 = new Set(['hocuspocus']);

/** @param names  only these rivals, where given */
export function serverSystems(names = Object.keys(packages)): ServerSystem[] {
  const own = { name: 'headwater', title: 'Headwater, SQLite with fsync' };
  if (!installed(folder, 'the rival servers (once, about 210 MB)')) return [own];
  const isModern = Number(nodeVersion().split('.')[0]) >= 22;
  const rivals = names.filter((name) => existsSync(join(folder, 'node_modules', packages[name])) && (isModern || !needsNode22.has(name)));
  for (const name of names) if (!rivals.includes(name)) console.error(`without ${name}: it is not installed, or needs a newer Node`);
  const titles: Readonly<Record<string, string>> = { ws: 'bare ws relay' };
  return [own, ...rivals.map((name) => ({ name, title: `${titles[name] ?? packages[name]} ${versionIn(folder, packages[name])}` }))];
}

/** The Node that servers and loads run on. */
export function nodePath(): string {
  const own = join(folder, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  return existsSync(own) ? own : process.execPath;
}

export function nodeVersion(): string {
  return spawnSync(nodePath(), ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1);
}
