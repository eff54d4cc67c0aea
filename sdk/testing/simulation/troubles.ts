// What befalls a device or the server at a step of the schedule, and how it ends.

import type { Device } from './device.js';
import type { Step } from './plan.js';
import type { Trouble } from './weather.js';
import type { World } from './world.js';

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;

export class Troubles {
  constructor(private readonly world: World) {}

  befall({ device: at, draws: [how, long, , which] }: Step, kind: Trouble): void {
    const device = this.world.devices[at];
    this.world.count(`trouble: ${kind}`);
    // Some are over in a moment, some last longer than any timeout.
    const lengthMs = 100 * 2_000 ** long;
    switch (kind) {
      case 'crash': return this.#downFor(device, lengthMs / 10, () => device.crash(null));
      case 'power-cut': return this.#downFor(device, lengthMs / 10, () => device.crash(how));
      case 'leave': return device.leave(() => this.#later(lengthMs / 10, () => device.start()));
      case 'reopen': return this.#reopen(device, this.#document(which), lengthMs / 10);
      case 'offline': return this.#offline(device, lengthMs);
      case 'cut': return this.world.network.cut(device.name);
      case 'half-cut': return this.world.network.cut(device.name, [how < 0.5 ? 'client' : 'server']);
      case 'partition': return this.world.network.partition(device.name, lengthMs);
      case 'freeze': return device.freeze(lengthMs);
      case 'clock-jump': return device.setClock(offset(how, which));
      case 'disk-full': return this.#while(lengthMs / 4, (isSo) => { device.isFull = isSo; });
      case 'disk-away': return this.#while(lengthMs / 4, (isSo) => { device.isAway = isSo; });
      case 'server-crash': return this.#serverDown(lengthMs / 10);
      case 'server-stop': return this.world.server.stop(() => this.#later(lengthMs / 10, () => this.world.server.start()));
      case 'server-freeze': return this.world.server.freeze(lengthMs / 4);
      case 'server-clock': return this.world.server.setClock(offset(how, which) * (how < 0.5 ? 1 : 0.01));
      case 'server-disk-full': return this.#while(lengthMs / 10, (isSo) => { this.world.server.isFull = isSo; });
    }
  }

  #document(which: number): string {
    const { documents } = this.world.plan;
    return documents[Math.floor(which * documents.length)];
  }

  #downFor(device: Device, forMs: number, crash: () => void): void {
    crash();
    this.#later(forMs, () => device.start());
  }

  #serverDown(forMs: number): void {
    this.world.count('server crashes');
    this.world.server.crash();
    this.#later(forMs, () => this.world.server.start());
  }

  /** What of a closed document is not acked is sent when it is opened again. */
  #reopen(device: Device, id: string, afterMs: number): void {
    this.#inSession(device, () => device.client?.document(id).close());
    this.#later(afterMs, () => this.#inSession(device, () => void device.client?.document(id)));
  }

  #offline(device: Device, forMs: number): void {
    this.#inSession(device, () => device.client?.disconnect());
    this.#later(forMs, () => this.#inSession(device, () => device.client?.connect()));
  }

  #while(forMs: number, set: (isSo: boolean) => void): void {
    set(true);
    this.#later(forMs, () => set(false));
  }

  #inSession(device: Device, run: () => void): void { device.session?.process.schedule(0, 'app', run); }

  #later(afterMs: number, run: () => void): void { this.world.timeline.world.schedule(afterMs, 'end of trouble', run); }
}

/** A year ahead or behind, or a few minutes or hours, or right again. */
function offset(how: number, which: number): number {
  const sign = how < 0.5 ? 1 : -1;
  if (which < 0.3) return sign * yearMs;
  if (which < 0.6) return sign * hourMs * which;
  return which < 0.8 ? sign * 1_000 * which : 0;
}
