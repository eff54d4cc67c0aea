// The session's rules, with literal messages: what comes in, what must come out.

import { describe, expect, it } from '@jest/globals';
import type { Message } from '../sdk/wire/message.js';
import { defaultLimits } from './limits.js';
import { newSession, step, type SessionEffect, type SessionEvent, type SessionState } from './session.js';

const settings = { epoch: 'e1', limits: { ...defaultLimits }, hasAccounts: false };
const { limits } = settings;
const replica = 'aaaaaaaaaaaaaaaa';

/** Plays events through a session. @returns its last state and the effects of the last event */
function play(events: (SessionEvent | Message)[], state: SessionState = newSession(0)): [SessionState, SessionEffect[]] {
  let effects: SessionEffect[] = [];
  for (const event of events) [state, effects] = step(state, isEvent(event) ? event : { type: 'message', message: event, nowMs: 0 }, settings);
  return [state, effects];
}

const eventTypes = ['message', 'malformed', 'tick', 'lagging', 'drain', 'settled', 'progress', 'missing-dependency', 'unavailable', 'admitted', 'turned-away', 'forbidden', 'stopping', 'closed'];
const isEvent = (event: SessionEvent | Message): event is SessionEvent => eventTypes.includes(event.type);

const hello: Message = { type: 'hello', protocol: 1, replica };
const subscribe = (document: string, lsn = 0, epoch = 'e1'): Message => ({ type: 'subscribe', document, lsn, epoch });
const push = (document: string, bytes: number): Message => ({ type: 'push', document, batches: new Uint8Array(bytes) });
const presence = (bytes: number, document = 'a'): Message => ({ type: 'presence', document, replica, state: new Uint8Array(bytes) });
const sent = (effects: SessionEffect[]) => effects.flatMap((effect) => (effect.type === 'send' ? [effect.message] : []));
const closed = (effects: SessionEffect[]) => effects.flatMap((effect) => (effect.type === 'close' ? [effect.code] : []));

describe('greeting', () => {
  it('answers hello with what the server is', () => {
    const [state, effects] = play([hello]);
    expect(state).toMatchObject({ phase: 'open', replica });
    expect(effects).toEqual([{ type: 'send', message: { type: 'welcome', protocol: 1, epoch: 'e1', pingIntervalMs: 30_000, frameBytesMax: 1_048_576 } }]);
  });

  it('refuses another protocol version', () => {
    const [state, effects] = play([{ ...hello, protocol: 2 }]);
    expect(state.phase).toBe('closed');
    expect(sent(effects)).toMatchObject([{ type: 'error', code: 'version_unsupported' }]);
    expect(closed(effects)).toEqual([4426]);
  });

  it.each([subscribe('a'), push('a', 1), { type: 'ping', nonce: 1 } as Message])('refuses anything before hello: $type', (message) => {
    const [, effects] = play([message]);
    expect(sent(effects)).toMatchObject([{ type: 'error', code: 'protocol_error' }]);
    expect(closed(effects)).toEqual([4400]);
  });

  it('waits for hello as long as the limit, and no longer', () => {
    expect(play([{ type: 'tick', nowMs: limits.helloTimeoutMs - 1 }])[1]).toEqual([]);
    expect(closed(play([{ type: 'tick', nowMs: limits.helloTimeoutMs }])[1])).toEqual([4408]);
  });

  it('happens once', () => {
    expect(closed(play([hello, hello])[1])).toEqual([4400]);
  });
});

describe('what only a server says', () => {
  it.each<Message>([
    { type: 'welcome', protocol: 1, epoch: 'e', pingIntervalMs: 1, frameBytesMax: 1 },
    { type: 'ack', document: 'a', entries: [] },
    { type: 'changes', document: 'a', first: 1, last: 1, batches: new Uint8Array(1) },
    { type: 'resync', document: 'a' },
    { type: 'error', code: 'internal', message: '' },
  ])('closes the client that says it: $type', (message) => {
    expect(closed(play([hello, message])[1])).toEqual([4400]);
  });
});

