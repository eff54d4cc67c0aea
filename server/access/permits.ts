// What one connection may do, document by document: asked once, known until something is decided anew.
//
// Every frame is checked, so the usual answer must be there at once. What has to be asked for comes as a promise, the same
// one for all who ask meanwhile, so that they go on in the order in which they asked.

import type { Level } from './level.js';

/** Beyond what is followed at a time only a stranger trying names comes to so many. */
const knownMax = 1_024;

export class Permits {
  private readonly known = new Map<string, Level>();
  private readonly asked = new Map<string, Promise<Level>>();

  constructor(private readonly ask: (document: string) => Promise<Level>) {}

  /** Undefined when it has to be asked for. */
  get(document: string): Level | undefined {
    return this.known.get(document);
  }

  /** @throws HeadwaterError `unavailable` when it cannot be said now */
  of(document: string): Promise<Level> {
    const known = this.known.get(document);
    if (known !== undefined) return Promise.resolve(known);
    const asked = this.asked.get(document) ?? this.askFor(document);
    this.asked.set(document, asked);
    return asked;
  }

  /** Everything is asked for again before it is used. */
  forget(): void {
    this.known.clear();
    this.asked.clear();
  }

  private askFor(document: string): Promise<Level> {
    const isCurrent = () => this.asked.get(document) === asked;
    const asked: Promise<Level> = this.ask(document).then(
      (level) => {
        if (isCurrent()) this.keep(document, level);
        return level;
      },
      (cause) => {
        if (isCurrent()) this.asked.delete(document);
        throw cause;
      },
    );
    return asked;
  }

  private keep(document: string, level: Level): void {
    this.asked.delete(document);
    if (this.known.size >= knownMax) this.known.delete(this.known.keys().next().value!);
    this.known.set(document, level);
  }
}
