// The console page in a real browser against a real server: what a person with two windows would try.
//
// Browser storage, sockets and the page are the real ones; nothing is faked. Without Chromium the suite says so
// and is skipped; with HEADWATER_REQUIRE_BROWSER=1 its absence is a failure.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';
import { Window, chromiumPath, launch, launchOn } from './browser.js';
import { ServerProcess } from './server-process.js';

const isRequired = process.env.HEADWATER_REQUIRE_BROWSER === '1';
if (!chromiumPath) {
  if (isRequired) throw new Error('no Chromium found, and HEADWATER_REQUIRE_BROWSER asks for one (set CHROMIUM_PATH)');
  process.stderr.write('no Chromium found: the browser tests are skipped (set CHROMIUM_PATH)\n');
}

(chromiumPath ? describe : describe.skip)('the console in a browser', () => {
  let server: ServerProcess;
  let browser: Browser;
  const windows: Window[] = [];

  beforeAll(async () => { browser = await launch(); });
  afterAll(async () => { await browser.close(); });
  beforeEach(async () => { server = await ServerProcess.start(); });
  afterEach(async () => {
    const errors = windows.splice(0).flatMap(({ errors: own }) => own);
    await Promise.all(browser.contexts().map((context) => context.close()));
    await server[Symbol.asyncDispose]();
    expect(errors).toEqual([]);
  });

  /** A window in a profile of its own: another device. */
  async function device(document = 'notes'): Promise<Window> {
    const window = await Window.open(await browser.newContext(), server.http, document);
    windows.push(window);
    await window.isLive();
    return window;
  }

  async function expectEqual(text: string, ...all: Window[]): Promise<void> {
    for (const window of all) {
      await window.holds(text);
      await window.settled();
    }
    const stored = await server.document('notes');
    expect(stored.data).toMatchObject({ text });
    for (const window of all) expect(await window.digest()).toBe(stored.digest);
  }

  it('shows what is typed in one window in the other, and both equal the server', async () => {
    const [one, two] = [await device(), await device()];
    await one.caretAt(0);
    await one.type('Every keystroke arrives.');
    await two.holds('Every keystroke arrives.');
    await two.caretAt(5);
    await two.type(' single');
    await expectEqual('Every single keystroke arrives.', one, two);
  });

  it('merges two people typing at once in one text, and keeps each caret where its owner left it', async () => {
    const [one, two] = [await device(), await device()];
    await one.caretAt(0);
    await one.type('left | right');
    await two.holds('left | right');
    await one.caretAt(4);
    await two.caretAt(12);
    await Promise.all([one.type(' abcdefghij', 8), two.type(' klmnopqrst', 8)]);
    await expectEqual('left abcdefghij | right klmnopqrst', one, two);
    expect(await one.caret()).toBe('left abcdefghij'.length);
    expect(await two.caret()).toBe('left abcdefghij | right klmnopqrst'.length);
  });

  it('keeps what is typed offline through a reload, and merges it on the way back', async () => {
    const [one, two] = [await device(), await device()];
    await one.caretAt(0);
    await one.type('shared');
    await two.holds('shared');
    await one.click('toggle');
    await one.is('connection', 'Offline');
    await one.caretAt(6);
    await one.type(' offline');
    await two.caretAt(0);
    await two.type('online ');
    await one.stored();
    await one.shows('writes', 'saved on this device');
    await one.reload('notes');
    await one.holds('shared offline');
    await one.is('connection', 'Offline');
    await one.click('toggle');
    await expectEqual('online shared offline', one, two);
  });

  it('comes back by itself when the network was cut', async () => {
    const [one, two] = [await device(), await device()];
    await one.caretAt(0);
    await one.type('before');
    await two.holds('before');
    await server.kill();
    await one.type(' meanwhile');
    await one.shows('pending', 'safe on this device');
    await server.resume();
    await one.isLive();
    await two.isLive();
    await expectEqual('before meanwhile', one, two);
  });

  it('brings un-acked edits of a closed browser to the server when it is opened again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-profile-'));
    try {
      const first = await launchOn(folder);
      const one = await Window.open(first, server.http, 'notes');
      await one.isLive();
      await one.caretAt(0);
      await one.type('acked');
      await one.settled();
      await server.kill();
      await one.type(' and not yet acked');
      await one.stored();
      await first.close();

      await server.resume();
      const second = await launchOn(folder);
      const again = await Window.open(second, server.http, 'notes');
      await expectEqual('acked and not yet acked', again);
      await second.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('converges after a rough while: typing, deleting, going offline, reloading, a server killed', async () => {
    const random = new Random(seedFromEnv());
    const all = [await device(), await device(), await device()];
    let typed = 0;
    for (let step = 0; step < 45; step++) {
      if (step % 20 === 10) {
        await server.kill();
        await server.resume();
      }
      await rough(all[random.int(all.length)], random, () => unusual(typed++));
    }
    for (const window of all) {
      if (await window.isOffline()) await window.click('toggle');
      await window.isLive();
      await window.settled();
    }
    await expectEqual((await server.document('notes')).data.text as string, ...all);
    const characters = [...await all[0].text()];
    expect(characters).toHaveLength(new Set(characters).size);
  });

  /** Three characters used nowhere else: one found twice was applied twice. */
  function unusual(count: number): string {
    return String.fromCodePoint(...[0, 1, 2].map((offset) => 0x4e00 + 3 * count + offset));
  }

  /** One thing a person might do. */
  async function rough(window: Window, random: Random, word: () => string): Promise<void> {
    const dice = random.int(10);
    if (dice === 0) return window.click('toggle');
    if (dice === 1) {
      await window.stored();
      return window.reload('notes');
    }
    await window.caretAt(random.int((await window.text()).length + 1));
    if (dice < 4) return window.page.keyboard.press(random.pick(['Backspace', 'Delete']));
    await window.type(word());
  }

  it('keeps two windows of one browser apart as writers and together as text', async () => {
    const context = await browser.newContext();
    const [one, two] = [await Window.open(context, server.http, 'notes'), await Window.open(context, server.http, 'notes')];
    windows.push(one, two);
    await one.isLive();
    await two.isLive();
    await one.caretAt(0);
    await one.type('one ');
    await two.holds('one ');
    await one.click('toggle');
    await two.click('toggle');
    await one.caretAt(4);
    await one.type('left behind ');
    await two.caretAt(4);
    await two.type('two');
    await one.stored();
    await two.stored();
    // The first window goes for good; what it stored is this browser's, and the second sends it.
    await one.page.close();
    await two.reload('notes');
    await two.click('toggle');
    await two.settled();
    const text = await two.text();
    expect([...text.matchAll(/left behind /g), ...text.matchAll(/two/g), ...text.matchAll(/one /g)]).toHaveLength(3);
    await expectEqual(text, two);
  });

  it('adds up counters and unites tags of both windows, offline ones too', async () => {
    const [one, two] = [await device(), await device()];
    await one.click('toggle');
    for (let press = 0; press < 3; press++) await one.click('counter-up');
    await two.click('counter-up');
    await two.click('counter-down');
    await two.click('counter-up');
    await one.page.getByTestId('tag-name').fill('from one');
    await one.click('tag-add');
    await two.page.getByTestId('tag-name').fill('from two');
    await two.click('tag-add');
    await one.click('toggle');
    for (const window of [one, two]) {
      await window.is('counter-value', '4');
      await window.shows('tags', 'from one');
      await window.shows('tags', 'from two');
    }
    await two.page.getByLabel('Remove the tag from one').click();
    await one.page.locator('[data-tag="from one"]').waitFor({ state: 'detached' });
    await two.settled();
    expect((await server.document('notes')).data).toMatchObject({ count: 4, tags: ['from two'] });
  });

  it('says who is here, under the name they chose, and until they leave', async () => {
    const [one, two] = [await device(), await device()];
    await one.page.getByTestId('name').fill('Ada');
    await two.shows('people', 'Ada');
    await two.page.getByTestId('name').fill('Grace');
    await one.shows('people', 'Grace');
    await two.caretAt(0);
    await two.type('here');
    await one.shows('people', 'in the text');
    await one.page.locator('.flag', { hasText: 'Grace' }).waitFor();
    await two.page.context().close();
    await one.shows('people', 'Nobody else yet.');
  });

  it('shows what another has selected, where it is now, and not a moment longer than the other is there', async () => {
    const [one, two] = [await device(), await device()];
    await one.caretAt(0);
    await one.type('hello world');
    await two.holds('hello world');
    await two.page.getByTestId('editor').evaluate((area) => { (area as HTMLTextAreaElement).focus(); (area as HTMLTextAreaElement).setSelectionRange(6, 11, 'backward'); });
    const selection = one.page.locator('.selection');
    await selection.waitFor();
    const [box, caret] = [await selection.boundingBox(), await one.page.locator('.caret').boundingBox()];
    expect(Math.abs(caret!.x + 1 - box!.x)).toBeLessThan(2);
    await one.caretAt(0);
    await one.type('xxxx ');
    await one.page.waitForFunction((before) => {
      const roots = [...document.querySelectorAll('.sheet > *')].flatMap(({ shadowRoot }) => shadowRoot ?? []);
      return (roots[0]?.querySelector('.selection')?.getBoundingClientRect().left ?? 0) > before + 20;
    }, box!.x);
    expect(Math.abs((await selection.boundingBox())!.width - box!.width)).toBeLessThan(1);
    for (const leave of [() => two.page.goto('about:blank'), () => two.page.close()]) {
      const startedMs = performance.now();
      await leave();
      await one.shows('people', 'Nobody else yet.');
      await one.page.locator('.caret').waitFor({ state: 'detached' });
      const ms = performance.now() - startedMs;
      process.stdout.write(`gone ${ms.toFixed(0)} ms after a tab began to leave\n`);
      expect(ms).toBeLessThan(4_000);
      if (two.page.url() !== 'about:blank') continue;
      await two.page.goBack();
      await one.shows('people', 'reading');
    }
  });

  it('shows every write on its way to the server', async () => {
    const one = await device();
    await one.caretAt(0);
    await one.type('abc');
    await one.shows('writes', 'typed “abc”');
    await one.shows('writes', 'saved on the server');
    await one.is('tally-acked', '3');
    await one.is('pending', 'Nothing waits for the server.');
  });

  it('lists documents of this device and of the server, and opens them by name', async () => {
    const [one, two] = [await device('first'), await device('second')];
    await two.caretAt(0);
    await two.type('in the second');
    await two.settled();
    await one.page.getByTestId('create-name').fill('second');
    await one.click('create');
    await one.title('second');
    await one.holds('in the second');
    await one.page.locator('[data-document=second] .dot.server').waitFor();
    await one.page.goBack();
    await one.title('first');
    await one.holds('');
    await one.page.evaluate((name) => { location.hash = name; }, 'x'.repeat(300));
    await one.shows('notice', 'document id');
    expect(await one.page.evaluate(() => location.hash)).toBe('#first');
  });

  it('leaves the text alone while an input method composes, and merges what it composed', async () => {
    const [one, two] = [await device(), await device()];
    await one.caretAt(0);
    await one.type('12');
    await two.holds('12');
    await one.caretAt(2);
    const session = await one.page.context().newCDPSession(one.page);
    await session.send('Input.imeSetComposition', { text: 'に', selectionStart: 1, selectionEnd: 1 });
    await two.caretAt(0);
    await two.type('0');
    await two.settled();
    await one.page.waitForTimeout(150);
    expect(await one.text()).toBe('12に');
    await session.send('Input.imeSetComposition', { text: 'にほ', selectionStart: 2, selectionEnd: 2 });
    await session.send('Input.insertText', { text: '日本' });
    await expectEqual('012日本', one, two);
    expect(await one.caret()).toBe(5);
  });
});
