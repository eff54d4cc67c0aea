// Keeps documents as plain data beside the log, for whoever queries the database; at most a second behind.
//
// Work is coalesced: a document that grows is due a moment later, however often it grows until then. The node that
// committed does it, from the room it has open. Of a document that others write to as well the room may find no moment
// at which its memory is a state of the log; then the log itself is read. What a dead node left undone is found by
// looking for data that is behind and stays where it is.

import { HeadwaterError } from '../sdk/core/errors.js';
import type { Lsn } from '../sdk/wire/message.js';
import type { Engine } from './engine.js';
import { loadDocument } from './load.js';
import type { Log } from './log.js';
import type { DataTable, Projected, Store } from './store/store.js';

/** What is asked of a room. */
export interface ProjectedRoom {
  readonly document: string;
  /** Null when its memory is no state of the log at the moment. */
  project(): Promise<Projected | null>;
}

export interface ProjectorTimes {
  /** From the first growth to the work. */
  delayMs: number;
  /** Between two looks for what nobody does. It is longer where a look takes long: never more than a hundredth of the time. */
  sweepMs: number;
  /** Data that has not moved for this long is nobody's work. */
  neglectMs: number;
}

const defaultTimes: ProjectorTimes = { delayMs: 400, sweepMs: 10_000, neglectMs: 2_000 };
/** Documents written by one statement. Their data is made in one turn of the event loop, so this bounds how long that is. */
const groupMax = 32;
const neglectedMax = 10_000;

export class Projector {
  private readonly due = new Map<ProjectedRoom, number>();
  private working: Promise<void> | null = null;
  private sweeping: Promise<void> | null = null;
  private isClosed = false;
  private readonly sleepers = new Set<() => void>();
  private readonly times: ProjectorTimes;

  /** @param data  the table of `store`; a store without one needs no projector */
  constructor(
    private readonly store: Store,
    private readonly data: DataTable,
    private readonly engine: Engine,
    private readonly log: Log,
    times: Partial<ProjectorTimes> = {},
  ) {
    this.times = { ...defaultTimes, ...times };
    this.sweeping = this.sweepOn();
  }

  /** The room has committed something. Cheap: it is called for every commit. */
  touch(room: ProjectedRoom): void {
    if (this.isClosed || this.due.has(room)) return;
    this.due.set(room, Date.now() + this.times.delayMs);
    this.working ??= this.workOn();
  }

  /** Does at once what is due. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const wake of this.sleepers) wake();
    await Promise.all([this.working, this.sweeping]);
  }

  private async workOn(): Promise<void> {
    while (this.due.size > 0) {
      const [[, dueMs]] = this.due;
      if (!this.isClosed) await this.pause(dueMs - Date.now());
      const rooms = [...this.due].filter(([, ms]) => this.isClosed || ms <= Date.now()).slice(0, groupMax).map(([room]) => room);
      for (const room of rooms) this.due.delete(room);
      await this.project(rooms);
    }
    this.working = null;
  }

  private async project(rooms: readonly ProjectedRoom[]): Promise<void> {
    try {
      const projected = await Promise.all(rooms.map(async (room) => (await room.project()) ?? this.read(room.document)));
      await this.data.writeData(projected);
    } catch (cause) {
      this.log.warn({ documents: rooms.length, reason: (cause as Error).message }, 'documents were not written as plain data');
      if (mayPass(cause)) for (const room of rooms) this.touch(room);
      // One that cannot be written must not keep the others from it. It is tried again when it grows.
      else if (rooms.length > 1) for (const room of rooms) await this.project([room]);
    }
  }

  private async read(document: string): Promise<Projected> {
    const { state, lsn } = await loadDocument(this.store, this.engine, document);
    const projected = { id: document, lsn, data: state.toJSON(), version: this.engine.decodeVersion(state.version()) };
    state.free();
    return projected;
  }

  // ── what nobody does ──────────────────────────────────────────────────────────────────────────

  private async sweepOn(): Promise<void> {
    // At the start twice in a row: a server that comes back after a crash has the most to do.
    await this.sweep();
    while (!this.isClosed) {
      const startedMs = Date.now();
      await this.sweep();
      await this.pause(Math.max(this.times.sweepMs, 100 * (Date.now() - startedMs)) * (0.5 + Math.random()));
    }
  }

  private async sweep(): Promise<void> {
    try {
      const behind = await this.findBehind();
      if (behind.size === 0) return;
      await this.pause(this.times.neglectMs);
      for (const [id, lsn] of await this.findBehind()) {
        if (this.isClosed) return;
        if (behind.get(id) === lsn) await this.catchUp(id);
      }
    } catch (cause) {
      if (!this.isClosed) this.log.warn({ reason: (cause as Error).message }, 'documents whose plain data is behind cannot be looked for');
    }
  }

  private async findBehind(): Promise<Map<string, Lsn>> {
    const found = new Map<string, Lsn>();
    for (let after: string | undefined = ''; after !== undefined && found.size < neglectedMax && !this.isClosed;) {
      const page = await this.data.findBehind(after, 1_000);
      for (const { id, projectedLsn } of page) found.set(id, projectedLsn);
      after = page.length === 1_000 ? page.at(-1)!.id : undefined;
    }
    return found;
  }

  private async catchUp(document: string): Promise<void> {
    try {
      await this.data.writeData([await this.read(document)]);
    } catch (cause) {
      // A damaged log or too much data: the others are not to wait for it.
      if (mayPass(cause)) throw cause;
      this.log.warn({ document, reason: (cause as Error).message }, 'a document was not written as plain data');
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, this.isClosed ? 0 : Math.max(0, ms));
      timer.unref();
      this.sleepers.add(wake);
    });
  }
}

function mayPass(cause: unknown): boolean {
  return cause instanceof HeadwaterError && cause.code === 'unavailable';
}
