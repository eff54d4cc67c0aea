// Rivals are installed on first use, each kind into its own folder, from that folder's lockfile.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Without a network npm tries for minutes; the counts of a run need no rival. */
const installMsMax = 120_000;

/** Installs what is not there. @param what  for the line that says so. @returns whether anything is there */
export function installed(folder: string, what: string): boolean {
  if (!isInstalled(folder)) install(folder, what);
  return existsSync(join(folder, 'node_modules'));
}

export function versionIn(folder: string, name: string): string {
  const file = join(folder, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** By versions, not by times: a fresh checkout is newer than what it was given. npm writes its own lockfile last, so an interrupted install is seen. */
function isInstalled(folder: string): boolean {
  if (!existsSync(join(folder, 'node_modules', '.package-lock.json'))) return false;
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  return Object.entries(dependencies).every(([name, version]) => existsSync(join(folder, 'node_modules', name)) && versionIn(folder, name) === version);
}

function install(folder: string, what: string): void {
  console.error(`installing ${what} …`);
  const options = { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] as ('ignore' | 'inherit')[], shell: process.platform === 'win32', timeout: installMsMax };
  const { status } = spawnSync('npm', ['ci', '--no-progress', '--loglevel=error', '--no-audit', '--fetch-retries=1', '--fetch-timeout=20000'], options);
  if (status !== 0) console.error('npm ci failed there (can the registry be reached?): Headwater runs without the rivals it could not install');
}
