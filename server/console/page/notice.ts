// The sentence above the page: what went wrong, until it no longer holds.

import { byId } from './dom.js';

const sentences = { page: '', connection: '' };

/** Each source has one sentence at a time, and an empty one takes it back. */
export function notice(source: keyof typeof sentences, sentence: string): void {
  sentences[source] = sentence;
  const element = byId('notice');
  element.textContent = Object.values(sentences).filter((each) => each !== '').join(' ');
  element.hidden = element.textContent === '';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
