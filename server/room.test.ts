// One room against a store whose weather the test makes, with the real engine.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Message } from '../sdk/wire/message.js';
import { LocalBus } from './bus/local.js';
import { engine } from './engine.js';
import { GroupCommit } from './group-commit.js';
import { Heads } from './heads.js';
import { defaultLimits, type Limits } from './limits.js';
import { silentLog } from './log.js';
import { Nodes } from './nodes.js';
import type { Author, Rejection } from './push.js';
import { Room, type RoomContext } from './room.js';
import { Rooms } from './rooms.js';
import { SlowStore } from './testing/slow-store.js';
import { join, Writer } from './testing/writer.js';

let store: SlowStore;
/** Everything that happened, in order, as words. */
let events: string[];
let changes: Extract<Message, { type: 'changes' }>[];
let nowMs: number;

class TestAuthor implements Author {
  readonly acks: { replica: string; seq: number }[] = [];
  readonly rejections: Rejection[] = [];
  readonly failures: string[] = [];

  constructor(readonly name = 'author') {}
  acked(_: string, entries: { replica: string; seq: number }[]): void {
    this.acks.push(...entries);
    events.push(`${this.name} acked ${entries.map(({ seq }) => seq)}`);
  }
  rejected(_: string, rejection: Rejection): void {
    this.rejections.push(rejection);
    events.push(`${this.name} rejected ${rejection.seqFrom}..${rejection.seqTo} ${rejection.code}`);
  }
  failed(_: string, code: string): void {
    this.failures.push(code);
    events.push(`${this.name} failed ${code}`);
  }
}

function contextOf(options: { limits?: Partial<Limits>; bus?: LocalBus; node?: string } = {}): RoomContext {
  const limits = { ...defaultLimits, reloadDelayMsMax: 5, ...options.limits } as Limits;
  return {
    store, engine, limits, log: silentLog,
    commits: new GroupCommit(store, limits),
    nodes: new Nodes(options.bus ?? new LocalBus(), options.node ?? 'node', limits, () => nowMs, () => undefined, () => undefined),
    now: () => nowMs,
    lookAtHead: () => undefined,
    grown: () => undefined,
    committed: () => undefined,
    refused: () => undefined,
    hooks: {},
    heads: new Heads(store),
    broadcast(message) {
      if (message.type !== 'changes') return;
      changes.push({ ...message, batches: message.batches.slice() });
      events.push(`changes ${message.first}..${message.last}`);
    },
  };
}

/** What a fresh replica makes of everything that was published. */
function published(): string {
  const state = engine.create();
  let head = 0;
  for (const { first, last, batches } of changes) {
    expect(first).toBe(head + 1);
    state.apply(batches, { wait: false });
    head = last;
  }
  const digest = state.digest();
  state.free();
  return digest;
}

async function logged(document = 'a'): Promise<string> {
  const state = engine.create();
  state.apply((await store.readSince(document, 0, 1 << 30)).bytes, { wait: false });
  const digest = state.digest();
  state.free();
  return digest;
}

const opened: Room[] = [];

async function openRoom(document: string, context: RoomContext): Promise<Room> {
  const room = await Room.open(document, context);
  opened.push(room);
  return room;
}

beforeEach(async () => {
  store = await SlowStore.open();
  events = [];
  changes = [];
  nowMs = Date.now();
  store.onCommit = () => events.push('committed');
});
afterEach(async () => {
  for (const room of opened.splice(0)) room.abandon();
  await store.close();
});

