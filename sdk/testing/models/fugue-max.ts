// FugueMax as a naive tree, for tests: character by character, recursive, quadratic, and as close to the
// definition as code can be. The engine is fuzzed against it, so it shares no idea with the engine but the rule.
//
// Every element is a node with left and right children; the text is the in-order walk. An op names only the
// two origins, so the place in the tree is worked out again by everybody, and this is why it comes out equal:
//
//   The author makes a right child of the left origin L if L has no right children, else a left child of the
//   right origin R. R is the element after L in the whole sequence. If L has right children, that element is
//   the first of L's right subtree: a descendant of L. If L has none, it lies outside L's subtree. So
//       "a left child of R"  if and only if  "R descends from L".
//   Who descends from whom is fixed when a node is made and never changes, so the author and every receiver
//   answer alike, whatever else has arrived. The root (L = null) is everybody's ancestor; the end (R = null)
//   is nobody's descendant.
//
// Two siblings on one side never come from one replica with the same right origin: its second insert would
// have met its first one, tombstone or not, and hung below it. So (right origin, replica) orders them totally.
// A position among siblings is compared by right origins that lie outside the parent's subtree, so it does not
// depend on the siblings themselves; and origins arrive before the element, so it can always be computed.
// Source: Weidner & Kleppmann, "The Art of the Fugue: Minimizing Interleaving in Collaborative Text Editing".

/** `elem` numbers the elements of one replica from 1. */
export interface ElementId { replica: string; elem: number }

/** Left null is the start, right null is the end. `char` is one UTF-16 unit. A delete's own seq is only a name. */
export type NaiveInsert = { kind: 'insert'; id: ElementId; left: ElementId | null; right: ElementId | null; char: string };
export type NaiveDelete = { kind: 'delete'; id: { replica: string; seq: number }; target: ElementId };
export type NaiveOp = NaiveInsert | NaiveDelete;

export interface FugueNode {
  id: ElementId;
  char: string;
  isDeleted: boolean;
  parent: FugueNode | null;
  rightOrigin: FugueNode | null;
  leftChildren: FugueNode[];
  rightChildren: FugueNode[];
}

export function keyOf(id: ElementId): string {
  return `${id.replica}:${id.elem}`;
}

function newNode(id: ElementId, char: string): FugueNode {
  return { id, char, isDeleted: false, parent: null, rightOrigin: null, leftChildren: [], rightChildren: [] };
}

export class NaiveText {
  private readonly root = newNode({ replica: '', elem: 0 }, '');
  private readonly nodes = new Map<string, FugueNode>();
  private waiting: NaiveOp[] = [];
  private elemLast = 0;
  private deleteLast = 0;

  constructor(readonly replica: string) {}

  /** Inserts UTF-16 units one by one, each with the one before as left origin. @returns the ops to send */
  insert(index: number, text: string): NaiveOp[] {
    let left = index === 0 ? null : this.visible()[index - 1];
    if (left === undefined) throw new RangeError(`index ${index} is past the end`);
    return text.split('').map((char) => {
      const op = this.insertAfter(left ?? null, char);
      this.apply(op);
      left = this.nodes.get(keyOf(op.id))!;
      return op;
    });
  }

  delete(index: number, count: number): NaiveOp[] {
    const targets = this.visible().slice(index, index + count);
    if (targets.length < count) throw new RangeError(`${index} + ${count} is past the end`);
    const ops = targets.map((node): NaiveOp => (
      { kind: 'delete', id: { replica: this.replica, seq: ++this.deleteLast }, target: node.id }));
    ops.forEach((op) => this.apply(op));
    return ops;
  }

  /** Takes an op in, or keeps it until the elements it names are here. A repeated op changes nothing. */
  apply(op: NaiveOp): void {
    this.waiting.push(op);
    for (let isStuck = false; !isStuck;) {
      const ready = this.waiting.filter((each) => this.isReady(each));
      this.waiting = this.waiting.filter((each) => !ready.includes(each));
      ready.forEach((each) => (each.kind === 'insert' ? this.place(each) : this.bury(each)));
      isStuck = ready.length === 0;
    }
  }

  toString(): string {
    return this.visible().map((node) => node.char).join('');
  }

  /** Every element in order, tombstones included (marked by `-`): what convergence is measured by. */
  order(): string[] {
    return this.sequence().map((node) => (node.isDeleted ? '-' : '') + keyOf(node.id));
  }

  // The two rules below are what makes this FugueMax.

  private isLeftChild(left: FugueNode, right: FugueNode | null): boolean {
    for (let node = right; node !== null; node = node.parent) if (node === left) return true;
    return false;
  }

  /** Whether sibling `a` stands before sibling `b`. */
  private precedes(a: FugueNode, b: FugueNode, side: 'left' | 'right'): boolean {
    const positionOf = (node: FugueNode | null) => (node === null ? Infinity : this.sequence().indexOf(node));
    if (side === 'right' && a.rightOrigin !== b.rightOrigin) return positionOf(a.rightOrigin) > positionOf(b.rightOrigin);
    return a.id.replica < b.id.replica;
  }

  protected insertAfter(left: FugueNode | null, char: string): NaiveInsert {
    const all = this.sequence();
    const right = all[left === null ? 0 : all.indexOf(left) + 1];
    const id = { replica: this.replica, elem: ++this.elemLast };
    return { kind: 'insert', id, left: left?.id ?? null, right: right?.id ?? null, char };
  }

  private isReady(op: NaiveOp): boolean {
    const needed = op.kind === 'insert' ? [op.left, op.right] : [op.target];
    return needed.every((id) => id === null || this.nodes.has(keyOf(id)));
  }

  private place(op: NaiveInsert): void {
    if (this.nodes.has(keyOf(op.id))) return;
    // A replica that reads its own ops back goes on counting after them.
    if (op.id.replica === this.replica) this.elemLast = Math.max(this.elemLast, op.id.elem);
    const node = newNode(op.id, op.char);
    const left = op.left === null ? this.root : this.nodes.get(keyOf(op.left))!;
    node.rightOrigin = op.right === null ? null : this.nodes.get(keyOf(op.right))!;
    const side = this.isLeftChild(left, node.rightOrigin) ? 'left' : 'right';
    node.parent = side === 'left' ? node.rightOrigin! : left;
    const siblings = side === 'left' ? node.parent.leftChildren : node.parent.rightChildren;
    const at = siblings.findIndex((sibling) => this.precedes(node, sibling, side));
    siblings.splice(at < 0 ? siblings.length : at, 0, node);
    this.nodes.set(keyOf(op.id), node);
  }

  private bury(op: NaiveDelete): void {
    this.nodes.get(keyOf(op.target))!.isDeleted = true;
  }

  protected visible(): FugueNode[] {
    return this.sequence().filter((node) => !node.isDeleted);
  }

  protected sequence(): FugueNode[] {
    const out: FugueNode[] = [];
    const walk = (node: FugueNode): void => {
      node.leftChildren.forEach(walk);
      if (node !== this.root) out.push(node);
      node.rightChildren.forEach(walk);
    };
    walk(this.root);
    return out;
  }
}
