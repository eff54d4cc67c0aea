// Headless Chromium on the console page, for tests: where it is, how it starts, what can be asked of the page.

import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Client } from '../../sdk/index.js';

const candidates = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable'];
// The page under test is the only host there is: nothing else is to be looked up, updated or reported.
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Where Chromium is: `CHROMIUM_PATH`, else one of the usual places; undefined when there is none. */
export const chromiumPath: string | undefined = process.env.CHROMIUM_PATH || candidates.find((path) => existsSync(path));

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath, args });
}

/** A browser whose storage stays in `folder` when it is closed, as a person's does. */
export function launchOn(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, { executablePath: chromiumPath, args });
}

/** The page keeps its client where the browser's console can reach it. */
interface Console {
  headwater: Client;
}

/** One window on the console, and the things a person does in it. */
export class Window {
  readonly errors: string[] = [];

  constructor(readonly page: Page) {
    page.on('pageerror', (error) => this.errors.push(error.message));
  }

  static async open(context: BrowserContext, http: string, document: string): Promise<Window> {
    const window = new Window(await context.newPage());
    await window.page.goto(`${http}/#${encodeURIComponent(document)}`);
    await window.title(document);
    return window;
  }

  /** A button does nothing until the page is bound to its document, which sets the title. */
  async reload(document: string): Promise<void> {
    await this.page.reload();
    await this.title(document);
  }

  async title(document: string): Promise<void> {
    await this.page.getByTestId('title').getByText(document, { exact: true }).waitFor();
  }

  async isLive(): Promise<void> {
    await this.is('connection', 'Live');
  }

  /** Whether the person took it offline. */
  async isOffline(): Promise<boolean> {
    return await this.page.getByTestId('toggle').getAttribute('aria-pressed') === 'true';
  }

  /** Waits until an element shows exactly this. */
  async is(testId: string, text: string): Promise<void> {
    await this.page.getByTestId(testId).filter({ hasText: new RegExp(`^\\s*${escaped(text)}\\s*$`) }).waitFor();
  }

  async shows(testId: string, part: string): Promise<void> {
    await this.page.getByTestId(testId).filter({ hasText: part }).waitFor();
  }

  text(): Promise<string> {
    return this.page.getByTestId('editor').inputValue();
  }

  /** Waits until the textarea holds exactly this. */
  async holds(text: string): Promise<void> {
    await this.page.waitForFunction(([wanted]) => document.querySelector('textarea')?.value === wanted, [text]);
  }

  async caretAt(index: number): Promise<void> {
    const editor = this.page.getByTestId('editor');
    await editor.focus();
    await editor.evaluate((area, at) => (area as HTMLTextAreaElement).setSelectionRange(at, at), index);
  }

  caret(): Promise<number> {
    return this.page.getByTestId('editor').evaluate((area) => (area as HTMLTextAreaElement).selectionStart);
  }

  async type(text: string, delayMs = 0): Promise<void> {
    await this.page.keyboard.type(text, { delay: delayMs });
  }

  async click(testId: string): Promise<void> {
    await this.page.getByTestId(testId).click();
  }

  /** Waits until this device has stored every change of this window. */
  async stored(): Promise<void> {
    await this.page.evaluate(() => (globalThis as unknown as Console).headwater.flushed());
  }

  /** Waits until no change of this window waits for the server. */
  async settled(): Promise<void> {
    await this.page.evaluate(() => (globalThis as unknown as Console).headwater.synced());
    await this.page.locator('[data-testid=pending][data-pending="0"]').waitFor();
  }

  digest(): Promise<string> {
    return this.page.evaluate(() => (globalThis as unknown as Console).headwater.document(decodeURIComponent(location.hash.slice(1))).digest());
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
