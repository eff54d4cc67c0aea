import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryStorage } from '../storage/memory.js';
import { Random, seedFromEnv } from '../testing/seed.js';
import { Document } from './document.js';
import { Undo } from './undo.js';

// A document that is put to sleep at random moments, next to one that never is: the same edits under the same id, the same
// updates from a peer, the same steps undone. Both must show, tell and keep the same.

const seed = seedFromEnv();
const replica = '7000000000000001';

/** A document with everything that can listen to it, and what it heard. */
class Listened {
  readonly document = new Document<Record<string, unknown>>('d', replica, true);
  readonly heard: string[] = [];
  readonly undo: Undo;
  /** Applies what the updates bring: whoever is told all of them has it all. */
  readonly mirror = new Document('d', '7000000000000002');
  cursor: Uint8Array | null = null;
  readonly #stops: (() => void)[] = [];

  constructor() {
    const { document } = this;
    this.undo = new Undo({}, { document: () => document, storage: new MemoryStorage(), now: () => Date.now(), channel: null });
    this.undo.attach(document);
    document.on('update', (bytes) => this.mirror.import(bytes));
  }

  listen(): void {
    const hear = (of: string) => (event: unknown) => void this.heard.push(`${of} ${JSON.stringify(event)}`);
    const { document } = this;
    this.#stops.push(document.subscribe(hear('document')), document.getText('text').subscribe(hear('text')), document.getList(['a', 'list']).subscribe(hear('list')),
      document.getCounter('n').subscribe(hear('counter')), document.getSet('s').subscribe(hear('set')), document.getMap('m').subscribe(hear('map')));
  }

  deafen(): void { for (const stop of this.#stops.splice(0)) stop(); }

  shown(): unknown {
    const { document, cursor } = this;
    const fields = document.get();
    const text = document.getText('text');
    const copy = new Document('d', '7000000000000003');
    copy.import(document.export());
    const exported = copy.digest();
    copy.close();
    return [fields, document.digest(), document.toJSON(), exported, text.toString(), document.getList(['a', 'list']).toArray(), cursor && text.resolve(cursor),
      this.undo.canUndo, this.undo.canRedo, this.heard.splice(0), this.mirror.digest()];
  }
}

afterEach(() => { jest.restoreAllMocks(); });

describe('a document that sleeps', () => {
  const runs = process.env.SEED ? 1 : Number(process.env.RUNS ?? 30);
  it.each(Array.from({ length: runs }, (_, i) => (seed + i) >>> 0))('shows and tells what one shows that does not (%i)', async (runSeed) => {
    const random = new Random(runSeed);
    let now = 1_000;
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    const [sleeper, waker] = [new Listened(), new Listened()];
    const both = (work: (each: Listened) => unknown) => Promise.all([work(sleeper), work(waker)]);
    const peer = new Document<Record<string, unknown>>('d', '9000000000000000');
    await both(({ undo }) => undo.ready);
    let slept = 0;
    for (let i = 0; i < 120; i++) {
      now += random.int(400);
      if (random.chance(0.4) && sleeper.document.sleep()) slept++;
      const edit = editOf(random);
      switch (random.int(12)) {
        case 0: await both((each) => each.listen()); break;
        case 1: await both((each) => each.deafen()); break;
        case 2: await both((each) => each.undo.undo()); break;
        case 3: await both((each) => each.undo.redo()); break;
        case 4: await both((each) => each.document.transact(() => { edit(each.document); editOf(new Random(i))(each.document); })); break;
        case 5: await both((each) => { each.cursor = each.document.getText('text').cursor(Math.min(i % 7, each.document.getText('text').length)); }); break;
        case 6: case 7: {
          if (random.chance(0.6)) peer.import(waker.document.export());
          edit(peer);
          const update = random.chance(0.8) ? peer.export(waker.document.version()) : peer.snapshot();
          await both((each) => each.document.import(update));
          break;
        }
        default: await both((each) => edit(each.document));
      }
      if (random.chance(0.2) && sleeper.document.sleep()) slept++;
      if (random.chance(0.5)) expect(sleeper.shown()).toEqual(waker.shown());
    }
    expect(sleeper.shown()).toEqual(waker.shown());
    expect(slept).toBeGreaterThan(20);
    for (const { undo, document, mirror } of [sleeper, waker]) {
      await undo.close();
      document.close();
      mirror.close();
    }
    peer.close();
  });
});

/** An edit that does the same in documents that are the same. */
function editOf(random: Random): (document: Document<Record<string, unknown>>) => void {
  const [kind, at, value, length] = [random.int(8), random.unit(), random.int(50), random.between(1, 9)];
  const letters = String(value).repeat(length);
  return (document) => {
    const text = document.getText('text');
    const list = document.getList(['a', 'list']);
    switch (kind) {
      case 0: document.set(`k${value % 4}`, { value, nested: [value] }); return;
      case 1: document.delete(`k${value % 4}`); return;
      case 2: document.getCounter('n').increment(value); return;
      case 3: document.getSet('s').add(value % 9); return;
      case 4: document.getMap('m').set(`k${value % 3}`, value); return;
      case 5: text.insert(Math.floor(at * (text.length + 1)), letters); return;
      case 6: text.delete(Math.floor(at * text.length), Math.min(length, text.length - Math.floor(at * text.length))); return;
      default:
        if (list.length > 2 && value % 2 === 0) list.move(value % list.length, Math.floor(at * list.length));
        else list.insert(Math.floor(at * (list.length + 1)), value);
    }
  };
}
