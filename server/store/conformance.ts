// What every store must do, whatever it runs on. Each implementation's test file calls this with a way to open
// one; `reopen` opens the same database again, as after a crash.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Append, Store } from './store.js';

export interface StoreUnderTest {
  store: Store;
  reopen(): Promise<Store>;
  /** Damages the stored bytes of one record behind the store's back. */
  corrupt(kind: 'log' | 'snapshot', document: string, lsn: number): Promise<void>;
  dispose(): Promise<void>;
}

export const ada = 'aaaaaaaaaaaaaaaa';
export const bob = 'bbbbbbbbbbbbbbbb';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const utf8 = (string: string) => new TextEncoder().encode(string);

export function entry(document: string, replica: string, seqFrom: number, bytes: string, seqTo = seqFrom): Append {
  return { document, replica, seqFrom, seqTo, bytes: utf8(bytes) };
}

export function storeConformance(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`store: ${name}`, () => {
    let subject: StoreUnderTest;
    let store: Store;

    beforeEach(async () => {
      subject = await open();
      store = subject.store;
    });
    afterEach(() => subject.dispose());

    const read = async (document: string, lsn = 0, bytesMax = 1 << 20) => {
      const slice = await store.readSince(document, lsn, bytesMax);
      return { ...slice, bytes: text(slice.bytes) };
    };

    /** The whole log may be a moment behind, while anybody in the database has something open. */
    const readAll = async (position: number, rowsMax: number, count: number) => {
      for (let i = 0; ; i += 1) {
        const entries = await store.readAll(position, rowsMax);
        if (entries.length >= count || i === 500) return entries;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };

    it('starts empty: head 0, no snapshot, nothing to read', async () => {
      expect(await store.head('a')).toBe(0);
      expect(await store.readSnapshot('a')).toBeNull();
      expect(await read('a')).toEqual({ first: 1, last: 0, bytes: '', corrupt: null });
      expect(await store.listDocuments('', 10)).toEqual([]);
    });

    it('numbers the entries of each document densely, in the order given', async () => {
      const answers = await store.append([
        entry('a', ada, 1, 'one'), entry('b', ada, 1, 'uno'), entry('a', bob, 1, 'two'), entry('a', ada, 2, 'three', 5),
      ]);
      expect(answers.map((answer) => [answer.outcome, answer.lsn])).toEqual([
        ['appended', 1], ['appended', 1], ['appended', 2], ['appended', 3],
      ]);
      expect(await store.head('a')).toBe(3);
      expect(await read('a')).toEqual({ first: 1, last: 3, bytes: 'onetwothree', corrupt: null });
      expect(await read('a', 1)).toEqual({ first: 2, last: 3, bytes: 'twothree', corrupt: null });
      expect(await store.heads(['b', 'unknown', 'a', 'b'])).toEqual([1, 0, 3, 1]);
      expect(await store.heads([])).toEqual([]);
    });

    it('takes ids with quotes, backslashes, braces and letters beyond the basic plane', async () => {
      const ids = ['"', '\\', '\\"', '{}', 'null', 'NULL', ',', ' ', 'ä', '\u{1f600}', '\uffee', '\'; drop table documents'];
      const answers = await store.append(ids.map((id) => entry(id, ada, 1, id)));
      expect(answers.map(({ lsn }) => lsn)).toEqual(ids.map(() => 1));
      expect(await store.heads(ids)).toEqual(ids.map(() => 1));
      for (const id of ids) expect((await read(id)).bytes).toBe(id);
      const listed = (await store.listDocuments('', 100)).map(({ id }) => id);
      expect(listed).toEqual([...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    });

    it('reads the log of all documents in the order it came, from any position', async () => {
      await store.append([entry('a', ada, 1, 'one'), entry('b', ada, 1, 'uno', 3)]);
      await store.append([{ ...entry('b', ada, 4, 'void'), voidCode: 'clock_drift' }, entry('a', bob, 1, 'two')]);
      const all = await readAll(0, 10, 4);
      expect(all.map(({ document, lsn, bytes, seqFrom, seqTo, voidCode }) => [document, lsn, text(bytes), seqFrom, seqTo, voidCode])).toEqual([
        ['a', 1, 'one', 1, 1, null], ['b', 1, 'uno', 1, 3, null], ['b', 2, 'void', 4, 4, 'clock_drift'], ['a', 2, 'two', 1, 1, null],
      ]);
      expect(await store.readAll(all[0].position, 2)).toEqual(all.slice(1, 3));
      expect(await store.readAll(all[3].position, 10)).toEqual([]);
      await store.append([entry('a', bob, 2, 'three')]);
      expect((await readAll(all[3].position, 10, 1)).map(({ bytes }) => text(bytes))).toEqual(['three']);
    });

    it('answers a repeated append without logging it twice', async () => {
      await store.append([entry('a', ada, 1, 'one', 3)]);
      expect(await store.append([entry('a', ada, 1, 'one', 3), entry('a', ada, 4, 'two')])).toEqual([
        { outcome: 'duplicate', lsn: 0 }, { outcome: 'appended', lsn: 2 },
      ]);
      expect((await read('a')).bytes).toBe('onetwo');
    });

    it('notices a replica that writes other bytes under seqs it has used', async () => {
      await store.append([entry('a', ada, 1, 'one')]);
      expect(await store.append([entry('a', ada, 1, 'eno')])).toEqual([{ outcome: 'conflict', lsn: 0 }]);
      expect((await read('a')).bytes).toBe('one');
    });

    it('logs nothing after a hole in a replica’s seqs', async () => {
      expect(await store.append([entry('a', ada, 2, 'two')])).toEqual([{ outcome: 'gap', lsn: 0 }]);
      expect(await store.head('a')).toBe(0);
    });

    it('logs nothing of a document after a refused entry in the same group, for it may build on it', async () => {
      const answers = await store.append([
        entry('a', ada, 2, 'hole'), entry('a', bob, 1, 'on the hole'), entry('b', bob, 1, 'elsewhere'),
      ]);
      expect(answers.map((answer) => answer.outcome)).toEqual(['gap', 'gap', 'appended']);
      expect(await store.head('a')).toBe(0);
    });

    it('takes a batch that repeats some seqs and adds more', async () => {
      await store.append([entry('a', ada, 1, 'one', 2)]);
      expect(await store.append([entry('a', ada, 1, 'one and more', 4)])).toEqual([{ outcome: 'appended', lsn: 2 }]);
      expect(await store.append([entry('a', ada, 3, 'more', 4)])).toEqual([{ outcome: 'duplicate', lsn: 0 }]);
    });

    it('tells in one group what is new from what is repeated, in the log and in the group itself', async () => {
      await store.append([entry('a', ada, 1, 'one'), entry('b', ada, 1, 'uno')]);
      const answers = await store.append([
        entry('a', ada, 1, 'one'), entry('a', ada, 2, 'two'), entry('a', ada, 2, 'two'), entry('a', bob, 1, 'new'),
        entry('b', ada, 1, 'other'), entry('b', ada, 2, 'behind a conflict'), entry('c', ada, 1, 'fine'), entry('a', bob, 1, 'other'),
        entry('a', bob, 2, 'behind a conflict'),
      ]);
      expect(answers.map(({ outcome, lsn }) => `${outcome} ${lsn}`)).toEqual([
        'duplicate 0', 'appended 2', 'duplicate 0', 'appended 3', 'conflict 0', 'gap 0', 'appended 1', 'conflict 0', 'gap 0',
      ]);
      expect(await store.heads(['a', 'b', 'c'])).toEqual([3, 1, 1]);
      expect((await read('a')).bytes).toBe('onetwonew');
    });

    it('appends nothing for an empty group', async () => {
      expect(await store.append([])).toEqual([]);
    });

    it('remembers what a void stands for', async () => {
      await store.append([entry('a', ada, 1, 'one'), { ...entry('a', ada, 2, 'void', 4), voidCode: 'clock_drift' }]);
      expect(await store.findRange('a', ada, 2, 4)).toMatchObject({ lsn: 2, voidCode: 'clock_drift' });
      expect(await store.findRange('a', ada, 1, 1)).toMatchObject({ lsn: 1, voidCode: null });
      expect(await store.findRange('a', ada, 2, 3)).toBeNull();
    });

    it('reads in pieces of at most bytesMax, and one entry when even that is bigger', async () => {
      await store.append([entry('a', ada, 1, '12345'), entry('a', ada, 2, '67890'), entry('a', ada, 3, 'x')]);
      expect(await read('a', 0, 10)).toEqual({ first: 1, last: 2, bytes: '1234567890', corrupt: null });
      expect(await read('a', 0, 9)).toEqual({ first: 1, last: 1, bytes: '12345', corrupt: null });
      expect(await read('a', 0, 1)).toEqual({ first: 1, last: 1, bytes: '12345', corrupt: null });
      expect(await store.readSince('a', 0, 100, 2)).toMatchObject({ first: 1, last: 2 });
      expect(await store.bytesSince('a', 0)).toBe(11);
      expect(await store.bytesSince('a', 2)).toBe(1);
      expect(await store.bytesSince('a', 3)).toBe(0);
    });

    it('keeps everything, and its epoch, across a reopen', async () => {
      await store.append([entry('a', ada, 1, 'one')]);
      await store.writeSnapshot('a', 1, utf8('state'));
      const { epoch } = store;
      store = await subject.reopen();
      expect(store.epoch).toBe(epoch);
      expect(await store.append([entry('a', ada, 1, 'one'), entry('a', ada, 2, 'two')])).toEqual([
        { outcome: 'duplicate', lsn: 0 }, { outcome: 'appended', lsn: 2 },
      ]);
      expect(text((await store.readSnapshot('a'))!.bytes)).toBe('state');
    });

    it('gives the newest snapshot', async () => {
      await store.append([entry('a', ada, 1, 'one'), entry('a', ada, 2, 'two')]);
      await store.writeSnapshot('a', 1, utf8('old'));
      await store.writeSnapshot('a', 2, utf8('new'));
      expect(await store.readSnapshot('a')).toEqual({ lsn: 2, bytes: expect.anything() });
      expect(text((await store.readSnapshot('a'))!.bytes)).toBe('new');
    });

    it('lists documents by id, in pages', async () => {
      await store.append(['c', 'a', 'b'].map((id) => entry(id, ada, 1, id)));
      await store.writeSnapshot('b', 1, utf8('state'));
      expect(await store.listDocuments('', 2)).toEqual([
        { id: 'a', lsn: 1, snapshotLsn: 0 }, { id: 'b', lsn: 1, snapshotLsn: 1 },
      ]);
      expect(await store.listDocuments('b', 2)).toEqual([{ id: 'c', lsn: 1, snapshotLsn: 0 }]);
    });

    it('reads up to a corrupt entry, keeps a copy of it, and serves other documents as before', async () => {
      await store.append([
        entry('a', ada, 1, 'one'), entry('a', ada, 2, 'two'), entry('a', ada, 3, 'three'), entry('b', ada, 1, 'fine'),
      ]);
      await subject.corrupt('log', 'a', 2);
      expect(await read('a')).toEqual({ first: 1, last: 1, bytes: 'one', corrupt: 2 });
      expect(await read('a', 1)).toEqual({ first: 2, last: 1, bytes: '', corrupt: 2 });
      expect(await read('a', 2)).toEqual({ first: 3, last: 3, bytes: 'three', corrupt: null });
      expect((await readAll(0, 10, 4)).map(({ isCorrupt }) => isCorrupt)).toEqual([false, true, false, false]);
      expect((await read('b')).bytes).toBe('fine');
      expect(await store.corruptRecords()).toMatchObject([{ document: 'a', kind: 'log', lsn: 2 }]);
      expect(await store.head('a')).toBe(3);
    });

    it('does not serve a corrupt snapshot', async () => {
      await store.append([entry('a', ada, 1, 'one')]);
      await store.writeSnapshot('a', 1, utf8('state'));
      await subject.corrupt('snapshot', 'a', 1);
      expect(await store.readSnapshot('a')).toBeNull();
      expect(await store.corruptRecords()).toMatchObject([{ document: 'a', kind: 'snapshot', lsn: 1 }]);
    });

    it('commits groups in the order they were given, without waiting in between', async () => {
      const groups = Array.from({ length: 50 }, (_, i) => store.append([entry('a', ada, i + 1, `${i},`)]));
      const answers = (await Promise.all(groups)).flat();
      expect(answers.map((answer) => answer.lsn)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    });

    it('tells who wrote what and when, and where the log stood at a time', async () => {
      const before = Date.now();
      await store.append([entry('a', ada, 1, 'one', 3), { ...entry('a', bob, 1, 'no'), voidCode: 'too_large' }]);
      await new Promise((resolve) => setTimeout(resolve, 30));
      const between = Date.now();
      await new Promise((resolve) => setTimeout(resolve, 30));
      await store.append([entry('a', ada, 4, 'three')]);
      const history = await store.readHistory('a', 0, 10);
      expect(history).toMatchObject([
        { lsn: 1, replica: ada, seqFrom: 1, seqTo: 3, voidCode: null, bytes: 3 },
        { lsn: 2, replica: bob, seqFrom: 1, seqTo: 1, voidCode: 'too_large', bytes: 2 },
        { lsn: 3, replica: ada, seqFrom: 4, seqTo: 4, voidCode: null, bytes: 5 },
      ]);
      for (const { atMs } of history) expect(Math.abs(atMs - before)).toBeLessThan(10_000);
      expect((await store.readHistory('a', 1, 1)).map(({ lsn }) => lsn)).toEqual([2]);
      expect([await store.readHistory('a', 3, 10), await store.readHistory('nowhere', 0, 10)]).toEqual([[], []]);
      const times = [before - 60_000, between, Date.now() + 60_000, history[2].atMs];
      expect(await Promise.all(times.map((time) => store.lsnAt('a', time)))).toEqual([0, 2, 3, 3]);
      expect(await store.lsnAt('nowhere', between)).toBe(0);
    });

    describe('compaction', () => {
      const later = () => Date.now() + 60_000;
      const hour = 3_600_000;

      /** Six entries by two authors, with snapshots at the given LSNs. */
      async function grown(...snapshots: number[]): Promise<void> {
        for (let lsn = 1; lsn <= 6; lsn += 1) {
          await store.append([entry('a', lsn % 2 === 0 ? bob : ada, Math.ceil(lsn / 2), `${lsn}`)]);
          if (snapshots.includes(lsn)) await store.writeSnapshot('a', lsn, utf8(`state ${lsn}`));
        }
      }

      it('lets go of what a snapshot of that age stands for, and says from where the log goes on', async () => {
        await grown(4);
        expect(await store.findCompactable(later(), 10)).toEqual(['a']);
        expect(await store.compact('a', later(), 100)).toBe(4);
        expect(await store.compact('a', later(), 100)).toBe(4);
        expect(await store.findCompactable(later(), 10)).toEqual([]);
        expect(await read('a', 4)).toEqual({ first: 5, last: 6, bytes: '56', corrupt: null });
        expect(await read('a', 6)).toEqual({ first: 7, last: 6, bytes: '', corrupt: null });
        for (const lsn of [0, 3]) await expect(read('a', lsn)).rejects.toMatchObject({ code: 'history_compacted', details: { lsn: 4 } });
        expect(await store.readSnapshot('a')).toEqual({ lsn: 4, bytes: utf8('state 4') });
        expect([await store.head('a'), await store.bytesSince('a', 4)]).toEqual([6, 2]);
        expect((await readAll(0, 10, 2)).map(({ lsn }) => lsn)).toEqual([5, 6]);
      });

      it('keeps what is younger, and all of it where no snapshot stands for it', async () => {
        await grown(4);
        expect(await store.findCompactable(Date.now() - hour, 10)).toEqual([]);
        expect(await store.compact('a', Date.now() - hour, 100)).toBe(0);
        await store.append([entry('b', ada, 1, 'one')]);
        expect(await store.compact('b', later(), 100)).toBe(0);
        expect(await store.compact('nowhere', later(), 100)).toBe(0);
        expect((await read('a')).bytes + (await read('b')).bytes).toBe('123456one');
      });

      it('goes in pieces, each of which is whole', async () => {
        await grown(5);
        for (const floor of [2, 4, 5, 5]) {
          expect(await store.compact('a', later(), 2)).toBe(floor);
          expect((await read('a', floor)).bytes).toBe('123456'.slice(floor));
          expect(await store.readSnapshot('a')).toEqual({ lsn: 5, bytes: utf8('state 5') });
        }
      });

      it('knows what it had: dense seqs, repeated appends, and that it cannot compare any more', async () => {
        await grown(4);
        await store.compact('a', later(), 100);
        store = await subject.reopen();
        expect(await store.append([entry('a', ada, 1, '1'), entry('a', bob, 3, '6')])).toMatchObject([{ outcome: 'duplicate' }, { outcome: 'duplicate' }]);
        expect(await store.append([entry('a', ada, 5, 'gap')])).toMatchObject([{ outcome: 'gap' }]);
        expect(await store.append([entry('a', ada, 4, '7')])).toMatchObject([{ outcome: 'appended', lsn: 7 }]);
        expect(await store.findRange('a', ada, 1, 1)).toBe('compacted');
        expect(await store.findRange('a', ada, 2, 2)).toBe('compacted');
        expect(await store.findRange('a', ada, 3, 3)).toMatchObject({ lsn: 5 });
        expect(await store.findRange('a', ada, 9, 9)).toBeNull();
      });

      it('begins the log with a snapshot, keeps the newest, and one between that grows old', async () => {
        await grown(1, 2, 3);
        expect([await store.readSnapshot('a', 1), await store.readSnapshot('a', 2)]).toMatchObject([{ lsn: 1 }, { lsn: 1 }]);
        await store.compact('a', later(), 100);
        await store.append([entry('a', ada, 4, '7')]);
        for (const lsn of [5, 6, 7]) await store.writeSnapshot('a', lsn, utf8(`state ${lsn}`));
        const kept = await Promise.all([3, 4, 5, 6, 7].map(async (lsn) => (await store.readSnapshot('a', lsn))?.lsn));
        expect(kept).toEqual([3, 3, 5, 5, 7]);
        await store.compact('a', later(), 100);
        expect(await Promise.all([6, 7].map(async (lsn) => (await store.readSnapshot('a', lsn))?.lsn))).toEqual([undefined, 7]);
      });

      it('does not trust a damaged snapshot: the log stays until a good one is old enough', async () => {
        await grown(3);
        await subject.corrupt('snapshot', 'a', 3);
        expect(await store.compact('a', later(), 100)).toBe(0);
        expect(await store.findCompactable(later(), 10)).toEqual([]);
        expect((await read('a')).bytes).toBe('123456');
        await store.writeSnapshot('a', 6, utf8('state 6'));
        expect(await store.compact('a', later(), 100)).toBe(6);
      });

      it('is not undone by a snapshot that comes late', async () => {
        await grown(6);
        await store.compact('a', later(), 100);
        await store.writeSnapshot('a', 2, utf8('late'));
        expect(await store.compact('a', later(), 100)).toBe(6);
        expect(await store.findCompactable(later(), 10)).toEqual([]);
        expect(await store.readSnapshot('a')).toMatchObject({ lsn: 6 });
      });
    });

    it('keeps what admins decide about a document, by user, also before there is one', async () => {
      expect([...(await store.readAcl('a'))]).toEqual([]);
      await store.writeAcl('a', 'ann', 'write');
      await store.writeAcl('a', '__proto__', 'none');
      await store.writeAcl('a', 'ann', 'read');
      await store.writeAcl('b', '*', 'admin');
      store = await subject.reopen();
      expect(new Map(await store.readAcl('a'))).toEqual(new Map([['__proto__', 'none'], ['ann', 'read']]));
      await store.writeAcl('a', '__proto__', null);
      await store.writeAcl('a', 'nobody', null);
      expect([...(await store.readAcl('a'))]).toEqual([['ann', 'read']]);
      expect([...(await store.readAcl('b'))]).toEqual([['*', 'admin']]);
      expect(await store.listDocuments('', 10)).toEqual([]);
    });

    it('keeps the later of two dismissals', async () => {
      expect(await store.dismissalOf('ann')).toEqual({ tokensBeforeMs: 0, socketsBeforeMs: 0 });
      await store.dismiss('ann', { tokensBeforeMs: 1_800_000_000_000, socketsBeforeMs: 5 });
      await store.dismiss('ann', { tokensBeforeMs: 0, socketsBeforeMs: 1_800_000_000_001 });
      store = await subject.reopen();
      expect(await store.dismissalOf('ann')).toEqual({ tokensBeforeMs: 1_800_000_000_000, socketsBeforeMs: 1_800_000_000_001 });
      expect(await store.dismissalOf('bob')).toEqual({ tokensBeforeMs: 0, socketsBeforeMs: 0 });
    });

    it('tells by a number that grows that something was decided', async () => {
      const versions = [await store.accessVersion()];
      for (const decide of [
        () => store.writeAcl('a', 'ann', 'read'), () => store.writeAcl('a', 'ann', null),
        () => store.dismiss('ann', { tokensBeforeMs: 1, socketsBeforeMs: 0 }),
      ]) {
        await decide();
        versions.push(await store.accessVersion());
      }
      await store.append([entry('a', ada, 1, 'one')]);
      expect(await store.accessVersion()).toBe(versions[3]);
      expect([...new Set(versions)].sort((a, b) => a - b)).toEqual(versions);
    });

    it('does not damage the caller’s bytes', async () => {
      const one = entry('a', ada, 1, 'one');
      await store.append([one]);
      expect(text(one.bytes)).toBe('one');
    });

    it('refuses calls after close', async () => {
      await store.close();
      await expect(store.append([entry('a', ada, 1, 'one')])).rejects.toMatchObject({ code: 'closed' });
      await store.close();
    });
  });
}
