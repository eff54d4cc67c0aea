import { describe, expect, it } from '@jest/globals';
import { encodeVersion, readBlocks } from '../core/codec.js';
import { EngineDocument, Kind } from '../core/document.js';
import type { Message } from '../wire/message.js';
import type { OwnBatch } from './batch-queue.js';
import { inFlightBytesMax, pushBytesMax } from './outgoing.js';
import { initialSession, isLive, step, type Effect, type SessionEvent, type SessionState } from './session.js';

const replica = 'a000000000000001';
const dead = 'd000000000000004';

// What happens, in the words of the tables below.
const connect: SessionEvent = { type: 'connect' };
const opened: SessionEvent = { type: 'linkOpened' };
const welcome = server({ type: 'welcome', protocol: 1, epoch: 'e1', pingIntervalMs: 30_000, frameBytesMax: 1 << 20 });
const lost: SessionEvent = { type: 'linkClosed', code: 1006, reason: '' };
const online = [connect, opened, welcome];

/** Steps through the events and shows each one's effects on one line. */
function story(events: SessionEvent[], state: SessionState = initialSession(replica)): { lines: string[]; state: SessionState } {
  const lines = events.map((event) => {
    const [next, effects] = step(state, event);
    state = next;
    return effects.filter(isShown).map(inWords).join(', ');
  });
  return { lines, state };
}

function after(...events: SessionEvent[]): SessionState {
  return story(events).state;
}

