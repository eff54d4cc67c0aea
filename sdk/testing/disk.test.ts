import { describe, expect, it } from '@jest/globals';
import { SimulatedDisk } from './disk.js';

describe('SimulatedDisk', () => {
  const values = async (disk: SimulatedDisk) => (await disk.open().load('d')).records.map((record) => record.bytes[0]);

  it('loses only a suffix of what was not synced in a power cut', async () => {
    for (let kept = 0; kept <= 2; kept++) {
      const disk = new SimulatedDisk();
      const storage = disk.open();
      await storage.append([{ document: 'd', records: [Uint8Array.of(1)] }]);
      await storage.append([{ document: 'd', records: [Uint8Array.of(2)] }], { strict: true });
      await storage.append([{ document: 'd', records: [Uint8Array.of(3)] }]);
      await storage.append([{ document: 'd', records: [Uint8Array.of(4)] }]);
      expect(disk.unsyncedCount).toBe(2);
      await disk.powerCut(kept);
      expect(await values(disk)).toEqual([1, 2, 3, 4].slice(0, 2 + kept));
      await disk.powerCut();
      expect(await values(disk)).toEqual([1, 2, 3, 4].slice(0, 2 + kept));
    }
  });

  it('keeps committed writes when the process is killed, and takes none from it afterwards', async () => {
    const disk = new SimulatedDisk();
    const storage = disk.open();
    await storage.append([{ document: 'd', records: [Uint8Array.of(1)] }]);
    disk.kill();
    let answered = false;
    void storage.append([{ document: 'd', records: [Uint8Array.of(2)] }]).then(() => (answered = true));
    expect(await values(disk)).toEqual([1]);
    expect(answered).toBe(false);
  });
});
