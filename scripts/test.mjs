// Builds, then runs jest on the compiled tree. Arguments go to jest: `npm test -- text`.
// Ends with one line of counts, which CI reads; a run in which no test ran has failed.
import './build.mjs';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), 'headwater-test-'));
const report = join(folder, 'report.json');
const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
const flags = ['--experimental-vm-modules', '--no-warnings', '--expose-gc'];
const args = [jest, '--json', `--outputFile=${report}`, ...process.argv.slice(2)];
// jest's own report goes to stderr; what --json prints to stdout is the file we read.
const run = spawnSync(process.execPath, [...flags, ...args], { cwd: root, stdio: ['inherit', 'ignore', 'inherit'] });
process.exitCode = summarise(run.status ?? 1);
rmSync(folder, { recursive: true, force: true });

function summarise(status) {
  let counts;
  try {
    counts = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    console.error('jest wrote no report: it did not get as far as running a test');
    return status || 1;
  }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites } = counts;
  const failed = numFailedTests + numRuntimeErrorTestSuites;
  console.log(`${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped`);
  return status || (failed > 0 || numPassedTests === 0 ? 1 : 0);
}