describe('the connection', () => {
  it('dials, says hello, subscribes what is open and goes live', () => {
    expect(story([open('doc', 3), connect, opened, welcome, subscribed('doc', 3, 3)]).lines).toEqual([
      '',
      'timer connect 10000, dial, status connecting',
      'hello',
      'timer ping 30000, subscribe doc 3 e1, status catching-up',
      'subscribed doc, status live',
    ]);
  });

  it('is live at once with no document open, and catches up with what is opened later', () => {
    expect(story([...online, open('doc')]).lines.slice(2)).toEqual(['timer ping 30000, status live', 'subscribe doc 0 e1, status catching-up']);
  });

  it('puts the token of the shell into hello', () => {
    const [, effects] = step(after(connect), { type: 'linkOpened', token: 'jwt' });
    expect(effects).toContainEqual({ type: 'send', message: { type: 'hello', protocol: 1, replica, token: 'jwt' } });
  });

  it('asks the app for another token when the server wants one, and sends it, on this link only', () => {
    const renew = server({ type: 'renew', expiresInMs: 30_000 });
    const renewed: SessionEvent = { type: 'renewed', token: 'next' };
    expect(story([...online, renew, renewed, lost, renewed]).lines.slice(3)).toEqual(['renew', 'token', 'backoff retry 0, status offline unavailable', '']);
    expect(story([connect, opened, renew]).lines[2]).toBe('hang up 4400, backoff retry 0, status offline protocol_error');
  });

  it.each<[string, SessionEvent, string]>([
    ['an error', server({ type: 'error', code: 'not_authorized', message: 'expired' }), 'hang up 1000, backoff retry 0, status offline not_authorized'],
    ['a goodbye', server({ type: 'goodbye', code: 'not_authorized', message: 'expired', retryAfterMs: 0 }), 'hang up 1000, backoff retry 0, status offline not_authorized'],
    ['a close code', { type: 'linkClosed', code: 4401, reason: 'expired' }, 'backoff retry 0, status offline not_authorized'],
  ])('tries once more with another token when %s ends what was welcome, and then only when told', (_, event, line) => {
    const { lines } = story([...online, event, fired('retry'), opened, { type: 'linkClosed', code: 4401, reason: '' }, fired('retry'), { type: 'online' }, connect]);
    expect(lines.slice(3)).toEqual([
      line, 'timer connect 10000, dial, status connecting not_authorized', 'hello', 'status offline not_authorized', '', '',
      'timer connect 10000, dial, status connecting',
    ]);
  });

  it('says who shows a presence, as the server does', () => {
    const shown = (user?: string, name?: string) => server({ type: 'presence', document: 'doc', replica: dead, state: Uint8Array.of(1), user, name });
    expect(story([open('doc'), ...online, subscribed('doc', 0, 0), shown('ann', 'Ann'), shown('ann'), shown()]).lines.slice(5)).toEqual([
      'timer ping 5000, presence doc d of ann Ann', 'presence doc d of ann ', 'presence doc d',
    ]);
  });

  it('follows a refused document again when the server offers it', () => {
    const refusal = server({ type: 'error', code: 'not_authorized', message: 'no', document: 'doc' });
    const offer = server({ type: 'resync', document: 'doc' });
    expect(story([open('doc'), ...online, refusal, offer, subscribed('doc', 0, 0), offer]).lines.slice(4)).toEqual([
      'status live not_authorized', 'subscribe doc 0 e1, status catching-up', 'subscribed doc, status live', 'backoff resubscribe 1, status catching-up',
    ]);
  });

  it('waits longer after each failure, and shortest again once it was live', () => {
    const retry = fired('retry');
    expect(story([connect, lost, retry, lost, retry, lost, retry, opened, welcome, lost]).lines.filter((line) => line.includes('backoff'))).toEqual([
      'backoff retry 0, status offline unavailable', 'backoff retry 1, status offline unavailable',
      'backoff retry 2, status offline unavailable', 'backoff retry 0, status offline unavailable',
    ]);
  });

  it('does not start from the shortest wait while a document cannot be taken in', () => {
    const failed: SessionEvent = { type: 'hostFailed', error: { code: 'storage_failed', message: 'full' } };
    const { lines } = story([open('doc'), ...online, failed, fired('retry'), opened, welcome, failed]);
    expect(lines[4]).toBe('hang up 1000, backoff retry 0, status offline storage_failed');
    expect(lines[8]).toBe('hang up 1000, backoff retry 1, status offline storage_failed');
  });

  it.each<[string, SessionEvent, string]>([
    ['a fatal error', server({ type: 'error', code: 'not_authorized', message: '' }), 'hang up 1000, status offline not_authorized'],
    ['a fatal goodbye', server({ type: 'goodbye', code: 'replica_conflict', message: '', retryAfterMs: 0 }), 'hang up 1000, status offline replica_conflict'],
    ['another version', server({ type: 'welcome', protocol: 2, epoch: 'e', pingIntervalMs: 1000, frameBytesMax: 1 << 20 }), 'hang up 1000, status offline version_unsupported'],
    ['a fatal close code', { type: 'linkClosed', code: 4401, reason: '' }, 'status offline not_authorized'],
    ['the app', { type: 'disconnect' }, 'hang up 1000, status offline'],
  ])('stops for %s, and starts again only when told', (_, event, line) => {
    const { lines, state } = story([connect, opened, event, fired('retry'), { type: 'online' }, lost, connect]);
    expect(lines.slice(2)).toEqual([line, '', '', '', 'timer connect 10000, dial, status connecting']);
    expect(state.attempt).toBe(0);
  });

  it('waits as long as a goodbye says, whatever the device hints', () => {
    const goodbye = server({ type: 'goodbye', code: 'unavailable', message: '', retryAfterMs: 5_000 });
    expect(story([...online, goodbye, { type: 'online' }, fired('retry')]).lines.slice(3)).toEqual([
      'hang up 1000, backoff retry 0 at least 5000, status offline unavailable', '', 'timer connect 10000, dial, status connecting unavailable',
    ]);
  });

  it('dials at once when the device comes online', () => {
    expect(story([connect, lost, { type: 'online' }]).lines[2]).toBe('timer connect 10000, dial, status connecting unavailable');
  });

  it('asks whether the link still works when the network changes', () => {
    expect(story([...online, { type: 'offline' }, { type: 'online' }, server({ type: 'pong', nonce: 1 }), fired('ping'), { type: 'online' }, fired('ping')]).lines.slice(3)).toEqual([
      'ping 1, timer ping 5000', '', '', 'ping 2, timer ping 30000', 'ping 3, timer ping 5000', 'hang up 4504, backoff retry 0, status offline unavailable',
    ]);
  });

  it('gives up a server that does not answer the dial or the hello', () => {
    const given = 'hang up 4504, backoff retry 0, status offline unavailable';
    expect(story([connect, fired('connect')]).lines[1]).toBe(given);
    expect(story([connect, opened, fired('connect')]).lines[2]).toBe(given);
    expect(story([...online, fired('connect')]).lines[3]).toBe('');
  });

  it('is tried more often in company: who is shown is to be there', () => {
    const ping = fired('ping');
    const [here, gone] = [[1], []].map((state) => server({ type: 'presence', document: 'doc', replica: dead, state: Uint8Array.from(state) }));
    expect(story([open('doc'), ...online, subscribed('doc', 0, 0), here, here, ping, gone, ping]).lines.slice(5)).toEqual([
      'timer ping 5000, presence doc d', 'presence doc d', 'ping 1, timer ping 5000', 'presence doc d', 'ping 2, timer ping 30000',
    ]);
  });

  it('outlives the refusal of a presence that an earlier link still shows, and says it again when that link ends', () => {
    const refused = server({ type: 'error', code: 'replica_conflict', message: '' });
    const own: SessionEvent = { type: 'presence', document: 'doc', replica: dead, state: Uint8Array.of(1) };
    const told = (...state: number[]) => server({ type: 'presence', document: 'doc', replica: dead, state: Uint8Array.from(state) });
    expect(story([open('doc'), ...online, subscribed('doc', 0, 0), own, refused, { type: 'timer', timer: 'presence' }, told(1), told()]).lines.slice(5)).toEqual([
      'presence, timer presence 34', '', '', '', 'presence, timer presence 34',
    ]);
  });

  it('is dead after two pings without any frame', () => {
    const ping = fired('ping');
    expect(story([...online, ping, ping, server({ type: 'ping', nonce: 7 }), ping, ping, ping]).lines.slice(3)).toEqual([
      'ping 1, timer ping 30000', 'ping 2, timer ping 30000', 'pong 7', 'ping 3, timer ping 30000', 'ping 4, timer ping 30000',
      'hang up 4504, backoff retry 0, status offline unavailable',
    ]);
  });

  it.each<[string, SessionEvent[], SessionEvent]>([
    ['a frame that could not be read', [], { type: 'malformed', reason: 'bits' }],
    ['a message only clients send', [], server({ type: 'push', document: 'doc', batches: new Uint8Array(0) })],
    ['a second welcome', [], welcome],
    ['an answer nobody asked for', [], subscribed('doc', 0, 0)],
    ['an answer for another position', [open('doc', 3)], subscribed('doc', 2, 9)],
    ['a position kept across logs', [open('doc', 3, 'other')], subscribed('doc', 3, 9)],
    ['a version vector that is none', [open('doc')], server({ type: 'subscribed', document: 'doc', from: 0, head: 0, bytesTotal: 0, version: Uint8Array.of(1) })],
    ['a snapshot when live', [open('doc'), subscribed('doc', 0, 0)], snapshot('doc', 5, 0, 3)],
    ['a snapshot that starts in the middle', [open('doc'), subscribed('doc', 0, 5)], snapshot('doc', 5, 3, 6)],
  ])('closes with 4400 for %s', (_, before, event) => {
    const { lines, state } = story([...online, ...before, event]);
    expect(lines[lines.length - 1]).toBe('hang up 4400, backoff retry 0, status offline protocol_error');
    expect(state.phase).toBe('waiting');
  });

  it('closes with 4400 for anything but welcome after hello', () => {
    expect(story([connect, opened, changes('doc', 1, 1)]).lines[2]).toContain('hang up 4400');
  });
});

