// Which bus a server speaks on: Redis where one is named, else the Postgres that the nodes share, else none beyond this process.

import { HeadwaterError } from '../../sdk/core/errors.js';
import { isPostgres, type ServerConfig } from '../config.js';
import type { Log } from '../log.js';
import type { Store } from '../store/store.js';
import type { Bus } from './bus.js';
import { LocalBus } from './local.js';
import { PostgresBus } from './postgres.js';

/** @throws HeadwaterError `invalid_argument` for what is no Redis URL, `unavailable` when ioredis is not installed */
export async function openBus({ redis, database }: Pick<ServerConfig, 'redis' | 'database'>, { epoch, secret, isShared }: Store, log: Log): Promise<Bus> {
  if (redis === undefined && isShared && isPostgres(database)) return PostgresBus.open({ url: database, epoch, secret, log });
  if (redis === undefined) return new LocalBus();
  const { RedisBus } = await importRedis();
  return new RedisBus({ url: redis, epoch, secret, log });
}

async function importRedis() {
  try {
    return await import('./redis.js');
  } catch (cause) {
    throw new HeadwaterError('unavailable', `redis needs the package ioredis: npm install ioredis (${(cause as Error).message})`);
  }
}
