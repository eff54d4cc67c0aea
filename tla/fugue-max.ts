// FugueMax.tla in TypeScript: the same actions and claims under the same names, to be read side by side.
//
// A few replicas insert and delete; ops travel one by one, in any order that brings an element after its origins.
// Every replica places what arrives by the scan over a list, so the order of arrival could matter. The claims
// say that it does not, that the list is the walk of the FugueMax tree, and that nobody's run is interleaved.
// The tree is judged by sdk/testing/models, which shares no code with the scan below.

import { NaiveText, type ElementId, type NaiveOp } from '../sdk/testing/models/fugue-max.js';
import type { Spec, Successor } from './explorer.js';

/** `a2`: the second element of replica a. */
export type Key = string;
export interface Insert { key: Key; left: Key | null; right: Key | null }

export interface State {
  /** Everything ever made, by key. */
  inserts: Record<Key, Insert>;
  deletes: Key[];
  /** Per replica its sequence, tombstones included, and which of them are tombstones. */
  lists: Record<string, Key[]>;
  dead: Record<string, Key[]>;
}

export interface Bounds { replicas: string[]; inserts: number; deletes: number }

export class FugueMax {
  constructor(readonly bounds: Bounds) {}

  spec(name = 'FugueMax'): Spec<State> {
    const actions = Object.fromEntries(actionNames.map((action) => [action, (state: State) => this[action](state)]));
    return { name, initial: [this.initial()], actions, invariants, steps };
  }

  Insert(state: State): Successor<State>[] {
    if (Object.keys(state.inserts).length === this.bounds.inserts) return [];
    return this.bounds.replicas.flatMap((replica) => {
      const visible = visibleOf(state, replica);
      return [null, ...visible].map((left, index) => ({ with: `${replica}, ${index}`, state: this.inserted(state, replica, left) }));
    });
  }

  Delete(state: State): Successor<State>[] {
    if (state.deletes.length === this.bounds.deletes) return [];
    return this.bounds.replicas.flatMap((replica) => visibleOf(state, replica).map((key, index) => (
      { with: `${replica}, ${index}`, state: buried({ ...state, deletes: union(state.deletes, key) }, replica, key) })));
  }

  Deliver(state: State): Successor<State>[] {
    return this.bounds.replicas.flatMap((replica) => {
      const list = state.lists[replica];
      const has = (key: Key | null) => key === null || list.includes(key);
      const ready = Object.values(state.inserts).filter(({ key, left, right }) => !has(key) && has(left) && has(right));
      return ready.map((insert) => ({ with: `${replica}, ${insert.key}`, state: this.placed(state, replica, insert) }));
    });
  }

  DeliverDelete(state: State): Successor<State>[] {
    return this.bounds.replicas.flatMap((replica) => state.deletes
      .filter((key) => state.lists[replica].includes(key) && !state.dead[replica].includes(key))
      .map((key) => ({ with: `${replica}, ${key}`, state: buried(state, replica, key) })));
  }

  /** Where the scan puts an element into a list that holds both its origins. */
  scan(list: Key[], insert: Insert, inserts: State['inserts']): number {
    const position = (key: Key | null, absent: number) => (key === null ? absent : list.indexOf(key));
    const [left, right] = [position(insert.left, -1), position(insert.right, list.length)];
    let place = left + 1;
    let isUndecided = false;
    for (let at = left + 1; at < right; at++) {
      const other = inserts[list[at]];
      const otherLeft = position(other.left, -1);
      if (otherLeft < left) break;
      if (otherLeft === left) {
        const verdict = this.sibling(insert, other, position(other.right, list.length) - right);
        if (verdict === 'stop') break;
        isUndecided = verdict === 'undecided';
      }
      if (!isUndecided) place = at + 1;
    }
    return place;
  }

  /**
   * What meeting a sibling (same left origin) means: it is before us (`pass`), we are before it (`stop`), or it is
   * after us unless a later one turns out to be before us (`undecided`). `beyond` > 0: its right origin is beyond ours.
   */
  sibling(insert: Insert, other: Insert, beyond: number): 'pass' | 'stop' | 'undecided' {
    if (beyond === 0) return insert.key < other.key ? 'stop' : 'pass';
    return beyond > 0 ? 'pass' : 'undecided';
  }

  private inserted(state: State, replica: string, left: Key | null): State {
    const list = state.lists[replica];
    const right = list[left === null ? 0 : list.indexOf(left) + 1] ?? null;
    const count = Object.keys(state.inserts).filter((key) => key[0] === replica).length;
    const insert = { key: `${replica}${count + 1}`, left, right };
    const inserts = Object.fromEntries(Object.entries({ ...state.inserts, [insert.key]: insert }).sort(([a], [b]) => (a < b ? -1 : 1)));
    return this.placed({ ...state, inserts }, replica, insert);
  }