describe('a document', () => {
  it('takes changes in order, a repeated prefix with them, and nothing it has', () => {
    expect(story([open('doc', 3), ...online, subscribed('doc', 3, 6), changes('doc', 4, 5), changes('doc', 4, 5), changes('doc', 5, 7)]).lines.slice(4)).toEqual([
      'subscribed doc, status catching-up 0/100', 'receive doc to 5, status catching-up 10/100', '', 'receive doc to 7, status live',
    ]);
  });

  it('never applies past a gap, but subscribes again from where it stands', () => {
    const { lines, state } = story([open('doc', 3), ...online, subscribed('doc', 3, 3), changes('doc', 5, 5), changes('doc', 6, 6), subscribed('doc', 3, 6), changes('doc', 4, 6)]);
    expect(lines.slice(5)).toEqual(['subscribe doc 3 e1, status catching-up', '', 'subscribed doc, status catching-up 0/100', 'receive doc to 6, status live']);
    expect(state.documents.get('doc')!.restarts).toBe(0);
  });

  it('waits longer each time when subscribing again brings nothing', () => {
    const { lines } = story([open('doc', 3), ...online, subscribed('doc', 3, 3), resync('doc'), subscribed('doc', 3, 3), resync('doc'), fired('resubscribe'), subscribed('doc', 3, 3), resync('doc')]);
    expect(lines.slice(5)).toEqual([
      'subscribe doc 3 e1, status catching-up', 'subscribed doc, status live', 'backoff resubscribe 1, status catching-up',
      'subscribe doc 3 e1', 'subscribed doc, status live', 'backoff resubscribe 2, status catching-up',
    ]);
  });

  it('puts the pieces of a snapshot together and goes on after it', () => {
    const { lines } = story([open('doc'), ...online, subscribed('doc', 0, 9), snapshot('doc', 8, 0, 100), snapshot('doc', 8, 3, 100), snapshot('doc', 8, 6, 9), open('two'), snapshot('doc', 8, 0, 6), snapshot('doc', 8, 3, 6), changes('doc', 9, 9)]);
    expect(lines.slice(5, 7)).toEqual(['status catching-up 3/100', 'status catching-up 6/100']);
    expect(lines[7]).toContain('hang up 4400');
    const good = story([open('doc'), ...online, subscribed('doc', 0, 9), snapshot('doc', 8, 0, 6), snapshot('doc', 8, 3, 6), changes('doc', 9, 9)]);
    expect(good.lines.slice(5)).toEqual(['status catching-up 3/100', 'receive doc to 8 (6 bytes), status catching-up 6/100', 'receive doc to 9, status live']);
  });

  it('starts over from the log when its position is unknown, and keeps its own batches', () => {
    const { lines } = story([open('doc', 7, 'old', [own(1), own(2)]), ...online, subscribed('doc', 0, 2), changes('doc', 1, 2)]);
    expect(lines.slice(3)).toEqual([
      'timer ping 30000, subscribe doc 7 old, status catching-up',
      'receive doc to 0 (0 bytes), subscribed doc, push doc 2, status catching-up 0/100',
      'receive doc to 2, status live',
    ]);
  });

  it('ignores what belongs to an earlier subscription', () => {
    const again = story([open('doc', 5), ...online, close('doc'), open('doc', 0), subscribed('doc', 5, 6), changes('doc', 6, 6), subscribed('doc', 0, 1), changes('doc', 1, 1)]);
    expect(again.lines.slice(4)).toEqual(['unsubscribe doc, status live', 'subscribe doc 0 e1, status catching-up', '', '', 'subscribed doc, status catching-up 0/100', 'receive doc to 1, status live']);
  });

  it('does not take positions of two logs for one another', () => {
    const { lines } = story([open('doc'), ...online, close('doc'), open('doc', 5, 'old'), subscribed('doc', 0, 6), changes('doc', 6, 6), subscribed('doc', 0, 6)]);
    expect(lines.slice(6)).toEqual(['', '', 'receive doc to 0 (0 bytes), subscribed doc, status catching-up 0/100']);
  });

  it('ignores a snapshot that an earlier subscription has overtaken', () => {
    const { lines } = story([open('doc', 5), ...online, subscribed('doc', 5, 5), resync('doc'), changes('doc', 6, 8), subscribed('doc', 5, 8), snapshot('doc', 8, 0, 3), changes('doc', 9, 9)]);
    expect(lines.slice(6)).toEqual(['receive doc to 8', 'subscribed doc, status live', '', 'receive doc to 9']);
  });

  it('that is closed is not heard of again', () => {
    expect(story([open('doc'), ...online, subscribed('doc', 0, 0), close('doc'), changes('doc', 1, 1), ack('doc', 1), resync('doc')]).lines.slice(5)).toEqual(['unsubscribe doc', '', '', '']);
  });

  it('that is refused for good leaves the others alone', () => {
    const refusal = server({ type: 'error', code: 'not_authorized', message: 'no', document: 'a' });
    const { lines, state } = story([open('a'), open('b'), ...online, refusal, subscribed('b', 0, 0), changes('a', 1, 1)]);
    expect(lines.slice(5)).toEqual(['status catching-up not_authorized', 'subscribed b, status live not_authorized', '']);
    expect([isLive(state, 'a'), isLive(state, 'b')]).toEqual([false, true]);
  });

  it('that is refused for now asks again later', () => {
    const refusal = server({ type: 'error', code: 'unavailable', message: 'loading', document: 'doc' });
    expect(story([open('doc'), ...online, refusal, fired('resubscribe'), subscribed('doc', 0, 0)]).lines.slice(4)).toEqual([
      'backoff resubscribe 0, status catching-up unavailable', 'subscribe doc 0 e1', 'subscribed doc, status live unavailable',
    ]);
  });
});

