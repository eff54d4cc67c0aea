// One author of a replay, in a process of its own: a real client, playing its part of the recording.
//
// Started by replay-run.ts, which it talks to over IPC. Edits are made as fast as the recording's causality
// and a window of un-acked writes allow: without the window a whole session would be typed before the
// first ack, and a killed server would never be killed in the middle of anything.

import WebSocket from 'ws';
import { decodeVersion } from '../../sdk/core/codec.js';
import { open } from '../../sdk/index.js';
import type { Client, Document, Write } from '../../sdk/index.js';
import { planOf } from './plan.js';
import { PlacePlayer, PositionPlayer } from './player.js';
import type { Player } from './player.js';
import { readRecording } from './recording.js';

export interface AuthorOptions {
  trace: string;
  txnsMax: number | null;
  author: number;
  server: string;
  document: string;
}

/** What the run tells an author. */
export type Order = { type: 'start'; replicas: string[] } | { type: 'leave' };

/** What an author tells the run. */
export type Report =
  | { type: 'ready'; replica: string }
  | { type: 'progress'; played: number; acked: number; connection: string }
  | { type: 'finished'; result: AuthorResult }
  | { type: 'failed'; message: string };

export interface AuthorResult {
  author: number;
  replica: string;
  acked: number;
  /** The seq the recording's part of this author comes to. */
  seqEnd: number;
  version: [replica: string, seq: number][];
  digest: string;
  text: string;
}

const perTurnMax = 250;
const reportMs = 20;

/** Un-acked transactions an author may have: a fortieth of its part, so that acks come all along a short run too. */
function unackedMax(total: number): number {
  return Math.min(2_000, Math.max(25, Math.ceil(total / 40)));
}

class Author {
  #player: Player | undefined;
  #played = 0;
  #acked = 0;
  #isScheduled = false;
  #isFinished = false;

  constructor(readonly options: AuthorOptions, readonly client: Client, readonly document: Document) {
    // A change may be what the next transaction waits for. It is looked at in a turn of its own.
    document.subscribe(() => this.#schedule());
    setInterval(() => this.#report(), reportMs).unref();
  }

  start(replicas: string[]): void {
    const recording = readRecording(this.options.trace, this.options.txnsMax ?? Infinity);
    this.#player = recording.authors === 1
      ? new PositionPlayer(this.document, recording)
      : new PlacePlayer(this.document, planOf(recording), this.options.author, replicas);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isFinished || !this.#player) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      attempt(() => this.#turn(this.#player!));
    });
  }

  #turn(player: Player): void {
    const room = Math.min(perTurnMax, unackedMax(player.total) - (this.#played - this.#acked));
    const writes = player.play(room);
    for (const write of writes) this.#follow(write);
    this.#played += writes.length;
    if (writes.length > 0) this.#schedule();
    else if (this.#acked === player.total && player.isComplete()) this.#finish(player);
  }

  #follow(write: Write): void {
    write.acked.then(() => {
      this.#acked++;
      this.#schedule();
    }, (error: unknown) => fail(error));
  }

  #finish(player: Player): void {
    this.#isFinished = true;
    this.#report();
    this.client.synced().then(() => send({
      type: 'finished',
      result: {
        author: this.options.author,
        replica: this.client.replica,
        acked: this.#acked,
        seqEnd: player.seqEnd,
        version: [...decodeVersion(this.document.version())],
        digest: this.document.digest(),
        text: this.document.getText('text').toString(),
      },
    }), fail);
  }

  #report(): void {
    send({ type: 'progress', played: this.#played, acked: this.#acked, connection: this.client.status.get().connection });
  }
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2]) as AuthorOptions;
  const client = await open({ server: options.server, storage: 'memory', WebSocket });
  const author = new Author(options, client, client.document(options.document));
  process.on('message', (order: Order) => {
    if (order.type === 'start') attempt(() => author.start(order.replicas));
    else client.close().then(() => process.exit(0), fail);
  });
  // Without its run an author has nothing to play for.
  process.on('disconnect', () => process.exit(1));
  send({ type: 'ready', replica: client.replica });
}

function attempt(fn: () => void): void {
  try {
    fn();
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  send({ type: 'failed', message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
}

function send(report: Report): void {
  if (process.connected) process.send!(report);
}

main().catch(fail);