  private placed(state: State, replica: string, insert: Insert): State {
    const list = [...state.lists[replica]];
    list.splice(this.scan(list, insert, state.inserts), 0, insert.key);
    return { ...state, lists: { ...state.lists, [replica]: list } };
  }

  private initial(): State {
    const empty = () => Object.fromEntries(this.bounds.replicas.map((replica) => [replica, []]));
    return { inserts: {}, deletes: [], lists: empty(), dead: empty() };
  }
}

export const actionNames = ['Insert', 'Delete', 'Deliver', 'DeliverDelete'] as const;

const everyList = (state: State, holds: (list: Key[], state: State) => boolean) => Object.values(state.lists).every((list) => holds(list, state));

export const invariants: Record<string, (state: State) => boolean> = {
  /** Replicas that hold the same elements hold them in the same order. */
  Converges: (state) => {
    const seen = new Map<string, string>();
    return everyList(state, (list) => {
      const elements = [...list].sort().join();
      const known = seen.get(elements) ?? list.join();
      seen.set(elements, known);
      return known === list.join();
    });
  },
  IsTotal: (state) => everyList(state, (list) => new Set(list).size === list.length),
  MatchesTree: (state) => everyList(state, (list) => treeOrder(list, state.inserts) === list.join()),
  /** Between an element and its left origin stand only elements that follow that origin by left origins. */
  NoForwardInterleaving: (state) => everyList(state, (list, { inserts }) => {
    const follows = (key: Key | null, from: Key | null): boolean => key === from || (key !== null && follows(inserts[key].left, from));
    return list.every((key, at) => {
      const { left } = inserts[key];
      return list.slice(left === null ? 0 : list.indexOf(left) + 1, at).every((each) => follows(each, left));
    });
  }),
  /** Between an element and its right origin stands no other of the same left origin that aimed beyond it. */
  NoBackwardInterleaving: (state) => everyList(state, (list, { inserts }) => {
    const rightOf = (key: Key) => (inserts[key].right === null ? list.length : list.indexOf(inserts[key].right));
    return list.every((key, at) => list.slice(at + 1, rightOf(key))
      .every((other) => inserts[other].left !== inserts[key].left || rightOf(other) <= rightOf(key)));
  }),
};

export const steps: Record<string, (before: State, after: State) => boolean> = {
  /** What stands before what never changes: a list only gains elements. */
  OrderIsStable: (before, after) => Object.entries(before.lists).every(([replica, list]) =>
    after.lists[replica].filter((key) => list.includes(key)).join() === list.join()),
  /** At its author an element lands where it was asked for: right between its origins. */
  LandsBetweenOrigins: (before, after) => Object.values(after.inserts).every(({ key, left, right }) => {
    if (key in before.inserts) return true;
    const list = after.lists[key[0]];
    const at = list.indexOf(key);
    return (list[at - 1] ?? null) === left && (list[at + 1] ?? null) === right;
  }),
};

/** The model's order of the same elements. Many states share a list, so the answers are kept. */
function treeOrder(list: Key[], inserts: State['inserts']): string {
  const text = [...list].sort().map((key) => `${key}<${inserts[key].left},${inserts[key].right}`).join(' ');
  const known = treeOrders.get(text);
  if (known !== undefined) return known;
  const tree = new NaiveText('f'.repeat(16));
  list.forEach((key) => tree.apply(opOf(inserts[key])));
  const order = tree.order().map((id) => id[0] + id.split(':')[1]).join();
  treeOrders.set(text, order);
  return order;
}

const treeOrders = new Map<string, string>();

export function opOf({ key, left, right }: Insert): NaiveOp {
  return { kind: 'insert', id: idOf(key), left: left === null ? null : idOf(left), right: right === null ? null : idOf(right), char: key[0] };
}

function idOf(key: Key): ElementId {
  return { replica: key[0].repeat(16), elem: Number(key.slice(1)) };
}

function visibleOf(state: State, replica: string): Key[] {
  return state.lists[replica].filter((key) => !state.dead[replica].includes(key));
}

function buried(state: State, replica: string, key: Key): State {
  return { ...state, dead: { ...state.dead, [replica]: union(state.dead[replica], key) } };
}

function union(keys: Key[], key: Key): Key[] {
  return keys.includes(key) ? keys : [...keys, key].sort();
}
