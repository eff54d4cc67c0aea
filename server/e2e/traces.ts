// Where the recorded sessions are. They are data beside the repository, so a test may have to do without.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// From build/js/server/e2e up to the repository, and from there to the folder beside it.
const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..');
const folder = process.env.HEADWATER_TRACES ?? join(repository, '..', 'shared', 'data', 'traces');

/** The path of a recorded session, or undefined (which is said in one line) when it is not there. */
export function findTrace(name: string): string | undefined {
  const path = join(folder, `${name}.json.gz`);
  if (existsSync(path)) return path;
  process.stderr.write(`no recorded session ${name} in ${folder}: the tests on it are skipped (set HEADWATER_TRACES)\n`);
  return undefined;
}
