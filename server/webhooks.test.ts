// Webhooks against a real HTTP server that answers as the test wishes.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { until } from './bus/conformance.js';
import { silentLog } from './log.js';
import { signatureOf, Webhook, type Grown } from './webhooks.js';

let server: Server;
let calls: { body: string; signature: string }[];
/** Statuses of the next answers; then 204. 0 is no answer at all. */
let answers: number[];
let drops: string[];
let webhook: Webhook;

beforeEach(async () => {
  [calls, answers, drops] = [[], [], []];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      calls.push({ body, signature: String(request.headers['headwater-signature']) });
      const status = answers.shift() ?? 204;
      if (status === 0) request.socket.destroy();
      else response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const log = { ...silentLog, warn: (fields: object) => void drops.push((fields as { reason: string }).reason) };
  webhook = new Webhook({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, secret: 'secret' }, log);
});
afterEach(async () => {
  await webhook.close(0);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const grown = (document: string, first: number, last = first): Grown => ({ document, epoch: 'e', first, last });
const bodies = () => calls.map(({ body }) => JSON.parse(body) as Grown);

describe('a webhook', () => {
  it('is told, signed, where a document stands', async () => {
    webhook.tell(grown('a', 1, 3));
    await until(() => calls.length === 1);
    expect(bodies()).toEqual([grown('a', 1, 3)]);
    const time = Number(/t=(\d+),/.exec(calls[0].signature)![1]);
    expect(Math.abs(Date.now() - time)).toBeLessThan(10_000);
    expect(calls[0].signature).toBe(signatureOf('secret', calls[0].body, time));
    expect(calls[0].signature).not.toBe(signatureOf('other', calls[0].body, time));
  });

  it('is told once of what comes while it is busy, and in order', async () => {
    for (let lsn = 1; lsn <= 50; lsn += 1) for (const document of ['a', 'b']) webhook.tell(grown(document, lsn));
    await webhook.close(5_000);
    for (const document of ['a', 'b']) {
      const told = bodies().filter((call) => call.document === document);
      expect([told[0].first, told.at(-1)!.last]).toEqual([1, 50]);
      for (const [i, { first }] of told.entries()) if (i > 0) expect(first).toBe(told[i - 1].last + 1);
    }
    expect(calls.length).toBeLessThan(10);
  });

  it('is told again when it fails, together with what has come since', async () => {
    answers = [500, 0, 429];
    webhook.tell(grown('a', 1));
    await until(() => calls.length === 1);
    webhook.tell(grown('a', 2));
    await until(() => calls.length === 4);
    await webhook.close(5_000);
    expect(bodies().at(-1)).toEqual(grown('a', 1, 2));
    expect([calls.length, drops]).toEqual([4, []]);
  });

  it('is not asked twice when it says that the call is wrong', async () => {
    answers = [400, 204];
    webhook.tell(grown('a', 1));
    webhook.tell(grown('b', 1));
    await webhook.close(5_000);
    expect(bodies()).toEqual([grown('a', 1), grown('b', 1)]);
    expect(drops).toEqual(['answered 400']);
  });

  it('does not hold up a stop for longer than it is given', async () => {
    answers = Array(20).fill(500);
    webhook.tell(grown('a', 1));
    await until(() => calls.length === 1);
    const before = Date.now();
    await webhook.close(50);
    expect(Date.now() - before).toBeLessThan(3_000);
  });
});
