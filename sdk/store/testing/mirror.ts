// A listener's own copy of a text, kept by deltas alone.

import type { Delta } from '../delta.js';
import type { Text } from '../text.js';

export function applyDelta(text: string, delta: Delta): string {
  let at = 0;
  let out = '';
  for (const op of delta) {
    if ('insert' in op) out += op.insert;
    else if ('retain' in op) out += text.slice(at, (at += op.retain));
    else at += op.delete;
  }
  if (at > text.length) throw new RangeError(`the delta reaches to ${at}, past the end at ${text.length}`);
  return out + text.slice(at);
}

export class Mirror {
  value: string;
  /** What came, and whether it was local. */
  readonly heard: { delta: Delta; local: boolean }[] = [];

  constructor(text: Text) {
    this.value = text.toString();
    text.subscribe((event) => {
      this.heard.push(event);
      this.value = applyDelta(this.value, event.delta);
    });
  }
}
