// The recorded sessions, whole: what people typed comes out as they left it, whichever way it travelled.
//
// Five sessions, 387,000 edits, through the public API: made here, received one update at a time, joined, saved and loaded.
// Then each is made again by several replicas that take turns at random, and what they wrote arrives shuffled, doubled,
// joined and cut anew. SEED replays a run. Where the recordings are not, the suite says so and is skipped.

import { describe, expect, it } from '@jest/globals';
import { createDocument, type Document } from '../../sdk/index.js';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';
import { concat } from '../../sdk/testing/text-peers.js';
import { readRecording, type Patch, type Recording, type Txn } from '../../server/e2e/recording.js';
import { findTrace } from '../../server/e2e/traces.js';

const seed = seedFromEnv();

for (const name of ['automerge-paper', 'rustcode', 'sveltecomponent', 'friendsforever', 'clownschool']) {
  const path = findTrace(name);
  (path ? describe : describe.skip)(`the session ${name}`, () => {
    let cast: Cast;
    const recording = () => readRecording(path!);

    it('ends as recorded for those who wrote it', () => {
      const session = recording();
      cast = new Cast(session.authors, 1, new Random(seed).stream(name));
      cast.play(session.txns);
      for (const author of cast.everyone()) {
        cast.inform(author, cast.all);
        isEnd(author, session);
      }
    });

    it('ends as recorded for somebody who receives it update by update', () => {
      const reader = createDocument();
      for (const update of cast.updates) reader.import(update);
      isEnd(reader, recording());
      isEqual(reader, cast.everyone()[0]);
    });

    it('ends as recorded when all updates are joined, or what each author exports, in either order', () => {
      const session = recording();
      const exports = cast.everyone().map((author) => author.export());
      for (const bytes of [concat(cast.updates), concat(exports), concat(exports.reverse())]) {
        const reader = read(bytes);
        isEnd(reader, session);
        isEqual(reader, cast.everyone()[0]);
      }
    });

    it('ends as recorded in a snapshot, in a snapshot of that, and beside what it already knows', () => {
      const session = recording();
      const [author] = cast.everyone();
      const loaded = read(author.snapshot());
      const again = read(loaded.snapshot());
      const both = read(cast.updates[0], again.snapshot(), cast.updates.at(-1)!);
      for (const reader of [loaded, again, both]) {
        isEnd(reader, session);
        isEqual(reader, author);
      }
      expect(Buffer.compare(again.snapshot(), loaded.snapshot())).toBe(0);
    });

    it('ends as recorded when replicas take turns at random and what they wrote comes in any order', () => {
      const session = recording();
      const random = new Random(seed).stream(`${name} split`);
      const crew = new Cast(session.authors, 3, random);
      crew.play(session.authors === 1 ? inTurns(session.txns, random) : session.txns);
      const readers = [createDocument(), read(random.pick(crew.everyone()).snapshot())];
      for (const reader of readers) for (const piece of disordered(crew.updates, random)) reader.import(piece);
      for (const reader of readers) {
        isEnd(reader, session);
        isEqual(reader, readers[0]);
      }
      for (const replica of crew.everyone()) {
        replica.import(readers[1].export(replica.version()));
        isEqual(replica, readers[0]);
      }
    });
  });
}

/** A replica in the place of an author. */
interface Seat { document: Document; has: number[]; heard: Uint8Array[] }

/** The authors of a session, each with some replicas that take turns. A replica has exactly what its author had seen. */
class Cast {
  /** One of each transaction, in the order of the session. */
  readonly updates: Uint8Array[] = [];
  readonly #seats: Seat[][];
  /** The transactions of each author, as indexes of `updates`. */
  readonly #own: number[][];

  // Ids ascend with the authors: at one place of friendsforever two of them decide the order.
  constructor(authors: number, seats: number, private readonly random: Random) {
    this.#own = Array.from({ length: authors }, () => []);
    this.#seats = this.#own.map((_, author) => Array.from({ length: seats }, (__, seat) => (
      this.#seat(createDocument({ replica: `${'7be'[author]}${seat}c0ffee00000000` }), this.#own.map(() => 0)))));
  }

