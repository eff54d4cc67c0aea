// Tokens for tests, good and bad, made by hand: whoever forges one does not use a library that minds.

import { createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

export const secret = 'a-secret-of-at-least-thirty-two-bytes';

export type Claims = Record<string, unknown>;

export const inSeconds = (seconds: number, nowMs = Date.now()) => Math.floor(nowMs / 1000) + seconds;

/** Claims of an honest token of an hour. */
export function claimsOf(user: string, permissions: Claims, more: Claims = {}): Claims {
  return { sub: user, iat: inSeconds(0), exp: inSeconds(3600), permissions, ...more };
}

/** @param header  what it says of itself, whatever it is signed with */
export function hmacToken(claims: unknown, key: string | KeyObject | Buffer = secret, header: Claims = { alg: 'HS256', typ: 'JWT' }, hash = 'sha256'): string {
  const head = `${part(header)}.${part(claims)}`;
  return `${head}.${createHmac(hash, key).update(head).digest('base64url')}`;
}

export function keyToken(claims: unknown, key: KeyObject, header: Claims): string {
  const head = `${part(header)}.${part(claims)}`;
  const algorithm = { RS: 'sha256', PS: 'sha256', ES: 'sha256', Ed: undefined }[String(header.alg).slice(0, 2)];
  const options = key.asymmetricKeyType === 'ec' ? { key, dsaEncoding: 'ieee-p1363' as const } : key;
  return `${head}.${sign(algorithm, Buffer.from(head), options).toString('base64url')}`;
}

export function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
export const jwk = (key: KeyObject, more: Claims = {}) => ({ ...key.export({ format: 'jwk' }), ...more });
