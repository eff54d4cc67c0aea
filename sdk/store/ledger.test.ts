import { describe, expect, it } from '@jest/globals';
import { HeadwaterError } from '../core/errors.js';
import { Ledger } from './ledger.js';
import { memoryWrites } from './write.js';

const refused = new HeadwaterError('clock_drift', 'too far ahead');

describe('the ledger of writes', () => {
  it('takes a write up the ladder, and never down', async () => {
    const ledger = new Ledger(true);
    const write = ledger.write(3);
    const states = [write.state];
    for (const step of [() => ledger.markDurable(2), () => ledger.markDurable(3), () => ledger.markDurable(1), () => ledger.markAcked(2), () => ledger.markAcked(4), () => ledger.markAcked(1)]) {
      step();
      states.push(write.state);
    }
    expect(states).toEqual(['local', 'local', 'durable', 'durable', 'durable', 'acked', 'acked']);
    await Promise.all([write.durable, write.acked]);
  });

  it('answers each write when its turn has come, in whatever order they were asked', async () => {
    const ledger = new Ledger(true);
    const order: number[] = [];
    for (const seq of [5, 2, 9, 2, 7]) void ledger.acked(seq).then(() => order.push(seq));
    ledger.markAcked(5);
    await Promise.resolve();
    expect(order).toEqual([2, 2, 5]);
    ledger.markAcked(9);
    await Promise.resolve();
    expect(order).toEqual([2, 2, 5, 7, 9]);
  });

  it('rejects what was refused, whether asked before or after, and nothing beside it', async () => {
    const ledger = new Ledger(true);
    const [before, inside] = [ledger.acked(2), ledger.acked(3)];
    ledger.refuse(3, 5, refused);
    ledger.markAcked(9);
    await before;
    await expect(inside).rejects.toBe(refused);
    await expect(ledger.write(5).acked).rejects.toBe(refused);
    await ledger.write(6).acked;
    expect([2, 3, 5, 6].map((seq) => ledger.write(seq).state)).toEqual(['acked', 'rejected', 'rejected', 'acked']);
  });

  it('says at once what can never come', async () => {
    const alone = new Ledger(false).write(1);
    await expect(alone.acked).rejects.toMatchObject({ code: 'not_attached' });
    const memory = memoryWrites.write(1);
    await expect(memory.durable).rejects.toMatchObject({ code: 'not_attached' });
    await expect(memory.acked).rejects.toMatchObject({ code: 'not_attached' });
    expect([memory.state, alone.state]).toEqual(['local', 'local']);
  });

  it('that is closed rejects who waits, and keeps what was reached', async () => {
    const ledger = new Ledger(true);
    const waiting = ledger.acked(2);
    ledger.markAcked(1);
    const closed = new HeadwaterError('closed', 'closed');
    ledger.close(closed);
    await expect(waiting).rejects.toBe(closed);
    await expect(ledger.durable(3)).rejects.toBe(closed);
    await ledger.acked(1);
  });

  it('goes where another goes, for what was written again', async () => {
    for (const isAcked of [true, false]) {
      const [old, fresh] = [new Ledger(true), new Ledger(true)];
      old.markAcked(3);
      const write = old.write(5);
      const { acked } = write;
      old.follow(fresh, 6, 2);
      if (isAcked) fresh.markAcked(2);
      else fresh.refuse(1, 2, refused);
      if (isAcked) await acked;
      else await expect(acked).rejects.toBe(refused);
      expect([write.state, old.write(3).state]).toEqual([isAcked ? 'acked' : 'rejected', 'acked']);
    }
  });

  it('answers 30,000 that wait in a moment', async () => {
    const ledger = new Ledger(true);
    const all = Array.from({ length: 30_000 }, (_, i) => ledger.acked(i + 1));
    const started = performance.now();
    for (let seq = 10; seq <= 30_000; seq += 10) ledger.markAcked(seq);
    await Promise.all(all);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
