// One thing at a time, in the order it was asked for; appends that wait together are committed together.
//
// A commit costs the disk the same for one record or a hundred. So nothing is delayed to form a group: the
// first append of an idle lane starts at once, and whatever arrives while it is in flight is the next group.

interface Waiting<W, R> {
  writes: W[];
  strict: boolean;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/** Writes one group in one transaction. @returns one result per member, in order */
export type Commit<W, R> = (members: W[][], strict: boolean) => Promise<R[]>;

export class Lane<W, R> {
  #tail: Promise<unknown> = Promise.resolve();
  /** The group that still takes members: the last thing in the lane, not started yet. */
  #group: Waiting<W, R>[] | null = null;
  readonly #commit: Commit<W, R>;

  constructor(commit: Commit<W, R>) {
    this.#commit = commit;
  }

  /** Runs `task` after everything asked for before it, whether that succeeded or not. */
  run<T>(task: () => Promise<T>): Promise<T> {
    // A later append must not join a group ahead of this task: after a remove it would be removed too.
    this.#group = null;
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  append(writes: W[], strict: boolean): Promise<R> {
    return new Promise((resolve, reject) => {
      const group = this.#group ?? this.#startGroup();
      group.push({ writes, strict, resolve, reject });
    });
  }

  #startGroup(): Waiting<W, R>[] {
    const group: Waiting<W, R>[] = [];
    void this.run(() => this.#commitGroup(group));
    this.#group = group;
    return group;
  }

  /** A group fails as a whole; its members learn it together and nothing of it is on disk. */
  async #commitGroup(group: Waiting<W, R>[]): Promise<void> {
    if (this.#group === group) this.#group = null;
    try {
      const strict = group.some((member) => member.strict);
      const results = await this.#commit(group.map((member) => member.writes), strict);
      group.forEach((member, i) => member.resolve(results[i]));
    } catch (error) {
      group.forEach((member) => member.reject(error));
    }
  }
}
