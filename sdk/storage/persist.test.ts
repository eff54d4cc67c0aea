import { expect, it } from '@jest/globals';
import { askToPersist } from './persist.js';

it('asks once, however often there is something worth keeping', async () => {
  let asked = 0;
  const storage = { persist: async () => (asked++, true) };
  expect(await Promise.all([askToPersist(storage), askToPersist(storage)])).toEqual([true, true]);
  expect(await askToPersist({ persist: async () => false })).toBe(true);
  expect(asked).toBe(1);
});
