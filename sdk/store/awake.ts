// Which of a client's documents are awake: in the engine, not only as bytes.
//
// When they are too many or too large, those go to sleep that were not used for longest: a clock's hand goes round, and
// takes who has not been used since it last came by. Waking is synchronous and takes microseconds for a small document, so an
// app need not know.

/** A document as this sees it. */
export interface Sleeper {
  readonly memoryBytes: number;
  readonly isAsleep: boolean;
  isUsed: boolean;
  /** @returns false when it cannot now */
  sleep(): boolean;
}

/** Small documents are cheap for the engine, but not what JavaScript keeps of one that is in use. */
const awakeMax = 256;

export class Awake {
  /** The engine memory of each; where the hand is first. */
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

  /** Twice round at most: once for the marks, once for those that cannot sleep now. */
  #makeRoom(kept: Sleeper): void {
    this.#isMakingRoom = true;
    let looks = this.#documents.size * 2;
    for (const document of this.#documents.keys()) {
      if (!this.#isTooMuch || looks-- === 0) break;
      const isUsed = document === kept || document.isUsed;
      document.isUsed = false;
      const isAsleep = !isUsed && document.sleep();
      const bytes = this.#documents.get(document)!;
      this.#documents.delete(document);
      if (isAsleep) this.#bytes -= bytes;
      else this.#documents.set(document, bytes);
    }
    this.#isMakingRoom = false;
  }
}
