// The record of what was promised: every write an app made, what it was to do, and what it was told of it since.
//
// It is kept apart from all shipping code, in the words of the app. Each write leaves a mark that can be told from every
// other one: a token in a text, a member of a set, a digit of a counter, a value of a field.

export type Effect =
  | { kind: 'token' | 'member'; mark: number }
  | { kind: 'erase' | 'discard'; mark: number }
  /** Adds 4^digit: written to base 4 a counter tells which writes it holds, and whether it holds one twice. */
  | { kind: 'count'; counter: number; digit: number }
  /** `over` is the mark that was there, null when none was; a null `mark` deletes the field. */
  | { kind: 'field'; key: string; mark: number | null; over: number | null };

/** One write: what an app got a `Write` for. */
export interface Promised {
  readonly mark: number;
  readonly device: string;
  readonly document: string;
  readonly effects: readonly Effect[];
  /** The name of its last op. */
  replica: string;
  seq: number;
  readonly atMs: number;
  isDurable: boolean;
  isAcked: boolean;
  isRejected: boolean;
  /** Its op was written again as another one: its number had been another writer's, or may be given out again. */
  isRenamed: boolean;
}

export const counterDigits = 25;

export class Promises {
  readonly writes: Promised[] = [];
  readonly #counts = new Map<string, number>();
  #mark = 0;

  nextMark(): number { return ++this.#mark; }

  /** A digit of a counter that nobody else gets. */
  nextDigit(document: string): { counter: number; digit: number } {
    const count = this.#counts.get(document) ?? 0;
    this.#counts.set(document, count + 1);
    return { counter: Math.floor(count / counterDigits), digit: count % counterDigits };
  }

  counters(document: string): number { return Math.ceil((this.#counts.get(document) ?? 0) / counterDigits); }

  /** @param seqFrom  its first op */
  add(seqFrom: number, write: Omit<Promised, 'isDurable' | 'isAcked' | 'isRejected' | 'isRenamed'>): Promised {
    const promised = { ...write, isDurable: false, isAcked: false, isRejected: false, isRenamed: false };
    // A number comes up again when what had it was neither stored nor sent.
    for (const each of this.writes) if (each.document === write.document && each.replica === write.replica && each.seq >= seqFrom) each.isRenamed = true;
    this.writes.push(promised);
    return promised;
  }

  /** A device that could not store these has written them again, as ops up to `seq` of `fresh`. */
  move(document: string, replica: string, seqFrom: number, seqTo: number, fresh: string, seq: number): void {
    for (const write of this.writes) {
      if (write.document !== document || write.replica !== replica || write.seq < seqFrom || write.seq > seqTo) continue;
      if (seq === 0) write.isRenamed = true;
      else Object.assign(write, { replica: fresh, seq });
    }
  }

  /** The server told a device that somebody else has written under these numbers. */
  rename(device: string, document: string, replica: string, seqFrom: number): void {
    for (const write of this.writes) {
      if (write.device === device && write.document === document && write.replica === replica && write.seq >= seqFrom && !write.isAcked) write.isRenamed = true;
    }
  }
}
