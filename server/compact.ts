// `headwater compact`: what a server does in the background, now and to the end. Beside a running server, too.

import { HeadwaterError } from '../sdk/core/errors.js';
import { Compaction } from './compaction.js';
import { defaultLimits } from './limits.js';
import { silentLog } from './log.js';
import { openStore } from './store/open.js';

const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 24 * 3_600_000 };

/**
 * @param retention  like 7d, 12h, 30m, 0s: younger entries stay
 * @returns a line that says what was done
 * @throws HeadwaterError `invalid_argument`, `storage_failed`, `unavailable`
 */
export async function compact(database: string, retention: string | undefined, progress: (line: string) => void): Promise<string> {
  const retentionMs = retention === undefined ? defaultLimits.retentionMs : durationMs(retention);
  const store = await openStore(database);
  try {
    const compaction = new Compaction(store, { retentionMs, compactionCheckMs: 0 }, silentLog, () => undefined);
    const count = await compaction.compactAll(Date.now() - retentionMs, (documents) => progress(`\r${documents} documents`));
    if (count > 0) progress('\n');
    return count === 0 ? 'nothing is old enough to go\n' : `compacted the logs of ${count} documents\n`;
  } finally {
    await store.close();
  }
}

function durationMs(text: string): number {
  const [, number, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (unit === undefined) throw new HeadwaterError('invalid_argument', `a retention looks like 7d, 12h or 30m, not ${text}`);
  return Number(number) * units[unit];
}
