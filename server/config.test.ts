// What can be told to a server, and what it makes of it.

import { describe, expect, it } from '@jest/globals';
import { assertLoopback, configFromEnvironment, environmentName, parseConfig, sqlitePath } from './config.js';
import { defaultLimits } from './limits.js';
import { isLoopbackAddress, refusalOf } from './origin.js';

describe('config', () => {
  it('has a default for everything', () => {
    expect(parseConfig({})).toEqual({
      database: 'sqlite:./data/headwater.db', port: 8787, host: '127.0.0.1', logLevel: 'info', console: true, limits: defaultLimits,
      jwtSecret: [], jwtPublicKey: [], trustProxy: false, webhook: [], metrics: true,
    });
  });

  it('reads the environment, mirrored by name, and passes over what is empty', () => {
    expect(environmentName('logLevel')).toBe('HEADWATER_LOG_LEVEL');
    expect(configFromEnvironment({ HEADWATER_PORT: '99', HEADWATER_LOG_LEVEL: 'warn', HEADWATER_HOST: '', OTHER: 'x' }))
      .toEqual({ port: '99', logLevel: 'warn' });
    expect(parseConfig({ port: '99', console: 'false' })).toMatchObject({ port: 99, console: false });
  });

  it('asks for a secret where there is a webhook, and for a URL', () => {
    expect(() => parseConfig({ webhook: 'https://app.example/hook' })).toThrow(expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining('webhookSecret') }));
    expect(() => parseConfig({ webhook: 'app.example', webhookSecret: 'sixteen letters!' })).toThrow(/not a URL/);
    expect(parseConfig({ webhook: ['https://a.example/', 'http://b.example/'], webhookSecret: 'sixteen letters!' }).webhook.length).toBe(2);
  });

  it('changes single limits and keeps the rest', () => {
    expect(parseConfig({ limits: { roomIdleMs: 5 } }).limits).toEqual({ ...defaultLimits, roomIdleMs: 5 });
  });

  it.each([
    ['sqlite:./data.db', './data.db'], ['sqlite:/var/x.db', '/var/x.db'], ['sqlite:///var/x.db', '/var/x.db'],
    ['sqlite://./x.db', './x.db'], ['sqlite::memory:', ':memory:'],
  ])('takes %s for the file %s', (url, path) => expect(sqlitePath(url)).toBe(path));

  it.each(['0.0.0.0', '::', '192.168.0.1', 'example.org', 'localhost.example.org', '127.0.0.1.example.org', ''])(
    'keeps a server without accounts off %s', (host) => expect(() => assertLoopback(host)).toThrow(/no authentication/),
  );

  it.each(['localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]'])('lets it listen on %s', (host) => assertLoopback(host));
});

describe('a request', () => {
  it.each(['127.0.0.1', '::1', '::ffff:127.0.0.1', '0000:0000:0000:0000:0000:0000:0000:0001', '0000:0000:0000:0000:0000:ffff:7f00:0001', 'in-process'])(
    'from %s is from this machine', (address) => expect(isLoopbackAddress(address)).toBe(true),
  );

  it.each(['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1', '', '1270.0.0.1'])(
    'from %s is not', (address) => expect(isLoopbackAddress(address)).toBe(false),
  );

  it('without a Host, or with one that does not parse, is refused', () => {
    const rule = { hasAccounts: false, allowed: null };
    for (const host of ['', 'a b', 'localhost@evil.example']) expect(refusalOf({ host, origin: '' }, rule)).not.toBeNull();
    expect(refusalOf({ host: 'localhost:8787', origin: '' }, rule)).toBeNull();
    expect(refusalOf({ host: 'sync.example', origin: '' }, { hasAccounts: true, allowed: null })).toBeNull();
  });
});
