// Reading and writing bytes: LEB128 varints, bounded.
//
// A Reader never goes past its end: a read that would sets `bad` and yields zero, and the caller looks at
// `bad` once per record instead of once per byte. A Writer grows inside an arena.

import { Arena, arenaRegrow } from "./arena";
import { blockCapacity } from "./blocks";

@unmanaged
export class Reader {
  at: usize;
  end: usize;
  bad: bool;
}

const readers: usize = memory.data(128, 16);

/** One of a few static readers: decoding nests at most a few levels, and none outlives its call. */
export function readerOver(slot: i32, start: usize, end: usize): Reader {
  const reader = changetype<Reader>(readers + <usize>slot * 16);
  reader.at = start;
  reader.end = end;
  reader.bad = false;
  return reader;
}

// @ts-ignore: decorator
@inline export function remaining(reader: Reader): usize { return reader.end - reader.at; }

export function readByte(reader: Reader): u32 {
  if (reader.at >= reader.end) { reader.bad = true; return 0; }
  return load<u8>(reader.at++);
}

/** An unsigned varint of at most 32 bits. */
export function readU32(reader: Reader): u32 {
  const at = reader.at;
  if (at < reader.end) {
    const first: u32 = load<u8>(at);
    if (first < 0x80) { reader.at = at + 1; return first; }
  }
  const wide = readU64(reader);
  if (wide > 0xffffffff) { reader.bad = true; return 0; }
  return <u32>wide;
}

export function readU64(reader: Reader): u64 {
  let at = reader.at;
  const end = reader.end;
  let value: u64 = 0;
  let shift: u64 = 0;
  while (at < end) {
    const byte: u64 = load<u8>(at++);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      // The tenth byte has room for one bit, and a needless trailing zero byte would give one value two spellings.
      if ((shift == 63 && byte > 1) || (byte == 0 && shift != 0)) break;
      reader.at = at;
      return value;
    }
    shift += 7;
    if (shift > 63) break;
  }
  reader.bad = true;
  return 0;
}

export function readFixed32(reader: Reader): u32 {
  if (remaining(reader) < 4) { reader.bad = true; return 0; }
  const value = load<u32>(reader.at);
  reader.at += 4;
  return value;
}

export function readFixed64(reader: Reader): u64 {
  if (remaining(reader) < 8) { reader.bad = true; return 0; }
  const value = load<u64>(reader.at);
  reader.at += 8;
  return value;
}

/** Steps over `bytes` bytes and returns where they start; 0 when there are not that many. */
export function readSpan(reader: Reader, bytes: u32): usize {
  if (remaining(reader) < <usize>bytes) { reader.bad = true; return 0; }
  const at = reader.at;
  reader.at = at + <usize>bytes;
  return at;
}

// @ts-ignore: decorator
@inline export function zigzag(value: i64): u64 { return (<u64>value << 1) ^ <u64>(value >> 63); }
// @ts-ignore: decorator
@inline export function unzigzag(value: u64): i64 { return <i64>(value >> 1) ^ -<i64>(value & 1); }

@unmanaged
export class Writer {
  arena: Arena;
  start: usize;
  length: usize;
  capacity: usize;
}

/** Makes room for `bytes` more and returns where they go; the caller then adds what it wrote to `length`. */
export function writeRoom(writer: Writer, bytes: usize): usize {
  const needed = writer.length + bytes;
  if (needed > writer.capacity) growWriter(writer, needed);
  return writer.start + writer.length;
}

function growWriter(writer: Writer, needed: usize): void {
  const block = arenaRegrow(writer.arena, writer.start, writer.length, max<usize>(needed, writer.capacity * 2));
  writer.start = block;
  writer.capacity = blockCapacity(block);
}

export function writeByte(writer: Writer, value: u32): void {
  store<u8>(writeRoom(writer, 1), value);
  writer.length++;
}

export function writeU64(writer: Writer, value: u64): void {
  const start = writeRoom(writer, 10);
  let at = start;
  while (value >= 0x80) {
    store<u8>(at++, <u8>(value | 0x80));
    value >>= 7;
  }
  store<u8>(at++, <u8>value);
  writer.length += at - start;
}

export function writeU32(writer: Writer, value: u32): void {
  if (value < 0x80) writeByte(writer, value);
  else writeU64(writer, <u64>value);
}

export function writeFixed32(writer: Writer, value: u32): void {
  store<u32>(writeRoom(writer, 4), value);
  writer.length += 4;
}

export function writeFixed64(writer: Writer, value: u64): void {
  store<u64>(writeRoom(writer, 8), value);
  writer.length += 8;
}

export function writeBytes(writer: Writer, from: usize, bytes: usize): void {
  copyBytes(writeRoom(writer, bytes), from, bytes);
  writer.length += bytes;
}

/** Copies bytes to where they do not overlap. memory.copy leaves the engine and comes back: a word or two is faster by hand. */
export function copyBytes(to: usize, from: usize, bytes: usize): void {
  if (bytes > 64) return memory.copy(to, from, bytes);
  while (bytes >= 8) {
    store<u64>(to, load<u64>(from));
    to += 8;
    from += 8;
    bytes -= 8;
  }
  for (; bytes >= 2; bytes -= 2) {
    store<u16>(to, load<u16>(from));
    to += 2;
    from += 2;
  }
  if (bytes != 0) store<u8>(to, load<u8>(from));
}

/** Writes a varint at `at`, where there is room for it; returns where it ends. */
export function putU32(at: usize, value: u32): usize {
  while (value >= 0x80) {
    store<u8>(at++, <u8>(value | 0x80));
    value >>>= 7;
  }
  store<u8>(at, <u8>value);
  return at + 1;
}
