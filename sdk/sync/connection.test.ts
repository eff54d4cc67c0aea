import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ClockSample } from '../core/clock.js';
import { decodeFrame, encodeFrame } from '../wire/frame.js';
import type { Message } from '../wire/message.js';
import { Connection, type ConnectionStatus, type OwnBatch, type SyncHost } from './connection.js';
import { loopback } from './loopback.js';
import type { Link } from './transport.js';
import { decode, ModelServer, ownBatch, type ModelBatch } from './testing/model-server.js';

const replica = 'a000000000000001';
const peer = 'b000000000000002';

/** A clock that moves when told, with its timers. */
class FakeClock {
  ms = 1_000_000;
  private timers: { at: number; run: () => void }[] = [];

  set = (run: () => void, ms: number) => {
    const timer = { at: this.ms + ms, run };
    this.timers.push(timer);
    return timer;
  };

  clear = (timer: unknown) => {
    this.timers = this.timers.filter((other) => other !== timer);
  };

  async advance(ms: number): Promise<void> {
    const end = this.ms + ms;
    for (;;) {
      const [next] = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.clear(next);
      this.ms = next.at;
      next.run();
      await settled();
    }
    this.ms = end;
  }
}

class RecordingHost implements SyncHost {
  received: ModelBatch[] = [];
  cursors: { epoch: string; lsn: number }[] = [];
  ackedSeqs = new Map<string, number>();
  rejections: string[] = [];
  presences: string[] = [];
  statuses: ConnectionStatus[] = [];
  onReceive: () => void = () => {};
  measured?: (sample: ClockSample, isWelcome: boolean) => Promise<void> | void;

  receive(_document: string, blocks: Uint8Array, cursor: { epoch: string; lsn: number }): void {
    this.onReceive();
    this.received.push(...decode(blocks));
    this.cursors.push(cursor);
  }
  subscribed(): void {}
  acked(_document: string, version: ReadonlyMap<string, number>): void {
    for (const [id, seq] of version) this.ackedSeqs.set(id, seq);
  }
  rejected(_document: string, batch: { seqFrom: number; code: string }): void {
    this.rejections.push(`${batch.seqFrom} ${batch.code}`);
  }
  presence(_document: string, id: string, state: Uint8Array | null): void {
    this.presences.push(`${id[0]}:${state ? [...state] : 'gone'}`);
  }
  status(status: ConnectionStatus): void {
    this.statuses.push(status);
  }
  get last(): ConnectionStatus {
    return this.statuses[this.statuses.length - 1];
  }
}

let clock: FakeClock;
let server: ModelServer;
let host: RecordingHost;
let connection: Connection;
let links: Link[];
let heard: Message[];
let tokens: (string | undefined)[];
let fetchToken: () => string | undefined | Promise<string | undefined>;

beforeEach(() => {
  clock = new FakeClock();
  server = new ModelServer();
  host = new RecordingHost();
  links = [];
  heard = [];
  tokens = [];
  fetchToken = () => `token-${tokens.length}`;
  const wire = loopback();
  wire.accept((link, setEvents) => {
    links.push(link);
    const model = server.connect((message) => link.send(encodeFrame(message, BigInt(clock.ms + 5_000) << 16n)));
    setEvents({
      open() {},
      frame(bytes) {
        const { message } = decodeFrame(bytes);
        heard.push(message);
        if (message.type === 'hello') tokens.push(message.token);
        server.receive(model, message);
        server.commit();
      },
      close: () => server.links.delete(model),
    });
  });
  const ports = { transport: wire.transport, now: () => clock.ms, ticks: () => clock.ms, setTimer: clock.set, clearTimer: clock.clear, random: () => 0.5 };
  connection = new Connection(ports, host, { replica, token: () => fetchToken() });
});

afterEach(() => connection.dispose());

