// The other nodes of this database, as one server hears them on the bus: who is alive, and what they say.

import type { Bus, BusMessage } from './bus/bus.js';
import type { Limits } from './limits.js';

/** What no document's id is: the topic on which nodes say that they are alive. */
const pulse = '';

/** Another node: owns the presence of who is connected there. */
export interface Node {
  readonly id: string;
}

export interface NodeListener {
  heard(message: BusMessage, from: Node): void;
  missed(): void;
}

interface Known extends Node {
  heardMs: number;
  isLost: boolean;
}

export class Nodes {
  private readonly known = new Map<string, Known>();
  private readonly leave: () => void;

  /**
   * @param lost      a node has not been heard for `nodeSilenceMsMax`: whoever was connected there is not here
   * @param returned  one of those is heard again: what it said meanwhile was missed
   */
  constructor(
    private readonly bus: Bus,
    /** This node. */
    readonly self: string,
    private readonly limits: Limits,
    private readonly now: () => number,
    private readonly lost: (node: Node) => void,
    private readonly returned: () => void,
  ) {
    this.leave = bus.subscribe(pulse, { heard: (_, node) => void (node !== self && this.note(node)), missed() {} });
  }

  /** How many others are heard. */
  get heard(): number {
    return [...this.known.values()].filter(({ isLost }) => !isLost).length;
  }

  publish(document: string, message: BusMessage): void {
    this.bus.publish(this.self, document, message);
  }

  /** Hears the others, not this node. @returns stops listening */
  subscribe(document: string, listener: NodeListener): () => void {
    return this.bus.subscribe(document, {
      heard: (message, node) => void (node !== this.self && listener.heard(message, this.note(node))),
      missed: () => listener.missed(),
    });
  }

  /** To be called every second or so. */
  tick(): void {
    this.bus.publish(this.self, pulse, { type: 'ping', nonce: 0 });
    const silentSince = this.now() - this.limits.nodeSilenceMsMax;
    for (const node of this.known.values()) {
      if (node.isLost || node.heardMs > silentSince) continue;
      node.isLost = true;
      this.lost(node);
    }
  }

  close(): void {
    this.leave();
  }

  private note(id: string): Node {
    const heardMs = this.now();
    const known = this.known.get(id);
    if (known === undefined) {
      const node = { id, heardMs, isLost: false };
      this.known.set(id, node);
      return node;
    }
    known.heardMs = heardMs;
    if (known.isLost) {
      known.isLost = false;
      this.returned();
    }
    return known;
  }
}
