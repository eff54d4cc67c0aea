// Players on engine-only documents, with deliveries in a random order: no sockets, no processes, one seed.
// The same players write the full replay; here thousands of interleavings cost a second.
import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDocument, newReplicaId } from '../../sdk/index.js';
import type { Document } from '../../sdk/index.js';
import { Random, seedFromEnv } from '../../sdk/testing/seed.js';
import { writeInvented } from './invented.js';
import { planOf } from './plan.js';
import { PlacePlayer } from './player.js';
import { readRecording } from './recording.js';
import type { Recording } from './recording.js';
import { findTrace } from './traces.js';

const random = new Random(seedFromEnv());

/** Lets everybody play and deliver at random until all is played, then delivers the rest. */
function perform(recording: Recording): Document[] {
  const plan = planOf(recording);
  const replicas = Array.from({ length: recording.authors }, () => newReplicaId());
  const documents = replicas.map((replica) => createDocument({ replica }));
  const players = documents.map((document, author) => new PlacePlayer(document, plan, author, replicas));
  for (let left = plan.steps.length; left > 0;) {
    const author = random.int(players.length);
    left -= players[author].play(random.between(1, 20)).length;
    deliver(documents[author], documents[random.int(documents.length)]);
  }
  for (const from of documents) for (const to of documents) deliver(from, to);
  expect(players.every((player) => player.isComplete())).toBe(true);
  return documents;
}

function deliver(from: Document, to: Document): void {
  if (from !== to) to.import(from.export(to.version()));
}

function expectRecordedEnd(recording: Recording, rounds: number): void {
  const { text } = planOf(recording);
  for (let round = 0; round < rounds; round++) {
    const documents = perform(recording);
    for (const document of documents) expect(document.getText('text').toString()).toBe(text);
    expect(new Set(documents.map((document) => document.digest())).size).toBe(1);
    for (const document of documents) document.close();
  }
}

describe('playing a concurrent session by places ends as recorded, whatever the deliveries', () => {
  for (const name of ['friendsforever', 'clownschool']) {
    const trace = findTrace(name);
    (trace ? it : it.skip)(name, () => expectRecordedEnd(readRecording(trace!, 4_000), 3));
  }

  it.each([2, 3, 5])('an invented session of %i authors', (authors) => {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-invented-'));
    const path = join(folder, 'invented.json.gz');
    for (let round = 0; round < 5; round++) {
      writeInvented(path, authors, 400, () => random.unit());
      expectRecordedEnd(readRecording(path), 3);
    }
    rmSync(folder, { recursive: true });
  });
});
