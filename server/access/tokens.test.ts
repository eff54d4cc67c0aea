// Which tokens are good. Forged ones are in matrix.test.ts, over real sockets; here are the keys: rotation, kinds, key sets.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { claimsOf, ec, hmacToken, inSeconds, jwk, keyToken, pem, rsa, secret } from '../testing/tokens.js';
import { makeToken, TokenVerifier, type TokenSettings } from './tokens.js';

const verifierOf = (settings: Partial<TokenSettings>) => new TokenVerifier({ secrets: [], publicKeys: [], clockToleranceMs: 10_000, tokenBytesMax: 8_192, ...settings });
const claims = claimsOf('ann', { 'todo-*': 'write' }, { name: 'Ann', team: 7 });
const hs = hmacToken(claims);
const refused = { code: 'not_authorized' };

describe('a good token', () => {
  it('says who it is, what it opens and when it ends', async () => {
    const nowMs = Date.now();
    const identity = await verifierOf({ secrets: [secret] }).verify(hs, nowMs);
    expect(identity).toMatchObject({ user: 'ann', name: 'Ann', expiresMs: (claims.exp as number) * 1000, issuedMs: (claims.iat as number) * 1000, claims });
    expect(identity.permissions.levelOf('todo-1')).toBe('write');
  });

  it('is made by the command for development', async () => {
    const token = await makeToken(secret, { user: 'ann', permissions: { '*': 'read' }, expiresMs: 60_000, issuer: 'me', audience: 'you' });
    const identity = await verifierOf({ secrets: [secret], issuer: 'me', audience: 'you' }).verify(token, Date.now());
    expect(identity.user).toBe('ann');
    expect(identity.expiresMs - identity.issuedMs).toBe(60_000);
    await expect(verifierOf({ secrets: [secret], issuer: 'other' }).verify(token, Date.now())).rejects.toMatchObject(refused);
  });

  it('need not have a name that can be shown', async () => {
    const { name } = await verifierOf({ secrets: [secret] }).verify(hmacToken({ ...claims, name: 'two\nlines' }), Date.now());
    expect(name).toBeUndefined();
  });
});

describe('a secret', () => {
  it('is changed without sending anybody away: both are good, then one', async () => {
    const next = 'another secret of more than 32 bytes';
    const both = verifierOf({ secrets: [next, secret] });
    for (const token of [hs, hmacToken(claims, next)]) expect((await both.verify(token, Date.now())).user).toBe('ann');
    await expect(verifierOf({ secrets: [next] }).verify(hs, Date.now())).rejects.toMatchObject(refused);
  });

  it('has at least 32 bytes, and is not repeated in the complaint', () => {
    expect(() => verifierOf({ secrets: ['x'.repeat(31)] })).toThrow(/at least 32 bytes/);
    expect(() => verifierOf({ secrets: ['x'.repeat(31)] })).not.toThrow(/xxx/);
    verifierOf({ secrets: ['x'.repeat(32)] });
  });
});

describe('a public key', () => {
  it.each([
    ['RS256', rsa, pem(rsa.publicKey)], ['ES256', ec, pem(ec.publicKey)],
  ] as const)('of %s checks tokens', async (alg, pair, key) => {
    const verifier = verifierOf({ publicKeys: [key] });
    expect((await verifier.verify(keyToken(claims, pair.privateKey, { alg }), Date.now())).user).toBe('ann');
  });

  it('of Ed25519 too', async () => {
    const pair = generateKeyPairSync('ed25519');
    const verifier = verifierOf({ publicKeys: [pem(pair.publicKey)] });
    expect((await verifier.verify(keyToken(claims, pair.privateKey, { alg: 'EdDSA' }), Date.now())).user).toBe('ann');
  });

  it('is a public one, and a strong one', () => {
    expect(() => verifierOf({ publicKeys: [rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()] })).toThrow(/private key/);
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    expect(() => verifierOf({ publicKeys: [pem(weak.publicKey)] })).toThrow(/2048 bits/);
    expect(() => verifierOf({ publicKeys: ['nonsense'] })).toThrow(/PEM/);
  });
});

