// A document as plain JSON.
//
// A key of a map can hold a value and, at the same path, containers. What shows: its value if it has one; else the
// first container, in the order of Kind, that is not empty; else, unless the key was deleted, one that exists.

import { Kind } from '../../assembly/abi.js';
import { rootContainer, type LiteEngineDocument } from './lite-document.js';
import type { JsonValue } from './values.js';

interface Node { number: number; kind: Kind; children: Map<string, Node[]> }

export function toJSON(document: LiteEngineDocument): JsonValue {
  return mapToJSON(document, tree(document));
}

/** One container and what it holds, as `toJSON` shows it. */
export function containerToJSON(document: LiteEngineDocument, number: number): JsonValue {
  return nodeToJSON(document, tree(document, number));
}

function tree(document: LiteEngineDocument, from = rootContainer): Node {
  const nodes: Node[] = [];
  document.containers().forEach(({ kind, parent, key, exists }, number) => {
    const node: Node = { number, kind, children: new Map() };
    nodes.push(node);
    if (!exists || number === rootContainer) return;
    const siblings = nodes[parent].children.get(key) ?? [];
    nodes[parent].children.set(key, [...siblings, node].sort((a, b) => a.kind - b.kind));
  });
  return nodes[from];
}

function mapToJSON(document: LiteEngineDocument, node: Node): JsonValue {
  const values = document.mapKeys(node.number);
  const keys = [...new Set([...values, ...node.children.keys()])].sort();
  const object: Record<string, JsonValue> = {};
  for (const key of keys) {
    const own = document.mapGet(node.number, key);
    const value = own === undefined ? held(document, node, key) : own; // null is a value
    if (value !== undefined) object[key] = value;
  }
  return object;
}

/** Each child is read once: asking first whether it is empty would read every level twice as often as the one above. */
function held(document: LiteEngineDocument, node: Node, key: string): JsonValue | undefined {
  const shown = (node.children.get(key) ?? []).map((child) => nodeToJSON(document, child));
  const isDeleted = document.mapChanges(node.number, key) > 0;
  return shown.find((json) => !isEmpty(json)) ?? (isDeleted ? undefined : shown[0]);
}

function nodeToJSON(document: LiteEngineDocument, node: Node): JsonValue {
  switch (node.kind) {
    case Kind.Map: return mapToJSON(document, node);
    case Kind.Text:
    case Kind.List: return document.sequenceToJSON(node.number, node.kind);
    case Kind.Counter: return document.counterValue(node.number);
    case Kind.Set: return document.setValues(node.number);
    default: return null;
  }
}

/** Whether a container that reads so holds nothing. */
export function isEmpty(json: JsonValue): boolean {
  return typeof json === 'object' && json !== null ? Object.keys(json).length === 0 : !json;
}