describe('a push', () => {
  it('is committed, then published, then acked; nothing before the commit', async () => {
    const room = await openRoom('a', contextOf());
    const goOn = store.hold();
    const push = room.push(new TestAuthor(), new Writer().set('x', 1));
    await turns(5);
    expect(events).toEqual([]);
    expect(room.version()).toEqual(engine.encodeVersion(new Map()));
    goOn();
    await push;
    expect(events).toEqual(['committed', 'changes 1..1', 'author acked 1']);
    expect(room.head).toBe(1);
  });

  it('shares the next commit, and one frame, with all that came while one was in flight', async () => {
    const room = await openRoom('a', contextOf());
    const goOn = store.hold();
    const [ada, bob] = [new TestAuthor('ada'), new TestAuthor('bob')];
    const [one, two] = [new Writer(), new Writer()];
    const first = room.push(ada, one.set('x', 1));
    await turns(3);
    const rest = [room.push(bob, two.set('y', 1)), room.push(ada, one.set('x', 2)), room.push(ada, one.set('x', 3))];
    goOn();
    await Promise.all([first, ...rest]);
    expect(events).toEqual([
      'committed', 'changes 1..1', 'ada acked 1', 'committed', 'changes 2..4', 'bob acked 1', 'ada acked 3',
    ]);
    expect(published()).toBe(await logged());
  });

  it('keeps groups of all documents within the caps of rows and bytes', async () => {
    const context = contextOf({ limits: { groupRowsMax: 3, groupBytesMax: 4_096 } });
    const [a, b] = [await openRoom('a', context), await openRoom('b', context)];
    const writer = new Writer();
    const small = Array.from({ length: 7 }, (_, i) => a.push(new TestAuthor(), writer.set('x', i)));
    const other = new Writer();
    const big = Array.from({ length: 3 }, (_, i) => b.push(new TestAuthor(), other.set(`k${i}`, 'y'.repeat(2_500))));
    await Promise.all([...small, ...big]);
    expect(store.groups.map((group) => group.length)).toEqual([3, 3, 2, 1, 1]);
  });

  it('is answered again when it is repeated, and logged once', async () => {
    const room = await openRoom('a', contextOf());
    const writer = new Writer();
    const bytes = join(writer.set('x', 1), writer.set('x', 2));
    await room.push(new TestAuthor('first'), bytes);
    await room.push(new TestAuthor('again'), bytes);
    expect(events.filter((event) => event.startsWith('again'))).toEqual(['again acked 1', 'again acked 2']);
    expect(await store.head('a')).toBe(2);
  });

  it('is acked when it is repeated after its entry has gone from the log', async () => {
    const room = await openRoom('a', contextOf());
    const [author, writer] = [new TestAuthor(), new Writer()];
    const batch = writer.set('x', 1);
    await room.push(author, batch);
    await store.writeSnapshot('a', 1, writer.document.snapshot());
    await store.compact('a', Date.now() + 60_000, 10);
    await room.push(author, batch);
    expect(author.acks).toEqual([{ replica: writer.replica, seq: 1 }, { replica: writer.replica, seq: 1 }]);
    expect([author.rejections, await store.head('a')]).toEqual([[], 1]);
  });

  it('is not acked before its first commit when it is repeated meanwhile', async () => {
    const room = await openRoom('a', contextOf());
    const goOn = store.hold();
    const bytes = new Writer().set('x', 1);
    const pushes = [room.push(new TestAuthor('first'), bytes), room.push(new TestAuthor('again'), bytes)];
    await turns(5);
    expect(events).toEqual([]);
    goOn();
    await Promise.all(pushes);
    expect(events).toEqual(['committed', 'changes 1..1', 'first acked 1', 'again acked 1']);
  });

  it('is answered for itself when it is repeated while a later one of its author is being refused', async () => {
    const room = await openRoom('a', contextOf());
    const writer = new Writer();
    const bytes = writer.set('x', 1, nowMs);
    await room.push(new TestAuthor('first'), bytes);
    const goOn = store.hold();
    const later = room.push(new TestAuthor('first'), writer.set('x', 2, nowMs + 10 * defaultLimits.stampAheadMsMax));
    const again = room.push(new TestAuthor('again'), bytes);
    goOn();
    await Promise.all([later, again]);
    expect(events.filter((event) => event.startsWith('again'))).toEqual(['again acked 1']);
    expect(room.isQuiet).toBe(true);
  });

  it('is another writer\'s when it cuts seqs that are being committed in another way', async () => {
    const room = await openRoom('a', contextOf());
    const [one, two] = [new Writer('00000000000000aa'), new Writer('00000000000000aa')];
    const goOn = store.hold();
    one.document.mapSet(0, 'x', 1, nowMs);
    const first = room.push(new TestAuthor('one'), one.set('y', 1));
    const second = room.push(new TestAuthor('two'), two.set('x', 2));
    goOn();
    await Promise.all([first, second]);
    expect(events.filter((event) => /one|two/.test(event)).sort()).toEqual(['one acked 2', 'two rejected 1..1 replica_conflict']);
  });

  it('that is not batches at all fails, and changes nothing', async () => {
    const room = await openRoom('a', contextOf());
    const author = new TestAuthor();
    const whole = new Writer().set('x', 'some value');
    for (const bytes of [new Uint8Array([1, 2, 3]), whole.subarray(0, whole.length - 1), new Uint8Array(0).fill(0), new Uint8Array(50).fill(255)]) {
      await room.push(author, bytes);
    }
    expect(author.failures.filter((code) => code !== 'protocol_error')).toEqual([]);
    expect(author.failures.length).toBeGreaterThanOrEqual(3);
    expect(await store.head('a')).toBe(0);
    await room.push(author, whole);
    expect(author.acks.length).toBe(1);
  });

  it('of a snapshot fails: a log is made of what its authors wrote', async () => {
    const room = await openRoom('a', contextOf());
    const author = new TestAuthor();
    const writer = new Writer();
    writer.set('x', 1);
    await room.push(author, writer.document.snapshot());
    expect(author.failures).toEqual(['protocol_error']);
  });

  it('whose dependency is missing is not logged', async () => {
    const room = await openRoom('a', contextOf());
    const writer = new Writer();
    const [first, second] = [writer.set('x', 1), writer.set('x', 2)];
    const author = new TestAuthor();
    await room.push(author, second);
    expect(author.failures).toEqual(['missing_dependency']);
    expect(await store.head('a')).toBe(0);
    await room.push(author, join(first, second));
    expect(author.acks).toEqual([{ replica: writer.replica, seq: 2 }]);
  });
});

