import { describe, expect, it } from '@jest/globals';
import { Random, seedFromEnv } from '../testing/seed.js';
import { append, emptyQueue, hasUnsent, remove, rewind, settle, take, type BatchQueue, type OwnBatch } from './batch-queue.js';

const a = 'a000000000000001';
const b = 'b000000000000002';

describe('a queue of own batches', () => {
  it('gives batches in the order they came, up to so many bytes, each once', () => {
    let queue = append(emptyQueue, [batch(a, 1), batch(b, 1), batch(a, 2)]);
    const first = take(queue, 25);
    expect(names(first.batches)).toEqual(['a1', 'b1']);
    queue = append(first.queue, [batch(a, 3)]);
    expect(names(take(queue, 100).batches)).toEqual(['a2', 'a3']);
    expect(hasUnsent(take(queue, 100).queue)).toBe(false);
  });

  it('gives one batch however large it is', () => {
    expect(names(take(append(emptyQueue, [batch(a, 1), batch(a, 2)]), 1).batches)).toEqual(['a1']);
  });

  it('lets an acked batch behind an un-acked one of another replica wait, settled', () => {
    const sent = take(append(emptyQueue, [batch(a, 1), batch(b, 1), batch(b, 2)]), 100).queue;
    const waiting = settle(sent, new Map([[b, 1]]));
    expect(left(waiting)).toEqual(['a1', 'b1', 'b2']);
    expect(left(settle(waiting, new Map([[a, 1]])))).toEqual(['b2']);
  });

  it('is not taken back by an ack that comes late', () => {
    const sent = take(append(emptyQueue, [batch(a, 1), batch(b, 1), batch(b, 2)]), 100).queue;
    const settled = settle(settle(sent, new Map([[b, 2]])), new Map([[b, 1]]));
    expect(left(settle(settled, new Map([[a, 1]])))).toEqual([]);
  });

  it('keeps a batch that is acked in part', () => {
    expect(left(settle(append(emptyQueue, [{ ...batch(a, 1), seqTo: 5 }]), new Map([[a, 3]])))).toEqual(['a1']);
  });

  it('gives a batch that was stamped again in the place of the one before, unless that was sent', () => {
    const again = (seq: number) => ({ ...batch(a, seq), bytes: Uint8Array.of(seq, 99) });
    const queue = append(emptyQueue, [batch(a, 1), batch(b, 1), batch(a, 2)]);
    const replaced = append(queue, [again(2), batch(a, 3)], true);
    expect(names(take(replaced, 1000).batches)).toEqual(['a1', 'b1', 'a2', 'a3']);
    expect(take(replaced, 1000).batches[2].bytes).toEqual(again(2).bytes);
    expect(take(queue, 1000).batches[2].bytes).toEqual(batch(a, 2).bytes);
    // What another tab offers may be older than what is here.
    expect(take(append(replaced, [batch(a, 2)]), 1000).batches[2].bytes).toEqual(again(2).bytes);
    const sent = take(queue, 1000).queue;
    expect(rewind(append(sent, [again(2)], true)).log.map(({ bytes }) => bytes.length)).not.toContain(2);
  });

  it('puts older batches before what it holds, each replica in the order of its seqs, and later ones after it', () => {
    const queue = append(emptyQueue, [batch(a, 5), batch(b, 1)]);
    expect(left(append(queue, [batch(a, 6), batch(a, 4), batch(a, 3)]))).toEqual(['a3', 'a4', 'a5', 'b1', 'a6']);
    expect(left(append(queue, [batch(a, 5)]))).toEqual(['a5', 'b1']);
  });

  it('leaves in their order what is offered again in another', () => {
    const queue = take(append(emptyQueue, [batch(a, 1), batch(b, 1), batch(a, 2)]), 20).queue;
    const again = append(queue, [batch(b, 1), batch(b, 2), batch(a, 1), batch(a, 2)]);
    expect(left(again)).toEqual(['a1', 'b1', 'a2', 'b2']);
    expect(names(take(again, 100).batches)).toEqual(['a2', 'b2']);
  });

  it('removes what was refused, at the front or not, and counts what is in flight', () => {
    const sent = take(append(emptyQueue, [batch(a, 1), batch(a, 2), batch(a, 3)]), 20).queue;
    for (const [seq, rest, bytes] of [[1, ['a2', 'a3'], 10], [2, ['a1', 'a3'], 10], [3, ['a1', 'a2'], 20], [4, ['a1', 'a2', 'a3'], 20]] as const) {
      expect([left(remove(sent, a, seq, seq)), remove(sent, a, seq, seq).inFlightBytes]).toEqual([rest, bytes]);
    }
  });

  it('agrees with a plain array over random histories, and leaves earlier states alone', () => {
    const random = new Random(seedFromEnv());
    for (let run = 0; run < 50; run++) history(random);
  });
});

/** Random calls on the queue and on arrays; every state ever made is compared again at the end. */
function history(random: Random): void {
  let queue = emptyQueue;
  let model: string[] = [];
  let sent = 0;
  const seqs = new Map([[a, 0], [b, 0]]);
  const states: { queue: BatchQueue; model: string[]; sent: number }[] = [];
  for (let i = 0; i < 200; i++) {
    const replica = random.pick([a, b]);
    const action = random.int(5);
    if (action <= 1) {
      const added = Array.from({ length: random.between(1, 20) }, () => batch(replica, seqs.set(replica, seqs.get(replica)! + 1).get(replica)!));
      queue = append(queue, added);
      model = [...model, ...names(added)];
    } else if (action === 2) {
      const taken = take(queue, random.between(10, 200));
      queue = taken.queue;
      sent += taken.batches.length;
    } else if (action === 3 && sent > 0) {
      const dropped = random.between(1, sent);
      queue = model.slice(0, dropped).reduce((rest, name) => settle(rest, new Map([[name[0] === 'a' ? a : b, Number(name.slice(1))]])), queue);
      model = model.slice(dropped);
      sent -= dropped;
    } else if (action === 4 && random.chance(0.2)) {
      queue = rewind(queue);
      sent = 0;
    }
    states.push({ queue, model, sent });
  }
  for (const state of states) {
    const { queue: { next, first, inFlightBytes }, sent: sentThen } = state;
    const line = `${left(state.queue)} ${next - first} ${inFlightBytes}`;
    if (line !== `${state.model} ${sentThen} ${sentThen * 10}`) throw new Error(`seed ${random.seed}: ${line}, not ${state.model}`);
  }
}

function batch(replica: string, seq: number): OwnBatch {
  return { replica, seqFrom: seq, seqTo: seq, bytes: new Uint8Array(10) };
}

function names(batches: readonly OwnBatch[]): string[] {
  return batches.map(({ replica, seqFrom }) => replica[0] + seqFrom);
}

function left(queue: BatchQueue): string[] {
  return names(queue.log.slice(queue.first, queue.end));
}
