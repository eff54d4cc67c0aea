// The browser's storages in a real Chromium: IndexedDB by Dexie, SQLite in the origin private file system.
//
// Without Chromium it says so and is skipped; with HEADWATER_REQUIRE_BROWSER=1 its absence is a failure.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { chromiumPath, launch } from '../../server/e2e/browser.js';
import { storageConformance } from './conformance.js';
import { HeadwaterError } from '../core/errors.js';
import { servedPage, type ServedPage } from './testing/served.js';
import { fromText, toText } from './testing/bytes.js';
import type { StoragePage } from './testing/page.js';
import type { Storage } from './storage.js';

if (!chromiumPath) {
  if (process.env.HEADWATER_REQUIRE_BROWSER === '1') throw new Error('no Chromium found, and HEADWATER_REQUIRE_BROWSER asks for one (set CHROMIUM_PATH)');
  process.stderr.write('no Chromium found: storages are not tried in a browser (set CHROMIUM_PATH)\n');
}

interface Global { storages: StoragePage }

let browser: Browser;
let page: Page;
let served: ServedPage;
let paths = 0;

if (chromiumPath) {
  beforeAll(async () => {
    served = await servedPage({ page: 'page.ts', worker: 'worker.ts' });
    browser = await launch();
    page = await browser.newPage();
    await page.goto(served.url);
    await page.waitForFunction(() => 'storages' in globalThis);
  });
  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });
  for (const kind of ['indexeddb', 'sqlite'] as const) storageConformance(`${kind} in Chromium`, () => harness(kind));

  describe('sqlite in Chromium', () => {
    it('takes back, in a tab that lives, what another had half written when it was killed', async () => {
      const { storage, path, reopen } = await harness('sqlite');
      const living = await reopen();
      await living.load('another');
      await storage.append([{ document: 'd', records: Array.from({ length: 40 }, (_, i) => new Uint8Array(8000).fill(i + 1)) }]);
      const before = await storage.load('d');
      // Neither has it in its cache: the one that wrote it is gone, the one that lives has not read it yet.
      await storage.close();
      await page.evaluate((path) => (globalThis as unknown as Global).storages.dieWriting(path), path);
      expect(await living.load('d')).toEqual(before);
      expect(before).toMatchObject({ quarantined: 0, records: { length: 40 } });
    });

    it('gives the file to a tab that waits while another has no end of work', async () => {
      const { storage, reopen } = await harness('sqlite');
      const other = await reopen();
      await other.load('d');
      let answered = 0;
      // The loads between them keep the appends from becoming one transaction.
      const work = Array.from({ length: 150 }, async () => {
        await Promise.all([storage.append([{ document: 'd', records: [new Uint8Array(10)] }]), storage.load('e')]);
        answered++;
      });
      await Promise.race(work);
      await other.append([{ document: 'd', records: [new Uint8Array([1])] }]);
      expect(answered).toBeLessThan(150);
      await Promise.all(work);
    });
  });
} else {
  describe.skip('storages in Chromium', () => it('are tried', () => {}));
}

async function harness(kind: 'indexeddb' | 'sqlite') {
  const path = `database-${++paths}`;
  // Orders go to the page after the calls before them, as calls do.
  let failing: Promise<void> = Promise.resolve();
  const open = async () => {
    const handle = await page.evaluate(([kind, path]) => (globalThis as unknown as Global).storages.open(kind, path), [kind, path] as const);
    return inPage(kind, handle, () => failing);
  };
  const storage = await open();
  return {
    storage,
    path,
    reopen: open,
    largeBytes: 1 << 20, // it goes through three text forms on its way here
    corrupt: (document: string, position: number | 'snapshot') =>
      page.evaluate(([path, document, position]) => (globalThis as unknown as Global).storages.corrupt(path, document, position), [path, document, position] as const),
    failFrom: (step: number) => {
      failing = page.evaluate(([path, step]) => (globalThis as unknown as Global).storages.failFrom(path, step), [path, step] as const);
    },
  };
}

/** The calls of a storage, made in the page. */
function inPage(kind: Storage['kind'], handle: number, before: () => Promise<void>): Storage {
  const call = (method: keyof Storage) => (...args: unknown[]) => {
    const text = toText(args);
    return before().then(() => send(method, text));
  };
  const send = async (method: keyof Storage, text: string) => {
    const answer = await page.evaluate(([handle, method, text]) => (globalThis as unknown as Global).storages.call(handle, method, text), [handle, method, text] as const);
    const { result, error } = fromText(answer) as { result?: unknown; error?: HeadwaterError };
    if (error) throw new HeadwaterError(error.code, error.message, error.details);
    return method === 'readMeta' ? (result ?? undefined) : result;
  };
  const methods = ['documents', 'load', 'append', 'compact', 'remove', 'readMeta', 'writeMeta', 'metaKeys', 'quarantine', 'close'] as const;
  return { kind, ...Object.fromEntries(methods.map((method) => [method, call(method)])) } as unknown as Storage;
}
