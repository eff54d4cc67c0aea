// The 13-byte head of a frame on the wire:  u8 type │ u64 stamp │ u32 payload length, little-endian, unaligned.
// The stamp in every frame lets both ends see how far their clocks are apart.

export const FRAME_HEAD_BYTES: usize = 13;

export function frameHeadWrite(at: usize, type: u32, stamp: u64, payloadBytes: u32): void {
  store<u8>(at, <u8>type);
  store<u64>(at, stamp, 1);
  store<u32>(at, payloadBytes, 9);
}
