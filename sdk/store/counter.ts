// A counter: everyone adds, all additions count.

import { HeadwaterError } from '../core/errors.js';
import { Kind } from '../core/lite-document.js';
import { SimpleHandle, type Holder } from './container.js';
import type { Write } from './write.js';

export class Counter extends SimpleHandle {
  constructor(holder: Holder, path: readonly string[]) { super(holder, path, Kind.Counter); }

  get value(): number { return this.engine.counterValue(this.number); }

  /** @throws HeadwaterError `invalid_argument` unless `n` is a safe integer and the value stays one */
  increment(n = 1): Write {
    checkStep(n);
    this.engine.counterAdd(this.number, n);
    this.holder.history?.added(this.path, n);
    return this.wrote();
  }

  decrement(n = 1): Write {
    checkStep(n);
    return this.increment(-n);
  }

  toJSON(): number { return this.value; }
}

function checkStep(n: number): void {
  if (!Number.isSafeInteger(n)) throw new HeadwaterError('invalid_argument', `a counter takes safe integers, not ${String(n)}`, { n });
}
