// Scratch space of encoders and decoders: one arena for the whole engine, buffers reused by every call.
// Nothing here outlives a call, and no two users of one slot are ever active together.

import { Arena, arenaFree } from "./arena";
import { blockCapacity } from "./blocks";
import { Writer } from "./bytes";
import { Table } from "./table";

const arena: Arena = changetype<Arena>(memory.data(64, 16));
const writers: usize = memory.data(128, 16);
const tables: usize = memory.data(128, 16);

export function scratchArena(): Arena { return arena; }

/** Slot 0 to 7: an empty writer. */
export function scratchWriter(slot: i32): Writer {
  const writer = changetype<Writer>(writers + <usize>slot * 16);
  writer.arena = arena;
  writer.length = 0;
  return writer;
}

/** Slot 0 to 7: an empty table for records of `bytes` bytes. */
export function scratchTable(slot: i32, bytes: usize): Table {
  const at = tables + <usize>slot * 16;
  const table = changetype<Table>(at);
  table.count = 0;
  // Mostly the records are as long as last time, and the room is known.
  if (load<u32>(at, 12) != <u32>bytes) {
    store<u32>(at, <u32>bytes, 12);
    table.room = table.start == 0 ? 0 : <u32>(blockCapacity(table.start) / bytes);
  }
  return table;
}

/** Gives all of it back, as when memory has run out; the next call takes what it needs anew. */
export function scratchFree(): void {
  arenaFree(arena.blocks);
  memory.fill(changetype<usize>(arena), 0, offsetof<Arena>());
  memory.fill(writers, 0, 128);
  memory.fill(tables, 0, 128);
}
