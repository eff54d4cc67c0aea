// Deleting a key that holds containers: what this replica sees in them goes, op by op, so that what a peer adds at the
// same time stays, as it would had it been one value.

import { Kind, type EngineDocument } from '../core/document.js';

/** Empties every container under one key of a map, depth first. */
export function clearContainers(engine: EngineDocument, parent: number, key: string, nowMs: number): void {
  engine.containers().forEach((container, number) => {
    if (container.exists && container.parent === parent && container.key === key) clear(engine, number, container.kind, nowMs);
  });
}

function clear(engine: EngineDocument, number: number, kind: Kind, nowMs: number): void {
  switch (kind) {
    case Kind.Text: return engine.textDelete(number, 0, engine.textLength(number));
    case Kind.Counter: return clearCounter(engine, number);
    case Kind.Set: return void engine.setClear(number);
    case Kind.Map: return clearMap(engine, number, nowMs);
    default: return;
  }
}

function clearCounter(engine: EngineDocument, number: number): void {
  const value = engine.counterValue(number);
  if (value !== 0) engine.counterAdd(number, -value);
}

function clearMap(engine: EngineDocument, number: number, nowMs: number): void {
  for (const key of engine.mapKeys(number)) engine.mapDelete(number, key, nowMs);
  engine.containers().forEach((container, child) => {
    if (container.exists && container.parent === number) clear(engine, child, container.kind, nowMs);
  });
}