describe('a key set', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'headwater-keys-'));
    file = join(folder, 'keys.json');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const write = (...keys: object[]) => writeFile(file, JSON.stringify({ keys }));
  const token = (kid: string | undefined, pair = rsa) => keyToken(claims, pair.privateKey, { alg: pair === rsa ? 'RS256' : 'ES256', ...(kid && { kid }) });

  it('in a file is read again for a key it did not have, but not as often as anybody asks', async () => {
    await write(jwk(rsa.publicKey, { kid: 'one' }));
    const verifier = verifierOf({ jwks: file });
    const startMs = Date.now();
    expect((await verifier.verify(token('one'), startMs)).user).toBe('ann');
    expect((await verifier.verify(token(undefined), startMs)).user).toBe('ann');
    await write(jwk(ec.publicKey, { kid: 'two' }));
    await expect(verifier.verify(token('two', ec), startMs + 29_999)).rejects.toMatchObject(refused);
    expect((await verifier.verify(token('two', ec), startMs + 30_000)).user).toBe('ann');
    await expect(verifier.verify(token('one'), startMs + 30_001)).rejects.toMatchObject(refused);
  });

  it('forgets a key that was taken out after ten minutes at the latest', async () => {
    await write(jwk(rsa.publicKey, { kid: 'one' }));
    const verifier = verifierOf({ jwks: file });
    const long = keyToken({ ...claims, exp: inSeconds(7200) }, rsa.privateKey, { alg: 'RS256', kid: 'one' });
    const startMs = Date.now();
    await verifier.verify(long, startMs);
    await write(jwk(ec.publicKey, { kid: 'two' }));
    expect((await verifier.verify(long, startMs + 599_999)).user).toBe('ann');
    await expect(verifier.verify(long, startMs + 600_000)).rejects.toMatchObject(refused);
  });

  it('that cannot be read now locks nobody out that was in, and turns nobody away for good', async () => {
    const verifier = verifierOf({ jwks: file });
    const startMs = Date.now();
    await expect(verifier.verify(token('one'), startMs)).rejects.toMatchObject({ code: 'unavailable' });
    await write(jwk(rsa.publicKey, { kid: 'one' }));
    expect((await verifier.verify(token('one'), startMs + 1_000)).user).toBe('ann');
    await writeFile(file, 'half a fi');
    expect((await verifier.verify(token('one'), startMs + 700_000)).user).toBe('ann');
  });

  it('with secrets, keys for encryption, weak ones and nonsense is used for what is left', async () => {
    await write(
      { kty: 'oct', k: Buffer.from(secret).toString('base64url'), alg: 'HS256' }, jwk(ec.publicKey, { use: 'enc' }),
      jwk(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), { kty: 'what' }, jwk(rsa.publicKey, { kid: 'one', alg: 'RS256' }),
    );
    const verifier = verifierOf({ jwks: file });
    expect((await verifier.verify(token('one'), Date.now())).user).toBe('ann');
    for (const bad of [hs, token(undefined, ec), keyToken(claims, rsa.privateKey, { alg: 'PS256', kid: 'one' })]) {
      await expect(verifier.verify(bad, Date.now())).rejects.toMatchObject(refused);
    }
  });

  describe('at a URL', () => {
    let server: Server;
    let asked = 0;
    let answer: () => { status: number; body: string };
    let url: string;
    beforeEach(async () => {
      asked = 0;
      answer = () => ({ status: 200, body: JSON.stringify({ keys: [jwk(rsa.publicKey, { kid: 'one' })] }) });
      server = createServer((request, response) => {
        asked += 1;
        const { status, body } = answer();
        response.writeHead(request.url === '/moved' ? 302 : status, { location: '/keys' }).end(body);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    });
    afterEach(() => void server.close());

    it('is fetched once for many at once, and once more for a flood of unknown keys', async () => {
      const verifier = verifierOf({ jwks: `${url}/keys` });
      const startMs = Date.now();
      await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token('one'), startMs)));
      expect(asked).toBe(1);
      const flood = Array.from({ length: 50 }, (_, i) => verifier.verify(token(`unknown-${i}`), startMs + 60_000).catch(({ code }) => code));
      expect(new Set(await Promise.all(flood))).toEqual(new Set(['not_authorized']));
      expect(asked).toBe(2);
    });

    it('follows no redirect, and reads no more than a key set has', async () => {
      await expect(verifierOf({ jwks: `${url}/moved` }).verify(token('one'), Date.now())).rejects.toMatchObject({ code: 'unavailable' });
      expect(asked).toBe(1);
      answer = () => ({ status: 200, body: JSON.stringify({ keys: [jwk(rsa.publicKey, { kid: 'one' })], padding: 'x'.repeat(1024 * 1024) }) });
      await expect(verifierOf({ jwks: `${url}/keys` }).verify(token('one'), Date.now())).rejects.toMatchObject({ code: 'unavailable' });
    });

    it('is reached by https, unless it is on this machine', () => {
      expect(() => verifierOf({ jwks: 'http://keys.example/set' })).toThrow(/https/);
      verifierOf({ jwks: 'https://keys.example/set' });
    });
  });
});
