import { describe, expect, it } from '@jest/globals';
import { MemoryStorage } from '../storage/memory.js';
import { failAt, failFrom, failWrites, FaultyStorage } from './faults.js';

describe('FaultyStorage', () => {
  const write = (storage: FaultyStorage) => storage.append([{ document: 'd', records: [Uint8Array.of(1)] }]);
  const outcome = (call: Promise<unknown>) => call.then(() => 'done', (error) => error.code);
  const stored = async (storage: FaultyStorage) => (await storage.inner.load('d')).records.length;

  it('fails the n-th call, or all from it on, and nothing of them happens', async () => {
    const storage = new FaultyStorage(new MemoryStorage());
    storage.setPlan(failAt(2));
    expect([await outcome(write(storage)), await outcome(write(storage)), await outcome(write(storage))])
      .toEqual(['done', 'storage_failed', 'done']);
    storage.setPlan(failFrom(2, 'quota'));
    expect([await outcome(write(storage)), await outcome(write(storage)), await outcome(storage.load('d'))])
      .toEqual(['done', 'storage_failed', 'storage_failed']);
    expect(await stored(storage)).toBe(3);
  });

  it('leaves reads alone when only writes fail', async () => {
    const storage = new FaultyStorage(new MemoryStorage());
    storage.setPlan(failWrites(failAt(1, 'quota')));
    expect(await outcome(storage.load('d'))).toBe('done');
    await expect(write(storage)).rejects.toMatchObject({ details: { reason: 'quota' } });
    expect(await outcome(write(storage))).toBe('done');
  });

  it('can do the work and lose the answer, or never answer', async () => {
    const storage = new FaultyStorage(new MemoryStorage());
    storage.setPlan(failAt(1, 'lostAnswer'));
    expect(await outcome(write(storage))).toBe('storage_failed');
    expect(await stored(storage)).toBe(1);
    storage.setPlan(failAt(1, 'hang'));
    const hanging = Promise.race([outcome(write(storage)), new Promise((resolve) => setTimeout(resolve, 5, 'nothing'))]);
    expect(await hanging).toBe('nothing');
    expect(await stored(storage)).toBe(1);
  });
});
