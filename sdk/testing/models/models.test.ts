// The models are judges, so they are judged first: tree against list, and both against what was promised.
// SEED=… replays one run.

import { describe, it, expect } from '@jest/globals';
import { NaiveCounter, NaiveMap, NaiveSet } from './document.js';
import { NaiveText, keyOf, type NaiveInsert, type NaiveOp } from './fugue-max.js';
import { YjsModText } from './yjs-mod.js';

const seed = Number(process.env.SEED ?? 20230501);

/** Mulberry32: 32 bits of state are plenty here. */
class Dice {
  constructor(private state: number) {}

  /** A whole number from 0 to `sides - 1`. */
  roll(sides: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  }

  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.roll(i + 1);
      [out[i], out[j]] = [out[j], out[i]];
    }
    return out;
  }
}

// The high bit is set in some ids: a signed compare would sort them wrongly.
const replicaIds = ['0000000000000001', '7fffffffffffffff', '8000000000000000', 'c0ffee0000000000', 'ffffffffffffffff'];

interface Peer { tree: NaiveText; list: YjsModText; inbox: NaiveOp[] }

const peersOf = (count: number, dice: Dice): Peer[] =>
  dice.shuffle(replicaIds).slice(0, count).map((replica) => ({ tree: new NaiveText(replica), list: new YjsModText(replica), inbox: [] }));

/** Compared as text, and only a difference is worth an `expect`: it would take most of the time of 3,000 histories. */
function mustEqual(received: unknown, expected: unknown): void {
  if (JSON.stringify(received) !== JSON.stringify(expected)) expect(received).toEqual(expected);
}

/** Edits both forms alike; they must write the very same ops. */
function edit(peer: Peer, dice: Dice): NaiveOp[] {
  const length = peer.tree.toString().length;
  const at = dice.roll(length + 1);
  if (dice.roll(4) > 0 || at === length) {
    const text = 'abcdef'.slice(0, 1 + dice.roll(3));
    const ops = peer.tree.insert(at, text);
    mustEqual(peer.list.insert(at, text), ops);
    mustEqual(peer.tree.toString().slice(at, at + text.length), text);
    return ops;
  }
  const ops = peer.tree.delete(at, 1);
  mustEqual(peer.list.delete(at, 1), ops);
  return ops;
}

function receive(peer: Peer, op: NaiveOp): void {
  peer.tree.apply(op);
  peer.list.apply(op);
}

/** A random history of 2 to 5 replicas, delivered in random order with repetitions. @returns its peers and ops */
function history(dice: Dice): { peers: Peer[]; ops: NaiveOp[] } {
  const peers = peersOf(2 + dice.roll(4), dice);
  const ops: NaiveOp[] = [];
  for (let step = 0; step < 11; step++) {
    const author = peers[dice.roll(peers.length)];
    const made = edit(author, dice);
    ops.push(...made);
    for (const peer of peers) if (peer !== author) peer.inbox = dice.shuffle([...peer.inbox, ...made]);
    const reader = peers[dice.roll(peers.length)];
    for (const op of reader.inbox.splice(0, dice.roll(6))) receive(reader, op);
    mustEqual(reader.list.order(), reader.tree.order());
  }
  for (const peer of peers) for (const op of dice.shuffle([...peer.inbox, ...ops])) receive(peer, op);
  return { peers, ops };
}

/** Between an element and its left origin stand only elements that descend from that origin by left origins. */
function runsForwards(order: string[], inserts: Map<string, NaiveInsert>): boolean {
  const leftOf = (key: string) => { const { left } = inserts.get(key)!; return left ? keyOf(left) : ''; };
  const descends = (key: string, from: string): boolean => key === from || (key !== '' && descends(leftOf(key), from));
  return order.every((key, at) => order.slice(order.indexOf(leftOf(key)) + 1, at).every((each) => descends(each, leftOf(key))));
}

/** Between an element and its right origin stands no other of the same left origin that aimed beyond it. */
function runsBackwards(order: string[], inserts: Map<string, NaiveInsert>): boolean {
  const originsOf = (key: string) => {
    const { left, right } = inserts.get(key)!;
    return { left: left ? keyOf(left) : '', right: right ? order.indexOf(keyOf(right)) : order.length };
  };
  return order.every((key, at) => {
    const own = originsOf(key);
    return order.slice(at + 1, own.right).map(originsOf).every((other) => other.left !== own.left || other.right <= own.right);
  });
}

