// What every storage must do, whatever it keeps its bytes in. Each implementation's test runs this suite.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Random, seedFromEnv } from '../testing/seed.js';
import type { Cursor, Storage, StoredDocument } from './storage.js';

/** How a test reaches under a storage: another handle, a bad disk, a bad moment. */
export interface StorageHarness {
  storage: Storage;
  /** One more handle on the same data, as another tab or the next start has. Earlier handles stay open. */
  reopen(): Promise<Storage>;
  /** Changes a stored byte behind the storage's back. */
  corrupt(document: string, position: number | 'snapshot'): Promise<void>;
  /**
   * Every handle opened so far fails from its n-th access to the disk on (1 is the next), as for a process that
   * died there. Handles opened later work.
   */
  failFrom(step: number): void;
  /** The storage answers in place of a disk that fails, so nobody is told `storage_failed`. */
  absorbsFailures?: boolean;
  /** Of the largest record tried, 5 MB unless given. */
  largeBytes?: number;
}

export function storageConformance(name: string, open: () => Promise<StorageHarness>): void {
  describe(`${name} as a storage`, () => {
    let harness: StorageHarness;
    let storage: Storage;
    let handles: Storage[];

    beforeEach(async () => {
      harness = await open();
      storage = harness.storage;
      handles = [storage];
    });

    afterEach(async () => {
      for (const handle of handles) await handle.close();
    });

    async function reopen(): Promise<Storage> {
      const handle = await harness.reopen();
      handles.push(handle);
      return handle;
    }

    async function append(document: string, ...records: Uint8Array[]): Promise<number[]> {
      return storage.append([{ document, records }]);
    }

    describe('append and load', () => {
      it('answers a load of nothing with nothing', async () => {
        expect(await storage.load('none')).toEqual({ snapshot: null, records: [], cursor: null, quarantined: 0 });
        expect(await storage.documents()).toEqual([]);
      });

      it('gives records back in order, with growing positions, to every later handle', async () => {
        const first = await append('d', bytes(1), bytes(2));
        const second = await append('d', bytes(3));
        const positions = [...first, ...second];
        expect(positions).toHaveLength(3);
        expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
        for (const handle of [storage, await reopen()]) {
          const { records } = await handle.load('d');
          expect(records.map((record) => record.position)).toEqual(positions);
          expect(records.map((record) => [...record.bytes])).toEqual([[1], [2], [3]]);
        }
      });

      it('appends to several documents at once, one position per record', async () => {
        const positions = await storage.append([
          { document: 'b', records: [bytes(1), bytes(2)], cursor: cursorAt(7) },
          { document: 'a', records: [bytes(3)] },
          { document: 'b', records: [bytes(4)] },
        ]);
        const a = await storage.load('a');
        const b = await storage.load('b');
        expect(positions).toEqual([b.records[0].position, b.records[1].position, a.records[0].position, b.records[2].position]);
        expect(contents(b)).toEqual([[1], [2], [4]]);
        expect(b.cursor).toEqual(cursorAt(7));
        expect(a.cursor).toBeNull();
        expect(await storage.documents()).toEqual(['a', 'b']);
      });

      it('stores a cursor without records, and the latest one wins', async () => {
        await storage.append([{ document: 'd', cursor: cursorAt(1) }]);
        await storage.append([{ document: 'd', cursor: cursorAt(2) }]);
        expect(await storage.load('d')).toEqual({ snapshot: null, records: [], cursor: cursorAt(2), quarantined: 0 });
        expect(await storage.documents()).toEqual(['d']);
      });

      it('keeps the order of calls that were not awaited, and a load sees those before it', async () => {
        const calls = Array.from({ length: 50 }, (_, i) => append('d', bytes(i)));
        const loaded = storage.load('d');
        const later = append('d', bytes(99));
        const positions = (await Promise.all(calls)).flat();
        expect(positions).toEqual([...positions].sort((a, b) => a - b));
        expect(contents(await loaded).slice(0, 50)).toEqual(Array.from({ length: 50 }, (_, i) => [i]));
        expect((await later)[0]).toBeGreaterThan(positions[49]);
      });

      it('takes an empty append and an empty record', async () => {
        expect(await storage.append([])).toEqual([]);
        await append('d', bytes());
        expect(contents(await storage.load('d'))).toEqual([[]]);
      });

      it('copies: neither side can change what is stored afterwards', async () => {
        const mine = new Uint8Array([9, 1, 2, 9]);
        const call = append('d', mine.subarray(1, 3));
        mine.fill(0);
        await call;
        (await storage.load('d')).records[0].bytes.fill(5);
        expect(contents(await storage.load('d'))).toEqual([[1, 2]]);
      });

      it('holds a large record', async () => {
        const large = new Uint8Array(harness.largeBytes ?? 5 << 20).map((_, i) => i * 31);
        await append('d', large);
        const { records } = await (await reopen()).load('d');
        expect(Buffer.compare(records[0].bytes, large)).toBe(0);
      });

      it('holds 10,000 records in one document', async () => {
        await append('d', ...Array.from({ length: 10_000 }, (_, i) => bytes(i & 255, i >> 8)));
        const { records } = await storage.load('d');
        expect(records).toHaveLength(10_000);
        expect(records.every(({ bytes: [low, high] }, i) => low + (high << 8) === i)).toBe(true);
      });

      it('tells documents with odd ids apart', async () => {
        const ids = ['', ' ', 'a', 'a\u0000', 'a/b', 'é', 'e\u0301', '👩‍👩‍👧', '__proto__', 'constructor', '[object Object]', '0', '\uffff', 'x'.repeat(2000)];
        for (const [i, id] of ids.entries()) await append(id, bytes(i));
        expect(await storage.documents()).toEqual([...ids].sort());
        for (const [i, id] of ids.entries()) expect(contents(await storage.load(id))).toEqual([[i]]);
      });

      it('refuses what is not bytes before anything is written', async () => {
        const wrong = [{ document: 'd', records: [bytes(1)] }, { document: 'd', records: ['text' as never] }];
        await expect(storage.append(wrong)).rejects.toMatchObject({ code: 'invalid_argument' });
        await expect(storage.append([{ document: 'd', cursor: { epoch: 'e', lsn: 0.5, acked: bytes() } }]))
          .rejects.toMatchObject({ code: 'invalid_argument' });
        expect(await storage.documents()).toEqual([]);
      });
    });

    describe('compaction', () => {
      it('replaces the records through a position by the snapshot', async () => {
        const positions = await append('d', bytes(1), bytes(2), bytes(3));
        await storage.append([{ document: 'd', cursor: cursorAt(3) }]);
        await storage.compact('d', bytes(12), positions[1]);
        const stored = await (await reopen()).load('d');
        expect(stored.snapshot).toEqual(bytes(12));
        expect(stored.records).toEqual([{ position: positions[2], bytes: bytes(3) }]);
        expect(stored.cursor).toEqual(cursorAt(3));
      });

      it('keeps the positions it is told to keep, until they are not', async () => {
        const positions = await append('d', bytes(1), bytes(2), bytes(3), bytes(4));
        await storage.compact('d', bytes(50), positions[3], [positions[1], positions[3]]);
        expect(contents(await storage.load('d'))).toEqual([[2], [4]]);
        await storage.compact('d', bytes(51), positions[3], [positions[3]]);
        expect(contents(await storage.load('d'))).toEqual([[4]]);
        expect((await storage.load('d')).snapshot).toEqual(bytes(51));
      });

      it('never reuses a position, not after a compaction and not after a remove', async () => {
        const used = await append('d', bytes(1), bytes(2));
        await storage.compact('d', bytes(12), used[1]);
        used.push(...(await append('d', bytes(3))));
        await storage.remove('d');
        used.push(...(await (await reopen()).append([{ document: 'd', records: [bytes(4)] }])));
        expect(used).toEqual([...new Set(used)].sort((a, b) => a - b));
      });

      it('loses no append that races with it', async () => {
        const [position] = await append('d', bytes(1));
        const other = await reopen();
        const racing = Array.from({ length: 20 }, (_, i) => (i % 2 ? other : storage).append([{ document: 'd', records: [bytes(100 + i)] }]));
        await Promise.all([storage.compact('d', bytes(11), position), ...racing]);
        const stored = await storage.load('d');
        expect(stored.snapshot).toEqual(bytes(11));
        expect(contents(stored).map(([value]) => value).sort()).toEqual(Array.from({ length: 20 }, (_, i) => 100 + i));
      });

      it('lets the snapshot that reaches further win when two tabs compact', async () => {
        const positions = await append('d', bytes(1), bytes(2), bytes(3));
        const other = await reopen();
        await other.compact('d', bytes(123), positions[2]);
        await storage.compact('d', bytes(12), positions[1]);
        expect(await storage.load('d')).toMatchObject({ snapshot: bytes(123), records: [] });
        await Promise.all([storage.compact('d', bytes(124), positions[2]), other.compact('d', bytes(125), positions[2])]);
        const { snapshot, records } = await storage.load('d');
        expect([[124], [125]]).toContainEqual([...snapshot!]);
        expect(records).toEqual([]);
      });

      it('takes a position beyond the last one for the last one', async () => {
        await append('d', bytes(1));
        await storage.compact('d', bytes(1), 1000);
        const [position] = await append('d', bytes(2));
        expect(contents(await storage.load('d'))).toEqual([[2]]);
        await storage.compact('d', bytes(1, 2), position);
        expect(await storage.load('d')).toMatchObject({ snapshot: bytes(1, 2), records: [] });
      });

      it('loses nothing however several tabs append and compact', async () => {
        const random = new Random(seedFromEnv());
        const tabs = [storage, await reopen(), await reopen()];
        let written = 0;
        const live = async (tab: Storage) => {
          for (let turn = 0; turn < 12; turn++) {
            if (random.chance(0.6)) await tab.append([{ document: 'd', records: [bytes(written++)] }]);
            const stored = await tab.load('d');
            if (random.chance(0.4)) await tab.compact('d', bytes(...covered(stored)), stored.records.at(-1)?.position ?? 0);
          }
        };
        await Promise.all([...tabs, ...tabs].map(live));
        expect(covered(await storage.load('d'))).toEqual(Array.from({ length: written }, (_, i) => i));
      });

      it('loses nothing wherever it is cut off, and the next one completes', async () => {
        for (let step = 1; step <= 6; step++) {
          const document = `cut at ${step}`;
          const positions = await append(document, bytes(1), bytes(2), bytes(3));
          await storage.compact(document, bytes(1), positions[0]);
          harness.failFrom(step);
          await storage.compact(document, bytes(1, 2), positions[1]).catch(() => undefined);
          storage = await reopen();
          const stored = await storage.load(document);
          expect(stored.quarantined).toBe(0);
          expect(covered(stored)).toEqual([1, 2, 3]);
          await storage.compact(document, bytes(1, 2, 3), positions[2]);
          expect(await storage.load(document)).toMatchObject({ snapshot: bytes(1, 2, 3), records: [] });
        }
      });
    });

    describe('corruption', () => {
      it('sets a corrupt record aside and gives the rest', async () => {
        const positions = await append('d', bytes(1, 1), bytes(2, 2), bytes(3, 3));
        await append('other', bytes(4));
        await harness.corrupt('d', positions[1]);
        const handle = await reopen();
        const stored = await handle.load('d');
        expect(contents(stored)).toEqual([[1, 1], [3, 3]]);
        expect(stored.quarantined).toBe(1);
        const [aside, ...more] = await handle.quarantine();
        expect(more).toEqual([]);
        expect(aside).toMatchObject({ document: 'd', reason: expect.stringContaining('checksum') });
        expect(aside.bytes).toHaveLength(2);
        expect((await handle.load('other')).quarantined).toBe(0);
        expect(await handle.load('d')).toMatchObject({ quarantined: 0, records: stored.records });
      });

      it('takes back the promise of the cursor, as the log now has a hole', async () => {
        const [position] = await append('d', bytes(1));
        await storage.append([{ document: 'd', records: [bytes(2)], cursor: cursorAt(9) }]);
        await harness.corrupt('d', position);
        const rewound = { ...cursorAt(9), lsn: 0 };
        expect((await storage.load('d')).cursor).toEqual(rewound);
        expect((await (await reopen()).load('d')).cursor).toEqual(rewound);
      });

      it('sets a corrupt snapshot aside and gives the records', async () => {
        const positions = await append('d', bytes(1), bytes(2));
        await storage.compact('d', bytes(1), positions[0]);
        await harness.corrupt('d', 'snapshot');
        const stored = await storage.load('d');
        expect(stored).toMatchObject({ snapshot: null, quarantined: 1 });
        expect(contents(stored)).toEqual([[2]]);
        expect(await storage.quarantine()).toMatchObject([{ document: 'd', reason: expect.stringContaining('snapshot') }]);
        await storage.compact('d', bytes(2), positions[1]);
        expect(await storage.load('d')).toMatchObject({ snapshot: bytes(2), records: [], quarantined: 0 });
      });

      it('can be appended to afterwards, and keeps the quarantine when the document is removed', async () => {
        const [position] = await append('d', bytes(1));
        await harness.corrupt('d', position);
        await storage.load('d');
        await append('d', bytes(2));
        expect(contents(await storage.load('d'))).toEqual([[2]]);
        await storage.remove('d');
        expect(await storage.quarantine()).toHaveLength(1);
      });
    });

    describe('remove and meta', () => {
      it('removes one document and leaves the others', async () => {
        const [position] = await append('gone', bytes(1));
        await storage.compact('gone', bytes(1), position);
        await storage.append([{ document: 'gone', records: [bytes(2)], cursor: cursorAt(4) }, { document: 'stays', records: [bytes(3)] }]);
        await storage.remove('gone');
        await storage.remove('never there');
        expect(await storage.documents()).toEqual(['stays']);
        expect(await storage.load('gone')).toEqual({ snapshot: null, records: [], cursor: null, quarantined: 0 });
        expect(contents(await storage.load('stays'))).toEqual([[3]]);
      });

      it('does not let a remove reach an append asked for after it', async () => {
        void append('d', bytes(1));
        void storage.remove('d');
        void append('d', bytes(2));
        expect(contents(await storage.load('d'))).toEqual([[2]]);
      });

      it('keeps small values by key, and lists the keys of a prefix', async () => {
        expect(await storage.readMeta('x/1')).toBeUndefined();
        await storage.writeMeta('x/1', bytes(1));
        await storage.writeMeta('x/1', bytes(2));
        await storage.writeMeta('x/0', bytes());
        await storage.writeMeta('y', bytes(3));
        const handle = await reopen();
        expect(await handle.readMeta('x/1')).toEqual(bytes(2));
        expect(await handle.readMeta('x/0')).toEqual(bytes());
        expect(await handle.metaKeys('x/')).toEqual(['x/0', 'x/1']);
        expect(await handle.documents()).toEqual([]);
      });

      it('removes a key that is set to null', async () => {
        await storage.writeMeta('x/1', bytes(1));
        await storage.writeMeta('x/1', null);
        await storage.writeMeta('never there', null);
        const handle = await reopen();
        expect(await handle.readMeta('x/1')).toBeUndefined();
        expect(await handle.metaKeys('')).toEqual([]);
      });
    });

    describe('meta that goes with an append', () => {
      it('is stored with it and removed with it, whatever else the append holds', async () => {
        await storage.writeMeta('x/old', bytes(1));
        await storage.append([
          { document: 'd', records: [bytes(1)], meta: [['x/1', bytes(7)], ['x/old', null], ['never there', null]] },
          { document: 'd', meta: [['x/2', bytes()], ['x/1', bytes(8)]] },
        ], { strict: true });
        for (const handle of [storage, await reopen()]) {
          expect(await handle.metaKeys('x/')).toEqual(['x/1', 'x/2']);
          expect(await handle.readMeta('x/1')).toEqual(bytes(8));
          expect(await handle.readMeta('x/2')).toEqual(bytes());
          expect(contents(await handle.load('d'))).toEqual([[1]]);
        }
      });

      it('keeps the order of calls that were not awaited, with other meta and other appends', async () => {
        const value = new Uint8Array([1]);
        void storage.append([{ document: 'd', meta: [['x', value]] }]);
        value.fill(9);
        void storage.writeMeta('x', null);
        void storage.append([{ document: 'd', records: [bytes(1)] }]);
        void storage.append([{ document: 'e', meta: [['x', bytes(2)]] }]);
        expect(await storage.readMeta('x')).toEqual(bytes(2));
        void storage.append([{ document: 'e', meta: [['x', null]] }]);
        expect(await storage.readMeta('x')).toBeUndefined();
      });

      it('is there exactly when the records are, wherever the process dies', async () => {
        if (harness.absorbsFailures) return;
        let isCut = true;
        for (let step = 1; isCut; step++) {
          const [document, key] = [`d${step}`, `x/${step}`];
          await storage.writeMeta(`${key}/old`, bytes(1));
          harness.failFrom(step);
          isCut = await storage.append([{ document, records: [bytes(1)], meta: [[key, bytes(2)], [`${key}/old`, null]] }]).then(() => false, () => true);
          storage = await reopen();
          const isThere = (await storage.load(document)).records.length === 1;
          expect(await storage.metaKeys(`${key}`)).toEqual(isThere ? [key] : [`${key}/old`]);
        }
      });
    });

    describe('handles', () => {
      it('lets two handles append to one document at the same time', async () => {
        const other = await reopen();
        const calls = Array.from({ length: 40 }, (_, i) => (i % 2 ? other : storage).append([{ document: 'd', records: [bytes(i)] }]));
        const positions = (await Promise.all(calls)).flat();
        expect(new Set(positions).size).toBe(40);
        expect(contents(await other.load('d')).map(([value]) => value).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i));
      });

      it('writes what was asked before close, and answers `closed` after', async () => {
        const calls = Array.from({ length: 5 }, (_, i) => append('d', bytes(i)));
        await Promise.all([storage.close(), ...calls]);
        await storage.close();
        const uses = [
          () => append('d', bytes(1)), () => storage.load('d'), () => storage.documents(), () => storage.quarantine(),
          () => storage.compact('d', bytes(1), 1), () => storage.remove('d'), () => storage.readMeta('k'),
          () => storage.writeMeta('k', bytes(1)), () => storage.metaKeys(''),
        ];
        for (const use of uses) await expect(use()).rejects.toMatchObject({ code: 'closed' });
        expect((await (await reopen()).load('d')).records).toHaveLength(5);
      });

      it('answers a failed write with `storage_failed` and leaves nothing of it', async () => {
        await storage.append([{ document: 'd', records: [bytes(1)], cursor: cursorAt(1) }]);
        if (harness.absorbsFailures) return;
        harness.failFrom(1);
        const write = storage.append([{ document: 'd', records: [bytes(2)], cursor: cursorAt(2) }, { document: 'e', records: [bytes(3)] }]);
        await expect(write).rejects.toMatchObject({ name: 'HeadwaterError', code: 'storage_failed' });
        await expect(storage.writeMeta('k', bytes(1))).rejects.toMatchObject({ code: 'storage_failed' });
        const handle = await reopen();
        expect(await handle.load('d')).toMatchObject({ records: [{ bytes: bytes(1) }], cursor: cursorAt(1) });
        expect(await handle.documents()).toEqual(['d']);
        expect(await handle.readMeta('k')).toBeUndefined();
      });
    });
  });
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values);
}

function cursorAt(lsn: number): Cursor {
  return { epoch: 'epoch', lsn, acked: bytes(1, 2, lsn) };
}

function contents(stored: StoredDocument): number[][] {
  return stored.records.map((record) => [...record.bytes]);
}

/** What a reader of snapshot and records knows, where each byte stands for one op. */
function covered(stored: StoredDocument): number[] {
  return [...new Set([...(stored.snapshot ?? []), ...contents(stored).flat()])].sort((a, b) => a - b);
}
