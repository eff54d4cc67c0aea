// Phase two: what a batch was read into becomes part of the document. Nothing here can fail.

import { Kind, OpKind } from "../abi";
import { HAS_TEXT } from "../parts";
import { readU32, readerOver } from "../memory/bytes";
import { NONE } from "../memory/hashmap";
import { Document, containerAt, keyOpen } from "../document";
import { versionsAdd } from "../replica";
import { counterAdd } from "../crdt/counter";
import { itemOf, listIntegrate, listPlace, listRemove } from "../crdt/list";
import { mapWrite } from "../crdt/map";
import { elementFind, setAdd, setRemoveDot } from "../crdt/set";
import { textIntegrate, textRemove } from "../crdt/text";
import { DecodedOp, adoptAuthor, author, containerHere, known, opAt, opCount, openContainers, replicaOf, seqFrom } from "./decoded";

export function applyBatch(doc: Document): void {
  adoptAuthor(doc);
  openContainers(doc);
  let seq = seqFrom + known;
  for (let i: u32 = 0; i < opCount(); i++) {
    const op = opAt(i);
    applyOp(doc, op, seq);
    seq += op.units;
  }
}

function applyOp(doc: Document, op: DecodedOp, seq: u32): void {
  const container = containerHere(op.container);
  switch (op.kind) {
    case <u32>OpKind.Insert:
    case <u32>OpKind.Move:
    case <u32>OpKind.Delete: if (HAS_TEXT) applySequenceOp(doc, op, container); break;
    case <u32>OpKind.MapSet:
    case <u32>OpKind.MapDelete: {
      mapWrite(doc, container, keyOpen(doc, op.at, op.a), op.stamp, author, op.at + <usize>op.bytes, op.b);
      break;
    }
    case <u32>OpKind.CounterAdd: counterAdd(doc, container, author, <i64>op.stamp); break;
    case <u32>OpKind.SetAdd: setAdd(doc, container, op.at, op.bytes, author, seq); break;
    default: applySetRemove(doc, op, container);
  }
}

function applySequenceOp(doc: Document, op: DecodedOp, container: u32): void {
  if (containerAt(doc, container).kind == <u32>Kind.List) return applyListOp(doc, op, container);
  if (op.kind == <u32>OpKind.Delete) return textRemove(doc, container, op.a, op.units);
  versionsAdd(doc, author, op.units);
  textIntegrate(doc, container, op.a, op.units, op.b, op.c, author);
}

function applyListOp(doc: Document, op: DecodedOp, container: u32): void {
  if (op.kind == <u32>OpKind.Delete) return listRemove(doc, container, op.a, op.units);
  versionsAdd(doc, author, op.units);
  if (op.kind == <u32>OpKind.Move) listPlace(doc, container, op.a, op.b, op.c, author, itemOf(doc, <u32>op.at), op.stamp);
  else listIntegrate(doc, container, op.a, op.units, op.b, op.c, author, op.at);
}

function applySetRemove(doc: Document, op: DecodedOp, container: u32): void {
  const dotsAt = op.at + <usize>op.bytes;
  const reader = readerOver(3, dotsAt, dotsAt + <usize>op.b);
  let dots = readU32(reader);
  while (dots-- > 0) {
    const ref = readU32(reader);
    const seq = readU32(reader);
    const index = elementFind(doc, container, op.at, op.bytes);
    if (index != NONE) setRemoveDot(doc, container, index, replicaOf(ref), seq);
  }
}
