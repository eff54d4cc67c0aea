// The engine's text against the naive FugueMax tree: random documents, random replicas, any order of delivery.
//
// Each replica is an engine document and a tree that makes the same edits. The engine's batches are shuffled, lost and
// sent again, doubled, joined, or come as an export or a snapshot. Wherever both have the same ops their texts must be
// equal, and in the end all texts and all digests. ROUNDS sets the number of documents, SEED replays a run.

import { describe, expect, it } from '@jest/globals';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';
import { TextWorld, concat, outsidePair, type TextPeer } from '../../sdk/testing/text-peers.js';

const seed = seedFromEnv();
const rounds = Number(process.env.ROUNDS ?? 20_000);
const pieces = ['a', 'b', 'c', 'd', ' ', '\n', 'é', '漢', '\ufeff', '😀', '👍🏽'];

describe('a text', () => {
  it(`reads like the naive tree on ${rounds} random documents of 3 to 6 replicas`, () => {
    for (let round = 0; round < rounds; round++) {
      const random = new Random(seed).stream(`document ${round}`);
      const world = new TextWorld(3 + random.int(4), random);
      try {
        live(world, editsOf(round));
        agree(world);
      } catch (error) {
        throw new Error(`document ${round} of SEED=${seed}: ${String(error)}`, { cause: error });
      }
      world.free();
    }
  }, 300_000);
});

/** Most are small: what goes wrong in a few edits is found by many tries. The tree is quadratic, so few are large. */
function editsOf(round: number): number {
  if (round % 1000 === 0) return 800;
  return round % 50 === 0 ? 200 : 8 + (round % 25);
}

/** Bursts of edits at random replicas, and between them the weather of the network. */
function live({ peers, random }: TextWorld, editsMax: number): void {
  const isCalm = random.chance(0.3);
  for (let edits = 0; edits < editsMax;) {
    const peer = random.pick(peers);
    edits += burst(peer, random);
    if (random.chance(0.6)) peer.flush();
    if (random.chance(isCalm ? 0.9 : 0.4)) deliver(random.pick(peers), random);
    if (random.chance(0.03)) exchange(random.pick(peers), random.pick(peers), random);
    if (random.chance(0.01)) random.pick(peers).reload();
  }
}

/** What people do: type on, type backwards, delete a selection, hold backspace or delete, prepend. @returns edits made */
function burst(peer: TextPeer, random: Random): number {
  const text = peer.text();
  const at = outsidePair(text, random.chance(0.2) ? 0 : random.int(text.length + 1));
  const length = 1 + random.int(random.chance(0.1) ? 20 : 5);
  switch (random.int(6)) {
    case 0: return typeForwards(peer, at, length, random);
    case 1: return typeBackwards(peer, at, length, random);
    case 2: return deleteRange(peer, text, at, at + random.int(12));
    case 3: return holdBackspace(peer, at, length);
    case 4: return holdDelete(peer, at, length);
    default:
      peer.insert(at, Array.from({ length }, () => random.pick(pieces)).join(''));
      return 1;
  }
}

function typeForwards(peer: TextPeer, at: number, length: number, random: Random): number {
  for (let i = 0; i < length; i++) {
    const piece = random.pick(pieces);
    peer.insert(at, piece);
    at += piece.length;
  }
  return length;
}

function typeBackwards(peer: TextPeer, at: number, length: number, random: Random): number {
  for (let i = 0; i < length; i++) peer.insert(at, random.pick(pieces));
  return length;
}

function deleteRange(peer: TextPeer, text: string, from: number, to: number): number {
  const end = outsidePair(text, Math.min(to, text.length));
  peer.delete(from, end - from);
  return 1;
}

function holdBackspace(peer: TextPeer, at: number, times: number): number {
  for (let i = 0; i < times && at > 0; i++) {
    const from = outsidePair(peer.text(), at - 1) === at ? at - 2 : at - 1;
    peer.delete(from, at - from);
    at = from;
  }
  return times;
}

function holdDelete(peer: TextPeer, at: number, times: number): number {
  for (let i = 0; i < times && at < peer.text().length; i++) peer.delete(at, outsidePair(peer.text(), at + 1) - at);
  return times;
}

/** Some of the inbox in some order: shuffled, joined, some of it twice; what is lost is offered again later. */
function deliver(peer: TextPeer, random: Random): void {
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
function exchange(from: TextPeer, to: TextPeer, random: Random): void {
  from.flush();
  if (random.chance(0.2)) from.engine.trim();
  to.apply(random.chance(0.5) ? from.engine.snapshot() : from.engine.export(to.engine.version()));
  compare(to);
}

function agree({ peers, messages, random }: TextWorld): void {
  peers.forEach((peer) => peer.flush());
  for (const peer of peers) {
    for (const message of random.shuffle(messages)) peer.apply(message.bytes);
    compare(peer);
    mustBe(peer.engine.waiting(), 0, 'blocks that wait');
  }
  mustBe(peers[0].names(), peers[0].treeNames(), 'elements beside the tree');
  for (const peer of peers) {
    mustBe(peer.text(), peers[0].text(), 'text');
    mustBe(peer.engine.digest(), peers[0].engine.digest(), 'digest');
  }
}

function compare(peer: TextPeer): void { mustBe(peer.text(), peer.tree.toString(), 'text beside the tree'); }

/** Plain, since expect would cost more than the engine. */
function mustBe<T>(received: T, wanted: T, what: string): void {
  if (received !== wanted) expect({ [what]: received }).toEqual({ [what]: wanted });
}