describe('a refused batch', () => {
  const ahead = 5 * 60_000;

  it('is logged as a void, in its place, and told to its author after the commit', async () => {
    const room = await openRoom('a', contextOf());
    const author = new TestAuthor();
    const writer = new Writer();
    await room.push(author, join(writer.set('x', 1), writer.set('x', 'future', nowMs + ahead + 60_000)));
    expect(author.rejections).toMatchObject([{ replica: writer.replica, seqFrom: 2, seqTo: 2, code: 'clock_drift' }]);
    expect(events.slice(0, 2)).toEqual(['committed', 'changes 1..2']);
    expect(engine.readBlocks(changes[0].batches).map(({ kind, seqTo }) => [kind, seqTo])).toEqual([['batch', 1], ['void', 2]]);
    expect((await room.describe()).data).toEqual({ x: 1 });
    expect(published()).toBe((await room.describe()).digest);
  });

  it('is one stamped past the limit, and not one at it', async () => {
    const room = await openRoom('a', contextOf());
    const author = new TestAuthor();
    await room.push(author, new Writer().set('x', 1, nowMs + ahead - 1_000));
    expect(author.rejections).toEqual([]);
    await room.push(author, new Writer().set('x', 1, nowMs + ahead + 1_000));
    expect(author.rejections.length).toBe(1);
  });

  it('is not one that goes on from stamps that are here, from whatever clock, and they are gone on from step by step', async () => {
    let clockMs = nowMs + 60 * 60_000;
    const room = await openRoom('a', { ...contextOf(), now: () => clockMs });
    const author = new TestAuthor();
    const writer = new Writer();
    await room.push(author, writer.set('x', 1, clockMs));
    clockMs = nowMs;
    // Whoever has seen that writes above it, also when the clock is right again.
    for (let i = 0; i < 100; i++) await room.push(author, writer.set('x', i, nowMs));
    expect(author.rejections).toEqual([]);
    // But it is no way into the future.
    const eager = new Writer();
    await room.push(author, eager.set('x', 'eager', nowMs + 60 * 60_000 + 1_000));
    expect(author.rejections).toMatchObject([{ replica: eager.replica, code: 'clock_drift' }]);
    const other = await openRoom('b', { ...contextOf(), now: () => clockMs });
    await other.push(author, new Writer().set('x', 1, nowMs + 60 * 60_000));
    expect(author.rejections.length).toBe(2);
  });

  it('takes with it what its author built on it, and lets the author go on after', async () => {
    const room = await openRoom('a', contextOf());
    const author = new TestAuthor();
    const writer = new Writer();
    await room.push(author, writer.set('x', 'future', nowMs + 2 * ahead));
    await room.push(author, writer.set('y', 1, nowMs));
    expect(author.failures).toEqual([]);
    expect(author.rejections.length + author.acks.length).toBe(2);
    expect(await store.head('a')).toBe(2);
    expect(published()).toBe(await logged());
  });

  it('is refused again, with the same code, when it is repeated', async () => {
    const room = await openRoom('a', contextOf());
    const bytes = new Writer().set('x', 1, nowMs + 2 * ahead);
    await room.push(new TestAuthor('first'), bytes);
    await room.push(new TestAuthor('again'), bytes);
    expect(events.filter((event) => event.startsWith('again'))).toEqual(['again rejected 1..1 clock_drift']);
    expect(await store.head('a')).toBe(1);
  });

  it('is one bigger than a block may be, and not one of that size', async () => {
    const bytes = new Writer().set('x', 'y'.repeat(500));
    for (const [blockBytesMax, refused] of [[bytes.length, 0], [bytes.length - 1, 1]]) {
      const room = await openRoom(`limit ${blockBytesMax}`, contextOf({ limits: { blockBytesMax } }));
      const author = new TestAuthor();
      await room.push(author, bytes);
      expect([author.acks.length, author.rejections.length]).toEqual([1 - refused, refused]);
    }
  });
});

