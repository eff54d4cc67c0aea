import { describe, expect, it } from '@jest/globals';
import { failAt, failFrom, failWrites, FaultyStorage, type StorageFault } from '../testing/faults.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import { storageConformance } from './conformance.js';
import { corruptDisk } from '../testing/disk.js';
import { MemoryDisk, MemoryStorage } from './memory.js';
import { ResilientStorage, type StorageStatus } from './resilient.js';

storageConformance('ResilientStorage', async () => {
  const disk = new MemoryDisk();
  const handles: FaultyStorage[] = [];
  const open = () => {
    const handle = new FaultyStorage(new MemoryStorage(disk));
    handles.push(handle);
    return new ResilientStorage(handle);
  };
  return {
    storage: open(),
    reopen: async () => open(),
    corrupt: async (document, position) => corruptDisk(disk, document, position),
    failFrom: (step) => handles.forEach((handle) => handle.setPlan(failFrom(step))),
    absorbsFailures: true,
  };
});

describe('ResilientStorage', () => {
  function setup() {
    const disk = new MemoryDisk();
    const inner = new FaultyStorage(new MemoryStorage(disk));
    const statuses: StorageStatus[] = [];
    const timers: { run(): void; delayMs: number }[] = [];
    const storage = new ResilientStorage(inner, {
      onStatus: (status) => statuses.push(status),
      retryMs: [1, 2, 4],
      schedule: (run, delayMs) => {
        const timer = { run, delayMs };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), 1);
      },
    });
    /** Lets the time of the planned attempt come. */
    const nextRetry = async () => {
      timers.shift()!.run();
      await storage.documents();
    };
    const append = (...values: number[]) => storage.append([{ document: 'd', records: values.map((value) => Uint8Array.of(value)) }]);
    const onDisk = async () => (await new MemoryStorage(disk).load('d')).records.map((record) => record.bytes[0]);
    const seen = async () => (await storage.load('d')).records.map((record) => record.bytes[0]);
    return { disk, inner, storage, statuses, timers, nextRetry, append, onDisk, seen };
  }

  it('keeps every write in order, whichever write fails, once or for good', async () => {
    for (const makePlan of [failAt, failFrom]) {
      for (let step = 1; step <= 7; step++) {
        const { inner, storage, statuses, append, onDisk, seen } = setup();
        inner.setPlan(failWrites(makePlan(step)));
        for (let value = 1; value <= 6; value++) await append(value);
        expect(await seen()).toEqual([1, 2, 3, 4, 5, 6]);
        inner.heal();
        await storage.retry();
        await storage.durable();
        expect(await onDisk()).toEqual([1, 2, 3, 4, 5, 6]);
        const failed = step <= 6;
        expect(statuses.map((status) => status.storage)).toEqual(failed ? ['degraded', 'ok'] : []);
        await storage.close();
      }
    }
  });

  it('says why, keeps reading, and does not call a write durable that is not', async () => {
    const { inner, storage, statuses, append, onDisk, seen } = setup();
    await append(1);
    await storage.durable();
    inner.setPlan(failWrites(failFrom(1, 'quota')));
    await append(2);
    let durable = false;
    const waiting = storage.durable().then(() => (durable = true));
    expect(await seen()).toEqual([1, 2]);
    expect(await onDisk()).toEqual([1]);
    expect(statuses).toMatchObject([{ storage: 'degraded', error: { details: { reason: 'quota' } } }]);
    expect(durable).toBe(false);
    inner.heal();
    await storage.retry();
    await waiting;
    expect(await onDisk()).toEqual([1, 2]);
    await storage.close();
  });

  it('tries again by itself, less and less often, however much is read meanwhile', async () => {
    const { inner, storage, timers, nextRetry, append, onDisk } = setup();
    inner.setPlan(failFrom(1));
    await append(1);
    for (const delayMs of [1, 2, 4, 4]) {
      for (let read = 0; read < 5; read++) await storage.load('d');
      expect(timers.map((timer) => timer.delayMs)).toEqual([delayMs]);
      await nextRetry();
    }
    inner.heal();
    await nextRetry();
    expect(storage.status.storage).toBe('ok');
    expect(timers).toEqual([]);
    expect(await onDisk()).toEqual([1]);
    await storage.close();
  });

  it('never lets a cursor reach the disk before the records it speaks of', async () => {
    const { inner, storage, disk, append } = setup();
    inner.setPlan(failAt(1));
    const first = append(1);
    const second = storage.append([{ document: 'd', cursor: { epoch: 'e', lsn: 1, acked: new Uint8Array() } }]);
    await Promise.all([first, second]);
    const written = await new MemoryStorage(disk).load('d');
    expect(written.cursor === null || written.records.length === 1).toBe(true);
    expect((await storage.load('d')).cursor).toMatchObject({ lsn: 1 });
    await storage.close();
  });

  it('commits what waits in one call', async () => {
    const { inner, storage, append } = setup();
    await Promise.all(Array.from({ length: 20 }, (_, i) => append(i)));
    expect(inner.calls).toEqual(['append']);
    await storage.close();
  });

  it('leaves a device alone that has just refused', async () => {
    const { inner, storage, append } = setup();
    inner.setPlan(failFrom(1));
    await Promise.all([append(1), storage.remove('d'), append(2), storage.remove('d'), append(3)]);
    await storage.load('d');
    expect(inner.calls).toEqual(['append', 'load']);
    await storage.close();
  });

  it('gives positions that grow, sort last while held, and still name the record afterwards', async () => {
    const { inner, storage, append, seen } = setup();
    const [stored] = await append(1);
    inner.setPlan((_, call) => (call === 'append' ? 'failure' : null));
    const [held, last] = await append(2, 3);
    expect(held).toBeGreaterThan(stored);
    expect((await storage.load('d')).records.map((record) => record.position)).toEqual([stored, held, last]);
    await expect(storage.compact('d', Uint8Array.of(9), held)).rejects.toMatchObject({ code: 'storage_failed' });
    inner.heal();
    await storage.retry();
    await append(4);
    await storage.compact('d', Uint8Array.of(9), last, [held]);
    expect(await seen()).toEqual([2, 4]);
    await storage.close();
  });

  it('does not compact away what it could not read', async () => {
    const { inner, storage, append, seen } = setup();
    await append(1, 2);
    inner.setPlan((_, call) => (call === 'load' ? 'failure' : null));
    expect(await seen()).toEqual([]);
    expect(storage.status).toMatchObject({ storage: 'degraded', unread: ['d'] });
    inner.heal();
    await storage.retry();
    expect(storage.status).toMatchObject({ storage: 'ok', unread: ['d'] });
    const [position] = await append(3);
    await expect(storage.compact('d', Uint8Array.of(3), position)).rejects.toMatchObject({ code: 'storage_failed' });
    expect(await seen()).toEqual([1, 2, 3]);
    await storage.compact('d', Uint8Array.of(3), position);
    await storage.close();
  });

  it('works with no disk at all, meta and removes included', async () => {
    const { inner, storage, append, seen } = setup();
    inner.setPlan(failFrom(1));
    await append(1);
    await storage.remove('d');
    await append(2);
    await storage.writeMeta('k/1', Uint8Array.of(7));
    expect(await seen()).toEqual([2]);
    expect(await storage.documents()).toEqual(['d']);
    expect(await storage.readMeta('k/1')).toEqual(Uint8Array.of(7));
    expect(await storage.metaKeys('k/')).toEqual(['k/1']);
    await storage.writeMeta('k/1', null);
    expect(await storage.readMeta('k/1')).toBeUndefined();
    expect(await storage.metaKeys('k/')).toEqual([]);
    await storage.close();
  });

  it('tries a last time when closed, and otherwise tells whoever waits for `durable`', async () => {
    for (const heals of [true, false]) {
      const { inner, storage, append, onDisk } = setup();
      inner.setPlan(failFrom(1));
      await append(1);
      const durable = storage.durable().then(() => 'durable', (error) => error.code);
      if (heals) inner.heal();
      await storage.close();
      expect(await durable).toBe(heals ? 'durable' : 'storage_failed');
      expect(await onDisk()).toEqual(heals ? [1] : []);
    }
  });

  it('ends with exactly what was written, under any weather', async () => {
    const seed = seedFromEnv();
    for (let round = 0; round < 200; round++) await stormyRun(new Random(seed + round));
  });

  async function stormyRun(random: Random): Promise<void> {
    const { inner, storage, nextRetry, timers, onDisk, seen } = setup();
    const badness = random.pick([0, 0.1, 0.5, 0.9]);
    const faults: StorageFault[] = ['failure', 'quota', 'lostAnswer'];
    inner.setPlan(() => (random.chance(badness) ? random.pick(faults) : null));
    let expected: number[] = [];
    const pending: Promise<unknown>[] = [];
    for (let value = 1; value <= 30; value++) {
      if (random.chance(0.05)) {
        pending.push(storage.remove('d'));
        expected = [];
      }
      pending.push(storage.append([{ document: 'd', records: [Uint8Array.of(value)] }]));
      expected.push(value);
      if (random.chance(0.3)) await Promise.all(pending);
      if (random.chance(0.2) && timers.length > 0) await nextRetry();
      if (random.chance(0.2) && badness < 0.5) pending.push(storage.load('d'));
    }
    await Promise.all(pending);
    inner.heal();
    await storage.retry();
    await storage.durable();
    // A write whose answer was lost is stored twice; what counts is that each is there and the first ones in order.
    expect([...new Set(await onDisk())]).toEqual(expected);
    expect([...new Set(await seen())]).toEqual(expected);
    await storage.close();
  }
});
