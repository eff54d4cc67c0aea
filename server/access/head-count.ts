// How many are here under one name: sockets of a user, sockets of an address.

export class HeadCount {
  private readonly counts = new Map<string, number>();

  /** @returns false, and counts nothing, when `max` are here already */
  enter(name: string, max: number): boolean {
    const count = this.count(name);
    if (count >= max) return false;
    this.counts.set(name, count + 1);
    return true;
  }

  count(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  leave(name: string): void {
    const count = this.count(name);
    if (count > 1) this.counts.set(name, count - 1);
    else this.counts.delete(name);
  }
}
