// How a server is told who may come in: secrets and keys, given as they are or as files.

import { readFileSync } from 'node:fs';
import { HeadwaterError } from '../../sdk/core/errors.js';
import type { Limits } from '../limits.js';
import type { TokenSettings } from './tokens.js';

/** As options, flags and the environment give it. */
export interface AccessConfig {
  jwtSecret: readonly string[];
  jwtPublicKey: readonly string[];
  jwks?: string;
  jwtIssuer?: string;
  jwtAudience?: string;
}

/** @returns null when there is nothing to check a token by. @throws HeadwaterError `invalid_argument` */
export function tokenSettings(config: AccessConfig, limits: Pick<Limits, 'clockToleranceMs' | 'tokenBytesMax'>): TokenSettings | null {
  const { jwtSecret, jwtPublicKey, jwks, jwtIssuer, jwtAudience } = config;
  if (jwtSecret.length + jwtPublicKey.length === 0 && jwks === undefined) {
    if (jwtIssuer === undefined && jwtAudience === undefined) return null;
    throw new HeadwaterError('invalid_argument', 'jwtIssuer and jwtAudience need a key: jwtSecret, jwtPublicKey or jwks');
  }
  return {
    secrets: jwtSecret.map(secretOf), publicKeys: jwtPublicKey.flatMap(keysOf), jwks,
    issuer: jwtIssuer, audience: jwtAudience, clockToleranceMs: limits.clockToleranceMs, tokenBytesMax: limits.tokenBytesMax,
  };
}

/** `file:` keeps a secret out of the list of processes. */
export function secretOf(given: string): string {
  return given.startsWith('file:') ? read(given.slice('file:'.length), 'jwtSecret').trim() : given;
}

/** PEM, one key or several, or a file of it. */
function keysOf(given: string): string[] {
  const text = given.includes('-----BEGIN') ? given : read(given, 'jwtPublicKey');
  const keys = text.match(/-----BEGIN [^-]+-----[\s\S]+?-----END [^-]+-----/g);
  if (keys === null) throw new HeadwaterError('invalid_argument', 'jwtPublicKey: there is no key in PEM in it');
  return keys;
}

function read(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HeadwaterError('invalid_argument', `${option}: its file cannot be read: ${(cause as NodeJS.ErrnoException).code}`);
  }
}
