// CRC-32C (Castagnoli), four bytes a step. It guards stored bytes against decay, not malice.
//
// Four tables, made on first use: the k-th says what a byte does to the sum when k more bytes follow it. So the four
// lookups of a step do not wait for each other. The idea is Intel's (Kounavis & Berry, "slicing", 2005).

const table: usize = memory.data(4096, 16);
let isReady: bool = false;

export function checksum(at: usize, bytes: usize): u32 {
  if (!isReady) prepare();
  let crc: u32 = 0xffffffff;
  const end = at + bytes;
  for (; at + 4 <= end; at += 4) {
    crc ^= load<u32>(at);
    crc = entry(3, crc) ^ entry(2, crc >>> 8) ^ entry(1, crc >>> 16) ^ entry(0, crc >>> 24);
  }
  while (at < end) {
    crc = entry(0, crc ^ load<u8>(at++)) ^ (crc >>> 8);
  }
  return ~crc;
}

// @ts-ignore: decorator
@inline function entry(k: usize, byte: u32): u32 { return load<u32>(table + (k << 10) + (<usize>(byte & 0xff) << 2)); }

function prepare(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let crc = i;
    for (let k = 0; k < 8; k++) crc = (crc & 1) != 0 ? 0x82f63b78 ^ (crc >>> 1) : crc >>> 1;
    store<u32>(table + (<usize>i << 2), crc);
  }
  for (let at = table + 1024; at < table + 4096; at += 4) {
    const one = load<u32>(at - 1024);
    store<u32>(at, entry(0, one) ^ (one >>> 8));
  }
  isReady = true;
}
