import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Client } from './client.js';
import { World, inAnHour, pause, until } from './testing/harness.js';
import { Browser, type Tab } from './testing/tabs.js';

let world: World;
let browser: Browser;
beforeEach(async () => {
  world = await World.start();
  browser = new Browser(world);
});
afterEach(() => world.close());

const textOf = (client: Client) => client.text('d').toString();
const type = (tab: Tab, text: string) => tab.client.text('d').insert(tab.client.text('d').length, text);
/** Two tabs may write at one place before they hear of each other. */
const sorted = (text: string) => [...text].sort().join('');
const live = (tab: Tab) => tab.client.status.get().connection === 'live';

/** Tabs that all show the document and are quiet. */
async function tabs(count: number): Promise<Tab[]> {
  const all: Tab[] = [];
  for (let i = 0; i < count; i++) {
    const tab = await browser.open();
    await tab.client.document('d').ready;
    await until(`tab ${i} is live`, () => live(tab));
    all.push(tab);
  }
  return all;
}

async function agree(text: string, all = browser.tabs): Promise<void> {
  const peer = await world.open();
  await world.agree('d', [peer, ...all.map(({ client }) => client)]);
  expect(sorted(textOf(peer))).toBe(sorted(text));
  expect(browser.sockets).toBe(1);
}

