// Disks as processes see them that die at their n-th step: in memory with a power that fails, in IndexedDB, in SQLite.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DexieStorage } from '../../storage/dexie.js';
import { openFile } from '../../storage/sqlite-file.js';
import { SqliteStorage } from '../../storage/sqlite.js';
import type { Storage } from '../../storage/storage.js';
import { SimulatedDisk } from '../../testing/disk.js';
import { FaultyIndexedDB } from '../../testing/indexeddb.js';
import { FaultySqlite } from '../../testing/sqlite.js';

/** What a device keeps its bytes in, as processes see it that die at their n-th step. */
export interface Disk {
  open(diesAt: number): { storage: Storage; steps(): number };
  /** The process is gone, and so is what such a disk may forget with it. */
  died(): Promise<void>;
}

export const never = Number.POSITIVE_INFINITY;

export function memory(keptOf: (unsynced: number) => number): Disk {
  const disk = new SimulatedDisk();
  return {
    open(diesAt) {
      const storage = disk.open();
      let steps = 0;
      // Each call twice: before it is done, and when it is done but not answered.
      storage.setPlan(() => (steps += 2, steps >= diesAt ? (steps === diesAt ? 'lostAnswer' : 'failure') : null));
      return { storage, steps: () => steps };
    },
    died: () => disk.powerCut(keptOf(disk.unsyncedCount)),
  };
}

export function indexeddb(): Disk {
  const disk = new FaultyIndexedDB();
  return {
    open(diesAt) {
      const environment = disk.sibling();
      environment.setPlan((step) => (step >= diesAt ? { throws: 'UnknownError' } : null));
      return { storage: new DexieStorage('db', { ...environment, backoffMs: [] }), steps: () => environment.stepCount };
    },
    died: async () => {},
  };
}

let files = 0;
let folder: string | undefined;

export function sqlite(): Disk {
  folder ??= mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'headwater-crash-'));
  const path = join(folder, `${++files}.db`);
  return {
    open(diesAt) {
      const faulty = new FaultySqlite(() => openFile(path));
      faulty.setPlan((step) => (step >= diesAt ? 'UnknownError' : null));
      return { storage: new SqliteStorage(faulty.connect, { backoffMs: [] }), steps: () => faulty.steps };
    },
    died: async () => {},
  };
}

/** When the tests are over. */
export function removeDisks(): void {
  if (folder) rmSync(folder, { recursive: true, force: true });
}
