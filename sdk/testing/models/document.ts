// Naive models of the document's other containers, for fuzzing the engine: LWW map, PN-counter, OR-set.
// They keep every op for ever and answer each question by reading them all again. Order of arrival and
// repetition cannot matter, because the answer is a function of a set of ops; that is the whole idea.

/** Names an op: one replica's ops of one container are numbered from 1. */
export interface OpId { replica: string; seq: number }

/** A set of ops that knows which it has seen. The three models below add the meaning. */
class OpSet<Op extends { id: OpId }> {
  private readonly ops = new Map<string, Op>();
  private seqLast = 0;

  constructor(readonly replica: string) {}

  apply(op: Op): void {
    this.ops.set(`${op.id.replica}:${op.id.seq}`, op);
  }

  protected nextId(): OpId {
    return { replica: this.replica, seq: ++this.seqLast };
  }

  protected write(op: Op): Op {
    this.apply(op);
    return op;
  }

  protected all(): Op[] {
    return [...this.ops.values()];
  }
}

/** `value` undefined is a delete: it has a stamp like any other write, and loses and wins like any other. */
export interface MapOp { id: OpId; key: string; value: unknown; stamp: bigint }

/** Last writer wins per key: the higher stamp, then the higher replica id (unsigned), decides. */
export class NaiveMap extends OpSet<MapOp> {
  set(key: string, value: unknown, stamp: bigint): MapOp {
    return this.write({ id: this.nextId(), key, value, stamp });
  }

  delete(key: string, stamp: bigint): MapOp {
    return this.set(key, undefined, stamp);
  }

  get(key: string): unknown {
    return this.winner(key)?.value;
  }

  /** Keys sorted; deleted ones absent. */
  toJSON(): Record<string, unknown> {
    const keys = [...new Set(this.all().map((op) => op.key))].sort();
    const present = keys.filter((key) => this.get(key) !== undefined);
    return Object.fromEntries(present.map((key) => [key, this.get(key)]));
  }

  private winner(key: string): MapOp | undefined {
    return this.all().filter((op) => op.key === key).sort((a, b) => (isLater(a, b) ? -1 : 1))[0];
  }
}

/** One replica never writes two ops under one stamp; if it did, the later seq would have to win. */
function isLater(a: MapOp, b: MapOp): boolean {
  if (a.stamp !== b.stamp) return a.stamp > b.stamp;
  if (a.id.replica !== b.id.replica) return a.id.replica > b.id.replica;
  return a.id.seq > b.id.seq;
}

export interface CounterOp { id: OpId; amount: number }

/** The sum of everything anybody added; each op counts once. */
export class NaiveCounter extends OpSet<CounterOp> {
  increment(amount = 1): CounterOp {
    return this.write({ id: this.nextId(), amount });
  }

  decrement(amount = 1): CounterOp {
    return this.increment(-amount);
  }

  get value(): number {
    return this.all().reduce((sum, op) => sum + op.amount, 0);
  }
}

/** A remove names the adds it has seen. An add it has not seen survives it: add wins. */
export type SetOp =
  | { kind: 'add'; id: OpId; value: unknown }
  | { kind: 'remove'; id: OpId; seen: OpId[] };

/** Observed-remove set of JSON values. Two values are the same if they are written the same, keys sorted. */
export class NaiveSet extends OpSet<SetOp> {
  add(value: unknown): SetOp {
    return this.write({ kind: 'add', id: this.nextId(), value });
  }

  delete(value: unknown): SetOp {
    return this.remove((each) => canonical(each) === canonical(value));
  }

  clear(): SetOp {
    return this.remove(() => true);
  }

  has(value: unknown): boolean {
    return this.values().some((each) => canonical(each) === canonical(value));
  }

  /** Each value once, sorted by its canonical text, so that two models can be compared. */
  values(): unknown[] {
    const byText = new Map(this.living().map((op) => [canonical(op.value), op.value]));
    return [...byText.keys()].sort().map((text) => byText.get(text));
  }

  private living() {
    const gone = new Set(this.all().flatMap((op) => (op.kind === 'remove' ? op.seen : [])).map(canonical));
    return this.all().filter((op) => op.kind === 'add').filter((op) => !gone.has(canonical(op.id)));
  }

  private remove(concerns: (value: unknown) => boolean): SetOp {
    const seen = this.living().filter((op) => concerns(op.value)).map((op) => op.id);
    return this.write({ kind: 'remove', id: this.nextId(), seen });
  }
}

/** JSON with object keys sorted at every depth. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner);
}
