// The engine against the FugueMax tree, on every history within bounds and every order of delivery.
//
// A history is a list of edits, each by one replica that has seen some of the earlier ones: any set that holds
// what its members were made on. Edits that did not see each other could stand in either order; only the order
// by replica is made, so that no history is met twice for that reason. At its end all batches go to a new
// document in each possible order, and it must read as the tree does and have one digest.

import '../sdk/core/embedded.js';
import { EngineDocument, Kind } from '../sdk/core/document.js';
import { NaiveText, type NaiveOp } from '../sdk/testing/models/fugue-max.js';

/** `width`: characters per insert; with two or more, later edits land inside runs. */
export interface Bounds { replicas: number; edits: number; deletes: number; width: number }

interface Edit {
  author: number;
  /** Bit i: edit i was seen, its own earlier ones included. */
  seen: number;
  label: string;
  batch: Uint8Array;
  ops: NaiveOp[];
}

export interface Report { histories: number; deliveries: number; difference: string | null }

const digits = '18f';
const replicaOf = (author: number) => digits[author].repeat(16);

export function compareAll(bounds: Bounds): Report {
  const orders = permutations([...Array(bounds.edits).keys()]);
  const report: Report = { histories: 0, deliveries: 0, difference: null };
  const grow = (history: Edit[]): void => {
    if (report.difference !== null) return;
    if (history.length === bounds.edits) {
      report.histories += 1;
      report.deliveries += orders.length;
      report.difference = differenceOf(history, orders);
    } else {
      for (const next of nextEdits(history, bounds)) grow([...history, next]);
    }
  };
  grow([]);
  return report;
}

function nextEdits(history: Edit[], bounds: Bounds): Edit[] {
  const deletesLeft = bounds.deletes - history.filter(({ label }) => label.includes('delete')).length;
  return range(bounds.replicas).flatMap((author) => views(history, author).flatMap((seen) => {
    const length = textOf(history, seen).toString().length;
    const inserts = range(length + 1).map((index) => edit(history, author, seen, index, bounds.width));
    return deletesLeft === 0 ? inserts : [...inserts, ...range(length).map((index) => edit(history, author, seen, index, 0))];
  }));
}

/** What the author may have seen: sets that hold its own edits and whatever their members had seen. */
function views(history: Edit[], author: number): number[] {
  const own = history.reduce((bits, each, i) => (each.author === author ? bits | each.seen | (1 << i) : bits), 0);
  const last = history.length - 1;
  return range(1 << history.length).filter((seen) => {
    const isClosed = history.every((each, i) => (seen & (1 << i)) === 0 || (each.seen & ~seen) === 0);
    const isOrdered = last < 0 || (seen & (1 << last)) !== 0 || history[last].author < author;
    return isClosed && isOrdered && (own & ~seen) === 0;
  });
}

function edit(history: Edit[], author: number, seen: number, index: number, width: number): Edit {
  const typed = 'abcdefghijklmnopqrstuvwxyz'.slice(history.length * width, (history.length + 1) * width);
  const engine = documentOf(author, members(history, seen));
  const text = engine.container(['text'], Kind.Text);
  if (width === 0) engine.textDelete(text, index, 1);
  else engine.textInsert(text, index, typed);
  const batch = engine.take()!;
  engine.free();
  const naive = textOf(history, seen, author);
  const ops = width === 0 ? naive.delete(index, 1) : naive.insert(index, typed);
  return { author, seen, batch, ops, label: `${digits[author]} having seen ${seen.toString(2)}: ${width === 0 ? 'delete' : `insert ${typed}`} at ${index}` };
}

function differenceOf(history: Edit[], orders: number[][]): string | null {
  const expected = textOf(history, (1 << history.length) - 1).toString();
  let digest: string | null = null;
  for (const order of orders) {
    const engine = documentOf(null, order.map((i) => history[i]));
    const text = engine.container(['text'], Kind.Text);
    const read = engine.textRead(text, 0, engine.textLength(text));
    digest ??= engine.digest();
    const isEqual = read === expected && digest === engine.digest();
    engine.free();
    if (!isEqual) return `${history.map(({ label }) => label).join('; ')}; delivered ${order.join(' ')}: "${read}", the tree says "${expected}"`;
  }
  return null;
}

function documentOf(author: number | null, edits: Edit[]): EngineDocument {
  const engine = new EngineDocument(author === null ? '2'.repeat(16) : replicaOf(author));
  for (const { batch } of edits) engine.apply(batch);
  return engine;
}

function textOf(history: Edit[], seen: number, author = 0): NaiveText {
  const naive = new NaiveText(replicaOf(author));
  for (const { ops } of members(history, seen)) ops.forEach((op) => naive.apply(op));
  return naive;
}

function members(history: Edit[], seen: number): Edit[] {
  return history.filter((_edit, i) => (seen & (1 << i)) !== 0);
}

function permutations(items: number[]): number[][] {
  if (items.length < 2) return [items];
  return items.flatMap((first) => permutations(items.filter((each) => each !== first)).map((rest) => [first, ...rest]));
}

function range(count: number): number[] {
  return [...Array(count).keys()];
}
