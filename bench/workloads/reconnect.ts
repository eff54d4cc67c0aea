// A device comes back with 1,000 changes made offline: how long until the server has them all?
//
// Real server process, real socket, fsync before the ack. The clock runs from `connect()` to the moment
// `synced()` resolves; the handshake is inside it, a back-off after a failed attempt is not (the server is up).

import WebSocket from 'ws';
import { open } from '../../sdk/index.js';
import type { Client } from '../../sdk/index.js';
import { ServerProcess } from '../../server/e2e/server-process.js';
import type { Measurement, Workload } from '../harness.js';

const edits = 1_000;

export const reconnect: Workload = {
  name: 'reconnect',
  about: '1,000 changes made offline reach the server after a reconnect',
  bar: { of: 'median', msMax: 1_000, promise: `${edits.toLocaleString('en')} offline changes acked within a second` },
  runs: 5,
  run,
};

async function run(): Promise<Measurement> {
  await using server = await ServerProcess.start();
  const client = await open({ server: server.url, storage: 'memory', WebSocket });
  try {
    return await comeBack(client);
  } finally {
    await client.close();
  }
}

async function comeBack(client: Client): Promise<Measurement> {
  const text = client.text('notes');
  await text.insert(0, 'before going offline ').acked;
  client.disconnect();
  // Each in a turn of its own, as typing is: one batch of a thousand would be an easier task than a thousand.
  for (let edit = 0; edit < edits; edit++) {
    text.insert(text.length, String(edit % 10));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.flushed();
  const startedMs = performance.now();
  client.connect();
  await client.synced();
  return { ms: performance.now() - startedMs, counts: { changes: edits, characters: text.length } };
}
