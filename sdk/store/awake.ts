// Which of a client's documents are awake: in the engine, not only as bytes.
//
// When they are too many or too large, those go to sleep that were not used for longest. Waking is synchronous and takes
// microseconds for a small document, so an app need not know.

/** A document as this sees it. */
export interface Sleeper {
  readonly memoryBytes: number;
  readonly isAsleep: boolean;
  /** What `uses.now` was when it was last asked for something. */
  readonly usedAt: number;
  /** @returns false when it cannot now */
  sleep(): boolean;
}

/** Grows with every document that is woken: fine enough to tell who came before whom. */
export const uses = { now: 0 };

/** Small documents are cheap for the engine, but not what JavaScript keeps of one that is in use. */
const awakeMax = 256;

export class Awake {
  /** The engine memory of each. */
  readonly #documents = new Map<Sleeper, number>();
  #bytes = 0;
  #last: Sleeper | null = null;
  #isMakingRoom = false;

  /** @param bytesMax  of engine memory, for all together; what is in use may be more */
  constructor(private readonly bytesMax: number) {}

  /** Engine memory of those that are awake. */
  get bytes(): number { return this.#bytes; }

  get count(): number { return this.#documents.size; }

  /** It has been woken, or has grown. */
  grew(document: Sleeper): void {
    if (document.isAsleep) return;
    // Edits are heard of in the next microtask: of those in another document before this one, now.
    const last = this.#last;
    if (last && last !== document && this.#documents.has(last)) this.#count(last, last.memoryBytes);
    if (last !== document) uses.now++;
    this.#last = document;
    this.#count(document, document.memoryBytes);
    if (this.#isTooMuch && !this.#isMakingRoom) this.#makeRoom(document);
  }

  /** It is closed, or sleeps. */
  forget(document: Sleeper): void {
    if (this.#last === document) this.#last = null;
    this.#bytes -= this.#documents.get(document) ?? 0;
    this.#documents.delete(document);
  }

  get #isTooMuch(): boolean { return this.#documents.size > awakeMax || this.#bytes > this.bytesMax; }

  #count(document: Sleeper, bytes: number): void {
    this.#bytes += bytes - (this.#documents.get(document) ?? 0);
    this.#documents.set(document, bytes);
  }

  #makeRoom(kept: Sleeper): void {
    this.#isMakingRoom = true;
    const stayed = new Set([kept]);
    try {
      for (let next = this.#oldest(stayed); next && this.#isTooMuch; next = this.#oldest(stayed)) {
        if (next.sleep()) this.forget(next);
        else stayed.add(next);
      }
    } finally {
      this.#isMakingRoom = false;
    }
  }

  /** O(documents awake) */
  #oldest(except: ReadonlySet<Sleeper>): Sleeper | null {
    let oldest: Sleeper | null = null;
    for (const each of this.#documents.keys()) {
      if (!except.has(each) && (!oldest || each.usedAt < oldest.usedAt)) oldest = each;
    }
    return oldest;
  }
}