describe('two writers under one replica id', () => {
  it.each(['after the first is committed', 'while the first is in flight'])('are told apart %s', async (when) => {
    const room = await openRoom('a', contextOf());
    const original = new Writer();
    const copy = new Writer(original.replica);
    const [ada, bob] = [new TestAuthor('ada'), new TestAuthor('bob')];
    const goOn = store.hold();
    const first = room.push(ada, original.set('x', 'original'));
    if (when.startsWith('after')) {
      goOn();
      await first;
    }
    const second = room.push(bob, join(copy.set('x', 'copy'), copy.set('y', 'built on the copy')));
    await turns(3);
    goOn();
    await Promise.all([first, second]);
    expect(ada.acks).toEqual([{ replica: original.replica, seq: 1 }]);
    expect(bob.acks).toEqual([]);
    expect(bob.rejections.map(({ code, seqFrom }) => [code, seqFrom])).toEqual([['replica_conflict', 1], ['replica_conflict', 2]]);
    expect((await room.describe()).data).toEqual({ x: 'original' });
    await room.push(ada, original.set('x', 'goes on'));
    expect((await room.describe()).data).toEqual({ x: 'goes on' });
  });

  it('make that all of the later one is refused, until it subscribes again', async () => {
    const room = await openRoom('a', contextOf());
    const original = new Writer();
    const [copy, other, fresh] = [new Writer(original.replica), new Writer('00000000000000bb'), new Writer('00000000000000cc')];
    const bob = new TestAuthor('bob');
    await room.push(new TestAuthor('ada'), original.set('x', 'original'));
    const known = other.set('y', 'before it');
    await room.push(bob, known);
    await room.push(bob, join(copy.set('x', 'copy'), known, other.set('y', 'may build on the copy')));
    room.enter(bob);
    await room.push(bob, join(other.set('y', 'still builds on it'), fresh.set('z', 'does not')));
    expect(bob.rejections.map(({ code, replica, seqFrom }) => [code, replica, seqFrom])).toEqual([
      ['replica_conflict', copy.replica, 1], ['replica_conflict', other.replica, 2], ['replica_conflict', other.replica, 3],
    ]);
    expect((await room.describe()).data).toEqual({ x: 'original', y: 'before it', z: 'does not' });
  });

  it.each(['longer', 'shorter'])('are told apart when the batch of one is %s than that of the other', async (which) => {
    const room = await openRoom('a', contextOf());
    const original = new Writer();
    const copy = new Writer(original.replica);
    const [ada, bob] = [new TestAuthor('ada'), new TestAuthor('bob')];
    await room.push(ada, original.type('abc'));
    await room.push(bob, copy.type(which === 'longer' ? 'uvwxyz' : 'u'));
    expect([bob.acks, bob.rejections.map(({ code }) => code)]).toEqual([[], ['replica_conflict']]);
    expect((await room.describe()).data).toEqual({ text: 'abc' });
  });
});

