// How lists go to Postgres and come back: as its array literals, in text. The library could do it after asking the
// server for its types on every new connection; this spares the question.

/** `numbers` as an array literal. */
export function numbersOf(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`;
}

/** `texts` as an array literal; null is NULL. */
export function textsOf(texts: readonly (string | null)[]): string {
  return `{${texts.map((text) => (text === null ? 'NULL' : `"${text.replace(/[\\"]/g, '\\$&')}"`)).join(',')}}`;
}

/** A list of numbers from its literal; NULL is null. */
export function numbersFrom(literal: string): (number | null)[] {
  if (literal === '{}') return [];
  return literal.slice(1, -1).split(',').map((text) => (text === 'NULL' ? null : Number(text)));
}
