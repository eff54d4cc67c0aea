import { describe, expect, it } from '@jest/globals';
import { Random, seedFromEnv } from '../testing/seed.js';
import { answerMs, initialTabs, restMs, step, type TabsEffect, type TabsEvent, type TabsState } from './tabs.js';
import { batchesOf, isTabMessage } from './tabs-message.js';

const self = 'a000000000000001';
const other = 'b000000000000002';
const third = 'c000000000000003';

const join: TabsEvent = { type: 'join' };
const granted: TabsEvent = { type: 'granted', nowMs: 1000 };
const fired: TabsEvent = { type: 'timer', isLate: false };
const lead = (term: number, from = other): TabsEvent => ({ type: 'lead', from, term });

function story(...events: TabsEvent[]): { lines: string[]; state: TabsState } {
  let state = initialTabs(self);
  const lines = events.map((event) => {
    const [next, effects] = step(state, event);
    state = next;
    return effects.map(inWords).join(', ');
  });
  return { lines, state };
}

const last = (...events: TabsEvent[]) => story(...events).lines.at(-1);

function inWords(effect: TabsEffect): string {
  switch (effect.type) {
    case 'post': return effect.message.type === 'lead' ? `say lead ${effect.message.term}` : 'ping';
    case 'request': return effect.steal ? 'steal' : 'queue';
    case 'watch': return `watch ${effect.ms}`;
    default: return effect.type;
  }
}

describe('a tab', () => {
  it('queues for the lock, asks who leads, and leads when it is granted', () => {
    expect(story(join, granted).lines).toEqual([`ping, watch ${answerMs}, queue`, 'unwatch, say lead 1000, lead']);
  });

  it('follows whoever says to lead, once, and looks after it from time to time', () => {
    expect(story(join, lead(5), fired, lead(5), fired).lines.slice(1)).toEqual([
      `watch ${restMs}, follow`, `ping, watch ${answerMs}`, `watch ${restMs}`, `ping, watch ${answerMs}`,
    ]);
  });

  it('asks at once when it needs the leader, and takes the lock from one that is silent', () => {
    const need: TabsEvent = { type: 'need' };
    expect(story(join, lead(5), need, need, fired, fired).lines.slice(2)).toEqual([
      `ping, watch ${answerMs}`, '', `watch ${answerMs}, steal`, `watch ${answerMs}, steal`,
    ]);
  });

  it('asks again instead, when it was itself that did not run', () => {
    expect(last(join, lead(5), fired, { type: 'timer', isLate: true })).toBe(`ping, watch ${answerMs}`);
  });

  it('leads with a term above the last one, whatever the clock says', () => {
    expect(last(join, lead(5000), granted)).toBe('unwatch, say lead 5001, lead');
  });

  it('steps down when its lock is taken, and queues again', () => {
    expect(last(join, granted, { type: 'lost' })).toBe(`stepDown, ping, watch ${answerMs}, queue`);
  });

  it('steps down when it hears of a later leader before it hears of its lock', () => {
    expect(last(join, granted, lead(1001))).toBe(`stepDown, release, queue, watch ${restMs}, follow`);
  });

  it('does not listen to an earlier leader that thaws, and as leader says so', () => {
    const { lines, state } = story(join, lead(6, third), lead(5), { type: 'ping' });
    expect(lines.slice(2)).toEqual(['', '']);
    expect(state.leader).toBe(third);
    expect(last(join, lead(5), granted, lead(5))).toBe('say lead 1000');
  });

  it('answers as leader, and only then', () => {
    expect([last(join, granted, { type: 'ping' }), last(join, { type: 'ping' }), last({ type: 'ping' })]).toEqual(['say lead 1000', '', '']);
  });

  it('that leaves lets go, and takes no part until it joins again', () => {
    expect(last(join, granted, { type: 'leave' })).toBe('stepDown, unwatch, release');
    expect(last(join, lead(5), { type: 'leave' })).toBe('unwatch, release');
    expect(story(join, { type: 'leave' }, granted, lead(7), fired, { type: 'need' }, { type: 'lost' }, { type: 'leave' }).lines.slice(2)).toEqual(['', '', '', '', '', '']);
    expect(last(join, { type: 'leave' }, lead(7), join)).toBe(`ping, watch ${answerMs}, queue`);
  });
});

describe('tabs with one lock, of which any may freeze', () => {
  it('end with one leader that all follow', () => {
    const random = new Random(seedFromEnv());
    for (let run = 0; run < 300; run++) converge(new Random(random.int(2 ** 31)));
  });
});

