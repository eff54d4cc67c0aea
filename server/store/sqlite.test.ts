// The embedded store against the conformance suite, and against what only a file on disk can suffer: two
// openers, a foreign file, a newer schema, and a process killed in the middle of its work.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ada, bob, entry, storeConformance, type StoreUnderTest } from './conformance.js';
import { openDriver } from '../../sdk/driver/sqlite.js';
import { openSqliteStore } from './sqlite.js';

storeConformance('sqlite', async (): Promise<StoreUnderTest> => {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-store-'));
  const path = join(folder, 'made', 'on', 'the', 'way.db');
  let store = await openSqliteStore(path);
  return {
    store,
    async reopen() {
      await store.close();
      return (store = await openSqliteStore(path));
    },
    async corrupt(kind, document, lsn) {
      const driver = await openDriver(path, { readOnly: false });
      driver
        .prepare(
          `update ${kind === 'log' ? 'log' : 'snapshots'} set bytes = x'00ff' || substr(bytes, 3)
           where lsn = ? and document = (select number from documents where id = ?)`,
        )
        .run(lsn, document);
      driver.close();
    },
    async dispose() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});

describe('a SQLite file', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'headwater-file-'));
    path = join(folder, 'data.db');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('gives dense LSNs when two processes append to one document', async () => {
    const [one, two] = [await openSqliteStore(path), await openSqliteStore(path)];
    const appends = Array.from({ length: 20 }, (_, i) => [
      one.append([entry('a', ada, i + 1, 'a')]), two.append([entry('a', bob, i + 1, 'b')]),
    ]).flat();
    const lsns = (await Promise.all(appends)).flat().map((answer) => answer.lsn);
    expect(lsns.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(one.epoch).toBe(two.epoch);
    await Promise.all([one.close(), two.close()]);
  });

  it('refuses a file that is not a database, and leaves it as it is', async () => {
    await writeFile(path, 'a shopping list, long enough to be read as a header: milk, bread, eggs and apples');
    await expect(openSqliteStore(path)).rejects.toMatchObject({ code: 'storage_failed' });
  });

  it('refuses a schema from the future', async () => {
    const driver = await openDriver(path, { readOnly: false });
    driver.exec('pragma user_version = 999');
    driver.close();
    await expect(openSqliteStore(path)).rejects.toThrow(/schema 999/);
  });

  it('writes nothing when opened to read', async () => {
    const writer = await openSqliteStore(path);
    await writer.append([entry('a', ada, 1, 'one')]);
    const reader = await openSqliteStore(path, { readOnly: true });
    expect(await reader.head('a')).toBe(1);
    await expect(reader.append([entry('a', ada, 2, 'two')])).rejects.toMatchObject({ code: 'storage_failed' });
    await reader.close();
    await writer.close();
  });

  // The child prints an LSN only after its append resolved; whatever was printed must be in the file.
  it('still has every acknowledged append after kill -9 at any moment', async () => {
    for (const delayMs of [20, 45, 90]) {
      const acked = await appendUntilKilled(path, delayMs);
      const store = await openSqliteStore(path);
      const head = await store.head('a');
      const slice = await store.readSince('a', 0, 1 << 30);
      await store.close();
      expect(acked).toBeGreaterThan(0);
      expect(head).toBeGreaterThanOrEqual(acked);
      expect(slice).toMatchObject({ last: head, corrupt: null });
    }
  });
});

/** @returns the last LSN the child saw committed before it was killed */
function appendUntilKilled(path: string, delayMs: number): Promise<number> {
  const program = `
    const { openSqliteStore } = await import(${JSON.stringify(new URL('./sqlite.js', import.meta.url).href)});
    const store = await openSqliteStore(${JSON.stringify(path)});
    const head = await store.head('a');
    for (let seq = head + 1; ; seq += 1) {
      const bytes = new TextEncoder().encode('entry ' + seq);
      const [answer] = await store.append([{ document: 'a', replica: '${ada}', seqFrom: seq, seqTo: seq, bytes }]);
      process.stdout.write(answer.lsn + '\\n');
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '--no-warnings', '-e', program]);
  let output = '';
  child.stdout.on('data', (chunk) => {
    if (output === '') setTimeout(() => child.kill('SIGKILL'), delayMs);
    output += chunk;
  });
  return new Promise((resolve) => {
    child.on('close', () => resolve(Number(output.slice(0, output.lastIndexOf('\n')).split('\n').pop())));
  });
}
