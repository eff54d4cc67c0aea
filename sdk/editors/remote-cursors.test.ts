// Remote cursors over a real textarea in a real Chromium: where they are is asked of the browser itself, not of a picture.
//
// Without Chromium the suite says so and is skipped; with HEADWATER_REQUIRE_BROWSER=1 its absence is a failure.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { chromiumPath, launch } from '../../server/e2e/browser.js';
import type { RemoteCursor } from '../cursors/index.js';
import type * as editors from './index.js';

if (!chromiumPath && process.env.HEADWATER_REQUIRE_BROWSER === '1') throw new Error('no Chromium found, and HEADWATER_REQUIRE_BROWSER asks for one (set CHROMIUM_PATH)');
if (!chromiumPath) process.stderr.write('no Chromium found: remote cursors are not tested (set CHROMIUM_PATH)\n');

/** Lives in the page. */
interface Bench {
  editors: typeof editors;
  area: HTMLTextAreaElement;
  box: HTMLElement;
  cursors: editors.RemoteCursors;
  root: ShadowRoot;
  /** Two frames: one draws, the next finds it drawn. */
  drawn(): Promise<void>;
}
declare const bench: Bench;

interface Box { left: number; top: number; width: number; height: number }

const html = `<!doctype html><meta charset="utf-8"><body style="margin:0">
<div id="box" style="margin:40px 0 0 30px;width:300px"><textarea id="area" style="display:block;box-sizing:border-box;width:300px;height:100px;margin:0;
padding:10px 12px;border:3px solid;font:16px/20px monospace;overflow-y:scroll;resize:none"></textarea></div>`;