describe('a document that another tab opens too', () => {
  const live = [open('doc', 5), ...online, subscribed('doc', 5, 5), changes('doc', 6, 8)];

  it.each<[string, SessionEvent, string]>([
    ['from the lower position', open('doc', 6), 'subscribe doc 6 e1'],
    ['from its own position when the other tab is further', open('doc', 9), 'subscribe doc 8 e1'],
    ['from the beginning for a tab that has nothing', open('doc'), 'subscribe doc 0 e1'],
    ['from the beginning for a tab that knows another log', open('doc', 6, 'e0'), 'subscribe doc 0 e1'],
  ])('is subscribed to again, %s', (_, event, line) => {
    expect(story([...live, event]).lines.at(-1)).toBe(`${line}, status catching-up`);
  });

  it('is asked for from there when it goes online', () => {
    expect(story([open('doc', 5), open('doc', 3), ...online]).lines.at(-1)).toContain('subscribe doc 3 e1');
  });

  it('brings un-acked batches, which are sent with those queued, each once', () => {
    const { lines, state } = story([open('doc', 0, 'e1', [own(1)]), open('doc', 0, 'e1', [own(1), own(2)]), ...online, subscribed('doc', 0, 0)]);
    expect(lines.at(-1)).toContain('push doc 2');
    expect(story([close('doc')], state).lines).toEqual(['unsubscribe doc']);
  });
});

