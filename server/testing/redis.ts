// A Redis of a test's own, to be killed and frozen at will. Where no redis-server is installed the suites say what they
// skip; with HEADWATER_REQUIRE_REDIS=1 that is a failure.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { Redis } from 'ioredis';
import { freePort } from '../e2e/free-port.js';

export class TestRedis {
  private child: ChildProcess | null = null;

  private constructor(readonly url: string, private readonly port: number) {}

  static async start(): Promise<TestRedis> {
    const port = await freePort();
    const redis = new TestRedis(`redis://127.0.0.1:${port}`, port);
    await redis.resume();
    return redis;
  }

  async resume(): Promise<void> {
    this.child = spawn('redis-server', ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
    for (let tries = 0; !(await answers(this.url)); tries += 1) {
      if (tries > 200) throw new Error('redis-server does not answer');
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await ended;
  }

  /** It keeps its connections and says nothing, until `unfreeze`. */
  freeze(): void { this.child?.kill('SIGSTOP'); }
  unfreeze(): void { this.child?.kill('SIGCONT'); }
}

async function answers(url: string): Promise<boolean> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 500, disconnectTimeout: 50 });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return (await redis.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

/** Whether one can be started; says so when not. @throws Error when one is required and there is none */
export function hasRedis(): boolean {
  if (spawnSync('redis-server', ['--version']).status === 0) return true;
  if (process.env.HEADWATER_REQUIRE_REDIS === '1') throw new Error('no redis-server found, and HEADWATER_REQUIRE_REDIS asks for one');
  console.warn('skipped: there is no redis-server on this machine');
  return false;
}
