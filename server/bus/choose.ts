// Which bus a server speaks on: Redis where one is named, else none beyond this process.

import { HeadwaterError } from '../../sdk/core/errors.js';
import type { Log } from '../log.js';
import type { Store } from '../store/store.js';
import type { Bus } from './bus.js';
import { LocalBus } from './local.js';

/** @throws HeadwaterError `invalid_argument` for what is no Redis URL, `unavailable` when ioredis is not installed */
export async function openBus(redis: string | undefined, { epoch, secret }: Store, log: Log): Promise<Bus> {
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
