// The bus over NOTIFY on a real Postgres: forged notifications, and a listener whose connection is cut.

import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import postgres from 'postgres';
import { silentLog } from '../log.js';
import { findPostgres } from '../testing/postgres.js';
import { busConformance, Ear, grown, nodeA, until } from './conformance.js';
import { PostgresBus } from './postgres.js';

const database = await findPostgres('bus/postgres');
const url = database?.url ?? '';
const suite = database === null ? describe.skip : describe;
const sql = postgres(url, { max: 1, onnotice: () => undefined });
let epoch: string;

afterAll(async () => {
  await sql.end();
  await database?.stop();
});
beforeEach(() => { epoch = crypto.randomUUID(); });

const open = (secret = 'secret') => PostgresBus.open({ url, epoch, secret, log: silentLog });

busConformance('postgres', async () => {
  const buses = await Promise.all([open(), open()]);
  return { buses: buses as [PostgresBus, PostgresBus], dispose: async () => void (await Promise.all(buses.map((bus) => bus.close()))) };
}, suite);

suite('a bus over NOTIFY', () => {
  async function hearing(bus: PostgresBus): Promise<Ear> {
    const ear = new Ear();
    bus.subscribe('a', ear);
    await until(() => ear.gaps > 0);
    return ear;
  }

  it('hears nothing of what is no message, or signed with another secret', async () => {
    const [bus, forger] = [await open(), await open('guess')];
    const ear = await hearing(bus);
    for (const junk of ['x', 'a:1/1:', 'a:1/1:AAAA', 'a:2/3:AAAA', 'a:1/9999:AAAA', `a:1/1:${Buffer.alloc(100, 255).toString('base64')}`, '\u{1f600}']) {
      await sql`select pg_notify(${`headwater:${epoch}`}, ${junk})`;
    }
    forger.publish(nodeA, 'a', grown('a', 1));
    bus.publish(nodeA, 'a', grown('a', 2));
    await until(() => ear.heardAll.length > 0);
    expect(ear.heardAll).toEqual([[nodeA, grown('a', 2)]]);
    await Promise.all([bus.close(), forger.close()]);
  });

  it('brings presence of any size, and large changes as a hint', async () => {
    const [one, two] = [await open(), await open()];
    const ear = await hearing(two);
    const state = crypto.getRandomValues(new Uint8Array(8_192));
    one.publish(nodeA, 'a', { type: 'presence', document: 'a', replica: 'aaaaaaaaaaaaaaaa', state });
    one.publish(nodeA, 'a', grown('a', 5, new Uint8Array(100_000)));
    one.publish(nodeA, 'a', grown('a', 6));
    await until(() => ear.heardAll.length === 3);
    expect(ear.heardAll.map(([, message]) => message)).toEqual([
      { type: 'presence', document: 'a', replica: 'aaaaaaaaaaaaaaaa', state }, grown('a', 5, new Uint8Array(0)), grown('a', 6),
    ]);
    await Promise.all([one.close(), two.close()]);
  });

  it('listens anew when its connections are cut, and says that something was missed', async () => {
    const bus = await open();
    const ear = await hearing(bus);
    for (let round = 0; round < 2; round += 1) {
      const gaps = ear.gaps;
      const [{ count }] = await sql`
        select count(pg_terminate_backend(pid))::int as count from pg_stat_activity
        where application_name = 'headwater' and query ilike ${`%${epoch}%`} and pid <> pg_backend_pid()`;
      expect(count).toBeGreaterThan(0);
      await until(() => ear.gaps > gaps, 15_000);
      ear.heardAll.length = 0;
      await until(() => {
        bus.publish(nodeA, 'a', grown('a', 1));
        return ear.heardAll.length > 0;
      });
    }
    await bus.close();
  });
});
