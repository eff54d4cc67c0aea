// FugueMax as a naive list: the YjsMod scan on (left origin, right origin, replica) over a plain array.
//
// The engine keeps a list, not a tree, so this is the form its scan can be read against. That list and tree give
// the same order is not obvious; models.test.ts shows it on thousands of histories.
//
// The new element belongs somewhere between its origins. Elements found there are concurrent with it, or hang
// below such ones. The scan walks right over them and asks of each where its own left origin stands:
//   before ours  – it belongs to an outer place, and so do all after it: stop;
//   after ours   – it hangs below something walked over already: goes where that goes;
//   the same     – a sibling. A right origin beyond ours, or an equal one and a smaller replica: it is before us.
//                  A right origin nearer than ours: it comes after us, unless a later sibling is found to be
//                  before us, so the place is remembered and the walk goes on.
// Source: Gentle & Kleppmann's reference implementations of list CRDTs, where this scan is called YjsMod.

import { keyOf, type ElementId, type NaiveInsert, type NaiveOp } from './fugue-max.js';

interface Item { key: string; id: ElementId; char: string; isDeleted: boolean; left: string | null; right: string | null }

const keyOrNull = (id: ElementId | null) => (id === null ? null : keyOf(id));

export class YjsModText {
  private readonly items: Item[] = [];
  private waiting: NaiveOp[] = [];
  private elemLast = 0;
  private deleteLast = 0;

  constructor(readonly replica: string) {}

  insert(index: number, text: string): NaiveOp[] {
    const visible = this.visible();
    if (index > visible.length) throw new RangeError(`index ${index} is past the end`);
    const ops: NaiveOp[] = [];
    let at = index === 0 ? 0 : this.items.indexOf(visible[index - 1]) + 1;
    for (const char of text.split('')) {
      const [left, right] = [this.items[at - 1]?.id ?? null, this.items[at]?.id ?? null];
      const op: NaiveOp = { kind: 'insert', id: { replica: this.replica, elem: ++this.elemLast }, left, right, char };
      this.apply(op);
      ops.push(op);
      at += 1;
    }
    return ops;
  }

  delete(index: number, count: number): NaiveOp[] {
    const targets = this.visible().slice(index, index + count);
    if (targets.length < count) throw new RangeError(`${index} + ${count} is past the end`);
    const ops = targets.map(({ id }): NaiveOp => (
      { kind: 'delete', id: { replica: this.replica, seq: ++this.deleteLast }, target: id }));
    ops.forEach((op) => this.apply(op));
    return ops;
  }

  /** Takes an op in, or keeps it until the elements it names are here. A repeated op changes nothing. */
  apply(op: NaiveOp): void {
    this.waiting.push(op);
    for (let next = this.nextReady(); next !== undefined; next = this.nextReady()) {
      this.waiting.splice(this.waiting.indexOf(next), 1);
      if (next.kind === 'insert') this.place(next);
      else this.items[this.indexOf(keyOf(next.target))].isDeleted = true;
    }
  }

  toString(): string {
    return this.visible().map((item) => item.char).join('');
  }

  order(): string[] {
    return this.items.map((item) => (item.isDeleted ? '-' : '') + item.key);
  }

  private place(op: NaiveInsert): void {
    const item = { key: keyOf(op.id), id: op.id, char: op.char, isDeleted: false, left: keyOrNull(op.left), right: keyOrNull(op.right) };
    if (this.indexOf(item.key) < 0) this.items.splice(this.scan(item), 0, item);
  }

  private scan(item: Item): number {
    const left = this.leftIndex(item);
    const right = this.rightIndex(item);
    let place = left + 1;
    for (let at = left + 1; at < right; at++) {
      const other = this.items[at];
      const otherLeft = this.leftIndex(other);
      if (otherLeft < left) break;
      if (otherLeft > left) {
        // Below a sibling: it follows that sibling, and `place` moved past both or neither.
        if (place === at) place = at + 1;
        continue;
      }
      const otherRight = this.rightIndex(other);
      if (otherRight === right && item.id.replica < other.id.replica) break;
      if (otherRight >= right) place = at + 1;
    }
    return place;
  }

  private leftIndex(item: Item): number {
    return item.left === null ? -1 : this.indexOf(item.left);
  }

  private rightIndex(item: Item): number {
    return item.right === null ? this.items.length : this.indexOf(item.right);
  }

  private indexOf(key: string): number {
    return this.items.findIndex((item) => item.key === key);
  }

  private nextReady(): NaiveOp | undefined {
    const has = (id: ElementId | null) => id === null || this.indexOf(keyOf(id)) >= 0;
    return this.waiting.find((op) => (op.kind === 'insert' ? has(op.left) && has(op.right) : has(op.target)));
  }

  private visible(): Item[] {
    return this.items.filter((item) => !item.isDeleted);
  }
}
