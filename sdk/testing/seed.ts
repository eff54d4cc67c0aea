// Random numbers that can be had again: every random test draws from one seed and prints it.
//
// The generator is xoshiro128** (Blackman and Vigna), its state filled by splitmix32, as xoshiro's authors
// advise for seeds that differ in few bits. `stream` gives each concern its own generator, so that one more draw
// in the network does not change what the disk does.

/** Prints how to replay, so call it once per test file or test. Without SEED in the environment, a new seed. */
export function seedFromEnv(): number {
  const given = process.env.SEED;
  const seed = given ? Number(given) >>> 0 : crypto.getRandomValues(new Uint32Array(1))[0];
  process.stdout.write(`SEED=${seed} replays this run\n`);
  return seed;
}

export class Random {
  private readonly state: Uint32Array;

  constructor(readonly seed: number) {
    this.state = splitmix(seed, 4);
  }

  /** An independent generator, always the same for the same seed and name. */
  stream(name: string): Random {
    let mixed = this.seed;
    for (const unit of name) mixed = Math.imul(mixed ^ unit.codePointAt(0)!, 0x01000193);
    return new Random(splitmix(mixed, 1)[0]);
  }

  /** A whole number, uniform in [0, 2^32). */
  uint32(): number {
    const s = this.state;
    const result = Math.imul(rotate(Math.imul(s[1], 5), 7), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 11);
    return result;
  }

  /** In [0, 1), with 32 random bits. */
  unit(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** A whole number in [0, below). */
  int(below: number): number {
    return Math.floor(this.unit() * below);
  }

  /** A whole number in [from, to]. */
  between(from: number, to: number): number {
    return from + this.int(to - from + 1);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from');
    return items[this.int(items.length)];
  }

  /** A new array; the given one stays as it is. */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
    }
    return shuffled;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.int(256));
  }

  /** Text of `length` pieces, most of them letters; well-formed, and often longer in UTF-16 units than in pieces. */
  string(length: number): string {
    return Array.from({ length }, () => (this.chance(0.7) ? this.letter() : this.pick(oddPieces))).join('');
  }

  private letter(): string {
    return String.fromCharCode(97 + this.int(26));
  }
}

// Combining marks, both directions, joiners, flags, pairs, and the ends of the ranges encoders get wrong.
const oddPieces = [
  ' ', '\n', '\u0000', '\u007f', '\u0080', '\u07ff', '\u0800', '\uffff', '\ufeff', '\u2028', 'é', 'e\u0301', 'ß', 'İ',
  'שלום', 'مرحبا', 'नि', '한', '漢', '𝒳', '😀', '👍🏽', '👩‍👩‍👧', '🇳🇱', '\u{10000}', '\u{10ffff}', '\u200d', '__proto__',
] as const;

function splitmix(seed: number, count: number): Uint32Array {
  let next = seed;
  return Uint32Array.from({ length: count }, () => {
    next = (next + 0x9e3779b9) | 0;
    let mixed = Math.imul(next ^ (next >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  });
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}
