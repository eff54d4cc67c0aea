// Who may do what, as one table, over real sockets and HTTP; and everybody who must not come in at all.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { silentLog } from '../log.js';
import { createServer, type Server } from '../server.js';
import { claimsOf, ec, hmacToken, inSeconds, jwk, keyToken, part, pem, rsa, secret, type Claims } from '../testing/tokens.js';
import { ask, until, Visitor } from '../testing/visitor.js';
import { Writer } from '../testing/writer.js';

const transports = ['uws', 'ws'] as const;
const atHome = { iss: 'https://id.example', aud: 'headwater' };
const honest = claimsOf('ann', { '*': 'admin' }, atHome);
const root = hmacToken(claimsOf('root', { '*': 'admin' }, atHome));

/** Tokens are made when this file is read, and used a while later. */
const toleranceMs = 60_000;

let folder: string;
let jwks: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headwater-matrix-'));
  jwks = join(folder, 'keys.json');
  await writeFile(jwks, JSON.stringify({ keys: [jwk(ec.publicKey, { kid: 'ec1', alg: 'ES256' })] }));
});
afterAll(() => rm(folder, { recursive: true }));

async function start(transport: (typeof transports)[number], options = {}): Promise<Server> {
  const server = await createServer({
    database: 'sqlite::memory:', log: silentLog, transport, console: false,
    jwtSecret: secret, jwtPublicKey: pem(rsa.publicKey), jwks, jwtIssuer: atHome.iss, jwtAudience: atHome.aud, limits: { clockToleranceMs: toleranceMs }, ...options,
  });
  await server.listen(0);
  return server;
}

// ── role × document × verb ────────────────────────────────────────────────────────────────────────

/** By token, and what the ACL of both todo documents says of them. */
const roles: Record<string, { permissions: Claims; acl?: string }> = {
  nothing: { permissions: {} },
  none: { permissions: { '*': 'none' } },
  reader: { permissions: { 'todo-*': 'read' } },
  writer: { permissions: { 'todo-*': 'write' } },
  admin: { permissions: { 'todo-*': 'admin' } },
  root: { permissions: { '*': 'admin' } },
  holed: { permissions: { '*': 'write', 'todo-*': 'none' } },
  granted: { permissions: {}, acl: 'write' },
  demoted: { permissions: { 'todo-*': 'write' }, acl: 'read' },
  blocked: { permissions: { '*': 'write' }, acl: 'none' },
  steward: { permissions: { 'todo-*': 'read' }, acl: 'admin' },
  sovereign: { permissions: { 'todo-*': 'admin' }, acl: 'none' },
};

/**
 * `there` has been written to, `absent` never. subscribe: ok, or refused. push: acked, rejected (the write), refused (the
 * document). presence: whether others see it. listed: whether GET /v1/documents has it. Then HTTP statuses.
 */
const table = `
  role       document      subscribe  push      presence  listed  GET  access  grant
  nothing    todo-there    refused    refused   unseen    no      404  404     404
  nothing    todo-absent   refused    refused   unseen    no      404  404     404
  none       todo-there    refused    refused   unseen    no      404  404     404
  none       todo-absent   refused    refused   unseen    no      404  404     404
  reader     todo-there    ok         rejected  seen      yes     200  403     403
  reader     todo-absent   ok         rejected  seen      no      404  403     403
  reader     other-there   refused    refused   unseen    no      404  404     404
  reader     other-absent  refused    refused   unseen    no      404  404     404
  writer     todo-there    ok         acked     seen      yes     200  403     403
  writer     todo-absent   ok         acked     seen      no      404  403     403
  writer     other-there   refused    refused   unseen    no      404  404     404
  writer     other-absent  refused    refused   unseen    no      404  404     404
  admin      todo-there    ok         acked     seen      yes     200  200     200
  admin      todo-absent   ok         acked     seen      no      404  200     200
  admin      other-there   refused    refused   unseen    no      404  404     404
  admin      other-absent  refused    refused   unseen    no      404  404     404
  root       todo-there    ok         acked     seen      yes     200  200     200
  root       other-absent  ok         acked     seen      no      404  200     200
  holed      todo-there    refused    refused   unseen    no      404  404     404
  holed      todo-absent   refused    refused   unseen    no      404  404     404
  holed      other-there   ok         acked     seen      yes     200  403     403
  granted    todo-there    ok         acked     seen      yes     200  403     403
  granted    other-there   refused    refused   unseen    no      404  404     404
  demoted    todo-there    ok         rejected  seen      yes     200  403     403
  demoted    todo-absent   ok         rejected  seen      no      404  403     403
  blocked    todo-there    refused    refused   unseen    no      404  404     404
  blocked    todo-absent   refused    refused   unseen    no      404  404     404
  blocked    other-there   ok         acked     seen      yes     200  403     403
  steward    todo-there    ok         acked     seen      yes     200  200     200
  steward    other-there   refused    refused   unseen    no      404  404     404
  sovereign  todo-there    ok         acked     seen      yes     200  200     200`;

