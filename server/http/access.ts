// Who may do what: read and changed by admins.

import type { HttpAnswer } from '../transport/transport.js';
import { isLevel, levels, type Level } from '../access/level.js';
import { Answer, json, notAllowed } from './answers.js';
import { accounts, demandAdmin, type Asked } from './asked.js';

export async function readAccess(asked: Asked, id: string): Promise<HttpAnswer> {
  const access = await demandAdmin(asked, id);
  return json(200, { document: id, access: [...(await access.readAcl(id))].map(([user, level]) => ({ user, level })) });
}

export async function writeAccess(asked: Asked, id: string, user: string): Promise<HttpAnswer> {
  const access = await demandAdmin(asked, id);
  const level = levelIn(asked.body);
  await access.writeAcl(id, user, level);
  return json(200, { document: id, user, level });
}

export async function dropAccess(asked: Asked, id: string, user: string): Promise<HttpAnswer> {
  const access = await demandAdmin(asked, id);
  await access.writeAcl(id, user, null);
  return json(200, { document: id, user, level: null });
}

export async function dismiss(asked: Asked, user: string, isRevoked: boolean): Promise<HttpAnswer> {
  const access = accounts(asked);
  if (!asked.identity!.permissions.isAdminOfAll) throw notAllowed();
  await access.dismiss(user, isRevoked);
  return json(200, { user, revoked: isRevoked });
}

function levelIn(body: Uint8Array): Level {
  let level: unknown;
  try {
    level = (JSON.parse(new TextDecoder().decode(body)) as { level?: unknown } | null)?.level;
  } catch {
    level = undefined;
  }
  if (isLevel(level)) return level;
  throw new Answer(400, 'invalid_argument', `the body is { "level": … } with one of ${levels.join(', ')}`);
}
