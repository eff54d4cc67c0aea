import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from '../../server/index.js';
import { Crowd } from './crowd.js';
import { headwaterWire } from './wire.js';
import type { Speaker, Wire } from './wire.js';

const plan = { rooms: 2, clientsPerRoom: 3, keptRooms: 2, prefix: 'room' };
let server: Server | null = null;
let crowd: Crowd | null = null;

async function gather(transport: 'uws' | 'ws', wire: Wire = headwaterWire): Promise<Crowd> {
  server = await createServer({ database: 'sqlite::memory:', logLevel: 'silent', transport });
  crowd = new Crowd(wire, { ...plan, port: await server.listen(0) });
  await crowd.connect();
  return crowd;
}

/** What the first client of each room hears, bent. */
function bent(hear: (speaker: Speaker, frame: Uint8Array, turn: number) => void): Wire {
  return {
    ...headwaterWire,
    speaker(room, author, events) {
      const speaker = headwaterWire.speaker(room, author, events);
      let turn = 0;
      return author !== 0 ? speaker : Object.assign(Object.create(speaker) as Speaker, { hear: (frame: Uint8Array) => hear(speaker, frame, turn++) });
    },
  };
}

afterEach(async () => {
  crowd?.end();
  await server?.close();
});

describe('the crowd of a server bench', () => {
  it.each(['uws', 'ws'] as const)('gets every edit once, and the same state in the end, over %s', async (transport) => {
    const members = (await gather(transport)).members;
    for (let turn = 0; turn < 5; turn++) for (const member of members) member.write(turn === 4 ? 70_000 : 0);
    await crowd!.settle(5_000);
    expect(crowd!.edits).toBe(30);
    expect(crowd!.deliveries).toBe(90);
    expect(await crowd!.compareStates()).toBe(2);
  });

  it('sees that a reader was given nothing', async () => {
    // The fourth frame is the first after welcome, subscribed and the reader's own first.
    const { members } = await gather('uws', bent((speaker, frame, turn) => { if (turn < 3) speaker.hear(frame); }));
    for (const member of members) member.write();
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const member of members) member.write();
    await expect(crowd!.settle(300)).rejects.toThrow(/2 of 6 clients lack something/);
  });

  it('sees that a reader kept something else', async () => {
    const { members } = await gather('uws');
    for (const member of members) member.write();
    await crowd!.settle(5_000);
    members[1].speaker.kept!.pop();
    members[1].speaker.kept!.push(members[3].speaker.kept![0].slice(0, 0));
    await expect(crowd!.compareStates()).rejects.toThrow(/the readers of room-0 differ/);
  });
});
