// Phase one of list ops: what a batch says of items and moves. read-batch.ts has read where they go and in which list.
//
// Whether a position makes an item or moves one is written past the end of the unit table, as text is.

import { OpKind, Status } from "../abi";
import { Reader } from "../memory/bytes";
import { Document, unitAt } from "../document";
import { MAKES, MOVES } from "../crdt/list";
import { addInsert, containerOf, elemNext, elementRef, newVersion } from "./decoded";
import { BAD, OTHER, OTHER_BIT, OWN } from "./grammar";
import { valueEnd } from "./values";

/** Keeps an insertion of values, of which the first `cut` are known. */
export function keepValues(doc: Document, container: u32, left: u32, right: u32, at: usize, total: u32, cut: u32): Status {
  const lv = newVersion(doc);
  for (let i: u32 = 0; i < cut; i++) at = valueEnd(at, usize.MAX_VALUE);
  memory.fill(doc.units + ((<usize>lv) << 1), <u8>MAKES, (<usize>(total - cut)) << 1);
  addInsert(doc, container, lv, total - cut, left, right).at = at;
  return Status.Ok;
}

/** Keeps a move of the item that `reader` is at. */
export function keepMove(doc: Document, reader: Reader, tag: u32, container: u32, left: u32, right: u32, stamp: u64): Status {
  const item = elementRef(doc, reader, (tag & OTHER_BIT) != 0 ? OTHER : OWN, elemNext);
  if (item == BAD || containerOf(doc, item) != container || !areItems(doc, item, 1)) return Status.InvalidUpdate;
  const lv = newVersion(doc);
  store<u16>(doc.units + ((<usize>lv) << 1), MOVES);
  const op = addInsert(doc, container, lv, 1, left, right);
  op.kind = OpKind.Move;
  op.at = <usize>item;
  op.stamp = stamp;
  return Status.Ok;
}

/** Only what makes an item names one. */
export function areItems(doc: Document, lv: u32, count: u32): bool {
  for (let i: u32 = 0; i < count; i++) if (unitAt(doc, lv + i) != MAKES) return false;
  return true;
}
