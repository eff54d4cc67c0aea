import { FaultyStorage, failFrom } from '../testing/faults.js';
import { storageConformance } from './conformance.js';
import { corruptDisk } from '../testing/disk.js';
import { MemoryDisk, MemoryStorage } from './memory.js';

storageConformance('MemoryStorage', async () => {
  const disk = new MemoryDisk();
  const handles: FaultyStorage[] = [];
  const open = () => {
    const handle = new FaultyStorage(new MemoryStorage(disk));
    handles.push(handle);
    return handle;
  };
  return {
    storage: open(),
    reopen: async () => open(),
    corrupt: async (document, position) => corruptDisk(disk, document, position),
    failFrom: (step) => handles.forEach((handle) => handle.setPlan(failFrom(step))),
  };
});