const [head, ...rows] = table.trim().split('\n').map((line) => line.trim().split(/\s+/));
const verbs = head.slice(2);

/** What is asked of the server, each verb from a connection of its own. */
const deeds: Record<string, (port: number, token: string, document: string) => Promise<string>> = {
  async subscribe(port, token, document) {
    const visitor = await enter(port, token);
    visitor.subscribe(document);
    await until(() => visitor.of('subscribed').length + visitor.of('error').length > 0);
    return visitor.of('subscribed').length > 0 ? 'ok' : refusalOf(visitor, document);
  },
  async push(port, token, document) {
    const visitor = await enter(port, token);
    visitor.send({ type: 'push', document, batches: new Writer().set('x', 1) });
    await until(() => ['ack', 'reject', 'error'].some((type) => visitor.messages.some((message) => message.type === type)));
    if (visitor.of('ack').length > 0) return 'acked';
    return visitor.of('reject').length > 0 ? `rejected${visitor.of('reject')[0].code === 'not_authorized' ? '' : '?'}` : refusalOf(visitor, document);
  },
  async presence(port, token, document) {
    const watcher = await enter(port, root);
    watcher.subscribe(document);
    await watcher.next('subscribed');
    await watcher.settled();
    const visitor = await enter(port, token);
    visitor.subscribe(document);
    visitor.send({ type: 'presence', document, replica: visitor.replica, state: Uint8Array.of(0) });
    await until(() => visitor.of('subscribed').length + visitor.of('error').length > 0);
    for (const each of [visitor, watcher]) await each.settled();
    return watcher.of('presence').some(({ replica }) => replica === visitor.replica) ? 'seen' : 'unseen';
  },
  async listed(port, token, document) {
    const { status, body } = await ask(port, 'GET', '/v1/documents', { token });
    expect(status).toBe(200);
    return body.some(({ id }: { id: string }) => id === document) ? 'yes' : 'no';
  },
  GET: async (port, token, document) => String((await ask(port, 'GET', `/v1/documents/${document}`, { token })).status),
  access: async (port, token, document) => String((await ask(port, 'GET', `/v1/documents/${document}/access`, { token })).status),
  grant: async (port, token, document) =>
    String((await ask(port, 'PUT', `/v1/documents/${document}/access/somebody`, { token, body: { level: 'read' } })).status),
};

const visitors: Visitor[] = [];

async function enter(port: number, token: string): Promise<Visitor> {
  const visitor = new Visitor(port, { token });
  visitors.push(visitor);
  expect(await visitor.enter()).toBe('welcome');
  return visitor;
}

/** Whether it is there or not, the words are the same. */
function refusalOf(visitor: Visitor, document: string): string {
  expect(visitor.of('error')).toEqual([{ type: 'error', code: 'not_authorized', message: 'this document is not yours to use', document }]);
  return 'refused';
}

