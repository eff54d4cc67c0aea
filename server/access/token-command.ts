// headwater token: a token to develop with, made by the secret the server was given.

import { HeadwaterError } from '../../sdk/core/errors.js';
import { durationMs } from '../duration.js';
import { isLevel, levels, type Level } from './level.js';
import { secretOf } from './settings.js';

export interface TokenCommand {
  secret?: string;
  user?: string;
  name?: string;
  /** As `todo-*=write`. */
  permission: readonly string[];
  expires: string;
  issuer?: string;
  audience?: string;
}

/** @returns the token and a line break. @throws HeadwaterError `invalid_argument` */
export async function token({ secret, user, name, permission, expires, issuer, audience }: TokenCommand): Promise<string> {
  if (!secret) throw unfit('token needs --secret, or HEADWATER_JWT_SECRET: the one the server has');
  if (!user) throw unfit('token needs --user');
  const permissions = Object.fromEntries(permission.map(permissionOf));
  const { makeToken } = await import('./tokens.js');
  return `${await makeToken(secretOf(secret), { user, name, permissions, expiresMs: lifeOf(expires), issuer, audience })}\n`;
}

/** The last `=` parts them: a document's name may have one. */
function permissionOf(text: string): [string, Level] {
  const at = text.lastIndexOf('=');
  const level = text.slice(at + 1);
  if (at < 1 || !isLevel(level)) throw unfit(`--permission looks like 'todo-*=write', with one of ${levels.join(', ')}`);
  return [text.slice(0, at), level];
}

function lifeOf(text: string): number {
  // Six digits and a unit: longer than any token should live.
  const lifeMs = text.length > 7 ? null : durationMs(text);
  if (!lifeMs) throw unfit('--expires looks like 90s, 30m, 1h or 7d');
  return lifeMs;
}

function unfit(message: string): HeadwaterError {
  return new HeadwaterError('invalid_argument', `${message}; headwater --help lists what there is`);
}
