// The pool of replica ids of this device.
//
// An id belongs to one writing session at a time: two sessions under one id would give the same seq to two
// different ops. Where there are Web Locks, a session claims a free id of the pool and holds its lock until it
// ends, so ids are used again and version vectors stay short; the browser frees the lock of a session that died.
// Without Web Locks nobody can tell whether an id is free, so each session makes a new one.
//
// Each id is a meta key of its own. A list under one key would be read, changed and written by two tabs at once,
// and an id lost that way takes its un-acked ops with it.

import { isReplicaId, newReplicaId, type ReplicaId } from '../core/replica.js';
import type { Storage } from './storage.js';

export interface ReplicaClaim {
  readonly replica: ReplicaId;
  /** Every id this store has ever written under, sorted, `replica` among them. */
  readonly devices: readonly ReplicaId[];
  /** Whether a session before has written under it. */
  readonly isUsed: boolean;
  /** Gives the id back. Nothing may be written under it afterwards. */
  release(): void;
}

const keyPrefix = 'replica/';

/**
 * @param name  of the store: sessions of different stores do not compete
 * @throws HeadwaterError `storage_failed`; no id is held then
 */
export async function claimReplica(storage: Storage, name: string, locks = webLocks()): Promise<ReplicaClaim> {
  const known = await listReplicas(storage);
  for (const replica of locks ? known : []) {
    const release = await tryHold(locks, lockName(name, replica));
    if (release) return { replica, devices: known, isUsed: true, release };
  }
  return claimNew(storage, name, locks);
}

/** Every id this store has ever written under, sorted. */
export async function listReplicas(storage: Storage): Promise<ReplicaId[]> {
  const keys = await storage.metaKeys(keyPrefix);
  return keys.map((key) => key.slice(keyPrefix.length)).filter(isReplicaId);
}

/** Registers one more id; once this resolves, no start of this store will overlook its ops. */
export async function addReplica(storage: Storage, replica: ReplicaId): Promise<void> {
  await storage.writeMeta(keyPrefix + replica, new Uint8Array());
}

async function claimNew(storage: Storage, name: string, locks: LockManager | undefined): Promise<ReplicaClaim> {
  const replica = newReplicaId();
  // Locked before it is listed: another session may see it in the list at once.
  const release = (locks && (await tryHold(locks, lockName(name, replica)))) ?? (() => {});
  try {
    await addReplica(storage, replica);
    return { replica, devices: await listReplicas(storage), isUsed: false, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Resolves to a function that lets go of the lock, or to null when somebody else holds it. */
function tryHold(locks: LockManager | undefined, lock: string): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    const hold = (granted: Lock | null) => new Promise<void>((release) => {
      if (!granted) release();
      resolve(granted ? release : null);
    });
    // A frame that is denied storage rejects here; it then is as if no id were free.
    locks?.request(lock, { ifAvailable: true }, hold).catch(() => resolve(null));
  });
}

function lockName(name: string, replica: ReplicaId): string {
  return `headwater/${name}/replica/${replica}`;
}

/** Newer Node versions have the interface too, but their locks end at the process and a database file does not. */
export function webLocks(): LockManager | undefined {
  const isNode = typeof process !== 'undefined' && process.versions?.node !== undefined;
  return isNode ? undefined : globalThis.navigator?.locks;
}
