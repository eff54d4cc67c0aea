import { describe, expect, it } from '@jest/globals';
import { checksum } from './checksum.js';

describe('checksum', () => {
  it('is CRC-32C, by the check values of RFC 3720', () => {
    expect(checksum(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    expect(checksum(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(checksum(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(checksum(new Uint8Array())).toBe(0);
  });
});
