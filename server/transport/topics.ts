// Who listens to what, for transports whose library has no topics of its own.

import type { Socket } from './transport.js';

export class Topics {
  private readonly members = new Map<string, Set<Socket>>();
  private readonly topics = new Map<Socket, Set<string>>();

  add(topic: string, socket: Socket): void {
    setIn(this.members, topic).add(socket);
    setIn(this.topics, socket).add(topic);
  }

  remove(topic: string, socket: Socket): void {
    removeFrom(this.members, topic, socket);
    removeFrom(this.topics, socket, topic);
  }

  removeAll(socket: Socket): void {
    for (const topic of [...(this.topics.get(socket) ?? [])]) this.remove(topic, socket);
  }

  /** A copy, because sending may make a socket lag, and a lagging socket leaves its topics. */
  membersOf(topic: string): Socket[] {
    return [...(this.members.get(topic) ?? [])];
  }
}

function setIn<Key, Value>(sets: Map<Key, Set<Value>>, key: Key): Set<Value> {
  let set = sets.get(key);
  if (set === undefined) sets.set(key, (set = new Set()));
  return set;
}

function removeFrom<Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}
