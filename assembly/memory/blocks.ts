// Where all memory comes from: blocks of a power of two bytes, one free list per size.
//
// The stub runtime has no collector, and we want none: a document owns its blocks and gives them all back
// at once (see arena.ts), so 10,000 documents opened and closed leave memory where it was. Freed blocks
// are kept for the next one of their size and split for smaller ones; memory never shrinks in WASM.
//
// byte -16      -12      -8       -4      0
//      │ class  │ prev   │ next   │ spare │ payload …      prev and next chain the blocks of one arena

const HEADER: usize = 16;
const CLASS_MIN: u32 = 6;
const CLASS_MAX: u32 = 30;

const freeLists: usize = memory.data(128, 16);
let top: usize = (__heap_base + 15) & ~15;
let limitBytes: usize = 0;
let usedBytes: usize = 0;

// @ts-ignore: decorator
@inline export function blockPrev(block: usize): usize { return load<usize>(block - 12); }
// @ts-ignore: decorator
@inline export function blockNext(block: usize): usize { return load<usize>(block - 8); }
// @ts-ignore: decorator
@inline export function setBlockPrev(block: usize, prev: usize): void { store<usize>(block - 12, prev); }
// @ts-ignore: decorator
@inline export function setBlockNext(block: usize, next: usize): void { store<usize>(block - 8, next); }

/** Payload bytes a block can hold. */
// @ts-ignore: decorator
@inline export function blockCapacity(block: usize): usize {
  return ((<usize>1) << load<u32>(block - 16)) - HEADER;
}

/** JavaScript's, and the engine's only import: it throws, which ends the whole call. sdk/core/wasm.ts has it. */
// @ts-ignore: decorator
@external("host", "exhausted")
declare function exhausted(): void;

/** A block of at least `bytes` payload bytes, contents undefined. When memory is full the call that wanted it ends here. */
export function blockAlloc(bytes: usize): usize {
  const size = classOf(bytes + HEADER);
  if (size > CLASS_MAX) exhausted();
  let block = takeFree(size);
  if (block == 0) block = splitLarger(size, size + 3);
  if (block == 0) block = bump((<usize>1) << size);
  // Memory is full: now large blocks are not spared.
  if (block == 0) block = splitLarger(size, CLASS_MAX);
  if (block == 0) exhausted();
  store<u32>(block, size);
  usedBytes += (<usize>1) << size;
  return block + HEADER;
}

export function blockFree(block: usize): void {
  const size = load<u32>(block - 16);
  usedBytes -= (<usize>1) << size;
  pushFree(block - HEADER, size);
}

/** Bytes in blocks that are in use. */
export function blocksUsed(): usize { return usedBytes; }

/** Refuses to grow past this many bytes of linear memory; 0 is no limit but the engine's own 4 GB. */
export function limitBlocks(bytes: usize): void { limitBytes = bytes; }

function classOf(bytes: usize): u32 {
  const bits: u32 = 32 - clz<u32>(<u32>bytes - 1);
  return max<u32>(bits, CLASS_MIN);
}

// @ts-ignore: decorator
@inline function listOf(size: u32): usize { return freeLists + ((<usize>size) << 2); }

function takeFree(size: u32): usize {
  const block = load<usize>(listOf(size));
  if (block != 0) store<usize>(listOf(size), load<usize>(block));
  return block;
}

function pushFree(block: usize, size: u32): void {
  store<usize>(block, load<usize>(listOf(size)));
  store<usize>(listOf(size), block);
}

/** Halves the smallest larger free block down to `size`; mostly only the next three sizes are tried, so that big blocks stay big. */
function splitLarger(size: u32, last: u32): usize {
  let from = size + 1;
  last = min<u32>(last, CLASS_MAX);
  while (from <= last && load<usize>(listOf(from)) == 0) from++;
  if (from > last) return 0;
  const block = takeFree(from);
  while (from > size) {
    from--;
    pushFree(block + ((<usize>1) << from), from);
  }
  return block;
}

/** Memory nobody has had yet, 0 when there is none. */
function bump(bytes: usize): usize {
  const block = top;
  const end = top + bytes;
  if (end < top || (limitBytes != 0 && end > limitBytes)) return 0;
  const have = <usize>memory.size() << 16;
  if (end > have) {
    const wanted = (end - have + 0xffff) >>> 16;
    const extra = min<usize>(<usize>memory.size() >>> 2, 256);
    if (memory.grow(<i32>(wanted + extra)) < 0 && memory.grow(<i32>wanted) < 0) return 0;
  }
  top = end;
  return block;
}