describe('a failed commit', () => {
  it('acks nothing, publishes nothing, and leaves the room as the log is', async () => {
    const room = await openRoom('a', contextOf());
    const writer = new Writer();
    const author = new TestAuthor();
    await room.push(author, writer.set('x', 'stored'));
    store.weather.push('fail');
    const lost = writer.set('x', 'lost for now');
    await room.push(author, lost);
    expect(author.failures).toEqual(['unavailable']);
    expect(author.acks).toEqual([{ replica: writer.replica, seq: 1 }]);
    expect(changes.length).toBe(1);
    expect((await room.describe()).data).toEqual({ x: 'stored' });
    await room.push(author, lost);
    expect(author.acks.at(-1)).toEqual({ replica: writer.replica, seq: 2 });
    expect(published()).toBe(await logged());
  });

  it('takes with it what was queued behind it', async () => {
    const room = await openRoom('a', contextOf());
    const [ada, bob] = [new Writer(), new Writer()];
    const author = new TestAuthor();
    const goOn = store.hold();
    store.weather.push('fail');
    const one = ada.set('x', 1);
    bob.document.apply(one);
    const first = room.push(author, one);
    await turns(3);
    const second = room.push(author, bob.set('x', 2));
    goOn();
    await Promise.all([first, second]);
    expect(author.acks).toEqual([]);
    expect(author.failures).toEqual(['unavailable', 'unavailable']);
    await turns(3);
    expect(await store.head('a')).toBe(0);
  });

  it('that succeeded all the same is published from the log, and its retry acked and not logged twice', async () => {
    const room = await openRoom('a', contextOf());
    const author = new TestAuthor();
    store.weather.push('fail-after-commit');
    const bytes = new Writer().set('x', 1);
    await room.push(author, bytes);
    expect(author.acks).toEqual([]);
    await room.push(author, bytes);
    expect(author.acks.length).toBe(1);
    await until(() => room.head === 1);
    expect(await store.head('a')).toBe(1);
    expect(published()).toBe(await logged());
  });

  it('does not touch other documents', async () => {
    const context = contextOf();
    const [a, b] = [await openRoom('a', context), await openRoom('b', context)];
    const author = new TestAuthor();
    await b.push(author, new Writer().set('x', 1));
    store.weather.push('fail');
    await a.push(new TestAuthor('ada'), new Writer().set('x', 1));
    await b.push(author, new Writer().set('y', 1));
    expect(author.failures).toEqual([]);
    expect(author.acks.length).toBe(2);
  });

  it('of many in a row still ends with everything stored once the disk works', async () => {
    const room = await openRoom('a', contextOf());
    const writer = new Writer();
    const author = new TestAuthor();
    store.weather.push('fail', 'fail-after-commit', 'fail', 'fail');
    const batches = Array.from({ length: 10 }, (_, i) => writer.set('x', i));
    for (let tries = 0; tries < 8; tries += 1) await room.push(author, join(...batches));
    expect(author.acks.at(-1)!.seq).toBe(10);
    expect(await store.head('a')).toBe(10);
    await until(() => room.head === 10);
    expect(published()).toBe(await logged());
  });
});

