// A map from u64 to u32 in linear memory: open addressing, linear probing, backward-shift deletion.
//
// One such index per document finds everything that has a name: containers by path, map entries by key,
// counter cells by replica, set elements by the hash of their value. The top four bits of a key say which.
// Slots are 16 bytes (key, value, unused); key 0 is "empty", and no tag is 0, so no real key is 0.

import { Arena, arenaBlock, arenaUnblock } from "./arena";

export const NONE: u32 = 0xffffffff;
const SLOTS_MIN: u32 = 16;

@unmanaged
export class HashMap {
  slots: usize;
  mask: u32;
  count: u32;
}

export function mapGet(map: HashMap, key: u64): u32 {
  if (map.slots == 0) return NONE;
  let at = slotOf(key) & map.mask;
  while (true) {
    const slot = map.slots + ((<usize>at) << 4);
    const found = load<u64>(slot);
    if (found == key) return load<u32>(slot, 8);
    if (found == 0) return NONE;
    at = (at + 1) & map.mask;
  }
}

export function mapSet(arena: Arena, map: HashMap, key: u64, value: u32): void {
  if (map.slots == 0 || map.count * 4 >= (map.mask + 1) * 3) growMap(arena, map);
  if (place(map, key, value)) map.count++;
}

export function mapDelete(map: HashMap, key: u64): void {
  if (map.slots == 0) return;
  let at = slotOf(key) & map.mask;
  while (load<u64>(map.slots + ((<usize>at) << 4)) != key) {
    if (load<u64>(map.slots + ((<usize>at) << 4)) == 0) return;
    at = (at + 1) & map.mask;
  }
  map.count--;
  closeGap(map, at);
}

/** Moves later members of the probe run back over the hole, so that no tombstones are needed. */
function closeGap(map: HashMap, hole: u32): void {
  let at = (hole + 1) & map.mask;
  while (true) {
    const slot = map.slots + ((<usize>at) << 4);
    const key = load<u64>(slot);
    if (key == 0) break;
    const home = slotOf(key) & map.mask;
    if (((at - home) & map.mask) >= ((at - hole) & map.mask)) {
      const into = map.slots + ((<usize>hole) << 4);
      store<u64>(into, key);
      store<u32>(into, load<u32>(slot, 8), 8);
      hole = at;
    }
    at = (at + 1) & map.mask;
  }
  store<u64>(map.slots + ((<usize>hole) << 4), 0);
}

function place(map: HashMap, key: u64, value: u32): bool {
  let at = slotOf(key) & map.mask;
  while (true) {
    const slot = map.slots + ((<usize>at) << 4);
    const found = load<u64>(slot);
    if (found == 0 || found == key) {
      store<u64>(slot, key);
      store<u32>(slot, value, 8);
      return found == 0;
    }
    at = (at + 1) & map.mask;
  }
}

function growMap(arena: Arena, map: HashMap): void {
  const oldSlots = map.slots;
  const oldCount: u32 = oldSlots == 0 ? 0 : map.mask + 1;
  const count: u32 = oldSlots == 0 ? SLOTS_MIN : oldCount * 2;
  const bytes = (<usize>count) << 4;
  map.slots = arenaBlock(arena, bytes);
  map.mask = count - 1;
  memory.fill(map.slots, 0, bytes);
  for (let i: u32 = 0; i < oldCount; i++) {
    const slot = oldSlots + ((<usize>i) << 4);
    const key = load<u64>(slot);
    if (key != 0) place(map, key, load<u32>(slot, 8));
  }
  if (oldSlots != 0) arenaUnblock(arena, oldSlots);
}

/** The secret of this instance: what collides here is not known outside. Nothing visible depends on it. */
export let hashSeed: u64 = 0x9e3779b97f4a7c15;

/** Before the first document, or what was indexed is not found again. */
export function seedHashes(seed: u64): void { hashSeed = seed; }

/** Mixes all bits of a key into a table position. */
function slotOf(key: u64): u32 {
  let x = (key ^ hashSeed) * (hashSeed | 1);
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93;
  return <u32>(x >> 32);
}
