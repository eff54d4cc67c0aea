// What was taken of a room's state while commits were in flight.
//
// The engine's state runs ahead of the log by what is being committed. So what is made of it, a snapshot or plain data,
// is true only once the last of those commits is in, and never when others' entries came in between or it failed.

interface Holding<Mark> {
  mark: Mark;
  settle(isTrue: boolean): void;
}

export class Held<Mark> {
  private holdings: Holding<Mark>[] = [];

  /** Resolves when it is known whether what was taken with `mark` as the last entry in flight is a state of the log. */
  until(mark: Mark): Promise<boolean> {
    return new Promise((settle) => this.holdings.push({ mark, settle }));
  }

  release(committed: readonly Mark[]): void {
    if (this.holdings.length === 0) return;
    const [done, left] = [[] as Holding<Mark>[], [] as Holding<Mark>[]];
    for (const holding of this.holdings) (committed.includes(holding.mark) ? done : left).push(holding);
    this.holdings = left;
    for (const { settle } of done) settle(true);
  }

  /** Others wrote in between, or the memory was thrown away. */
  discard(): void {
    for (const { settle } of this.holdings.splice(0)) settle(false);
  }
}