describe('loading', () => {
  it('gives the state of snapshot and log', async () => {
    const writer = new Writer();
    let room = await openRoom('a', contextOf());
    for (let i = 0; i < 5; i += 1) await room.push(new TestAuthor(), writer.type(`${i} `));
    await room.close();
    expect((await store.readSnapshot('a'))!.lsn).toBe(5);
    room = await openRoom('a', contextOf());
    await room.push(new TestAuthor(), writer.type('end'));
    room = await openRoom('a', contextOf());
    expect(await room.describe()).toMatchObject({ lsn: 6, data: { text: '0 1 2 3 4 end' }, digest: writer.document.digest() });
  });

  it('fails on a log that cannot be read, and is not an empty document', async () => {
    const rooms = new Rooms(contextOf());
    await (await rooms.open('a')).push(new TestAuthor(), new Writer().set('x', 1));
    damage('log', 1);
    const again = new Rooms(contextOf());
    await expect(again.open('a')).rejects.toMatchObject({ code: 'corrupt_record' });
    await expect(again.open('a')).rejects.toMatchObject({ code: 'corrupt_record' });
    expect((await again.open('b')).head).toBe(0);
  });

  it('goes by the log when the snapshot is damaged', async () => {
    const room = await openRoom('a', contextOf());
    await room.push(new TestAuthor(), new Writer().set('x', 1));
    await room.close();
    damage('snapshots', 1);
    expect((await (await openRoom('a', contextOf())).describe()).data).toEqual({ x: 1 });
  });

  it('happens once however many ask', async () => {
    const rooms = new Rooms(contextOf());
    const [one, two] = await Promise.all([rooms.open('a'), rooms.open('a')]);
    expect(one).toBe(two);
  });

  it('is undone when nobody listens or writes for a while, and not before', async () => {
    const rooms = new Rooms(contextOf({ limits: { roomIdleMs: 1_000 } }));
    const room = await rooms.open('a');
    const listener = {};
    room.enter(listener);
    await room.push(new TestAuthor(), new Writer().set('x', 1));
    nowMs += 5_000;
    rooms.sweep();
    expect(rooms.size).toBe(1);
    room.leave(listener);
    nowMs += 999;
    rooms.sweep();
    expect(rooms.size).toBe(1);
    nowMs += 1;
    rooms.sweep();
    expect(rooms.size).toBe(0);
    const again = await rooms.open('a');
    expect(again).not.toBe(room);
    expect((await again.describe()).data).toEqual({ x: 1 });
    expect((await store.readSnapshot('a'))!.lsn).toBe(1);
  });
});

describe('a snapshot', () => {
  let seen: number[];

  beforeEach(() => {
    seen = [];
    const write = store.writeSnapshot.bind(store);
    store.writeSnapshot = async (document, lsn, bytes) => {
      const [snapshot, log] = [engine.create(), engine.create()];
      snapshot.apply(bytes);
      log.apply((await store.readSince(document, 0, 1 << 30, lsn)).bytes);
      // A room swallows what a store throws, so a wrong one is shown as a negative LSN.
      seen.push(snapshot.digest() === log.digest() ? lsn : -lsn);
      await write(document, lsn, bytes);
    };
  });

  it('is written once so many entries have come, and not before', async () => {
    const room = await openRoom('a', contextOf({ limits: { snapshotEntriesMin: 3 } }));
    const writer = new Writer();
    for (const expected of [[], [], [3], [3], [3], [3, 6]]) {
      await room.push(new TestAuthor(), writer.type('x'));
      await turns(3);
      expect(seen).toEqual(expected);
    }
  });

  it.each([
    ['written when they are in', [], [4]],
    ['dropped when they fail', ['fail'], []],
  ] as const)('taken with commits in flight is %s', async (_, weather, expected) => {
    const room = await openRoom('a', contextOf({ limits: { snapshotEntriesMin: 3 } }));
    const [ada, bob] = [new Writer(), new Writer()];
    const author = new TestAuthor();
    const goOn = store.hold();
    const first = room.push(author, join(ada.type('1'), ada.type('2'), ada.type('3')));
    await turns(3);
    const second = room.push(author, bob.type('not in the log yet'));
    goOn();
    await first;
    store.weather.push(...weather);
    await second;
    await turns(5);
    expect(seen).toEqual(expected);
    await until(() => room.isQuiet);
    for (let i = 0; i < 4; i += 1) await room.push(author, ada.type('and on'));
    await turns(5);
    expect(await store.readSnapshot('a')).not.toBeNull();
  });

  it('that cannot be written is tried again later', async () => {
    const room = await openRoom('a', contextOf({ limits: { snapshotEntriesMin: 2 } }));
    const write = store.writeSnapshot;
    store.writeSnapshot = () => Promise.reject(new Error('disk full'));
    const writer = new Writer();
    for (let i = 0; i < 3; i += 1) await room.push(new TestAuthor(), writer.type('x'));
    store.writeSnapshot = write;
    for (let i = 0; i < 2; i += 1) await room.push(new TestAuthor(), writer.type('x'));
    await turns(3);
    expect(seen.length).toBe(1);
  });
});