describe('a connection over the loopback', () => {
  it('catches up, goes live and acks what was left un-acked', async () => {
    server.room('doc').log.push(batch(peer, 1), batch(peer, 2), batch(peer, 3));
    connection.connect();
    connection.open('doc', null, [own(1), own(2)]);
    await settled();
    expect(host.statuses.map((status) => status.connection)).toEqual(['connecting', 'catching-up', 'catching-up', 'catching-up', 'live']);
    expect(host.received.map(({ replica: id, seqFrom }) => id[0] + seqFrom)).toEqual(['b1', 'b2', 'b3', 'a1', 'a2']);
    expect(host.cursors[host.cursors.length - 1]).toEqual({ epoch: 'epoch-1', lsn: 5 });
    expect(host.ackedSeqs.get(replica)).toBe(2);
    expect(connection.isLive('doc')).toBe(true);
  });

  it('reports progress in bytes while it catches up', async () => {
    server.room('doc').log.push(...Array.from({ length: 6 }, (_, i) => batch(peer, i + 1)));
    connection.connect();
    connection.open('doc', null, []);
    await settled();
    const shares = host.statuses.filter((status) => status.progress).map(({ progress }) => progress!.bytes / progress!.total);
    expect(shares).toEqual([0, 1 / 3, 2 / 3]);
  });

  it('joins what is pushed within one microtask into one frame', async () => {
    await live();
    for (let seq = 1; seq <= 1000; seq++) connection.push('doc', [own(seq)]);
    await settled();
    expect(heard.filter((message) => message.type === 'push')).toHaveLength(1);
    expect(host.ackedSeqs.get(replica)).toBe(1000);
  });

  it('delivers 1,000 batches that waited while offline in one frame', async () => {
    connection.open('doc', null, Array.from({ length: 1000 }, (_, i) => own(i + 1)));
    connection.connect();
    await settled(200);
    expect(host.ackedSeqs.get(replica)).toBe(1000);
    expect(heard.filter((message) => message.type === 'push')).toHaveLength(1);
  });

  it('reports a rejected batch and sends what follows it', async () => {
    server.refuses = ({ seqFrom }) => seqFrom === 2;
    connection.connect();
    connection.open('doc', null, [own(1), own(2), own(3)]);
    await settled();
    expect(host.rejections).toEqual(['2 invalid_update']);
    expect(host.ackedSeqs.get(replica)).toBe(3);
  });

  it('comes back with backoff after the link is lost, and sends the token anew', async () => {
    await live();
    links[0].close(1012, 'restart');
    await settled();
    expect(host.last).toMatchObject({ connection: 'offline', error: { code: 'unavailable' } });
    connection.push('doc', [own(1)]);
    await clock.advance(499);
    expect(host.last.connection).toBe('offline');
    await clock.advance(1);
    expect(host.last).toEqual({ connection: 'live' });
    expect(tokens).toEqual(['token-0', 'token-1']);
    expect(host.ackedSeqs.get(replica)).toBe(1);
  });

  it('does not advance past what the host failed to take in, and tries again', async () => {
    server.room('doc').log.push(batch(peer, 1));
    let failures = 1;
    host.onReceive = () => { if (failures-- > 0) throw new Error('disk full'); };
    connection.connect();
    connection.open('doc', null, []);
    await settled();
    expect(host.last).toMatchObject({ connection: 'offline', error: { code: 'internal', message: 'disk full' } });
    expect(host.cursors).toEqual([]);
    await clock.advance(1_000);
    expect(host.cursors).toEqual([{ epoch: 'epoch-1', lsn: 1 }]);
    expect(host.last).toEqual({ connection: 'live' });
  });

  it('closes with 4400 when a frame is malformed, and tries again', async () => {
    await live();
    links[0].send(Uint8Array.of(1, 2, 3));
    await settled();
    expect(host.last).toMatchObject({ connection: 'offline', error: { code: 'protocol_error' } });
    await clock.advance(1_000);
    expect(host.last.connection).toBe('live');
  });

  it('takes a link for dead after two pings without an answer', async () => {
    await live();
    server.receive = () => {};
    await clock.advance(89_999);
    expect(host.last.connection).toBe('live');
    await clock.advance(1);
    expect(host.last).toMatchObject({ connection: 'offline', error: { code: 'unavailable' } });
  });

  it('stays live as long as pings are answered', async () => {
    await live();
    await clock.advance(10 * 60_000);
    expect(host.last.connection).toBe('live');
    expect(links).toHaveLength(1);
  });

  it('stops when the server does not authorise it, until the app connects again', async () => {
    await live();
    const { receive } = server;
    server.receive = () => links[links.length - 1].close(4401, 'expired');
    links[0].close(4401, 'expired');
    await settled();
    await clock.advance(10 * 60_000);
    expect(host.last).toMatchObject({ connection: 'offline', error: { code: 'not_authorized' } });
    // Once more with a fresh token, and no more.
    expect([links.length, tokens]).toEqual([2, ['token-0', 'token-1']]);
    server.receive = receive;
    connection.connect();
    await settled();
    expect(host.last.connection).toBe('live');
  });

  it('waits for a token that is fetched, before it dials', async () => {
    let found = (_: string) => {};
    fetchToken = () => new Promise((resolve) => { found = resolve; });
    connection.connect();
    await settled();
    expect([links.length, host.last.connection]).toEqual([0, 'connecting']);
    found('late');
    await settled();
    expect([tokens, host.last.connection]).toEqual([['late'], 'live']);
  });

  it('tries again with backoff when no token can be fetched, and forgets one that comes too late', async () => {
    const fetches: ((token: string) => void)[] = [];
    let failures = 2;
    fetchToken = () => {
      if (failures-- === 2) throw new Error('the login is away');
      if (failures === 0) return Promise.reject(new Error('the login is away'));
      return new Promise((resolve) => fetches.push(resolve));
    };
    connection.connect();
    await settled();
    expect(host.last).toMatchObject({ connection: 'offline', error: { code: 'unavailable', message: expect.stringContaining('the login is away') } });
    await clock.advance(500 + 1_000);
    expect([links.length, fetches.length]).toEqual([0, 1]);
    connection.disconnect();
    fetches[0]('too late');
    await settled();
    expect([links.length, host.last.connection]).toEqual([0, 'offline']);
  });

  it('answers the server’s wish for another token, if the app has one', async () => {
    await live();
    const renew = () => links[0].send(encodeFrame({ type: 'renew', expiresInMs: 30_000 }, 1n));
    fetchToken = async () => 'next';
    renew();
    await settled();
    fetchToken = () => { throw new Error('the login is away'); };
    renew();
    await settled();
    fetchToken = () => undefined;
    renew();
    await settled();
    expect(heard.filter(({ type }) => type === 'token')).toEqual([{ type: 'token', token: 'next' }]);
    expect(host.last).toEqual({ connection: 'live' });
  });

  it('waits as long as a goodbye asks for', async () => {
    await live();
    links[0].send(encodeFrame({ type: 'goodbye', code: 'unavailable', message: 'draining', retryAfterMs: 60_000 }, 0n));
    await settled();
    await clock.advance(60_000);
    expect(links).toHaveLength(1);
    await clock.advance(500);
    expect(host.last.connection).toBe('live');
  });

  it('hears nothing more of a link it has hung up', async () => {
    await live();
    connection.disconnect();
    connection.connect();
    await settled();
    expect(links).toHaveLength(2);
    expect(host.last).toEqual({ connection: 'live' });
  });

  it('tells what the server\'s clock showed, with each welcome and pong, and when it had asked', async () => {
    const samples: [ClockSample, boolean][] = [];
    host.measured = (sample, isWelcome) => { samples.push([sample, isWelcome]); };
    const askedTicks = clock.ms;
    await live();
    await clock.advance(31_000);
    expect(samples.map(([, isWelcome]) => isWelcome)).toEqual([true, false]);
    expect(samples[0][0]).toEqual({ serverMs: askedTicks + 5_000, askedTicks, gotTicks: askedTicks });
    expect(samples[1][0].askedTicks).toBe(askedTicks + 30_000);
  });

  it('takes a welcome in, and so sends anything, only when the host is done with the clock', async () => {
    let done!: () => void;
    host.measured = () => new Promise<void>((resolve) => { done = resolve; });
    connection.connect();
    connection.open('doc', null, [own(1)]);
    await settled();
    expect(heard.map(({ type }) => type)).toEqual(['hello']);
    done();
    await settled();
    expect(host.ackedSeqs.get(replica)).toBe(1);
  });

  it('gives a link up for another when it is asked to', async () => {
    await live();
    connection.redial();
    await clock.advance(1_000);
    expect(links).toHaveLength(2);
    expect(host.last).toEqual({ connection: 'live' });
  });

  it('lets the host call back from within a callback', async () => {
    host.subscribed = () => connection.setPresence('doc', Uint8Array.of(9));
    await live();
    expect(heard.filter((message) => message.type === 'presence')).toHaveLength(1);
  });

  it('refuses ids and presences that no frame could carry', () => {
    expect(() => connection.open('', null, [])).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => connection.open('a\nb', null, [])).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    connection.open('doc', null, []);
    expect(() => connection.setPresence('doc', new Uint8Array(8 * 1024 + 1))).toThrow(expect.objectContaining({ code: 'too_large' }));
  });

  it('says nothing more once it is disposed', async () => {
    await live();
    connection.dispose();
    const { length } = host.statuses;
    links[0].close();
    await clock.advance(60_000);
    expect(host.statuses).toHaveLength(length);
    expect(server.links.size).toBe(0);
  });
});

