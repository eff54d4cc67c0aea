import { describe, it } from '@jest/globals';
import { Random, seedFromEnv } from '../testing/seed.js';
import type { Message } from '../wire/message.js';
import type { OwnBatch } from './batch-queue.js';
import { initialSession, step, type Effect, type SessionEvent, type SessionState } from './session.js';

describe('the session before a server that says anything at any time', () => {
  it('neither throws nor loses count, and never moves past a gap', () => {
    const random = new Random(seedFromEnv());
    for (let run = 0; run < 300; run++) nonsense(random);
  });
});

/** Random events, most of them well-formed messages out of place. */
function nonsense(random: Random): void {
  let state = initialSession('1000000000000001');
  for (let i = 0; i < 300; i++) {
    const event = state.phase === 'connecting' ? { type: 'linkOpened' as const } : anyEvent(random, state);
    const before = state;
    const [next, effects] = step(before, event);
    for (const effect of effects) {
      if (effect.type === 'receive') holdsNoGap(before, event, effect);
    }
    state = next;
    const documents = [...state.documents].map(([, each]) => each);
    const behind = documents.filter(({ phase }) => phase === 'subscribing' || phase === 'catching-up' || phase === 'waiting').length;
    const inFlight = documents.reduce((sum, { queue }) => sum + queue.log.slice(queue.first, queue.next).reduce((bytes, batch) => bytes + batch.bytes.length, 0), 0);
    const counts = `${behind} ${inFlight} ${state.catchUp.bytes <= state.catchUp.total} ${state.phase === 'open' || state.unanswered.size === 0}`;
    if (counts !== `${state.behind} ${state.inFlightBytes} true true`) throw new Error(`seed ${random.seed}: ${counts}, state says ${state.behind} ${state.inFlightBytes} after ${event.type}`);
  }
}

function holdsNoGap(before: SessionState, event: SessionEvent, { document: id, cursor, blocks }: Extract<Effect, { type: 'receive' }>): void {
  const { lsn } = before.documents.get(id)!;
  const message = event.type === 'message' ? event.message : undefined;
  const isNext = message?.type === 'changes' && message.first <= lsn + 1 && message.last === cursor.lsn && cursor.lsn > lsn;
  const isSnapshot = message?.type === 'snapshot' && message.lsn === cursor.lsn && cursor.lsn > lsn;
  const isReset = message?.type === 'subscribed' && message.from === 0 && cursor.lsn === 0 && blocks.length === 0;
  if (!isNext && !isSnapshot && !isReset) throw new Error(`moved from ${lsn} to ${cursor.lsn} by ${JSON.stringify(message)}`);
}

function anyEvent(random: Random, state: SessionState): SessionEvent {
  if (state.phase === 'greeting' && random.chance(0.8)) {
    return { type: 'message', message: { type: 'welcome', protocol: 1, epoch: `e${random.int(3)}`, pingIntervalMs: 1000, frameBytesMax: 1 << 20 } };
  }
  const id = random.pick(['doc', 'two']);
  const [low, high] = [random.int(4), random.int(4)].sort();
  const bytes = new Uint8Array(random.int(4));
  const replica = random.pick(['1000000000000001', '2000000000000002']);
  const seq = random.between(1, 8);
  const { lsn, asked } = state.documents.get(id) ?? { lsn: 0, asked: 0 };
  const message = (value: Message): SessionEvent => ({ type: 'message', message: value });
  const batch: OwnBatch = { replica, seqFrom: seq, seqTo: seq, bytes };
  return random.pick<() => SessionEvent>([
    () => ({ type: 'connect' }),
    () => ({ type: random.pick(['online', 'offline', 'disconnect']) }),
    () => ({ type: 'linkClosed', code: random.pick([1006, 4401]), reason: '' }),
    () => ({ type: 'timer', timer: random.pick(['connect', 'retry', 'ping', 'presence', 'resubscribe']) }),
    () => ({ type: 'open', document: id, cursor: random.chance(0.5) ? null : { epoch: `e${random.int(3)}`, lsn: high }, unacked: [batch] }),
    () => ({ type: 'close', document: id }),
    () => ({ type: 'push', document: id, batches: [batch] }),
    () => ({ type: 'presence', document: id, replica, state: random.chance(0.3) ? null : bytes }),
    ...new Array<() => SessionEvent>(4).fill(() => message({ type: 'subscribed', document: id, from: random.pick([0, asked]), head: asked + high, bytesTotal: seq, version: new Uint8Array(random.pick([0, 1])) })),
    ...new Array<() => SessionEvent>(4).fill(() => message({ type: 'changes', document: id, first: lsn + 1 + random.int(2), last: lsn + 2 + high, batches: bytes })),
    () => message({ type: 'snapshot', document: id, lsn: lsn + high, offset: 0, total: bytes.length + low, bytes }),
    () => message({ type: 'ack', document: id, entries: [{ replica, seq }] }),
    () => message({ type: 'reject', document: id, replica, seqFrom: seq, seqTo: seq + low, code: 'invalid_update', message: '' }),
    () => message({ type: 'presence', document: id, replica: random.pick([replica, '3000000000000003']), state: bytes }),
    () => message({ type: 'resync', document: id }),
    () => message({ type: 'error', code: random.pick(['unavailable', 'not_authorized', 'internal']), message: '', document: id }),
    () => message({ type: 'pong', nonce: seq }),
    () => message({ type: 'ping', nonce: seq }),
  ])();
}
