import { describe, expect, it } from '@jest/globals';
import { createDocument } from '../index.js';
import { newReplicaId } from '../core/replica.js';
import { MemoryStorage } from '../storage/memory.js';
import { splitUpdate } from './blocks.js';
import { Document } from './document.js';
import { Replication, type ReplicationHost } from './replication.js';

// What a whole client over a real server cannot be made to meet: a log entry that fails in the middle of a frame.

function setup() {
  const storage = new MemoryStorage();
  const replica = newReplicaId();
  const failures: string[] = [];
  const host: ReplicationHost = {
    storage, replica, hasServer: true, newReplica: newReplicaId, alone: (_, work) => work(),
    durable: async () => {}, isUnread: () => false, isDegraded: () => false, isAuthor: (id) => id === replica, rewriteHeld: async () => true, isRemoved: async () => false,
    startSync() {}, push() {}, stopSync() {}, isLive: () => false, markPending: async () => {}, reserveClock: async () => {}, isSending: true,
    changed() {}, refused: () => [], noted() {}, closed() {}, grew() {}, failed: (error) => failures.push(error.code),
  };
  const document = new Document('d', replica);
  const replication = new Replication(document, host, { isReplicaUsed: false, after: Promise.resolve() });
  return { storage, document, replication, failures };
}

function twoEntries(): [Uint8Array, Uint8Array] {
  const peer = createDocument();
  peer.set('a', 1);
  const first = peer.export();
  const version = peer.version();
  peer.set('b', 2);
  return [first, peer.export(version)];
}

describe('a frame of which the second entry is bad', () => {
  it('leaves the position where it was, and what was applied is stored once, not lost to the next try', async () => {
    const { storage, document, replication, failures } = setup();
    await replication.ready;
    const [first, second] = twoEntries();
    const bad = second.slice();
    bad[bad.length - 1] = 250;
    expect(() => replication.exchange.receive(Uint8Array.from([...first, ...bad]), { epoch: 'e', lsn: 2 })).toThrow(expect.objectContaining({ code: 'invalid_update' }));
    expect(document.get()).toEqual({ a: 1 });
    await replication.recorder.idle;
    expect((await storage.load('d')).cursor).toBeNull();
    replication.exchange.receive(Uint8Array.from([...first, ...second]), { epoch: 'e', lsn: 2 });
    await replication.recorder.idle;
    const stored = await storage.load('d');
    expect(stored.records.flatMap(({ bytes }) => splitUpdate(bytes)).map(({ seqFrom }) => seqFrom)).toEqual([1, 2]);
    expect([stored.cursor?.lsn, failures]).toEqual([2, []]);
    document.close();
  });
});