describe('presence', () => {
  const sent = () => heard.flatMap((message) => (message.type === 'presence' ? [message.state[0]] : []));

  it('goes out at once, then at most 30 times a second, and ends on the last value', async () => {
    await live();
    for (let i = 1; i <= 100; i++) {
      connection.setPresence('doc', Uint8Array.of(i));
      await clock.advance(10);
    }
    await clock.advance(1_000);
    expect(sent()[0]).toBe(1);
    expect(sent()[sent().length - 1]).toBe(100);
    expect(sent().length).toBeGreaterThan(20);
    expect(sent().length).toBeLessThanOrEqual(30 + 1);
  });

  it('is sent again after a reconnect', async () => {
    await live();
    connection.setPresence('doc', Uint8Array.of(7));
    await settled();
    links[0].close(1012);
    await settled();
    await clock.advance(1_000);
    expect(sent()).toEqual([7, 7]);
  });

  it('of others ends with their leave, and with the link', async () => {
    await live();
    const say = async (id: string, state: number[]) => {
      links[0].send(encodeFrame({ type: 'presence', document: 'doc', replica: id, state: Uint8Array.from(state) }, 0n));
      await settled();
    };
    await say(peer, [1]);
    await say('c000000000000003', [2]);
    await say(peer, []);
    await say(peer, []);
    links[0].close(1012);
    await settled();
    expect(host.presences).toEqual(['b:1', 'c:2', 'b:gone', 'c:gone']);
  });

  it('is not told about oneself', async () => {
    await live();
    connection.setPresence('doc', Uint8Array.of(1));
    await settled();
    expect(host.presences).toEqual([]);
  });

  it('says goodbye when it is taken back, and is not sent again', async () => {
    await live();
    connection.setPresence('doc', Uint8Array.of(1));
    connection.setPresence('doc', null);
    await clock.advance(100);
    links[0].close(1012);
    await settled();
    await clock.advance(1_000);
    expect(sent()).toEqual([1, undefined]);
  });
});

async function live(): Promise<void> {
  connection.connect();
  connection.open('doc', null, []);
  await settled();
  expect(host.last.connection).toBe('live');
}

async function settled(turns = 50): Promise<void> {
  for (let i = 0; i < turns; i++) await Promise.resolve();
}

function batch(id: string, seq: number): ModelBatch {
  return { replica: id, seqFrom: seq, seqTo: seq, deps: {} };
}

function own(seq: number): OwnBatch {
  return ownBatch(batch(replica, seq));
}
