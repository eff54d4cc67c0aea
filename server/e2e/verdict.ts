// Whether a replay ended right: one list of everything that holds a copy, one question to each.

import type { AuthorResult } from './replay-author.js';

/** One place the document is kept, as it stood at the end. */
export interface Copy {
  where: string;
  text: string;
  digest: string;
  /** Ops per replica; absent where only text and digest can be read. */
  version?: ReadonlyMap<string, number>;
}

/** What is wrong, one sentence each; empty when all is well. */
export function judge(expected: string, txns: number, authors: readonly AuthorResult[], copies: readonly Copy[]): string[] {
  const acked = authors.reduce((sum, author) => sum + author.acked, 0);
  const wrong = acked === txns ? [] : [`${acked} of ${txns} transactions were acked`];
  for (const copy of copies) wrong.push(...differences(copy, expected, copies[0].digest, authors));
  return wrong;
}

function* differences({ where, text, digest, version }: Copy, expected: string, sameDigest: string, authors: readonly AuthorResult[]): Iterable<string> {
  if (text !== expected) yield `${where} does not hold the recorded text: ${firstDifference(text, expected)}`;
  if (digest !== sameDigest) yield `${where} has digest ${digest}, not ${sameDigest}`;
  if (version) yield* miscounts(where, version, authors);
}

/** Fewer ops than were acked is a loss; more is an op applied under two names. */
function* miscounts(where: string, version: ReadonlyMap<string, number>, authors: readonly AuthorResult[]): Iterable<string> {
  for (const { author, replica, seqEnd } of authors) {
    const seq = version.get(replica) ?? 0;
    if (seq !== seqEnd) yield `${where} has ${seq} ops of author ${author}, who wrote ${seqEnd}`;
  }
  const strangers = [...version.keys()].filter((replica) => !authors.some((author) => author.replica === replica));
  if (strangers.length > 0) yield `${where} has ops of replicas nobody wrote as: ${strangers.join(', ')}`;
}

function firstDifference(text: string, expected: string): string {
  let at = 0;
  while (at < text.length && text[at] === expected[at]) at++;
  const around = (whole: string) => JSON.stringify(whole.slice(Math.max(0, at - 10), at + 20));
  return `${text.length} characters instead of ${expected.length}, first different at ${at}: ${around(text)} instead of ${around(expected)}`;
}
