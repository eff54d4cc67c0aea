// Clients in a real Chromium whose pages are killed between two keystrokes, or whose disk is full.
//
// Without Chromium it says so and is skipped; with HEADWATER_REQUIRE_BROWSER=1 its absence is a failure.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { chromiumPath, launch } from '../../server/e2e/browser.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import type { ClientPage } from './testing/client-page.js';
import { pause } from '../store/testing/harness.js';
import { servedPage, type ServedPage } from './testing/served.js';

if (!chromiumPath) {
  if (process.env.HEADWATER_REQUIRE_BROWSER === '1') throw new Error('no Chromium found, and HEADWATER_REQUIRE_BROWSER asks for one (set CHROMIUM_PATH)');
  process.stderr.write('no Chromium found: no page is killed in a browser (set CHROMIUM_PATH)\n');
}

interface Global { page: ClientPage }

(chromiumPath ? describe : describe.skip)('a client in Chromium', () => {
  let browser: Browser;
  let served: ServedPage;
  beforeAll(async () => {
    served = await servedPage({ page: 'client-page.ts', worker: 'worker.ts' });
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });

  async function loaded(context: BrowserContext, kind: 'indexeddb' | 'sqlite', durable: number[]): Promise<{ page: Page; text: string }> {
    const page = await context.newPage();
    await page.exposeFunction('durable', (word: number) => void durable.push(word));
    await page.goto(served.url);
    await page.waitForFunction(() => 'page' in globalThis);
    return { page, text: await page.evaluate((kind) => (globalThis as unknown as Global).page.open(kind), kind) };
  }

  /** The renderer ends where it stands, as when the system takes its memory. */
  async function kill(page: Page, session: CDPSession): Promise<void> {
    const crashed = new Promise((resolve) => page.once('crash', resolve));
    void session.send('Page.crash').catch(() => {});
    await crashed;
    await page.close();
  }

  // Most of a second each on a busy machine: HEADWATER_KILLS=200 for the long run.
  const kills = Number(process.env.HEADWATER_KILLS ?? 30);
  const times: ['indexeddb' | 'sqlite', number][] = [['indexeddb', Math.ceil(kills * 0.75)], ['sqlite', Math.floor(kills * 0.25)]];

  it.each(times)('on %s, killed between keystrokes %i times, has every durable one when it is opened again, once', async (kind, count) => {
    const random = new Random(seedFromEnv());
    const context = await browser.newContext();
    const durable: number[] = [];
    let next = 1;
    for (let time = 0; time < count; time++) {
      const { page, text } = await loaded(context, kind, durable);
      const found = [...text.matchAll(/<(\d+)>/g)].map((match) => Number(match[1]));
      const missing = durable.filter((word) => !found.includes(word));
      expect({ time, missing, twice: found.length - new Set(found).size }).toEqual({ time, missing: [], twice: 0 });
      next = Math.max(next, ...found, ...durable) + 1;
      const session = await context.newCDPSession(page);
      const before = durable.length;
      await page.evaluate((from) => (globalThis as unknown as Global).page.type(from), next);
      // Mostly when some are durable and some are on their way, however slow the machine is; now and then before any is.
      const words = random.chance(0.2) ? 0 : 1 + random.int(40);
      while (durable.length < before + words) await pause(1);
      await pause(random.int(25));
      await kill(page, session);
    }
    expect(durable.length).toBeGreaterThan(count);
    await context.close();
  }, 600_000);

  // Not on IndexedDB: Chromium does not hold it to an overridden quota.
  it.each(['sqlite'] as const)('on %s goes on when there is no room, says so, and stores all when there is', async (kind) => {
    const context = await browser.newContext();
    const { page } = await loaded(context, kind, []);
    const session = await context.newCDPSession(page);
    const origin = new URL(served.url).origin;
    const storageIs = (state: string) => page.waitForFunction((state) => (globalThis as unknown as Global).page.status().storage === state, state);
    await page.evaluate(async () => {
      (globalThis as unknown as Global).page.write(1000);
      await (globalThis as unknown as Global).page.flushed();
    });
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 });
    await page.evaluate(() => (globalThis as unknown as Global).page.write(200_000));
    await storageIs('degraded');
    expect(await page.evaluate(() => (globalThis as unknown as Global).page.status().error?.details?.reason)).toBe('quota');
    await page.evaluate(() => (globalThis as unknown as Global).page.write(200_000));
    await session.send('Storage.overrideQuotaForOrigin', { origin });
    await storageIs('ok');
    await page.evaluate(() => (globalThis as unknown as Global).page.flushed());
    await context.close();
  }, 60_000);
});