describe('own batches', () => {
  it('are pushed when the subscribe is answered, without waiting for the catch-up', () => {
    const { lines } = story([open('doc', 0, 'e1', [own(1)]), ...online, push('doc', own(2)), subscribed('doc', 0, 9), push('doc', own(3))]);
    expect(lines.slice(4)).toEqual(['', 'subscribed doc, push doc 2, status catching-up 0/100', 'push doc 1']);
  });

  it('that the server may have already are sent all the same: only an answer tells an ack from a reject', () => {
    const { lines } = story([open('doc', 0, 'e1', [own(1), own(2), own(3)]), ...online, subscribed('doc', 0, 0, { [replica]: 2 })]);
    expect(lines[4]).toBe('subscribed doc a2, push doc 3, status live');
  });

  it('are all sent again after a reconnect, but for those acked', () => {
    const { lines } = story([open('doc'), ...online, subscribed('doc', 0, 0), push('doc', own(1), own(2)), push('doc', own(3)), ack('doc', 1), lost, connect, opened, welcome, subscribed('doc', 0, 0, { [replica]: 1 })]);
    expect(lines[lines.length - 1]).toBe('subscribed doc a1, push doc 2, status live');
  });

  it('of several replicas go in the order they were made', () => {
    const mixed = [own(1, dead), own(1), own(2, dead)];
    const [, effects] = step(after(open('doc', 0, 'e1', mixed), ...online), subscribed('doc', 0, 0));
    expect(pushedSeqs(effects)).toEqual(['d1', 'a1', 'd2']);
  });

  it('that were acked once and then lost by the server are offered again, in order', () => {
    const state = after(open('doc', 0, 'e1', [own(3), own(4)]), ...online, subscribed('doc', 0, 0));
    const [, effects] = step(state, push('doc', own(1), own(2), own(3)));
    expect(pushedSeqs(effects)).toEqual(['a1', 'a2', 'a3', 'a4']);
  });

  it('that a peer already pushed are reported as acked', () => {
    const state = after(open('doc'), ...online, subscribed('doc', 0, 0), push('doc', own(1), own(2), own(5)), ack('doc', 4));
    expect(story([push('doc', own(3))], state).lines).toEqual(['acked doc a4']);
  });

  it('go on after one was rejected, wherever it stands', () => {
    const reject = (seq: number) => server({ type: 'reject', document: 'doc', replica, seqFrom: seq, seqTo: seq, code: 'invalid_update', message: '' });
    const { lines, state } = story([open('doc'), ...online, subscribed('doc', 0, 0), push('doc', own(1), own(2), own(3)), reject(2), reject(1), ack('doc', 3)]);
    expect(lines.slice(6)).toEqual(['rejected doc 2', 'rejected doc 1', 'acked doc a3']);
    expect(state.inFlightBytes).toBe(0);
  });

  it('travel in frames of bounded size, and so many at a time', () => {
    const size = 10_000;
    const many = Array.from({ length: 300 }, (_, i) => own(i + 1, replica, size));
    const first = story([open('doc', 0, 'e1', many), ...online, subscribed('doc', 0, 0)]);
    const perFrame = Math.floor(pushBytesMax / size);
    const frames = Math.floor(inFlightBytesMax / (perFrame * size));
    expect(first.lines[4]).toBe(['subscribed doc', ...new Array(frames).fill(`push doc ${perFrame}`), 'status live'].join(', '));
    expect(first.state.inFlightBytes).toBeLessThanOrEqual(inFlightBytesMax);
    expect(story([ack('doc', perFrame)], first.state).lines).toEqual([`acked doc a${perFrame}, push doc ${perFrame}`]);
  });

  it('of one document do not hold up those of another', () => {
    const many = Array.from({ length: 300 }, (_, i) => own(i + 1, replica, 10_000));
    const { lines } = story([open('a', 0, 'e1', many), open('b', 0, 'e1', [own(1)]), ...online, subscribed('a', 0, 0), subscribed('b', 0, 0), ack('a', 26), ack('a', 52)]);
    expect(lines.slice(6).join(', ')).toContain('push b 1');
  });

  it('larger than a push frame travel alone', () => {
    const { lines } = story([open('doc', 0, 'e1', [own(1), own(2, replica, 500_000), own(3)]), ...online, subscribed('doc', 0, 0)]);
    expect(lines[4]).toBe('subscribed doc, push doc 1, push doc 1, push doc 1, status live');
  });

  it('larger than the bound in flight still go, when nothing else is on its way', () => {
    const wide = server({ type: 'welcome', protocol: 1, epoch: 'e1', pingIntervalMs: 30_000, frameBytesMax: 16 << 20 });
    const [, effects] = step(after(open('doc', 0, 'e1', [own(1, replica, 2 * inFlightBytesMax)]), connect, opened, wide), subscribed('doc', 0, 0));
    expect(effects.filter((effect) => effect.type === 'send')).toHaveLength(1);
  });

  it('larger than any frame are refused here, and a void goes in their place', () => {
    const author = new EngineDocument(replica);
    const text = author.container(['text'], Kind.Text);
    const next = (content: string): OwnBatch => {
      author.textInsert(text, 0, content);
      const bytes = author.take()!;
      const [{ seqFrom, seqTo }] = readBlocks(bytes);
      return { replica, seqFrom, seqTo, bytes };
    };
    const batches = [next('a'), next('b'.repeat(40_000)), next('c')];
    author.free();
    const narrow = server({ type: 'welcome', protocol: 1, epoch: 'e1', pingIntervalMs: 30_000, frameBytesMax: 16 * 1024 });
    const [state, effects] = step(after(open('doc', 0, 'e1', batches), connect, opened, narrow), subscribed('doc', 0, 0));
    expect(effects).toContainEqual({ type: 'rejected', document: 'doc', batch: expect.objectContaining({ seqFrom: 2, seqTo: 40_001, code: 'too_large' }) });
    const pushed = effects.flatMap((effect) => (effect.type === 'send' && effect.message.type === 'push' ? readBlocks(effect.message.batches) : []));
    expect(pushed.map(({ kind, seqFrom, seqTo }) => [kind, seqFrom, seqTo])).toEqual([['batch', 1, 1], ['void', 2, 40_001], ['batch', 40_002, 40_002]]);
    expect(story([ack('doc', 40_002)], state).state.inFlightBytes).toBe(0);
  });

  it('in flight on a lost link leave the room they took', () => {
    const state = after(open('doc'), ...online, subscribed('doc', 0, 0), push('doc', own(1)));
    expect(state.inFlightBytes).toBe(10);
    expect(after(open('doc'), ...online, subscribed('doc', 0, 0), push('doc', own(1)), lost).inFlightBytes).toBe(0);
  });

  it('cost no more per event when ten thousand wait', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => own(i + 1));
    let state = after(open('doc', 0, 'e1', many), ...online, subscribed('doc', 0, 0));
    const started = performance.now();
    for (let seq = 1; seq <= 10_000; seq++) state = step(step(state, push('doc', own(10_000 + seq)))[0], ack('doc', seq))[0];
    // A tenth of a second; were it linear in what waits, minutes.
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(state.documents.get('doc')!.queue.end - state.documents.get('doc')!.queue.first).toBe(10_000);
  });
});