describe('the FugueMax models', () => {
  it('agree as tree and as list, converge, and never interleave, on 3,000 random histories', () => {
    const dice = new Dice(seed);
    for (let run = 0; run < 3000; run++) {
      const { peers, ops } = history(dice);
      const order = peers[0].tree.order();
      for (const { tree, list } of peers) mustEqual([tree.order(), list.order()], [order, order]);
      const inserts = new Map(ops.filter((op) => op.kind === 'insert').map((op) => [keyOf(op.id), op]));
      const keys = order.map((key) => key.replace('-', ''));
      mustEqual(keys.length, inserts.size);
      mustEqual([runsForwards(keys, inserts), runsBackwards(keys, inserts)], [true, true]);
    }
  });

  it('keep runs whole when 3 to 5 replicas type at one place, forwards or backwards', () => {
    const dice = new Dice(seed + 1);
    for (let run = 0; run < 300; run++) {
      const peers = peersOf(3 + dice.roll(3), dice);
      const base = [...peers[0].tree.insert(0, '....'), ...peers[0].tree.delete(1, dice.roll(3))];
      for (const { tree } of peers) base.forEach((op) => tree.apply(op));
      const at = dice.roll(peers[0].tree.toString().length + 1);
      const typed = peers.flatMap(({ tree }, who) => {
        const isBackwards = dice.roll(2) === 1;
        return [0, 1, 2, 3].flatMap((step) => tree.insert(isBackwards ? at : at + step, 'ABCDE'[who]));
      });
      const reader = new NaiveText('1111111111111111');
      dice.shuffle([...base, ...typed]).forEach((op) => reader.apply(op));
      for (const letter of 'ABCDE'.slice(0, peers.length)) expect(reader.toString()).toContain(letter.repeat(4));
    }
  });

  it('order the children of one place as pinned', () => {
    const write = (replica: string, seen: NaiveOp[], index: number, char: string) => {
      const author = new NaiveText(replica);
      seen.forEach((op) => author.apply(op));
      return author.insert(index, char);
    };
    const read = (ops: NaiveOp[]) => {
      const reader = new NaiveText('2222222222222222');
      [...ops].reverse().forEach((op) => reader.apply(op));
      return reader.toString();
    };
    const [low, middle, high] = ['0000000000000003', '7777777777777777', 'ffffffffffffffff'];
    // Left children of y, then right children of y: ascending replica.
    const base = write(low, [], 0, 'xy');
    expect(read([...base, ...write(high, base, 1, 'h'), ...write(middle, base, 1, 'm')])).toBe('xmhy');
    expect(read([...base, ...write(high, base, 2, 'h'), ...write(middle, base, 2, 'm')])).toBe('xymh');
    // Right children of x: whoever aimed at the end stands before whoever aimed at w, though its id is higher.
    const x = write(low, [], 0, 'x');
    const xw = [...x, ...write(high, [], 0, 'w')];
    expect(read([...xw, ...write(high.replace('f', 'e'), x, 1, 'e'), ...write(middle, xw, 1, 'm')])).toBe('xemw');
  });

  it('count in UTF-16 units and refuse an index past the end', () => {
    const text = new NaiveText(replicaIds[0]);
    expect(text.insert(0, 'a😀').length).toBe(3);
    expect(() => text.insert(4, 'b')).toThrow(RangeError);
    expect(() => text.delete(2, 2)).toThrow(RangeError);
    expect(text.toString()).toBe('a😀');
  });
});

describe('the document models', () => {
  it('decide a map key by stamp, then by the unsigned replica id', () => {
    const [a, b] = [new NaiveMap(replicaIds[1]), new NaiveMap(replicaIds[2])];
    const ops = [a.set('k', 'a', 7n), b.set('k', 'b', 7n), a.set('gone', 1, 2n), b.delete('gone', 3n), b.set('older', 1, 1n), a.set('older', 2, 9n)];
    for (const map of [a, b]) [...ops].reverse().forEach((op) => map.apply(op));
    expect(a.toJSON()).toEqual({ k: 'b', older: 2 });
    expect(b.toJSON()).toEqual(a.toJSON());
  });

  it('count every increment once', () => {
    const [a, b] = [new NaiveCounter(replicaIds[0]), new NaiveCounter(replicaIds[1])];
    const ops = [a.increment(5), b.decrement(2), b.increment()];
    for (const counter of [a, b]) [...ops, ...ops].forEach((op) => counter.apply(op));
    expect([a.value, b.value]).toEqual([4, 4]);
  });

  it('let an add win over a remove that has not seen it', () => {
    const [a, b] = [new NaiveSet(replicaIds[0]), new NaiveSet(replicaIds[1])];
    const first = a.add({ x: 1, y: 2 });
    b.apply(first);
    const remove = b.delete({ y: 2, x: 1 });
    expect(b.values()).toEqual([]);
    const again = a.add({ x: 1, y: 2 });
    const late = new NaiveSet(replicaIds[2]);
    [remove, again, first, remove].forEach((op) => late.apply(op));
    expect(late.values()).toEqual([{ x: 1, y: 2 }]);
    expect(late.has({ y: 2, x: 1 })).toBe(true);
    late.clear();
    expect(late.values()).toEqual([]);
  });
});
