import { describe, expect, it } from '@jest/globals';
import { newReplicaId } from '../core/replica.js';
import { FaultyStorage, failAt } from '../testing/faults.js';
import { FakeLockManager } from '../testing/locks.js';
import { SimulatedDisk } from '../testing/disk.js';
import { MemoryDisk, MemoryStorage } from './memory.js';
import { addReplica, claimReplica, listReplicas } from './replicas.js';

describe('claimReplica', () => {
  it('uses a released id again, so that the pool does not grow', async () => {
    const disk = new MemoryDisk();
    const locks = new FakeLockManager();
    const first = await claimReplica(new MemoryStorage(disk), 'app', locks);
    first.release();
    await turn();
    const second = await claimReplica(new MemoryStorage(disk), 'app', locks);
    expect(second.replica).toBe(first.replica);
    expect(second.devices).toEqual([first.replica]);
  });

  it('gives racing sessions different ids and loses none of them', async () => {
    for (let pool = 0; pool < 4; pool++) {
      const disk = new MemoryDisk();
      const locks = new FakeLockManager();
      const known = Array.from({ length: pool }, newReplicaId).sort();
      for (const replica of known) await addReplica(new MemoryStorage(disk), replica);
      const claims = await Promise.all(Array.from({ length: 3 }, () => claimReplica(new MemoryStorage(disk), 'app', locks)));
      expect(new Set(claims.map((claim) => claim.replica)).size).toBe(3);
      const all = await listReplicas(new MemoryStorage(disk));
      expect(all).toHaveLength(Math.max(pool, 3));
      expect(all).toEqual(expect.arrayContaining([...known, ...claims.map((claim) => claim.replica)]));
      for (const claim of claims) expect(claim.devices).toContain(claim.replica);
    }
  });

  it('frees the id when the session dies, and not before', async () => {
    const disk = new MemoryDisk();
    const locks = new FakeLockManager();
    const living = await claimReplica(new MemoryStorage(disk), 'app', locks);
    const dying = await claimReplica(new MemoryStorage(disk), 'app', locks);
    expect(dying.replica).not.toBe(living.replica);
    dying.release();
    await turn();
    expect((await claimReplica(new MemoryStorage(disk), 'app', locks)).replica).toBe(dying.replica);
  });

  it('keeps the sessions of two stores apart', async () => {
    const locks = new FakeLockManager();
    const replica = newReplicaId();
    for (const name of ['one', 'two']) {
      const storage = new MemoryStorage();
      await addReplica(storage, replica);
      expect((await claimReplica(storage, name, locks)).replica).toBe(replica);
    }
  });

  it('makes a new id each time where there are no locks, or where they are denied', async () => {
    const denied = { request: () => Promise.reject(new DOMException('', 'SecurityError')) } as unknown as LockManager;
    for (const locks of [undefined, denied]) {
      const disk = new MemoryDisk();
      const first = await claimReplica(new MemoryStorage(disk), 'app', locks);
      const second = await claimReplica(new MemoryStorage(disk), 'app', locks);
      expect(second.replica).not.toBe(first.replica);
      expect(second.devices).toEqual([first.replica, second.replica].sort());
    }
  });

  it('has the id on the disk before anybody writes under it', async () => {
    const disk = new SimulatedDisk();
    const { replica } = await claimReplica(disk.open(), 'app', undefined);
    await disk.powerCut();
    expect(await listReplicas(disk.open())).toEqual([replica]);
  });

  it('holds nothing when the id cannot be stored', async () => {
    const locks = new FakeLockManager();
    const storage = new FaultyStorage(new MemoryStorage());
    storage.setPlan(failAt(2));
    await expect(claimReplica(storage, 'app', locks)).rejects.toMatchObject({ code: 'storage_failed' });
    await turn();
    expect((await locks.query()).held).toEqual([]);
  });

  it('lists an id added for a session that had to change its own', async () => {
    const storage = new MemoryStorage();
    const claim = await claimReplica(storage, 'app', undefined);
    const extra = newReplicaId();
    await addReplica(storage, extra);
    expect(await listReplicas(storage)).toEqual([claim.replica, extra].sort());
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
