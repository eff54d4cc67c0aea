// CRC-32C (Castagnoli), a byte a step from a table made on first use. It guards stored bytes against decay, not malice.

const table: usize = memory.data(1024, 16);
let isReady: bool = false;

export function checksum(at: usize, bytes: usize): u32 {
  if (!isReady) prepare();
  let crc: u32 = 0xffffffff;
  const end = at + bytes;
  while (at < end) {
    crc = load<u32>(table + (<usize>((crc ^ load<u8>(at)) & 0xff) << 2)) ^ (crc >>> 8);
    at++;
  }
  return ~crc;
}

function prepare(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let crc = i;
    for (let k = 0; k < 8; k++) crc = (crc & 1) != 0 ? 0x82f63b78 ^ (crc >>> 1) : crc >>> 1;
    store<u32>(table + (<usize>i << 2), crc);
  }
  isReady = true;
}
