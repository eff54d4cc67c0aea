// Players on engine-only documents, with deliveries in a random order: no sockets, no processes, one seed.
// The same players write the full replay; here thousands of interleavings cost a second.
import { describe, expect, it } from '@jest/globals';
import { createDocument } from '../../sdk/index.js';
import type { Document } from '../../sdk/index.js';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';
import { planOf } from './plan.js';
import { PlacePlayer } from './player.js';
import { readRecording } from './recording.js';
import type { Recording } from './recording.js';
import { findTrace } from './traces.js';

/** Lets everybody play and deliver at random until all is played, then delivers the rest. */
function perform(recording: Recording, random: Random): Document[] {
  const plan = planOf(recording);
  const documents = Array.from({ length: recording.authors }, () => createDocument());
  const replicas = documents.map((document) => document.replica);
  const players = documents.map((document, author) => new PlacePlayer(document, plan, author, replicas));
  let left = plan.steps.length;
  while (left > 0) {
    const author = random.int(players.length);
    left -= players[author].play(random.between(1, 20)).length;
    deliver(documents[random.int(documents.length)], documents[author]);
  }
  for (const from of documents) for (const to of documents) deliver(from, to);
  expect(players.every((player) => player.isComplete())).toBe(true);
  return documents;
}

function deliver(from: Document, to: Document): void {
  if (from !== to) to.import(from.export(to.version()));
}

describe('playing a concurrent session by places', () => {
  for (const name of ['friendsforever', 'clownschool']) {
    const trace = findTrace(name);
    (trace ? it : it.skip)(`ends as recorded whatever the deliveries: ${name}`, () => {
      const recording = readRecording(trace!, 4_000);
      const text = planOf(recording).text;
      const random = new Random(seedFromEnv());
      for (let round = 0; round < 3; round++) {
        const documents = perform(recording, random);
        for (const document of documents) expect(document.getText('text').toString()).toBe(text);
        expect(new Set(documents.map((document) => document.digest())).size).toBe(1);
      }
    });
  }
});
