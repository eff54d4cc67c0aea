// Holds what is there against what was promised.
//
// acked, and durable on a device that was not lost: there, exactly once, unless somebody took it away
// refused: not there · taken away by a write that was promised: not there again · any other write: at most once, and
// whole: all of a transaction or nothing of it.

import { EngineDocument, Kind } from '../../core/document.js';
import type { MemoryLog } from '../../../server/testing/memory-log.js';
import type { JsonValue } from '../../core/values.js';
import { type Effect, type Promised, type Promises } from './promises.js';

/** A document in the words of the record. */
export interface Shown {
  digest: string;
  tokens: Map<number, number>;
  /** What is in the text besides whole tokens. */
  rubble: string;
  members: Set<number>;
  counters: number[];
  fields: Map<string, JsonValue>;
}

export function shownBy(document: { digest(): string; toJSON(): JsonValue }): Shown {
  const json = document.toJSON() as Record<string, JsonValue>;
  const text = (json.text as string | undefined) ?? '';
  const tokens = new Map<number, number>();
  for (const [, mark] of text.matchAll(/\[(\d+)\]/g)) tokens.set(Number(mark), (tokens.get(Number(mark)) ?? 0) + 1);
  const counters = Object.keys(json).filter((key) => key.startsWith('count')).reduce<number[]>((all, key) => {
    all[Number(key.slice(5))] = json[key] as number;
    return all;
  }, []);
  return {
    digest: document.digest(), tokens, rubble: text.replace(/\[\d+\]/g, ''), counters,
    members: new Set((json.tags as number[] | undefined) ?? []),
    fields: new Map(['a', 'b', 'c'].filter((key) => key in json).map((key) => [key, json[key]])),
  };
}

/** What the log says, read by nobody but an engine of our own. */
export function shownByLog(log: MemoryLog, id: string): Shown {
  const engine = new EngineDocument('ffffffffffffffff');
  try {
    engine.container(['text'], Kind.Text);
    for (const { bytes } of log.shelves.get(id)?.entries ?? []) engine.apply(bytes, { wait: false });
    return shownBy(engine);
  } finally {
    engine.free();
  }
}

/** @returns what is broken, one line each; empty when every promise is kept */
export function judge(promises: Promises, log: MemoryLog, id: string, shown: Shown): string[] {
  const verdict = new Verdict(promises.writes.filter(({ document }) => document === id), log, shown);
  return verdict.broken;
}

class Verdict {
  readonly broken: string[] = [];
  readonly #voided: Set<Promised>;
  readonly #takers = new Map<string, Promised[]>();

  constructor(private readonly writes: readonly Promised[], log: MemoryLog, private readonly shown: Shown) {
    this.#voided = new Set(writes.filter((write) => (write.isRenamed ? write.isRejected : log.entryOf(write.document, write.replica, write.seq)?.voidCode)));
    for (const write of writes) {
      for (const effect of write.effects) {
        if (effect.kind !== 'erase' && effect.kind !== 'discard') continue;
        const name = takenBy(effect);
        this.#takers.set(name, [...(this.#takers.get(name) ?? []), write]);
      }
    }
    if (shown.rubble !== '') this.broken.push(`the text holds torn tokens: ${JSON.stringify(shown.rubble)}`);
    for (const write of writes) this.#judge(write);
    for (const key of ['a', 'b', 'c']) this.#judgeField(key);
  }

  #isPromised(write: Promised): boolean { return (write.isAcked || write.isDurable) && !this.#voided.has(write); }

  #judge(write: Promised): void {
    if (write.isAcked && this.#voided.has(write)) this.#breaks(write, 'was acked, and the log says it was refused');
    if (write.isRejected && !this.#voided.has(write)) this.#breaks(write, 'was refused, and the log does not say so');
    const seen = write.effects.map((effect) => this.#judgeEffect(write, effect)).filter((each) => each !== null);
    if (new Set(seen).size > 1) this.#breaks(write, 'was one transaction, and only a part of it is there');
  }

  /** @returns whether it is there; null when that says nothing */
  #judgeEffect(write: Promised, effect: Effect): boolean | null {
    if (effect.kind === 'field' || effect.kind === 'erase' || effect.kind === 'discard') return null;
    const times = this.#timesOf(effect);
    const takers = (this.#takers.get(nameOf(effect)) ?? []).filter((taker) => !this.#voided.has(taker));
    if (times > 1) this.#breaks(write, `was applied ${times} times`);
    if (times > 0 && this.#voided.has(write)) this.#breaks(write, 'was refused, and is there');
    if (times > 0 && takers.some((taker) => this.#isPromised(taker))) this.#breaks(write, 'was taken away, and is there again');
    if (times === 0 && takers.length === 0 && this.#isPromised(write)) this.#breaks(write, 'is lost');
    return takers.length > 0 ? null : times > 0;
  }

  #timesOf(effect: Effect): number {
    if (effect.kind === 'token') return this.shown.tokens.get(effect.mark) ?? 0;
    if (effect.kind === 'member') return this.shown.members.has(effect.mark) ? 1 : 0;
    if (effect.kind !== 'count') return 0;
    return Math.floor((this.shown.counters[effect.counter] ?? 0) / 4 ** effect.digit) % 4;
  }

  #judgeField(key: string): void {
    const writes = this.writes.flatMap((write) => write.effects.flatMap((effect) => (effect.kind === 'field' && effect.key === key ? [{ write, effect }] : [])));
    const standing = writes.filter(({ write }) => !this.#voided.has(write));
    const value = (this.shown.fields.get(key) as number | undefined) ?? null;
    const overwriting = standing.find(({ write, effect }) => this.#isPromised(write) && effect.over === value && effect.mark !== value);
    if (value !== null && !standing.some(({ effect }) => effect.mark === value)) this.broken.push(`field ${key} holds ${value}, which nobody set or which was refused`);
    if (value !== null && overwriting) this.#breaks(overwriting.write, `set field ${key} over ${value}, and ${value} is there again`);
    const isDeleted = standing.some(({ effect }) => effect.mark === null);
    const kept = standing.find(({ write, effect }) => this.#isPromised(write) && effect.mark !== null);
    if (value === null && kept && !isDeleted) this.#breaks(kept.write, `set field ${key}, and it is empty`);
  }

  #breaks({ mark, device, document, replica, seq, isAcked, isDurable, atMs }: Promised, how: string): void {
    const level = isAcked ? 'acked' : isDurable ? 'durable' : 'local';
    this.broken.push(`write ${mark} (${level}, of ${device} in "${document}" at ${(atMs / 1000).toFixed(3)} s, op ${replica.slice(0, 4)}:${seq}) ${how}`);
  }
}

function nameOf(effect: Effect): string { return `${effect.kind}/${'mark' in effect ? effect.mark : `${effect.counter}.${effect.digit}`}`; }

function takenBy({ kind, mark }: Extract<Effect, { kind: 'erase' | 'discard' }>): string { return `${kind === 'erase' ? 'token' : 'member'}/${mark}`; }

