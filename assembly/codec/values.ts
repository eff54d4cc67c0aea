// Values: JSON as tagged bytes, validated here so that no reader ever meets a malformed one.
//
//   0 null │ 1 false │ 2 true │ 3 integer: zigzag varint │ 4 number: 8 bytes, IEEE 754 │ 5 string: length, UTF-8
//   6 array: count, values │ 7 object: count, (length, key, value)*
//
// An integer is a safe one; a number is finite and not a safe integer, so that each value has one spelling.

import { Limit } from "../abi";
import { Reader, readByte, readFixed64, readSpan, readU32, readU64, readerOver, remaining, unzigzag } from "../memory/bytes";
import { SAFE_MAX } from "../crdt/counter";
import { BAD_UTF8, utf8ToUnits } from "./utf8";

/** Is this exactly one well-formed value? Linear in its bytes. */
export function isValue(at: usize, bytes: u32): bool {
  return valueEnd(at, at + <usize>bytes) == at + <usize>bytes;
}

/** Where the value at `at` ends, 0 when it is malformed or does not end before `end`. */
export function valueEnd(at: usize, end: usize): usize {
  const reader = readerOver(1, at, end);
  return skipValue(reader, 0) && reader.at - at <= <usize>Limit.ValueBytes ? reader.at : 0;
}

export const COUNT_BAD: u32 = BAD_UTF8;

/** How many values these bytes are, one after another; COUNT_BAD when they are not just that. */
export function countValues(at: usize, bytes: u32): u32 {
  const end = at + <usize>bytes;
  let count: u32 = 0;
  for (; at < end; count++) {
    at = valueEnd(at, end);
    if (at == 0) return COUNT_BAD;
  }
  return count;
}

function skipValue(reader: Reader, depth: u32): bool {
  if (depth > <u32>Limit.ValueDepth) return false;
  switch (readByte(reader)) {
    case 0: case 1: case 2: return !reader.bad;
    case 3: return isSafeInteger(reader);
    case 4: return isPlainNumber(reader);
    case 5: return skipString(reader);
    case 6: return skipArray(reader, depth);
    case 7: return skipObject(reader, depth);
    default: return false;
  }
}

function isSafeInteger(reader: Reader): bool {
  const value = unzigzag(readU64(reader));
  return !reader.bad && value >= -SAFE_MAX && value <= SAFE_MAX;
}

function isPlainNumber(reader: Reader): bool {
  const value = reinterpret<f64>(readFixed64(reader));
  if (reader.bad || !isFinite(value)) return false;
  return trunc(value) != value || abs(value) > <f64>SAFE_MAX;
}

function skipString(reader: Reader): bool {
  const bytes = readU32(reader);
  const at = readSpan(reader, bytes);
  return !reader.bad && utf8ToUnits(at, bytes, 0) != BAD_UTF8;
}

function skipArray(reader: Reader, depth: u32): bool {
  let count = readU32(reader);
  if (reader.bad || <usize>count > remaining(reader)) return false;
  while (count-- > 0) if (!skipValue(reader, depth + 1)) return false;
  return true;
}

function skipObject(reader: Reader, depth: u32): bool {
  let count = readU32(reader);
  if (reader.bad || <usize>count > remaining(reader)) return false;
  while (count-- > 0) {
    const bytes = readU32(reader);
    const at = readSpan(reader, bytes);
    if (reader.bad || !isName(at, bytes) || !skipValue(reader, depth + 1)) return false;
  }
  return true;
}

/** May these bytes be the key of a map? */
export function isKey(at: usize, bytes: u32): bool {
  return bytes > 0 && bytes <= <u32>Limit.KeyBytes && isName(at, bytes);
}

/** UTF-8, and not a name through which JavaScript reaches a prototype. */
function isName(at: usize, bytes: u32): bool {
  if (bytes == 0) return true;
  if (utf8ToUnits(at, bytes, 0) == BAD_UTF8) return false;
  return !(equalsAscii(at, bytes, PROTO, 9) || equalsAscii(at, bytes, PROTOTYPE, 9) || equalsAscii(at, bytes, CONSTRUCTOR, 11));
}

const PROTO: usize = memory.data<u8>([0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f]);
const PROTOTYPE: usize = memory.data<u8>([0x70, 0x72, 0x6f, 0x74, 0x6f, 0x74, 0x79, 0x70, 0x65]);
const CONSTRUCTOR: usize = memory.data<u8>([0x63, 0x6f, 0x6e, 0x73, 0x74, 0x72, 0x75, 0x63, 0x74, 0x6f, 0x72]);

function equalsAscii(at: usize, bytes: u32, name: usize, nameBytes: u32): bool {
  return bytes == nameBytes && memory.compare(at, name, nameBytes) == 0;
}
