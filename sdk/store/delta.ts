// Deltas: what changed in a text or a list, as retain / insert / delete, in UTF-16 units or items.
//
// The meaning editors share (Quill's): walk the old text, keep, add and drop. Composing joins the steps of one transaction
// into one delta, so a listener is called once and sees positions in the text it last saw.

/** What is inserted: a string, or an array of values. */
export type Run = string | readonly unknown[];

export type Delta<R extends Run = string> = ({ retain: number } | { insert: R } | { delete: number })[];

/** One step at an index of the text or list as it is at that moment. */
export interface Splice<R extends Run = string> { index: number; deleted: number; inserted: R }

export function deltaOf<R extends Run>({ index, deleted, inserted }: Splice<R>): Delta<R> {
  return tidy([{ retain: index }, { insert: inserted }, { delete: deleted }]);
}

/** Joins splices made one after another. By halves, since composing one by one would walk all pieces for each: O(n log n). */
export function composeSplices<R extends Run>(splices: readonly Splice<R>[]): Delta<R> {
  if (splices.length <= 1) return splices.length === 0 ? [] : deltaOf(splices[0]);
  const middle = splices.length >>> 1;
  return compose(composeSplices(splices.slice(0, middle)), composeSplices(splices.slice(middle)));
}

/** The delta that does `first`, then `second`. */
export function compose<R extends Run>(first: Delta<R>, second: Delta<R>): Delta<R> {
  const out: Delta<R> = [];
  const old = new Cursor(first);
  for (const op of second) {
    if ('insert' in op) out.push(op);
    else if ('retain' in op) walk(old, op.retain, out, true);
    else walk(old, op.delete, out, false);
  }
  return tidy([...out, ...old.rest()]);
}

/** Goes over `length` units of the text between, keeping or deleting them; old deletes on the way stand. */
function walk<R extends Run>(old: Cursor<R>, length: number, out: Delta<R>, isKept: boolean): void {
  while (length > 0) {
    const op = old.take(length);
    if ('delete' in op) {
      out.push(op);
      continue;
    }
    const size = 'insert' in op ? op.insert.length : op.retain;
    length -= size;
    // Deleting what the first delta inserted leaves nothing of it.
    if (isKept) out.push(op);
    else if ('retain' in op) out.push({ delete: size });
  }
}

/** Reads a delta piece by piece; past its end everything is retained. */
class Cursor<R extends Run> {
  #at = 0;
  #offset = 0;

  constructor(readonly delta: Delta<R>) {}

  take(max: number): Delta<R>[number] {
    const op = this.delta[this.#at];
    if (!op) return { retain: max };
    if ('delete' in op) return this.#whole();
    const size = 'insert' in op ? op.insert.length : op.retain;
    const taken = Math.min(max, size - this.#offset);
    const from = this.#offset;
    this.#offset += taken;
    if (this.#offset === size) this.#whole();
    return 'insert' in op ? { insert: op.insert.slice(from, from + taken) as R } : { retain: taken };
  }

  rest(): Delta<R> {
    const ops: Delta<R> = [];
    while (this.#at < this.delta.length) ops.push(this.take(Infinity));
    return ops;
  }

  #whole(): Delta<R>[number] {
    this.#offset = 0;
    return this.delta[this.#at++];
  }
}

/** Merges neighbours of one sort, puts inserts before deletes at one place, drops empty pieces and a trailing retain. */
export function tidy<R extends Run>(ops: Delta<R>): Delta<R> {
  const out: Delta<R> = [];
  for (const op of ops) {
    if (sizeOf(op) === 0) continue;
    const last = out.at(-1);
    if (last && 'delete' in last && 'insert' in op) {
      const before = out.at(-2);
      if (before && 'insert' in before) out[out.length - 2] = { insert: joined(before.insert, op.insert) };
      else out.splice(-1, 0, op);
    } else if (!last || !join(out, last, op)) out.push(op);
  }
  const last = out.at(-1);
  if (last && 'retain' in last) out.pop();
  return out;
}

/** Strings and arrays both have it; TypeScript cannot say so of either. */
function joined<R extends Run>(a: R, b: R): R { return (a as string).concat(b as string) as R; }

function join<R extends Run>(out: Delta<R>, last: Delta<R>[number], op: Delta<R>[number]): boolean {
  if ('retain' in last && 'retain' in op) out[out.length - 1] = { retain: last.retain + op.retain };
  else if ('insert' in last && 'insert' in op) out[out.length - 1] = { insert: joined(last.insert, op.insert) };
  else if ('delete' in last && 'delete' in op) out[out.length - 1] = { delete: last.delete + op.delete };
  else return false;
  return true;
}

function sizeOf(op: Delta<Run>[number]): number {
  if ('retain' in op) return op.retain;
  return 'insert' in op ? op.insert.length : op.delete;
}

/**
 * The one splice that turns `from` into `to`: common ends kept, surrogate pairs whole.
 * O(length). Not the smallest edit script, but the one a person typing makes.
 */
export function spliceBetween<R extends string | readonly string[]>(from: R, to: R): Splice<R> | null {
  if (from === to) return null;
  const shorter = Math.min(from.length, to.length);
  let start = 0;
  while (start < shorter && from[start] === to[start]) start++;
  if (start > 0 && startsWith(from[start - 1], 0xd800)) start--;
  let end = 0;
  while (end < shorter - start && from.at(-1 - end) === to.at(-1 - end)) end++;
  if (end > 0 && startsWith(from.at(-end)!, 0xdc00)) end--;
  const inserted = to.slice(start, to.length - end) as R;
  const deleted = from.length - start - end;
  return deleted + inserted.length > 0 ? { index: start, deleted, inserted } : null;
}

/** The same for values, which are equal when their JSON is. No JSON begins with half a pair. */
export function spliceBetweenValues<V>(from: readonly V[], to: readonly V[]): Splice<readonly V[]> | null {
  const [old, next] = [from, to].map((values) => values.map((value) => JSON.stringify(value)));
  const splice = spliceBetween(old, next);
  return splice && { ...splice, inserted: to.slice(splice.index, splice.index + splice.inserted.length) };
}

/** Is its first unit such a half of a pair? */
function startsWith(text: string, half: number): boolean { return (text.charCodeAt(0) & 0xfc00) === half; }
