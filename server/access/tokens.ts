// JSON Web Tokens: checked by keys that were given beforehand, and made for development. The one door to jose.
//
// A key is good for the algorithms of its kind and no others, whatever a token's header says: a public key is never taken
// for a secret, and `none` is the name of no algorithm here. `kid` only narrows down which of our keys is tried.
// Source: RFC 8725, JSON Web Token Best Current Practices.

import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { decodeProtectedHeader, errors, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import { HeadwaterError } from '../../sdk/core/errors.js';
import type { Level } from './level.js';
import { identityOf, type Identity, type Visitor } from './identity.js';
import { KeySet } from './key-set.js';

export interface TokenSettings {
  /** For HS256; several while they are being changed. */
  secrets: readonly string[];
  /** PEM. */
  publicKeys: readonly string[];
  /** A file or URL of a key set. */
  jwks?: string;
  issuer?: string;
  audience?: string;
  clockToleranceMs: number;
  tokenBytesMax: number;
}

interface Key {
  kid: string | null;
  algorithms: readonly string[];
  key: KeyObject | Uint8Array;
}

/** RFC 7518 asks for as many bits as the hash has. */
const secretBytesMin = 32;
const modulusBitsMin = 2048;
const shape = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const types: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/jwt', 'application/at+jwt'];

export class TokenVerifier {
  private readonly keys: readonly Key[];
  private readonly keySet: KeySet<Key> | null;

  /** @throws HeadwaterError `invalid_argument` that names the setting; never what it holds */
  constructor(private readonly settings: TokenSettings) {
    this.keys = [...settings.secrets.map(secretKey), ...settings.publicKeys.map(pemKey)];
    this.keySet = settings.jwks === undefined ? null : new KeySet(settings.jwks, usableKeys);
  }

  /** @throws HeadwaterError `not_authorized`, `unavailable` while the key set cannot be read */
  async verify(token: string, nowMs: number): Promise<Identity> {
    const { alg, kid } = this.readHeader(token);
    const payload = (await this.tryKeys(token, await this.allKeys(nowMs), alg, kid, nowMs))
      ?? (await this.tryNewKeys(token, alg, kid, nowMs));
    if (payload === null) throw refusal('it is signed by nobody this server knows');
    return this.identityOf(payload, nowMs);
  }

  /** Before anything is decoded: its size and its shape. */
  private readHeader(token: string): { alg: string; kid: string | null } {
    if (token.length > this.settings.tokenBytesMax) throw refusal(`it has more than ${this.settings.tokenBytesMax} bytes`);
    if (!shape.test(token)) throw refusal('it is no token');
    let header: Record<string, unknown>;
    try {
      header = decodeProtectedHeader(token);
    } catch {
      throw refusal('it is no token');
    }
    const { alg, kid, typ } = header;
    if (typeof alg !== 'string' || (kid !== undefined && typeof kid !== 'string')) throw refusal('it is no token');
    if (!types.includes(typeof typ === 'string' ? typ.toLowerCase() : typ)) throw refusal('it is a token for something else');
    return { alg, kid: kid ?? null };
  }

  private async allKeys(nowMs: number): Promise<readonly Key[]> {
    return this.keySet === null ? this.keys : [...this.keys, ...(await this.keySet.get(nowMs))];
  }

  /** A key that is named and not here may have come since. */
  private async tryNewKeys(token: string, alg: string, kid: string | null, nowMs: number): Promise<JWTPayload | null> {
    if (this.keySet === null || kid === null || (await this.keySet.get(nowMs)).some((key) => key.kid === kid)) return null;
    if (!(await this.keySet.refresh(nowMs))) return null;
    return this.tryKeys(token, await this.keySet.get(nowMs), alg, kid, nowMs);
  }

  /** @returns null when none of them has signed it */
  private async tryKeys(token: string, keys: readonly Key[], alg: string, kid: string | null, nowMs: number): Promise<JWTPayload | null> {
    for (const { key, algorithms, kid: name } of keys) {
      if (!algorithms.includes(alg) || (name !== null && kid !== null && name !== kid)) continue;
      try {
        return (await jwtVerify(token, key, this.rules(algorithms, nowMs))).payload;
      } catch (cause) {
        if (!(cause instanceof errors.JWSSignatureVerificationFailed)) throw refusal(reasonOf(cause));
      }
    }
    return null;
  }

  private rules(algorithms: readonly string[], nowMs: number) {
    const { issuer, audience, clockToleranceMs } = this.settings;
    return {
      algorithms: [...algorithms], issuer, audience, requiredClaims: ['exp', 'sub'],
      clockTolerance: clockToleranceMs / 1000, currentDate: new Date(nowMs),
    };
  }

  private identityOf({ sub, name, permissions, exp, iat, ...rest }: JWTPayload, nowMs: number): Identity {
    if (iat !== undefined && iat * 1000 > nowMs + this.settings.clockToleranceMs) throw refusal('it is from the future');
    try {
      return identityOf({
        user: sub!, name: name as string | undefined, permissions: permissions as Visitor['permissions'],
        expiresMs: exp! * 1000, issuedMs: (iat ?? 0) * 1000, claims: { sub, name, permissions, exp, iat, ...rest },
      });
    } catch (cause) {
      throw refusal((cause as Error).message);
    }
  }
}

/** Makes a token for development. @throws HeadwaterError `invalid_argument` */
export async function makeToken(
  secret: string,
  { user, name, permissions, expiresMs, issuer, audience }:
    { user: string; name?: string; permissions: Readonly<Record<string, Level>>; expiresMs: number; issuer?: string; audience?: string },
  nowMs = Date.now(),
): Promise<string> {
  identityOf({ user, name, permissions });
  const token = new SignJWT({ ...(name !== undefined && { name }), permissions })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).setSubject(user)
    .setIssuedAt(Math.floor(nowMs / 1000)).setExpirationTime(Math.floor((nowMs + expiresMs) / 1000));
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return token.sign(secretKey(secret).key as Uint8Array);
}

