import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryDisk } from '../storage/memory.js';
import { Device, World, pause, until } from './testing/harness.js';
import { Browser, type Tab } from './testing/tabs.js';

// A profile that was copied or put back: two browsers whose stores have the same replica ids, each with several tabs. Within one
// browser Web Locks keep the ids apart; between the two only the server can tell.

let world: World;
beforeEach(async () => { world = await World.start(); });
afterEach(() => world.close());

const type = ({ client }: Tab, text: string) => client.text('d').insert(client.text('d').length, text);
/** Characters: where two tabs had different ops under one name, a word may be written again inside another. */
const sorted = (text: string) => [...text].sort().join('');
/** A word that nothing can come into. */
const wordOf = (n: number) => String.fromCodePoint(0x4e00 + n);
const all = (...browsers: Browser[]) => browsers.flatMap(({ tabs }) => tabs);

function copyOf({ disk }: Device): Device {
  return new Device(world.server, Object.assign(new MemoryDisk(), structuredClone({ ...disk })));
}

/** Two browsers with one profile, which has `count` replica ids and a text that is acked; their tabs are offline. */
async function copied(count: number): Promise<[Browser, Browser]> {
  const first = new Browser(world);
  for (let i = 0; i < count; i++) {
    const { client } = await first.open();
    await client.document('d').ready;
    await client.text('d').insert(client.text('d').length, `base ${i};`).acked;
  }
  while (first.tabs.length > 0) await first.tabs[0].close();
  const browsers = [new Browser(world, first.device), new Browser(world, copyOf(first.device))] as [Browser, Browser];
  for (const browser of browsers) {
    for (let i = 0; i < count; i++) await browser.open({ connect: false });
    await Promise.all(browser.tabs.map(({ client }) => client.document('d').ready));
  }
  expect(idsOf(browsers[0])).toEqual(idsOf(browsers[1]));
  return browsers;
}

function idsOf({ tabs }: Browser): string[] { return tabs.map(({ client }) => client.document('d').replica).sort(); }

function connect(...browsers: Browser[]): void {
  for (const { client } of all(...browsers)) client.connect();
}

/** Everybody shows these words, once each, nothing waits, nothing was refused, and that is so after a reload of both too. */
async function agree(words: readonly string[], browsers: readonly Browser[]): Promise<void> {
  await agreeNow(words, browsers);
  for (const browser of browsers) {
    while (browser.tabs.length > 0) await browser.tabs[0].close();
    await browser.open();
  }
  await agreeNow(words, browsers);
}

async function agreeNow(words: readonly string[], browsers: readonly Browser[]): Promise<void> {
  const tabs = all(...browsers);
  const peer = await world.open();
  await world.agree('d', [peer, ...tabs.map(({ client }) => client)]);
  await Promise.all(tabs.map(({ client }) => client.synced()));
  expect(sorted(peer.text('d').toString())).toBe(sorted(words.join('')));
  expect(tabs.flatMap(({ client }) => client.rejected)).toEqual([]);
  expect(tabs.map(({ client }) => client.status.get().error)).toEqual(tabs.map(() => undefined));
  for (const browser of browsers) expect(browser.sockets).toBe(1);
}

const base = ['base 0;', 'base 1;'];

describe('two browsers with one profile, two tabs in each', () => {
  it('keep what all four wrote: who comes later writes again under new ids, in every tab', async () => {
    const [one, two] = await copied(2);
    const words = all(one, two).map((tab, i) => { type(tab, `word ${i};`); return `word ${i};`; });
    await Promise.all(all(one, two).map(({ client }) => client.flushed()));
    connect(one);
    await Promise.all(one.tabs.map(({ client }) => client.synced()));
    connect(two);
    await agreeNow([...base, ...words], [one, two]);
    expect(idsOf(two).filter((id) => idsOf(one).includes(id))).toEqual([]);
    await agree([...base, ...words], [one, two]);
  });

  it('come to show the same, and all of it, also when they are all live and write at once', async () => {
    const [one, two] = await copied(2);
    connect(one, two);
    await until('all are live', () => all(one, two).every(({ client }) => client.status.get().connection === 'live'));
    const words: string[] = [];
    for (let turn = 0; turn < 5; turn++) {
      for (const tab of all(one, two)) {
        words.push(wordOf(words.length));
        type(tab, words.at(-1)!);
      }
      await pause(3);
    }
    const peer = await world.open();
    await world.agree('d', [peer, ...all(one, two).map(({ client }) => client)]);
    expect(words.filter((word) => !peer.text('d').toString().includes(word))).toEqual([]);
  });

  it.each(['leader', 'follower'] as const)('tell their writes, made by the %s, that they are acked', async (role) => {
    const [one, two] = await copied(2);
    for (const tab of one.tabs) type(tab, 'first;');
    await Promise.all(one.tabs.map(({ client }) => client.flushed()));
    connect(one);
    await Promise.all(one.tabs.map(({ client }) => client.synced()));
    two.tabs[0].client.connect();
    await until('it leads', () => two.tabs[0].sockets.size === 1);
    two.tabs[1].client.connect();
    const tab = two.tabs[role === 'leader' ? 0 : 1];
    const write = type(tab, 'second;');
    await write.acked;
    expect(write.state).toBe('acked');
    await agree([...base, 'first;', 'first;', 'second;'], [one, two]);
  });

  it.each(['leader', 'follower'] as const)('keep it when the %s dies while it is about to write again', async (role) => {
    const [one, two] = await copied(2);
    const words = all(one, two).map((tab, i) => { type(tab, `word ${i};`); return `word ${i};`; });
    await Promise.all(all(one, two).map(({ client }) => client.flushed()));
    connect(one);
    await Promise.all(one.tabs.map(({ client }) => client.synced()));
    two.tabs[0].client.connect();
    const dying = two.tabs[role === 'leader' ? 0 : 1];
    if (role === 'follower') two.tabs[1].client.connect();
    const before = dying.client.document('d').replica;
    await Promise.race([until('it has a new id', () => dying.client.document('d').replica !== before), pause(200)]);
    await dying.kill();
    connect(two);
    await agree([...base, ...words], [one, two]);
  });
});
