// CRC-32C, so that a stored block the disk changed is noticed when it is read.
//
// The engine has the same sum (sdk/core/codec.ts) at the same speed, 2 ns per byte, and slower below 100 bytes,
// where most records are. A 5 MB record would also grow its memory for good, so this folder does without it.

const table = buildTable();

/** CRC-32C (Castagnoli) of `bytes`, as an unsigned 32-bit number. One table step per byte. */
export function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function buildTable(): Uint32Array {
  const reversedPolynomial = 0x82f63b78;
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? reversedPolynomial : 0);
    return crc;
  });
}