describe.each(transports)('on %s', (transport) => {
  let server: Server;
  let port: number;
  beforeAll(async () => {
    server = await start(transport);
    ({ port } = server);
    const writer = await enter(port, root);
    for (const document of ['todo-there', 'other-there']) {
      writer.send({ type: 'push', document, batches: new Writer().set('x', 0) });
      await writer.next('ack');
    }
    for (const [role, { acl }] of Object.entries(roles)) {
      for (const document of ['todo-there', `todo-absent-${role}`]) {
        if (acl === undefined) continue;
        const { status } = await ask(port, 'PUT', `/v1/documents/${document}/access/${role}`, { token: root, body: { level: acl } });
        expect(status).toBe(200);
      }
    }
  });
  afterAll(async () => {
    for (const visitor of visitors.splice(0)) visitor.leave();
    await server.close();
  });

  // Pushing comes last: it makes what was absent.
  const inOrder = [...verbs.filter((verb) => verb !== 'push'), 'push'];
  const cases = rows.flatMap(([role, document, ...cells]) => inOrder.map((verb) => [role, verb, document, cells[verbs.indexOf(verb)]] as const));

  it('the table is whole', () => {
    expect(cases.length).toBeGreaterThan(200);
    expect(new Set(rows.map(([role]) => role))).toEqual(new Set(Object.keys(roles)));
  });

  it.each(cases)('%s: %s of %s is %s', async (role, verb, document, expected) => {
    const token = hmacToken(claimsOf(role, roles[role].permissions, atHome));
    const name = document.endsWith('absent') ? `${document}-${role}` : document;
    expect(await deeds[verb](port, token, name)).toBe(expected);
  });

  it.each(Object.keys(roles))('%s: only who is admin of all may send users away', async (role) => {
    const token = hmacToken(claimsOf(role, roles[role].permissions, atHome));
    for (const deed of ['disconnect', 'revoke']) {
      expect((await ask(port, 'POST', `/v1/users/nobody-at-all/${deed}`, { token })).status).toBe(role === 'root' ? 200 : 403);
    }
  });

  it.each([
    ['GET', '/v1/documents'], ['GET', '/v1/documents/todo-there'], ['GET', '/v1/documents/todo-there/access'], ['HEAD', '/v1/documents/todo-there'],
    ['PUT', '/v1/documents/todo-there/access/ann'], ['DELETE', '/v1/documents/todo-there/access/ann'],
    ['POST', '/v1/users/ann/disconnect'], ['POST', '/v1/users/ann/revoke'], ['GET', '/v1/nothing/of/the/kind'], ['PATCH', '/v1/documents'],
  ])('%s %s needs a token', async (method, path) => {
    const { status, headers } = await ask(port, method, path);
    expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer']);
  });

  it.each(['/health', '/ready'])('GET %s needs none', async (path) => {
    expect((await ask(port, 'GET', path)).status).toBe(200);
  });
});

// ── tokens ────────────────────────────────────────────────────────────────────────────────────────

const stranger = { rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }), ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }) };
const hs = hmacToken(honest);
const [headPart, bodyPart, signature] = hs.split('.');
const without = (...names: string[]) => Object.fromEntries(Object.entries(honest).filter(([name]) => !names.includes(name)));
const lying = (claims: Claims) => hmacToken({ ...honest, ...claims });
const headed = (header: Claims) => hmacToken(honest, secret, { alg: 'HS256', ...header });
/** Of just so many bytes. */
const sized = (bytes: number) => {
  for (let pad = bytes - hs.length; ; pad -= 1) {
    const token = lying({ pad: 'x'.repeat(Math.floor((pad * 3) / 4)) });
    if (token.length <= bytes) return token;
  }
};

const good: Record<string, string> = {
  'HS256 by the secret': hs,
  'RS256 by the key': keyToken(honest, rsa.privateKey, { alg: 'RS256' }),
  'ES256 by the key set': keyToken(honest, ec.privateKey, { alg: 'ES256', kid: 'ec1' }),
  'that has expired within the tolerance': lying({ exp: inSeconds(-20) }),
  'for several, us among them': lying({ aud: ['other', 'headwater'] }),
  'of type at+jwt': headed({ typ: 'at+jwt' }),
  'of nearly 8 KiB': sized(8_192),
};

