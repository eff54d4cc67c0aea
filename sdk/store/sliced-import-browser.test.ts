// The largest recorded session, imported in a real Chromium while the page goes on. What is asserted is generous: other
// programs run on the machine, too. The figures are printed. Without Chromium or the recording the suite says so and is skipped.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { chromiumPath, launch } from '../../server/e2e/browser.js';
import { readRecording } from '../../server/e2e/recording.js';
import { findTrace } from '../../server/e2e/traces.js';
import { createDocument, type importSliced } from '../index.js';
import { concat } from '../testing/text-peers.js';

const path = findTrace('automerge-paper');
if (!chromiumPath && process.env.HEADWATER_REQUIRE_BROWSER === '1') throw new Error('no Chromium found, and HEADWATER_REQUIRE_BROWSER asks for one (set CHROMIUM_PATH)');
if (!chromiumPath) process.stderr.write('no Chromium found: the import in a browser is not tested (set CHROMIUM_PATH)\n');

/** What a page met, in ms. */
interface Met { length: number; wholeMs: number; slices: number; longestMs: number; tasksOver50Ms: number; frames: number }

(path && chromiumPath ? describe : describe.skip)('in a browser, the largest session', () => {
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    browser = await launch();
    page = await browser.newPage();
    const entry = fileURLToPath(new URL('../index.js', import.meta.url));
    const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'iife', globalName: 'headwater', charset: 'utf8', write: false });
    await page.addScriptTag({ content: outputFiles[0].text });
  });
  afterAll(async () => { await browser?.close(); });

  it('is imported in slices between which the page paints', async () => {
    const { updates, snapshot, end } = written();
    for (const [what, bytes] of [['259,778 updates', updates], ['a snapshot', snapshot]] as const) {
      const met = await page.evaluate(importing, Buffer.from(bytes).toString('base64'));
      process.stdout.write(`importing automerge-paper in Chromium, ${what}: ${JSON.stringify(met)}\n`);
      expect(met.length).toBe(end.length);
      expect(met.longestMs).toBeLessThan(500);
      if (met.wholeMs > 50) expect([met.slices > 3, met.frames > 0]).toEqual([true, true]);
    }
  });

  function written(): { updates: Uint8Array; snapshot: Uint8Array; end: string } {
    const { txns, endContent } = readRecording(path!);
    const author = createDocument();
    const text = author.getText('text');
    const updates: Uint8Array[] = [];
    author.on('update', (update) => updates.push(update));
    for (const [position, deleted, inserted] of txns.flatMap(({ patches }) => patches)) text.splice(position, deleted, inserted);
    return { updates: concat(updates), snapshot: author.snapshot(), end: endContent! };
  }
});

/** Runs in the page. The end of a pause is where the next slice begins. */
async function importing(base64: string): Promise<Met> {
  type Headwater = { createDocument: typeof createDocument; importSliced: typeof importSliced };
  const { headwater, scheduler } = globalThis as unknown as { headwater: Headwater; scheduler: { yield(): Promise<void> } };
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const met: Met = { length: 0, wholeMs: 0, slices: 0, longestMs: 0, tasksOver50Ms: 0, frames: 0 };
  const pause = scheduler.yield.bind(scheduler);
  const turn = () => new Promise((resolve) => setTimeout(resolve, 50));
  await turn();
  const observer = new PerformanceObserver((list) => { met.tasksOver50Ms += list.getEntries().length; });
  observer.observe({ entryTypes: ['longtask'] });
  const frame = () => { met.frames++; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  const document = headwater.createDocument();
  const beganMs = performance.now();
  let startedMs = beganMs;
  scheduler.yield = () => pause().then(() => { startedMs = performance.now(); });
  await headwater.importSliced(document, bytes, {
    onProgress: () => {
      met.slices++;
      met.longestMs = Math.max(met.longestMs, performance.now() - startedMs);
    },
  });
  met.wholeMs = performance.now() - beganMs;
  scheduler.yield = pause;
  await turn();
  observer.disconnect();
  return { ...met, length: document.getText('text').length };
}
