// Somebody the server knows: what a token, or the app's own check, says of who is at the other end.

import { HeadwaterError } from '../../sdk/core/errors.js';
import * as limits from '../../sdk/wire/limits.js';
import { utf8Length } from '../../sdk/wire/limits.js';
import type { Level } from './level.js';
import { parsePermissions, type Permissions } from './permissions.js';

/** In an ACL: whoever is not named there. */
export const everybody = '*';

export interface Identity {
  readonly user: string;
  readonly name?: string;
  readonly permissions: Permissions;
  /** Ms since 1970; Infinity for never. */
  readonly expiresMs: number;
  /** 0 when it is not said. */
  readonly issuedMs: number;
  /** All that the token says, for the app's own rules. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** What an `authenticate` hook says of somebody. */
export interface Visitor {
  /** 1 to 256 bytes; what ACLs, limits and other people's screens go by. */
  user: string;
  name?: string;
  permissions?: Readonly<Record<string, Level>>;
  expiresMs?: number;
  issuedMs?: number;
  claims?: Readonly<Record<string, unknown>>;
}

// Shown in logs, headers and paths, where these would not stay one line. Halves of pairs are no text.
const unfitting = /[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u;

/** @throws HeadwaterError `invalid_argument` */
export function identityOf({ user, name, permissions, expiresMs = Infinity, issuedMs = 0, claims = {} }: Visitor): Identity {
  if (!isUserId(user)) throw unfit(`a user is named by 1 to ${limits.userBytesMax} bytes without control characters`);
  if (Number.isNaN(expiresMs) || Number.isNaN(issuedMs)) throw unfit('its times are no numbers');
  return { user, ...nameOf(name), permissions: parsePermissions(permissions), expiresMs, issuedMs, claims };
}

export function isUserId(value: unknown): value is string {
  return isName(value) && value !== everybody;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !unfitting.test(value) && utf8Length(value) <= limits.userBytesMax;
}

/** A name that cannot be shown is left out: it decides nothing. */
function nameOf(name: unknown): { name?: string } {
  return isName(name) ? { name } : {};
}

function unfit(reason: string): HeadwaterError {
  return new HeadwaterError('invalid_argument', `nobody can be let in by this: ${reason}`);
}