const forged: Record<string, string> = {
  'nothing': '',
  'no token': 'let-me-in',
  'the word null': 'null',
  'two parts': `${headPart}.${bodyPart}`,
  'four parts': `${hs}.x`,
  'an encrypted one': 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA',
  'alg none without a signature': `${part({ alg: 'none' })}.${bodyPart}.`,
  'alg none with one': `${part({ alg: 'none' })}.${bodyPart}.${signature}`,
  'alg nOnE': `${part({ alg: 'nOnE' })}.${bodyPart}.${signature}`,
  'no alg': `${part({ typ: 'JWT' })}.${bodyPart}.${signature}`,
  'alg as a list': `${part({ alg: ['HS256'] })}.${bodyPart}.${signature}`,
  'HS256 by the public key as PEM': hmacToken(honest, pem(rsa.publicKey)),
  'HS256 by the public key as PEM, trimmed': hmacToken(honest, pem(rsa.publicKey).trim()),
  'HS256 by the public key as DER': hmacToken(honest, rsa.publicKey.export({ type: 'spki', format: 'der' })),
  'HS256 by the key set’s key': hmacToken(honest, JSON.stringify(jwk(ec.publicKey)), { alg: 'HS256', kid: 'ec1' }),
  'RS256 that is an HMAC': hmacToken(honest, secret, { alg: 'RS256' }),
  'ES256 that is an HMAC by the public key': hmacToken(honest, pem(ec.publicKey), { alg: 'ES256', kid: 'ec1' }),
  'HS512 by the secret': hmacToken(honest, secret, { alg: 'HS512' }, 'sha512'),
  'HS256 by another secret': hmacToken(honest, 'another secret of more than 32 bytes'),
  'HS256 by no secret': hmacToken(honest, ''),
  'RS256 by a stranger': keyToken(honest, stranger.rsa.privateKey, { alg: 'RS256' }),
  'ES256 by a stranger under our kid': keyToken(honest, stranger.ec.privateKey, { alg: 'ES256', kid: 'ec1' }),
  'ES256 by our key under another kid': keyToken(honest, ec.privateKey, { alg: 'ES256', kid: 'ec2' }),
  'kid that is a path': keyToken(honest, stranger.ec.privateKey, { alg: 'ES256', kid: '../../../../dev/null' }),
  'kid that is SQL': keyToken(honest, stranger.ec.privateKey, { alg: 'ES256', kid: "' or 1=1 --" }),
  'kid that is a number': keyToken(honest, ec.privateKey, { alg: 'ES256', kid: 1 }),
  'jku to a stranger’s keys': keyToken(honest, stranger.rsa.privateKey, { alg: 'RS256', jku: 'https://evil.example/keys' }),
  'a stranger’s key in its header': keyToken(honest, stranger.rsa.privateKey, { alg: 'RS256', jwk: jwk(stranger.rsa.publicKey) }),
  'crit that nobody knows': headed({ crit: ['exp2'], exp2: 1 }),
  'a payload that is not encoded': headed({ crit: ['b64'], b64: false }),
  'a token for something else': headed({ typ: 'dpop+jwt' }),
  'another payload under the signature': `${headPart}.${part({ ...honest, sub: 'root' })}.${signature}`,
  'another header over the signature': `${part({ alg: 'HS256', typ: 'jwt' })}.${bodyPart}.${signature}`,
  'a signature cut short': hs.slice(0, -4),
  'a signature of nothing': `${headPart}.${bodyPart}.`,
  'padding': `${headPart}.${bodyPart}.${signature}=`,
  'a payload that is no JSON': hmacToken('exp=never'),
  'a payload that is a list': hmacToken([honest]),
  'no exp': hmacToken(without('exp')),
  'exp as a string': lying({ exp: String(inSeconds(3600)) }),
  'exp as null': lying({ exp: null }),
  'exp long ago': lying({ exp: inSeconds(-3600) }),
  'exp past the tolerance': lying({ exp: inSeconds(-61) }),
  'exp zero': lying({ exp: 0 }),
  'nbf to come': lying({ nbf: inSeconds(180) }),
  'nbf as a string': lying({ nbf: '0' }),
  'iat to come': lying({ iat: inSeconds(180) }),
  'iat as a string': lying({ iat: 'now' }),
  'another issuer': lying({ iss: 'https://id.example.evil.example' }),
  'no issuer': hmacToken(without('iss')),
  'issuers in a list': lying({ iss: [atHome.iss] }),
  'another audience': lying({ aud: 'lake' }),
  'no audience': hmacToken(without('aud')),
  'no sub': hmacToken(without('sub')),
  'sub as a number': lying({ sub: 7 }),
  'sub empty': lying({ sub: '' }),
  'sub that means everybody': lying({ sub: '*' }),
  'sub of two lines': lying({ sub: 'ann\nroot' }),
  'sub of 257 bytes': lying({ sub: 'x'.repeat(257) }),
  'permissions as a word': lying({ permissions: 'admin' }),
  'permissions as a list': lying({ permissions: ['admin'] }),
  'a level nobody has': lying({ permissions: { '*': 'owner' } }),
  'more than 8 KiB': sized(8_300),
  'much more': lying({ pad: 'x'.repeat(12_000) }),
};

/** The library reads its limit before a test can set it; cli.test.ts brings long tokens to a process of its own. */
const headerRoom = (transport: string) => (transport === 'uws' ? 3_500 : 12_000);

