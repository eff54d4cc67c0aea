// The recorded editing sessions, in the shape the loops want.

import { readRecording } from '../server/e2e/recording.js';
import type { Recording } from '../server/e2e/recording.js';
import { findTrace } from '../server/e2e/traces.js';

/** Single edits in columns: reading one costs nothing next to making it. */
export interface Edits {
  count: number;
  positions: readonly number[];
  deleted: readonly number[];
  inserted: readonly string[];
}

export interface Session extends Edits {
  name: string;
  /** The text at the end. */
  end: string;
}

/** A row that needs it cannot be run here; the others can. */
export class TraceMissing extends Error {}

/** @throws TraceMissing when it is not on this machine */
export function readTrace(name: string): Recording & { endContent: string } {
  const path = findTrace(name);
  if (!path) throw new TraceMissing(`it needs the trace ${name}; put it where HEADWATER_TRACES says`);
  const { endContent, ...recording } = readRecording(path);
  return { ...recording, endContent: endContent! };
}

const sessions = new Map<string, Session>();

/** A session of one author. */
export function readSession(name: string): Session {
  let session = sessions.get(name);
  if (session) return session;
  const { txns, endContent } = readTrace(name);
  const patches = txns.flatMap((txn) => txn.patches);
  session = {
    name,
    end: endContent,
    count: patches.length,
    positions: patches.map(([position]) => position),
    deleted: patches.map(([, deleted]) => deleted),
    inserted: patches.map(([, , inserted]) => inserted),
  };
  sessions.set(name, session);
  return session;
}
