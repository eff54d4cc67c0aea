// The engine's list against the naive model: random documents, random replicas, any order of delivery.
//
// Each replica is an engine document, a model that makes the same edits, and a mirror that hears only events. Batches are
// shuffled, lost and sent again, doubled, joined, or come as an export or a snapshot, into documents that have other ops.
// ROUNDS sets the number of documents, SEED replays a run.

import { describe, expect, it } from '@jest/globals';
import { ListWorld, type ListPeer } from '../../sdk/testing/list-peers.js';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';
import { concat } from '../../sdk/testing/text-peers.js';

const seed = seedFromEnv();
const rounds = Number(process.env.ROUNDS ?? 200);
const editsPerDocument = 120;
const values = [null, true, 0, -7, 1.5, 'x', '😀', [1, [2]], { b: 1, a: { c: [] } }, 'a longer value '.repeat(3)];

describe('a list', () => {
  it(`reads like the naive model on ${rounds} random documents of ${editsPerDocument} edits by 3 to 5 replicas`, () => {
    for (let round = 0; round < rounds; round++) {
      const world = new ListWorld(3 + (round % 3), new Random(seed).stream(`document ${round}`));
      try {
        live(world);
        agree(world);
      } catch (error) {
        throw new Error(`document ${round} of SEED=${seed}: ${String(error)}`, { cause: error });
      }
      world.free();
    }
  }, 300_000);
});

/** Edits at random replicas, and between them the weather of the network. */
function live({ peers, random }: ListWorld): void {
  const isCalm = random.chance(0.3);
  for (let edits = 0; edits < editsPerDocument; edits++) {
    const peer = random.pick(peers);
    edit(peer, random);
    if (random.chance(0.4)) peer.flush();
    if (random.chance(isCalm ? 0.8 : 0.3)) deliver(random.pick(peers), random);
    if (random.chance(0.05)) exchange(random.pick(peers), random.pick(peers), random);
    if (random.chance(0.01)) random.pick(peers).reload();
  }
}

/** Half of all edits are moves: short ones, long ones, and of the first item, which everybody moves. */
function edit(peer: ListPeer, random: Random): void {
  const { length } = peer;
  const at = random.int(length + 1);
  if (length === 0 || random.chance(length < 20 ? 0.35 : 0.15)) {
    peer.insert(at, Array.from({ length: 1 + random.int(4) }, () => random.pick(values)));
  } else if (random.chance(0.25)) {
    peer.delete(at, random.int(Math.min(4, length - at + 1)));
  } else {
    const from = random.chance(0.3) ? 0 : random.int(length);
    peer.move(from, random.chance(0.4) ? Math.min(length - 1, from + random.int(3)) : random.int(length));
  }
}

/** Some of the inbox in some order: shuffled, joined, some of it twice; what is lost is offered again later. */
function deliver(peer: ListPeer, random: Random): void {
  const count = Math.min(peer.inbox.length, 1 + random.int(8));
  const picked = random.chance(0.5) ? peer.inbox.slice(0, count) : random.shuffle(peer.inbox).slice(0, count);
  const isLost = random.chance(0.1);
  if (!isLost) peer.inbox = peer.inbox.filter((message) => !picked.includes(message));
  const updates = picked.map((message) => message.bytes);
  if (isLost) updates.splice(random.int(updates.length + 1));
  if (updates.length > 0 && random.chance(0.2)) updates.push(random.pick(updates));
  if (random.chance(0.3)) peer.apply(concat(updates));
  else updates.forEach((update) => peer.apply(update));
  compare(peer);
}

/** One replica gets what another has, as a snapshot or as what it lacks. */
function exchange(from: ListPeer, to: ListPeer, random: Random): void {
  from.flush();
  if (random.chance(0.2)) from.engine.trim();
  to.apply(random.chance(0.5) ? from.engine.snapshot() : from.engine.export(to.engine.version()));
  compare(to);
}

function agree({ peers, messages, random }: ListWorld): void {
  peers.forEach((peer) => peer.flush());
  for (const peer of peers) {
    for (const message of random.shuffle(messages)) peer.apply(message.bytes);
    compare(peer);
    mustBe(peer.engine.waiting(), 0, 'blocks that wait');
    mustBe(peer.engine.digest(), peers[0].engine.digest(), 'digest');
  }
}

function compare(peer: ListPeer): void {
  const shown = JSON.stringify(peer.values());
  mustBe(shown, JSON.stringify(peer.model.values()), 'list beside the model');
  mustBe(shown, JSON.stringify(peer.mirror), 'list beside the mirror');
}

/** Plain, since expect would cost more than the engine. */
function mustBe<T>(received: T, wanted: T, what: string): void {
  if (received !== wanted) expect({ [what]: received }).toEqual({ [what]: wanted });
}