  #seat(document: Document, has: number[]): Seat {
    const seat: Seat = { document, has, heard: [] };
    document.on('update', (bytes) => seat.heard.push(bytes));
    return seat;
  }

  get all(): number[] { return this.#own.map((own) => own.length); }

  everyone(): Document[] { return this.#seats.flat().map(({ document }) => document); }

  play(txns: readonly Txn[]): void {
    const at = this.#own.map(() => 0);
    for (const { author, seen, patches } of txns) {
      if (this.random.chance(0.01)) at[author] = this.random.int(this.#seats[author].length);
      if (this.random.chance(0.001)) this.#restart(author, at[author]);
      const seat = this.#seats[author][at[author]];
      this.#informSeat(seat, seen);
      this.#own[author].push(this.updates.push(write(seat, patches)) - 1);
      seat.has[author]++;
    }
  }

  /** Hands a replica what it lacks of so many transactions of each author. */
  inform(document: Document, seen: readonly number[]): void {
    this.#informSeat(this.#seats.flat().find((seat) => seat.document === document)!, seen);
  }

  #informSeat(seat: Seat, seen: readonly number[]): void {
    const missing = this.#own.flatMap((own, author) => own.slice(seat.has[author], seen[author]));
    if (missing.length === 0) return;
    seat.has = seat.has.map((count, author) => Math.max(count, seen[author]));
    const updates = missing.sort((a, b) => a - b).map((index) => this.updates[index]);
    if (updates.length > 1 && this.random.chance(0.3)) for (const piece of disordered(updates, this.random)) seat.document.import(piece);
    else seat.document.import(concat(updates));
  }

  /** What a process does that ends and comes back: all it has is its snapshot. */
  #restart(author: number, at: number): void {
    const { document, has } = this.#seats[author][at];
    const next = createDocument({ replica: document.replica });
    next.import(document.snapshot());
    document.close();
    this.#seats[author][at] = this.#seat(next, has);
  }
}

/** One transaction. @returns its update */
function write({ document, heard }: Seat, patches: readonly Patch[]): Uint8Array {
  heard.length = 0;
  const text = document.getText('text');
  document.transact(() => {
    for (const [position, deleted, inserted] of patches) text.splice(position, deleted, inserted);
  });
  return concat(heard);
}

/** A session of one author, cut at random into transactions of 1 to 200 edits. */
function inTurns(txns: readonly Txn[], random: Random): Txn[] {
  const patches = txns.flatMap((txn) => txn.patches);
  const turns: Txn[] = [];
  for (let from = 0; from < patches.length;) {
    const to = from + (random.chance(0.3) ? 1 : random.between(1, 200));
    turns.push({ author: 0, seen: [turns.length], patches: patches.slice(from, to) });
    from = to;
  }
  return turns;
}

/** So far an update may come before another that it builds on: a document keeps 16,384 blocks that wait. */
const spread = 4_000;

/** Every update once or twice, out of order, some joined. */
function disordered(updates: readonly Uint8Array[], random: Random): Uint8Array[] {
  const offered = updates.flatMap((update, index) => (random.chance(0.1) ? [{ update, index }, { update, index }] : [{ update, index }]))
    .map(({ update, index }) => ({ update, at: index + random.int(spread) })).sort((a, b) => a.at - b.at);
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < offered.length;) {
    const to = from + random.between(1, random.chance(0.1) ? 300 : 3);
    pieces.push(concat(offered.slice(from, to).map(({ update }) => update)));
    from = to;
  }
  return pieces;
}

function read(...updates: Uint8Array[]): Document {
  const document = createDocument();
  updates.forEach((update) => document.import(update));
  return document;
}

/** Plain, since a failing expect would print a book. */
function isEnd(document: Document, { endContent }: Recording): void {
  const text = document.getText('text').toString();
  if (text === endContent) return;
  let at = 0;
  while (text[at] === endContent![at]) at++;
  throw new Error(`${text.length} units for ${endContent!.length}, the first other one at ${at}; SEED=${seed}`);
}

function isEqual(one: Document, other: Document): void {
  expect([one.digest(), one.engine.waiting()]).toEqual([other.digest(), 0]);
}