function secretKey(secret: string): Key {
  const key = new TextEncoder().encode(secret);
  if (key.length < secretBytesMin) {
    throw new HeadwaterError('invalid_argument', `jwtSecret: a secret has at least ${secretBytesMin} bytes, or it can be guessed; openssl rand -base64 32 makes one`);
  }
  return { kid: null, algorithms: ['HS256'], key };
}

function pemKey(pem: string): Key {
  // A server that only checks needs none, and a file of it must not lie around here.
  if (pem.includes('PRIVATE KEY')) throw new HeadwaterError('invalid_argument', 'jwtPublicKey: this is a private key; give the public one');
  try {
    const key = createPublicKey(pem);
    return { kid: null, algorithms: algorithmsOf(key), key };
  } catch (cause) {
    throw new HeadwaterError('invalid_argument', `jwtPublicKey: not a key in PEM that can be used: ${(cause as Error).message}`);
  }
}

/** Secrets have no place in a key set; what cannot be used is passed over, others may be there for others. */
function usableKeys(set: unknown): Key[] {
  const { keys } = set as { keys: JsonWebKey[] };
  return keys.flatMap((jwk) => {
    try {
      return [jwkKey(jwk)];
    } catch {
      return [];
    }
  });
}

function jwkKey(jwk: JsonWebKey): Key {
  if (jwk.use !== undefined && jwk.use !== 'sig') throw new Error('not for signatures');
  // Of a private key that somebody published by mistake only the public half is taken.
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const algorithms = algorithmsOf(key).filter((name) => jwk.alg === undefined || jwk.alg === name);
  if (algorithms.length === 0) throw new Error('for another algorithm');
  return { kid: typeof jwk.kid === 'string' ? jwk.kid : null, algorithms, key };
}

/** What a key is good for, by its kind alone. */
function algorithmsOf(key: KeyObject): string[] {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      if (modulusLength < modulusBitsMin) throw new Error(`an RSA key has at least ${modulusBitsMin} bits`);
      return ['RS256', 'PS256'];
    case 'ed25519': return ['EdDSA', 'Ed25519'];
    case 'ec':
      if (namedCurve === 'prime256v1') return ['ES256'];
      if (namedCurve === 'secp384r1') return ['ES384'];
  }
  throw new Error('only RSA, P-256, P-384 and Ed25519 keys are used here');
}

function reasonOf(cause: unknown): string {
  if (cause instanceof errors.JWTExpired) return 'it has expired';
  if (cause instanceof errors.JWTClaimValidationFailed) return `its ${cause.claim} is missing or not what it must be here`;
  return 'it cannot be read';
}

function refusal(reason: string): HeadwaterError {
  return new HeadwaterError('not_authorized', `the token is not good: ${reason}`);
}