describe('states', () => {
  it('are values: an earlier one can be taken up again', () => {
    const state = after(open('doc'), ...online, subscribed('doc', 0, 0), push('doc', own(1)));
    const [one] = step(state, push('doc', own(2)));
    const [other] = step(state, push('doc', own(2, replica, 77)));
    expect(story([lost, connect, opened, welcome], one).lines).toEqual(story([lost, connect, opened, welcome], other).lines);
    const resent = (from: SessionState) => step(story([lost, connect, opened, welcome], from).state, subscribed('doc', 0, 0))[1];
    expect(pushedSeqs(resent(one))).toEqual(['a1', 'a2']);
    expect(pushedSeqs(resent(other))).toEqual(['a1', 'a2']);
    expect(resent(one)).not.toEqual(resent(other));
    expect(pushedSeqs(resent(state))).toEqual(['a1']);
  });

  it('are not touched by a step', () => {
    const events = [open('doc', 3, 'e1', [own(1)]), ...online, subscribed('doc', 3, 6), changes('doc', 4, 5), push('doc', own(2)), ack('doc', 1), changes('doc', 9, 9), lost];
    let state = deepFreeze(initialSession(replica));
    for (const event of events) state = deepFreeze(step(state, event)[0]);
    expect(state.phase).toBe('waiting');
  });
});

