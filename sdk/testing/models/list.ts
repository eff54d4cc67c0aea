// A list with moves as a naive model, for tests: positions in the naive FugueMax tree, and every op kept for ever. What shows
// is worked out anew each time from the set of ops, so order of arrival and repetition cannot matter.
//
// An item is named by its first position. Of its positions the one with the highest (stamp, replica, elem) shows, the first
// counting as stamp 0; none does once anybody has deleted it.

import { NaiveText, keyOf, type ElementId, type FugueNode, type NaiveInsert } from './fugue-max.js';

export type ListOp =
  | { kind: 'insert'; place: NaiveInsert; value: unknown }
  | { kind: 'move'; place: NaiveInsert; item: ElementId; stamp: bigint }
  | { kind: 'delete'; item: ElementId };

interface Position { id: ElementId; item: string; stamp: bigint }

export class NaiveList extends NaiveText {
  readonly #positions = new Map<string, Position>();
  readonly #values = new Map<string, unknown>();
  readonly #deleted = new Set<string>();

  insertValues(index: number, values: readonly unknown[]): ListOp[] {
    return values.map((value, i) => this.#made({ kind: 'insert', place: this.#placeAt(index + i), value }));
  }

  deleteItems(index: number, count: number): ListOp[] {
    return this.visible().slice(index, index + count).map((node) => this.#made({ kind: 'delete', item: this.#itemOf(node) }));
  }

  move(from: number, to: number, stamp: bigint): ListOp {
    const item = this.#itemOf(this.visible()[from]);
    return this.#made({ kind: 'move', place: this.#placeAt(to > from ? to + 1 : to), item, stamp });
  }

  take(op: ListOp): void {
    if (op.kind === 'delete') return void this.#deleted.add(keyOf(op.item));
    const { id } = op.place;
    const position = op.kind === 'move' ? { id, item: keyOf(op.item), stamp: op.stamp } : { id, item: keyOf(id), stamp: 0n };
    this.#positions.set(keyOf(id), position);
    if (op.kind === 'insert') this.#values.set(keyOf(id), op.value);
    this.apply(op.place);
  }

  values(): unknown[] {
    return this.visible().map((node) => this.#values.get(this.#positions.get(keyOf(node.id))!.item));
  }

  protected override visible(): FugueNode[] {
    const winners = new Map<string, Position>();
    for (const position of this.#positions.values()) {
      const other = winners.get(position.item);
      if (!other || isLater(position, other)) winners.set(position.item, position);
    }
    return this.sequence().filter((node) => {
      const { item, id } = this.#positions.get(keyOf(node.id))!;
      return !this.#deleted.has(item) && winners.get(item)!.id === id;
    });
  }

  #made(op: ListOp): ListOp {
    this.take(op);
    return op;
  }

  #placeAt(index: number): NaiveInsert { return this.insertAfter(index === 0 ? null : this.visible()[index - 1], '-'); }

  #itemOf(node: FugueNode): ElementId {
    const { item } = this.#positions.get(keyOf(node.id))!;
    return this.#positions.get(item)!.id;
  }
}

function isLater(a: Position, b: Position): boolean {
  if (a.stamp !== b.stamp) return a.stamp > b.stamp;
  if (a.id.replica !== b.id.replica) return a.id.replica > b.id.replica;
  return a.id.elem > b.id.elem;
}