describe('subscriptions', () => {
  it('join, join again from another place, and leave', () => {
    expect(play([hello, subscribe('a', 7)])[1]).toEqual([{ type: 'join', document: 'a', lsn: 7, epoch: 'e1' }]);
    expect(play([hello, subscribe('a'), subscribe('a', 9)])[1]).toEqual([{ type: 'join', document: 'a', lsn: 9, epoch: 'e1' }]);
    expect(play([hello, subscribe('a'), { type: 'unsubscribe', document: 'a' }])[1]).toEqual([{ type: 'leave', document: 'a' }]);
    expect(play([hello, { type: 'unsubscribe', document: 'a' }])[1]).toEqual([]);
  });

  it('are as many as the limit says, and one more is refused without closing', () => {
    const all = Array.from({ length: limits.documentsPerSocketMax }, (_, i) => subscribe(`d${i}`));
    const [state, effects] = play([hello, ...all]);
    expect(effects).toMatchObject([{ type: 'join' }]);
    expect(play([subscribe('one more')], state)).toMatchObject([
      { phase: 'open' }, [{ type: 'send', message: { type: 'error', code: 'too_large', document: 'one more' } }],
    ]);
    expect(play([subscribe('d0', 5)], state)[1]).toMatchObject([{ type: 'join' }]);
  });

  it('are all left when the socket closes, once', () => {
    const [state, effects] = play([hello, subscribe('a'), subscribe('b'), { type: 'closed' }]);
    expect(effects).toEqual([{ type: 'leave', document: 'a' }, { type: 'leave', document: 'b' }]);
    expect(play([{ type: 'closed' }], state)[1]).toEqual([]);
  });
});

describe('pushes', () => {
  it('may be un-acked up to the limit; one byte more closes, to be retried', () => {
    const [state, effects] = play([hello, push('a', limits.unackedBytesMax)]);
    expect(effects).toMatchObject([{ type: 'push', document: 'a' }]);
    const [, over] = play([push('a', 1)], state);
    expect(sent(over)).toMatchObject([{ type: 'error', code: 'rate_limited' }]);
    expect(closed(over)).toEqual([4429]);
    expect(play([{ type: 'settled', bytes: 1 }, push('a', 1)], state)[1]).toMatchObject([{ type: 'push' }]);
  });

  it('that miss a dependency are asked for again, but not for ever', () => {
    const miss: SessionEvent = { type: 'missing-dependency', document: 'a' };
    const times = (count: number) => Array.from({ length: count }, () => [subscribe('a'), miss]).flat();
    expect(play([hello, subscribe('a'), miss, miss])[1]).toEqual([]);
    const base = [hello, subscribe('a')];
    expect(sent(play([...base, ...times(limits.missingInARowMax)])[1])).toEqual([{ type: 'resync', document: 'a' }]);
    expect(sent(play([...base, ...times(limits.missingInARowMax + 1)])[1])).toMatchObject([{ type: 'error', code: 'missing_dependency', document: 'a' }]);
    const progress: SessionEvent = { type: 'progress', document: 'a' };
    expect(sent(play([...base, ...times(limits.missingInARowMax), progress, subscribe('a'), miss])[1])).toEqual([{ type: 'resync', document: 'a' }]);
  });

  it('that could not be stored leave the document, to be subscribed again', () => {
    const [state, effects] = play([hello, subscribe('a'), { type: 'unavailable', document: 'a', code: 'unavailable', reason: 'later', isAnswer: false }]);
    expect(effects).toEqual([
      { type: 'leave', document: 'a' }, { type: 'send', message: { type: 'error', code: 'unavailable', message: 'later', document: 'a' } },
    ]);
    expect(state.documents.size).toBe(0);
    const again: SessionEvent = { type: 'unavailable', document: 'a', code: 'unavailable', reason: 'later', isAnswer: false };
    expect(play([again], state)[1]).toEqual([]);
    expect(sent(play([{ ...again, isAnswer: true }], state)[1])).toMatchObject([{ type: 'error', document: 'a' }]);
  });

  it('behind one that could not be stored are not taken before the document is subscribed again', () => {
    const [state] = play([hello, subscribe('a'), { type: 'unavailable', document: 'a', code: 'unavailable', reason: 'later', isAnswer: false }]);
    expect(play([push('a', 10)], state)).toEqual([state, []]);
    expect(play([push('b', 10)], state)[1]).toMatchObject([{ type: 'push', document: 'b' }]);
    expect(play([subscribe('a'), push('a', 10)], state)[1]).toMatchObject([{ type: 'push', document: 'a' }]);
  });
});

