// An arena: everything one document owns, freed as a whole.
//
// Three ways to take memory from it. `arenaBump` for small records that live as long as the document
// (leaves, nodes): no header, no free. `arenaBlock` for arrays that grow: a block each, given back when it
// is outgrown. `cellAlloc` for small byte strings that come and go (values): power-of-two cells with free lists.

import { blockAlloc, blockCapacity, blockFree, blockNext, blockPrev, setBlockNext, setBlockPrev } from "./blocks";

const CHUNK_MIN: usize = 1008;
const CHUNK_MAX: usize = 65520;
const CELL_CLASSES: u32 = 9; // 16 … 4,096 bytes; larger values are blocks of their own

@unmanaged
export class Arena {
  blocks: usize;
  bump: usize;
  bumpEnd: usize;
  chunkBytes: usize;
  bytes: usize;
  cells0: usize; cells1: usize; cells2: usize; cells3: usize; cells4: usize;
  cells5: usize; cells6: usize; cells7: usize; cells8: usize;
}

export function arenaBlock(arena: Arena, bytes: usize): usize {
  const block = blockAlloc(bytes);
  arenaAdopt(arena, block);
  return block;
}

/** Chains a block to an arena. */
export function arenaAdopt(arena: Arena, block: usize): void {
  setBlockPrev(block, 0);
  setBlockNext(block, arena.blocks);
  if (arena.blocks != 0) setBlockPrev(arena.blocks, block);
  arena.blocks = block;
  arena.bytes += blockCapacity(block) + 16;
}

export function arenaUnblock(arena: Arena, block: usize): void {
  arenaRelease(arena, block);
  blockFree(block);
}

/** Takes a block out of an arena without freeing it. */
export function arenaRelease(arena: Arena, block: usize): void {
  const prev = blockPrev(block);
  const next = blockNext(block);
  if (prev != 0) setBlockNext(prev, next); else arena.blocks = next;
  if (next != 0) setBlockPrev(next, prev);
  arena.bytes -= blockCapacity(block) + 16;
}

/** An array block with room for at least `bytes`, holding the first `kept` bytes of `old`, which is given back. `old` may be 0. */
export function arenaRegrow(arena: Arena, old: usize, kept: usize, bytes: usize): usize {
  const block = arenaBlock(arena, bytes);
  if (old != 0) {
    memory.copy(block, old, kept);
    arenaUnblock(arena, old);
  }
  return block;
}

/** A record that lives as long as the arena. Contents undefined. */
export function arenaBump(arena: Arena, bytes: usize): usize {
  const at = arena.bump;
  if (at + bytes <= arena.bumpEnd) {
    arena.bump = at + bytes;
    return at;
  }
  return bumpFromNewChunk(arena, bytes);
}

function bumpFromNewChunk(arena: Arena, bytes: usize): usize {
  arena.chunkBytes = arena.chunkBytes == 0 ? CHUNK_MIN : min<usize>((arena.chunkBytes + 16) * 2 - 16, CHUNK_MAX);
  const chunk = arenaBlock(arena, max<usize>(arena.chunkBytes, bytes));
  arena.bump = chunk + bytes;
  arena.bumpEnd = chunk + blockCapacity(chunk);
  return chunk;
}

export function cellAlloc(arena: Arena, bytes: usize): usize {
  const size = cellClass(bytes);
  if (size >= CELL_CLASSES) return arenaBlock(arena, bytes);
  const list = cellList(arena, size);
  const cell = load<usize>(list);
  if (cell == 0) return arenaBump(arena, (<usize>16) << size);
  store<usize>(list, load<usize>(cell));
  return cell;
}

export function cellFree(arena: Arena, cell: usize, bytes: usize): void {
  if (cell == 0) return;
  const size = cellClass(bytes);
  if (size >= CELL_CLASSES) return arenaUnblock(arena, cell);
  const list = cellList(arena, size);
  store<usize>(cell, load<usize>(list));
  store<usize>(list, cell);
}

/** Gives every block back. The arena record itself usually lies in one of them. */
export function arenaFree(first: usize): void {
  let block = first;
  while (block != 0) {
    const next = blockNext(block);
    blockFree(block);
    block = next;
  }
}

function cellClass(bytes: usize): u32 {
  return bytes <= 16 ? 0 : 28 - clz<u32>(<u32>bytes - 1);
}

// @ts-ignore: decorator
@inline function cellList(arena: Arena, size: u32): usize {
  return changetype<usize>(arena) + offsetof<Arena>("cells0") + ((<usize>size) << 2);
}
