// Deleting a key that holds containers: what this replica sees in them goes, op by op, so that what a peer adds at the
// same time stays, as it would had it been one value.

import { Kind, type EngineEvent, type LiteEngineDocument } from './lite-document.js';

/** Whoever may want to undo it. */
interface History {
  /** The container is about to be emptied. */
  clearing(container: number, kind: Kind): void;
}

/** Empties every container under one key of a map, depth first. @returns what that changed, for those who listen */
export function clearContainers(engine: LiteEngineDocument, parent: number, key: string, nowMs: number, history: History | null): EngineEvent[] {
  return engine.containers().flatMap((container, number) => (
    container.exists && container.parent === parent && container.key === key ? remove(engine, number, container, nowMs, history) : []
  ));
}

/** Empties a container and says at its key that it is gone. */
function remove(engine: LiteEngineDocument, number: number, { kind, parent, key }: { kind: Kind; parent: number; key: string }, nowMs: number, history: History | null): EngineEvent[] {
  const isGone = engine.mapDelete(parent, key, nowMs, true);
  history?.clearing(number, kind);
  return [...clear(engine, number, kind, nowMs, history), ...(isGone ? [{ kind: 'key', container: parent, key } as const] : [])];
}

function clear(engine: LiteEngineDocument, number: number, kind: Kind, nowMs: number, history: History | null): EngineEvent[] {
  switch (kind) {
    case Kind.Text:
    case Kind.List: return clearSequence(engine, number, kind);
    case Kind.Counter: return clearCounter(engine, number);
    case Kind.Set: return engine.setClear(number) ? [{ kind: 'set', container: number }] : [];
    case Kind.Map: return clearMap(engine, number, nowMs, history);
    default: return [];
  }
}

function clearSequence(engine: LiteEngineDocument, number: number, kind: Kind): EngineEvent[] {
  const count = engine.sequenceClear(number, kind);
  return count > 0 ? [{ kind: 'delete', container: number, index: 0, count }] : [];
}

function clearCounter(engine: LiteEngineDocument, number: number): EngineEvent[] {
  const value = engine.counterValue(number);
  if (value === 0) return [];
  engine.counterAdd(number, -value);
  return [{ kind: 'counter', container: number }];
}

function clearMap(engine: LiteEngineDocument, number: number, nowMs: number, history: History | null): EngineEvent[] {
  const deleted = engine.mapKeys(number).map((key): EngineEvent => {
    engine.mapDelete(number, key, nowMs);
    return { kind: 'key', container: number, key };
  });
  const nested = engine.containers().flatMap((container, child) => (
    container.exists && child !== number && container.parent === number ? remove(engine, child, container, nowMs, history) : []
  ));
  return [...deleted, ...nested];
}