describe('presence', () => {
  it('is passed on up to its limit, and refused past it without closing', () => {
    expect(play([hello, subscribe('a'), presence(limits.presenceBytesMax)])[1]).toMatchObject([{ type: 'presence', document: 'a', replica }]);
    const [state, effects] = play([hello, subscribe('a'), presence(limits.presenceBytesMax + 1)]);
    expect(sent(effects)).toMatchObject([{ type: 'error', code: 'too_large' }]);
    expect(state.phase).toBe('open');
  });

  it('of a document that is not subscribed goes nowhere', () => {
    expect(play([hello, presence(1, 'b')])[1]).toEqual([]);
  });
});

describe('a quiet peer', () => {
  const heard = (nowMs: number): SessionEvent => ({ type: 'message', message: { type: 'pong', nonce: 1 }, nowMs });

  it('is pinged at the interval', () => {
    expect(play([hello, { type: 'tick', nowMs: limits.pingIntervalMs - 1 }])[1]).toEqual([]);
    const [state, effects] = play([hello, { type: 'tick', nowMs: limits.pingIntervalMs }]);
    expect(sent(effects)).toMatchObject([{ type: 'ping' }]);
    expect(play([{ type: 'tick', nowMs: limits.pingIntervalMs + 1 }], state)[1]).toEqual([]);
  });

  it('is closed after the silence limit, whatever was sent to it, and not while it answers', () => {
    expect(closed(play([hello, { type: 'tick', nowMs: limits.silenceMsMax }])[1])).toEqual([4504]);
    expect(closed(play([hello, heard(10), { type: 'tick', nowMs: limits.silenceMsMax + 9 }])[1])).toEqual([]);
    expect(closed(play([hello, heard(10), { type: 'tick', nowMs: limits.silenceMsMax + 10 }])[1])).toEqual([4504]);
  });

  it('that was heard of lately is not pinged', () => {
    expect(play([hello, heard(10), { type: 'tick', nowMs: limits.pingIntervalMs + 9 }])[1]).toEqual([]);
    expect(sent(play([hello, heard(10), { type: 'tick', nowMs: limits.pingIntervalMs + 10 }])[1])).toMatchObject([{ type: 'ping' }]);
  });

  it('that has shown itself is pinged sooner, then shown no more, and again as soon as it is heard', () => {
    const tick = (nowMs: number): SessionEvent => ({ type: 'tick', nowMs });
    const shown = play([hello, subscribe('a'), presence(1)])[0];
    expect(play([tick(limits.presencePingMs - 1)], shown)[1]).toEqual([]);
    const [pinged, effects] = play([tick(limits.presencePingMs)], shown);
    expect(sent(effects)).toMatchObject([{ type: 'ping' }]);
    expect(play([tick(limits.presencePingMs * 2 - 1)], pinged)[1]).toEqual([]);
    expect(play([tick(limits.presenceSilenceMsMax - 1)], pinged)[1]).not.toContainEqual(expect.objectContaining({ type: 'silent' }));
    const [silent, gone] = play([tick(limits.presenceSilenceMsMax)], pinged);
    expect(gone).toContainEqual({ type: 'silent', isSilent: true });
    expect(play([tick(limits.presenceSilenceMsMax + 1)], silent)[1]).toEqual([]);
    expect(play([heard(limits.presenceSilenceMsMax + 2)], silent)[1]).toEqual([{ type: 'silent', isSilent: false }]);
    expect(play([heard(3), tick(limits.presenceSilenceMsMax + 2)], pinged)[1]).not.toContainEqual(expect.objectContaining({ type: 'silent' }));
  });

  it('gets its pings answered', () => {
    expect(sent(play([hello, { type: 'ping', nonce: 7 }])[1])).toEqual([{ type: 'pong', nonce: 7 }]);
  });
});

