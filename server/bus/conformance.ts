// What every bus must do, between two that belong to one database. The hints may be lost when a broker is; these are not.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Bus, BusMessage } from './bus.js';

export interface BusUnderTest {
  /** Of one database; may be the same. */
  buses: readonly [Bus, Bus];
  dispose(): Promise<void>;
}

export const [nodeA, nodeB] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];

/** Tells whether an ear hears yet, and nothing else. */
const knock: BusMessage = { type: 'ping', nonce: 77 };

export class Ear {
  readonly heardAll: [string, BusMessage][] = [];
  knocks = 0;
  gaps = 0;
  heard(message: BusMessage, node: string): void {
    if (message.type === 'ping' && message.nonce === 77) this.knocks += 1;
    else this.heardAll.push([node, message]);
  }
  missed(): void { this.gaps += 1; }
}

export function grown(document: string, lsn: number, bytes = Uint8Array.of(lsn)): BusMessage {
  return { type: 'changes', document, first: lsn, last: lsn, batches: bytes };
}

export async function until(claim: () => boolean | Promise<boolean>, msMax = 10_000): Promise<void> {
  const deadline = Date.now() + msMax;
  while (!(await claim())) {
    if (Date.now() > deadline) throw new Error(`not so after ${msMax} ms: ${claim}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function busConformance(name: string, open: () => Promise<BusUnderTest>, suite: typeof describe | typeof describe.skip = describe): void {
  suite(`bus: ${name}`, () => {
    let subject: BusUnderTest;
    let one: Bus;
    let two: Bus;

    beforeEach(async () => {
      subject = await open();
      [one, two] = subject.buses;
    });
    afterEach(() => subject.dispose());

    /** An ear that certainly hears. */
    async function listen(bus: Bus, topic: string): Promise<Ear & { leave(): void }> {
      const ear = new Ear();
      const leave = bus.subscribe(topic, ear);
      for (let tries = 0; ear.knocks === 0 && tries < 400; tries += 1) {
        one.publish(nodeA, topic, knock);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(ear.knocks).toBeGreaterThan(0);
      return Object.assign(ear, { leave });
    }

    it('brings what is published to whoever listens to the topic, and to nobody else', async () => {
      const [a, b] = [await listen(two, 'a'), await listen(two, 'b')];
      one.publish(nodeA, 'a', grown('a', 1));
      one.publish(nodeB, 'b', { type: 'presence', document: 'b', replica: 'aaaaaaaaaaaaaaaa', state: Uint8Array.of(1, 2) });
      await until(() => a.heardAll.length + b.heardAll.length === 2);
      expect(a.heardAll).toEqual([[nodeA, grown('a', 1)]]);
      expect(b.heardAll).toEqual([[nodeB, { type: 'presence', document: 'b', replica: 'aaaaaaaaaaaaaaaa', state: Uint8Array.of(1, 2) }]]);
    });

    it('brings it to every listener, in the order it was published', async () => {
      const ears = [await listen(two, 'a'), await listen(two, 'a'), await listen(one, 'a')];
      for (let lsn = 1; lsn <= 200; lsn += 1) one.publish(nodeA, 'a', grown('a', lsn));
      await until(() => ears.every((ear) => ear.heardAll.length === 200));
      for (const ear of ears) expect(ear.heardAll.map(([, message]) => (message as { first: number }).first)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    });

    it('takes topics of any spelling', async () => {
      for (const topic of ['', 'a:b', 'größe/😀', 'x'.repeat(500), '*', '{a}']) {
        const ear = await listen(two, topic);
        one.publish(nodeA, topic, { type: 'ping', nonce: 5 });
        await until(() => ear.heardAll.length === 1);
        ear.leave();
      }
    });

    it('tells of large changes, with their bytes or without', async () => {
      const ear = await listen(two, 'a');
      const bytes = new Uint8Array(900_000).fill(7);
      one.publish(nodeA, 'a', grown('a', 9, bytes));
      await until(() => ear.heardAll.length === 1);
      const { first, last, batches } = ear.heardAll[0][1] as BusMessage & { type: 'changes' };
      expect([first, last]).toEqual([9, 9]);
      expect([0, bytes.length]).toContain(batches.length);
    });

    it('is silent to who has left, and goes on for the rest', async () => {
      const [left, stays] = [await listen(two, 'a'), await listen(two, 'a')];
      left.leave();
      left.leave();
      one.publish(nodeA, 'a', grown('a', 1));
      await until(() => stays.heardAll.length === 1);
      expect(left.heardAll).toEqual([]);
      stays.leave();
      const again = await listen(two, 'a');
      one.publish(nodeA, 'a', grown('a', 2));
      await until(() => again.heardAll.length === 1);
    });
  });
}