// ── events ──────────────────────────────────────────────────────────────────────────────────────

function server(message: Message): SessionEvent {
  return { type: 'message', message };
}

function open(document: string, lsn = 0, epoch = 'e1', unacked: OwnBatch[] = []): SessionEvent {
  return { type: 'open', document, cursor: lsn > 0 ? { epoch, lsn } : null, unacked };
}

function close(document: string): SessionEvent {
  return { type: 'close', document };
}

function push(document: string, ...batches: OwnBatch[]): SessionEvent {
  return { type: 'push', document, batches };
}

function subscribed(document: string, from: number, head: number, version: Record<string, number> = {}): SessionEvent {
  return server({ type: 'subscribed', document, from, head, bytesTotal: 100, version: encodeVersion(new Map(Object.entries(version))) });
}

function changes(document: string, first: number, last: number): SessionEvent {
  return server({ type: 'changes', document, first, last, batches: new Uint8Array(10) });
}

function snapshot(document: string, lsn: number, offset: number, total: number): SessionEvent {
  return server({ type: 'snapshot', document, lsn, offset, total, bytes: new Uint8Array(3) });
}

function ack(document: string, seq: number): SessionEvent {
  return server({ type: 'ack', document, entries: [{ replica, seq }] });
}

function resync(document: string): SessionEvent {
  return server({ type: 'resync', document });
}