describe('a lagging peer', () => {
  it('is sent nothing more of its documents, and told to resync each once half its budget is free', () => {
    const [state, effects] = play([hello, subscribe('a'), subscribe('b'), { type: 'lagging' }]);
    expect(effects).toEqual([{ type: 'halt', document: 'a' }, { type: 'halt', document: 'b' }]);
    const half = limits.backpressureBytesMax / 2;
    expect(play([{ type: 'drain', bufferedBytes: half + 1 }], state)[1]).toEqual([]);
    const [drained, resyncs] = play([{ type: 'drain', bufferedBytes: half }], state);
    expect(sent(resyncs)).toEqual([{ type: 'resync', document: 'a' }, { type: 'resync', document: 'b' }]);
    expect(play([{ type: 'drain', bufferedBytes: 0 }], drained)[1]).toEqual([]);
  });
});

describe('the end', () => {
  it('comes with a goodbye and code 1012 when the server stops', () => {
    const [, effects] = play([hello, subscribe('a'), { type: 'stopping', retryAfterMs: 5 }]);
    expect(sent(effects)).toMatchObject([{ type: 'goodbye', code: 'unavailable', retryAfterMs: 5 }]);
    expect(closed(effects)).toEqual([1012]);
  });

  it('comes with the codec’s code when a frame is malformed', () => {
    expect(closed(play([hello, { type: 'malformed', code: 'protocol_error', reason: 'x' }])[1])).toEqual([4400]);
  });

  it('is final', () => {
    const [state] = play([hello, { type: 'stopping', retryAfterMs: 0 }]);
    expect(play([hello, subscribe('a'), { type: 'tick', nowMs: 1e9 }, { type: 'lagging' }], state)).toEqual([state, []]);
  });
});

