// Where the log ends, asked for many documents at once: whatever is asked in one turn of the event loop is one query.
// A thousand readers who come to a node together would otherwise be a thousand round trips.

import type { Lsn } from '../sdk/wire/message.js';
import type { Store } from './store/store.js';

const documentsMax = 1_000;

interface Question {
  documents: Set<string>;
  answer: Promise<ReadonlyMap<string, Lsn>>;
}

export class Heads {
  private question: Question | null = null;

  constructor(private readonly store: Pick<Store, 'heads'>) {}

  /** The head at some moment after this call. @throws HeadwaterError `storage_failed`, `unavailable` */
  async of(document: string): Promise<Lsn> {
    const question = (this.question ??= this.ask());
    question.documents.add(document);
    if (question.documents.size === documentsMax) this.question = null;
    return (await question.answer).get(document)!;
  }

  private ask(): Question {
    const documents = new Set<string>();
    const question: Question = { documents, answer: new Promise((resolve, reject) => setImmediate(() => {
      if (this.question === question) this.question = null;
      const asked = [...documents];
      this.store.heads(asked).then((heads) => resolve(new Map(asked.map((document, i) => [document, heads[i]]))), reject);
    })) };
    return question;
  }
}
