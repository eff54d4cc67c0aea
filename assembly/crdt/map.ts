// Map: LWW registers by key.
//
// An entry holds the winning value, its stamp and its author; what it overwrote leaves nothing behind. A delete is
// a value of zero bytes that wins or loses like any other. Entries of one container are chained for listing.

import { EventKind } from "../abi";
import { cellAlloc, cellFree } from "../memory/arena";
import { Document, TAG_ENTRY, containerAt, eventAdd, touch } from "../document";
import { NONE, mapGet, mapSet } from "../memory/hashmap";
import { replicaAt } from "../replica";
import { wins, witness } from "../time/hlc";
import { tableAdd } from "../memory/table";

@unmanaged
export class Entry {
  stamp: u64;
  container: u32;
  key: u32;
  replica: u32;
  /** Zero bytes: deleted. */
  value: usize;
  valueBytes: u32;
  /** Next entry of the container, NIL at the end. */
  next: u32;
  /** Grows with every new winner. */
  changes: u32;
  spare: u32;
}

// @ts-ignore: decorator
@inline export function entryAt(doc: Document, index: u32): Entry {
  return changetype<Entry>(doc.entries.start + <usize>index * offsetof<Entry>());
}

// @ts-ignore: decorator
@inline function entryName(container: u32, key: u32): u64 {
  return TAG_ENTRY | (<u64>container << 32) | <u64>key;
}

/** The entry of a key, NONE when it was never written. */
export function entryFind(doc: Document, container: u32, key: u32): u32 {
  return mapGet(doc.index, entryName(container, key));
}

/** Writes a register if (stamp, author) wins. `valueBytes` 0 deletes. */
export function mapWrite(doc: Document, container: u32, key: u32, stamp: u64, replica: u32, value: usize, valueBytes: u32): void {
  witness(doc, stamp);
  let index = entryFind(doc, container, key);
  if (index == NONE) index = entryCreate(doc, container, key);
  else if (!wins(stamp, replicaAt(doc, replica).id, entryAt(doc, index).stamp, replicaAt(doc, entryAt(doc, index).replica).id)) {
    return;
  }
  const entry = entryAt(doc, index);
  entry.stamp = stamp;
  entry.replica = replica;
  entry.changes++;
  keepValue(doc, entry, value, valueBytes);
  touch(doc, container);
  eventAdd(doc, EventKind.MapKey, container, key, 0, 0);
}

function entryCreate(doc: Document, container: u32, key: u32): u32 {
  const index = doc.entries.count;
  const at = tableAdd(doc.arena, doc.entries, offsetof<Entry>());
  memory.fill(at, 0, offsetof<Entry>());
  const entry = changetype<Entry>(at);
  const record = containerAt(doc, container);
  entry.container = container;
  entry.key = key;
  entry.next = <u32>record.state;
  record.state = <usize>index;
  record.count++;
  mapSet(doc.arena, doc.index, entryName(container, key), index);
  return index;
}

function keepValue(doc: Document, entry: Entry, value: usize, valueBytes: u32): void {
  // Same cell class: overwrite in place, the usual case.
  if (entry.valueBytes == 0 || valueBytes == 0 || (entry.valueBytes + 15) >>> 4 != (valueBytes + 15) >>> 4) {
    if (entry.valueBytes != 0) cellFree(doc.arena, entry.value, entry.valueBytes);
    entry.value = valueBytes == 0 ? 0 : cellAlloc(doc.arena, valueBytes);
  }
  entry.valueBytes = valueBytes;
  if (valueBytes != 0) memory.copy(entry.value, value, valueBytes);
}
