// Which documents a token opens, and how far: levels by pattern, as in `{ "todo-*": "write", "*": "read" }`.
//
// `*` stands for any run of characters, an empty one too; everything else stands for itself. Of the patterns that match a
// document the most specific decides: the one with the most characters that are not `*`, of equals the one with the
// fewest `*`, of those the one with the lowest level. So a name in full beats any pattern, and `none` can make a hole.

import { HeadwaterError } from '../../sdk/core/errors.js';
import { isLevel, levels, type Level } from './level.js';

interface Rule {
  /** What stands between the `*`s; one piece is a name in full. */
  pieces: readonly string[];
  level: Level;
}

/** More than a token of 8 KiB has room for, and few enough to be gone through for each document. */
const patternsMax = 512;
const patternBytesMax = 256;

export class Permissions {
  /** The most specific first. */
  private readonly rules: readonly Rule[];

  /** @throws HeadwaterError `invalid_argument` */
  constructor(byPattern: Readonly<Record<string, unknown>>) {
    const entries = Object.entries(byPattern);
    if (entries.length > patternsMax) throw unfit(`more than ${patternsMax} patterns`);
    this.rules = entries.map(([pattern, level]) => ruleOf(pattern, level)).sort(bySpecificity);
  }

  /** O(patterns × length) */
  levelOf(document: string): Level {
    return this.rules.find(({ pieces }) => matches(pieces, document))?.level ?? 'none';
  }

  /** Admin of all there is: `*` itself is `admin`. What a more specific pattern takes away, this one can give back. */
  get isAdminOfAll(): boolean {
    return this.rules.some(({ pieces, level }) => level === 'admin' && pieces.every((piece) => piece === ''));
  }
}

/** @throws HeadwaterError `invalid_argument` when a claim is there and is no object of levels */
export function parsePermissions(claim: unknown): Permissions {
  if (claim === undefined) return new Permissions({});
  if (typeof claim !== 'object' || claim === null || Array.isArray(claim)) throw unfit('they are an object of levels by pattern');
  return new Permissions(claim as Record<string, unknown>);
}

function ruleOf(pattern: string, level: unknown): Rule {
  if (pattern === '' || pattern.length > patternBytesMax) throw unfit(`a pattern has 1 to ${patternBytesMax} characters`);
  if (!isLevel(level)) throw unfit(`a level is one of ${levels.join(', ')}`);
  return { pieces: pattern.split('*'), level };
}

function bySpecificity(a: Rule, b: Rule): number {
  return literals(b) - literals(a) || a.pieces.length - b.pieces.length || levels.indexOf(a.level) - levels.indexOf(b.level);
}

function literals({ pieces }: Rule): number {
  return pieces.reduce((total, piece) => total + piece.length, 0);
}

/** The pieces in between are taken where they first fit: what is left over is then the longest. No backtracking. */
function matches(pieces: readonly string[], document: string): boolean {
  if (pieces.length === 1) return pieces[0] === document;
  const first = pieces[0];
  const last = pieces[pieces.length - 1];
  if (!document.startsWith(first)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = document.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return document.length - last.length >= at && document.endsWith(last);
}

function unfit(reason: string): HeadwaterError {
  return new HeadwaterError('invalid_argument', `these permissions cannot be read: ${reason}`);
}
