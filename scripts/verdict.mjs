// The last line of CI: `N passed, N failed, N skipped`, of the tests and of the benchmark's stable counts together.
//
// `node scripts/verdict.mjs tests.log bench.json`. A run of either that left nothing to count has failed.
import { existsSync, readFileSync } from 'node:fs';

const [log, json] = process.argv.slice(2);
const totals = { passed: 0, failed: 0, skipped: 0 };

const line = readFileSync(log, 'utf8').trimEnd().split('\n').findLast((each) => /^\d+ passed, \d+ failed/.test(each));
if (line) for (const [, count, what] of line.matchAll(/(\d+) (passed|failed|skipped)/g)) totals[what] += Number(count);
else totals.failed++;

if (existsSync(json)) {
  const { held, regressions } = JSON.parse(readFileSync(json, 'utf8'));
  totals.passed += held;
  totals.failed += regressions.length;
} else {
  console.log('the benchmarks did not end');
  totals.failed++;
}

console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
