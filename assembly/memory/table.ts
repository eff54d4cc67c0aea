// A growable array of fixed-size records inside an arena.

import { Arena, arenaRegrow } from "./arena";
import { blockCapacity } from "./blocks";

@unmanaged
export class Table {
  start: usize;
  count: u32;
  /** Records that fit before the next growth. */
  room: u32;
}

/** Adds a record of `bytes` bytes and returns where it lies, contents undefined. Earlier pointers into the table may be stale. */
export function tableAdd(arena: Arena, table: Table, bytes: usize): usize {
  if (table.count >= table.room) growTable(arena, table, bytes, table.count + 1);
  return table.start + <usize>(table.count++) * bytes;
}

function growTable(arena: Arena, table: Table, bytes: usize, needed: u32): void {
  const wanted = max<usize>(<usize>needed, <usize>table.room * 2) * bytes;
  table.start = arenaRegrow(arena, table.start, <usize>table.count * bytes, max<usize>(wanted, 48));
  table.room = <u32>(blockCapacity(table.start) / bytes);
}
