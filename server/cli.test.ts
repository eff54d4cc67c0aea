// The command as people run it, in a process of its own: who may come in by flags and environment, and a token made for it.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { ServerProcess } from './e2e/server-process.js';
import { claimsOf, hmacToken, secret } from './testing/tokens.js';
import { ask, Visitor } from './testing/visitor.js';

const cli = fileURLToPath(new URL('./cli.js', import.meta.url));

function run(args: string[], environment: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', cli, ...args], { encoding: 'utf8', env: { ...process.env, ...environment } });
  return { status, out: stdout.trim(), err: stderr.trim() };
}

describe('headwater token', () => {
  it('makes a token that a server with the same secret takes', async () => {
    await using server = await ServerProcess.start({ flags: ['--jwt-secret', secret, '--jwt-issuer', 'dev'] });
    const flags = ['--user', 'ann', '--name', 'Ann', '--permission', 'todo-*=write', '--permission', 'a=b=read', '--expires', '30m', '--jwt-issuer', 'dev'];
    const { out: token } = run(['token', '--secret', secret, ...flags]);
    expect((await ask(server.port, 'GET', '/v1/documents', { token })).status).toBe(200);
    const { permissions, exp, iat, name } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
    expect([permissions, exp - iat, name]).toEqual([{ 'todo-*': 'write', 'a=b': 'read' }, 1800, 'Ann']);
    expect((await ask(server.port, 'GET', '/v1/documents')).status).toBe(401);
    expect(server.log).not.toContain(secret);
  });

  it('takes the secret from the environment or a file, and says what is missing', async () => {
    await using server = await ServerProcess.start();
    const file = join(server.folder, 'secret');
    writeFileSync(file, `${secret}\n`);
    const made = [run(['token', '--user', 'ann'], { HEADWATER_JWT_SECRET: secret }), run(['token', '--user', 'ann', '--secret', `file:${file}`])];
    for (const { out } of made) expect(out.split('.')).toHaveLength(3);
    for (const [args, words] of [
      [['--user', 'ann'], /--secret/], [['--secret', secret], /--user/], [['--secret', 'short', '--user', 'ann'], /32 bytes/],
      [['--secret', secret, '--user', 'ann', '--permission', 'a=owner'], /--permission/], [['--secret', secret, '--user', 'ann', '--expires', '1y'], /--expires/],
      [['--secret', 'file:/nowhere/at/all', '--user', 'ann'], /cannot be read/],
    ] as const) {
      const { status, err, out } = run(['token', ...args]);
      expect([status, out, err.includes(secret)]).toEqual([1, '', false]);
      expect(err).toMatch(words);
    }
  });
});

describe('headwater serve', () => {
  it.each(['uws', 'ws'] as const)('takes a token of 8 KiB in the handshake and in a header, on %s', async (transport) => {
    await using server = await ServerProcess.start({ transport, flags: ['--jwt-secret', secret] });
    const token = hmacToken(claimsOf('ann', { '*': 'read' }, { pad: 'x'.repeat(5_900) }));
    expect(token.length).toBeGreaterThan(8_000);
    const visitor = new Visitor(server.port, { handshakeToken: token });
    expect(await visitor.enter()).toBe('welcome');
    visitor.leave();
    expect((await ask(server.port, 'GET', '/v1/documents', { token })).status).toBe(200);
  });

  it('stays on loopback until it is said who may come in', () => {
    const flags = ['serve', '--port', '0', '--host', '0.0.0.0', '--database', 'sqlite::memory:', '--log-level', 'silent'];
    for (const more of [[], ['--origins', 'https://app.example'], ['--trust-proxy', 'true']]) {
      expect(run([...flags, ...more]).err).toMatch(/not listening on 0\.0\.0\.0.*--jwt-secret/);
    }
    expect(run([...flags, '--jwt-secret', 'short']).err).toMatch(/32 bytes/);
    expect(run([...flags, '--jwt-issuer', 'x']).err).toMatch(/need a key/);
    expect(run([...flags, '--origins', 'app.example']).err).toMatch(/origins/);
  });

  it('listens everywhere once it is, by flag or environment', async () => {
    const environment = { HEADWATER_JWT_SECRET: `${secret} another-secret-of-more-than-32-bytes`, HEADWATER_HOST: '0.0.0.0' };
    await using server = await ServerProcess.start({ environment });
    const token = hmacToken(claimsOf('ann', {}), 'another-secret-of-more-than-32-bytes');
    expect((await ask(server.port, 'GET', '/v1/documents', { token, headers: { host: 'sync.example' } })).status).toBe(200);
  });
});
