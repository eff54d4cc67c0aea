// Many small updates in one array, so that holding a few hundred thousand of them for every system is not itself a load
// on the collector while another system is timed.

export class Packed {
  #bytes = new Uint8Array(1 << 16);
  #ends: number[] = [];

  get count(): number { return this.#ends.length; }
  get bytes(): number { return this.#ends.at(-1) ?? 0; }

  add(update: Uint8Array): void {
    const from = this.bytes;
    const to = from + update.length;
    if (to > this.#bytes.length) this.#grow(to);
    this.#bytes.set(update, from);
    this.#ends.push(to);
  }

  /** Updates from … to, each in an array of its own, as a network would bring them. */
  slice(from: number, to: number): Uint8Array[] {
    const updates: Uint8Array[] = [];
    for (let i = from; i < to; i++) updates.push(this.#bytes.slice(i === 0 ? 0 : this.#ends[i - 1], this.#ends[i]));
    return updates;
  }

  #grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.bytes));
    this.#bytes = grown;
  }
}