describe('tabs of one device', () => {
  it('share one socket, and each write is acked in the tab that made it', async () => {
    const [one, two, three] = await tabs(3);
    expect(browser.sockets).toBe(1);
    await type(one, 'a').acked;
    await type(two, 'b').acked;
    await until('three shows it', () => textOf(three.client) === 'ab');
    await three.client.document('only here').set('k', 1).acked;
    await Promise.all(browser.tabs.map(({ client }) => client.synced()));
    await agree('ab');
  });

  it('see what others of the server write, and a tab that opens later has all of it', async () => {
    const [one, two] = await tabs(2);
    const peer = await world.open();
    await peer.text('d').insert(0, 'from afar').acked;
    await until('both show it', () => [one, two].every(({ client }) => textOf(client) === 'from afar'));
    const [three] = await tabs(1);
    expect(textOf(three.client)).toBe('from afar');
    await agree('from afar');
  });

  it('see each other offline, at once', async () => {
    const [one, two] = await tabs(2);
    await world.server.stop();
    world.server.cut();
    type(one, 'a');
    await until('two shows it', () => textOf(two.client) === 'a');
    await type(two, 'b').durable;
    await until('one shows it', () => textOf(one.client) === 'ab');
    await world.server.resume();
    await agree('ab');
  });

  it('see each other without any server', async () => {
    const local = new Browser({ open: (device: unknown, options: object) => browser.device.open({ server: undefined, ...options } as object) } as never, browser.device);
    const one = await local.open();
    const two = await local.open();
    await Promise.all([one, two].map(({ client }) => client.document('d').ready));
    type(one, 'a');
    await until('two shows it', () => textOf(two.client) === 'a');
    await Promise.all([one.client.close(), two.client.close()]);
  });

  it('go on when the leader closes', async () => {
    const [one, two, three] = await tabs(3);
    await one.close();
    await type(two, 'b').acked;
    await type(three, 'c').acked;
    await agree('bc');
  });

  it('go on when the leader dies, and send what it had stored and not sent', async () => {
    const [one, two] = await tabs(2);
    world.server.mute = true;
    await type(one, 'dying words').durable;
    await until('two shows it', () => textOf(two.client) === 'dying words');
    await one.kill();
    world.server.mute = false;
    const started = Date.now();
    await type(two, '.').acked;
    expect(Date.now() - started).toBeLessThan(1000);
    await agree('dying words.');
  });

  it('send what a tab stored that died before it could tell anybody, be it a follower or the leader', async () => {
    const [one, two, three] = await tabs(3);
    two.isMute = true;
    await type(two, 'a').durable;
    expect(textOf(one.client)).toBe('');
    await two.kill();
    await until('the leader has it', () => textOf(one.client) === 'a');
    await until('three has it', () => textOf(three.client) === 'a');
    world.server.mute = one.isMute = true;
    one.freeze();
    await type(one, 'b').durable;
    await one.kill();
    world.server.mute = false;
    world.server.cut();
    await until('three has it', () => textOf(three.client) === 'ab');
    await agree('ab');
    expect([...browser.device.disk.meta.keys()].filter((key) => key.startsWith('pending/') && !key.includes(three.client.replica))).toEqual([]);
  });

  it('send what a tab wrote and closed with', async () => {
    const [one, two] = await tabs(2);
    type(two, 'last words');
    await two.close();
    await until('the leader has them', () => textOf(one.client) === 'last words');
    await agree('last words');
  });

  it('that is offline is nobody to be seen, and has nothing to wait for', async () => {
    const [one, two] = await tabs(2);
    const peer = await world.open();
    two.client.presence('d').set('two');
    await until('the peer sees it', () => peer.presence('d').others.length === 1);
    two.client.disconnect();
    await until('the peer sees it go', () => peer.presence('d').others.length === 0);
    await two.client.synced();
    two.client.connect();
    await until('the peer sees it come', () => peer.presence('d').others.length === 1);
    await type(one, 'a').acked;
    await agree('a');
  });

  it('take over from a leader that is frozen; thawed, it follows, and nothing is lost', async () => {
    const [one, two] = await tabs(2);
    type(one, 'a');
    one.freeze();
    type(one, 'b');
    await type(two, 'c').acked;
    expect(one.sockets.size).toBe(1);
    await pause(50);
    one.thaw();
    await until('one has given up its socket', () => browser.sockets === 1 && two.sockets.size === 1);
    await until('both agree', () => textOf(one.client) === textOf(two.client) && one.client.pending === 0);
    await type(one, 'd').acked;
    expect(sorted(textOf(one.client))).toBe('abcd');
    await agree(textOf(one.client));
  });

  it('hold what is written while nobody leads', async () => {
    const [one, two, three] = await tabs(3);
    one.freeze();
    two.freeze();
    three.client.disconnect();
    await type(three, 'x').durable;
    expect(three.client.pending).toBe(1);
    three.client.connect();
    await until('three leads', () => three.sockets.size === 1);
    await three.client.synced();
    one.thaw();
    two.thaw();
    await agree('x');
  });

  it('stay apart where there are no locks, each with its own socket', async () => {
    const [one, two] = [await world.open(browser.device), await world.open(browser.device)];
    await one.text('d').insert(0, 'a').acked;
    await until('two shows it', () => textOf(two) === 'a');
    await world.agree('d', [one, two]);
  });

  it('go on alone where locks are denied', async () => {
    browser.locks.request = browser.locks.tab = (() => { throw new Error('unused'); }) as never;
    const denied = { request: () => Promise.reject(new DOMException('denied', 'SecurityError')) };
    const client = await world.open(browser.device, { locks: denied as never, channel: () => ({ onmessage: null, postMessage() {}, close() {} }) });
    await client.text('d').insert(0, 'a').acked;
  });

  it('take a refused write back, all of them', async () => {
    const all = await tabs(3);
    const document = all[1].client.document('d');
    const write = inAnHour(document, () => document.set('clock', 1));
    await until('the third shows it', () => all[2].client.document('d').get().clock === 1);
    await expect(write.acked).rejects.toMatchObject({ code: 'clock_drift' });
    await until('all took it back', () => all.every(({ client }) => client.document('d').get().clock === undefined));
    expect(all.map(({ client }) => client.rejected.length)).toEqual([1, 1, 1]);
    await agree('');
  });

  it('show each other who is here, and a tab that dies is gone', async () => {
    const [one, two] = await tabs(2);
    const peer = await world.open();
    const seen = (client: Client) => client.presence<string>('d').others.map(({ value }) => value).sort().join();
    for (const [client, name] of [[one.client, 'one'], [two.client, 'two'], [peer, 'peer']] as const) client.presence('d').set(name);
    await until('all see all', () => [seen(one.client), seen(two.client), seen(peer)].join('; ') === 'peer,two; one,peer; one,two');
    const [three] = await tabs(1);
    await until('a new tab sees all', () => seen(three.client) === 'one,peer,two');
    await two.kill();
    await until('it is gone', () => [one.client, peer, three.client].every((client) => !seen(client).includes('two')));
    await one.kill();
    await until('the leader is gone', () => seen(peer) === '' && seen(three.client) === 'peer');
    three.client.presence('d').set('three');
    await until('the next leader speaks for itself', () => seen(peer) === 'three');
  });

  it('that missed some of the log get it all the same', async () => {
    const [, two] = await tabs(3);
    const peers = [await world.open(), await world.open()];
    two.isDeaf = true;
    await peers[0].document('d').set('missed', 1).acked;
    await until('the third shows it', () => browser.tabs[2].client.document('d').get().missed === 1);
    two.isDeaf = false;
    // It builds on nothing that was missed.
    await peers[1].document('d').set('heard', 2).acked;
    await until('two shows both', () => JSON.stringify(two.client.document('d').get()) === '{"heard":2,"missed":1}');
    await agree('');
  });

  it('are offline one by one, and hear of each other all the same', async () => {
    const [one, two] = await tabs(2);
    one.client.disconnect();
    expect(one.client.status.get().connection).toBe('offline');
    await type(two, 'a').acked;
    await until('one shows it', () => textOf(one.client) === 'a');
    type(one, 'b');
    await until('two shows it', () => textOf(two.client) === 'ab');
    one.client.connect();
    await agree('ab');
  });

  it('pass over what is no message', async () => {
    const [one, two] = await tabs(2);
    const [{ name, heard }] = browser.channels;
    const from = '00000000000000aa';
    const strange = [null, 1, 'lead', {}, { from }, { from, type: 'toString' }, { from: 'me', type: 'ping' }, { from, type: 'lead', term: Infinity },
      { from, type: 'edit', document: 'd', blocks: [1] }, { from, type: 'edit', document: 'd', blocks: new Uint8Array([9, 9]), isStored: true },
      { from, type: 'open', document: 'd', cursor: { epoch: 1, lsn: -1 }, blocks: new Uint8Array() },
      { from, type: 'news', news: [{ type: 'acked', document: 'd', version: { a: 1 } }], live: [] }];
    expect(name).toContain('headwater/tabs/1/');
    for (const message of strange) heard(message);
    await type(one, 'a').acked;
    await type(two, 'b').acked;
    await agree('ab');
  });
});
