// The digest: one 64-bit number for a document's canonical state. Replicas with the same ops have the same digest.
//
// Local numbers (versions, container and key indexes, span borders) differ between replicas, so nothing of them
// enters. Elements are hashed in document order by (replica, elem), origins, tombstone and unit; everything without
// an order is summed, so that no sorting is needed.

import { Kind } from "../abi";
import { HAS_TEXT } from "../parts";
import { Container, Document, ROOT, containerAt, keyAt, unitAt } from "../document";
import { itemAt, itemOf, itemValue } from "../crdt/list";
import { NIL, authorOf, elemOf, replicaAt } from "../replica";
import { Sequence, leafCount, leafNext, sizeOf, spanLeft, spanLength, spanLv, spanRight } from "../crdt/sequence-tree";
import { entryAt } from "../crdt/map";
import { cellAt } from "../crdt/counter";
import { Dot, elementAt } from "../crdt/set";

export function digest(doc: Document): u64 {
  let total: u64 = 0x8a91a6d40bf42040;
  for (let i: u32 = 0; i < doc.replicas.count; i++) {
    const record = replicaAt(doc, i);
    if (record.seq != 0) total += mix(mix(record.id, record.seq), record.elems);
  }
  for (let i: u32 = 0; i < doc.containers.count; i++) {
    if (containerAt(doc, i).isTouched) total += containerDigest(doc, i);
  }
  return finish(total);
}

function containerDigest(doc: Document, index: u32): u64 {
  const container = containerAt(doc, index);
  const name = nameDigest(doc, index);
  switch (container.kind) {
    case <u32>Kind.Map: return finish(name + mapDigest(doc, <u32>container.state));
    case <u32>Kind.Text:
    case <u32>Kind.List: return HAS_TEXT ? mix(name, sequenceDigest(doc, container.state, container.kind == <u32>Kind.List)) : name;
    case <u32>Kind.Counter: return finish(name + counterDigest(doc, <u32>container.state));
    case <u32>Kind.Set: return finish(name + setDigest(doc, <u32>container.state));
    default: return name;
  }
}

/** A container is its path and kind. */
function nameDigest(doc: Document, index: u32): u64 {
  let name: u64 = 0x243f6a8885a308d3;
  while (index != ROOT) {
    const container: Container = containerAt(doc, index);
    const key = keyAt(doc, container.key);
    name = mix(mix(name, container.kind), bytesDigest(key.at, key.bytes));
    index = container.parent;
  }
  return name;
}

function mapDigest(doc: Document, index: u32): u64 {
  let total: u64 = 0;
  while (index != NIL) {
    const entry = entryAt(doc, index);
    const key = keyAt(doc, entry.key);
    let item = mix(bytesDigest(key.at, key.bytes), entry.stamp);
    item = mix(item, replicaAt(doc, entry.replica).id);
    total += mix(item, bytesDigest(entry.value, entry.valueBytes));
    index = entry.next;
  }
  return total;
}

function counterDigest(doc: Document, index: u32): u64 {
  let total: u64 = 0;
  while (index != NIL) {
    const cell = cellAt(doc, index);
    total += mix(replicaAt(doc, cell.replica).id, <u64>cell.sum);
    index = cell.next;
  }
  return total;
}

function setDigest(doc: Document, index: u32): u64 {
  let total: u64 = 0;
  while (index != NIL) {
    const element = elementAt(doc, index);
    const value = bytesDigest(element.value, element.valueBytes);
    for (let at = element.dots; at != 0; at = changetype<Dot>(at).next) {
      const dot = changetype<Dot>(at);
      total += mix(mix(value, replicaAt(doc, dot.replica).id), dot.seq);
    }
    index = element.next;
  }
  return total;
}

function sequenceDigest(doc: Document, state: usize, isList: bool): u64 {
  let hash: u64 = 0x13198a2e03707344;
  if (state == 0) return hash;
  const sequence = changetype<Sequence>(state);
  for (let leaf = sequence.first; leaf != 0; leaf = leafNext(leaf)) {
    for (let i: u32 = 0; i < leafCount(leaf); i++) hash = spanDigest(doc, leaf, i, isList, hash);
  }
  return hash;
}

/** Element by element, since spans are cut differently everywhere. */
function spanDigest(doc: Document, leaf: usize, entry: u32, isList: bool, hash: u64): u64 {
  const lv = spanLv(leaf, entry);
  const length = spanLength(leaf, entry);
  const size = sizeOf(length);
  const right = nameOf(doc, spanRight(leaf, entry));
  let left = nameOf(doc, spanLeft(leaf, entry));
  for (let i: u32 = 0; i < size; i++) {
    const name = nameOf(doc, lv + i);
    hash = mix(hash, name ^ (left * 3) ^ (right * 5));
    hash = mix(hash, isList ? positionDigest(doc, lv + i, length < 0) : length < 0 ? 0x10000 : unitAt(doc, lv + i));
    left = name;
  }
  return hash;
}

/** A hidden position is what it is for; one that shows is its item, stamp and value. */
function positionDigest(doc: Document, lv: u32, isHidden: bool): u64 {
  if (isHidden) return 0x10000 | unitAt(doc, lv);
  const item = itemOf(doc, lv);
  return mix(mix(nameOf(doc, itemAt(item).first), itemAt(item).stamp), bytesDigest(itemValue(item), itemAt(item).valueBytes));
}

function nameOf(doc: Document, lv: u32): u64 {
  if (lv == NIL) return 0x2545f4914f6cdd1d;
  return replicaAt(doc, authorOf(doc, lv)).id * 0x9e3779b97f4a7c15 + elemOf(doc, lv);
}

function bytesDigest(at: usize, bytes: u32): u64 {
  let hash: u64 = 0xcbf29ce484222325 ^ <u64>bytes;
  for (let i: u32 = 0; i < bytes; i++) hash = (hash ^ <u64>load<u8>(at + <usize>i)) * 0x100000001b3;
  return finish(hash);
}

// @ts-ignore: decorator
@inline function mix(hash: u64, value: u64): u64 {
  const x = (hash ^ value) * 0xff51afd7ed558ccd;
  return (x ^ (x >> 32)) + (hash << 7);
}

function finish(hash: u64): u64 {
  let x = hash;
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccd;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33);
}
