// UTF-16 in memory, UTF-8 on the wire. Both directions are strict: text in memory has whole pairs only
// (see crdt/text.ts), and bytes from outside with an overlong, surrogate or cut sequence are refused.

import { Writer, writeRoom, writeU32 } from "../memory/bytes";
import { isHigh } from "../document";

/** Writes byte length and UTF-8 of `count` units at `from`. */
export function unitsToUtf8(writer: Writer, from: usize, count: u32): void {
  writeU32(writer, utf8Length(from, count));
  writeUtf8(writer, from, count);
}

/** Writes UTF-8 of `count` units at `from`. */
export function writeUtf8(writer: Writer, from: usize, count: u32): void {
  let at = writeRoom(writer, <usize>count * 3);
  const start = at;
  for (let i: u32 = 0; i < count; i++) {
    const unit = <u32>load<u16>(from + ((<usize>i) << 1));
    if (unit < 0x80) { store<u8>(at++, <u8>unit); continue; }
    if (unit < 0x800) {
      store<u8>(at, <u8>(0xc0 | (unit >> 6)));
      store<u8>(at, <u8>(0x80 | (unit & 63)), 1);
      at += 2;
    } else if (isHigh(unit)) {
      const point = 0x10000 + ((unit & 0x3ff) << 10) + (<u32>load<u16>(from + ((<usize>i) << 1), 2) & 0x3ff);
      i++;
      store<u8>(at, <u8>(0xf0 | (point >> 18)));
      store<u8>(at, <u8>(0x80 | ((point >> 12) & 63)), 1);
      store<u8>(at, <u8>(0x80 | ((point >> 6) & 63)), 2);
      store<u8>(at, <u8>(0x80 | (point & 63)), 3);
      at += 4;
    } else {
      store<u8>(at, <u8>(0xe0 | (unit >> 12)));
      store<u8>(at, <u8>(0x80 | ((unit >> 6) & 63)), 1);
      store<u8>(at, <u8>(0x80 | (unit & 63)), 2);
      at += 3;
    }
  }
  writer.length += at - start;
}

function utf8Length(from: usize, count: u32): u32 {
  let total: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const unit = <u32>load<u16>(from + ((<usize>i) << 1));
    total += unit < 0x80 ? 1 : unit < 0x800 ? 2 : (unit & 0xf800) == 0xd800 ? 2 : 3;
  }
  return total;
}

export const BAD_UTF8: u32 = 0xffffffff;

/** Decodes to units at `target`, which has room for `bytes` of them; returns their number or BAD_UTF8. With target 0 it only checks and counts. */
export function utf8ToUnits(at: usize, bytes: u32, target: usize): u32 {
  const end = at + <usize>bytes;
  let count: u32 = 0;
  while (at < end) {
    // Four of ASCII at a time: most of most texts.
    while (at + 4 <= end && (load<u32>(at) & 0x80808080) == 0) {
      if (target != 0) store<u64>(target + ((<usize>count) << 1), spread(load<u32>(at)));
      count += 4;
      at += 4;
    }
    if (at == end) break;
    const first = <u32>load<u8>(at);
    if (first < 0x80) {
      if (target != 0) store<u16>(target + ((<usize>count) << 1), <u16>first);
      count++;
      at++;
      continue;
    }
    const size: u32 = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    const point = codePoint(at, end, first, size);
    if (point == BAD_UTF8) return BAD_UTF8;
    if (target != 0) storePoint(target + ((<usize>count) << 1), point);
    count += point >= 0x10000 ? 2 : 1;
    at += <usize>size;
  }
  return count;
}

/** Four bytes as four units. */
// @ts-ignore: decorator
@inline function spread(four: u32): u64 {
  const pairs = (<u64>four | (<u64>four << 16)) & 0x0000ffff0000ffff;
  return (pairs | (pairs << 8)) & 0x00ff00ff00ff00ff;
}

function codePoint(at: usize, end: usize, first: u32, size: u32): u32 {
  if (first < 0xc2 || first > 0xf4 || at + <usize>size > end) return BAD_UTF8;
  let point: u32 = first & (0xff >> (size + 1));
  for (let i: u32 = 1; i < size; i++) {
    const next = <u32>load<u8>(at + <usize>i);
    if ((next & 0xc0) != 0x80) return BAD_UTF8;
    point = (point << 6) | (next & 63);
  }
  if (size == 3 && (point < 0x800 || (point & 0xf800) == 0xd800)) return BAD_UTF8;
  if (size == 4 && (point < 0x10000 || point > 0x10ffff)) return BAD_UTF8;
  return point;
}

function storePoint(target: usize, point: u32): void {
  if (point < 0x10000) return store<u16>(target, <u16>point);
  store<u16>(target, <u16>(0xd800 + ((point - 0x10000) >> 10)));
  store<u16>(target, <u16>(0xdc00 + (point & 0x3ff)), 2);
}
