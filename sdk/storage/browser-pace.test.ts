// What a local write and a local read take in a real Chromium while IndexedDB stores them. What is asserted is generous: other
// programs run on the machine, too. The figures are printed; the bars are held by `npm run bench -- writes reads`.
//
// Without Chromium it says so and is skipped; with HEADWATER_REQUIRE_BROWSER=1 its absence is a failure.

import { expect, it } from '@jest/globals';
import { chromiumPath, launch } from '../../server/e2e/browser.js';
import type { ClientPage } from './testing/client-page.js';
import { servedPage } from './testing/served.js';

if (!chromiumPath) {
  if (process.env.HEADWATER_REQUIRE_BROWSER === '1') throw new Error('no Chromium found, and HEADWATER_REQUIRE_BROWSER asks for one (set CHROMIUM_PATH)');
  process.stderr.write('no Chromium found: calls are not timed in a browser (set CHROMIUM_PATH)\n');
}

interface Global { page: ClientPage }

(chromiumPath ? it : it.skip)('a client in Chromium answers a write and a read at once, whatever IndexedDB is doing', async () => {
  const served = await servedPage({ page: 'client-page.ts', worker: 'worker.ts' });
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(served.url);
    await page.waitForFunction(() => 'page' in globalThis);
    await page.evaluate(() => (globalThis as unknown as Global).page.open('indexeddb'));
    const { writeMs, readMs } = await page.evaluate(() => (globalThis as unknown as Global).page.p99(2_000));
    process.stdout.write(`p99 in Chromium with IndexedDB, of 2,000 calls: write ${writeMs.toFixed(3)} ms, read ${readMs.toFixed(3)} ms\n`);
    expect(writeMs).toBeLessThan(5);
    expect(readMs).toBeLessThan(1);
  } finally {
    await browser.close();
    await served.close();
  }
});
