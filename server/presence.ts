// Who is in a room right now: the last ephemeral value of each replica. Never stored.
//
// A replica's value belongs to the connection that brought it, so nobody can move another's cursor. The one
// exception is a reconnect: the replica a connection said hello with is taken over from its dead predecessor, which
// must have been the same user's. Whose a value is is what the server knows, and nothing its owner says.

import type { ReplicaId } from '../sdk/core/replica.js';

export type PresenceVerdict = 'taken-in' | 'not-yours' | 'too-many' | 'unchanged';

/** Who shows a value, where there are accounts. */
export interface ShownBy {
  readonly user: string;
  readonly name?: string;
}

export interface Shown {
  replica: ReplicaId;
  state: Uint8Array;
  by: ShownBy | undefined;
}

export class Presence<Owner extends object> {
  private readonly values = new Map<ReplicaId, Shown & { owner: Owner }>();
  /** Not shown for now; what they brought is kept for when they are heard again. */
  private readonly silent = new Set<Owner>();

  constructor(private readonly perOwnerMax: number) {}

  /** @param isOwn  whether `owner` said hello as `replica` */
  set(owner: Owner, replica: ReplicaId, state: Uint8Array, isOwn: boolean, by?: ShownBy): PresenceVerdict {
    const held = this.values.get(replica);
    if (held !== undefined && held.owner !== owner && !(isOwn && held.by?.user === by?.user)) return 'not-yours';
    if (state.length === 0) return this.values.delete(replica) ? 'taken-in' : 'unchanged';
    if (held?.owner !== owner && this.countOf(owner) >= this.perOwnerMax) return 'too-many';
    this.values.set(replica, { owner, replica, state, by });
    return 'taken-in';
  }

  /** What another node's connections show: the last to be heard of, here or there, is where somebody is now. @returns whether it is news */
  setElsewhere(node: Owner, replica: ReplicaId, state: Uint8Array, by?: ShownBy): boolean {
    const held = this.values.get(replica);
    if (state.length === 0) return held?.owner === node && this.values.delete(replica);
    this.values.set(replica, { owner: node, replica, state, by });
    return held === undefined || this.silent.has(held.owner) || held.by?.user !== by?.user || Buffer.compare(held.state, state) !== 0;
  }

  /** What an owner shows now. */
  entriesOf(owner: Owner): Shown[] {
    return this.silent.has(owner) ? [] : this.broughtBy(owner);
  }

  entries(): Shown[] {
    return [...this.values.values()].filter(({ owner }) => !this.silent.has(owner));
  }

  /** @returns what `owner` brought */
  setSilent(owner: Owner, isSilent: boolean): Shown[] {
    if (isSilent) this.silent.add(owner);
    else this.silent.delete(owner);
    return this.broughtBy(owner);
  }

  /** @returns the replicas that are gone with their connection */
  removeAll(owner: Owner): ReplicaId[] {
    this.silent.delete(owner);
    const gone = [...this.values].filter(([, value]) => value.owner === owner).map(([replica]) => replica);
    for (const replica of gone) this.values.delete(replica);
    return gone;
  }

  private broughtBy(owner: Owner): Shown[] {
    return [...this.values.values()].filter((value) => value.owner === owner);
  }

  private countOf(owner: Owner): number {
    let count = 0;
    for (const value of this.values.values()) if (value.owner === owner) count += 1;
    return count;
  }
}
