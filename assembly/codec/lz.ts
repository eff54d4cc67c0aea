// LZ: text in a snapshot, as literals and copies of what came before.
//
// A sequence is:  token │ more literal length │ literals │ distance │ more copy length.  The token's high half is the
// number of literals, the low half the copy's length less 4; 15 means "and more", which follows as a varint. The
// last sequence has literals only. Distances are varints, so near copies cost a byte and the window is everything.
//
// Searching goes down a chain of earlier places with the same four bytes, and waits one byte when the copy that starts
// there is longer (lazy matching). Unpacking is a loop of bulk copies, each checked against both ends.
// The idea of sequences with a half-byte each for two lengths is LZ4's (Collet, 2011).

import { Reader, Writer, readByte, readSpan, readU32, remaining, copyBytes, writeByte, writeBytes, writeRoom, writeU32 } from "../memory/bytes";
import { scratchWriter } from "../memory/scratch";

const COPY_MIN: u32 = 4;
const HASH_BITS: u32 = 15;
/** Places tried per position: more finds longer copies and takes longer. */
const TRIES: u32 = 48;
const NONE: u32 = 0xffffffff;

let text: usize = 0;
let textBytes: u32 = 0;
/** Per hash the last place, and per place the one before it with the same hash. */
let heads: usize = 0;
let chain: usize = 0;
/** Where the search for a copy ended. */
let foundAt: u32 = 0;

/** Appends the packed form of `bytes` bytes at `at`. */
export function lzPack(at: usize, bytes: u32, out: Writer): void {
  text = at;
  textBytes = bytes;
  heads = writeRoom(scratchWriter(6), (<usize>4) << HASH_BITS);
  chain = writeRoom(scratchWriter(7), (<usize>bytes << 2) + 4);
  memory.fill(heads, 0xff, (<usize>4) << HASH_BITS);
  let from: u32 = 0;
  let place: u32 = 0;
  while (place + COPY_MIN <= bytes) {
    let length = longestCopy(place);
    remember(place);
    if (length < COPY_MIN) { place++; continue; }
    let source = foundAt;
    // One byte on there may be a longer copy: then this byte is better off as a literal.
    while (place + 1 + COPY_MIN <= bytes) {
      const later = longestCopy(place + 1);
      if (later <= length) break;
      remember(++place);
      length = later;
      source = foundAt;
    }
    writeSequence(out, from, place, place - source, length);
    for (let i: u32 = 1; i < length && place + i + COPY_MIN <= bytes; i++) remember(place + i);
    place += length;
    from = place;
  }
  writeLiterals(out, from, bytes, 0);
}

// @ts-ignore: decorator
@inline function hashAt(place: u32): usize {
  return heads + (<usize>((load<u32>(text + <usize>place) * 0x9e3779b1) >>> (32 - HASH_BITS)) << 2);
}

// @ts-ignore: decorator
@inline function remember(place: u32): void {
  const head = hashAt(place);
  store<u32>(chain + ((<usize>place) << 2), load<u32>(head));
  store<u32>(head, place);
}

/** Length of the longest copy that could start here, at most what is left; where it comes from is in `foundAt`. */
function longestCopy(place: u32): u32 {
  let best: u32 = 0;
  let candidate = load<u32>(hashAt(place));
  const room = textBytes - place;
  for (let tries = TRIES; tries > 0 && candidate != NONE; tries--) {
    if (best == 0 || load<u8>(text + <usize>(candidate + best)) == load<u8>(text + <usize>(place + best))) {
      const length = commonLength(candidate, place, room);
      if (length > best && isWorthwhile(length, place - candidate)) {
        best = length;
        foundAt = candidate;
        if (length == room) break;
      }
    }
    candidate = load<u32>(chain + ((<usize>candidate) << 2));
  }
  return best;
}

/** A copy of four from far away costs as many bytes as it saves. */
// @ts-ignore: decorator
@inline function isWorthwhile(length: u32, distance: u32): bool {
  return length > COPY_MIN || distance < 16384;
}

function commonLength(a: u32, b: u32, room: u32): u32 {
  let length: u32 = 0;
  while (length < room && load<u8>(text + <usize>(a + length)) == load<u8>(text + <usize>(b + length))) length++;
  return length;
}

function writeSequence(out: Writer, from: u32, to: u32, distance: u32, length: u32): void {
  const copy = length - COPY_MIN;
  writeLiterals(out, from, to, min<u32>(copy, 15));
  writeU32(out, distance);
  if (copy >= 15) writeU32(out, copy - 15);
}

function writeLiterals(out: Writer, from: u32, to: u32, copyHalf: u32): void {
  const count = to - from;
  writeByte(out, (min<u32>(count, 15) << 4) | copyHalf);
  if (count >= 15) writeU32(out, count - 15);
  writeBytes(out, text + <usize>from, count);
}

/** Unpacks exactly `bytes` bytes to `target`, where 7 more may be written over; false when the packed form is malformed. Linear in both. */
export function lzUnpack(reader: Reader, target: usize, bytes: usize): bool {
  let at = target;
  const end = target + bytes;
  while (true) {
    const token = readByte(reader);
    let literals = token >>> 4;
    if (literals == 15) literals += readU32(reader);
    const from = readSpan(reader, literals);
    if (reader.bad || literals < token >>> 4 || end - at < <usize>literals) return false;
    copyBytes(at, from, literals);
    at += <usize>literals;
    if (remaining(reader) == 0) return at == end && (token & 15) == 0;
    const distance = readU32(reader);
    let length = (token & 15) + COPY_MIN;
    if ((token & 15) == 15) length += readU32(reader);
    if (reader.bad || length < COPY_MIN || distance == 0 || at - target < <usize>distance || end - at < <usize>length) return false;
    copyForward(at, <usize>distance, length);
    at += <usize>length;
  }
}

/** A copy may reach into itself (a run): then only bytes already written may be read. May write up to 7 bytes too many. */
function copyForward(at: usize, distance: usize, length: u32): void {
  const end = at + <usize>length;
  if (distance >= 8) for (; at < end; at += 8) store<u64>(at, load<u64>(at - distance));
  else for (; at < end; at++) store<u8>(at, load<u8>(at - distance));
}