function fired(timer: 'connect' | 'retry' | 'ping' | 'resubscribe'): SessionEvent {
  return { type: 'timer', timer };
}

/** A batch of one op whose bytes begin with its replica's first letter and its seq. */
function own(seq: number, of = replica, size = 10): OwnBatch {
  const bytes = new Uint8Array(size);
  bytes.set([of.charCodeAt(0), seq & 255]);
  return { replica: of, seqFrom: seq, seqTo: seq, bytes };
}

// ── effects, in words ───────────────────────────────────────────────────────────────────────────

function isShown(effect: Effect): boolean {
  return effect.type !== 'cancel';
}

function inWords(effect: Effect): string {
  switch (effect.type) {
    case 'dial': return 'dial';
    case 'hangUp': return `hang up ${effect.code}`;
    case 'send': return messageInWords(effect.message);
    case 'timer': return `timer ${effect.timer} ${effect.ms}`;
    case 'backoff': return `backoff ${effect.timer} ${effect.attempt}${effect.atLeastMs ? ` at least ${effect.atLeastMs}` : ''}`;
    case 'cancel': return `cancel ${effect.timer}`;
    case 'receive': return `receive ${effect.document} to ${effect.cursor.lsn}${effect.blocks.length === 10 ? '' : ` (${effect.blocks.length} bytes)`}`;
    case 'subscribed': return `subscribed ${effect.document}${[...effect.version].map(([id, seq]) => ` ${id[0]}${seq}`).join('')}`;
    case 'acked': return `acked ${effect.document}${[...effect.version].map(([id, seq]) => ` ${id[0]}${seq}`).join('')}`;
    case 'rejected': return `rejected ${effect.document} ${effect.batch.seqFrom}`;
    case 'presence': return `presence ${effect.document} ${effect.replica[0]}${effect.user ? ` of ${effect.user.id} ${effect.user.name ?? ''}` : ''}`;
    case 'renew': return 'renew';
    case 'status': {
      const { connection, error, progress } = effect.status;
      return `status ${connection}${error ? ` ${error.code}` : ''}${progress ? ` ${progress.bytes}/${progress.total}` : ''}`;
    }
  }
}

function messageInWords(message: Message): string {
  switch (message.type) {
    case 'subscribe': return `subscribe ${message.document} ${message.lsn} ${message.epoch}`;
    case 'push': return `push ${message.document} ${batchesIn(message.batches.length)}`;
    case 'ping': case 'pong': return `${message.type} ${message.nonce}`;
    case 'unsubscribe': return `unsubscribe ${message.document}`;
    default: return message.type;
  }
}

/** How many batches a push of this size holds: the tests use batches of 10 and of 10,000 bytes. */
function batchesIn(bytes: number): number {
  return bytes === 500_000 ? 1 : bytes / (bytes >= 10_000 ? 10_000 : 10);
}

function pushedSeqs(effects: readonly Effect[]): string[] {
  const bytes = effects.flatMap((effect) => (effect.type === 'send' && effect.message.type === 'push' ? [...effect.message.batches] : []));
  return bytes.flatMap((byte, i) => (byte >= 0x61 ? [String.fromCharCode(byte) + bytes[i + 1]] : []));
}

/** Freezes all but byte arrays, which cannot be, and the array that states of a queue share. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  if (value instanceof Map || value instanceof Set) {
    const forbid = () => { throw new Error('a state was changed'); };
    Object.assign(value, value instanceof Map ? { set: forbid, delete: forbid, clear: forbid } : { add: forbid, delete: forbid, clear: forbid });
    value.forEach((item: unknown) => deepFreeze(item));
  } else {
    for (const [key, item] of Object.entries(value)) if (key !== 'log') deepFreeze(item);
  }
  return Object.freeze(value);
}

