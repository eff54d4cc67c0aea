// The catch-up alone, with a room and a store that stand still or move exactly when the test says.

import { describe, expect, it } from '@jest/globals';
import type { Message } from '../sdk/wire/message.js';
import { CatchUp, noWait, type CatchUpContext } from './catch-up.js';
import type { Room } from './room.js';
import type { LogSlice } from './store/store.js';

/** A log of one-byte entries, each its own LSN. */
function slice(first: number, last: number, corrupt: number | null = null): LogSlice {
  const bytes = Uint8Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  return { first, last, bytes, corrupt };
}

function setUp(options: { head: number; logHead?: number; tail?: (lsn: number) => Uint8Array[] | null; corrupt?: number }) {
  const room = { document: 'a', head: options.head, tailSince: options.tail ?? (() => null) };
  const sent: Message[] = [];
  let joinedAt: number | null = null;
  let ready: () => Promise<void> = () => noWait;
  const reads: [number, number | undefined][] = [];
  let onRead: () => void = () => undefined;
  const context: CatchUpContext = {
    limits: { chunkBytesMax: 2 },
    store: {
      async readSince(_document, lsn, bytesMax, through) {
        reads.push([lsn, through]);
        await Promise.resolve();
        onRead();
        const end = Math.min(lsn + bytesMax, through ?? Infinity, options.logHead ?? options.head, (options.corrupt ?? Infinity) - 1);
        return slice(lsn + 1, end, end + 1 === options.corrupt ? end + 1 : null);
      },
    },
    send: (message) => void sent.push(message),
    ready: () => ready(),
    join: () => (joinedAt = room.head),
  };
  return {
    room, sent, reads, context,
    catchUp: new CatchUp(room as unknown as Room, context),
    joinedAt: () => joinedAt,
    setReady: (next: () => Promise<void>) => (ready = next),
    setOnRead: (next: () => void) => (onRead = next),
    ranges: () => sent.flatMap((message) => (message.type === 'changes' ? [[message.first, message.last]] : [])),
  };
}

describe('a catch-up', () => {
  it('joins at once when there is nothing to catch up', () => {
    const { catchUp, joinedAt, sent } = setUp({ head: 5 });
    void catchUp.run(5, null);
    expect([joinedAt(), sent]).toEqual([5, []]);
  });

  it('sends the log in pieces, then joins', async () => {
    const { catchUp, joinedAt, ranges } = setUp({ head: 5 });
    await catchUp.run(0, null);
    expect(ranges()).toEqual([[1, 2], [3, 4], [5, 5]]);
    expect(joinedAt()).toBe(5);
  });

  it('sends nothing beyond the room’s head: that will be published', async () => {
    const { catchUp, joinedAt, ranges } = setUp({ head: 3, logHead: 9 });
    await catchUp.run(0, null);
    expect(ranges()).toEqual([[1, 2], [3, 3]]);
    expect(joinedAt()).toBe(3);
  });

  it('goes on when the head moves while it reads', async () => {
    const { catchUp, room, setOnRead, ranges, joinedAt } = setUp({ head: 2, logHead: 6 });
    setOnRead(() => (room.head = Math.min(6, room.head + 1)));
    await catchUp.run(0, null);
    expect(ranges()).toEqual([[1, 2], [3, 3], [4, 4], [5, 5], [6, 6]]);
    expect(joinedAt()).toBe(6);
  });

  it('takes the last step from memory, in the same turn as it joins', () => {
    const { catchUp, joinedAt, ranges, reads } = setUp({ head: 5, tail: (lsn) => (lsn < 3 ? null : [3, 4, 5].slice(lsn - 2).map((n) => new Uint8Array([n]))) });
    void catchUp.run(3, null);
    expect([ranges(), joinedAt(), reads]).toEqual([[[4, 5]], 5, []]);
  });

  it('sends a snapshot in pieces first, and the log after it', async () => {
    const { catchUp, sent, ranges } = setUp({ head: 4 });
    await catchUp.run(0, { lsn: 3, bytes: new Uint8Array([7, 8, 9]) });
    expect(sent.slice(0, 2)).toEqual([
      { type: 'snapshot', document: 'a', lsn: 3, offset: 0, total: 3, bytes: new Uint8Array([7, 8]) },
      { type: 'snapshot', document: 'a', lsn: 3, offset: 2, total: 3, bytes: new Uint8Array([9]) },
    ]);
    expect(ranges()).toEqual([[4, 4]]);
  });

  it('waits for room in the socket before each piece', async () => {
    const { catchUp, setReady, ranges, joinedAt } = setUp({ head: 4 });
    const goOn: (() => void)[] = [];
    setReady(() => new Promise((resolve) => goOn.push(resolve)));
    const running = catchUp.run(0, null);
    await turns();
    expect(ranges()).toEqual([]);
    goOn.shift()!();
    await turns();
    expect(ranges()).toEqual([[1, 2]]);
    goOn.shift()!();
    await running;
    expect([ranges().length, joinedAt()]).toEqual([2, 4]);
  });

  it.each(['reading', 'waiting'])('sends nothing and does not join once it has ended while %s', async (when) => {
    const { catchUp, setReady, setOnRead, sent, joinedAt } = setUp({ head: 4 });
    if (when === 'reading') setOnRead(() => catchUp.end());
    else setReady(async () => catchUp.end());
    await catchUp.run(0, null);
    expect([sent, joinedAt()]).toEqual([[], null]);
  });

  it('sends what it can before a damaged entry, and names it', async () => {
    const { catchUp, ranges } = setUp({ head: 4, corrupt: 2 });
    await expect(catchUp.run(0, null)).rejects.toMatchObject({ code: 'corrupt_record', details: { lsn: 2 } });
    expect(ranges()).toEqual([[1, 1]]);
  });
});

async function turns(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
