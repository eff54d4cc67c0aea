// What changed between two texts, as one splice; and where an index goes when others edit around it.
//
// A textarea only tells us its new value. Common ends are cut away; what is left was replaced. Where the
// answer is not unique (one more "a" in "aaaa") the caret decides, because typing ends at the caret.

export interface Splice {
  index: number;
  deleted: number;
  inserted: string;
}

export type Delta = readonly ({ retain: number } | { insert: string } | { delete: number })[];

/** The splice that turns `before` into `after`, or null when they are equal. @param caret  end of the selection in `after` */
export function spliceBetween(before: string, after: string, caret: number): Splice | null {
  if (before === after) return null;
  const endMax = Math.min(before.length, after.length - Math.min(caret, after.length));
  const tail = wholeTail(after, commonTail(before, after, endMax));
  const startMax = Math.min(before.length, after.length) - tail;
  const start = wholeHead(before, after, commonHead(before, after, startMax));
  // Past the caret there may be more in common (a forward delete): the tail is taken again, now up to the start.
  const rest = wholeTail(after, commonTail(before, after, Math.min(before.length, after.length) - start));
  return { index: start, deleted: before.length - rest - start, inserted: after.slice(start, after.length - rest) };
}

/** Where `index` is after `delta`. An insert exactly at it leaves it in front. */
export function indexAfter(delta: Delta, index: number): number {
  let at = 0;
  let moved = index;
  for (const step of delta) {
    if ('retain' in step) at += step.retain;
    else if ('insert' in step) {
      if (at < moved) moved += step.insert.length;
      at += step.insert.length;
    } else if (at < moved) moved = Math.max(at, moved - step.delete);
    if (at >= moved) break;
  }
  return moved;
}

function commonHead(a: string, b: string, max: number): number {
  let length = 0;
  while (length < max && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

function commonTail(a: string, b: string, max: number): number {
  let length = 0;
  while (length < max && a.charCodeAt(a.length - 1 - length) === b.charCodeAt(b.length - 1 - length)) length++;
  return length;
}

// Two emoji often share one half of their surrogate pair; a splice must never begin or end between the halves.
function wholeHead(a: string, b: string, length: number): number {
  return isHigh(a.charCodeAt(length - 1)) || isHigh(b.charCodeAt(length - 1)) ? length - 1 : length;
}

function wholeTail(text: string, length: number): number {
  return length > 0 && isLow(text.charCodeAt(text.length - length)) ? length - 1 : length;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
