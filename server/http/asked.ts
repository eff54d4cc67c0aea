// A request to the API by somebody known, and what that one may do.

import type { Access } from '../access/access.js';
import type { Identity } from '../access/identity.js';
import { allows, type Level } from '../access/level.js';
import type { Engine } from '../engine.js';
import type { Metrics } from '../metrics.js';
import type { OriginRule } from '../origin.js';
import type { Rooms } from '../rooms.js';
import type { Store } from '../store/store.js';
import type { HttpAnswer, RequestHead } from '../transport/transport.js';
import { Answer, notAllowed, notFound } from './answers.js';
import type { Scribe } from './scribe.js';

export interface HttpContext {
  rooms: Rooms;
  store: Store;
  engine: Engine;
  scribe: Scribe;
  /** Null where its library is not installed. */
  metrics: Metrics | null;
  /** Null: no accounts, whoever gets here may do everything. */
  access: Access | null;
  origins: OriginRule;
  /** Whether new work is taken: false from the first signal to stop. */
  isReady(): boolean;
  /** The console's folder, or null for none. */
  consoleFolder: string | null;
  addressOf(request: RequestHead): string;
  now(): number;
}

/** `identity` is null without accounts. */
export interface Asked extends HttpContext {
  identity: Identity | null;
  query: URLSearchParams;
  body: Uint8Array;
}

export type Handler = (asked: Asked, ...named: string[]) => Promise<HttpAnswer>;

/** Who may not even read is told what it would be told of nothing. */
export async function demand({ access, identity }: Asked, id: string, needed: Level): Promise<void> {
  if (access === null || identity === null) return;
  const held = await access.levelOf(identity, id);
  if (!allows(held, 'read')) throw notFound();
  if (!allows(held, needed)) throw notAllowed();
}

export async function demandAdmin(asked: Asked, id: string): Promise<Access> {
  await demand(asked, id, 'admin');
  return accounts(asked);
}

export function accounts({ access }: Asked): Access {
  if (access !== null) return access;
  throw new Answer(409, 'not_supported', 'this server has no accounts; start it with --jwt-secret, --jwt-public-key or --jwks');
}