/** The lock, the channel and the timers of some tabs, in an order that chance picks; later in the order that is just. */
function converge(random: Random): void {
  const ids = [self, other, third];
  const states = new Map(ids.map((id) => [id, initialTabs(id)]));
  const inboxes = new Map<string, TabsEvent[]>(ids.map((id) => [id, [join]]));
  const frozen = new Set<string>();
  let holder: string | null = null;
  let queue: string[] = [];
  let nowMs = 1000;
  const grant = (id: string | undefined) => {
    holder = id ?? null;
    if (id) inboxes.get(id)!.push({ type: 'granted', nowMs });
  };
  const run = (id: string, effect: TabsEffect) => {
    if (effect.type === 'post') {
      const event: TabsEvent = effect.message.type === 'lead' ? { ...effect.message, from: id } : effect.message;
      for (const each of ids) if (each !== id) inboxes.get(each)!.push(event);
    } else if (effect.type === 'request' && effect.steal) {
      queue = queue.filter((each) => each !== id);
      if (holder && holder !== id) inboxes.get(holder)!.push({ type: 'lost' });
      grant(id);
    } else if (effect.type === 'request') {
      if (holder === null) grant(id);
      else if (holder !== id) queue.push(id);
    } else if (effect.type === 'release') {
      queue = queue.filter((each) => each !== id);
      if (holder === id) grant(queue.shift());
    }
  };
  const take = (id: string) => {
    // A timer that fires on a tab with nothing to hear.
    const event = inboxes.get(id)!.shift() ?? fired;
    const [state, effects] = step(states.get(id)!, event);
    states.set(id, state);
    for (const effect of effects) run(id, effect);
  };
  for (let i = 0; i < 200; i++) {
    nowMs += random.int(50) - 10;
    const id = random.pick(ids);
    if (random.chance(0.05)) frozen.add(id);
    if (random.chance(0.1)) frozen.clear();
    if (!frozen.has(id) && (inboxes.get(id)!.length > 0 || random.chance(0.1))) take(id);
  }
  for (let i = 0; i < 300; i++) for (const id of ids) if (inboxes.get(id)!.length > 0) take(id);
  for (let round = 0; round < 6; round++) {
    for (const id of ids) take(id);
    for (let i = 0; i < 300; i++) for (const id of ids) if (inboxes.get(id)!.length > 0) take(id);
  }
  const roles = ids.map((id) => states.get(id)!.role);
  expect(roles.filter((role) => role === 'leader')).toHaveLength(1);
  expect(new Set(ids.map((id) => states.get(id)!.leader))).toEqual(new Set([ids[roles.indexOf('leader')]]));
}

describe('a message between tabs', () => {
  const from = other;
  const blocks = new Uint8Array();
  const cursor = { epoch: 'e', lsn: 1 };
  const good = [
    { type: 'ping' }, { type: 'lead', term: 1 }, { type: 'connect' }, { type: 'close', document: 'd' },
    { type: 'open', document: 'd', cursor: null, blocks }, { type: 'open', document: 'd', cursor, blocks },
    { type: 'edit', document: 'd', blocks, isStored: true }, { type: 'presence', document: 'd', state: null },
    { type: 'news', live: ['d'], news: [
      { type: 'changes', document: 'd', after: 0, blocks, cursor }, { type: 'acked', document: 'd', version: new Map([[self, 1]]) },
      { type: 'rejected', document: 'd', batch: { replica: self, seqFrom: 1, seqTo: 1, code: 'internal', message: '' } },
      { type: 'presence', document: 'd', replica: self, state: blocks }, { type: 'status', status: { connection: 'live', error: null, progress: null } },
    ] },
  ];

  it('is what it says', () => {
    for (const message of good) expect([message, isTabMessage({ ...message, from })]).toEqual([message, true]);
  });

  it('is none with a part missing or of another kind', () => {
    for (const message of good) {
      for (const key of [...Object.keys(message), 'from']) {
        if (key === 'isStored') continue;
        expect([key, isTabMessage({ ...message, from, [key]: undefined })]).toEqual([key, false]);
        expect([key, isTabMessage({ ...message, from, [key]: { length: 1 } })]).toEqual([key, false]);
      }
    }
    const news = (each: object) => isTabMessage({ type: 'news', live: [], news: [each], from });
    expect(news({ type: 'changes', document: 'd', after: 0, blocks, cursor: { epoch: 'e', lsn: 0.5 } })).toBe(false);
    expect(news({ type: 'acked', document: 'd', version: new Map([['me', 1]]) })).toBe(false);
    expect(news({ type: 'constructor' })).toBe(false);
  });

  it('carries batches that are read from their bytes', () => {
    expect(batchesOf(new Uint8Array())).toEqual([]);
    expect(() => batchesOf(new Uint8Array([1, 2, 3]))).toThrow(expect.objectContaining({ code: 'invalid_update' }));
  });
});
