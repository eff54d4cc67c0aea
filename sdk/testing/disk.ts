// A device's disk under a simulator: what survives the death of a process, and what survives a power cut.
//
// A process that dies loses what it had not committed. A power cut may also lose committed writes, but never one
// that was strict, never one before a strict one, and always a suffix: a disk does not keep a later commit and
// drop an earlier one.

import { MemoryDisk, MemoryStorage } from '../storage/memory.js';
import { copyAppends } from '../storage/sealed.js';
import type { Append, Storage } from '../storage/storage.js';
import { FaultyStorage } from './faults.js';

type Commit = (storage: Storage) => Promise<unknown>;

export class SimulatedDisk {
  private live = new MemoryDisk();
  /** What is certainly on the disk, and the commits since, which a power cut may undo from the end. */
  private synced = new MemoryStorage();
  private unsynced: Commit[] = [];
  private handles: FaultyStorage[] = [];

  /** A handle as a new process gets it. */
  open(): FaultyStorage {
    const handle = new FaultyStorage(new JournaledStorage(this.live, (commit, strict) => this.record(commit, strict)));
    this.handles.push(handle);
    return handle;
  }

  get unsyncedCount(): number {
    return this.unsynced.length;
  }

  /** Every process dies: their calls are never answered, and none of them reaches the disk any more. */
  kill(): void {
    for (const handle of this.handles) handle.setPlan(() => 'hang');
    this.handles = [];
  }

  /** Kills, and keeps only the first `kept` of the commits that were not yet synced. */
  async powerCut(kept = 0): Promise<void> {
    this.kill();
    this.sync(kept);
    this.unsynced = [];
    this.live = this.synced.disk;
    this.synced = new MemoryStorage(cloneDisk(this.live));
  }

  private record(commit: Commit, strict: boolean): void {
    this.unsynced.push(commit);
    if (strict) this.sync(this.unsynced.length);
  }

  /** MemoryStorage changes its disk before it returns, so replaying needs no wait. */
  private sync(count: number): void {
    for (const commit of this.unsynced.splice(0, count)) void commit(this.synced);
  }
}

/** A memory storage that tells which commits it made, and whether they had to be on the disk. */
class JournaledStorage extends MemoryStorage {
  constructor(disk: MemoryDisk, private readonly record: (commit: Commit, strict: boolean) => void) {
    super(disk);
  }

  override async append(writes: Append[], options: { strict?: boolean } = {}): Promise<number[]> {
    const own = copyAppends(writes);
    const positions = await super.append(own);
    this.record((storage) => storage.append(own), options.strict === true);
    return positions;
  }

  override async compact(document: string, snapshot: Uint8Array, through: number, keep: readonly number[] = []): Promise<void> {
    const own = snapshot.slice();
    await super.compact(document, own, through, keep);
    this.record((storage) => storage.compact(document, own, through, keep), true);
  }

  override async remove(document: string): Promise<void> {
    await super.remove(document);
    this.record((storage) => storage.remove(document), true);
  }

  override async writeMeta(key: string, value: Uint8Array | null): Promise<void> {
    const own = value && value.slice();
    await super.writeMeta(key, own);
    this.record((storage) => storage.writeMeta(key, own), true);
  }
}

function cloneDisk(disk: MemoryDisk): MemoryDisk {
  return Object.assign(new MemoryDisk(), structuredClone({ ...disk }));
}

/** Flips one bit where a disk would: under the checksum. */
export function corruptDisk(disk: MemoryDisk, document: string, position: number | 'snapshot'): void {
  const shelf = disk.shelves.get(document);
  const sealed = position === 'snapshot' ? shelf?.snapshot : shelf?.records.find((record) => record.position === position);
  if (!sealed) throw new Error(`nothing is stored of ${document} at ${position}`);
  if (sealed.bytes.length > 0) sealed.bytes[sealed.bytes.length >> 1] ^= 1;
  else sealed.checksum ^= 1;
}