describe.each(transports)('a token on %s', (transport) => {
  let server: Server;
  let port: number;
  beforeAll(async () => {
    server = await start(transport);
    ({ port } = server);
  });
  afterAll(async () => {
    for (const visitor of visitors.splice(0)) visitor.leave();
    await server.close();
  });

  const attempt = async (options: { token?: string; handshakeToken?: string }) => {
    const visitor = new Visitor(port, options);
    visitors.push(visitor);
    return visitor.enter();
  };

  it.each(Object.entries(good))('is good: %s', async (_, token) => {
    expect(await attempt({ token })).toBe('welcome');
    if (token.length > headerRoom(transport)) return;
    expect(await attempt({ handshakeToken: token })).toBe('welcome');
    expect((await ask(port, 'GET', '/v1/documents', { token })).status).toBe(200);
    // The one in hello decides.
    expect(await attempt({ token, handshakeToken: forged['HS256 by another secret'] })).toBe('welcome');
    expect(await attempt({ token: forged['HS256 by another secret'], handshakeToken: token })).toBe(4401);
  });

  it.each(Object.entries(forged))('is not: %s', async (name, token) => {
    // What no token may be long enough for is not even read: the frame is against the protocol.
    expect(await attempt({ token })).toBe(token.length > 8_192 ? 4400 : 4401);
    if (token.length > headerRoom(transport)) return;
    if (/^[\w.-]+$/.test(token)) expect(await attempt({ handshakeToken: token })).toBe(4401);
    const { status, body } = await ask(port, 'GET', '/v1/documents', { token: name === 'nothing' ? undefined : token });
    expect([status, body.code]).toEqual([401, 'not_authorized']);
    if (token.length > 20) expect(JSON.stringify(body)).not.toContain(token.slice(-20));
  });

  it('is asked for', async () => {
    expect(await attempt({})).toBe(4401);
  });

  it('is not read from the URL, nor from another scheme', async () => {
    expect((await ask(port, 'GET', `/v1/documents?token=${hs}&access_token=${hs}`)).status).toBe(401);
    expect((await ask(port, 'GET', '/v1/documents', { headers: { authorization: `Basic ${hs}` } })).status).toBe(401);
    expect((await ask(port, 'GET', '/v1/documents', { headers: { cookie: `token=${hs}` } })).status).toBe(401);
  });

  it('there are enough bad ones', () => {
    expect(Object.keys(forged).length).toBeGreaterThan(40);
  });
});

// ── origins ───────────────────────────────────────────────────────────────────────────────────────

const origins = `
  Origin                              near   listed
  (none)                              in     in
  https://app.example                 4403   in
  https://app.example:444             4403   4403
  http://app.example                  4403   4403
  https://www.app.example             4403   4403
  https://app.example.evil.example    4403   4403
  https://evilapp.example             4403   4403
  https://app.example@evil.example    4403   4403
  https://APP.example                 4403   4403
  null                                4403   4403
  file://                             4403   4403
  http://localhost:5173               in     4403
  http://127.0.0.1:5173               in     4403
  http://localhost.evil.example       4403   4403
  http://(host)                       in     4403
  https://(host)                      in     4403`;

describe.each(transports)('an Origin on %s', (transport) => {
  const rulesOf: Record<string, object> = { near: {}, listed: { origins: ['https://app.example/', 'https://other.example'] } };
  const [, ...lines] = origins.trim().split('\n').map((line) => line.trim().split(/\s+/));

  it.each(Object.keys(rulesOf))('is held to the rule: %s', async (rule) => {
    const server = await start(transport, rulesOf[rule]);
    const column = rule === 'near' ? 1 : 2;
    for (const line of lines) {
      const origin = line[0].replace('(host)', 'sync.example:8787');
      const headers = { host: 'sync.example:8787', ...(origin !== '(none)' && { origin }) };
      const visitor = new Visitor(server.port, { token: hs, headers });
      const entered = await visitor.enter();
      expect([origin, entered === 'welcome' ? 'in' : String(entered)]).toEqual([origin, line[column]]);
      const { status } = await ask(server.port, 'GET', '/v1/documents', { token: hs, headers });
      expect([origin, status]).toEqual([origin, line[column] === 'in' ? 200 : 403]);
      visitor.leave();
    }
    await server.close();
  });

  it('may be any, when that is said', async () => {
    const server = await start(transport, { origins: '*' });
    const visitor = new Visitor(server.port, { token: hs, headers: { origin: 'null' } });
    expect(await visitor.enter()).toBe('welcome');
    visitor.leave();
    await server.close();
  });
});