describe('a fault of the engine', () => {
  it('makes the room read its log again, with what was being committed at that moment', async () => {
    const context = contextOf();
    let isBroken = false;
    context.engine = {
      ...engine,
      create() {
        const state = engine.create();
        const apply = state.apply.bind(state);
        state.apply = (bytes, options) => {
          if (isBroken) throw new Error('unreachable executed');
          return apply(bytes, options);
        };
        return state;
      },
    };
    const room = await openRoom('a', context);
    const [ada, bob] = [new Writer(), new Writer()];
    const author = new TestAuthor();
    const goOn = store.hold();
    const [one, two] = [ada.set('x', 1), bob.set('y', 1)];
    const first = room.push(author, one);
    await turns(3);
    isBroken = true;
    await room.push(author, two);
    isBroken = false;
    await first;
    expect(author.failures).toEqual(['unavailable', 'unavailable']);
    // The room has been read from a log without it by the time the commit comes in.
    await new Promise((resolve) => setTimeout(resolve, 40));
    goOn();
    await until(() => room.head === 1 && room.isQuiet);
    expect((await room.describe()).data).toEqual({ x: 1 });
    await Promise.all([room.push(author, one), room.push(author, two)]);
    expect((await room.describe()).data).toEqual({ x: 1, y: 1 });
    expect(await store.head('a')).toBe(2);
    expect(published()).toBe(await logged());
    expect((await room.describe()).digest).toBe(await logged());
  });
});

describe('two nodes on one store', () => {
  it.each(['heard', 'lost', 'doubled'])('publish the same log in the same order when hints are %s', async (hints) => {
    const bus = new LocalBus();
    const publish = bus.publish.bind(bus);
    let count = 0;
    bus.publish = (...hint) => {
      count += 1;
      if (hints === 'lost' && count % 2 === 0) return;
      publish(...hint);
      if (hints === 'doubled') publish(...hint);
    };
    const seen: Record<string, [number, number][]> = { one: [], two: [] };
    const contexts = ['one', 'two'].map((node) => {
      const context = contextOf({ bus, node });
      context.broadcast = (message) => {
        if (message.type === 'changes') seen[node].push([message.first, message.last]);
      };
      return context;
    });
    const rooms = [await openRoom('a', contexts[0]), await openRoom('a', contexts[1])];
    const writers = [new Writer(), new Writer()];
    const author = new TestAuthor();
    for (let i = 0; i < 40; i += 1) {
      await Promise.all(rooms.map((room, n) => room.push(author, writers[n].type(`${n}`))));
    }
    bus.publish = publish;
    await Promise.all(rooms.map((room, n) => room.push(author, writers[n].type('!'))));
    await until(() => rooms.every((room) => room.head === 82 && room.isQuiet));
    for (const ranges of Object.values(seen)) {
      let head = 0;
      for (const [first, last] of ranges) {
        expect(first).toBe(head + 1);
        head = last;
      }
      expect(head).toBe(82);
    }
    expect((await rooms[0].describe()).digest).toBe((await rooms[1].describe()).digest);
    expect((await rooms[0].describe()).digest).toBe(await logged());
    expect(author.acks.length).toBe(82);
  });
});

