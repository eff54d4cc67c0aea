// Tabs of one browser against a real server: one of them holds the socket, and nothing is lost when it dies or freezes.
//
// The tabs are windows on the console page in one profile; they share IndexedDB, locks and the channel of the browser.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, CDPSession, WebSocket } from 'playwright-core';
import type { Client } from '../../sdk/index.js';
import { Window, chromiumPath, launch } from './browser.js';
import { ServerProcess } from './server-process.js';

if (!chromiumPath && process.env.HEADWATER_REQUIRE_BROWSER === '1') throw new Error('no Chromium found, and HEADWATER_REQUIRE_BROWSER asks for one (set CHROMIUM_PATH)');

interface Console { headwater: Client }

(chromiumPath ? describe : describe.skip)('tabs of one browser', () => {
  let server: ServerProcess;
  let browser: Browser;
  let one: Window;
  let two: Window;
  const sockets = new Set<WebSocket>();

  beforeAll(async () => { browser = await launch(); });
  afterAll(async () => { await browser.close(); });
  beforeEach(async () => {
    server = await ServerProcess.start();
    const context = await browser.newContext();
    sockets.clear();
    context.on('page', (page) => page.on('websocket', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      page.on('crash', () => sockets.delete(socket));
    }));
    one = await Window.open(context, server.http, 'notes');
    await one.isLive();
    two = await Window.open(context, server.http, 'notes');
    await two.isLive();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await server[Symbol.asyncDispose]();
  });

  const session = (window: Window): Promise<CDPSession> => window.page.context().newCDPSession(window.page);

  /** Writes in the page; how long it takes until the server has it. */
  const ackedMs = (window: Window, text: string) => window.page.evaluate(async (typed) => {
    const started = performance.now();
    await (globalThis as unknown as Console).headwater.document('notes').getText('text').insert(0, typed).acked;
    return performance.now() - started;
  }, text);

  it('share one socket, and see each other while the server is away', async () => {
    expect(sockets.size).toBe(1);
    await server.kill();
    await one.caretAt(0);
    await one.type('offline ');
    await two.holds('offline ');
    await two.caretAt(8);
    await two.type('together');
    await one.holds('offline together');
    await server.resume();
    await one.settled();
    await two.settled();
    expect((await server.document('notes')).data).toMatchObject({ text: 'offline together' });
  });

  it('go on within a second when the leader is killed while somebody types in it, and lose nothing that was stored', async () => {
    const crash = await session(one);
    await one.caretAt(0);
    await one.type('before ');
    await one.stored();
    void one.type('and while it dies', 5).catch(() => {});
    await two.page.waitForFunction(() => document.querySelector('textarea')!.value.includes('and'));
    void crash.send('Page.crash').catch(() => {});
    await one.page.waitForEvent('crash');
    const held = await two.text();
    expect(await ackedMs(two, '> ')).toBeLessThan(1000);
    await two.settled();
    const text = (await server.document('notes')).data.text as string;
    expect(text.startsWith(`> ${held}`)).toBe(true);
    expect(await two.text()).toBe(text);
    expect(sockets.size).toBe(1);
  });

  it('take over from a leader that is frozen, which follows when it thaws', async () => {
    const life = await session(one);
    await one.caretAt(0);
    await one.type('one');
    await one.settled();
    await life.send('Page.setWebLifecycleState', { state: 'frozen' });
    expect(await ackedMs(two, 'two ')).toBeLessThan(3000);
    await life.send('Page.setWebLifecycleState', { state: 'active' });
    await one.holds('two one');
    expect(await ackedMs(one, 'three ')).toBeLessThan(3000);
    await two.holds('three two one');
    expect(sockets.size).toBe(1);
  });
});