(chromiumPath ? describe : describe.skip)('remote cursors', () => {
  let browser: Browser;
  let page: Page;
  let script: string;

  beforeAll(async () => {
    browser = await launch();
    const entry = fileURLToPath(new URL('./index.js', import.meta.url));
    script = (await build({ entryPoints: [entry], bundle: true, format: 'iife', globalName: 'editors', write: false })).outputFiles[0].text;
  });
  afterAll(async () => { await browser?.close(); });
  beforeEach(async () => {
    await page?.close();
    page = await browser.newPage();
    await page.setContent(html);
    await page.addScriptTag({ content: script });
    await page.evaluate(() => {
      const [area, box] = [document.querySelector('textarea')!, document.querySelector<HTMLElement>('#box')!];
      const { editors } = globalThis as unknown as Bench;
      const cursors = new editors.RemoteCursors(box, new editors.TextareaGeometry(area), { flagMs: 300, idleMs: 600 });
      const drawn = async () => { for (let i = 0; i < 2; i++) await new Promise((resolve) => requestAnimationFrame(resolve)); };
      Object.assign(globalThis, { bench: { editors, area, box, cursors, drawn, root: box.lastElementChild!.shadowRoot! } });
    });
  });

  /** Shows cursors over a text, waits until they stand still, and says where each caret and its boxes are. */
  async function shown(text: string, ...cursors: (Partial<RemoteCursor> & { head: number })[]): Promise<{ carets: Record<string, Box | null>; boxes: Box[] }> {
    const all = cursors.map((cursor, i) => ({ id: `${i}`, name: `Person ${i}`, color: '#036fd7', anchor: cursor.head, mark: cursor.head, ...cursor }));
    await page.evaluate(async ([value, list]) => {
      if (bench.area.value !== value) bench.area.value = value;
      bench.cursors.show(list);
      await bench.drawn();
    }, [text, all] as const);
    return still();
  }

  /** Where all is, when nothing glides any more. */
  function still(): Promise<{ carets: Record<string, Box | null>; boxes: Box[] }> {
    return page.evaluate(async () => {
      await bench.drawn();
      await Promise.allSettled(bench.root.getAnimations().map(({ finished }) => finished));
      const boxOf = (element: Element) => { const { left, top, width, height } = element.getBoundingClientRect(); return { left, top, width, height }; };
      const carets = [...bench.root.querySelectorAll<HTMLElement>('.caret')];
      return {
        carets: Object.fromEntries(carets.map((caret) => [caret.dataset.id!, caret.hidden ? null : boxOf(caret)])),
        boxes: [...bench.root.querySelectorAll('.selection')].map(boxOf),
      };
    });
  }

  // The text begins at 30 + 3 + 12 from the left and 40 + 3 + 10 from the top; a letter of the font is `letter` wide, a line 20 high.
  const [left, top, line] = [45, 53, 20];
  const letter = () => page.evaluate(() => { const context = document.createElement('canvas').getContext('2d')!; context.font = '16px monospace'; return context.measureText('x').width; });

  async function expectCaret(caret: Box | null, column: number, row: number): Promise<void> {
    expect(caret).not.toBeNull();
    expect(Math.abs(caret!.left + 1 - (left + column * await letter()))).toBeLessThan(1);
    const middle = caret!.top + caret!.height / 2;
    expect(Math.abs(middle - (top + (row + 0.5) * line))).toBeLessThan(2);
    expect(caret!.width).toBe(2);
  }

  it('stand where their characters are: in lines, after the last, in empty ones, at a soft break', async () => {
    const wrapped = `ab\ncd\n\n${'word '.repeat(6)}`;
    const heads = [0, 2, 3, 6, 7, 27];
    const { carets } = await shown(wrapped, ...heads.map((head) => ({ head })));
    const places = [[0, 0], [2, 0], [0, 1], [0, 2], [0, 3], [20, 3]];
    for (const [i, [column, row]] of places.entries()) await expectCaret(carets[i], column, row);
    const ends = await shown('ab\n', { head: 3 }, { head: 2 });
    await expectCaret(ends.carets[0], 0, 1);
    await expectCaret(ends.carets[1], 2, 0);
    await expectCaret((await shown('', { head: 0 })).carets[0], 0, 0);
    // The seventh word has no room in its line.
    const perLine = Math.floor((300 - 6 - 24 - await page.evaluate(() => bench.area.offsetWidth - bench.area.clientWidth - 6)) / await letter());
    const second = Math.floor((perLine + 1) / 5) * 5;
    const broken = await shown('word '.repeat(12), { head: second + 2 }, { head: second });
    await expectCaret(broken.carets[0], 2, 1);
    await expectCaret(broken.carets[1], 0, 1);
  });

  it('are where the browser itself would put its caret in the same text', async () => {
    const { carets } = await shown('tab\there 漢字 👍🏽 café\nx', { head: 15 });
    const native = await page.evaluate(() => {
      const twin = document.createElement('div');
      twin.style.cssText = 'position:absolute;left:45px;top:53px;font:16px/20px monospace;white-space:pre-wrap;width:260px';
      twin.textContent = 'tab\there 漢字 👍🏽 café\nx';
      document.body.append(twin);
      const range = document.createRange();
      range.setStart(twin.firstChild!, 15);
      range.collapse(true);
      return range.getBoundingClientRect().left;
    });
    expect(Math.abs(carets[0]!.left + 1 - native)).toBeLessThan(1);
  });

  it('cover what is selected, line by line, empty lines too, whichever way it was selected', async () => {
    for (const [anchor, head] of [[1, 8], [8, 1]]) {
      const { carets, boxes } = await shown('abc\n\ndefgh', { anchor, head });
      const wide = await letter();
      const rows = boxes.map((box) => [Math.round((box.top + box.height / 2 - top - line / 2) / line), Math.round(box.left - left), Math.round(box.width)]);
      expect(new Set(rows.map(([row]) => row))).toEqual(new Set([0, 1, 2]));
      const widest = (row: number) => rows.filter(([at]) => at === row).sort((a, b) => b[2] - a[2])[0];
      expect(Math.abs(widest(0)[1] - wide)).toBeLessThan(2);
      expect(Math.abs(widest(0)[2] - 2 * wide)).toBeLessThan(2);
      expect(widest(1)[2]).toBeGreaterThanOrEqual(4);
      expect(Math.abs(widest(2)[2] - 3 * wide)).toBeLessThan(2);
      await expectCaret(carets[0], head === 8 ? 3 : 1, head === 8 ? 2 : 0);
    }
    expect((await shown('abc\n\ndefgh', { head: 2 })).boxes).toEqual([]);
  });

  it('glide when they are moved, and jump when the editor scrolls or is resized', async () => {
    await shown('abcdefghij', { head: 0 });
    const running = () => page.evaluate(() => bench.root.getAnimations().filter((one) => (one as CSSTransition).transitionProperty === 'transform').length);
    await page.evaluate(async () => {
      bench.cursors.show([{ id: '0', name: 'x', color: '#036fd7', anchor: 9, head: 9, mark: 9 }]);
      await bench.drawn();
    });
    expect(await running()).toBe(1);
    await expectCaret((await still()).carets[0], 9, 0);
    await page.evaluate(async () => { bench.area.style.paddingLeft = '32px'; bench.area.style.width = '280px'; await bench.drawn(); });
    expect(await running()).toBe(0);
    const { carets } = await still();
    expect(Math.abs(carets[0]!.left + 1 - (left + 20 + 9 * await letter()))).toBeLessThan(1);
  });

  it('scroll with the text, are not seen outside it, and come into sight', async () => {
    const text = Array.from({ length: 50 }, (_, i) => `line ${i}`).join('\n');
    const at = (row: number) => text.indexOf(`line ${row}`);
    const first = await shown(text, { head: at(1) }, { head: at(40), anchor: at(30) });
    await expectCaret(first.carets[0], 0, 1);
    expect([first.carets[1], first.boxes.length]).toEqual([null, 0]);
    await page.evaluate(async () => { bench.area.scrollTop = 30; await bench.drawn(); });
    await expectCaret((await still()).carets[0], 0, -0.5);
    await page.evaluate(async () => { bench.area.scrollTop = 36 * 20; await bench.drawn(); });
    const late = await still();
    expect(late.carets[0]).toBeNull();
    await expectCaret(late.carets[1], 0, 4);
    expect(late.boxes.length).toBeGreaterThan(2);
    // Six lines or parts of them can be seen, each with its line break.
    expect(late.boxes.length).toBeLessThanOrEqual(12);
    await page.evaluate(() => { document.body.style.height = '3000px'; window.scrollTo(0, 25); });
    await expectCaret((await still()).carets[1], 0, 4 - 25 / 20);
  });

  it('stand on the right side of text that runs to the left', async () => {
    const word = 'שלום';
    const { carets } = await shown(word, { head: 1 }, { head: 3 });
    expect(carets[0]!.left).toBeGreaterThan(carets[1]!.left + 10);
    await page.evaluate(() => { bench.area.dir = 'rtl'; });
    const right = await shown(word, { head: 0 }, { head: 4 });
    const edge = await page.evaluate(() => bench.area.getBoundingClientRect().left + bench.area.clientLeft + bench.area.clientWidth - 12);
    expect(Math.abs(right.carets[0]!.left + 1 - edge)).toBeLessThan(2);
    expect(right.carets[1]!.left).toBeLessThan(right.carets[0]!.left - 10);
  });

  it('show a name within the editor when they move, and give its place back; fade when nothing happens; wake up', async () => {
    await shown(`${'x'.repeat(26)}\n${'y'.repeat(26)}`, { head: 0, name: 'At the start' }, { head: 53, name: 'At the far end' });
    const flags = await page.evaluate(() => {
      const area = bench.area.getBoundingClientRect();
      return [...bench.root.querySelectorAll('.flag')].map((flag) => {
        const box = flag.getBoundingClientRect();
        return box.left >= area.left - 2 && box.right <= area.right && box.top >= area.top && box.width > 20;
      });
    });
    expect(flags).toEqual([true, true]);
    const has = (name: string) => page.evaluate((of) => bench.root.querySelector('.caret')!.classList.contains(of), name);
    await page.waitForFunction(() => bench.root.querySelectorAll('.caret.quiet').length === 2);
    await page.waitForFunction(() => bench.root.querySelectorAll('.caret.idle').length === 2);
    // The text moves under a caret: its owner has done nothing.
    await page.evaluate(() => { bench.area.value = `>>${bench.area.value}`; });
    await shown(await page.evaluate(() => bench.area.value), { head: 2, mark: 0 });
    expect([await has('quiet'), await has('idle')]).toEqual([true, true]);
    expect(await page.evaluate(async () => {
      bench.cursors.show([{ id: '0', name: 'x', color: '#036fd7', anchor: 3, head: 3, mark: 'moved' }]);
      await new Promise((resolve) => requestAnimationFrame(resolve));
      return bench.root.querySelector('.caret')!.className;
    })).not.toMatch(/quiet|idle/);
  });

  it('of a hundred people are drawn once a frame and laid out once, and are gone with them', async () => {
    const text = Array.from({ length: 100 }, (_, i) => `line ${i} of a text`).join('\n');
    const many = Array.from({ length: 100 }, (_, i) => ({ id: `p${i}`, head: (i * 7) % 60, anchor: (i * 11) % 60 }));
    await shown(text, ...many);
    const met = await page.evaluate(async () => {
      let asked = 0;
      let drawMs = 0;
      const request = requestAnimationFrame;
      globalThis.requestAnimationFrame = (run) => request((nowMs) => {
        const startedMs = performance.now();
        run(nowMs);
        drawMs += performance.now() - startedMs;
      });
      const list = (shift: number) => Array.from({ length: 100 }, (_, i) => ({ id: `p${i}`, name: `Person ${i}`, color: '#036fd7', anchor: (i * 11) % 60, head: (i * 7 + shift) % 60, mark: shift }));
      const startedMs = performance.now();
      for (let shift = 0; shift < 60; shift++) {
        for (let call = 0; call < 10; call++) bench.cursors.show(() => { asked++; return list(shift); });
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
      return { asked, drawMs, ms: performance.now() - startedMs, carets: bench.root.querySelectorAll('.caret').length, elements: bench.root.querySelectorAll('*').length };
    });
    process.stdout.write(`100 remote cursors in Chromium: ${JSON.stringify(met)}\n`);
    expect(met.asked).toBeLessThanOrEqual(61);
    expect(met.carets).toBe(100);
    expect(met.elements).toBeLessThan(2 + 200 + 600);
    const { carets, boxes } = await shown(text, { id: 'p5', head: 3 });
    expect([Object.keys(carets), boxes]).toEqual([['p5'], []]);
  });

  it('take nothing from the page and leave nothing behind', async () => {
    await shown('hello', { head: 2, anchor: 0 });
    const left = await page.evaluate(async () => {
      const under = document.elementFromPoint(70, 65);
      bench.cursors.show([]);
      bench.cursors.close();
      bench.cursors.show([{ id: 'late', name: '', color: '', anchor: 0, head: 0, mark: 0 }]);
      bench.area.dispatchEvent(new Event('scroll'));
      await bench.drawn();
      return [under === bench.area, bench.box.outerHTML, document.body.children.length];
    });
    expect(left[0]).toBe(true);
    expect(left[1]).not.toMatch(/position:\s*relative|shadow|aria-hidden/);
    expect(await page.evaluate(() => bench.box.children.length)).toBe(1);
  });

  it('are drawn for another editor by what it says of its own places', async () => {
    const place = await page.evaluate(async () => {
      bench.cursors.close();
      const scroller = document.createElement('div');
      scroller.style.cssText = 'position:absolute;left:0;top:300px;width:200px;height:100px';
      document.body.append(scroller);
      const geometry = { scroller, caret: (index: number) => new DOMRect(10 * index, 310, 0, 18), boxes: (from: number, to: number) => [new DOMRect(10 * from, 310, 10 * (to - from), 18)] };
      const cursors = new bench.editors.RemoteCursors(scroller, geometry);
      cursors.show([{ id: 'a', name: 'a', color: '#036fd7', anchor: 2, head: 5, mark: 0 }]);
      await bench.drawn();
      const root = scroller.lastElementChild!.shadowRoot!;
      const [caret, box] = ['.caret', '.selection'].map((name) => root.querySelector(name)!.getBoundingClientRect());
      cursors.close();
      return [caret.left + 1, caret.top, caret.height, box.left, box.top, box.width, scroller.childElementCount];
    });
    expect(place).toEqual([50, 310, 18, 20, 310, 30, 0]);
  });
});