describe('two nodes on one store that do not hear each other', () => {
  let one: Room;
  let two: Room;

  beforeEach(async () => {
    store.isShared = true;
    [one, two] = [await openRoom('a', contextOf()), await openRoom('a', contextOf())];
    // What the test reads is what was published by the second.
    changes = [];
  });

  it('let an author go on at one where it left off at the other', async () => {
    const author = new TestAuthor();
    const writer = new Writer();
    await one.push(author, writer.set('x', 1));
    changes = [];
    await two.push(author, join(writer.set('x', 2), writer.set('x', 3)));
    expect(author.failures).toEqual([]);
    expect(author.acks.at(-1)).toEqual({ replica: writer.replica, seq: 3 });
    expect(published()).toBe(await logged());
  });

  it('ack at one what is in the log through the other, published there first', async () => {
    const author = new TestAuthor();
    const bytes = new Writer().set('x', 1);
    await one.push(author, bytes);
    [events, changes] = [[], []];
    await two.push(author, bytes);
    expect(events.slice(-2)).toEqual(['changes 1..1', 'author acked 1']);
    expect(await store.head('a')).toBe(1);
    expect((await two.describe()).data).toEqual({ x: 1 });
  });

  it('give what the other wrote to a reader who has seen it there', async () => {
    await one.push(new TestAuthor(), new Writer().set('x', 1));
    changes = [];
    await two.refresh();
    expect(two.head).toBe(1);
    expect(published()).toBe(await logged());
  });

  it('still miss what nobody has', async () => {
    const author = new TestAuthor();
    const writer = new Writer();
    writer.set('x', 1);
    await two.push(author, writer.set('x', 2));
    expect(author.failures).toEqual(['missing_dependency']);
  });

  it('find one verdict on a batch that each judges differently: the one that was logged', async () => {
    const author = new TestAuthor();
    const bytes = new Writer().set('x', 1, nowMs + 6 * 60_000);
    await one.push(author, bytes);
    nowMs += 2 * 60_000;
    // Here the stamp is not ahead any more; but the log has a void there.
    await two.push(author, bytes);
    await until(() => two.isQuiet);
    await two.push(author, bytes);
    expect(author.rejections.map(({ code }) => code)).toEqual(['clock_drift', 'clock_drift']);
    expect((await two.describe()).data).toEqual({});
    expect((await two.describe()).digest).toBe(await logged());
  });

  it('are told as plain data only as the log has them', async () => {
    const [ada, bob] = [new Writer(), new Writer()];
    await two.push(new TestAuthor(), ada.set('x', 1));
    const goOn = store.hold();
    const pushed = two.push(new TestAuthor(), ada.set('x', 2));
    await turns(3);
    const during = two.project();
    goOn();
    await pushed;
    expect(await during).toEqual({ id: 'a', lsn: 2, data: { x: 2 }, version: new Map([[ada.replica, 2]]) });
    const goOnAgain = store.hold();
    const again = two.push(new TestAuthor(), ada.set('x', 3));
    await turns(3);
    const mixed = two.project();
    store.log.append([{ document: 'a', replica: bob.replica, seqFrom: 1, seqTo: 1, bytes: bob.set('y', 1) }]);
    goOnAgain();
    await again;
    expect(await mixed).toBeNull();
    expect(await two.project()).toMatchObject({ lsn: 4, data: { x: 3, y: 1 } });
  });
});

function damage(table: 'log' | 'snapshots', lsn: number): void {
  const { driver } = store.log as unknown as { driver: { exec(sql: string): void } };
  driver.exec(`update ${table} set bytes = x'00ff' || substr(bytes, 3) where lsn = ${lsn}`);
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function until(claim: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !claim(); i += 1) await new Promise((resolve) => setTimeout(resolve, 2));
  if (!claim()) throw new Error(`not so after a second: ${claim}`);
}