describe('accounts', () => {
  const guarded = { ...settings, hasAccounts: true };
  const run = (events: (SessionEvent | Message)[], from: SessionState = newSession(0)) => {
    let [state, effects]: [SessionState, SessionEffect[]] = [from, []];
    for (const event of events) [state, effects] = step(state, isEvent(event) ? event : { type: 'message', message: event, nowMs: 0 }, guarded);
    return [state, effects] as const;
  };
  const expiresMs = 100_000;
  const [admitted] = run([{ ...hello, token: 't' } as Message, { type: 'admitted', expiresMs }]);
  const tick = (nowMs: number): SessionEvent => ({ type: 'tick', nowMs });
  const ping = (nowMs: number): SessionEvent => ({ type: 'message', message: { type: 'ping', nonce: 1 }, nowMs });
  const token: Message = { type: 'token', token: 'u' };

  it('let nobody in before the token of hello has been looked at', () => {
    const [proving, effects] = run([{ ...hello, token: 't' } as Message]);
    expect(effects).toEqual([{ type: 'authenticate', token: 't' }]);
    expect(closed(run([subscribe('a')], proving)[1])).toEqual([4400]);
    expect(sent(run([{ type: 'admitted', expiresMs }], proving)[1])).toMatchObject([{ type: 'welcome' }]);
    const turnedAway = run([{ type: 'turned-away', code: 'not_authorized', reason: 'no' }], proving)[1];
    expect([sent(turnedAway), closed(turnedAway)]).toEqual([[{ type: 'error', code: 'not_authorized', message: 'no' }], [4401]]);
    expect(closed(run([{ type: 'turned-away', code: 'unavailable', reason: 'no' }], proving)[1])).toEqual([4503]);
  });

  it('give a token as long to be looked at as a hello to come', () => {
    const [proving] = run([hello]);
    expect(closed(run([tick(limits.helloTimeoutMs - 1)], proving)[1])).toEqual([]);
    expect(closed(run([tick(limits.helloTimeoutMs)], proving)[1])).toEqual([4408]);
  });

  it('ask for another token in time, once, and close when none has come', () => {
    const atMs = expiresMs - limits.tokenRenewMs;
    const [before, early] = run([ping(atMs - 1), tick(atMs - 1)], admitted);
    expect(sent(early)).toEqual([]);
    const [asked, effects] = run([tick(atMs)], before);
    expect(sent(effects)).toEqual([{ type: 'renew', expiresInMs: limits.tokenRenewMs }]);
    const endMs = expiresMs + limits.tokenGraceMs;
    const [late, quiet] = run([ping(endMs - 1), tick(endMs - 1)], asked);
    expect([sent(quiet).filter(({ type }) => type === 'renew'), closed(quiet)]).toEqual([[], []]);
    const [, end] = run([tick(endMs)], late);
    expect([sent(end), closed(end)]).toEqual([[{ type: 'error', code: 'not_authorized', message: 'the token has expired' }], [4401]]);
  });

  it('go on with a new token, and ask again when that one ends', () => {
    const [asked] = run([ping(expiresMs), tick(expiresMs)], admitted);
    const [renewing, effects] = run([token], asked);
    expect(effects).toEqual([{ type: 'authenticate', token: 'u' }]);
    const later = expiresMs + 1_000_000;
    const [renewed, none] = run([{ type: 'admitted', expiresMs: later }], renewing);
    expect(none).toEqual([]);
    expect(closed(run([ping(later - 1), tick(later - 1)], renewed)[1])).toEqual([]);
    expect(sent(run([ping(later - 1), tick(later - 1)], renewed)[1])).toEqual([{ type: 'renew', expiresInMs: 1 }]);
    expect(closed(run([{ type: 'turned-away', code: 'not_authorized', reason: 'no' }], renewing)[1])).toEqual([4401]);
  });

  it('look at one token at a time', () => {
    expect(closed(run([token, token], admitted)[1])).toEqual([4400]);
    expect(closed(run([token, { type: 'admitted', expiresMs }, token], admitted)[1])).toEqual([]);
  });

  it('end what may be followed no longer, with the words of what is not there', () => {
    const [followed] = run([subscribe('a'), subscribe('b')], admitted);
    const [state, effects] = run([{ type: 'forbidden', document: 'a' }], followed);
    expect(effects).toEqual([
      { type: 'leave', document: 'a' },
      { type: 'send', message: { type: 'error', code: 'not_authorized', message: 'this document is not yours to use', document: 'a' } },
    ]);
    expect([[...state.documents], run([push('a', 1)], state)[1]]).toEqual([['b'], []]);
    expect(run([{ type: 'forbidden', document: 'a' }], state)[1]).toEqual([]);
  });

  it('count what was refused among the documents of a connection', () => {
    const forbid = (document: string): (SessionEvent | Message)[] => [subscribe(document), { type: 'forbidden', document }];
    const many = Array.from({ length: limits.documentsPerSocketMax }, (_, i) => forbid(`d${i}`)).flat();
    const [full] = run(many, admitted);
    expect(sent(run([subscribe('one-more')], full)[1])).toMatchObject([{ type: 'error', code: 'too_large' }]);
    expect(run([subscribe('d0')], full)[1]).toMatchObject([{ type: 'join' }]);
    expect(run([{ type: 'unsubscribe', document: 'd0' }, subscribe('one-more')], full)[1]).toMatchObject([{ type: 'join' }]);
  });

  it('without them a token is of no interest', () => {
    expect(play([hello, token])[1]).toEqual([]);
    expect(sent(play([{ ...hello, token: 'nonsense' } as Message])[1])).toMatchObject([{ type: 'welcome' }]);
  });
});
