// A document's storage steps, one after another. A step that fails is reported, and the next one still runs.

import { asHeadwaterError, type HeadwaterError } from '../core/errors.js';

export class Steps {
  #last: Promise<void> = Promise.resolve();
  #open = 0;
  readonly #failed: (error: HeadwaterError) => void;

  constructor(failed: (error: HeadwaterError) => void) {
    this.#failed = failed;
  }

  add(step: () => Promise<void>): Promise<void> {
    this.#open++;
    this.#last = this.#last.then(step).catch((error: unknown) => this.#failed(asHeadwaterError(error))).then(() => { this.#open--; });
    return this.#last;
  }

  get isIdle(): boolean { return this.#open === 0; }

  /** Resolves when every step begun before is over. Never rejects. */
  get idle(): Promise<void> { return this.#last; }
}
